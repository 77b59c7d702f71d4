/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * When to put on record that the connection table is full: packets were dropped since the last look, and the table is nearly
 * full, as conntrack drops for other reasons too, rarely. The first at once, and from then on one record a FULLNESS_SAY_MS with what
 * was dropped meanwhile. Pure. Private to src/gate.
 */
#ifndef GATE_FULLNESS_H
#define GATE_FULLNESS_H

#include <stdbool.h>
#include <stdint.h>

#define FULLNESS_PERCENT 90
#define FULLNESS_SAY_MS 60000

/* All zero before the first look. */
struct fullness {
	bool seen;
	uint32_t dropped;	/* at the last look */
	uint32_t unsaid;	/* packets that no record stands for yet */
	uint64_t quiet_until_ms;
};

/* A look at the table: the number of packets to be put on record now, or 0. @dropped wraps round. */
uint32_t fullness_look(struct fullness *f, uint32_t entries, uint32_t max, uint32_t dropped, uint64_t now_ms);

#endif
