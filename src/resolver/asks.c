/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sockets to upstreams: one for each question, so that each has a random port of the kernel's choice; connected, so
 * that only the upstream's own packets are received. A place in the table is the reference modulo its size.
 *
 * A UDP socket that is done with is dissolved from its address and port (connect(2), AF_UNSPEC) and stays in its place, in the
 * loop: the next question from there connects it anew, which gives it another random port. That costs half of what a new socket
 * does. What had still arrived on the old port is thrown away before.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shell.h"

#define PREFIX 2
#define DATAGRAM_MAX 4096  /* more than we say we take, so that a lying server is seen as such */
#define DATAGRAMS_BURST 16 /* of one socket: somebody may be guessing */
#define NO_BUFFER UINT8_MAX

struct ask {
	bool open; /* there is a socket; false, as fresh pages are */
	bool busy; /* with a question; else the socket is kept: UDP, without address and port */
	int fd;
	uint32_t ref;
	uint16_t generation; /* of the socket */
	uint8_t family; /* enum addr_family, of the socket */
	bool stream;
	uint8_t buffer; /* of a stream */
	uint16_t out_len, out_sent;
	uint8_t out[PREFIX + DNS_ASK_MAX]; /* of a stream: until it is connected */
};

struct stream_buffer {
	bool used;
	uint32_t len;
	uint8_t bytes[PREFIX + DNS_MESSAGE_MAX];
};

struct asks {
	struct ask all[RESOLVER_TASKS_MAX];
	struct stream_buffer buffers[ASK_STREAMS_MAX];
};

struct asks *asks_new(void)
{
	return calloc(1, sizeof(struct asks));
}

static struct ask *ask_of(struct shell *s, uint32_t ref)
{
	return &s->asks->all[ref % RESOLVER_TASKS_MAX];
}

static void drop_socket(struct ask *a)
{
	close(a->fd);
	a->open = false;
	a->generation++;
}

/* Without address and port nothing can arrive any more; what did is gone, and so is an error that was reported. */
static int dissolve(const struct ask *a)
{
	static const struct sockaddr nowhere = {.sa_family = AF_UNSPEC};
	uint8_t byte;

	if (connect(a->fd, &nowhere, sizeof(nowhere)) < 0)
		return -errno;
	for (unsigned int i = 0; i < DATAGRAMS_BURST; i++)
		if (recv(a->fd, &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN)
			return 0;
	return -EBUSY;
}

static void close_ask(struct shell *s, struct ask *a)
{
	if (!a->busy)
		return;
	a->busy = false;
	if (a->buffer != NO_BUFFER)
		s->asks->buffers[a->buffer].used = false;
	a->buffer = NO_BUFFER;
	if (a->stream || dissolve(a) < 0)
		drop_socket(a);
}

void ask_close(struct shell *s, uint32_t ref)
{
	struct ask *a = ask_of(s, ref);

	if (a->busy && a->ref == ref)
		close_ask(s, a);
}

static int take_buffer(struct asks *t, struct ask *a)
{
	a->buffer = NO_BUFFER;
	if (!a->stream)
		return 0;
	for (uint8_t i = 0; i < ASK_STREAMS_MAX; i++) {
		if (t->buffers[i].used)
			continue;
		t->buffers[i].used = true;
		t->buffers[i].len = 0;
		a->buffer = i;
		return 0;
	}
	return -ENOBUFS;
}

/* Connects and, for UDP, sends. */
static int connect_to(const struct ask *a, const struct image_upstream *up, const struct upstream_ask *ask)
{
	struct sockaddr_storage sa;
	socklen_t len = addr_to_sockaddr(&up->addr, up->port, &sa);

	if (connect(a->fd, (const struct sockaddr *)&sa, len) < 0 && errno != EINPROGRESS)
		return -errno;
	if (!a->stream && send(a->fd, ask->data, ask->len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		return -errno;
	return 0;
}

static void set_out(struct ask *a, const struct upstream_ask *ask)
{
	ASSERT(ask->len <= DNS_ASK_MAX);
	a->out[0] = (uint8_t)(ask->len >> 8);
	a->out[1] = (uint8_t)ask->len;
	memcpy(a->out + PREFIX, ask->data, ask->len);
	a->out_len = (uint16_t)(PREFIX + ask->len);
	a->out_sent = 0;
}

/* A socket of that kind that is in the loop: the one that was kept, or a new one. */
static int take_socket(struct shell *s, struct ask *a, const struct upstream_ask *ask, uint8_t family)
{
	int type = ask->stream ? SOCK_STREAM : SOCK_DGRAM, rc;
	struct loop_ref ref = {.kind = SOURCE_ASK, .index = ask->ref % RESOLVER_TASKS_MAX};

	if (a->open && !ask->stream && a->family == family)
		return 0;
	if (a->open)
		drop_socket(a);
	a->fd = socket(family == ADDR_V4 ? AF_INET : AF_INET6, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (a->fd < 0)
		return -errno;
	a->open = true;
	a->family = family;
	ref.generation = a->generation;
	rc = loop_add(&s->loop, a->fd, ask->stream ? EPOLLOUT : EPOLLIN, ref);
	if (rc < 0)
		drop_socket(a);
	return rc;
}

int ask_open(struct shell *s, const struct upstream_ask *ask)
{
	struct ask *a = ask_of(s, ask->ref);
	const struct image_upstream *up = image_upstream(s->im, ask->upstream);
	int rc;

	close_ask(s, a);
	rc = take_socket(s, a, ask, up->addr.family);
	if (rc < 0)
		return rc;
	a->stream = ask->stream;
	a->ref = ask->ref;
	a->busy = true;
	rc = take_buffer(s->asks, a);
	if (rc == 0 && a->stream)
		set_out(a, ask);
	if (rc == 0)
		rc = connect_to(a, up, ask);
	if (rc < 0)
		close_ask(s, a);
	return rc;
}

static void failed(struct shell *s, struct ask *a)
{
	uint32_t ref = a->ref;

	close_ask(s, a);
	resolver_upstream_failed(s->core, ref);
}

static void datagram_event(struct shell *s, struct ask *a)
{
	static uint8_t data[DATAGRAM_MAX];
	uint32_t ref = a->ref;

	for (unsigned int i = 0; i < DATAGRAMS_BURST && a->busy && a->ref == ref; i++) {
		ssize_t n = recv(a->fd, data, sizeof(data), MSG_DONTWAIT);

		if (n >= 0)
			resolver_upstream_answer(s->core, ref, data, (size_t)n);
		else if (errno == EAGAIN || errno == EINTR)
			return;
		else
			failed(s, a);
	}
}

/* The question goes out once it is connected; then the answer is waited for. */
static void stream_send(struct shell *s, struct ask *a, struct loop_ref ref)
{
	ssize_t n = send(a->fd, a->out + a->out_sent, (size_t)(a->out_len - a->out_sent), MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n < 0) {
		if (errno != EAGAIN)
			failed(s, a);
		return;
	}
	a->out_sent = (uint16_t)(a->out_sent + n);
	if (a->out_sent == a->out_len && loop_change(&s->loop, a->fd, EPOLLIN, ref) < 0)
		failed(s, a);
}

static void stream_receive(struct shell *s, struct ask *a)
{
	struct stream_buffer *b = &s->asks->buffers[a->buffer];
	ssize_t n = recv(a->fd, b->bytes + b->len, sizeof(b->bytes) - b->len, MSG_DONTWAIT);
	size_t want;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		failed(s, a);
		return;
	}
	b->len += (uint32_t)n;
	want = b->len >= PREFIX ? (size_t)b->bytes[0] << 8 | b->bytes[1] : SIZE_MAX;
	if (b->len < PREFIX || b->len - PREFIX < want)
		return;
	resolver_upstream_answer(s->core, a->ref, b->bytes + PREFIX, want);
}

void ask_event(struct shell *s, struct loop_ref ref, uint32_t events)
{
	struct ask *a = &s->asks->all[ref.index];

	if (!a->busy || a->generation != ref.generation)
		return;
	if (!a->stream)
		datagram_event(s, a);
	else if (a->out_sent < a->out_len && !(events & EPOLLERR))
		stream_send(s, a, ref);
	else
		stream_receive(s, a);
}
