/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The connection book in virtual time: the test is the network below it and the asker above. */
#include <stdlib.h>

#include "check.h"
#include "postern/pipeline.h"

#define LOG_MAX 256
#define START_MS 1000000

static struct {
	struct pipeline *p;
	uint64_t now_ms;
	bool open[PIPELINE_CONNECTIONS_MAX];
	uint32_t upstream[PIPELINE_CONNECTIONS_MAX];
	uint32_t n_opens, n_open;
	bool refuse;	     /* open() fails */
	uint32_t answered[LOG_MAX], failed[LOG_MAX];
	uint32_t n_answered, n_failed;
	uint16_t last_id;
	size_t last_len;
	uint32_t ask_again;  /* from within answer(): the next reference, 0: none */
} net;

static void make_query(uint16_t id, uint8_t mark, uint8_t *q)
{
	memset(q, 0, 32);
	q[0] = (uint8_t)(id >> 8);
	q[1] = (uint8_t)id;
	q[31] = mark;
}

static int ask(uint32_t upstream, uint32_t ref, uint16_t id)
{
	uint8_t q[32];

	make_query(id, (uint8_t)ref, q);
	return pipeline_ask(net.p, upstream, ref, q, sizeof(q));
}

static int on_open(void *ctx, uint32_t conn, uint32_t upstream)
{
	(void)ctx;
	if (net.refuse)
		return -1;
	CHECK(!net.open[conn]);
	net.open[conn] = true;
	net.upstream[conn] = upstream;
	net.n_opens++;
	net.n_open++;
	return 0;
}

static void on_wake(void *ctx, uint32_t conn)
{
	(void)ctx;
	CHECK(net.open[conn]);
}

static void on_close(void *ctx, uint32_t conn)
{
	(void)ctx;
	CHECK(net.open[conn]);
	net.open[conn] = false;
	net.n_open--;
}

static void on_answer(void *ctx, uint32_t ref, const uint8_t *data, size_t len)
{
	(void)ctx;
	net.answered[net.n_answered++ % LOG_MAX] = ref;
	net.last_id = (uint16_t)(data[0] << 8 | data[1]);
	net.last_len = len;
	if (net.ask_again) {
		CHECK(ask(0, net.ask_again, 7) == 0);
		net.ask_again = 0;
	}
}

static void on_failed(void *ctx, uint32_t ref)
{
	(void)ctx;
	net.failed[net.n_failed++ % LOG_MAX] = ref;
}

static const struct pipeline_ports ports = {
	.open = on_open, .wake = on_wake, .close = on_close, .answer = on_answer, .failed = on_failed,
};

static void begin(const char *row)
{
	check_row(row);
	pipeline_free(net.p);
	memset(&net, 0, sizeof(net));
	net.p = pipeline_new(&ports, NULL);
	net.now_ms = START_MS;
	pipeline_advance(net.p, net.now_ms);
}

static void pass(uint64_t ms)
{
	net.now_ms += ms;
	pipeline_advance(net.p, net.now_ms);
}

/* The one connection that is open to @upstream, or the first of them. */
static uint32_t conn_to(uint32_t upstream)
{
	for (uint32_t i = 0; i < PIPELINE_CONNECTIONS_MAX; i++)
		if (net.open[i] && net.upstream[i] == upstream)
			return i;
	return PIPELINE_CONNECTIONS_MAX;
}

/* Takes all that is to be sent; the ids of the questions in it, in order. */
static unsigned int take(uint32_t conn, uint16_t *ids)
{
	unsigned int n = 0;
	size_t len;
	const uint8_t *out = pipeline_unsent(net.p, conn, &len);

	for (size_t at = 0; at < len; n++) {
		CHECK(out[at] == 0 && out[at + 1] == 32);
		ids[n] = (uint16_t)(out[at + 2] << 8 | out[at + 3]);
		at += 34;
	}
	pipeline_sent(net.p, conn, len);
	return n;
}

static void receive(uint32_t conn, const uint8_t *data, size_t len)
{
	while (len && net.open[conn]) {
		size_t room;
		uint8_t *space = pipeline_space(net.p, conn, &room);

		CHECK(room > 0);
		room = room < len ? room : len;
		memcpy(space, data, room);
		pipeline_received(net.p, conn, room);
		data += room;
		len -= room;
	}
}

/* An answer of @len bytes with @id. */
static void reply(uint32_t conn, uint16_t id, size_t len)
{
	static uint8_t m[2 + DNS_MESSAGE_MAX];

	m[0] = (uint8_t)(len >> 8);
	m[1] = (uint8_t)len;
	m[2] = (uint8_t)(id >> 8);
	m[3] = (uint8_t)id;
	receive(conn, m, 2 + len);
}

static void test_pipelined(void)
{
	uint16_t ids[PIPELINE_FLIGHT_MAX];
	uint32_t c;

	begin("answers in any order, on one kept connection");
	for (uint32_t i = 1; i <= 4; i++)
		CHECK(ask(0, i, 500) == 0); /* all with the same id */
	c = conn_to(0);
	CHECK(net.n_opens == 1 && take(c, ids) == 0); /* nothing is sent before it is connected */
	pipeline_connected(net.p, c);
	CHECK(take(c, ids) == 4);
	for (unsigned int i = 0; i < 4; i++)
		for (unsigned int k = 0; k < i; k++)
			CHECK(ids[i] != ids[k]);
	for (unsigned int i = 4; i-- > 0;) {
		reply(c, ids[i], 40);
		CHECK(net.answered[3 - i] == i + 1 && net.last_id == 500 && net.last_len == 40);
	}
	CHECK(net.n_answered == 4 && net.n_failed == 0);
	CHECK(ask(0, 5, 9) == 0 && net.n_opens == 1 && take(c, ids) == 1 && ids[0] == 9);
	reply(c, 9, DNS_MESSAGE_MAX); /* as large as a message can be */
	CHECK(net.n_answered == 5 && net.last_len == DNS_MESSAGE_MAX);
	CHECK(pipeline_deadline(net.p) <= net.now_ms + PIPELINE_IDLE_MS);
	pass(PIPELINE_IDLE_MS - 1);
	CHECK(net.n_open == 1);
	pass(1);
	CHECK(net.n_open == 0 && pipeline_deadline(net.p) == UINT64_MAX);
}

static void test_pieces(void)
{
	uint8_t m[28] = {0, 12, 0, 3, [14] = 0, [15] = 12, [16] = 0, [17] = 4};
	uint16_t ids[PIPELINE_FLIGHT_MAX];

	begin("byte by byte, and two at once");
	CHECK(ask(0, 1, 3) == 0 && ask(0, 2, 4) == 0);
	pipeline_connected(net.p, conn_to(0));
	CHECK(take(conn_to(0), ids) == 2);
	for (size_t i = 0; i < sizeof(m); i++) {
		CHECK(net.n_answered == (i >= 14));
		receive(conn_to(0), &m[i], 1);
	}
	CHECK(net.n_answered == 2 && net.last_len == 12);
	CHECK(ask(0, 3, 3) == 0 && ask(0, 4, 4) == 0);
	receive(conn_to(0), m, sizeof(m));
	CHECK(net.n_answered == 4);
	/* an answer makes the next question, which reuses place and id */
	CHECK(ask(0, 5, 3) == 0 && ask(0, 6, 4) == 0);
	net.ask_again = 7;
	receive(conn_to(0), m, sizeof(m));
	CHECK(net.n_answered == 6 && net.n_opens == 1);
}

static void test_death(void)
{
	uint16_t ids[PIPELINE_FLIGHT_MAX];

	begin("a connection that never answered gives its questions up at once");
	CHECK(ask(0, 1, 1) == 0 && ask(0, 2, 2) == 0);
	pipeline_closed(net.p, conn_to(0)); /* refused */
	CHECK(net.n_failed == 2 && net.n_open == 0);
	CHECK(ask(0, 3, 1) == 0);
	pipeline_connected(net.p, conn_to(0));
	pipeline_closed(net.p, conn_to(0)); /* closed without an answer */
	CHECK(net.n_failed == 3 && net.failed[2] == 3);
	begin("one that had answered: they move");
	for (uint32_t i = 1; i <= 4; i++)
		CHECK(ask(0, i, (uint16_t)i) == 0);
	pipeline_connected(net.p, conn_to(0));
	CHECK(take(conn_to(0), ids) == 4);
	reply(conn_to(0), 1, 20);
	reply(conn_to(0), 2, 20);
	pipeline_closed(net.p, conn_to(0));
	CHECK(net.n_failed == 0 && net.n_opens == 2 && net.n_open == 1);
	pipeline_connected(net.p, conn_to(0));
	CHECK(take(conn_to(0), ids) == 2);
	reply(conn_to(0), 4, 20);
	reply(conn_to(0), 3, 20);
	CHECK(net.n_answered == 4);
	begin("one question for which the server closes fails, and no other");
	for (uint32_t i = 1; i <= 5; i++)
		CHECK(ask(0, i, (uint16_t)i) == 0);
	for (unsigned int round = 0; round < 20 && net.n_open; round++) {
		uint32_t c = conn_to(0);
		unsigned int n;

		pipeline_connected(net.p, c);
		n = take(c, ids);
		CHECK(round == 0 ? n == 5 : n == 1);
		if (ids[0] != 1)
			reply(c, ids[0], 20);
		pipeline_closed(net.p, c); /* with 1 in it before any answer */
	}
	CHECK(net.n_answered == 4 && net.n_failed == 1 && net.failed[0] == 1 && net.n_open == 0);
	begin("and so it is with one that is answered by what no server sends");
	for (uint32_t i = 1; i <= 3; i++)
		CHECK(ask(0, i, (uint16_t)i) == 0);
	for (unsigned int round = 0; round < 20 && net.n_open; round++) {
		static const uint8_t none[2] = {0, 0};
		uint32_t c = conn_to(0);

		pipeline_connected(net.p, c);
		CHECK(take(c, ids) > 0);
		if (ids[0] == 1) {
			receive(c, none, sizeof(none));
		} else {
			reply(c, ids[0], 20);
			pipeline_closed(net.p, c);
		}
	}
	CHECK(net.n_answered == 2 && net.n_failed == 1 && net.failed[0] == 1);
	begin("a question that moved shares its connection with none that comes");
	CHECK(ask(0, 1, 1) == 0 && ask(0, 2, 2) == 0);
	pipeline_connected(net.p, conn_to(0));
	pipeline_closed(net.p, conn_to(0));
	CHECK(net.n_failed == 0 && net.n_open == 2);
	CHECK(ask(0, 3, 3) == 0 && net.n_open == 3);
	begin("nobody waits: nothing moves");
	CHECK(ask(0, 1, 1) == 0 && ask(0, 2, 2) == 0);
	pipeline_connected(net.p, conn_to(0));
	reply(conn_to(0), 1, 20);
	pipeline_forget(net.p, 2);
	pipeline_forget(net.p, 2);
	pipeline_closed(net.p, conn_to(0));
	CHECK(net.n_opens == 1 && net.n_failed == 0);
}

/* Answers the first question of each connection and closes it, as long as there are some. */
static void serve_serially(unsigned int rounds)
{
	uint16_t ids[PIPELINE_FLIGHT_MAX];

	while (rounds-- && net.n_open) {
		uint32_t c = conn_to(0);

		pipeline_connected(net.p, c);
		if (take(c, ids))
			reply(c, ids[0], 20);
		pipeline_closed(net.p, c);
	}
}

static void test_serial(void)
{
	begin("a server that closes after each answer");
	for (uint32_t i = 1; i <= 20; i++)
		CHECK(ask(0, i, (uint16_t)i) == 0);
	serve_serially(100);
	CHECK(net.n_answered == 20 && net.n_failed == 0 && net.n_open == 0);
	for (uint32_t i = 21; i <= 24; i++)
		CHECK(ask(0, i, (uint16_t)i) == 0);
	CHECK(net.n_open == 4); /* one question each, now that it is known */
	serve_serially(100);
	CHECK(net.n_answered == 24 && net.n_failed == 0);
	for (uint32_t i = 0; i < PIPELINE_SERIAL_MAX; i++)
		CHECK(ask(0, 100 + i, 1) == 0);
	CHECK(ask(0, 200, 1) < 0 && net.n_open == PIPELINE_SERIAL_MAX); /* bounded */
}

static void test_slow(void)
{
	uint16_t ids[PIPELINE_FLIGHT_MAX];
	uint32_t first;

	begin("a slow name holds up nobody");
	CHECK(ask(0, 1, 1) == 0);
	first = conn_to(0);
	pipeline_connected(net.p, first);
	pass(300); /* in order, so the next would wait too */
	CHECK(ask(0, 2, 2) == 0 && net.n_open == 2);
	CHECK(ask(1, 3, 3) == 0 && net.n_open == 3); /* another upstream has its own */
	pass(PIPELINE_STALL_MS);
	CHECK(net.open[first]); /* somebody waits still */
	reply(first, 1, 20);
	CHECK(net.n_answered == 1 && net.answered[0] == 1);
	begin("one that never answers ends once nobody waits");
	CHECK(ask(0, 1, 1) == 0);
	first = conn_to(0);
	pipeline_connected(net.p, first);
	CHECK(take(first, ids) == 1);
	pass(100);
	pipeline_forget(net.p, 1);
	CHECK(ask(0, 2, 1) == 0 && take(first, ids) == 1 && ids[0] != 1); /* the old answer may come still */
	reply(first, 1, 20);
	CHECK(net.n_answered == 0);
	reply(first, ids[0], 20);
	CHECK(net.n_answered == 1 && net.last_id == 1);
	CHECK(ask(0, 3, 1) == 0);
	pass(PIPELINE_STALL_MS);
	pipeline_forget(net.p, 3);
	pass(1);
	CHECK(net.n_open == 0 && net.n_failed == 0);
	begin("one that never gets connected");
	CHECK(ask(0, 1, 1) == 0);
	pass(PIPELINE_CONNECT_MS);
	CHECK(net.n_open == 0 && net.n_failed == 1);
}

static void test_bounds(void)
{
	unsigned int n = 0;

	begin("questions and connections are bounded");
	while (ask(3, n + 1, (uint16_t)n) == 0)
		n++;
	CHECK(n == PIPELINE_PER_UPSTREAM * PIPELINE_FLIGHT_MAX && net.n_open == PIPELINE_PER_UPSTREAM);
	for (uint32_t u = 0; u < 16; u++)
		for (uint32_t i = 0; i < 256; i++)
			(void)!ask(u, 1000 + 256 * u + i, 1);
	CHECK(net.n_open == PIPELINE_CONNECTIONS_MAX);
	CHECK(ask(PIPELINE_UPSTREAMS_MAX, 1, 1) < 0);
	pipeline_reset(net.p);
	CHECK(net.n_open == 0 && net.n_failed == 0 && pipeline_deadline(net.p) == UINT64_MAX);
	begin("idle connections give way");
	for (uint32_t u = 0; u < 8; u++)
		for (uint32_t i = 0; i < 64; i++)
			CHECK(ask(u, 1 + 64 * u + i, 1) == 0);
	CHECK(net.n_open == PIPELINE_CONNECTIONS_MAX && ask(9, 2000, 1) < 0);
	for (uint32_t c = 0; c < PIPELINE_CONNECTIONS_MAX; c++) {
		uint16_t ids[PIPELINE_FLIGHT_MAX];
		unsigned int in_flight;

		pipeline_connected(net.p, c);
		in_flight = take(c, ids);
		CHECK(in_flight == 8);
		for (unsigned int i = 0; i < in_flight; i++)
			reply(c, ids[i], 20);
	}
	CHECK(ask(9, 2000, 1) == 0 && net.n_open == PIPELINE_CONNECTIONS_MAX && net.n_failed == 0);
	begin("no socket");
	net.refuse = true;
	CHECK(ask(0, 1, 1) < 0 && net.n_open == 0 && net.n_failed == 0);
}

static void test_hostile(void)
{
	uint8_t runt[2 + 11] = {0, 11}, empty[2] = {0, 0};

	begin("a message that is none");
	CHECK(ask(0, 1, 1) == 0 && ask(0, 2, 2) == 0);
	pipeline_connected(net.p, conn_to(0));
	reply(conn_to(0), 1, 20);
	receive(conn_to(0), runt, sizeof(runt));
	CHECK(net.n_open == 0 && net.n_failed == 1 && net.failed[0] == 2); /* does not move: it speaks no DNS */
	CHECK(ask(0, 3, 1) == 0);
	pipeline_connected(net.p, conn_to(0));
	receive(conn_to(0), empty, sizeof(empty));
	CHECK(net.n_open == 0 && net.n_failed == 2);
	begin("answers that nobody asked for, without end");
	CHECK(ask(0, 1, 1) == 0);
	pipeline_connected(net.p, conn_to(0));
	for (unsigned int i = 0; i < 1000 && net.n_open; i++)
		reply(conn_to(0), 999, 20);
	CHECK(net.n_open == 0 && net.n_answered == 0 && net.n_failed == 1);
	begin("the same answer twice");
	CHECK(ask(0, 1, 1) == 0 && ask(0, 2, 2) == 0);
	pipeline_connected(net.p, conn_to(0));
	reply(conn_to(0), 1, 20);
	reply(conn_to(0), 1, 20);
	CHECK(net.n_answered == 1 && net.n_open == 1);
	begin("answered before it was sent: no more is taken than fits");
	for (uint32_t i = 1; i <= 200; i++) {
		if (ask(0, i, 1) < 0)
			break;
		pipeline_connected(net.p, conn_to(0));
		reply(conn_to(0), 1, 20);
	}
	CHECK(net.n_failed == 0);
}

/* The answer to @id with an OPT record: the connection is kept for @units of 100 ms (RFC 7828). */
static void reply_keepalive(uint32_t conn, uint16_t id, uint16_t units)
{
	const uint8_t m[] = {0, 34, (uint8_t)(id >> 8), (uint8_t)id, 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0, 1,
		0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 6, 0, 11, 0, 2, (uint8_t)(units >> 8), (uint8_t)units};

	receive(conn, m, sizeof(m));
}

static void test_keepalive(void)
{
	static const struct {
		const char *name;
		uint16_t units;
		uint64_t kept_ms;
	} rows[] = {
		{"a server that keeps it for a second", 10, 875},
		{"for longer than we do by ourselves", 400, 35000},
		{"for hours", UINT16_MAX, PIPELINE_KEEP_MAX_MS},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		begin(rows[i].name);
		CHECK(ask(0, 1, 1) == 0);
		pipeline_connected(net.p, conn_to(0));
		reply_keepalive(conn_to(0), 1, rows[i].units);
		CHECK(net.n_answered == 1 && pipeline_deadline(net.p) <= net.now_ms + rows[i].kept_ms);
		pass(rows[i].kept_ms - 1);
		CHECK(net.n_open == 1);
		pass(1);
		CHECK(net.n_open == 0);
	}
	begin("not at all: closed behind the last answer, and no further question on it");
	CHECK(ask(0, 1, 1) == 0 && ask(0, 2, 2) == 0);
	pipeline_connected(net.p, conn_to(0));
	reply_keepalive(conn_to(0), 1, 0);
	CHECK(net.n_answered == 1 && net.n_open == 1 && ask(0, 3, 3) == 0 && net.n_opens == 2);
	reply(conn_to(0), 2, 20);
	pass(0);
	CHECK(net.n_answered == 2 && net.n_failed == 0 && net.n_open == 1);
	begin("the last word counts");
	CHECK(ask(0, 1, 1) == 0 && ask(0, 2, 2) == 0);
	pipeline_connected(net.p, conn_to(0));
	reply_keepalive(conn_to(0), 1, 0);
	reply_keepalive(conn_to(0), 2, 300);
	pass(PIPELINE_IDLE_MS);
	CHECK(net.n_open == 1 && net.n_answered == 2);
}

int main(void)
{
	test_pipelined();
	test_pieces();
	test_death();
	test_serial();
	test_slow();
	test_bounds();
	test_hostile();
	test_keepalive();
	pipeline_free(net.p);
	return check_report();
}
