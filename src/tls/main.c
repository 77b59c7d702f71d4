/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * postern-tls: asks upstreams over TLS (RFC 7858) for postern-resolver.
 *
 * Started by posternd as the user postern-tls, without capabilities, the channel to the gate on fd 3. It may open IP connections, no
 * file and no listening socket; of all processes it alone links a TLS library, parses certificates and holds session keys. It sees the
 * names that the upstreams are asked, and nothing else of the sandboxes. It ends with its channels.
 */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "postern/child.h"
#include "postern/clock.h"
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

static int run(void *shell)
{
	struct shell *s = shell;
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

static int prepare(void *shell)
{
	struct shell *s = shell;
	int rc;

	channel_init(&s->resolver, -1, ROLE_TLS, ROLE_RESOLVER);
	s->now_ms = clock_now_ms();
	rc = prepare_library();
	return rc == 0 ? conns_init(s) : rc;
}

int main(void)
{
	static const struct child_program program = {.role = ROLE_TLS, .prepare = prepare, .run = run};

	return child_main(&program, &the_shell, &the_shell.gate, &the_shell.loop);
}
