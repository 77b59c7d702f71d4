/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The packet queue, as seen by its reader (linux/netfilter/nfnetlink_queue.h). The gate opened, bound and
 * configured the socket, and answers on it; reading needs no privilege. The one file that
 * speaks libnetfilter_queue.
 */
#ifndef VERDICT_QUEUE_H
#define VERDICT_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "postern/compiler.h"
#include "verdict.h"

#define QUEUE_BATCH 64	      /* packets of one recvmmsg(2) */
#define QUEUE_DATAGRAM_MAX 2048 /* the gate's copy range (256) and attributes fit well */

struct queue_entry {
	struct verdict_packet packet; /* without names of interfaces; data points into the queue's buffer */
	uint32_t in_index, out_index; /* interface indexes, 0: none */
};

struct queue;

/* Reads from @fd, which becomes the queue's. 0 or -ENOMEM. */
POSTERN_MUST_CHECK int queue_new(int fd, struct queue **ret_queue);
void queue_free(struct queue *q); /* NULL is fine */
/*
 * Receives without waiting: the number of datagrams, 0 where there are none now, or -errno. They are
 * valid until the next call.
 */
POSTERN_MUST_CHECK int queue_receive(struct queue *q);
/*
 * The @i-th datagram. False where it is no packet: the kernel's errors about verdicts arrive between the
 * packets, and what does not come from the kernel is not looked at.
 */
bool queue_entry(struct queue *q, unsigned int i, struct queue_entry *ret_entry);

#endif
