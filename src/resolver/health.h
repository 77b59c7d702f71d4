/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is known of an upstream: how long it takes, and whether it answers at all. Pure; the caller has the clock.
 */
#ifndef POSTERN_RESOLVER_HEALTH_H
#define POSTERN_RESOLVER_HEALTH_H

#include <stdbool.h>
#include <stdint.h>

#define HEALTH_FAILS_MAX 3   /* silences in a row, then others are preferred */
#define HEALTH_SAMPLES_MIN 8 /* answers before their times say anything */
#define HEALTH_PATIENCE_MIN_MS 50

struct upstream_health {
	uint8_t fails;	       /* silences since the last answer */
	uint8_t backoff;       /* the same, for patience */
	uint8_t n_samples;     /* up to HEALTH_SAMPLES_MIN */
	uint32_t srtt_8ms;     /* smoothed round trip, in eighths of a millisecond */
	uint32_t rttvar_8ms;   /* and how much it varies */
	uint64_t down_until_ms; /* passed over until then */
	uint32_t answered, silent; /* in all */
};

/* An answer, @rtt_ms after its question. */
void health_answered(struct upstream_health *h, uint64_t rtt_ms);
/* No answer in time, or a broken connection. */
void health_silent(struct upstream_health *h, uint64_t now_ms);
/* It was silent too often, and is asked again to see. Others pass it over meanwhile. */
void health_probe(struct upstream_health *h, uint64_t now_ms);
bool health_down(const struct upstream_health *h);
uint32_t health_rtt_ms(const struct upstream_health *h);
/*
 * How long to wait for an answer before another upstream is asked beside it: the retransmission time-out of RFC 6298,
 * from HEALTH_PATIENCE_MIN_MS to @limit_ms; @limit_ms while too little is known.
 */
uint32_t health_patience_ms(const struct upstream_health *h, uint32_t limit_ms);

#endif
