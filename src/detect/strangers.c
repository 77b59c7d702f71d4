/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A program that computes its domains asks for many that nobody has registered, until it finds the one that somebody did. Ordinary
 * software meets such names one at a time: a typing error, a dead link. So both the number within some minutes counts and its
 * share among everything new. Where nearly nothing new exists, it does not matter what it looks like.
 */
#include "strangers.h"

#define UNIT 32
#define HALF_LIFE_S 300

static const struct {
	uint32_t limits[CONFIDENCE_COUNT];
	uint32_t share; /* of what was asked, in quarters */
} evidence[STRANGER_COUNT] = {
	[STRANGER_ANY] = {{[CONFIDENCE_LOW] = 10 * UNIT, [CONFIDENCE_MEDIUM] = 25 * UNIT, [CONFIDENCE_HIGH] = 50 * UNIT}, 3},
	[STRANGER_RANDOM] = {{[CONFIDENCE_LOW] = 4 * UNIT, [CONFIDENCE_MEDIUM] = 10 * UNIT, [CONFIDENCE_HIGH] = 25 * UNIT}, 1},
	[STRANGER_WORDS] = {{[CONFIDENCE_LOW] = 4 * UNIT, [CONFIDENCE_MEDIUM] = 10 * UNIT, [CONFIDENCE_HIGH] = 25 * UNIT}, 1},
};

static void age(struct strangers *s, uint32_t now_s)
{
	uint32_t halves = now_s > s->at_s ? (now_s - s->at_s) / HALF_LIFE_S : 0;

	s->at_s += halves * HALF_LIFE_S;
	halves = halves < 31 ? halves : 31;
	s->asked >>= halves;
	for (unsigned int i = 0; i < STRANGER_COUNT; i++)
		s->missing[i] >>= halves;
}

static void add(uint32_t *count)
{
	if (*count < UINT32_MAX / 8)
		*count += UNIT;
}

void strangers_asked(struct strangers *s, uint32_t now_s)
{
	age(s, now_s);
	add(&s->asked);
}

void strangers_missing(struct strangers *s, uint32_t now_s, unsigned int kinds)
{
	age(s, now_s);
	for (unsigned int i = 0; i < STRANGER_COUNT; i++)
		if (kinds >> i & 1)
			add(&s->missing[i]);
}

enum confidence strangers_confidence(const struct strangers *s, enum stranger kind)
{
	unsigned int c = CONFIDENCE_NONE;

	if (s->missing[kind] * 4 < s->asked * evidence[kind].share)
		return CONFIDENCE_NONE;
	while (c < CONFIDENCE_HIGH && s->missing[kind] >= evidence[kind].limits[c + 1])
		c++;
	return (enum confidence)c;
}
