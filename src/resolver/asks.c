/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Questions to upstreams. Those over TCP go on kept connections (conns.c). Those over UDP have a socket each, so that each has a
 * random port of the kernel's choice; connected, so that only the upstream's own packets are received. A place in the table is the
 * reference modulo its size.
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

#define DATAGRAM_MAX 4096  /* more than we say we take, so that a lying server is seen as such */
#define DATAGRAMS_BURST 16 /* of one socket: somebody may be guessing */

struct ask {
	bool open; /* there is a socket; false, as fresh pages are */
	bool busy; /* with a question; else the socket is kept: without address and port */
	bool tls;  /* ref is a question that postern-tls has */
	int fd;
	uint32_t ref;
	uint16_t generation; /* of the socket */
	uint8_t family; /* enum addr_family, of the socket */
};

struct asks {
	struct ask all[RESOLVER_TASKS_MAX];
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

static void close_ask(struct ask *a)
{
	if (!a->busy)
		return;
	a->busy = false;
	if (dissolve(a) < 0)
		drop_socket(a);
}

void ask_close(struct shell *s, uint32_t ref)
{
	struct ask *a = ask_of(s, ref);

	if (a->busy && a->ref == ref)
		close_ask(a);
	else if (a->tls && a->ref == ref)
		tls_forget(s, ref);
	else
		pipeline_forget(conns_book(s), ref);
	ask_ended(s, ref);
}

void ask_ended(struct shell *s, uint32_t ref)
{
	struct ask *a = ask_of(s, ref);

	if (a->ref == ref)
		a->tls = false;
}

/* Connects and sends. */
static int connect_to(const struct ask *a, const struct image_upstream *up, const struct upstream_ask *ask)
{
	struct sockaddr_storage sa;
	socklen_t len = addr_to_sockaddr(&up->addr, up->port, &sa);

	if (connect(a->fd, (const struct sockaddr *)&sa, len) < 0)
		return -errno;
	if (send(a->fd, ask->data, ask->len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		return -errno;
	return 0;
}

/* A socket of that family that is in the loop: the one that was kept, or a new one. */
static int take_socket(struct shell *s, struct ask *a, const struct upstream_ask *ask, uint8_t family)
{
	struct loop_ref ref = {.kind = SOURCE_ASK, .index = ask->ref % RESOLVER_TASKS_MAX};
	int rc;

	if (a->open && a->family == family)
		return 0;
	if (a->open)
		drop_socket(a);
	a->fd = socket(family == ADDR_V4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (a->fd < 0)
		return -errno;
	a->open = true;
	a->family = family;
	ref.generation = a->generation;
	rc = loop_add(&s->loop, a->fd, EPOLLIN, ref);
	if (rc < 0)
		drop_socket(a);
	return rc;
}

int ask_open(struct shell *s, const struct upstream_ask *ask)
{
	struct ask *a = ask_of(s, ask->ref);
	const struct image_upstream *up = image_upstream(s->im, ask->upstream);
	int rc;

	close_ask(a);
	a->tls = false;
	if (image_upstream_tls(s->im, ask->upstream)) {
		a->ref = ask->ref;
		a->tls = true;
		return tls_ask(s, ask);
	}
	if (ask->stream)
		return pipeline_ask(conns_book(s), ask->upstream, ask->ref, ask->data, ask->len);
	rc = take_socket(s, a, ask, up->addr.family);
	if (rc < 0)
		return rc;
	a->ref = ask->ref;
	a->busy = true;
	rc = connect_to(a, up, ask);
	if (rc < 0)
		close_ask(a);
	return rc;
}

static void failed(struct shell *s, struct ask *a)
{
	uint32_t ref = a->ref;

	close_ask(a);
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

void ask_event(struct shell *s, struct loop_ref ref)
{
	struct ask *a = &s->asks->all[ref.index];

	if (a->busy && a->generation == ref.generation)
		datagram_event(s, a);
}
