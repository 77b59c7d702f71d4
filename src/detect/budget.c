/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Buckets that are filled by what is new and run out at a steady rate: what a threshold holds within its window. So each
 * threshold is a promise: of a zone under a BLOCK rule of that confidence no more gets out than one bucketful, and one
 * more in each window if somebody knows the rates and keeps below them. Whoever keeps asking what is refused keeps the bucket full, but
 * for no longer than twice what it took to fill it.
 */
#include "budget.h"

#include "postern/compiler.h"

#define BYTES(n) ((n) * 8u)

static const struct {
	uint32_t window_s;
	uint32_t limits[CONFIDENCE_COUNT]; /* what runs out in a window is that of LOW */
} buckets[BUDGET_BUCKETS] = {
	[BUDGET_BITS_SHORT] = {600, {[CONFIDENCE_LOW] = BYTES(400), [CONFIDENCE_MEDIUM] = BYTES(800), [CONFIDENCE_HIGH] = BYTES(1600)}},
	[BUDGET_BITS_LONG] = {86400, {[CONFIDENCE_LOW] = BYTES(1500), [CONFIDENCE_MEDIUM] = BYTES(3000), [CONFIDENCE_HIGH] = BYTES(6000)}},
	[BUDGET_NAMES_SHORT] = {600, {[CONFIDENCE_LOW] = 150, [CONFIDENCE_MEDIUM] = 400, [CONFIDENCE_HIGH] = 1000}},
	[BUDGET_NAMES_LONG] = {86400, {[CONFIDENCE_LOW] = 1500, [CONFIDENCE_MEDIUM] = 4000, [CONFIDENCE_HIGH] = 10000}},
};

static void drain(struct bucket *k, unsigned int kind, unsigned int scale, uint32_t now_s)
{
	uint64_t rate = (uint64_t)buckets[kind].limits[CONFIDENCE_LOW] * scale;
	uint64_t out = now_s > k->at_s ? (now_s - k->at_s) * rate : 0;

	k->level -= out < k->level ? out : k->level;
	k->at_s = now_s > k->at_s ? now_s : k->at_s;
}

static uint64_t limit(unsigned int kind, unsigned int scale, unsigned int confidence)
{
	return (uint64_t)buckets[kind].limits[confidence] * scale * buckets[kind].window_s;
}

static void fill(struct bucket *k, unsigned int kind, unsigned int scale, uint32_t amount)
{
	uint64_t most = 2 * limit(kind, scale, CONFIDENCE_HIGH), more = (uint64_t)amount * buckets[kind].window_s;

	k->level = more > most - k->level ? most : k->level + more;
}

void budget_charge(struct budget *b, unsigned int scale, uint32_t now_s, uint32_t bits, uint32_t names)
{
	for (unsigned int i = 0; i < BUDGET_BUCKETS; i++) {
		drain(&b->buckets[i], i, scale, now_s);
		fill(&b->buckets[i], i, scale, i < BUDGET_NAMES_SHORT ? bits : names);
	}
}

enum confidence budget_confidence(const struct budget *b, unsigned int scale)
{
	unsigned int c = CONFIDENCE_NONE;

	for (unsigned int i = 0; i < BUDGET_BUCKETS; i++)
		while (c < CONFIDENCE_HIGH && b->buckets[i].level >= limit(i, scale, c + 1))
			c++;
	return (enum confidence)c;
}

uint32_t budget_heat(struct budget *b, uint32_t now_s)
{
	uint32_t most = 0;

	for (unsigned int i = 0; i < BUDGET_BUCKETS; i++) {
		uint32_t heat;

		drain(&b->buckets[i], i, 1, now_s);
		heat = (uint32_t)(b->buckets[i].level * 1000 / limit(i, 1, CONFIDENCE_LOW));
		most = heat > most ? heat : most;
	}
	return most;
}
