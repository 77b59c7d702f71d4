/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sd_notify(3)'s protocol: one datagram to $NOTIFY_SOCKET. Private to src/gate. */
#ifndef GATE_NOTIFY_H
#define GATE_NOTIFY_H

#include <stdint.h>

#include "postern/compiler.h"

struct notify {
	int fd;			 /* -1: not under a supervisor that listens */
	uint64_t watchdog_us;	 /* 0: none asked for */
};

/* Reads NOTIFY_SOCKET and WATCHDOG_USEC; connects now, before privileges are dropped. */
void notify_open(struct notify *n);
/* For example notify_send(n, "READY=1\nSTATUS=%u sandboxes", count). */
void notify_send(const struct notify *n, const char *fmt, ...) POSTERN_PRINTF(2, 3);

#endif
