/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * postern-resolver: answers the DNS of the sandboxes.
 *
 * Started by posternd as the user postern-resolver, without capabilities, the channel to the gate on fd 3. It parses
 * hostile bytes on both sides, may open IP sockets, and nothing else. All decisions are the core's (core.c); here are
 * sockets, time and the channels. It ends with the channel, or where the gate breaks the protocol.
 */
#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "postern/child.h"
#include "postern/clock.h"
#include "postern/linkwatch.h"

#include "../dnssec/dnssec_ldns.h"
#include "shell.h"

#define EVENTS_MAX 64
#define STREAM_TICK_MS 1000
#define PINS_TOGETHER 32 /* requests that are not kept until the turn's end: the gate can begin */

static struct shell the_shell;

static void port_answer(void *ctx, const struct client *c, const uint8_t *data, size_t len)
{
	if (c->stream)
		stream_answer(ctx, c, data, len);
	else
		datagram_answer(ctx, c, data, len);
}

static int port_ask(void *ctx, const struct upstream_ask *ask)
{
	return ask_open(ctx, ask);
}

static void port_forget(void *ctx, uint32_t ref)
{
	ask_close(ctx, ref);
}

static int port_pin(void *ctx, struct msg_pin_request *m)
{
	return gate_send_pin(ctx, m);
}

static int port_record(void *ctx, const struct decision_record *d, bool last_chance)
{
	return gate_record(ctx, d, last_chance);
}

/* From the kernel, by the page: an id and the case of a name cost no system call each. */
uint32_t shell_random(void)
{
	static uint32_t pool[64];
	static size_t used = ARRAY_LEN(pool);
	uint32_t value;

	if (used == ARRAY_LEN(pool)) {
		ASSERT(getrandom(pool, sizeof(pool), 0) == sizeof(pool)); /* 256 bytes are never short: getrandom(2) */
		used = 0;
	}
	value = pool[used];
	pool[used++] = 0; /* what was used is not in memory any more */
	return value;
}

static uint32_t port_random(void *ctx)
{
	(void)ctx;
	return shell_random();
}

static int port_seen(void *ctx, const struct anchor_seen *seen)
{
	return gate_send_seen(ctx, seen);
}

static const struct resolver_ports ports = {
	.answer = port_answer, .ask = port_ask, .forget = port_forget, .pin = port_pin, .record = port_record,
	.random = port_random, .seen = port_seen,
};

static int dispatch(struct shell *s, const struct loop_event *e)
{
	switch ((enum source)e->ref.kind) {
	case SOURCE_GATE:
		return gate_receive(s);
	case SOURCE_DATAGRAM:
		datagrams_receive(s, e->ref.index);
		return 0;
	case SOURCE_LISTENER:
		streams_accept(s, e->ref.index);
		return 0;
	case SOURCE_STREAM:
		stream_event(s, e->ref, e->events);
		return 0;
	case SOURCE_UDP:
		udp_event(s, e->ref);
		return 0;
	case SOURCE_CONN:
		conn_event(s, e->ref, e->events);
		return 0;
	case SOURCE_TLS:
		return tls_receive(s);
	}
	return -EPROTO;
}

static int timeout_ms(const struct shell *s)
{
	uint64_t due_ms = resolver_deadline(s->core), conns_ms = pipeline_deadline(conns_book(s));
	uint64_t now_ms = clock_now_ms(), wait_ms;

	if (conns_ms < due_ms)
		due_ms = conns_ms;
	wait_ms = due_ms > now_ms ? due_ms - now_ms : 0;

	if (streams_any(s) && wait_ms > STREAM_TICK_MS)
		return STREAM_TICK_MS;
	return wait_ms > INT32_MAX ? -1 : (int)wait_ms;
}

static void turn_end(struct shell *s)
{
	udp_turn_end(s);
	gate_send_pins(s);
	datagrams_send(s);
}

static int run(void *shell)
{
	struct shell *s = shell;
	struct loop_event events[EVENTS_MAX];
	uint64_t ticked_ms = 0;
	int rc = 0;

	while (rc == 0) {
		int n = loop_wait(&s->loop, events, EVENTS_MAX, timeout_ms(s));

		if (n < 0)
			return n;
		s->now_ms = clock_now_ms();
		pipeline_advance(conns_book(s), s->now_ms);
		resolver_set_wall(s->core, clock_wall_us() / 1000);
		resolver_advance(s->core, s->now_ms);
		for (int i = 0; i < n && rc == 0; i++) {
			rc = dispatch(s, &events[i]);
			if (s->pins.n >= PINS_TOGETHER)
				gate_send_pins(s);
		}
		turn_end(s);
		if (s->now_ms - ticked_ms >= STREAM_TICK_MS) {
			streams_tick(s);
			ticked_ms = s->now_ms;
		}
	}
	return rc;
}

static int prepare(void *shell)
{
	struct shell *s = shell;

	channel_init(&s->audit.channel, -1, ROLE_RESOLVER, ROLE_AUDIT);
	channel_init(&s->tls.channel, -1, ROLE_RESOLVER, ROLE_TLS);
	s->core = resolver_new(&ports, s);
	s->streams = streams_new();
	s->asks = asks_new();
	s->udp = udp_new();
	s->conns = conns_new(s);
	s->ioctl_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	s->linkwatch_fd = linkwatch_open();
	if (!s->core || !s->streams || !s->asks || !s->udp || !s->conns || s->ioctl_fd < 0 || s->linkwatch_fd < 0)
		return -ENOMEM;
	dnssec_warm_up();
	return 0;
}

static void finish(void *shell)
{
	const struct shell *s = shell;

	resolver_flush(s->core);
}

int main(void)
{
	static const struct child_program program = {.role = ROLE_RESOLVER, .prepare = prepare, .run = run, .finish = finish};

	return child_main(&program, &the_shell, &the_shell.gate, &the_shell.loop);
}
