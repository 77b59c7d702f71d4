/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Channels: see the header. A datagram is one message, or several without descriptors one behind the other, each packed (pack.h) and
 * with its packed size in its header; so there is no partial read. One longer than the buffer shows as MSG_TRUNC and is a protocol
 * error like any other wrong size. Each message is unpacked and checked when its turn comes.
 */
#include "postern/channel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "pack.h"

/* Room for bursts of the largest message; the kernel caps it at net.core.wmem_max. */
#define CHANNEL_BUFFER_BYTES (1 << 20)

int channel_pair(int ret_fds[static 2])
{
	int fds[2];
	int size = CHANNEL_BUFFER_BYTES;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0)
		return -errno;
	for (int i = 0; i < 2; i++) /* the default still works, with shorter bursts */
		if (setsockopt(fds[i], SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) < 0)
			(void)setsockopt(fds[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	memcpy(ret_fds, fds, sizeof(fds));
	return 0;
}

void channel_init(struct channel *c, int fd, enum role self, enum role peer)
{
	*c = (struct channel){.fd = fd, .self = self, .peer = peer};
}

void channel_fini(struct channel *c)
{
	if (c->fd >= 0)
		close(c->fd);
	if (c->has_bell)
		close(c->bell);
	c->fd = -1;
	c->has_bell = false;
	free(c->box);
	c->box = NULL;
	c->at = c->len = 0;
}

union fds_control {
	char buf[CMSG_SPACE(sizeof(int) * CHANNEL_FDS_MAX)];
	struct cmsghdr align;
};

int channel_send(struct channel *c, enum message_type type, void *message, const int *fds, unsigned int n_fds)
{
	struct message_header *h = message;
	POSTERN_UNINITIALIZED uint8_t wire[PACK_SIZE_MAX(MESSAGE_SIZE_MAX)];
	struct iovec iov = {.iov_base = wire};
	union fds_control control = {0};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	ASSERT(message_allowed(type, c->self, c->peer) && n_fds == message_fds(type));
	h->type = (uint16_t)type;
	h->size = (uint16_t)message_size(type);
	iov.iov_len = message_pack(message, message_size(type), wire);
	if (n_fds) {
		struct cmsghdr *cm = &control.align;

		msg.msg_control = control.buf;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
		cm->cmsg_level = SOL_SOCKET;
		cm->cmsg_type = SCM_RIGHTS;
		cm->cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
		memcpy(CMSG_DATA(cm), fds, sizeof(int) * n_fds);
	}
	if (sendmsg(c->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0) {
		channel_ring(c);
		return 0;
	}
	return errno == EWOULDBLOCK || errno == ENOBUFS ? -EAGAIN : -errno;
}

/* As many as a datagram holds, @n at most; how many, and its length. */
static unsigned int pack_some(enum message_type type, uint8_t *messages, unsigned int n, uint8_t *out, size_t *ret_len)
{
	const size_t size = message_size(type);
	unsigned int i = 0;
	size_t len = 0;

	for (; i < n && CHANNEL_DATAGRAM_MAX - len >= PACK_SIZE_MAX(size); i++) {
		struct message_header *h = (void *)(messages + i * size); /* messages are aligned, and so are their sizes */

		h->type = (uint16_t)type;
		h->size = (uint16_t)size;
		len += message_pack(h, size, out + len);
	}
	*ret_len = len;
	return i;
}

unsigned int channel_leave_many(struct channel *c, enum message_type type, void *messages, unsigned int n)
{
	POSTERN_UNINITIALIZED uint8_t wire[CHANNEL_DATAGRAM_MAX];
	uint8_t *at = messages;
	unsigned int sent = 0;

	ASSERT(message_allowed(type, c->self, c->peer) && message_fds(type) == 0);
	while (sent < n) {
		size_t len;
		unsigned int some = pack_some(type, at + sent * message_size(type), n - sent, wire, &len);

		if (send(c->fd, wire, len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
			break;
		sent += some;
	}
	return sent;
}

unsigned int channel_send_many(struct channel *c, enum message_type type, void *messages, unsigned int n)
{
	unsigned int sent = channel_leave_many(c, type, messages, n);

	if (sent)
		channel_ring(c);
	return sent;
}

void channel_ring(struct channel *c)
{
	static const uint64_t once = 1;

	if (c->has_bell) /* the count is full only when it has rung, and nobody listened, for years */
		(void)!write(c->bell, &once, sizeof(once));
}

bool channel_waiting(const struct channel *c)
{
	return c->at < c->len;
}

static unsigned int take_fds(struct msghdr *msg, int ret_fds[static CHANNEL_FDS_MAX])
{
	unsigned int n = 0;

	for (struct cmsghdr *cm = CMSG_FIRSTHDR(msg); cm; cm = CMSG_NXTHDR(msg, cm)) {
		if (cm->cmsg_level != SOL_SOCKET || cm->cmsg_type != SCM_RIGHTS)
			continue;
		size_t got = (cm->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		for (size_t i = 0; i < got && n < CHANNEL_FDS_MAX; i++)
			memcpy(&ret_fds[n++], CMSG_DATA(cm) + i * sizeof(int), sizeof(int));
	}
	return n;
}

/* A datagram into the box. 1, 0 where there is none, or -errno. */
static int fill_box(struct channel *c, int ret_fds[static CHANNEL_FDS_MAX], unsigned int *ret_n_fds)
{
	union fds_control control;
	struct iovec iov = {.iov_len = CHANNEL_DATAGRAM_MAX};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.buf,
		.msg_controllen = sizeof(control.buf)};
	ssize_t n;

	if (!c->box)
		c->box = malloc(CHANNEL_DATAGRAM_MAX);
	if (!c->box)
		return -ENOMEM;
	iov.iov_base = c->box;
	n = recvmsg(c->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : errno == ECONNRESET ? -EPIPE : -errno;
	if (n == 0)
		return -EPIPE;
	*ret_n_fds = take_fds(&msg, ret_fds);
	c->at = 0;
	c->len = msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC) ? 0 : (uint32_t)n;
	return 1;
}

/* The box's next message. 1 or -EPROTO; then nothing more of it counts. */
static int take_message(struct channel *c, unsigned int n_fds, union message_buffer *ret_message)
{
	size_t left = c->len - c->at, used = 0;
	bool alone = c->at == 0;
	int rc = message_unpack(c->box + c->at, left, ret_message, &used);

	if (rc == 0) {
		alone = alone && used == left;
		rc = message_check(ret_message, ret_message->h.size, n_fds, c->peer, c->self);
	}
	c->at += (uint32_t)used;
	if (rc == 0 && (alone || !message_fds((enum message_type)ret_message->h.type)))
		return 1;
	c->at = c->len;
	return -EPROTO;
}

int channel_recv(struct channel *c, union message_buffer *ret_message, int ret_fds[static CHANNEL_FDS_MAX])
{
	unsigned int n_fds = 0;
	int rc = 1;

	for (unsigned int i = 0; i < CHANNEL_FDS_MAX; i++)
		ret_fds[i] = -1;
	if (!channel_waiting(c))
		rc = fill_box(c, ret_fds, &n_fds);
	if (rc == 1)
		rc = take_message(c, n_fds, ret_message);
	if (rc >= 0)
		return rc;
	for (unsigned int i = 0; i < n_fds; i++) {
		close(ret_fds[i]);
		ret_fds[i] = -1;
	}
	return rc;
}

static int send_event(struct event_sink *sink, const struct event *e)
{
	struct msg_event m = {.lost = sink->lost, .event = *e};
	int rc = sink->channel.fd < 0 ? -ENOTCONN : channel_send(&sink->channel, MSG_EVENT, &m, NULL, 0);

	if (rc == 0)
		sink->lost = 0;
	return rc;
}

void event_send(struct event_sink *sink, const struct event *e)
{
	if (send_event(sink, e) < 0)
		sink->lost++;
}

int event_try(struct event_sink *sink, const struct event *e)
{
	int rc = send_event(sink, e);

	if (rc < 0 && rc != -EAGAIN)
		sink->lost++;
	return rc == -EAGAIN ? rc : 0;
}

void event_send_many(struct event_sink *sink, struct msg_event *messages, unsigned int n)
{
	unsigned int sent = 0;

	if (n == 0)
		return;
	for (unsigned int i = 0; i < n; i++)
		messages[i].lost = 0;
	messages[0].lost = sink->lost;
	if (sink->channel.fd >= 0)
		sent = channel_send_many(&sink->channel, MSG_EVENT, messages, n);
	sink->lost = n - sent + (sent ? 0 : sink->lost);
}
