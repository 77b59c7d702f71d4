/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * See flows.h. libnetfilter_conntrack reads and writes the messages; our socket carries them.
 */
#include "flows.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libnetfilter_conntrack/libnetfilter_conntrack.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "netlink.h"

#define BUFFER_SIZE (1 << 20)
#define REQUEST_SIZE 1024 /* tuple, zone, id */

struct flows {
	struct netlink netlink;
};

struct each {
	flows_each_fn *each;
	void *context;
};

int flows_open(struct flows **ret_flows)
{
	struct flows *f = calloc(1, sizeof(*f));
	int rc;

	if (!f)
		return -ENOMEM;
	rc = netlink_open(&f->netlink, BUFFER_SIZE);
	if (rc) {
		free(f);
		return rc;
	}
	*ret_flows = f;
	return 0;
}

void flows_close(struct flows *f)
{
	if (!f)
		return;
	netlink_close(&f->netlink);
	free(f);
}

/* Attribute numbers of one direction. */
struct direction {
	enum nf_conntrack_attr ipv4_source, ipv4_destination, ipv6_source, ipv6_destination, source_port,
		destination_port;
};

static const struct direction original = { ATTR_ORIG_IPV4_SRC, ATTR_ORIG_IPV4_DST, ATTR_ORIG_IPV6_SRC,
	ATTR_ORIG_IPV6_DST, ATTR_ORIG_PORT_SRC, ATTR_ORIG_PORT_DST };
static const struct direction reply = { ATTR_REPL_IPV4_SRC, ATTR_REPL_IPV4_DST, ATTR_REPL_IPV6_SRC,
	ATTR_REPL_IPV6_DST, ATTR_REPL_PORT_SRC, ATTR_REPL_PORT_DST };

static bool is_icmp(uint8_t protocol)
{
	return protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6;
}

static bool read_addr(const struct nf_conntrack *ct, enum nf_conntrack_attr v4, enum nf_conntrack_attr v6,
	struct addr *ret_addr)
{
	const void *bytes = nfct_get_attr(ct, v4);

	memset(ret_addr, 0, sizeof(*ret_addr));
	ret_addr->family = bytes ? ADDR_V4 : ADDR_V6;
	if (!bytes)
		bytes = nfct_get_attr(ct, v6);
	if (bytes)
		memcpy(ret_addr->bytes, bytes, ret_addr->family == ADDR_V4 ? 4 : 16);
	return bytes;
}

static bool read_tuple(const struct nf_conntrack *ct, const struct direction *d, uint8_t protocol,
	struct flow_tuple *ret_tuple)
{
	if (!read_addr(ct, d->ipv4_source, d->ipv6_source, &ret_tuple->source) ||
		!read_addr(ct, d->ipv4_destination, d->ipv6_destination, &ret_tuple->destination))
		return false;
	if (is_icmp(protocol)) {
		ret_tuple->source_port = ntohs(nfct_get_attr_u16(ct, ATTR_ICMP_ID));
		ret_tuple->destination_port = (uint16_t)(nfct_get_attr_u8(ct, ATTR_ICMP_TYPE) << 8 |
			nfct_get_attr_u8(ct, ATTR_ICMP_CODE));
	} else { /* 0 where the protocol has none */
		ret_tuple->source_port = ntohs(nfct_get_attr_u16(ct, d->source_port));
		ret_tuple->destination_port = ntohs(nfct_get_attr_u16(ct, d->destination_port));
	}
	return true;
}

static bool read_flow(const struct nf_conntrack *ct, struct flow *f)
{
	f->protocol = nfct_get_attr_u8(ct, ATTR_L4PROTO);
	f->zone = nfct_get_attr_u16(ct, ATTR_ZONE);
	f->original_zone = nfct_get_attr_u16(ct, ATTR_ORIG_ZONE);
	f->id = nfct_get_attr_u32(ct, ATTR_ID);
	f->mark = nfct_get_attr_u32(ct, ATTR_MARK);
	return f->mark & FLOW_MARK && read_tuple(ct, &original, f->protocol, &f->original) &&
		read_tuple(ct, &reply, f->protocol, &f->reply);
}

static int each_entry(void *context, const struct nlmsghdr *h)
{
	const struct each *e = context;
	struct nf_conntrack *ct = nfct_new();
	struct flow flow;
	int rc = 0;

	if (!ct)
		return -ENOMEM;
	if (nfct_nlmsg_parse(h, ct) == 0 && read_flow(ct, &flow))
		rc = e->each(e->context, &flow);
	nfct_destroy(ct);
	return rc;
}

int flows_dump(struct flows *f, flows_each_fn *each, void *context)
{
	_Alignas(8) uint8_t buf[REQUEST_SIZE];
	struct nlmsghdr *h = netlink_message(buf, NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET, NLM_F_DUMP, AF_UNSPEC);
	struct each e = { .each = each, .context = context };

	mnl_attr_put_u32(h, CTA_MARK, htonl(FLOW_MARK));
	mnl_attr_put_u32(h, CTA_MARK_MASK, htonl(FLOW_MARK));
	return netlink_each(&f->netlink, h, each_entry, &e);
}

static void write_tuple(struct nf_conntrack *ct, const struct flow *f)
{
	const struct flow_tuple *t = &f->original;
	bool v4 = t->source.family == ADDR_V4;

	nfct_set_attr_u8(ct, ATTR_ORIG_L3PROTO, v4 ? AF_INET : AF_INET6);
	nfct_set_attr_u8(ct, ATTR_ORIG_L4PROTO, f->protocol);
	nfct_set_attr(ct, v4 ? ATTR_ORIG_IPV4_SRC : ATTR_ORIG_IPV6_SRC, t->source.bytes);
	nfct_set_attr(ct, v4 ? ATTR_ORIG_IPV4_DST : ATTR_ORIG_IPV6_DST, t->destination.bytes);
	if (is_icmp(f->protocol)) {
		nfct_set_attr_u16(ct, ATTR_ICMP_ID, htons(t->source_port));
		nfct_set_attr_u8(ct, ATTR_ICMP_TYPE, (uint8_t)(t->destination_port >> 8));
		nfct_set_attr_u8(ct, ATTR_ICMP_CODE, (uint8_t)t->destination_port);
	} else {
		nfct_set_attr_u16(ct, ATTR_ORIG_PORT_SRC, htons(t->source_port));
		nfct_set_attr_u16(ct, ATTR_ORIG_PORT_DST, htons(t->destination_port));
	}
	if (f->zone)
		nfct_set_attr_u16(ct, ATTR_ZONE, f->zone);
	if (f->original_zone)
		nfct_set_attr_u16(ct, ATTR_ORIG_ZONE, f->original_zone);
}

int flows_delete(struct flows *f, const struct flow *flow)
{
	_Alignas(8) uint8_t buf[REQUEST_SIZE];
	uint8_t family = flow->original.source.family == ADDR_V4 ? AF_INET : AF_INET6;
	struct nlmsghdr *h = netlink_message(buf, NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE, NLM_F_ACK, family);
	struct nf_conntrack *ct = nfct_new();
	int rc;

	if (!ct)
		return -ENOMEM;
	write_tuple(ct, flow);
	rc = nfct_nlmsg_build(h, ct);
	nfct_destroy(ct);
	if (rc < 0)
		return -EINVAL;
	mnl_attr_put_u32(h, CTA_ID, htonl(flow->id));
	h->nlmsg_seq = ++f->netlink.seq;
	return netlink_do(&f->netlink, h, h->nlmsg_len, h->nlmsg_seq, h->nlmsg_seq);
}

static void add_number(const struct nlattr *a, uint16_t type, uint32_t *sum)
{
	if (mnl_attr_get_type(a) == type && mnl_attr_validate(a, MNL_TYPE_U32) >= 0)
		*sum += ntohl(mnl_attr_get_u32(a));
}

static int read_processor(void *context, const struct nlmsghdr *h)
{
	struct flows_stats *s = context;
	const struct nlattr *a;

	mnl_attr_for_each(a, h, sizeof(struct nfgenmsg))
		add_number(a, CTA_STATS_DROP, &s->dropped);
	return 0;
}

static int read_global(void *context, const struct nlmsghdr *h)
{
	struct flows_stats *s = context;
	const struct nlattr *a;

	mnl_attr_for_each(a, h, sizeof(struct nfgenmsg)) {
		add_number(a, CTA_STATS_GLOBAL_ENTRIES, &s->entries);
		add_number(a, CTA_STATS_GLOBAL_MAX_ENTRIES, &s->max);
	}
	return 0;
}

int flows_stats(struct flows *f, struct flows_stats *ret_stats)
{
	_Alignas(8) uint8_t buf[REQUEST_SIZE];
	struct nlmsghdr *h = netlink_message(buf, NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET_STATS_CPU, NLM_F_DUMP, AF_UNSPEC);
	int rc;

	*ret_stats = (struct flows_stats){ 0 };
	rc = netlink_each(&f->netlink, h, read_processor, ret_stats);
	if (rc < 0)
		return rc;
	h = netlink_message(buf, NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET_STATS, NLM_F_ACK, AF_UNSPEC);
	return netlink_each(&f->netlink, h, read_global, ret_stats);
}
