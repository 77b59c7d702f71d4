/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How much new a sandbox has asked in a zone: leaky buckets.
 */
#ifndef POSTERN_DETECT_BUDGET_H
#define POSTERN_DETECT_BUDGET_H

#include <stdint.h>

#include "postern/image.h"

/* Information in the names, and the names themselves; for a burst and for a drip. */
enum budget_bucket { BUDGET_BITS_SHORT, BUDGET_BITS_LONG, BUDGET_NAMES_SHORT, BUDGET_NAMES_LONG, BUDGET_BUCKETS };

struct bucket {
	uint64_t level; /* units times seconds of the window: so a second drains a whole number */
	uint32_t at_s;	/* up to when it is drained */
};

struct budget {
	struct bucket buckets[BUDGET_BUCKETS];
};

#define BUDGET_TOTAL_SCALE 5 /* of all zones of a sandbox together */

/* @scale: 1 for a zone. */
void budget_charge(struct budget *b, unsigned int scale, uint32_t now_s, uint32_t bits, uint32_t names);
/* What the fullest bucket shows. */
enum confidence budget_confidence(const struct budget *b, unsigned int scale) POSTERN_PURE;
/* How full the fullest bucket is at @now_s, in thousandths of LOW. */
uint32_t budget_heat(struct budget *b, uint32_t now_s);

#endif
