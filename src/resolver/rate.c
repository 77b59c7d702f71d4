/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A token bucket for each sandbox, kept as one time (the virtual scheduling algorithm of ITU-T I.371, GCRA): when the
 * bucket would be full again. Each query moves it by one interval; a query that would move it further than a whole bucket ahead
 * of now is over. A time in the past is a full bucket, so a place that was never used is right as it is, as zeros.
 *
 * This is what keeps sandboxes from each other: one process answers all, in the order in which they ask, so without it
 * a sandbox that asks without end takes the processor time in which its neighbours would be answered. What is over costs a
 * receive and a look into this table, a hundredth of a question that goes upstream and into the kernel's sets.
 *
 * A datagram that is over is not answered. SERVFAIL or REFUSED would make a stub resolver ask its next server at once, so the
 * flood would grow by its answers; TC would move it to TCP, where it costs more; silence makes it wait, which is the
 * only answer that a flood cannot profit from. On TCP there is something better: the connection is not read for a while.
 *
 * Within a sandbox there may be several clients (containers behind one bridge). As long as half of the sandbox's allowance is left
 * each takes what it wants. The other half is for those who have asked little: there a client takes no more than an allowance of its
 * own (clients.c). So one that floods has all that nobody else uses, and finds its neighbours answered. The same holds for
 * the questions under way, whose number is limited too.
 *
 * New connections have a bucket of their own: were they queries, thousands of them that never ask would leave nothing for
 * the questions of the same sandbox.
 */
#include "rate.h"

#include <stdlib.h>
#include <string.h>

#define NS_PER_S 1000000000u
#define NS_PER_MS 1000000u

struct bucket {
	uint64_t full_ns[RATE_KINDS]; /* when it is full again */
	uint64_t first_ms, last_ms; /* of what is counted in over */
	uint32_t over;
};

struct rate {
	struct client_allowance kinds[RATE_KINDS];
	uint64_t oldest_ms;
	struct clients *clients;
	uint16_t top; /* slots below it may have been used */
	struct bucket buckets[SANDBOX_MAX];
};

struct rate *rate_new(void)
{
	struct rate *rate = calloc(1, sizeof(*rate));

	if (!rate)
		return NULL;
	rate->oldest_ms = UINT64_MAX;
	rate->clients = clients_new();
	if (rate->clients)
		return rate;
	free(rate);
	return NULL;
}

void rate_free(struct rate *rate)
{
	if (rate)
		clients_free(rate->clients);
	free(rate);
}

static struct client_allowance allowance(uint64_t interval_ns, uint64_t depth_ns)
{
	return (struct client_allowance){interval_ns, depth_ns < interval_ns ? interval_ns : depth_ns};
}

void rate_set(struct rate *rate, const struct image_settings *settings)
{
	uint64_t query_ns = NS_PER_S / settings->queries_per_s, client_ns = NS_PER_S / settings->client_queries_per_s;
	uint64_t depth_ns = query_ns * settings->queries_burst, client_depth_ns = client_ns * settings->client_queries_burst;
	const struct client_allowance of_client[CLIENT_KINDS] = {
		[CLIENT_QUERY] = allowance(client_ns, client_depth_ns),
		[CLIENT_CONNECTION] = allowance(client_ns * RATE_QUERIES_PER_CONNECTION, client_depth_ns),
	};

	rate->kinds[RATE_QUERY] = allowance(query_ns, depth_ns);
	rate->kinds[RATE_CONNECTION] = allowance(query_ns * RATE_QUERIES_PER_CONNECTION, depth_ns);
	for (unsigned int i = 0; i < CLIENT_KINDS; i++)
		clients_set(rate->clients, (enum client_kind)i, &of_client[i]);
	clients_set_prefix6(rate->clients, settings->client_prefix6);
}

static void note_oldest(struct rate *rate, uint64_t ms)
{
	if (ms < rate->oldest_ms)
		rate->oldest_ms = ms;
}

static void count_over(struct rate *rate, uint16_t slot, uint64_t now_ms)
{
	struct bucket *b = &rate->buckets[slot];

	if (slot >= rate->top)
		rate->top = (uint16_t)(slot + 1);
	if (b->over == 0)
		b->first_ms = now_ms;
	if (b->over < UINT32_MAX)
		b->over++;
	b->last_ms = now_ms;
	note_oldest(rate, b->first_ms);
}

/* Where the sandbox is short: was the client within its own allowance? */
static bool client_may(struct rate *rate, uint16_t slot, enum client_verdict v, uint64_t now_ms)
{
	if (v == CLIENT_UNTOLD)
		count_over(rate, slot, now_ms);
	else if (v == CLIENT_OVER)
		note_oldest(rate, now_ms);
	return v == CLIENT_GOOD;
}

static bool client_takes(struct rate *rate, const struct rate_asker *who, enum rate_kind kind, uint64_t now_ms)
{
	static const enum client_kind of_client[RATE_KINDS] = {
		[RATE_QUERY] = CLIENT_QUERY, [RATE_CONNECTION] = CLIENT_CONNECTION};

	return client_may(rate, who->slot, clients_take(rate->clients, who->slot, who->peer, of_client[kind], now_ms), now_ms);
}

enum rate_verdict rate_take(struct rate *rate, const struct rate_asker *who, enum rate_kind kind, uint64_t now_ms)
{
	const struct client_allowance *a = &rate->kinds[kind];
	uint64_t now_ns = now_ms * NS_PER_MS, used_ns;
	struct bucket *b;

	ASSERT(who->slot < SANDBOX_MAX);
	b = &rate->buckets[who->slot];
	if (who->slot >= rate->top)
		rate->top = (uint16_t)(who->slot + 1);
	if (b->full_ns[kind] < now_ns)
		b->full_ns[kind] = now_ns;
	used_ns = b->full_ns[kind] + a->interval_ns - now_ns;
	if (used_ns > a->depth_ns) {
		count_over(rate, who->slot, now_ms);
		return RATE_OVER;
	}
	if (used_ns > a->depth_ns / 2 && who->peer && !client_takes(rate, who, kind, now_ms))
		return RATE_CLIENT_OVER;
	b->full_ns[kind] += a->interval_ns;
	return RATE_GOOD;
}

bool rate_begin(struct rate *rate, const struct rate_asker *who, uint64_t now_ms, uint16_t *ret_place)
{
	*ret_place = CLIENT_NO_PLACE;
	return !who->peer ||
		client_may(rate, who->slot, clients_begin(rate->clients, who->slot, who->peer, now_ms, ret_place), now_ms);
}

void rate_end(struct rate *rate, uint16_t slot, uint16_t place)
{
	clients_end(rate->clients, slot, place);
}

uint64_t rate_shared(const struct rate *rate)
{
	return clients_shared(rate->clients);
}

void rate_forget(struct rate *rate, uint16_t slot)
{
	if (slot < rate->top)
		rate->buckets[slot] = (struct bucket){0};
	clients_forget(rate->clients, slot);
}

uint64_t rate_oldest(const struct rate *rate)
{
	return rate->oldest_ms;
}

/* What was counted of the sandbox itself. */
static bool flush_bucket(struct rate *rate, uint16_t slot, const struct record_out *out)
{
	struct decision_record d = {.reason = REASON_FLOOD, .rule = IMAGE_NONE, .slot = slot};
	struct bucket *b = &rate->buckets[slot];

	if (slot >= rate->top || b->over == 0)
		return true;
	d.first_ms = b->first_ms;
	d.last_ms = b->last_ms;
	d.count = b->over;
	if (out->ports->record(out->ctx, &d, out->last_chance) < 0 && !out->last_chance)
		return false;
	b->over = 0;
	return true;
}

bool rate_flush_slot(struct rate *rate, uint16_t slot, const struct record_out *out)
{
	return clients_flush(rate->clients, slot, out) && flush_bucket(rate, slot, out);
}

bool rate_flush(struct rate *rate, const struct record_out *out)
{
	if (!clients_flush(rate->clients, SANDBOX_NONE, out))
		return false;
	for (uint16_t slot = 0; slot < rate->top; slot++)
		if (!flush_bucket(rate, slot, out))
			return false;
	rate->oldest_ms = UINT64_MAX;
	return true;
}
