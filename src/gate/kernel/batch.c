/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * See batch.h. How elements are written: linux/netfilter/nf_tables.h, NFTA_SET_ELEM_*; comments are
 * libnftnl's user data TLV (type 0, length, text with NUL), which nft(8) lists.
 *
 * A single field with intervals is two elements, the second with the flag INTERVAL_END and the
 * first address that is no longer within; none where the range ends with the type.
 */
#include "batch.h"

#include <arpa/inet.h>
#include <endian.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>

#include "netlink.h"

#define LIST_SIZE_MAX 60000 /* of the nested list: an attribute's length has 16 bits */
#define SEQS_PER_CHANGE 4   /* messages that may start with the same change, rounded up */
#define UDATA_COMMENT 0	    /* NFTNL_UDATA_SET_ELEM_COMMENT */

static struct nlmsghdr *put_frame(struct batch *b, uint16_t type)
{
	struct nlmsghdr *h;
	struct nfgenmsg *g;

	ASSERT(b->cap - b->len >= BATCH_FRAME_SIZE / 2);
	h = netlink_message(b->buf + b->len, type, 0, AF_UNSPEC);
	g = mnl_nlmsg_get_payload(h);
	g->res_id = htons(NFNL_SUBSYS_NFTABLES);
	h->nlmsg_seq = b->last_seq++;
	b->len += MNL_ALIGN(h->nlmsg_len);
	return h;
}

void batch_begin(struct batch *b, void *buf, size_t cap, uint32_t seq)
{
	*b = (struct batch){ .table = NFT_TABLE, .buf = buf, .cap = cap, .first_seq = seq, .last_seq = seq };
	put_frame(b, NFNL_MSG_BATCH_BEGIN);
}

struct nlmsghdr *batch_open(struct batch *b, uint16_t message, uint16_t flags)
{
	struct nlmsghdr *h;

	ASSERT(b->cap - b->len > MNL_NLMSG_HDRLEN + sizeof(struct nfgenmsg));
	h = netlink_message(b->buf + b->len, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | message), flags, NFPROTO_INET);
	h->nlmsg_seq = b->last_seq++;
	b->last = h;
	return h;
}

void batch_close(struct batch *b, struct nlmsghdr *h)
{
	b->len += MNL_ALIGN(h->nlmsg_len);
	ASSERT(b->len <= b->cap);
}

void batch_copy(struct batch *b, const struct nlmsghdr *message)
{
	struct nlmsghdr *h = (void *)(b->buf + b->len);

	ASSERT(b->cap - b->len >= MNL_ALIGN(message->nlmsg_len));
	memcpy(h, message, message->nlmsg_len);
	h->nlmsg_seq = b->last_seq++;
	b->last = h;
	batch_close(b, h);
}

void batch_end(struct batch *b)
{
	if (b->last)
		b->last->nlmsg_flags |= NLM_F_ACK;
	put_frame(b, NFNL_MSG_BATCH_END);
}

static void put_data(struct nlmsghdr *h, uint16_t type, const void *data, size_t len)
{
	struct nlattr *nest = mnl_attr_nest_start(h, type);

	mnl_attr_put(h, NFTA_DATA_VALUE, len, data);
	mnl_attr_nest_end(h, nest);
}

static void put_comment(struct nlmsghdr *h, const char *comment)
{
	uint8_t tlv[2 + NFT_COMMENT_MAX] = { UDATA_COMMENT };
	size_t len = strnlen(comment, NFT_COMMENT_MAX - 1);

	if (len == 0)
		return;
	tlv[1] = (uint8_t)(len + 1);
	memcpy(tlv + 2, comment, len);
	mnl_attr_put(h, NFTA_SET_ELEM_USERDATA, 2 + len + 1, tlv);
}

/* The big-endian number after @key; false where there is none. */
static bool next_key(const uint8_t *key, size_t len, uint8_t *ret_key)
{
	memcpy(ret_key, key, len);
	while (len--)
		if (++ret_key[len])
			return true;
	return false;
}

static void put_range_end(struct nlmsghdr *h, const struct nft_key *k)
{
	uint8_t end[NFT_KEY_SIZE_MAX];
	struct nlattr *nest;

	if (!next_key(k->key_end, k->len, end))
		return;
	nest = mnl_attr_nest_start(h, NFTA_LIST_ELEM);
	put_data(h, NFTA_SET_ELEM_KEY, end, k->len);
	mnl_attr_put_u32(h, NFTA_SET_ELEM_FLAGS, htonl(NFT_SET_ELEM_INTERVAL_END));
	mnl_attr_nest_end(h, nest);
}

/* What is beyond the key is only said when adding. */
static void put_details(struct nlmsghdr *h, const struct nft_change *c, bool expiration)
{
	ASSERT(c->data.len <= NFT_DATA_SIZE_MAX);
	if (c->data.len)
		put_data(h, NFTA_SET_ELEM_DATA, c->data.bytes, c->data.len);
	if (c->timeout_ms)
		mnl_attr_put_u64(h, NFTA_SET_ELEM_TIMEOUT, htobe64(c->timeout_ms));
	if (c->timeout_ms && expiration)
		mnl_attr_put_u64(h, NFTA_SET_ELEM_EXPIRATION, htobe64(c->timeout_ms));
	if (c->comment)
		put_comment(h, c->comment);
}

struct step {
	uint16_t message; /* NFT_MSG_NEWSETELEM or NFT_MSG_DELSETELEM */
	bool expiration;
	uint8_t nth; /* of the change's steps: part of the sequence number */
};

static void put_element(struct nlmsghdr *h, const struct nft_change *c, struct step step)
{
	struct nlattr *nest = mnl_attr_nest_start(h, NFTA_LIST_ELEM);

	put_data(h, NFTA_SET_ELEM_KEY, c->key.key, c->key.len);
	if (c->key.shape == NFT_CONCAT_RANGE)
		put_data(h, NFTA_SET_ELEM_KEY_END, c->key.key_end, c->key.len);
	if (step.message == NFT_MSG_NEWSETELEM)
		put_details(h, c, step.expiration);
	mnl_attr_nest_end(h, nest);
	if (c->key.shape == NFT_RANGE)
		put_range_end(h, &c->key);
}

static struct nlmsghdr *open_list(struct batch *b, struct step step, const char *set)
{
	uint16_t flags = step.message == NFT_MSG_NEWSETELEM ? NLM_F_CREATE : 0;
	struct nlmsghdr *h = batch_open(b, step.message, flags);

	mnl_attr_put_strz(h, NFTA_SET_ELEM_LIST_TABLE, b->table);
	mnl_attr_put_strz(h, NFTA_SET_ELEM_LIST_SET, set);
	return h;
}

/* As many messages as the run needs; each numbered after the change that it starts with. */
static void put_run(struct batch *b, struct step step, const struct nft_change *run, size_t n, size_t index)
{
	size_t i = 0;

	while (i < n) {
		struct nlmsghdr *h = open_list(b, step, run[0].key.set);
		struct nlattr *list = mnl_attr_nest_start(h, NFTA_SET_ELEM_LIST_ELEMENTS);

		h->nlmsg_seq = b->changes_seq + (uint32_t)(index + i) * SEQS_PER_CHANGE + step.nth;
		do {
			ASSERT(b->cap - b->len - h->nlmsg_len >= BATCH_CHANGE_SIZE / 3);
			ASSERT(run[i].key.len <= NFT_KEY_SIZE_MAX);
			put_element(h, &run[i++], step);
		} while (i < n && h->nlmsg_len < LIST_SIZE_MAX);
		mnl_attr_nest_end(h, list);
		batch_close(b, h);
	}
}

static void put_flush(struct batch *b, const char *set, size_t index)
{
	struct nlmsghdr *h = open_list(b, (struct step){ .message = NFT_MSG_DELSETELEM }, set);

	h->nlmsg_seq = b->changes_seq + (uint32_t)index * SEQS_PER_CHANGE;
	batch_close(b, h);
}

/*
 * DESTROY adds first, so that deleting cannot fail on an absent element (DESTROYSETELEM is newer
 * than 6.1); RENEW where it has to be done by deleting, likewise.
 */
static size_t steps_of(enum nft_op op, bool in_place, struct step ret_steps[static 3])
{
	static const struct step add = { .message = NFT_MSG_NEWSETELEM };
	static const struct step renew = { .message = NFT_MSG_NEWSETELEM, .expiration = true };
	static const struct step del = { .message = NFT_MSG_DELSETELEM };

	switch (op) {
	case NFT_ADD:
		ret_steps[0] = add;
		return 1;
	case NFT_RENEW:
		ret_steps[0] = in_place ? renew : add;
		ret_steps[1] = del;
		ret_steps[2] = add;
		return in_place ? 1 : 3;
	case NFT_DELETE:
		ret_steps[0] = del;
		return 1;
	case NFT_DESTROY:
		ret_steps[0] = add;
		ret_steps[1] = del;
		return 2;
	case NFT_FLUSH:
		break;
	}
	return 0;
}

static size_t run_length(const struct nft_change *changes, size_t n)
{
	size_t i = 1;

	while (i < n && changes[i].op == changes[0].op && strcmp(changes[i].key.set, changes[0].key.set) == 0)
		i++;
	return i;
}

void batch_changes(struct batch *b, const struct nft_change *changes, size_t n, bool in_place)
{
	struct step steps[3];
	size_t i, run, n_steps;

	b->changes_seq = b->last_seq;
	b->n_changes = n;
	for (i = 0; i < n; i += run) {
		run = run_length(changes + i, n - i);
		n_steps = steps_of(changes[i].op, in_place, steps);
		for (size_t s = 0; s < n_steps; s++) {
			steps[s].nth = (uint8_t)s;
			put_run(b, steps[s], changes + i, run, i);
		}
		if (changes[i].op == NFT_FLUSH)
			put_flush(b, changes[i].key.set, i);
	}
	b->last_seq = b->changes_seq + (uint32_t)n * SEQS_PER_CHANGE;
}

/* Elements that start before @offset, without the ends of ranges: which of its message's changes it was. */
static size_t count_elements(const struct nlmsghdr *h, uint32_t offset)
{
	const struct nlattr *list, *e, *a;
	size_t n = 0;

	mnl_attr_for_each(list, h, sizeof(struct nfgenmsg)) {
		if (mnl_attr_get_type(list) != NFTA_SET_ELEM_LIST_ELEMENTS)
			continue;
		mnl_attr_for_each_nested(e, list) {
			if ((size_t)((const char *)e - (const char *)h) > offset)
				return n;
			n++;
			mnl_attr_for_each_nested(a, e)
				n -= mnl_attr_get_type(a) == NFTA_SET_ELEM_FLAGS;
		}
	}
	return n;
}

size_t batch_failed(const struct batch *b, uint32_t seq, uint32_t offset)
{
	const struct nlmsghdr *h = (const void *)b->buf;
	size_t index = (seq - b->changes_seq) / SEQS_PER_CHANGE, within;
	int left = (int)b->len;

	if (index >= b->n_changes)
		return NFT_NO_CHANGE;
	for (; offset && mnl_nlmsg_ok(h, left); h = mnl_nlmsg_next(h, &left)) {
		if (h->nlmsg_seq != seq)
			continue;
		within = count_elements(h, offset);
		return within ? index + within - 1 : index;
	}
	return index;
}
