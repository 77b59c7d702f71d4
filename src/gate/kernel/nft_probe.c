/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Does NEWSETELEM with TIMEOUT and EXPIRATION renew an element that is there? Found out by doing it: kernels
 * before 6.12 answer with success and change nothing. The scratch table has no chain, so no packet sees it.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nf_tables.h>

#include "nft_private.h"

#define SCRATCH_TABLE "postern_probe"
#define SCRATCH_SET "renew"
#define TYPE_IPV4_ADDR 7 /* nft(8)'s number: a wrong one makes it abort when it lists the set */
#define SHORT_MS 60000
#define LONG_MS 3600000
#define MESSAGES_SIZE 1024 /* of table and set */

static const struct nft_key scratch_key = { .set = SCRATCH_SET, .len = 4, .key = { 192, 0, 2, 1 } };

static void put_table(struct batch *b, uint16_t message)
{
	struct nlmsghdr *h = batch_open(b, message, message == NFT_MSG_NEWTABLE ? NLM_F_CREATE : 0);

	mnl_attr_put_strz(h, NFTA_TABLE_NAME, SCRATCH_TABLE);
	batch_close(b, h);
}

static void put_set(struct batch *b)
{
	struct nlmsghdr *h = batch_open(b, NFT_MSG_NEWSET, NLM_F_CREATE);

	mnl_attr_put_strz(h, NFTA_SET_TABLE, SCRATCH_TABLE);
	mnl_attr_put_strz(h, NFTA_SET_NAME, SCRATCH_SET);
	mnl_attr_put_u32(h, NFTA_SET_FLAGS, htonl(NFT_SET_TIMEOUT));
	mnl_attr_put_u32(h, NFTA_SET_KEY_TYPE, htonl(TYPE_IPV4_ADDR));
	mnl_attr_put_u32(h, NFTA_SET_KEY_LEN, htonl(4));
	mnl_attr_put_u32(h, NFTA_SET_ID, htonl(1));
	batch_close(b, h);
}

static int begin(struct nft *n, struct batch *b)
{
	int rc = nft_batch_begin(n, b, 1, MESSAGES_SIZE);

	b->table = SCRATCH_TABLE;
	return rc;
}

static int create(struct nft *n)
{
	struct nft_change add = { .op = NFT_ADD, .timeout_ms = SHORT_MS, .key = scratch_key };
	struct batch b;
	int rc = begin(n, &b);

	if (rc)
		return rc;
	put_table(&b, NFT_MSG_NEWTABLE); /* one that a killed probe left behind does not stop us */
	put_table(&b, NFT_MSG_DELTABLE);
	put_table(&b, NFT_MSG_NEWTABLE);
	put_set(&b);
	batch_changes(&b, &add, 1, false);
	return nft_batch_commit(n, &b, &add, NULL);
}

static int renew(struct nft *n)
{
	struct nft_change change = { .op = NFT_RENEW, .timeout_ms = LONG_MS, .key = scratch_key };
	struct batch b;
	int rc = begin(n, &b);

	if (rc)
		return rc;
	batch_changes(&b, &change, 1, true);
	return nft_batch_commit(n, &b, &change, NULL);
}

static int look(void *context, const struct nft_element *e)
{
	bool *renewed = context;

	*renewed = e->expires_ms > SHORT_MS;
	return 0;
}

static int clean(struct nft *n)
{
	struct batch b;
	int rc = begin(n, &b);

	if (rc)
		return rc;
	put_table(&b, NFT_MSG_DELTABLE);
	return nft_batch_commit(n, &b, NULL, NULL);
}

int nft_probe(struct nft *n)
{
	bool renewed = false;
	int rc = create(n), clean_rc;

	if (rc)
		return rc;
	/* a kernel that refuses the attribute does not renew in place either */
	if (renew(n) == 0)
		rc = nft_dump_table(n, SCRATCH_TABLE, SCRATCH_SET, look, &renewed);
	clean_rc = clean(n);
	n->in_place = rc == 0 && renewed;
	return rc ? rc : clean_rc;
}
