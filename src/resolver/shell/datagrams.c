/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * UDP with sandboxes: batches in, batches out.
 *
 * An answer leaves from the address at which the question arrived and through the interface it came from, or it
 * would miss the redirection's conntrack entry (and with equal addresses behind two interfaces, the asker). IP_PKTINFO and
 * IPV6_PKTINFO have the same form in both directions, so a batch is answered with the very control
 * messages it came with. What the socket does not take is dropped, as any datagram may be.
 * Answers that come later are kept until the end of the loop's turn, and leave in batches too.
 */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "shell.h"

#define BATCH 32
#define BATCHES_MAX 2	       /* of one socket before the next gets its turn */
#define QUERY_MAX 2048	       /* longer ones are cut, and so malformed */
#define CONTROL_MAX 64

union control {
	uint8_t bytes[CONTROL_MAX];
	size_t align; /* as struct cmsghdr */
};

static struct {
	struct mmsghdr in[BATCH], out[BATCH];
	struct iovec in_iov[BATCH], out_iov[BATCH];
	struct sockaddr_storage names[BATCH];
	union control controls[BATCH];
	uint8_t queries[BATCH][QUERY_MAX];
	uint8_t answers[BATCH][RESOLVER_ANSWER_MAX];
} batch;

/* Answers of this turn, in the order in which they came. */
static struct {
	unsigned int n;
	struct mmsghdr out[BATCH];
	struct iovec iov[BATCH];
	struct sockaddr_storage names[BATCH];
	union control controls[BATCH];
	uint32_t stubs[BATCH];
	uint16_t generations[BATCH];
	uint8_t data[BATCH][RESOLVER_ANSWER_MAX];
} later;

static void prepare(void)
{
	for (unsigned int i = 0; i < BATCH; i++) {
		batch.in_iov[i] = (struct iovec){batch.queries[i], QUERY_MAX};
		batch.in[i].msg_hdr = (struct msghdr){.msg_name = &batch.names[i], .msg_namelen = sizeof(batch.names[i]),
			.msg_iov = &batch.in_iov[i], .msg_iovlen = 1, .msg_control = &batch.controls[i],
			.msg_controllen = sizeof(batch.controls[i])};
	}
}

/* Interface and local address of a packet; zeros where the socket does not tell. */
static void read_info(struct msghdr *msg, struct client *c)
{
	for (struct cmsghdr *cm = CMSG_FIRSTHDR(msg); cm; cm = CMSG_NXTHDR(msg, cm)) {
		if (cm->cmsg_level == IPPROTO_IP && cm->cmsg_type == IP_PKTINFO) {
			struct in_pktinfo info;

			memcpy(&info, CMSG_DATA(cm), sizeof(info));
			c->ifindex = (uint32_t)info.ipi_ifindex;
			c->local.family = ADDR_V4;
			memcpy(c->local.bytes, &info.ipi_spec_dst, 4);
		} else if (cm->cmsg_level == IPPROTO_IPV6 && cm->cmsg_type == IPV6_PKTINFO) {
			struct in6_pktinfo info;

			memcpy(&info, CMSG_DATA(cm), sizeof(info));
			c->ifindex = info.ipi6_ifindex;
			c->local.family = ADDR_V6;
			memcpy(c->local.bytes, &info.ipi6_addr, 16);
		}
	}
}

/* The i-th query; puts its answer behind the others where there is one at once. */
static unsigned int one(struct shell *s, uint32_t stub, unsigned int i, unsigned int n_out)
{
	const struct stub *st = &s->stubs[stub];
	struct msghdr *msg = &batch.in[i].msg_hdr;
	struct client c = {.socket = stub, .generation = st->generation};
	int len;

	c.peer = addr_from_sockaddr(&batch.names[i], &c.port);
	read_info(msg, &c);
	c.slot = stub_owner(s, st, c.ifindex, &c.peer);
	if (c.slot == SANDBOX_NONE || (msg->msg_flags & MSG_TRUNC)) {
		resolver_count(s->core, c.slot == SANDBOX_NONE ? COUNTER_RESOLVER_dropped : COUNTER_RESOLVER_malformed);
		return n_out;
	}
	len = resolver_query(s->core, &c, batch.queries[i], batch.in[i].msg_len, batch.answers[n_out]);
	if (len <= 0)
		return n_out;
	batch.out_iov[n_out] = (struct iovec){batch.answers[n_out], (size_t)len};
	batch.out[n_out].msg_hdr = *msg;
	batch.out[n_out].msg_hdr.msg_iov = &batch.out_iov[n_out];
	batch.out[n_out].msg_hdr.msg_flags = 0;
	return n_out + 1;
}

static void send_batch(struct shell *s, int fd, struct mmsghdr *out, unsigned int n)
{
	unsigned int sent = 0;

	while (sent < n) {
		int rc = sendmmsg(fd, out + sent, n - sent, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (rc < 0) { /* the first of them cannot be sent: no route back, or no room */
			resolver_count(s->core, COUNTER_RESOLVER_dropped);
			rc = 1;
		}
		sent += (unsigned int)rc;
	}
}

void datagrams_receive(struct shell *s, uint32_t stub)
{
	int fd = s->stubs[stub].udp_fd, n = BATCH;

	if (!s->stubs[stub].open || fd < 0)
		return; /* an event from before it was closed */
	for (unsigned int round = 0; round < BATCHES_MAX && n == BATCH; round++) {
		unsigned int n_out = 0;

		prepare();
		n = recvmmsg(fd, batch.in, BATCH, MSG_DONTWAIT, NULL);
		if (n > 0)
			stubs_refresh(s, &s->stubs[stub]);
		for (int i = 0; i < n; i++)
			n_out = one(s, stub, (unsigned int)i, n_out);
		send_batch(s, fd, batch.out, n_out);
	}
}

static void write_info(struct msghdr *msg, const struct client *c)
{
	struct cmsghdr *cm = (struct cmsghdr *)msg->msg_control;

	if (c->local.family == ADDR_V4) {
		struct in_pktinfo info = {.ipi_ifindex = (int)c->ifindex};

		memcpy(&info.ipi_spec_dst, c->local.bytes, 4);
		cm->cmsg_level = IPPROTO_IP;
		cm->cmsg_type = IP_PKTINFO;
		cm->cmsg_len = CMSG_LEN(sizeof(info));
		memcpy(CMSG_DATA(cm), &info, sizeof(info));
	} else {
		struct in6_pktinfo info = {.ipi6_ifindex = c->ifindex};

		memcpy(&info.ipi6_addr, c->local.bytes, 16);
		cm->cmsg_level = IPPROTO_IPV6;
		cm->cmsg_type = IPV6_PKTINFO;
		cm->cmsg_len = CMSG_LEN(sizeof(info));
		memcpy(CMSG_DATA(cm), &info, sizeof(info));
	}
	msg->msg_controllen = CMSG_ALIGN(cm->cmsg_len);
}

/* A link-local asker is reached only through its interface. */
static void set_scope(struct sockaddr_storage *sa, uint32_t ifindex)
{
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)sa;

	if (sa->ss_family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&in6->sin6_addr))
		in6->sin6_scope_id = ifindex;
}

/* From @first on, those of the same stub; how many. */
static unsigned int send_run(struct shell *s, unsigned int first)
{
	const struct stub *stub = &s->stubs[later.stubs[first]];
	unsigned int n = 1;

	while (first + n < later.n && later.stubs[first + n] == later.stubs[first] &&
		later.generations[first + n] == later.generations[first])
		n++;
	if (stub->open && stub->generation == later.generations[first] && stub->udp_fd >= 0) /* else the sandbox went away */
		send_batch(s, stub->udp_fd, later.out + first, n);
	return n;
}

void datagrams_send(struct shell *s)
{
	for (unsigned int i = 0; i < later.n;)
		i += send_run(s, i);
	later.n = 0;
}

void datagram_answer(struct shell *s, const struct client *c, const uint8_t *data, size_t len)
{
	unsigned int i = later.n;
	struct msghdr *msg = &later.out[i].msg_hdr;

	if (len > sizeof(later.data[i]))
		return; /* none is: the core keeps to the datagram's limit */
	memcpy(later.data[i], data, len);
	later.iov[i] = (struct iovec){later.data[i], len};
	later.stubs[i] = c->socket;
	later.generations[i] = (uint16_t)c->generation;
	*msg = (struct msghdr){.msg_name = &later.names[i], .msg_iov = &later.iov[i], .msg_iovlen = 1,
		.msg_control = &later.controls[i]};
	msg->msg_namelen = addr_to_sockaddr(&c->peer, c->port, &later.names[i]);
	set_scope(&later.names[i], c->ifindex);
	if (c->local.family != ADDR_NONE)
		write_info(msg, c);
	else
		msg->msg_control = NULL;
	if (++later.n == BATCH)
		datagrams_send(s);
}
