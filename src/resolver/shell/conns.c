/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * TCP connections to upstreams: the sockets below the book of src/pipeline, which decides what goes where.
 *
 * An error while sending is not acted on: epoll(7) reports the connection's end as an event of its own, so that no question fails
 * while it is being asked.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shell.h"

static_assert(RESOLVER_UPSTREAMS_MAX <= PIPELINE_UPSTREAMS_MAX, "each has its connections");

struct conn {
	bool connected;
	int fd;
	uint16_t generation;
	uint32_t watched; /* events asked for */
};

struct conns {
	struct pipeline *book;
	struct conn all[PIPELINE_CONNECTIONS_MAX];
};

static struct loop_ref ref_of(const struct shell *s, uint32_t i)
{
	return (struct loop_ref){.kind = SOURCE_CONN, .generation = s->conns->all[i].generation, .index = i};
}

static int port_open(void *ctx, uint32_t i, uint32_t upstream)
{
	struct shell *s = ctx;
	struct conn *c = &s->conns->all[i];
	const struct image_upstream *up = image_upstream(s->im, upstream);
	struct sockaddr_storage sa;
	socklen_t len = addr_to_sockaddr(&up->addr, up->port, &sa);
	int one = 1, rc = 0;

	c->fd = socket(up->addr.family == ADDR_V4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		return -errno;
	c->generation++;
	c->connected = false;
	c->watched = EPOLLOUT;
	(void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)); /* without it answers are only later */
	if (connect(c->fd, (const struct sockaddr *)&sa, len) < 0 && errno != EINPROGRESS)
		rc = -errno;
	if (rc == 0)
		rc = loop_add(&s->loop, c->fd, c->watched, ref_of(s, i));
	if (rc < 0)
		close(c->fd);
	return rc;
}

static void watch(struct shell *s, uint32_t i, uint32_t events)
{
	struct conn *c = &s->conns->all[i];

	if (events == c->watched)
		return;
	c->watched = events;
	if (loop_change(&s->loop, c->fd, events, ref_of(s, i)) < 0)
		(void)shutdown(c->fd, SHUT_RDWR); /* no event is worse than an end, which is always reported */
}

static void port_wake(void *ctx, uint32_t i)
{
	struct shell *s = ctx;
	size_t len;
	const uint8_t *data = pipeline_unsent(s->conns->book, i, &len);
	ssize_t n = len ? send(s->conns->all[i].fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT) : 0;

	if (n > 0)
		pipeline_sent(s->conns->book, i, (size_t)n);
	watch(s, i, (size_t)n == len ? EPOLLIN : EPOLLIN | EPOLLOUT);
}

static void port_close(void *ctx, uint32_t i)
{
	struct shell *s = ctx;

	close(s->conns->all[i].fd);
	s->conns->all[i].generation++;
}

static void port_answer(void *ctx, uint32_t ref, const uint8_t *data, size_t len)
{
	struct shell *s = ctx;

	resolver_upstream_answer(s->core, ref, data, len);
}

static void port_failed(void *ctx, uint32_t ref)
{
	struct shell *s = ctx;

	resolver_upstream_failed(s->core, ref);
}

static const struct pipeline_ports ports = {
	.open = port_open, .wake = port_wake, .close = port_close, .answer = port_answer, .failed = port_failed,
};

struct conns *conns_new(struct shell *s)
{
	struct conns *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->book = pipeline_new(&ports, s);
	if (t->book)
		return t;
	free(t);
	return NULL;
}

struct pipeline *conns_book(const struct shell *s)
{
	return s->conns->book;
}

static void connected(struct shell *s, uint32_t i)
{
	struct conn *c = &s->conns->all[i];
	socklen_t len = sizeof(int);
	int error = 0;

	if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0 || error) {
		pipeline_closed(s->conns->book, i);
		return;
	}
	c->connected = true;
	watch(s, i, EPOLLIN);
	pipeline_connected(s->conns->book, i);
}

static void readable(struct shell *s, uint32_t i)
{
	size_t room;
	uint8_t *space = pipeline_space(s->conns->book, i, &room);
	ssize_t n = recv(s->conns->all[i].fd, space, room, MSG_DONTWAIT);

	if (n > 0)
		pipeline_received(s->conns->book, i, (size_t)n);
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		pipeline_closed(s->conns->book, i);
}

void conn_event(struct shell *s, struct loop_ref ref, uint32_t events)
{
	struct conn *c = &s->conns->all[ref.index];

	if (c->generation != ref.generation)
		return;
	if (!c->connected)
		connected(s, ref.index);
	else if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		readable(s, ref.index);
	else
		port_wake(s, ref.index);
}
