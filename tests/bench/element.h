/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The bare libmnl loop that pins are compared with: one element of set pin6_iface, with timeout and comment, in a transaction of
 * its own, and its acknowledgement.
 */
#ifndef POSTERN_BENCH_ELEMENT_H
#define POSTERN_BENCH_ELEMENT_H

#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdbool.h>

#include "bench.h"

#define ELEMENT_TIMEOUT_MS 600000u
#define ELEMENT_PORT 443

static inline struct nlmsghdr *message(char **at, uint16_t type, uint16_t flags, uint32_t seq)
{
	struct nlmsghdr *h = mnl_nlmsg_put_header(*at);
	struct nfgenmsg *g;
	bool frame = type == NFNL_MSG_BATCH_BEGIN || type == NFNL_MSG_BATCH_END;

	h->nlmsg_type = frame ? type : (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type);
	h->nlmsg_flags = NLM_F_REQUEST | flags;
	h->nlmsg_seq = seq;
	g = mnl_nlmsg_put_extra_header(h, sizeof(*g));
	*g = (struct nfgenmsg){.nfgen_family = frame ? AF_UNSPEC : NFPROTO_INET, .version = NFNETLINK_V0,
		.res_id = frame ? htons(NFNL_SUBSYS_NFTABLES) : 0};
	return h;
}

static inline void put_element(struct nlmsghdr *h, uint32_t n)
{
	static const char comment[] = "\0\x0bname.bench"; /* type 0, length, text with its NUL */
	struct nlattr *list, *element, *value;
	uint8_t key[40] = "pt-box1";

	(void)bench_address(n, TYPE_AAAA, key + 16);
	key[32] = 6;
	key[36] = ELEMENT_PORT >> 8;
	key[37] = ELEMENT_PORT & 0xff;
	mnl_attr_put_strz(h, NFTA_SET_ELEM_LIST_TABLE, "postern");
	mnl_attr_put_strz(h, NFTA_SET_ELEM_LIST_SET, "pin6_iface");
	list = mnl_attr_nest_start(h, NFTA_SET_ELEM_LIST_ELEMENTS);
	element = mnl_attr_nest_start(h, 1);
	value = mnl_attr_nest_start(h, NFTA_SET_ELEM_KEY);
	mnl_attr_put(h, NFTA_DATA_VALUE, sizeof(key), key);
	mnl_attr_nest_end(h, value);
	mnl_attr_put_u64(h, NFTA_SET_ELEM_TIMEOUT, htobe64(ELEMENT_TIMEOUT_MS));
	mnl_attr_put(h, NFTA_SET_ELEM_USERDATA, sizeof(comment), comment);
	mnl_attr_nest_end(h, element);
	mnl_attr_nest_end(h, list);
}

/* One transaction of one element; its acknowledgement. */
static inline void commit_one(struct mnl_socket *nl, uint32_t n)
{
	_Alignas(8) char buf[1024];
	char *at = buf;
	uint32_t seq = n * 4;
	struct nlmsghdr *h = message(&at, NFNL_MSG_BATCH_BEGIN, 0, seq);
	ssize_t got;

	at += MNL_ALIGN(h->nlmsg_len);
	h = message(&at, NFT_MSG_NEWSETELEM, NLM_F_CREATE | NLM_F_ACK, seq + 1);
	put_element(h, n);
	at += MNL_ALIGN(h->nlmsg_len);
	h = message(&at, NFNL_MSG_BATCH_END, 0, seq + 2);
	at += MNL_ALIGN(h->nlmsg_len);
	if (mnl_socket_sendto(nl, buf, (size_t)(at - buf)) < 0)
		die("send");
	got = mnl_socket_recvfrom(nl, buf, sizeof(buf));
	if (got < 0 || mnl_cb_run(buf, (size_t)got, seq + 1, mnl_socket_get_portid(nl), NULL, NULL) < 0)
		die("commit");
}

#endif
