/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One nf_tables transaction being written into a buffer: BATCH_BEGIN, messages, BATCH_END
 * (linux/netfilter/nfnetlink.h). Private to this folder.
 *
 * Consecutive changes of one set travel in one message. The sequence number of a message says which change
 * its first element is, so an error can be traced back without a table.
 */
#ifndef POSTERN_GATE_BATCH_H
#define POSTERN_GATE_BATCH_H

#include <libmnl/libmnl.h>

#include "nft.h"

/* A change in its longest encoding (three messages of its own, one element of a hash set or two of a range each). */
#define BATCH_CHANGE_SIZE 1280
/* BATCH_BEGIN and BATCH_END. */
#define BATCH_FRAME_SIZE 64

struct batch {
	const char *table; /* of the changes: NFT_TABLE unless set otherwise */
	uint8_t *buf;
	size_t cap, len;
	uint32_t first_seq, last_seq;
	uint32_t changes_seq;	/* of change 0 */
	size_t n_changes;
	struct nlmsghdr *last;	/* the message that asks for the acknowledgement */
};

/* Writes BATCH_BEGIN. @buf belongs to the caller and is as long as what will be written: running out is a bug. */
void batch_begin(struct batch *b, void *buf, size_t cap, uint32_t seq);
/* Starts a message of nf_tables (NFT_MSG_*) at the end; batch_close() ends it. */
struct nlmsghdr *batch_open(struct batch *b, uint16_t message, uint16_t flags);
void batch_close(struct batch *b, struct nlmsghdr *h);
/* The same with a message made elsewhere. */
void batch_copy(struct batch *b, const struct nlmsghdr *message);
/* At most once a batch. @in_place: RENEW as one message. */
void batch_changes(struct batch *b, const struct nft_change *changes, size_t n, bool in_place);
/* Asks for the acknowledgement and writes BATCH_END. */
void batch_end(struct batch *b);
/* Which change message @seq failed with, at byte @offset of it (0: not told); NFT_NO_CHANGE. */
size_t batch_failed(const struct batch *b, uint32_t seq, uint32_t offset);

#endif
