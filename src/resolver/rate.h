/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How many queries a sandbox may ask and connections it may open: an allowance for each, and the count of what went beyond it.
 */
#ifndef POSTERN_RESOLVER_RATE_H
#define POSTERN_RESOLVER_RATE_H

#include <stdbool.h>
#include <stdint.h>

#include "record.h"

struct rate;

enum rate_kind { RATE_QUERY, RATE_CONNECTION, RATE_KINDS };

#define RATE_QUERIES_PER_CONNECTION 4 /* so many times fewer connections than queries */

/* NULL without memory. Until rate_set() nobody is over. */
struct rate *rate_new(void);
void rate_free(struct rate *rate);
/* The allowance of each sandbox: @per_s queries a second in the long run, @burst at once after a pause. Neither is 0. */
void rate_set(struct rate *rate, uint32_t per_s, uint32_t burst);
/* Takes one of @slot (below SANDBOX_MAX). False: it is over, and was counted; it costs nothing of the allowance. */
bool rate_take(struct rate *rate, uint16_t slot, enum rate_kind kind, uint64_t now_ms);
/* The slot has another owner: with a full allowance. Its count is to be flushed before, or is lost. */
void rate_forget(struct rate *rate, uint16_t slot);
/* When the first that is not yet handed out went over; UINT64_MAX: none did. */
uint64_t rate_oldest(const struct rate *rate);
/*
 * Hands out one record a sandbox that went over: without a name, reason flood, with the number of its queries. False: there was no
 * room for all of them, call again.
 */
bool rate_flush(struct rate *rate, const struct record_out *out);
/* The same for one sandbox. */
bool rate_flush_slot(struct rate *rate, uint16_t slot, const struct record_out *out);

#endif
