/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Failures remembered (RFC 9520): a question that no upstream answered is not asked again for a while, 5 seconds at first,
 * doubled with each further failure up to a minute.
 */
#ifndef POSTERN_RESOLVER_FAILURES_H
#define POSTERN_RESOLVER_FAILURES_H

#include <stdbool.h>
#include <stdint.h>

#include "cache.h"

struct failures;

struct failures *failures_new(void);
void failures_free(struct failures *f);
/* Has the question failed so shortly ago that it is not asked again? */
bool failures_find(const struct failures *f, const struct cache_key *k, uint64_t now_ms);
/* It failed now. */
void failures_note(struct failures *f, const struct cache_key *k, uint64_t now_ms);
/* It was answered. */
void failures_forget(struct failures *f, const struct cache_key *k);

#endif
