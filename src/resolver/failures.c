/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The table of failures: sets of a few places, by the keyed hash of sandbox, name and type. A hash of 64 bits that nobody
 * outside can aim at stands for the question itself: the worst that a collision does is a SERVFAIL of some seconds.
 * In a full set what ends first makes room, so a sandbox that asks for thousands of broken names makes the table
 * forget, not grow.
 */
#include "failures.h"

#include <stdlib.h>

#define SETS 1024u
#define WAYS 4u
#define FIRST_MS 5000u
#define LONGEST_MS 60000u
#define REMEMBERED_MS 60000u /* after its end: the next failure doubles */

struct failure {
	uint64_t hash;
	uint64_t until_ms; /* 0: none */
	uint32_t epoch;
	uint32_t wait_ms;
};

struct failures {
	struct failure sets[SETS][WAYS];
};

struct failures *failures_new(void)
{
	return calloc(1, sizeof(struct failures));
}

void failures_free(struct failures *f)
{
	free(f);
}

static size_t set_of(const struct cache_key *k)
{
	return k->hash >> 20 & (SETS - 1);
}

/* Its place, or WAYS. */
static unsigned int place_of(const struct failures *f, const struct cache_key *k)
{
	const struct failure *set = f->sets[set_of(k)];
	unsigned int i;

	for (i = 0; i < WAYS; i++)
		if (set[i].until_ms && set[i].hash == k->hash && set[i].epoch == k->epoch)
			break;
	return i;
}

bool failures_find(const struct failures *f, const struct cache_key *k, uint64_t now_ms)
{
	unsigned int i = place_of(f, k);

	return i < WAYS && f->sets[set_of(k)][i].until_ms > now_ms;
}

void failures_note(struct failures *f, const struct cache_key *k, uint64_t now_ms)
{
	struct failure *set = f->sets[set_of(k)], *place = &set[0];
	unsigned int i = place_of(f, k);
	uint32_t wait_ms = FIRST_MS;

	if (i < WAYS && set[i].until_ms > now_ms)
		return; /* of the same failure */
	if (i < WAYS && set[i].until_ms + REMEMBERED_MS > now_ms)
		wait_ms = set[i].wait_ms * 2 < LONGEST_MS ? set[i].wait_ms * 2 : LONGEST_MS;
	for (unsigned int way = 1; way < WAYS; way++)
		if (set[way].until_ms < place->until_ms)
			place = &set[way];
	if (i < WAYS)
		place = &set[i];
	*place = (struct failure){.hash = k->hash, .until_ms = now_ms + wait_ms, .epoch = k->epoch, .wait_ms = wait_ms};
}

void failures_forget(struct failures *f, const struct cache_key *k)
{
	unsigned int i = place_of(f, k);

	if (i < WAYS)
		f->sets[set_of(k)][i].until_ms = 0;
}
