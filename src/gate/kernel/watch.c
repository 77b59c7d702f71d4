/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * See watch.h. A transaction's messages may come in several datagrams; the writer's port tells
 * them apart, NEWGEN ends them. Our own never get here: a socket filter drops what
 * our port wrote, so that pins do not wake us.
 */
#include "watch.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "netlink.h"
#include "nft.h"

struct watch {
	struct netlink netlink;
	struct watch_report open; /* what the transaction being read has touched so far */
	const struct nlmsghdr *next; /* in netlink.received */
	int left;
};

#define BUFFER_SIZE (4 << 20)
/* numbers of linux/netfilter/nf_tables.h that Debian 12's headers may lack */
#define GEN_PROC_PID 2
#define GEN_PROC_NAME 3

/* Classic BPF loads big-endian words from a host-order header. */
static int ignore_writer(struct netlink *nl, uint32_t portid)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct nlmsghdr, nlmsg_pid)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(portid), 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
	};
	struct sock_fprog program = { .len = ARRAY_LEN(code), .filter = code };

	if (setsockopt(netlink_fd(nl), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)))
		return -errno;
	return 0;
}

static int join_group(struct netlink *nl)
{
	int group = NFNLGRP_NFTABLES;

	return mnl_socket_setsockopt(nl->socket, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) ? -errno : 0;
}

int watch_open(uint32_t portid, struct watch **ret_watch)
{
	struct watch *w = calloc(1, sizeof(*w));
	int rc;

	if (!w)
		return -ENOMEM;
	rc = netlink_open(&w->netlink, BUFFER_SIZE);
	if (rc == 0)
		rc = ignore_writer(&w->netlink, portid);
	if (rc == 0)
		rc = join_group(&w->netlink);
	if (rc) {
		watch_close(w);
		return rc;
	}
	*ret_watch = w;
	return 0;
}

void watch_close(struct watch *w)
{
	if (!w)
		return;
	netlink_close(&w->netlink);
	free(w);
}

int watch_fd(const struct watch *w)
{
	return netlink_fd(&w->netlink);
}

static const struct nlattr *find_attr(const struct nlmsghdr *h, uint16_t type)
{
	const struct nlattr *a;

	mnl_attr_for_each(a, h, sizeof(struct nfgenmsg))
		if (mnl_attr_get_type(a) == type)
			return a;
	return NULL;
}

/* Every object of nf_tables names its table in attribute 1 (NFTA_TABLE_NAME, NFTA_CHAIN_TABLE, ...). */
static bool concerns_us(const struct nlmsghdr *h)
{
	const struct nfgenmsg *g = mnl_nlmsg_get_payload(h);
	const struct nlattr *table = find_attr(h, NFTA_TABLE_NAME);

	return g->nfgen_family == NFPROTO_INET && table && !mnl_attr_validate(table, MNL_TYPE_NUL_STRING) &&
		strcmp(mnl_attr_get_str(table), NFT_TABLE) == 0;
}

static bool removes(uint16_t message)
{
	static const uint16_t deletions[] = { NFT_MSG_DELTABLE, NFT_MSG_DELCHAIN, NFT_MSG_DELRULE, NFT_MSG_DELSET,
		NFT_MSG_DELSETELEM, NFT_MSG_DELOBJ };

	for (size_t i = 0; i < ARRAY_LEN(deletions); i++)
		if (message == deletions[i])
			return true;
	return false;
}

static void finish(struct watch *w, const struct nlmsghdr *h, struct watch_report *ret_report)
{
	const struct nlattr *pid = find_attr(h, GEN_PROC_PID), *name = find_attr(h, GEN_PROC_NAME);

	*ret_report = w->open;
	memset(&w->open, 0, sizeof(w->open));
	if (pid && !mnl_attr_validate(pid, MNL_TYPE_U32))
		ret_report->pid = (int32_t)ntohl(mnl_attr_get_u32(pid));
	if (name && !mnl_attr_validate(name, MNL_TYPE_NUL_STRING))
		strncpy(ret_report->name, mnl_attr_get_str(name), sizeof(ret_report->name) - 1);
}

/* True where it ends a transaction. */
static bool read_message(struct watch *w, const struct nlmsghdr *h, struct watch_report *ret_report)
{
	uint16_t message = h->nlmsg_type & 0xff;

	if (h->nlmsg_type >> 8 != NFNL_SUBSYS_NFTABLES || mnl_nlmsg_get_payload_len(h) < sizeof(struct nfgenmsg))
		return false;
	if (message == NFT_MSG_NEWGEN) {
		finish(w, h, ret_report);
		return true;
	}
	if (concerns_us(h)) {
		w->open.ours = true;
		w->open.removed |= removes(message);
	}
	return false;
}

/* 1: @w->next stands at new messages; 0: none now; -errno. */
static int receive(struct watch *w)
{
	struct sockaddr_nl from = { 0 };
	socklen_t from_len = sizeof(from);
	ssize_t n = recvfrom(watch_fd(w), w->netlink.received, sizeof(w->netlink.received), MSG_DONTWAIT | MSG_TRUNC,
		(void *)&from, &from_len);

	w->left = 0;
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if ((size_t)n > sizeof(w->netlink.received))
		return -ENOBUFS; /* part of it is lost: the same as an overrun */
	if (from.nl_pid == 0) {
		w->next = (const void *)w->netlink.received;
		w->left = (int)n;
	}
	return 1;
}

int watch_read(struct watch *w, struct watch_report *ret_report)
{
	int rc;

	for (;;) {
		while (mnl_nlmsg_ok(w->next, w->left)) {
			const struct nlmsghdr *h = w->next;

			w->next = mnl_nlmsg_next(h, &w->left);
			if (read_message(w, h, ret_report))
				return 1;
		}
		rc = receive(w);
		if (rc == -ENOBUFS) {
			memset(&w->open, 0, sizeof(w->open));
			*ret_report = (struct watch_report){ .resync = true };
			return 1;
		}
		if (rc <= 0)
			return rc;
	}
}
