/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * RFC 6298 section 2, with answers in the place of acknowledgements: SRTT and RTTVAR by 1/8 and 1/4, the bound SRTT + 4 RTTVAR, doubled
 * with each silence. No answer is ambiguous, since each question has an id of its own (Karn's rule has nothing to do).
 *
 * Down is a preference, not a verdict: an upstream that was silent HEALTH_FAILS_MAX times in a row is passed over for a second, doubled
 * with each further silence up to half a minute; then one question at a time tries it.
 */
#include "health.h"

#include <string.h>

#define DOWN_MS 1000
#define DOWN_DOUBLINGS_MAX 5
#define BACKOFF_MAX 4
#define RTT_MAX_MS 60000

void health_answered(struct upstream_health *h, uint64_t rtt_ms)
{
	uint32_t r = (uint32_t)(rtt_ms < RTT_MAX_MS ? rtt_ms : RTT_MAX_MS) * 8, away;

	if (h->n_samples == 0) {
		h->srtt_8ms = r;
		h->rttvar_8ms = r / 2;
	} else {
		away = r > h->srtt_8ms ? r - h->srtt_8ms : h->srtt_8ms - r;
		h->rttvar_8ms = (3 * h->rttvar_8ms + away) / 4;
		h->srtt_8ms = (7 * h->srtt_8ms + r) / 8;
	}
	if (h->n_samples < HEALTH_SAMPLES_MIN)
		h->n_samples++;
	h->answered++;
	h->fails = h->backoff = 0;
	h->down_until_ms = 0;
}

void health_silent(struct upstream_health *h, uint64_t now_ms)
{
	h->silent++;
	if (h->backoff < BACKOFF_MAX)
		h->backoff++;
	if (h->fails < HEALTH_FAILS_MAX + DOWN_DOUBLINGS_MAX)
		h->fails++;
	if (health_down(h))
		h->down_until_ms = now_ms + ((uint64_t)DOWN_MS << (h->fails - HEALTH_FAILS_MAX));
}

void health_probe(struct upstream_health *h, uint64_t now_ms)
{
	if (health_down(h))
		h->down_until_ms = now_ms + DOWN_MS;
}

bool health_down(const struct upstream_health *h)
{
	return h->fails >= HEALTH_FAILS_MAX;
}

uint32_t health_rtt_ms(const struct upstream_health *h)
{
	return (h->srtt_8ms + 4) / 8;
}

uint32_t health_patience_ms(const struct upstream_health *h, uint32_t limit_ms)
{
	uint32_t ms = (h->srtt_8ms + 4 * h->rttvar_8ms) / 8;

	if (h->n_samples < HEALTH_SAMPLES_MIN)
		return limit_ms;
	ms = (ms < HEALTH_PATIENCE_MIN_MS ? HEALTH_PATIENCE_MIN_MS : ms) << h->backoff;
	return ms < limit_ms ? ms : limit_ms;
}
