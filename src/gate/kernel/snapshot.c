/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * See snapshot.h. What the kernel dumps, it also takes: attributes are kept as they came, except for those
 * that are state (handles, use counts, counters), which are left out by keeping only the listed ones.
 * No expression has to be understood for that, and two snapshots are equal when their bytes are.
 */
#include "snapshot.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "keys.h"
#include "snapshot_private.h"

#define SNAPSHOT_SIZE_MAX (64u << 20)
#define TRIES 8 /* other tools change their tables while we read ours */

/* In the order in which they can be built. Every one of them names its table in attribute 1. */
static const struct kind {
	uint16_t get, new, flags;
	uint32_t keep; /* 1 << NFTA_* */
} kinds[] = {
	{ NFT_MSG_GETTABLE, NFT_MSG_NEWTABLE, NLM_F_CREATE,
		1u << NFTA_TABLE_NAME | 1u << NFTA_TABLE_FLAGS | 1u << NFTA_TABLE_USERDATA },
	{ NFT_MSG_GETSET, NFT_MSG_NEWSET, NLM_F_CREATE,
		1u << NFTA_SET_TABLE | 1u << NFTA_SET_NAME | 1u << NFTA_SET_FLAGS | 1u << NFTA_SET_KEY_TYPE |
			1u << NFTA_SET_KEY_LEN | 1u << NFTA_SET_DATA_TYPE | 1u << NFTA_SET_DATA_LEN |
			1u << NFTA_SET_POLICY | 1u << NFTA_SET_DESC | 1u << NFTA_SET_TIMEOUT |
			1u << NFTA_SET_GC_INTERVAL | 1u << NFTA_SET_USERDATA | 1u << NFTA_SET_OBJ_TYPE |
			1u << NFTA_SET_EXPR | 1u << NFTA_SET_EXPRESSIONS },
	{ NFT_MSG_GETCHAIN, NFT_MSG_NEWCHAIN, NLM_F_CREATE,
		1u << NFTA_CHAIN_TABLE | 1u << NFTA_CHAIN_NAME | 1u << NFTA_CHAIN_HOOK | 1u << NFTA_CHAIN_POLICY |
			1u << NFTA_CHAIN_TYPE | 1u << NFTA_CHAIN_FLAGS | 1u << NFTA_CHAIN_USERDATA },
	{ NFT_MSG_GETRULE, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND,
		1u << NFTA_RULE_TABLE | 1u << NFTA_RULE_CHAIN | 1u << NFTA_RULE_EXPRESSIONS |
			1u << NFTA_RULE_COMPAT | 1u << NFTA_RULE_USERDATA },
};

int snapshot_open(struct snapshot *s, uint16_t message, uint16_t flags, struct nlmsghdr **ret_h)
{
	size_t cap = s->cap ? s->cap * 2 : (size_t)4 * SNAPSHOT_MESSAGE_MAX;
	uint8_t *more;

	if (s->cap - s->len < SNAPSHOT_MESSAGE_MAX) {
		more = cap <= SNAPSHOT_SIZE_MAX ? realloc(s->data, cap) : NULL;
		if (!more)
			return -ENOMEM;
		memset(more + s->len, 0, cap - s->len); /* padding is compared, too */
		s->data = more;
		s->cap = cap;
	}
	*ret_h = netlink_message(s->data + s->len, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | message), flags, NFPROTO_INET);
	return 0;
}

void snapshot_close(struct snapshot *s, struct nlmsghdr *h)
{
	ASSERT(h->nlmsg_len <= SNAPSHOT_MESSAGE_MAX);
	s->len += MNL_ALIGN(h->nlmsg_len);
}

const struct nlattr *snapshot_attr(const struct nlmsghdr *h, uint16_t type)
{
	const struct nlattr *a;

	mnl_attr_for_each(a, h, sizeof(struct nfgenmsg))
		if (mnl_attr_get_type(a) == type)
			return a;
	return NULL;
}

const char *snapshot_string(const struct nlattr *a)
{
	return a && !mnl_attr_validate(a, MNL_TYPE_NUL_STRING) ? mnl_attr_get_str(a) : "";
}

static const char *expr_name(const struct nlattr *expr)
{
	const struct nlattr *a;

	mnl_attr_for_each_nested(a, expr)
		if (mnl_attr_get_type(a) == NFTA_EXPR_NAME)
			return snapshot_string(a);
	return "";
}

static void copy_attr(struct nlmsghdr *h, const struct nlattr *a)
{
	mnl_attr_put(h, a->nla_type, mnl_attr_get_payload_len(a), mnl_attr_get_payload(a));
}

/* Of a set without timeouts the kernel tells a timeout of 0, and does not take it back (6.18: EOPNOTSUPP). */
static void copy_dynset_data(struct nlmsghdr *h, const struct nlattr *data)
{
	struct nlattr *nest = mnl_attr_nest_start(h, NFTA_EXPR_DATA);
	const struct nlattr *a;

	mnl_attr_for_each_nested(a, data)
		if (mnl_attr_get_type(a) != NFTA_DYNSET_TIMEOUT || mnl_attr_validate(a, MNL_TYPE_U64) || mnl_attr_get_u64(a))
			copy_attr(h, a);
	mnl_attr_nest_end(h, nest);
}

static void copy_dynset(struct nlmsghdr *h, const struct nlattr *expr)
{
	struct nlattr *elem = mnl_attr_nest_start(h, NFTA_LIST_ELEM);
	const struct nlattr *a;

	mnl_attr_for_each_nested(a, expr) {
		if (mnl_attr_get_type(a) == NFTA_EXPR_DATA)
			copy_dynset_data(h, a);
		else
			copy_attr(h, a);
	}
	mnl_attr_nest_end(h, elem);
}

/* Expressions that hold nothing but what they have seen so far are made anew, by their name. */
static void copy_expressions(struct nlmsghdr *h, const struct nlattr *list)
{
	struct nlattr *nest = mnl_attr_nest_start(h, NFTA_RULE_EXPRESSIONS), *elem;
	const struct nlattr *expr;

	mnl_attr_for_each_nested(expr, list) {
		const char *name = expr_name(expr);

		if (strcmp(name, "counter") == 0 || strcmp(name, "last") == 0) {
			elem = mnl_attr_nest_start(h, NFTA_LIST_ELEM);
			mnl_attr_put_strz(h, NFTA_EXPR_NAME, name);
			mnl_attr_nest_end(h, mnl_attr_nest_start(h, NFTA_EXPR_DATA));
			mnl_attr_nest_end(h, elem);
		} else if (strcmp(name, "dynset") == 0) {
			copy_dynset(h, expr);
		} else {
			copy_attr(h, expr);
		}
	}
	mnl_attr_nest_end(h, nest);
}

struct taking {
	struct snapshot *s;
	const struct kind *kind;
	bool found;
};

static int copy_object(void *context, const struct nlmsghdr *from)
{
	struct taking *t = context;
	const struct nlattr *a;
	struct nlmsghdr *h;
	int rc;

	if (strcmp(snapshot_string(snapshot_attr(from, NFTA_TABLE_NAME)), NFT_TABLE) != 0)
		return 0;
	t->found = true;
	rc = snapshot_open(t->s, t->kind->new, t->kind->flags, &h);
	if (rc)
		return rc;
	mnl_attr_for_each(a, from, sizeof(struct nfgenmsg)) {
		uint16_t type = mnl_attr_get_type(a);

		if (type >= 32 || !(t->kind->keep & 1u << type))
			continue;
		if (t->kind->new == NFT_MSG_NEWRULE && type == NFTA_RULE_EXPRESSIONS)
			copy_expressions(h, a);
		else
			mnl_attr_put(h, a->nla_type, mnl_attr_get_payload_len(a), mnl_attr_get_payload(a));
	}
	if (t->kind->new == NFT_MSG_NEWSET)
		mnl_attr_put_u32(h, NFTA_SET_ID, htonl(++t->s->n_sets));
	snapshot_close(t->s, h);
	return 0;
}

static int copy_kind(struct nft *n, struct snapshot *s, const struct kind *kind)
{
	_Alignas(8) uint8_t buf[256];
	struct nlmsghdr *h = netlink_message(buf, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | kind->get), NLM_F_DUMP,
		NFPROTO_INET);
	struct taking t = { .s = s, .kind = kind };
	int rc;

	if (kind->get == NFT_MSG_GETSET || kind->get == NFT_MSG_GETRULE)
		mnl_attr_put_strz(h, NFTA_SET_TABLE, NFT_TABLE); /* spares us other tables' */
	rc = netlink_each(&n->netlink, h, copy_object, &t);
	if (rc == 0 && kind->get == NFT_MSG_GETTABLE && !t.found)
		return -ENOENT;
	return rc;
}

static bool is_list_of_the_file(const struct nlmsghdr *h)
{
	const struct nlattr *flags = snapshot_attr(h, NFTA_SET_FLAGS);
	uint32_t bits = flags && !mnl_attr_validate(flags, MNL_TYPE_U32) ? ntohl(mnl_attr_get_u32(flags)) : 0;

	return !(bits & NFT_SET_EVAL) && !key_set_is_ours(snapshot_string(snapshot_attr(h, NFTA_SET_NAME)));
}

/* Walks the sets that are already in @s; elements are appended behind them. */
static int copy_elements(struct nft *n, struct snapshot *s)
{
	size_t end = s->len, pos = 0;
	char name[256];
	int rc = 0;

	while (pos < end && rc == 0) {
		const struct nlmsghdr *h = (const void *)(s->data + pos);

		pos += MNL_ALIGN(h->nlmsg_len);
		if ((h->nlmsg_type & 0xff) != NFT_MSG_NEWSET || !is_list_of_the_file(h))
			continue;
		/* copied: @s->data may move */
		strncpy(name, snapshot_string(snapshot_attr(h, NFTA_SET_NAME)), sizeof(name) - 1);
		name[sizeof(name) - 1] = '\0';
		rc = snapshot_elements(n, s, name);
	}
	return rc;
}

static int take_once(struct nft *n, struct snapshot *s)
{
	int rc = 0;

	if (s->data)
		memset(s->data, 0, s->cap);
	s->len = 0;
	s->n_sets = 0;
	for (size_t i = 0; i < ARRAY_LEN(kinds) && rc == 0; i++)
		rc = copy_kind(n, s, &kinds[i]);
	return rc ? rc : copy_elements(n, s);
}

int snapshot_take(struct nft *n, struct snapshot **ret_snapshot)
{
	struct snapshot *s = calloc(1, sizeof(*s));
	int rc = -EINTR;

	if (!s)
		return -ENOMEM;
	for (int i = 0; i < TRIES && rc == -EINTR; i++)
		rc = take_once(n, s);
	if (rc) {
		snapshot_free(s);
		return rc;
	}
	*ret_snapshot = s;
	return 0;
}

void snapshot_free(struct snapshot *s)
{
	if (!s)
		return;
	free(s->data);
	free(s);
}

int snapshot_intact(struct nft *n, const struct snapshot *s, bool *ret_intact)
{
	struct snapshot *now;
	int rc = snapshot_take(n, &now);

	*ret_intact = false;
	if (rc == -ENOENT)
		return 0;
	if (rc)
		return rc;
	*ret_intact = now->len == s->len && memcmp(now->data, s->data, s->len) == 0;
	snapshot_free(now);
	return 0;
}

/* Adding first: whether the table is there or not, it can then be deleted. */
static void put_removal(struct batch *b)
{
	static const uint16_t messages[] = { NFT_MSG_NEWTABLE, NFT_MSG_DELTABLE };

	for (size_t i = 0; i < ARRAY_LEN(messages); i++) {
		struct nlmsghdr *h = batch_open(b, messages[i], messages[i] == NFT_MSG_NEWTABLE ? NLM_F_CREATE : 0);

		mnl_attr_put_strz(h, NFTA_TABLE_NAME, NFT_TABLE);
		batch_close(b, h);
	}
}

int snapshot_restore(struct nft *n, const struct snapshot *s, const struct nft_change *changes, size_t n_changes)
{
	struct batch b;
	int rc;

	if (n_changes > NFT_CHANGES_MAX)
		return -E2BIG;
	rc = nft_batch_begin(n, &b, n_changes, s->len + 256);
	if (rc)
		return rc;
	put_removal(&b);
	for (size_t pos = 0; pos < s->len;) {
		const struct nlmsghdr *h = (const void *)(s->data + pos);

		batch_copy(&b, h);
		pos += MNL_ALIGN(h->nlmsg_len);
	}
	batch_changes(&b, changes, n_changes, n->in_place);
	return nft_batch_commit(n, &b, changes, NULL);
}
