/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The packet queue (linux/netfilter/nfnetlink_queue.h): opened, bound and answered by the gate, read by
 * postern-verdict, on one and the same socket: the kernel takes verdicts from no other.
 * folder: src/gate/kernel
 */
#ifndef POSTERN_GATE_NFQ_H
#define POSTERN_GATE_NFQ_H

#include <stddef.h>
#include <stdint.h>

#include "postern/compiler.h"
#include "postern/message.h"

#define NFQ_MAXLEN 4096	     /* packets held; beyond it the kernel drops */
#define NFQ_COPY_BYTES 256   /* of each packet */
#define NFQ_REFUSE_MARK 0x706f7374u /* "post": rejected by the last base chain of rules/postern.nft */

/*
 * Binds queue @queue: UID and GID with the packets, no fail-open, no GSO, receive buffer for
 * NFQ_MAXLEN packets, no ENOBUFS. @ret_fd (close-on-exec, non-blocking) is the caller's; the queue is bound until its
 * last duplicate is closed. -EBUSY or -EPERM where another socket has the queue.
 */
POSTERN_MUST_CHECK int nfq_open(uint16_t queue, int *ret_fd);

struct nfq_entry {
	uint32_t packet_id;
	uint32_t decision; /* enum decision */
};

/*
 * Many verdicts in one send. Refuse = accept with NFQ_REFUSE_MARK; admit = accept with mark 0. The kernel's errors (unknown
 * packet) arrive between the packets at the reader, which skips them. 0 or -errno of the send; -EINVAL where a
 * decision is out of range (nothing is sent). @n <= DECISIONS_MAX.
 */
POSTERN_MUST_CHECK int nfq_verdicts(int fd, uint16_t queue, const struct nfq_entry *entries, size_t n);

#endif
