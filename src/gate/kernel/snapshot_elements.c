/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Elements of the ruleset file's own lists. The kernel's order differs from one instance of a set to the next, so
 * they are sorted: by key, and the end of one interval before the start of the next, as nft(8) sends them.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "snapshot_private.h"

#define ELEMENT_SIZE_MAX 512 /* key, its end, data, comment */
#define LIST_SIZE_MAX 60000

struct element {
	uint8_t key[64]; /* the kernel's longest */
	bool is_end;
	uint16_t len;
	uint8_t attrs[ELEMENT_SIZE_MAX]; /* what is inside NFTA_LIST_ELEM */
};

struct elements {
	struct element *all;
	size_t n, cap;
};

/* Not what is state: EXPIRATION, and the counters in EXPRESSIONS. */
#define KEEP                                                                                          \
	(1u << NFTA_SET_ELEM_KEY | 1u << NFTA_SET_ELEM_KEY_END | 1u << NFTA_SET_ELEM_DATA |           \
		1u << NFTA_SET_ELEM_FLAGS | 1u << NFTA_SET_ELEM_TIMEOUT | 1u << NFTA_SET_ELEM_USERDATA | \
		1u << NFTA_SET_ELEM_OBJREF)

static void read_key(const struct nlattr *key, struct element *e)
{
	const struct nlattr *a;

	mnl_attr_for_each_nested(a, key)
		if (mnl_attr_get_type(a) == NFTA_DATA_VALUE && mnl_attr_get_payload_len(a) <= sizeof(e->key))
			memcpy(e->key, mnl_attr_get_payload(a), mnl_attr_get_payload_len(a));
}

static int read_element(const struct nlattr *item, struct element *e)
{
	const struct nlattr *a;

	memset(e, 0, sizeof(*e));
	mnl_attr_for_each_nested(a, item) {
		uint16_t type = mnl_attr_get_type(a), size = (uint16_t)MNL_ALIGN(a->nla_len);

		if (type >= 32 || !(KEEP & 1u << type))
			continue;
		if (size > ELEMENT_SIZE_MAX - e->len)
			return -E2BIG;
		memcpy(e->attrs + e->len, a, a->nla_len);
		e->len = (uint16_t)(e->len + size);
		if (type == NFTA_SET_ELEM_KEY)
			read_key(a, e);
		if (type == NFTA_SET_ELEM_FLAGS && !mnl_attr_validate(a, MNL_TYPE_U32))
			e->is_end = ntohl(mnl_attr_get_u32(a)) & NFT_SET_ELEM_INTERVAL_END;
	}
	return 0;
}

static int each_message(void *context, const struct nlmsghdr *h)
{
	const struct nlattr *list = snapshot_attr(h, NFTA_SET_ELEM_LIST_ELEMENTS), *item;
	struct elements *es = context;
	int rc = 0;

	if (!list)
		return 0;
	mnl_attr_for_each_nested(item, list) {
		if (es->n == es->cap) {
			size_t cap = es->cap ? es->cap * 2 : 64;
			struct element *more = reallocarray(es->all, cap, sizeof(*more));

			if (!more)
				return -ENOMEM;
			es->all = more;
			es->cap = cap;
		}
		rc = read_element(item, &es->all[es->n++]);
		if (rc)
			return rc;
	}
	return 0;
}

static int compare(const void *a, const void *b)
{
	const struct element *x = a, *y = b;
	int d = memcmp(x->key, y->key, sizeof(x->key));

	return d ? d : y->is_end - x->is_end;
}

static int write_elements(struct snapshot *s, const char *name, const struct elements *es)
{
	struct nlmsghdr *h;
	struct nlattr *list;
	size_t i = 0;
	int rc;

	while (i < es->n) {
		rc = snapshot_open(s, NFT_MSG_NEWSETELEM, NLM_F_CREATE, &h);
		if (rc)
			return rc;
		mnl_attr_put_strz(h, NFTA_SET_ELEM_LIST_TABLE, NFT_TABLE);
		mnl_attr_put_strz(h, NFTA_SET_ELEM_LIST_SET, name);
		list = mnl_attr_nest_start(h, NFTA_SET_ELEM_LIST_ELEMENTS);
		for (; i < es->n && h->nlmsg_len < LIST_SIZE_MAX; i++)
			mnl_attr_put(h, NFTA_LIST_ELEM | NLA_F_NESTED, es->all[i].len, es->all[i].attrs);
		mnl_attr_nest_end(h, list);
		snapshot_close(s, h);
	}
	return 0;
}

int snapshot_elements(struct nft *n, struct snapshot *s, const char *name)
{
	_Alignas(8) uint8_t buf[512];
	struct nlmsghdr *h = netlink_message(buf, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETSETELEM, NLM_F_DUMP,
		NFPROTO_INET);
	struct elements es = { 0 };
	int rc;

	if (strlen(name) >= 256) /* NFT_SET_MAXNAMELEN: nothing that the kernel told us */
		return -EPROTO;
	mnl_attr_put_strz(h, NFTA_SET_ELEM_LIST_TABLE, NFT_TABLE);
	mnl_attr_put_strz(h, NFTA_SET_ELEM_LIST_SET, name);
	rc = netlink_each(&n->netlink, h, each_message, &es);
	if (rc == 0 && es.n)
		qsort(es.all, es.n, sizeof(*es.all), compare);
	if (rc == 0)
		rc = write_elements(s, name, &es);
	free(es.all);
	return rc;
}
