/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Elements of a set, as the kernel lists them. A single field with intervals comes as separate starts
 * and ends in either order; they are collected, sorted, and joined.
 */
#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "nft_private.h"

struct dump {
	const char *table, *set; /* the caller's */
	uint8_t shape;
	bool is_map;
	nft_each_fn *each;
	void *context;
	struct half *halves; /* NFT_RANGE */
	size_t n_halves, cap_halves;
};

struct half {
	bool is_end;
	struct nft_element e;
};

#define ATTRS_MAX 32

/* The attributes of one level by number; what is malformed or unknown is left NULL. */
struct attrs {
	const struct nlattr *by_type[ATTRS_MAX];
};

static void keep_attr(const struct nlattr *a, struct attrs *t)
{
	if (mnl_attr_get_type(a) < ATTRS_MAX)
		t->by_type[mnl_attr_get_type(a)] = a;
}

static struct attrs attrs_of(const struct nlmsghdr *h)
{
	struct attrs t = { { NULL } };
	const struct nlattr *a;

	mnl_attr_for_each(a, h, sizeof(struct nfgenmsg))
		keep_attr(a, &t);
	return t;
}

static struct attrs attrs_in(const struct nlattr *nest)
{
	struct attrs t = { { NULL } };
	const struct nlattr *a;

	mnl_attr_for_each_nested(a, nest)
		keep_attr(a, &t);
	return t;
}

static uint32_t attr_be32(const struct nlattr *a)
{
	return a && mnl_attr_get_payload_len(a) == 4 ? ntohl(mnl_attr_get_u32(a)) : 0;
}

static uint64_t attr_be64(const struct nlattr *a)
{
	return a && mnl_attr_get_payload_len(a) == 8 ? be64toh(mnl_attr_get_u64(a)) : 0;
}

/* NFTA_DATA_VALUE inside @a: the number of bytes copied to @dst; 0 where there is none or it is longer than @cap. */
static uint8_t data_value(const struct nlattr *a, uint8_t *dst, size_t cap)
{
	const struct nlattr *v = a ? attrs_in(a).by_type[NFTA_DATA_VALUE] : NULL;

	if (!v || mnl_attr_get_payload_len(v) > cap)
		return 0;
	memcpy(dst, mnl_attr_get_payload(v), mnl_attr_get_payload_len(v));
	return (uint8_t)mnl_attr_get_payload_len(v);
}

static void read_comment(const struct nlattr *udata, char *ret_comment)
{
	const uint8_t *p = udata ? mnl_attr_get_payload(udata) : NULL;
	size_t len = udata ? mnl_attr_get_payload_len(udata) : 0, n;

	ret_comment[0] = '\0';
	for (; len >= 2 && (size_t)p[1] + 2 <= len; len -= n, p += n) {
		n = (size_t)p[1] + 2;
		if (p[0] != 0 || p[1] == 0)
			continue;
		n = p[1] < NFT_COMMENT_MAX ? p[1] : NFT_COMMENT_MAX - 1;
		memcpy(ret_comment, p + 2, n);
		ret_comment[n] = '\0';
		return;
	}
}

/* False: no element (expired, malformed, or the set's catch-all). */
static bool read_element(const struct dump *d, const struct nlattr *list_item, struct nft_element *e, bool *ret_is_end)
{
	struct attrs t = attrs_in(list_item);

	memset(e, 0, sizeof(*e));
	e->key.set = d->set;
	e->key.shape = d->shape;
	e->key.len = data_value(t.by_type[NFTA_SET_ELEM_KEY], e->key.key, sizeof(e->key.key));
	if (e->key.len == 0)
		return false;
	memcpy(e->key.key_end, e->key.key, e->key.len);
	if (t.by_type[NFTA_SET_ELEM_KEY_END] &&
		data_value(t.by_type[NFTA_SET_ELEM_KEY_END], e->key.key_end, sizeof(e->key.key_end)) != e->key.len)
		return false;
	*ret_is_end = attr_be32(t.by_type[NFTA_SET_ELEM_FLAGS]) & NFT_SET_ELEM_INTERVAL_END;
	e->timeout_ms = attr_be64(t.by_type[NFTA_SET_ELEM_TIMEOUT]);
	e->expires_ms = attr_be64(t.by_type[NFTA_SET_ELEM_EXPIRATION]);
	if (e->timeout_ms && e->expires_ms == 0)
		return false;
	if (d->is_map)
		e->data.len = data_value(t.by_type[NFTA_SET_ELEM_DATA], e->data.bytes, sizeof(e->data.bytes));
	read_comment(t.by_type[NFTA_SET_ELEM_USERDATA], e->comment);
	return true;
}

static int keep_half(struct dump *d, const struct nft_element *e, bool is_end)
{
	if (d->n_halves == d->cap_halves) {
		size_t cap = d->cap_halves ? d->cap_halves * 2 : 64;
		struct half *more = reallocarray(d->halves, cap, sizeof(*more));

		if (!more)
			return -ENOMEM;
		d->halves = more;
		d->cap_halves = cap;
	}
	d->halves[d->n_halves++] = (struct half){ .is_end = is_end, .e = *e };
	return 0;
}

static int each_message(void *context, const struct nlmsghdr *h)
{
	struct dump *d = context;
	const struct nlattr *list = attrs_of(h).by_type[NFTA_SET_ELEM_LIST_ELEMENTS], *a;
	struct nft_element e;
	bool is_end;
	int rc = 0;

	if (!list)
		return 0;
	mnl_attr_for_each_nested(a, list) {
		if (!read_element(d, a, &e, &is_end))
			continue;
		if (d->shape == NFT_RANGE)
			rc = keep_half(d, &e, is_end);
		else
			rc = d->each(d->context, &e);
		if (rc)
			return rc;
	}
	return 0;
}

static int compare_halves(const void *a, const void *b)
{
	const struct half *x = a, *y = b;
	int d = memcmp(x->e.key.key, y->e.key.key, sizeof(x->e.key.key));

	return d ? d : y->is_end - x->is_end; /* one range ends before the next starts */
}

/* The last address of a range whose end mark says @after; all ones without a mark. */
static void set_range_end(struct nft_key *k, const struct half *after)
{
	size_t i = k->len;

	memset(k->key_end, 0xff, k->len);
	if (!after || !after->is_end)
		return;
	memcpy(k->key_end, after->e.key.key, k->len);
	while (i-- && k->key_end[i]-- == 0)
		;
}

static int join_halves(struct dump *d)
{
	int rc = 0;

	if (d->n_halves)
		qsort(d->halves, d->n_halves, sizeof(*d->halves), compare_halves);
	for (size_t i = 0; i < d->n_halves && rc == 0; i++) {
		if (d->halves[i].is_end)
			continue;
		set_range_end(&d->halves[i].e.key, i + 1 < d->n_halves ? &d->halves[i + 1] : NULL);
		rc = d->each(d->context, &d->halves[i].e);
	}
	return rc;
}

static int read_shape(void *context, const struct nlmsghdr *h)
{
	struct dump *d = context;
	uint32_t flags = attr_be32(attrs_of(h).by_type[NFTA_SET_FLAGS]);

	d->is_map = flags & NFT_SET_MAP;
	if (flags & NFT_SET_INTERVAL)
		d->shape = flags & NFT_SET_CONCAT ? NFT_CONCAT_RANGE : NFT_RANGE;
	return 0;
}

static int ask(struct nft *n, uint16_t message, uint16_t flags, netlink_each_fn *each, struct dump *d)
{
	uint8_t buf[256];
	struct nlmsghdr *h = netlink_message(buf, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | message), flags, NFPROTO_INET);

	/* both requests number these two attributes alike */
	mnl_attr_put_strz(h, NFTA_SET_TABLE, d->table);
	mnl_attr_put_strz(h, NFTA_SET_NAME, d->set);
	return netlink_each(&n->netlink, h, each, d);
}

int nft_dump_table(struct nft *n, const char *table, const char *set, nft_each_fn *each, void *context)
{
	struct dump d = { .table = table, .set = set, .shape = NFT_POINT, .each = each, .context = context };
	int rc;

	if (strlen(set) >= NFT_SET_NAME_MAX)
		return -ENOENT;
	rc = ask(n, NFT_MSG_GETSET, NLM_F_ACK, read_shape, &d);
	if (rc == 0)
		rc = ask(n, NFT_MSG_GETSETELEM, NLM_F_DUMP, each_message, &d);
	if (rc == 0 && d.shape == NFT_RANGE)
		rc = join_halves(&d);
	free(d.halves);
	return rc;
}

int nft_dump_set(struct nft *n, const char *set, nft_each_fn *each, void *context)
{
	return nft_dump_table(n, NFT_TABLE, set, each, context);
}
