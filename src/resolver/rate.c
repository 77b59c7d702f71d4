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
	struct {
		uint64_t interval_ns, depth_ns; /* of one query or connection, of a bucket */
	} kinds[RATE_KINDS];
	uint64_t oldest_ms;
	uint16_t top; /* slots below it may have been used */
	struct bucket buckets[SANDBOX_MAX];
};

struct rate *rate_new(void)
{
	struct rate *rate = calloc(1, sizeof(*rate));

	if (rate)
		rate->oldest_ms = UINT64_MAX;
	return rate;
}

void rate_free(struct rate *rate)
{
	free(rate);
}

void rate_set(struct rate *rate, uint32_t per_s, uint32_t burst)
{
	uint64_t query_ns = NS_PER_S / per_s, connection_ns = query_ns * RATE_QUERIES_PER_CONNECTION;

	rate->kinds[RATE_QUERY].interval_ns = query_ns;
	rate->kinds[RATE_QUERY].depth_ns = query_ns * burst;
	rate->kinds[RATE_CONNECTION].interval_ns = connection_ns;
	rate->kinds[RATE_CONNECTION].depth_ns = query_ns * burst < connection_ns ? connection_ns : query_ns * burst;
}

static void count_over(struct rate *rate, struct bucket *b, uint64_t now_ms)
{
	if (b->over == 0)
		b->first_ms = now_ms;
	if (b->over < UINT32_MAX)
		b->over++;
	b->last_ms = now_ms;
	if (b->first_ms < rate->oldest_ms)
		rate->oldest_ms = b->first_ms;
}

bool rate_take(struct rate *rate, uint16_t slot, enum rate_kind kind, uint64_t now_ms)
{
	uint64_t now_ns = now_ms * NS_PER_MS, interval_ns = rate->kinds[kind].interval_ns;
	struct bucket *b;

	ASSERT(slot < SANDBOX_MAX);
	b = &rate->buckets[slot];
	if (slot >= rate->top)
		rate->top = (uint16_t)(slot + 1);
	if (b->full_ns[kind] < now_ns)
		b->full_ns[kind] = now_ns;
	if (b->full_ns[kind] + interval_ns > now_ns + rate->kinds[kind].depth_ns) {
		count_over(rate, b, now_ms);
		return false;
	}
	b->full_ns[kind] += interval_ns;
	return true;
}

void rate_forget(struct rate *rate, uint16_t slot)
{
	if (slot < rate->top)
		rate->buckets[slot] = (struct bucket){0};
}

uint64_t rate_oldest(const struct rate *rate)
{
	return rate->oldest_ms;
}

bool rate_flush_slot(struct rate *rate, uint16_t slot, const struct record_out *out)
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

bool rate_flush(struct rate *rate, const struct record_out *out)
{
	for (uint16_t slot = 0; slot < rate->top; slot++)
		if (!rate_flush_slot(rate, slot, out))
			return false;
	rate->oldest_ms = UINT64_MAX;
	return true;
}
