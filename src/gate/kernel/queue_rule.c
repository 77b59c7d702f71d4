/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * See queue_rule.h; expressions by libnftnl. Native is tried first: a kernel without CONFIG_NFT_QUEUE
 * answers ENOENT (6.18 measured), and so does one without the target.
 */
#include "queue_rule.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h> /* before libnftnl, whose headers use FILE */
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <libnftnl/udata.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/xt_NFQUEUE.h>
#include <stdlib.h>
#include <string.h>

#include "nft_private.h"

#define COMMENT "postern queue"
#define RULE_SIZE 1024
#define XT_ALIGNED(n) (((n) + 7) & ~(size_t)7) /* XT_ALIGN(): nft_compat wants the padded size */

enum encoding { NATIVE, TARGET };

static struct nftnl_expr *make_native(uint16_t queue)
{
	struct nftnl_expr *e = nftnl_expr_alloc("queue");

	if (e) {
		nftnl_expr_set_u16(e, NFTNL_EXPR_QUEUE_NUM, queue);
		nftnl_expr_set_u16(e, NFTNL_EXPR_QUEUE_TOTAL, 1);
		nftnl_expr_set_u16(e, NFTNL_EXPR_QUEUE_FLAGS, 0);
	}
	return e;
}

static struct nftnl_expr *make_target(uint16_t queue)
{
	struct nftnl_expr *e = nftnl_expr_alloc("target");
	size_t size = XT_ALIGNED(sizeof(struct xt_NFQ_info_v3));
	struct xt_NFQ_info_v3 *info = calloc(1, size);

	if (!e || !info) {
		if (e)
			nftnl_expr_free(e);
		free(info);
		return NULL;
	}
	info->queuenum = queue;
	info->queues_total = 1;
	nftnl_expr_set_str(e, NFTNL_EXPR_TG_NAME, "NFQUEUE");
	nftnl_expr_set_u32(e, NFTNL_EXPR_TG_REV, 3);
	nftnl_expr_set(e, NFTNL_EXPR_TG_INFO, info, (uint32_t)size); /* takes the memory */
	return e;
}

static int set_comment(struct nftnl_rule *r)
{
	struct nftnl_udata_buf *u = nftnl_udata_buf_alloc(64);

	if (!u)
		return -ENOMEM;
	nftnl_udata_put_strz(u, NFTNL_UDATA_RULE_COMMENT, COMMENT);
	nftnl_rule_set_data(r, NFTNL_RULE_USERDATA, nftnl_udata_buf_data(u), nftnl_udata_buf_len(u));
	nftnl_udata_buf_free(u);
	return 0;
}

static struct nftnl_rule *make_rule(uint16_t queue, enum encoding how)
{
	struct nftnl_rule *r = nftnl_rule_alloc();
	struct nftnl_expr *e = how == NATIVE ? make_native(queue) : make_target(queue);

	if (!r || !e || set_comment(r)) {
		if (e)
			nftnl_expr_free(e);
		if (r)
			nftnl_rule_free(r);
		return NULL;
	}
	nftnl_rule_set_u32(r, NFTNL_RULE_FAMILY, NFPROTO_INET);
	nftnl_rule_set_str(r, NFTNL_RULE_TABLE, NFT_TABLE);
	nftnl_rule_set_str(r, NFTNL_RULE_CHAIN, QUEUE_RULE_CHAIN);
	nftnl_rule_add_expr(r, e);
	return r;
}

static int append(struct nft *n, uint16_t queue, enum encoding how)
{
	struct nftnl_rule *r = make_rule(queue, how);
	struct nlmsghdr *h;
	struct batch b;
	int rc;

	if (!r)
		return -ENOMEM;
	rc = nft_batch_begin(n, &b, 0, RULE_SIZE);
	if (rc == 0) {
		h = batch_open(&b, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
		nftnl_rule_nlmsg_build_payload(h, r);
		batch_close(&b, h);
		rc = nft_batch_commit(n, &b, NULL, NULL);
	}
	nftnl_rule_free(r);
	return rc;
}

struct found {
	bool yes, native;
	uint16_t queue;
};

static int keep_comment(const struct nftnl_udata *attr, void *data)
{
	const char **comment = data;

	if (nftnl_udata_type(attr) == NFTNL_UDATA_RULE_COMMENT && nftnl_udata_len(attr) == sizeof(COMMENT))
		*comment = nftnl_udata_get(attr);
	return 0;
}

static bool has_comment(const struct nftnl_rule *r)
{
	const char *comment = NULL;
	uint32_t len;
	void *data = (void *)(uintptr_t)nftnl_rule_get_data(r, NFTNL_RULE_USERDATA, &len);

	if (!data || nftnl_udata_parse(data, len, keep_comment, &comment) < 0)
		return false;
	return comment && memcmp(comment, COMMENT, sizeof(COMMENT)) == 0;
}

static int look_at_expr(struct nftnl_expr *e, void *context)
{
	struct found *f = context;
	const char *name = nftnl_expr_get_str(e, NFTNL_EXPR_NAME);
	const struct xt_NFQ_info_v3 *info;
	uint32_t len;

	if (strcmp(name, "queue") == 0) {
		f->yes = f->native = true;
		f->queue = nftnl_expr_get_u16(e, NFTNL_EXPR_QUEUE_NUM);
	} else if (strcmp(name, "target") == 0) {
		info = nftnl_expr_get(e, NFTNL_EXPR_TG_INFO, &len);
		f->yes = info && len >= sizeof(*info);
		if (f->yes)
			f->queue = info->queuenum;
	}
	return 0;
}

static int look_at_rule(void *context, const struct nlmsghdr *h)
{
	struct nftnl_rule *r = nftnl_rule_alloc();

	if (!r)
		return -ENOMEM;
	if (nftnl_rule_nlmsg_parse(h, r) == 0 && has_comment(r))
		nftnl_expr_foreach(r, look_at_expr, context);
	nftnl_rule_free(r);
	return 0;
}

static int find(struct nft *n, struct found *ret_found)
{
	_Alignas(8) uint8_t buf[256];
	struct nlmsghdr *h = netlink_message(buf, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETRULE, NLM_F_DUMP, NFPROTO_INET);

	*ret_found = (struct found){ 0 };
	mnl_attr_put_strz(h, NFTA_RULE_TABLE, NFT_TABLE);
	mnl_attr_put_strz(h, NFTA_RULE_CHAIN, QUEUE_RULE_CHAIN);
	return netlink_each(&n->netlink, h, look_at_rule, ret_found);
}

static int pass(void *context, const struct nlmsghdr *h)
{
	(void)context;
	(void)h;
	return 0;
}

/* ENOENT of adding a rule may mean chain or expression: only one of them is what we ask about. */
static int chain_exists(struct nft *n)
{
	_Alignas(8) uint8_t buf[256];
	struct nlmsghdr *h = netlink_message(buf, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETCHAIN, NLM_F_ACK, NFPROTO_INET);

	mnl_attr_put_strz(h, NFTA_CHAIN_TABLE, NFT_TABLE);
	mnl_attr_put_strz(h, NFTA_CHAIN_NAME, QUEUE_RULE_CHAIN);
	return netlink_each(&n->netlink, h, pass, NULL);
}

int queue_rule_add(struct nft *n, uint16_t queue, bool *ret_native)
{
	struct found f;
	int rc = chain_exists(n);

	if (rc == 0)
		rc = find(n, &f);
	if (rc)
		return rc;
	if (f.yes) {
		*ret_native = f.native;
		return f.queue == queue ? 0 : -EEXIST;
	}
	rc = append(n, queue, NATIVE);
	*ret_native = rc == 0;
	if (rc == -ENOENT || rc == -EOPNOTSUPP)
		rc = append(n, queue, TARGET);
	return rc == -ENOENT ? -EOPNOTSUPP : rc;
}
