/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * See netlink.h. Acknowledgements: RFC 3549 2.3.2.2 and the kernel's
 * Documentation/userspace-api/netlink/intro.rst (extended acks, NETLINK_CAP_ACK).
 */
#include "netlink.h"

#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static int set_options(struct netlink *nl, int buffer_size)
{
	int fd = mnl_socket_get_fd(nl->socket);
	int on = 1;

	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &buffer_size, sizeof(buffer_size)) ||
		setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer_size, sizeof(buffer_size)))
		return -errno;
	if (mnl_socket_setsockopt(nl->socket, NETLINK_EXT_ACK, &on, sizeof(on)) ||
		mnl_socket_setsockopt(nl->socket, NETLINK_CAP_ACK, &on, sizeof(on)))
		return -errno;
	return 0;
}

int netlink_open(struct netlink *nl, int buffer_size)
{
	int rc;

	nl->seq = 0;
	nl->socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	if (!nl->socket)
		return -errno;
	rc = mnl_socket_bind(nl->socket, 0, MNL_SOCKET_AUTOPID) ? -errno : set_options(nl, buffer_size);
	if (rc)
		netlink_close(nl);
	return rc;
}

void netlink_close(struct netlink *nl)
{
	if (nl->socket)
		mnl_socket_close(nl->socket);
	nl->socket = NULL;
}

int netlink_fd(const struct netlink *nl)
{
	return mnl_socket_get_fd(nl->socket);
}

uint32_t netlink_portid(const struct netlink *nl)
{
	return mnl_socket_get_portid(nl->socket);
}

struct nlmsghdr *netlink_message(void *buf, uint16_t type, uint16_t flags, uint8_t family)
{
	struct nlmsghdr *h = mnl_nlmsg_put_header(buf);
	struct nfgenmsg *g = mnl_nlmsg_put_extra_header(h, sizeof(*g));

	h->nlmsg_type = type;
	h->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	g->nfgen_family = family;
	g->version = NFNETLINK_V0;
	return h;
}

/* Any queued message of the kernel, now: length, -EAGAIN, or -errno. */
static ssize_t receive(struct netlink *nl)
{
	struct sockaddr_nl from = { 0 };
	struct iovec iov = { .iov_base = nl->received, .iov_len = sizeof(nl->received) };
	struct msghdr msg = { .msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	do
		n = recvmsg(mnl_socket_get_fd(nl->socket), &msg, MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if (from.nl_pid != 0 || msg.msg_flags & MSG_TRUNC)
		return -EPROTO;
	return n;
}

static ssize_t transmit(struct netlink *nl, const void *messages, size_t len)
{
	ssize_t n;

	memset(&nl->error, 0, sizeof(nl->error));
	do
		n = mnl_socket_sendto(nl->socket, messages, len);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

/* linux/netlink.h: nlmsgerr, the header echoed (CAP_ACK), then NLMSGERR_ATTR_*. */
static void read_extended_ack(const struct nlmsghdr *h, struct netlink_error *e)
{
	const struct nlattr *a;

	if (!(h->nlmsg_flags & NLM_F_ACK_TLVS))
		return;
	mnl_attr_for_each(a, h, sizeof(struct nlmsgerr)) {
		if (mnl_attr_get_type(a) == NLMSGERR_ATTR_MSG && !mnl_attr_validate(a, MNL_TYPE_NUL_STRING))
			snprintf(e->text, sizeof(e->text), "%s", mnl_attr_get_str(a));
		if (mnl_attr_get_type(a) == NLMSGERR_ATTR_OFFS && !mnl_attr_validate(a, MNL_TYPE_U32))
			e->offset = mnl_attr_get_u32(a);
	}
}

/* An NLMSG_ERROR: 0 is an acknowledgement; the first error is kept. */
static int read_error(struct netlink *nl, const struct nlmsghdr *h)
{
	const struct nlmsgerr *m = mnl_nlmsg_get_payload(h);

	if (mnl_nlmsg_get_payload_len(h) < sizeof(*m))
		return -EPROTO;
	if (m->error == 0 || nl->error.error)
		return m->error;
	nl->error.error = m->error;
	nl->error.seq = h->nlmsg_seq;
	read_extended_ack(h, &nl->error);
	return m->error;
}

struct ack_wait {
	uint32_t first_seq, last_seq;
	bool acked;
};

static int read_acks(struct netlink *nl, struct ack_wait *w, size_t len)
{
	const struct nlmsghdr *h = (const void *)nl->received;
	int left = (int)len, rc;

	for (; mnl_nlmsg_ok(h, left); h = mnl_nlmsg_next(h, &left)) {
		if (h->nlmsg_type != NLMSG_ERROR || h->nlmsg_seq - w->first_seq > w->last_seq - w->first_seq)
			return -EPROTO;
		rc = read_error(nl, h);
		if (rc > 0 || (rc == -EPROTO && !nl->error.error))
			return -EPROTO;
		if (rc == 0 && h->nlmsg_seq == w->last_seq)
			w->acked = true;
	}
	return left == 0 ? 0 : -EPROTO;
}

/* Reads all that is queued, so that nothing of this request is left for the next. */
static int drain(struct netlink *nl, struct ack_wait *w)
{
	ssize_t n;
	int rc = 0, first = 0;

	while ((n = receive(nl)) != -EAGAIN) {
		/* ENOBUFS is told once and the queue can be read on; what is not from the kernel is skipped */
		rc = n > 0 ? read_acks(nl, w, (size_t)n) : (int)n;
		if (!first)
			first = rc;
		if (n == 0 || (n < 0 && n != -ENOBUFS && n != -EPROTO))
			break;
	}
	return first;
}

int netlink_do(struct netlink *nl, const void *messages, size_t len, uint32_t first_seq, uint32_t last_seq)
{
	struct ack_wait w = { .first_seq = first_seq, .last_seq = last_seq };
	int rc = (int)transmit(nl, messages, len);

	if (rc)
		return rc;
	rc = drain(nl, &w);
	if (nl->error.error)
		return nl->error.error;
	if (rc)
		return rc;
	return w.acked ? 0 : -EPROTO;
}

struct each_state {
	netlink_each_fn *each;
	void *context;
	uint32_t seq;
	int result;	/* first non-zero return of @each */
	bool done, interrupted;
};

static int read_answer(struct netlink *nl, struct each_state *s, const struct nlmsghdr *h)
{
	if (h->nlmsg_seq != s->seq || h->nlmsg_type == NLMSG_OVERRUN)
		return -EPROTO;
	if (h->nlmsg_flags & NLM_F_DUMP_INTR)
		s->interrupted = true;
	if (h->nlmsg_type == NLMSG_ERROR) {
		s->done = true;
		return read_error(nl, h);
	}
	if (h->nlmsg_type == NLMSG_DONE) {
		s->done = true;
		return mnl_nlmsg_get_payload_len(h) < sizeof(int) ? 0 : *(const int *)mnl_nlmsg_get_payload(h);
	}
	if (h->nlmsg_type >= NLMSG_MIN_TYPE && s->result == 0)
		s->result = s->each(s->context, h);
	return 0;
}

static int read_answers(struct netlink *nl, struct each_state *s, size_t len)
{
	const struct nlmsghdr *h = (const void *)nl->received;
	int left = (int)len, rc;

	for (; mnl_nlmsg_ok(h, left) && !s->done; h = mnl_nlmsg_next(h, &left)) {
		rc = read_answer(nl, s, h);
		if (rc)
			return rc;
	}
	return left == 0 || s->done ? 0 : -EPROTO;
}

int netlink_each(struct netlink *nl, struct nlmsghdr *request, netlink_each_fn *each, void *context)
{
	struct each_state s = { .each = each, .context = context, .seq = ++nl->seq };
	ssize_t n;
	int rc;

	request->nlmsg_seq = s.seq;
	rc = (int)transmit(nl, request, request->nlmsg_len);
	while (rc == 0 && !s.done) {
		n = receive(nl);
		if (n <= 0)
			rc = n == -EAGAIN || n == 0 ? -EPROTO : (int)n;
		else
			rc = read_answers(nl, &s, (size_t)n);
	}
	if (rc) {
		while (receive(nl) != -EAGAIN)
			; /* the rest of an answer that we gave up */
		return rc;
	}
	if (s.result)
		return s.result;
	return s.interrupted ? -EINTR : 0;
}
