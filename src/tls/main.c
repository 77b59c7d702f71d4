/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * postern-tls: asks upstreams over TLS (RFC 7858) for postern-resolver.
 *
 * Started by posternd as the user postern-tls, without capabilities, the channel to the gate on fd 3. It may open IP connections, no
 * file and no listening socket; of all processes it alone links a TLS library, parses certificates and holds session keys. It sees the
 * names that the upstreams are asked, and nothing else of the sandboxes. It ends with its channels.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

#include "postern/clock.h"
#include "postern/log.h"
#include "postern/role.h"
#include "shell.h"

#define EVENTS_MAX 64

static struct shell the_shell;

static int dispatch(struct shell *s, const struct loop_event *e)
{
	switch ((enum source)e->ref.kind) {
	case SOURCE_GATE:
		return gate_receive(s);
	case SOURCE_RESOLVER:
		return resolver_receive(s);
	case SOURCE_CONN:
		conn_event(s, e->ref, e->events);
		return 0;
	}
	return -EPROTO;
}

static int timeout_ms(const struct shell *s)
{
	uint64_t due_ms = pipeline_deadline(s->book), now_ms = clock_now_ms();
	uint64_t wait_ms = due_ms > now_ms ? due_ms - now_ms : 0;

	return wait_ms > INT32_MAX ? -1 : (int)wait_ms;
}

static int run(struct shell *s)
{
	struct loop_event events[EVENTS_MAX];
	int rc = 0;

	while (rc == 0) {
		int n = loop_wait(&s->loop, events, EVENTS_MAX, timeout_ms(s));

		if (n < 0)
			return n;
		s->now_ms = clock_now_ms();
		pipeline_advance(s->book, s->now_ms);
		for (int i = 0; i < n && rc == 0; i++)
			rc = dispatch(s, &events[i]);
	}
	return rc;
}

/* Everything of the library that could want a file or a thread, before the filter. */
static int prepare_library(void)
{
	SSL_CTX *probe;

	/* dates of certificates go through mktime(3), which reads the time zone's file anew each time where TZ is not set */
	if (setenv("TZ", "UTC0", 1) < 0)
		return -errno;
	tzset();
	if (OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_LOAD_SSL_STRINGS | OPENSSL_INIT_LOAD_CRYPTO_STRINGS, NULL) != 1)
		return -ENOMEM;
	probe = SSL_CTX_new(TLS_client_method());
	if (!probe)
		return -ENOMEM;
	SSL_CTX_free(probe);
	return 0;
}

static int start(struct shell *s)
{
	static const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE};
	struct msg_plain ready = {0};
	int rc;

	for (size_t i = 0; i < ARRAY_LEN(ignored); i++)
		signal(ignored[i], SIG_IGN); /* the end is the end of the channel */
	channel_init(&s->gate, CHANNEL_FD, ROLE_TLS, ROLE_GATE);
	channel_init(&s->resolver, -1, ROLE_TLS, ROLE_RESOLVER);
	s->now_ms = clock_now_ms();
	rc = prepare_library();
	if (rc == 0)
		rc = conns_init(s);
	if (rc == 0)
		rc = loop_init(&s->loop);
	if (rc == 0)
		rc = role_filter(ROLE_TLS);
	if (rc == 0)
		rc = loop_add(&s->loop, CHANNEL_FD, EPOLLIN, (struct loop_ref){.kind = SOURCE_GATE});
	return rc < 0 ? rc : channel_send(&s->gate, MSG_READY, &ready, NULL, 0);
}

int main(void)
{
	int rc;

	log_init("postern-tls", LOG_LEVEL_INFO);
	rc = start(&the_shell);
	if (rc == 0)
		rc = run(&the_shell);
	if (rc < 0 && rc != -EPIPE)
		log_err("ends error=\"%s\"", strerror(-rc));
	return rc == -EPIPE ? 0 : 1;
}
