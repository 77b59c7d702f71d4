/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A binary heap, the earliest first: see the header. */
#include "prefetch.h"

#include <stdlib.h>

#include "postern/sandbox.h"

struct prefetch {
	uint32_t n;
	uint16_t n_of[SANDBOX_MAX];
	struct prefetch_item heap[PREFETCH_MAX];
};

struct prefetch *prefetch_new(void)
{
	return calloc(1, sizeof(struct prefetch));
}

void prefetch_free(struct prefetch *p)
{
	free(p);
}

bool prefetch_add(struct prefetch *p, const struct prefetch_item *item)
{
	uint32_t at = p->n;

	ASSERT(item->slot < SANDBOX_MAX);
	if (p->n == PREFETCH_MAX || p->n_of[item->slot] == PREFETCH_PER_SANDBOX)
		return false;
	for (; at && p->heap[(at - 1) / 2].due_ms > item->due_ms; at = (at - 1) / 2)
		p->heap[at] = p->heap[(at - 1) / 2];
	p->heap[at] = *item;
	p->n++;
	p->n_of[item->slot]++;
	return true;
}

/* @item goes where the root was, and down. */
static void sift(struct prefetch *p, const struct prefetch_item *item)
{
	uint32_t at = 0, child;

	while ((child = 2 * at + 1) < p->n) {
		if (child + 1 < p->n && p->heap[child + 1].due_ms < p->heap[child].due_ms)
			child++;
		if (p->heap[child].due_ms >= item->due_ms)
			break;
		p->heap[at] = p->heap[child];
		at = child;
	}
	p->heap[at] = *item;
}

bool prefetch_take(struct prefetch *p, uint64_t now_ms, struct prefetch_item *ret_item)
{
	struct prefetch_item last;

	if (!p->n || p->heap[0].due_ms > now_ms)
		return false;
	*ret_item = p->heap[0];
	last = p->heap[--p->n];
	p->n_of[ret_item->slot]--;
	if (p->n)
		sift(p, &last);
	return true;
}

uint64_t prefetch_next(const struct prefetch *p)
{
	return p->n ? p->heap[0].due_ms : UINT64_MAX;
}
