/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading the packet queue: see the header.
 *
 * A datagram that is cut, or whose attributes cannot be read, still carries the packet's number in front;
 * then the packet goes on as one without bytes, is malformed, and gets its decision like any other.
 */
#include "queue.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <libnetfilter_queue/libnetfilter_queue.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ATTR_PRIORITY 21 /* NFQA_PRIORITY, Linux 5.18 */
#define TOLD_MAJOR 0x706f
#define PACKET_TYPE (NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_PACKET)

struct queue {
	int fd;
	struct mmsghdr messages[QUEUE_BATCH];
	struct iovec iov[QUEUE_BATCH];
	struct sockaddr_nl from[QUEUE_BATCH];
	uint64_t buffers[QUEUE_BATCH][QUEUE_DATAGRAM_MAX / sizeof(uint64_t)];
};

int queue_new(int fd, struct queue **ret_queue)
{
	struct queue *q = calloc(1, sizeof(*q));

	if (!q)
		return -ENOMEM;
	q->fd = fd;
	for (unsigned int i = 0; i < QUEUE_BATCH; i++) {
		q->iov[i] = (struct iovec){q->buffers[i], QUEUE_DATAGRAM_MAX};
		q->messages[i].msg_hdr.msg_iov = &q->iov[i];
		q->messages[i].msg_hdr.msg_iovlen = 1;
	}
	*ret_queue = q;
	return 0;
}

void queue_free(struct queue *q)
{
	if (q)
		close(q->fd);
	free(q);
}

int queue_receive(struct queue *q)
{
	int n;

	for (unsigned int i = 0; i < QUEUE_BATCH; i++) {
		q->messages[i].msg_hdr.msg_name = &q->from[i];
		q->messages[i].msg_hdr.msg_namelen = sizeof(q->from[i]);
	}
	n = recvmmsg(q->fd, q->messages, QUEUE_BATCH, MSG_DONTWAIT, NULL);
	if (n >= 0)
		return n;
	/* ENOBUFS says that packets were lost before us: the kernel dropped them */
	return errno == EAGAIN || errno == EINTR || errno == ENOBUFS ? 0 : -errno;
}

static void read_sender(struct nlattr **attr, struct verdict_packet *p)
{
	if (attr[NFQA_UID]) {
		p->has_uid = true;
		p->uid = ntohl(mnl_attr_get_u32(attr[NFQA_UID]));
	}
	if (attr[NFQA_HWADDR] && mnl_attr_get_payload_len(attr[NFQA_HWADDR]) >= sizeof(struct nfqnl_msg_packet_hw)) {
		const struct nfqnl_msg_packet_hw *hw = mnl_attr_get_payload(attr[NFQA_HWADDR]);
		size_t len = ntohs(hw->hw_addrlen);

		p->hardware_len = (uint8_t)(len < sizeof(p->hardware) ? len : sizeof(p->hardware));
		memcpy(p->hardware, hw->hw_addr, p->hardware_len);
	}
}

/* The library passes over what its headers do not have yet. */
static uint32_t read_priority(const struct nlmsghdr *nlh)
{
	const struct nlattr *attr;

	mnl_attr_for_each(attr, nlh, sizeof(struct nfgenmsg))
		if (mnl_attr_get_type(attr) == ATTR_PRIORITY && mnl_attr_validate(attr, MNL_TYPE_U32) >= 0)
			return ntohl(mnl_attr_get_u32(attr));
	return 0;
}

/* What chains miss_* of rules/postern.nft say by the packet's priority. A sandbox cannot: they set it anew. */
static void read_told(const struct nlmsghdr *nlh, struct verdict_packet *p)
{
	uint32_t priority = read_priority(nlh);

	p->told = p->hook == HOOK_OUTPUT && priority >> 16 == TOLD_MAJOR;
	p->zone = p->told ? (uint16_t)priority : 0;
}

static void read_bytes(struct nlattr **attr, struct verdict_packet *p)
{
	if (attr[NFQA_PAYLOAD]) {
		p->data = mnl_attr_get_payload(attr[NFQA_PAYLOAD]);
		p->len = mnl_attr_get_payload_len(attr[NFQA_PAYLOAD]);
	}
	p->wire_len = attr[NFQA_CAP_LEN] ? ntohl(mnl_attr_get_u32(attr[NFQA_CAP_LEN])) : p->len;
}

static uint32_t number(struct nlattr **attr, enum nfqnl_attr_type type)
{
	return attr[type] ? ntohl(mnl_attr_get_u32(attr[type])) : 0;
}

static bool from_kernel(const struct queue *q, unsigned int i, const struct nlmsghdr *nlh)
{
	return q->messages[i].msg_hdr.msg_namelen == sizeof(q->from[i]) && q->from[i].nl_pid == 0 &&
		q->messages[i].msg_len >= sizeof(*nlh) + sizeof(struct nfgenmsg) && nlh->nlmsg_type == PACKET_TYPE;
}

bool queue_entry(struct queue *q, unsigned int i, struct queue_entry *ret_entry)
{
	struct nlmsghdr *nlh = (struct nlmsghdr *)q->buffers[i];
	struct nlattr *attr[NFQA_MAX + 1] = {0};
	const struct nfqnl_msg_packet_hdr *hdr;

	if (!from_kernel(q, i, nlh))
		return false;
	if (nlh->nlmsg_len > q->messages[i].msg_len || nlh->nlmsg_len < MNL_NLMSG_HDRLEN + sizeof(struct nfgenmsg))
		nlh->nlmsg_len = q->messages[i].msg_len;
	(void)nfq_nlmsg_parse(nlh, attr); /* fills what it can read before an attribute that it cannot */
	if (!attr[NFQA_PACKET_HDR] || mnl_attr_get_payload_len(attr[NFQA_PACKET_HDR]) < sizeof(*hdr))
		return false;
	hdr = mnl_attr_get_payload(attr[NFQA_PACKET_HDR]);
	memset(ret_entry, 0, sizeof(*ret_entry));
	ret_entry->packet.id = ntohl(hdr->packet_id);
	ret_entry->packet.hook = hdr->hook;
	ret_entry->packet.mark = number(attr, NFQA_MARK);
	ret_entry->in_index = number(attr, NFQA_IFINDEX_INDEV);
	ret_entry->out_index = number(attr, NFQA_IFINDEX_OUTDEV);
	read_sender(attr, &ret_entry->packet);
	read_told(nlh, &ret_entry->packet);
	read_bytes(attr, &ret_entry->packet);
	return true;
}
