/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which kept replies are to be asked for again before their end: a heap of moments, with a limit of its own for each
 * sandbox. It holds hashes, not names: the cache tells whether the reply is still there.
 */
#ifndef POSTERN_RESOLVER_PREFETCH_H
#define POSTERN_RESOLVER_PREFETCH_H

#include <stdbool.h>
#include <stdint.h>

#define PREFETCH_MAX 4096
#define PREFETCH_PER_SANDBOX 512
#define PREFETCH_TASKS_MAX 512	       /* under way */
#define PREFETCH_TASKS_PER_SANDBOX 32

struct prefetch_item {
	uint64_t due_ms;
	uint64_t hash; /* of the cache key */
	uint16_t slot;
};

struct prefetch;

struct prefetch *prefetch_new(void);
void prefetch_free(struct prefetch *p);
/* False where there is no room, of the sandbox's or at all. */
bool prefetch_add(struct prefetch *p, const struct prefetch_item *item);
/* Takes the next one that is due; false: none is. */
bool prefetch_take(struct prefetch *p, uint64_t now_ms, struct prefetch_item *ret_item);
/* When the next one is; UINT64_MAX: there is none. */
uint64_t prefetch_next(const struct prefetch *p);

#endif
