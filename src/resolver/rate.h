/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How many queries a sandbox may ask and connections it may open: an allowance for each, what of the scarce half of it one
 * of its clients may take, and the count of what went beyond.
 */
#ifndef POSTERN_RESOLVER_RATE_H
#define POSTERN_RESOLVER_RATE_H

#include <stdbool.h>
#include <stdint.h>

#include "clients.h"
#include "record.h"

struct rate;

enum rate_kind { RATE_QUERY, RATE_CONNECTION, RATE_KINDS };

#define RATE_QUERIES_PER_CONNECTION 4 /* so many times fewer connections than queries */

/* Who asks: a client of a sandbox. @peer is NULL where the sandbox has but one, so that all of the allowance is its own. */
struct rate_asker {
	uint16_t slot; /* below SANDBOX_MAX */
	const struct addr *peer;
};

enum rate_verdict { RATE_GOOD, RATE_OVER, RATE_CLIENT_OVER };

/* NULL without memory. Until rate_set() nobody is over. */
struct rate *rate_new(void);
void rate_free(struct rate *rate);
/* The allowances of @settings: none of them is 0. */
void rate_set(struct rate *rate, const struct image_settings *settings);
/* Takes one. Over, it was counted, and costs nothing of any allowance. */
enum rate_verdict rate_take(struct rate *rate, const struct rate_asker *who, enum rate_kind kind, uint64_t now_ms);
/*
 * The client begins one more of the sandbox's questions under way, which are scarce; counted until rate_end() of *ret_place, where that
 * is not CLIENT_NO_PLACE. False: it may not, which was counted.
 */
bool rate_begin(struct rate *rate, const struct rate_asker *who, uint64_t now_ms, uint16_t *ret_place);
void rate_end(struct rate *rate, uint16_t slot, uint16_t place);
/* How often a client was one of those without a place of their own: see clients.c. */
uint64_t rate_shared(const struct rate *rate);
/* The slot has another owner: with a full allowance. Its count is to be flushed before, or is lost. */
void rate_forget(struct rate *rate, uint16_t slot);
/* When the first that is not yet handed out went over; UINT64_MAX: none did. */
uint64_t rate_oldest(const struct rate *rate);
/*
 * Hands out one record for each client that went over, with its address as the source, and one for each sandbox that did:
 * without a name, reason flood, with the number of queries. False: there was no room for all of them, call again.
 */
bool rate_flush(struct rate *rate, const struct record_out *out);
/* The same for one sandbox. */
bool rate_flush_slot(struct rate *rate, uint16_t slot, const struct record_out *out);

#endif
