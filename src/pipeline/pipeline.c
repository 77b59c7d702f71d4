/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which connection a question goes on, and what becomes of the questions of one that ends.
 *
 * A question goes on the connection with the fewest under way, while that one keeps answering; else on a new one, up to a
 * limit for each upstream. "Keeps answering": BLOCKED_MS without a whole answer while some are under way, and others
 * are preferred (a server that answers in order sits on a slow name); PIPELINE_STALL_MS, and it takes none any more.
 *
 * When a connection closes that had answered before, its questions move, each MOVES_MAX times: servers close kept connections
 * without asking (RFC 7766 6.2.3). So do several questions of one that broke, answer or not: one of them may have been what the server
 * ended it for, and the others are not to pay: each gets a connection to itself, at once where the end was not a clean one, else with
 * its second move, so that the one fails alone. Where nobody else can be to blame it is given up at once.
 * If a connection closed after exactly one answer with questions left, the upstream is taken to do so always ("serial"): one
 * question a connection, more connections.
 */
#include "postern/pipeline.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "connection.h"

#define BLOCKED_MS 250
#define CROWD 8 /* questions under way from which on a second connection is opened */
#define MOVES_MAX 2

/* Where the question of a reference is. */
struct ref_place {
	uint32_t ref;
	uint8_t conn, question;
};

struct pipeline {
	const struct pipeline_ports *ports;
	void *ctx;
	uint64_t now_ms;
	uint64_t due_ms; /* nothing is due before */
	bool serial[PIPELINE_UPSTREAMS_MAX];
	struct ref_place places[PIPELINE_REFS];
	struct connection all[PIPELINE_CONNECTIONS_MAX];
};

static_assert(PIPELINE_CONNECTIONS_MAX <= UINT8_MAX && PIPELINE_FLIGHT_MAX <= UINT8_MAX, "places fit ref_place");

struct pipeline *pipeline_new(const struct pipeline_ports *ports, void *ctx)
{
	struct pipeline *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->ports = ports;
	p->ctx = ctx;
	p->due_ms = UINT64_MAX;
	return p;
}

void pipeline_free(struct pipeline *p)
{
	free(p);
}

static void due(struct pipeline *p, uint64_t at_ms)
{
	if (at_ms < p->due_ms)
		p->due_ms = at_ms;
}

/* How long nothing has come back although something should. */
static uint64_t silent_ms(const struct pipeline *p, const struct connection *c)
{
	return c->n_flight ? p->now_ms - c->moved_ms : 0;
}

static uint32_t flight_limit(const struct pipeline *p, uint32_t upstream)
{
	return p->serial[upstream] ? 1 : PIPELINE_FLIGHT_MAX;
}

static bool takes_more(const struct pipeline *p, const struct connection *c, uint32_t upstream)
{
	return c->state != CONNECTION_CLOSED && c->upstream == upstream && !c->broken && connection_has_room(c) && c->idle_ms &&
		c->n_flight < (c->alone ? 1 : flight_limit(p, upstream)) && silent_ms(p, c) < PIPELINE_STALL_MS;
}

static bool better(const struct pipeline *p, const struct connection *a, const struct connection *b)
{
	bool a_blocked = silent_ms(p, a) >= BLOCKED_MS, b_blocked = silent_ms(p, b) >= BLOCKED_MS;

	return a_blocked != b_blocked ? b_blocked : a->n_flight < b->n_flight;
}

static struct connection *best_of(struct pipeline *p, uint32_t upstream, unsigned int *ret_n)
{
	struct connection *best = NULL;

	*ret_n = 0;
	for (unsigned int i = 0; i < PIPELINE_CONNECTIONS_MAX; i++) {
		struct connection *c = &p->all[i];

		*ret_n += c->state != CONNECTION_CLOSED && c->upstream == upstream;
		if (takes_more(p, c, upstream) && (!best || better(p, c, best)))
			best = c;
	}
	return best;
}

static uint32_t number(const struct pipeline *p, const struct connection *c)
{
	return (uint32_t)(c - p->all);
}

static void shut(struct pipeline *p, struct connection *c)
{
	c->state = CONNECTION_CLOSED;
	c->generation++;
	p->ports->close(p->ctx, number(p, c));
}

/* A place for a new connection: a free one, else that of an idle connection of another upstream. */
static struct connection *free_place(struct pipeline *p)
{
	struct connection *idle = NULL;

	for (unsigned int i = 0; i < PIPELINE_CONNECTIONS_MAX; i++) {
		struct connection *c = &p->all[i];

		if (c->state == CONNECTION_CLOSED)
			return c;
		if (c->n_flight == 0 && (!idle || c->moved_ms < idle->moved_ms))
			idle = c;
	}
	if (idle)
		shut(p, idle);
	return idle;
}

static int open_one(struct pipeline *p, uint32_t upstream, struct connection **ret_c)
{
	struct connection *c = free_place(p);
	int rc;

	if (!c)
		return -ENOBUFS;
	connection_open(c, upstream, p->now_ms);
	rc = p->ports->open(p->ctx, number(p, c), upstream);
	if (rc < 0) {
		c->state = CONNECTION_CLOSED;
		return rc;
	}
	due(p, p->now_ms + PIPELINE_CONNECT_MS);
	*ret_c = c;
	return 0;
}

/* @alone: preferably without any other question. */
static int choose(struct pipeline *p, uint32_t upstream, bool alone, struct connection **ret_c)
{
	unsigned int n, limit = alone || p->serial[upstream] ? PIPELINE_SERIAL_MAX : PIPELINE_PER_UPSTREAM;
	struct connection *best = best_of(p, upstream, &n);
	int rc = -ENOBUFS;

	if (best && best->n_flight < (alone ? 1 : CROWD) && silent_ms(p, best) < BLOCKED_MS) {
		*ret_c = best;
		return 0;
	}
	if (n < limit)
		rc = open_one(p, upstream, ret_c);
	if (rc < 0 && best) {
		*ret_c = best;
		rc = 0;
	}
	return rc;
}

/* Asks @q, whose ids are to be chosen still. */
static int place(struct pipeline *p, uint32_t upstream, const struct question *q)
{
	struct connection *c;
	int rc = choose(p, upstream, q->alone, &c);
	uint32_t at;

	if (rc < 0)
		return rc;
	if (c->n_flight == 0) {
		c->moved_ms = p->now_ms;
		c->alone = q->alone;
	}
	at = connection_add(c, q);
	p->places[q->ref % PIPELINE_REFS] = (struct ref_place){q->ref, (uint8_t)number(p, c), (uint8_t)at};
	due(p, c->moved_ms + PIPELINE_STALL_MS);
	if (c->state == CONNECTION_OPEN)
		p->ports->wake(p->ctx, number(p, c));
	return 0;
}

int pipeline_ask(struct pipeline *p, uint32_t upstream, uint32_t ref, const uint8_t *data, size_t len)
{
	struct question q = {.ref = ref, .len = (uint16_t)len};

	if (upstream >= PIPELINE_UPSTREAMS_MAX || len < DNS_HEADER_SIZE || len > DNS_ASK_MAX)
		return -EINVAL;
	q.asked_id = (uint16_t)(data[0] << 8 | data[1]);
	memcpy(q.data, data, len);
	return place(p, upstream, &q);
}

void pipeline_forget(struct pipeline *p, uint32_t ref)
{
	const struct ref_place *at = &p->places[ref % PIPELINE_REFS];
	struct connection *c = &p->all[at->conn];

	if (at->ref != ref || c->state == CONNECTION_CLOSED || !c->questions[at->question].used ||
		c->questions[at->question].ref != ref)
		return;
	connection_forget(c, at->question);
	if (!c->n_waiting)
		due(p, c->moved_ms + PIPELINE_STALL_MS);
}

/* A question of an ended connection: on another one, the second time alone. */
static bool move(struct pipeline *p, uint32_t upstream, struct question *q, bool clean)
{
	q->alone = !clean || q->moves > 0;
	return q->moves++ < MOVES_MAX && place(p, upstream, q) == 0;
}

static void end(struct pipeline *p, struct connection *c)
{
	bool clean = c->n_answers > 0 && !c->broken;
	bool hope = c->state == CONNECTION_OPEN && (c->n_flight > 1 || clean);
	struct question left[PIPELINE_FLIGHT_MAX];
	uint32_t upstream = c->upstream; /* its place may be another's before we are through */
	unsigned int n = 0;

	for (unsigned int i = 0; i < PIPELINE_FLIGHT_MAX; i++)
		if (c->questions[i].used && c->questions[i].waiting)
			left[n++] = c->questions[i];
	if (c->n_answers == 1 && n && !c->broken)
		p->serial[upstream] = true;
	shut(p, c);
	for (unsigned int i = 0; i < n; i++)
		if (!hope || !move(p, upstream, &left[i], clean))
			p->ports->failed(p->ctx, left[i].ref);
}

void pipeline_closed(struct pipeline *p, uint32_t conn)
{
	if (p->all[conn].state != CONNECTION_CLOSED)
		end(p, &p->all[conn]);
}

void pipeline_reset(struct pipeline *p)
{
	for (unsigned int i = 0; i < PIPELINE_CONNECTIONS_MAX; i++)
		if (p->all[i].state != CONNECTION_CLOSED)
			shut(p, &p->all[i]);
	memset(p->serial, 0, sizeof(p->serial));
	p->due_ms = UINT64_MAX;
}

void pipeline_connected(struct pipeline *p, uint32_t conn)
{
	struct connection *c = &p->all[conn];

	if (c->state != CONNECTION_CONNECTING)
		return;
	c->state = CONNECTION_OPEN;
	c->moved_ms = p->now_ms; /* only now can an answer be expected */
	due(p, p->now_ms + (c->n_flight ? PIPELINE_STALL_MS : c->idle_ms));
	if (c->out_sent < c->out_len)
		p->ports->wake(p->ctx, conn);
}

const uint8_t *pipeline_unsent(const struct pipeline *p, uint32_t conn, size_t *ret_len)
{
	const struct connection *c = &p->all[conn];

	*ret_len = c->state == CONNECTION_OPEN ? c->out_len - c->out_sent : 0;
	return c->out + c->out_sent;
}

void pipeline_sent(struct pipeline *p, uint32_t conn, size_t len)
{
	struct connection *c = &p->all[conn];

	ASSERT(len <= c->out_len - c->out_sent);
	c->out_sent += (uint32_t)len;
}

uint8_t *pipeline_space(struct pipeline *p, uint32_t conn, size_t *ret_len)
{
	struct connection *c = &p->all[conn];

	*ret_len = sizeof(c->in) - c->in_len;
	return c->in + c->in_len;
}

/*
 * RFC 7828 3.3.2: what the last answer says counts, and the connection is closed before the server does it; that began to count when it sent
 * the answer.
 */
static void keep(struct connection *c, const uint8_t *data, size_t len)
{
	struct dns_answer_opt opt;

	dns_answer_opt(data, len, &opt);
	if (!opt.keepalive)
		return;
	c->idle_ms = opt.keepalive_ms - opt.keepalive_ms / 8;
	if (c->idle_ms > PIPELINE_KEEP_MAX_MS)
		c->idle_ms = PIPELINE_KEEP_MAX_MS;
}

/* Hands out the whole messages of @c. False: meanwhile the connection ended. */
static bool deliver(struct pipeline *p, struct connection *c)
{
	uint32_t at = 0, where, generation = c->generation;
	const uint8_t *data;
	size_t len;

	while (connection_next(c, &at, &where, &data, &len)) {
		c->moved_ms = p->now_ms;
		keep(c, data, len);
		if (c->n_answers > 1)
			p->serial[c->upstream] = false;
		if (where < PIPELINE_FLIGHT_MAX)
			p->ports->answer(p->ctx, c->questions[where].ref, data, len);
		if (c->generation != generation)
			return false;
	}
	connection_consume(c, at);
	return true;
}

void pipeline_received(struct pipeline *p, uint32_t conn, size_t len)
{
	struct connection *c = &p->all[conn];

	ASSERT(c->state == CONNECTION_OPEN && len <= sizeof(c->in) - c->in_len);
	c->in_len += (uint32_t)len;
	if (!deliver(p, c))
		return;
	if (c->broken)
		end(p, c);
	else if (c->n_flight == 0)
		due(p, p->now_ms + c->idle_ms);
}

bool pipeline_waiting(const struct pipeline *p, uint32_t conn)
{
	return p->all[conn].state != CONNECTION_CLOSED && p->all[conn].n_waiting;
}

/* When the connection is to be ended if nothing happens. */
static uint64_t end_of(const struct connection *c)
{
	if (c->state == CONNECTION_CONNECTING)
		return c->opened_ms + PIPELINE_CONNECT_MS;
	if (c->n_flight == 0)
		return c->moved_ms + c->idle_ms;
	/* whoever waits has a deadline of his own */
	return c->n_waiting ? UINT64_MAX : c->moved_ms + PIPELINE_STALL_MS;
}

void pipeline_advance(struct pipeline *p, uint64_t now_ms)
{
	if (now_ms > p->now_ms)
		p->now_ms = now_ms;
	if (p->due_ms > p->now_ms)
		return;
	p->due_ms = UINT64_MAX;
	for (unsigned int i = 0; i < PIPELINE_CONNECTIONS_MAX; i++) {
		struct connection *c = &p->all[i];

		if (c->state != CONNECTION_CLOSED && end_of(c) <= p->now_ms)
			end(p, c);
		if (c->state != CONNECTION_CLOSED)
			due(p, end_of(c));
	}
}

uint64_t pipeline_deadline(const struct pipeline *p)
{
	return p->due_ms;
}
