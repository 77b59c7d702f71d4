/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the nf_tables files of this folder share: the socket and the commit of a batch.
 */
#ifndef POSTERN_GATE_NFT_PRIVATE_H
#define POSTERN_GATE_NFT_PRIVATE_H

#include "batch.h"
#include "netlink.h"
#include "nft.h"

struct nft {
	struct netlink netlink;
	bool in_place;	/* RENEW with EXPIRATION is known to work */
	void *kept;	/* mmap(2)ed, for NFT_CHANGES_KEPT changes */
	char error[NETLINK_TEXT_MAX + 128];
};

/*
 * A buffer for @n_changes changes and @extra bytes: the kept one, or a new mapping (-ENOMEM); batch begun in it.
 */
POSTERN_MUST_CHECK int nft_batch_begin(struct nft *n, struct batch *b, size_t n_changes, size_t extra);
/* Ends it, sends it, reads the acknowledgement and gives the buffer back. As nft_commit(). */
POSTERN_MUST_CHECK int nft_batch_commit(struct nft *n, struct batch *b, const struct nft_change *changes,
	size_t *ret_failed);

/* nft_dump_set() of another table: the probe's. */
POSTERN_MUST_CHECK int nft_dump_table(struct nft *n, const char *table, const char *set, nft_each_fn *each,
	void *context);

#endif
