/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Connections. The book decides which there are; here each is a socket, a handshake, then records. An upstream that cannot prove who it
 * is gets no question: until the handshake is done and checked, the book has nothing to send. There is no other way out.
 *
 * What goes wrong is said once for an upstream and reason, and again after SAY_AGAIN_MS; and when it works again. An upstream whose
 * handshake failed is left alone for HOLD_MS, so that a wrong certificate does not cost a handshake a question.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "postern/log.h"
#include "shell.h"

#define SAY_AGAIN_MS 60000
#define HOLD_MS 500
#define WRITE_MAX 16384 /* a record */

static struct loop_ref ref_of(const struct shell *s, uint32_t i)
{
	return (struct loop_ref){.kind = SOURCE_CONN, .generation = s->conns[i].generation, .index = i};
}

static void say_broken(struct shell *s, uint32_t number, const char *why)
{
	const struct image_upstream *up = image_upstream(s->im, number);
	struct upstream *u = &s->upstreams[number];
	char addr[ADDR_TEXT_MAX];

	s->counters[COUNTER_TLS_handshakes_failed]++;
	u->broken = true;
	u->broken_ms = s->now_ms;
	if (u->said == why && s->now_ms - u->said_ms < SAY_AGAIN_MS)
		return;
	u->said = why;
	u->said_ms = s->now_ms;
	log_warning("upstream %s port %u: no TLS with \"%s\": %s: nothing is asked there; see upstreams in postern.conf(5)",
		addr_format(&up->addr, addr), up->port, image_string(s->im, up->tls), why);
}

static void say_good(struct shell *s, uint32_t number)
{
	const struct image_upstream *up = image_upstream(s->im, number);
	struct upstream *u = &s->upstreams[number];
	char addr[ADDR_TEXT_MAX];

	if (u->broken)
		log_notice("upstream %s port %u: TLS with \"%s\" works again", addr_format(&up->addr, addr), up->port,
			image_string(s->im, up->tls));
	u->broken = false;
	u->said = NULL;
}

static int open_socket(struct shell *s, uint32_t i, const struct image_upstream *up)
{
	struct conn *c = &s->conns[i];
	struct sockaddr_storage sa;
	socklen_t len = addr_to_sockaddr(&up->addr, up->port, &sa);
	int one = 1, rc;

	c->fd = socket(up->addr.family == ADDR_V4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		return -errno;
	(void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)); /* without it answers are only later */
	rc = connect(c->fd, (const struct sockaddr *)&sa, len) < 0 && errno != EINPROGRESS ? -errno : 0;
	c->generation++;
	c->watched = EPOLLOUT;
	if (rc == 0)
		rc = loop_add(&s->loop, c->fd, c->watched, ref_of(s, i));
	if (rc < 0)
		close(c->fd);
	return rc;
}

static int port_open(void *ctx, uint32_t i, uint32_t upstream)
{
	struct shell *s = ctx;
	struct conn *c = &s->conns[i];
	struct upstream *u = &s->upstreams[upstream];
	int rc;

	if (!u->trust)
		return -EKEYREJECTED;
	if (u->broken && s->now_ms - u->broken_ms < HOLD_MS)
		return -EAGAIN;
	rc = open_socket(s, i, image_upstream(s->im, upstream));
	if (rc < 0)
		return rc;
	c->upstream = upstream;
	c->done = c->failed = false;
	c->ssl = trust_session(u->trust, c->fd, s->now_ms);
	if (c->ssl)
		return 0;
	close(c->fd);
	return -ENOMEM;
}

static void watch(struct shell *s, uint32_t i, uint32_t events)
{
	struct conn *c = &s->conns[i];

	if (events == c->watched)
		return;
	c->watched = events;
	if (loop_change(&s->loop, c->fd, events, ref_of(s, i)) < 0)
		(void)shutdown(c->fd, SHUT_RDWR); /* no event is worse than an end, which is always reported */
}

/* Sends what it can. An error shows as the end of the connection, which epoll(7) reports: nothing may fail while it is being asked. */
static void port_wake(void *ctx, uint32_t i)
{
	struct shell *s = ctx;
	struct conn *c = &s->conns[i];
	size_t len, done;
	int rc = 1;

	for (;;) {
		const uint8_t *data = pipeline_unsent(s->book, i, &len);

		if (!len)
			break;
		ERR_clear_error();
		rc = SSL_write_ex(c->ssl, data, len < WRITE_MAX ? len : WRITE_MAX, &done);
		if (rc != 1)
			break;
		pipeline_sent(s->book, i, done);
	}
	if (rc == 1) {
		watch(s, i, EPOLLIN);
		return;
	}
	rc = SSL_get_error(c->ssl, rc);
	watch(s, i, rc == SSL_ERROR_WANT_READ ? EPOLLIN : EPOLLIN | EPOLLOUT);
	if (rc != SSL_ERROR_WANT_READ && rc != SSL_ERROR_WANT_WRITE) {
		c->failed = true;
		(void)shutdown(c->fd, SHUT_RDWR);
	}
}

static void port_close(void *ctx, uint32_t i)
{
	struct shell *s = ctx;
	struct conn *c = &s->conns[i];

	ERR_clear_error();
	if (c->done && !c->failed)
		(void)SSL_shutdown(c->ssl); /* the other side is told; its answer is not waited for */
	else if (!c->done && !c->failed && !s->renewing)
		say_broken(s, c->upstream, "the handshake took too long");
	if (c->done)
		SSL_set_shutdown(c->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN); /* or a session of TLS 1.2 would be void */
	SSL_free(c->ssl);
	c->ssl = NULL;
	close(c->fd);
	c->generation++;
}

static const struct pipeline_ports ports = {
	.open = port_open, .wake = port_wake, .close = port_close, .answer = send_answer, .failed = send_failed,
};

int conns_init(struct shell *s)
{
	s->book = pipeline_new(&ports, s);
	return s->book ? 0 : -ENOMEM;
}

static void broke(struct shell *s, uint32_t i, const char *why)
{
	struct conn *c = &s->conns[i];

	c->failed = true;
	if (!c->done)
		say_broken(s, c->upstream, why);
	pipeline_closed(s->book, i);
}

static void handshake(struct shell *s, uint32_t i)
{
	struct conn *c = &s->conns[i];
	int rc, error;

	ERR_clear_error();
	errno = 0;
	rc = SSL_do_handshake(c->ssl);
	error = errno;
	if (rc == 1 && trust_proven(s->upstreams[c->upstream].trust, c->ssl, s->now_ms)) {
		c->done = true;
		s->counters[COUNTER_TLS_connections]++;
		s->counters[COUNTER_TLS_resumed] += (uint64_t)SSL_session_reused(c->ssl);
		say_good(s, c->upstream);
		watch(s, i, EPOLLIN);
		pipeline_connected(s->book, i);
		return;
	}
	rc = SSL_get_error(c->ssl, rc);
	if (rc == SSL_ERROR_WANT_READ || rc == SSL_ERROR_WANT_WRITE)
		watch(s, i, rc == SSL_ERROR_WANT_READ ? EPOLLIN : EPOLLOUT);
	else
		broke(s, i, trust_error(c->ssl, error));
}

/* One record, and what of it did not fit: so much of a hostile server's time for each event, no more. */
static void readable(struct shell *s, uint32_t i)
{
	struct conn *c = &s->conns[i];
	uint16_t generation = c->generation;
	int rc = 1;

	do {
		size_t room, got;
		uint8_t *space = pipeline_space(s->book, i, &room);

		ERR_clear_error();
		rc = SSL_read_ex(c->ssl, space, room, &got);
		if (rc == 1)
			pipeline_received(s->book, i, got);
	} while (rc == 1 && c->generation == generation && SSL_has_pending(c->ssl) && SSL_pending(c->ssl) > 0);
	if (c->generation != generation || rc == 1)
		return;
	rc = SSL_get_error(c->ssl, rc);
	if (rc == SSL_ERROR_WANT_READ || rc == SSL_ERROR_WANT_WRITE)
		return; /* after what went before it, epoll(7) tells */
	c->failed = rc != SSL_ERROR_ZERO_RETURN;
	ERR_clear_error();
	pipeline_closed(s->book, i);
}

void conn_event(struct shell *s, struct loop_ref ref, uint32_t events)
{
	struct conn *c = &s->conns[ref.index];

	if (c->generation != ref.generation)
		return;
	if (!c->done)
		handshake(s, ref.index);
	else if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		readable(s, ref.index);
	else
		port_wake(s, ref.index);
}

static void renew_one(struct shell *s, uint32_t i)
{
	const struct image_upstream *up = image_upstream(s->im, i);
	struct upstream *u = &s->upstreams[i];
	int rc;

	if (!image_upstream_tls(s->im, i))
		return;
	rc = trust_new(image_string(s->im, up->tls), image_string(s->im, up->ca), &u->trust);
	if (rc == -EBADMSG)
		say_broken(s, i, "its `ca` holds no certificate that can be read");
	else if (rc < 0)
		say_broken(s, i, strerror(-rc));
}

void conns_renew(struct shell *s)
{
	uint32_t n = image_n_upstreams(s->im);

	for (uint32_t i = 0; i < PIPELINE_UPSTREAMS_MAX; i++) {
		trust_free(s->upstreams[i].trust);
		s->upstreams[i] = (struct upstream){0};
		if (i < n)
			renew_one(s, i);
	}
}
