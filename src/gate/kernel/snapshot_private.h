/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A snapshot while it is made: nf_tables messages, one after the other, ready to be sent again.
 */
#ifndef POSTERN_GATE_SNAPSHOT_PRIVATE_H
#define POSTERN_GATE_SNAPSHOT_PRIVATE_H

#include "nft_private.h"
#include "snapshot.h"

#define SNAPSHOT_MESSAGE_MAX 65536

struct snapshot {
	uint8_t *data;
	size_t len, cap;
	uint32_t n_sets; /* each has its NFTA_SET_ID */
};

/* Makes room for one message of SNAPSHOT_MESSAGE_MAX and starts it. -ENOMEM. */
POSTERN_MUST_CHECK int snapshot_open(struct snapshot *s, uint16_t message, uint16_t flags, struct nlmsghdr **ret_h);
void snapshot_close(struct snapshot *s, struct nlmsghdr *h);
/* The attribute of @h with number @type, or NULL. */
const struct nlattr *snapshot_attr(const struct nlmsghdr *h, uint16_t type);
/* A string attribute, "" where it is none. */
const char *snapshot_string(const struct nlattr *a);

/* Appends the elements of set @name, sorted. */
POSTERN_MUST_CHECK int snapshot_elements(struct nft *n, struct snapshot *s, const char *name);

#endif
