/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * TCP with sandboxes (RFC 7766): questions may be pipelined, split anywhere, and are answered as answers come.
 *
 * What a client can hold is bounded: connections in all and for each sandbox, the length of a question, questions under
 * way (then it is not read any more), time without a whole message, and unsent answers. A connection that goes
 * over a bound is closed, and by a reset, so that the kernel keeps nothing of it either. Bytes that are no query close it too: there is no way to find the next message.
 * While an answer waits to be sent nothing is read, so that a client who does not read cannot make us work. A sandbox
 * that is over its allowance of queries (rate.c) has its connections held: not read until the next tick.
 *
 * Where there is no place, a new connection takes one from whoever has most: from the sandbox with most connections where all
 * are taken, from the client with most where those of the sandbox are; and there the one that has been longest without a
 * question. So ten thousand clients that say nothing push each other out, and one that asks at once is answered.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "shell.h"

#define ACCEPT_MAX 32 /* at once */
#define PREFIX 2
#define NO_BUFFER UINT8_MAX

struct stream {
	bool open; /* false, as fresh pages are: so that idle ones are never touched */
	int fd;
	uint16_t slot, generation;
	uint16_t in_len;
	uint16_t n_flight;
	uint8_t buffer; /* of answers not yet sent, or NO_BUFFER */
	bool held;	/* the next question waits for the sandbox's allowance */
	bool eof;	/* no more questions; it still waits for answers */
	uint32_t watched; /* events asked for */
	uint64_t until_ms;
	struct addr peer, local;
	uint16_t port;
	uint32_t ifindex, stub;
	uint8_t in[PREFIX + STREAM_QUERY_MAX];
};

struct buffer {
	bool used;
	uint32_t len, sent;
	uint8_t bytes[2 * (PREFIX + DNS_MESSAGE_MAX)];
};

struct streams {
	uint32_t n;
	uint16_t per_slot[SANDBOX_MAX];
	struct stream all[STREAMS_MAX];
	struct buffer buffers[STREAM_BUFFERS_MAX];
	uint32_t n_buffers;
	uint16_t buffers_of[SANDBOX_MAX];
};

static_assert(STREAM_BUFFERS_MAX <= NO_BUFFER, "a buffer's number fits");

struct streams *streams_new(void)
{
	return calloc(1, sizeof(struct streams));
}

bool streams_any(const struct shell *s)
{
	return s->streams->n > 0;
}

static void free_buffer(struct streams *t, struct stream *st)
{
	if (st->buffer == NO_BUFFER)
		return;
	t->buffers[st->buffer].used = false;
	t->buffers_of[st->slot]--;
	t->n_buffers--;
	st->buffer = NO_BUFFER;
}

static void close_stream(struct shell *s, struct stream *st)
{
	struct streams *t = s->streams;

	free_buffer(t, st);
	close(st->fd);
	st->open = false;
	st->generation++;
	t->per_slot[st->slot]--;
	t->n--;
}

/* By a reset: no TIME_WAIT, and nothing that the kernel would go on sending to somebody who does not read. */
static void reset_on_close(int fd)
{
	const struct linger now = {.l_onoff = 1};

	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)); /* else it is closed as others are */
}

static void reset_stream(struct shell *s, struct stream *st)
{
	reset_on_close(st->fd);
	close_stream(s, st);
}

static bool reading(const struct stream *st)
{
	return !st->eof && !st->held && st->n_flight < STREAM_FLIGHT_MAX;
}

/* Asks for the events that can be used now. */
static void watch(struct shell *s, struct stream *st)
{
	uint32_t want = st->buffer != NO_BUFFER ? EPOLLOUT : reading(st) ? EPOLLIN : 0;
	struct loop_ref ref = {.kind = SOURCE_STREAM, .generation = st->generation,
		.index = (uint32_t)(st - s->streams->all)};

	if (st->eof && !st->held && st->n_flight == 0 && st->buffer == NO_BUFFER) {
		close_stream(s, st);
		return;
	}
	if (want == st->watched)
		return;
	st->watched = want;
	if (loop_change(&s->loop, st->fd, want, ref) < 0)
		close_stream(s, st);
}

static struct stream *free_stream(struct streams *t)
{
	for (unsigned int i = 0; i < STREAMS_MAX; i++)
		if (!t->all[i].open)
			return &t->all[i];
	return NULL;
}

/* How many of @all are @peer's. */
static unsigned int of_client(struct stream *const *all, unsigned int n, const struct addr *peer)
{
	unsigned int found = 0;

	for (unsigned int i = 0; i < n; i++)
		found += addr_equal(&all[i]->peer, peer);
	return found;
}

/*
 * Which connection of @slot gives way to one of @newcomer: of the client with most that which has been longest
 * without a question. One whose question is under way gives way only to those who have less. NULL: none.
 */
static struct stream *yielding(struct streams *t, uint16_t slot, const struct addr *newcomer, bool any)
{
	struct stream *all[STREAMS_PER_SANDBOX], *found = NULL;
	unsigned int n = 0, most = 0, mine;

	for (unsigned int i = 0; i < STREAMS_MAX && n < t->per_slot[slot]; i++)
		if (t->all[i].open && t->all[i].slot == slot)
			all[n++] = &t->all[i];
	mine = of_client(all, n, newcomer);
	for (unsigned int i = 0; i < n; i++) {
		unsigned int his = of_client(all, n, &all[i]->peer);

		if (his < most || his < mine || (all[i]->n_flight && !any && his <= mine + 1))
			continue;
		if (his > most || all[i]->until_ms < found->until_ms)
			found = all[i];
		most = his;
	}
	return found;
}

static uint16_t largest(const uint16_t *per_slot)
{
	uint16_t slot = 0;

	for (uint16_t i = 1; i < SANDBOX_MAX; i++)
		if (per_slot[i] > per_slot[slot])
			slot = i;
	return slot;
}

/* A place for a connection of @slot, which somebody may have to give up. NULL: there is none. */
static struct stream *make_place(struct shell *s, uint16_t slot, const struct addr *newcomer)
{
	struct streams *t = s->streams;
	struct stream *st;

	if (t->n < STREAMS_MAX && t->per_slot[slot] < STREAMS_PER_SANDBOX)
		return free_stream(t);
	if (t->per_slot[slot] < STREAMS_PER_SANDBOX && t->per_slot[largest(t->per_slot)] > t->per_slot[slot] + 1)
		st = yielding(t, largest(t->per_slot), newcomer, true);
	else
		st = yielding(t, slot, newcomer, false);
	if (st) {
		resolver_count(s->core, COUNTER_RESOLVER_connections_refused);
		reset_stream(s, st);
	}
	return st;
}

/* The interface by which the connection came: the option gives what IP_PKTINFO would have given for its first packet. */
static uint32_t input_interface(int fd, uint8_t family)
{
	union {
		uint8_t bytes[256];
		size_t align; /* as struct cmsghdr */
	} control;
	struct msghdr msg = {.msg_control = &control};
	socklen_t len = sizeof(control);
	int rc = family == ADDR_V4 ? getsockopt(fd, IPPROTO_IP, IP_PKTOPTIONS, &control, &len) :
		getsockopt(fd, IPPROTO_IPV6, IPV6_2292PKTOPTIONS, &control, &len);

	if (rc < 0)
		return 0;
	msg.msg_controllen = len;
	for (struct cmsghdr *cm = CMSG_FIRSTHDR(&msg); cm; cm = CMSG_NXTHDR(&msg, cm)) {
		struct in_pktinfo v4;
		struct in6_pktinfo v6;

		if (cm->cmsg_level == IPPROTO_IP && cm->cmsg_type == IP_PKTINFO) {
			memcpy(&v4, CMSG_DATA(cm), sizeof(v4));
			return (uint32_t)v4.ipi_ifindex;
		}
		if (cm->cmsg_level == IPPROTO_IPV6 && cm->cmsg_type == IPV6_PKTINFO) {
			memcpy(&v6, CMSG_DATA(cm), sizeof(v6));
			return v6.ipi6_ifindex;
		}
	}
	return 0;
}

/* A connection on the stub: whose it is, and whether it may stay. */
static bool admit(struct shell *s, uint32_t stub, int fd, const struct sockaddr_storage *sa)
{
	struct streams *t = s->streams;
	const struct stub *sb = &s->stubs[stub];
	uint32_t ifindex = sb->shared ? input_interface(fd, sb->family) : 0;
	uint16_t port, slot;
	struct addr peer = addr_from_sockaddr(sa, &port);
	struct stream *st;
	struct loop_ref ref = {.kind = SOURCE_STREAM};

	stubs_refresh(s, sb);
	slot = stub_owner(s, sb, ifindex, &peer);
	if (slot == SANDBOX_NONE || !resolver_take_connection(s->core, slot, &peer))
		return false;
	st = make_place(s, slot, &peer);
	if (!st)
		return false;
	st->slot = slot;
	st->in_len = st->n_flight = 0;
	st->held = st->eof = false;
	st->buffer = NO_BUFFER;
	st->watched = EPOLLIN;
	st->until_ms = s->now_ms + STREAM_IDLE_MS;
	st->peer = peer;
	st->port = port;
	st->ifindex = ifindex;
	st->stub = stub;
	ref.generation = st->generation;
	ref.index = (uint32_t)(st - t->all);
	if (loop_add(&s->loop, fd, EPOLLIN, ref) < 0)
		return false;
	st->fd = fd;
	st->open = true;
	t->per_slot[slot]++;
	t->n++;
	return true;
}

void streams_accept(struct shell *s, uint32_t stub)
{
	int listener = s->stubs[stub].tcp_fd;

	if (!s->stubs[stub].open || listener < 0)
		return;
	for (unsigned int i = 0; i < ACCEPT_MAX; i++) {
		struct sockaddr_storage sa;
		socklen_t len = sizeof(sa);
		int fd = accept4(listener, (struct sockaddr *)&sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0)
			return; /* none, or gone again, or no descriptors: the next event tells */
		if (admit(s, stub, fd, &sa))
			continue;
		resolver_count(s->core, COUNTER_RESOLVER_connections_refused);
		reset_on_close(fd);
		close(fd);
	}
}

/* A buffer of the sandbox that has most of them, if that is more than what @slot would have. */
static void take_buffer(struct shell *s, uint16_t slot)
{
	struct streams *t = s->streams;
	uint16_t most = largest(t->buffers_of);

	if (t->buffers_of[most] <= t->buffers_of[slot] + 1)
		return;
	for (unsigned int i = 0; i < STREAMS_MAX; i++) {
		if (!t->all[i].open || t->all[i].slot != most || t->all[i].buffer == NO_BUFFER)
			continue;
		reset_stream(s, &t->all[i]);
		return;
	}
}

static struct buffer *buffer_of(struct shell *s, struct stream *st)
{
	struct streams *t = s->streams;

	if (st->buffer != NO_BUFFER)
		return &t->buffers[st->buffer];
	if (t->buffers_of[st->slot] >= STREAM_BUFFERS_PER_SANDBOX)
		return NULL;
	if (t->n_buffers == STREAM_BUFFERS_MAX)
		take_buffer(s, st->slot);
	for (uint8_t i = 0; i < STREAM_BUFFERS_MAX; i++) {
		if (t->buffers[i].used)
			continue;
		st->buffer = i;
		t->buffers[i].used = true;
		t->buffers_of[st->slot]++;
		t->n_buffers++;
		t->buffers[i].len = t->buffers[i].sent = 0;
		return &t->buffers[i];
	}
	return NULL;
}

/* Keeps what the kernel did not take. False: there is no room. */
static bool keep(struct shell *s, struct stream *st, const struct iovec *iov, size_t sent)
{
	struct buffer *b = buffer_of(s, st);

	for (unsigned int i = 0; i < 2; i++) {
		size_t skip = sent < iov[i].iov_len ? sent : iov[i].iov_len;

		sent -= skip;
		if (!b || iov[i].iov_len - skip > sizeof(b->bytes) - b->len)
			return false;
		memcpy(b->bytes + b->len, (const uint8_t *)iov[i].iov_base + skip, iov[i].iov_len - skip);
		b->len += (uint32_t)(iov[i].iov_len - skip);
	}
	return true;
}

/* Sends a message, or closes the connection. */
static void send_answer(struct shell *s, struct stream *st, const uint8_t *data, size_t len)
{
	uint8_t prefix[PREFIX] = {(uint8_t)(len >> 8), (uint8_t)len};
	struct iovec iov[2] = {{prefix, PREFIX}, {(void *)(uintptr_t)data, len}};
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};
	ssize_t sent = 0;

	if (st->buffer == NO_BUFFER)
		sent = sendmsg(st->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (sent < 0 && errno == EAGAIN)
		sent = 0;
	st->until_ms = s->now_ms + STREAM_IDLE_MS;
	if (sent < 0 || ((size_t)sent < PREFIX + len && !keep(s, st, iov, (size_t)sent)))
		reset_stream(s, st);
}

/* A whole message at the front of st->in. False: the connection is closed. */
static bool take_query(struct shell *s, struct stream *st, size_t len)
{
	struct client c = {.slot = st->slot, .stream = true, .port = st->port, .socket = (uint32_t)(st - s->streams->all),
		.generation = st->generation, .ifindex = st->ifindex, .peer = st->peer};
	uint8_t out[RESOLVER_ANSWER_MAX];
	int rc;

	st->until_ms = s->now_ms + STREAM_IDLE_MS;
	st->n_flight++; /* it may be answered during the call */
	rc = resolver_query(s->core, &c, st->in + PREFIX, len, out);
	st->n_flight = (uint16_t)(st->n_flight - (rc != 0));
	st->held = rc == -EAGAIN;
	if (st->held)
		return true;
	if (rc > 0)
		send_answer(s, st, out, (size_t)rc);
	else if (rc < 0)
		close_stream(s, st);
	if (!st->open)
		return false;
	st->in_len = (uint16_t)(st->in_len - PREFIX - len);
	memmove(st->in, st->in + PREFIX + len, st->in_len);
	return true;
}

/* Every whole message that has come, as far as there is room for answers. False: closed. */
static bool take_queries(struct shell *s, struct stream *st)
{
	while (!st->held && st->in_len >= PREFIX && st->buffer == NO_BUFFER && st->n_flight < STREAM_FLIGHT_MAX) {
		size_t len = (size_t)st->in[0] << 8 | st->in[1];

		if (len < DNS_HEADER_SIZE || len > STREAM_QUERY_MAX) {
			resolver_count(s->core, COUNTER_RESOLVER_malformed);
			close_stream(s, st);
			return false;
		}
		if (st->in_len < PREFIX + len)
			break;
		if (!take_query(s, st, len))
			return false;
	}
	return true;
}

/* False: closed. */
static bool receive(struct shell *s, struct stream *st)
{
	ssize_t n = recv(st->fd, st->in + st->in_len, sizeof(st->in) - st->in_len, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (n < 0) {
		close_stream(s, st);
		return false;
	}
	st->eof = n == 0;
	st->in_len = (uint16_t)(st->in_len + n);
	return true;
}

/* False: closed. */
static bool send_rest(struct shell *s, struct stream *st)
{
	struct buffer *b = &s->streams->buffers[st->buffer];
	ssize_t n = send(st->fd, b->bytes + b->sent, b->len - b->sent, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n < 0 && errno != EAGAIN) {
		close_stream(s, st);
		return false;
	}
	if (n > 0)
		b->sent += (uint32_t)n;
	if (b->sent == b->len) {
		free_buffer(s->streams, st);
		st->until_ms = s->now_ms + STREAM_IDLE_MS;
	}
	return true;
}

void stream_event(struct shell *s, struct loop_ref ref, uint32_t events)
{
	struct stream *st = &s->streams->all[ref.index];

	if (!st->open || st->generation != ref.generation)
		return;
	if (events & EPOLLERR) {
		close_stream(s, st);
		return;
	}
	if (st->buffer != NO_BUFFER) {
		if (!send_rest(s, st))
			return;
	} else if (!reading(st)) {
		if (events & EPOLLHUP) { /* both ways closed: nobody reads the answers */
			close_stream(s, st);
			return;
		}
	} else if (st->in_len < sizeof(st->in) && !receive(s, st)) {
		return;
	}
	if (take_queries(s, st))
		watch(s, st);
}

/* What is already read goes on at the next event: the core is in the middle of something now. */
void stream_answer(struct shell *s, const struct client *c, const uint8_t *data, size_t len)
{
	struct stream *st = &s->streams->all[c->socket];
	struct loop_ref ref = {.kind = SOURCE_STREAM, .generation = st->generation, .index = c->socket};

	if (!st->open || st->generation != c->generation)
		return;
	st->n_flight--;
	send_answer(s, st, data, len);
	if (!st->open)
		return;
	if (st->in_len >= PREFIX && st->buffer == NO_BUFFER) { /* ready to send at once: so the event comes */
		st->watched = EPOLLIN | EPOLLOUT;
		if (loop_change(&s->loop, st->fd, st->watched, ref) < 0)
			close_stream(s, st);
		return;
	}
	watch(s, st);
}

/* Tries the question again that was held. */
static void release(struct shell *s, struct stream *st)
{
	st->held = false;
	if (take_queries(s, st))
		watch(s, st);
}

void streams_tick(struct shell *s)
{
	for (unsigned int i = 0; i < STREAMS_MAX && s->streams->n; i++) {
		struct stream *st = &s->streams->all[i];

		if (!st->open)
			continue;
		if (st->held)
			release(s, st);
		else if (st->until_ms <= s->now_ms && (st->buffer != NO_BUFFER || st->in_len))
			reset_stream(s, st);
		else if (st->until_ms <= s->now_ms)
			close_stream(s, st);
	}
}

void streams_close_slot(struct shell *s, uint16_t slot)
{
	for (unsigned int i = 0; i < STREAMS_MAX && s->streams->n; i++)
		if (s->streams->all[i].open && s->streams->all[i].slot == slot)
			close_stream(s, &s->streams->all[i]);
}
