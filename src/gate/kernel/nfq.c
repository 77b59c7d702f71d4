/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * See nfq.h. Configuration is acknowledged on the socket before any packet can be queued
 * (copy mode NONE until the last message), so the reader finds only packets and verdict errors.
 */
#include "nfq.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "netlink.h"

/* What the kernel charges for one queued packet of NFQ_COPY_BYTES, rounded up. */
#define PACKET_TRUESIZE 1536
#define QUEUE_FLAGS NFQA_CFG_F_UID_GID
/* set or cleared: the mask of what QUEUE_FLAGS decides */
#define ALL_FLAGS (NFQA_CFG_F_UID_GID | NFQA_CFG_F_FAIL_OPEN | NFQA_CFG_F_GSO | NFQA_CFG_F_CONNTRACK)

static struct nlmsghdr *queue_message(void *buf, uint16_t message, uint16_t flags, uint16_t queue)
{
	struct nlmsghdr *h = netlink_message(buf, (uint16_t)(NFNL_SUBSYS_QUEUE << 8 | message), flags, AF_UNSPEC);
	struct nfgenmsg *g = mnl_nlmsg_get_payload(h);

	g->res_id = htons(queue);
	return h;
}

static int acknowledged(struct netlink *nl, struct nlmsghdr *h)
{
	h->nlmsg_seq = ++nl->seq;
	return netlink_do(nl, h, h->nlmsg_len, h->nlmsg_seq, h->nlmsg_seq);
}

static int bind_queue(struct netlink *nl, uint16_t queue)
{
	_Alignas(8) uint8_t buf[256];
	struct nlmsghdr *h = queue_message(buf, NFQNL_MSG_CONFIG, NLM_F_ACK, queue);
	struct nfqnl_msg_config_cmd cmd = { .command = NFQNL_CFG_CMD_BIND };

	mnl_attr_put(h, NFQA_CFG_CMD, sizeof(cmd), &cmd);
	return acknowledged(nl, h);
}

static int set_limits(struct netlink *nl, uint16_t queue)
{
	_Alignas(8) uint8_t buf[256];
	struct nlmsghdr *h = queue_message(buf, NFQNL_MSG_CONFIG, NLM_F_ACK, queue);

	mnl_attr_put_u32(h, NFQA_CFG_QUEUE_MAXLEN, htonl(NFQ_MAXLEN));
	mnl_attr_put_u32(h, NFQA_CFG_FLAGS, htonl(QUEUE_FLAGS));
	mnl_attr_put_u32(h, NFQA_CFG_MASK, htonl(ALL_FLAGS));
	return acknowledged(nl, h);
}

static int start_copying(struct netlink *nl, uint16_t queue)
{
	_Alignas(8) uint8_t buf[256];
	struct nlmsghdr *h = queue_message(buf, NFQNL_MSG_CONFIG, NLM_F_ACK, queue);
	struct nfqnl_msg_config_params params = {
		.copy_range = htonl(NFQ_COPY_BYTES), .copy_mode = NFQNL_COPY_PACKET };

	mnl_attr_put(h, NFQA_CFG_PARAMS, sizeof(params), &params);
	return acknowledged(nl, h);
}

/* A full buffer loses packets, as it must; it must not stop the ones behind them (kernel: NETLINK_S_CONGESTED). */
static int prefer_loss(struct netlink *nl)
{
	int on = 1;

	return mnl_socket_setsockopt(nl->socket, NETLINK_NO_ENOBUFS, &on, sizeof(on)) ? -errno : 0;
}

static int configure(struct netlink *nl, uint16_t queue)
{
	int rc = bind_queue(nl, queue);

	if (rc == 0)
		rc = set_limits(nl, queue);
	if (rc == 0)
		rc = prefer_loss(nl);
	if (rc == 0)
		rc = start_copying(nl, queue);
	return rc;
}

/* The fd outlives libmnl's handle; netlink ports belong to the socket, not to the fd. */
static int keep_fd(struct netlink *nl, int *ret_fd)
{
	int fd = fcntl(netlink_fd(nl), F_DUPFD_CLOEXEC, 3);

	if (fd < 0 || fcntl(fd, F_SETFL, O_NONBLOCK) < 0) {
		int rc = -errno;

		if (fd >= 0)
			close(fd);
		return rc;
	}
	*ret_fd = fd;
	return 0;
}

int nfq_open(uint16_t queue, int *ret_fd)
{
	struct netlink nl;
	int rc = netlink_open(&nl, NFQ_MAXLEN * PACKET_TRUESIZE);

	if (rc)
		return rc;
	rc = configure(&nl, queue);
	if (rc == 0)
		rc = keep_fd(&nl, ret_fd);
	netlink_close(&nl);
	return rc;
}

static const struct {
	uint32_t verdict, mark;
	bool set_mark;
} outcomes[DECISION_COUNT] = {
	[DECISION_ACCEPT] = { NF_ACCEPT },
	[DECISION_REFUSE] = { NF_ACCEPT, NFQ_REFUSE_MARK, true },
	[DECISION_DROP] = { NF_DROP },
	[DECISION_ADMIT] = { NF_ACCEPT, 0, true },
};

#define VERDICT_SIZE 48 /* headers, verdict, mark */

static size_t put_verdict(void *buf, uint16_t queue, const struct nfq_entry *e)
{
	struct nlmsghdr *h = queue_message(buf, NFQNL_MSG_VERDICT, 0, queue);
	struct nfqnl_msg_verdict_hdr v = {
		.verdict = htonl(outcomes[e->decision].verdict), .id = htonl(e->packet_id) };

	mnl_attr_put(h, NFQA_VERDICT_HDR, sizeof(v), &v);
	if (outcomes[e->decision].set_mark)
		mnl_attr_put_u32(h, NFQA_MARK, htonl(outcomes[e->decision].mark));
	return MNL_ALIGN(h->nlmsg_len);
}

int nfq_verdicts(int fd, uint16_t queue, const struct nfq_entry *entries, size_t n)
{
	_Alignas(8) uint8_t buf[DECISIONS_MAX * VERDICT_SIZE];
	const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	size_t len = 0;

	if (n > DECISIONS_MAX)
		return -EINVAL;
	for (size_t i = 0; i < n; i++)
		if (entries[i].decision >= DECISION_COUNT)
			return -EINVAL;
	for (size_t i = 0; i < n; i++)
		len += put_verdict(buf + len, queue, &entries[i]);
	if (len && sendto(fd, buf, len, MSG_DONTWAIT, (const void *)&kernel, sizeof(kernel)) < 0)
		return -errno;
	return 0;
}
