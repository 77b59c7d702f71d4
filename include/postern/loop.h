/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * epoll(7) with typed references instead of callbacks: what an fd is, and
 * which one, travel in the event; one switch in the process's shell shows the
 * whole program.
 * folder: src/base
 */
#ifndef POSTERN_LOOP_H
#define POSTERN_LOOP_H

#include <stddef.h>
#include <stdint.h>

#include "postern/compiler.h"

/* @kind is the process's own enum, @index its own slot number. */
struct loop_ref {
	uint16_t kind;
	uint16_t generation; /* tells a reused slot from the one an old event meant */
	uint32_t index;
};

struct loop_event {
	struct loop_ref ref;
	uint32_t events; /* EPOLLIN, EPOLLOUT, EPOLLHUP, EPOLLERR */
};

struct loop {
	int epoll_fd;
};

POSTERN_MUST_CHECK int loop_init(struct loop *l);
void loop_fini(struct loop *l);
POSTERN_MUST_CHECK int loop_add(struct loop *l, int fd, uint32_t events, struct loop_ref ref);
POSTERN_MUST_CHECK int loop_change(struct loop *l, int fd, uint32_t events, struct loop_ref ref);
void loop_remove(struct loop *l, int fd);
/* Waits at most @timeout_ms (-1: for ever). Returns the number of events or -errno; EINTR is 0. */
POSTERN_MUST_CHECK int loop_wait(struct loop *l, struct loop_event *events, size_t n, int timeout_ms);

#endif
