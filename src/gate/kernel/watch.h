/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who else changes nf_tables: multicast group NFNLGRP_NFTABLES, where each transaction ends with
 * NEWGEN carrying its writer's pid and name.
 * folder: src/gate/kernel
 */
#ifndef POSTERN_GATE_WATCH_H
#define POSTERN_GATE_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "postern/compiler.h"

struct watch;

struct watch_report {
	bool resync;	/* the kernel's messages overran us: anything may have happened; the rest is 0 */
	bool ours;	/* it touched table `inet postern`, whole or in part */
	bool removed;	/* it deleted something of ours: table, chain, rule, set or element */
	int32_t pid;	/* of the writer, 0: unknown */
	char name[16];	/* comm of the writer; hostile bytes possible */
};

/* @portid: nft_portid(); its own transactions are filtered out in the kernel. */
POSTERN_MUST_CHECK int watch_open(uint32_t portid, struct watch **ret_watch);
void watch_close(struct watch *w); /* NULL is fine */
/* For epoll: readable when there may be a report. Non-blocking. */
int watch_fd(const struct watch *w) POSTERN_PURE;
/* 1 with the next finished transaction of somebody else, 0 where there is none now, -errno. Call until 0. */
POSTERN_MUST_CHECK int watch_read(struct watch *w, struct watch_report *ret_report);

#endif
