/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Windows of events: see the header.
 *
 * Windows are all equally long, so the order of opening is the order of ending: a queue. A forgotten
 * sandbox's windows end early; they are moved to a queue of their own, which is served first. Records are
 * reused last in, first out, so that a quiet process touches few of them.
 */
#include "windows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "postern/hash.h"

#define BUCKETS 4096
#define NONE 0 /* records count from 1 */
#define SLOTS (SANDBOX_MAX + 1) /* the last one stands for SANDBOX_NONE */
#define SUPPRESSED_MAX 256	/* (sandbox, reason) pairs told apart between two reports */

struct record {
	struct window_key key;
	uint64_t end_ms;
	uint32_t next_hash;
	uint32_t next; /* in its queue, or in the free list */
	struct event event;
};

struct queue {
	uint32_t head, tail;
};

struct suppressed {
	uint16_t slot, reason;
	uint32_t count;
};

struct windows {
	struct hash_key hash;
	uint64_t total_suppressed;
	uint64_t report_ms; /* when the suppressed ones are due; UINT64_MAX: none */
	struct suppressed suppressed[SUPPRESSED_MAX];
	uint32_t n_suppressed;
	struct queue open, ended;
	uint32_t free_list, top;
	uint32_t buckets[BUCKETS];
	uint16_t share[SLOTS];
	struct record records[WINDOWS_MAX + 1];
};

int windows_new(struct windows **ret_windows)
{
	struct windows *w = calloc(1, sizeof(*w));

	if (!w)
		return -ENOMEM;
	hash_key_init(&w->hash);
	w->report_ms = UINT64_MAX;
	*ret_windows = w;
	return 0;
}

void windows_free(struct windows *w)
{
	free(w);
}

static uint32_t *bucket(struct windows *w, const struct window_key *k)
{
	uint8_t flat[24] = {k->protocol, (uint8_t)(k->inbound | k->would_block << 1), (uint8_t)k->reason};

	memcpy(flat + 3, &k->slot, 2);
	memcpy(flat + 5, &k->port, 2);
	memcpy(flat + 7, &k->destination, sizeof(k->destination));
	return &w->buckets[hash_bytes(&w->hash, flat, sizeof(flat)) % BUCKETS];
}

static bool same(const struct window_key *a, const struct window_key *b)
{
	return a->slot == b->slot && a->reason == b->reason && a->port == b->port && a->protocol == b->protocol &&
		a->inbound == b->inbound && a->would_block == b->would_block && addr_equal(&a->destination, &b->destination);
}

static uint16_t *share(struct windows *w, uint16_t slot)
{
	return &w->share[slot < SANDBOX_MAX ? slot : SANDBOX_MAX];
}

static void push(struct windows *w, struct queue *q, uint32_t n)
{
	w->records[n].next = NONE;
	if (q->tail)
		w->records[q->tail].next = n;
	else
		q->head = n;
	q->tail = n;
}

static uint32_t pop(struct windows *w, struct queue *q)
{
	uint32_t n = q->head;

	q->head = w->records[n].next;
	if (!q->head)
		q->tail = NONE;
	return n;
}

static void unhash(struct windows *w, uint32_t n)
{
	uint32_t *at = bucket(w, &w->records[n].key);

	for (; *at != n; at = &w->records[*at].next_hash)
		ASSERT(*at);
	*at = w->records[n].next_hash;
}

struct event *windows_find(struct windows *w, const struct window_key *key)
{
	uint32_t n = *bucket(w, key);

	while (n && !same(&w->records[n].key, key))
		n = w->records[n].next_hash;
	return n ? &w->records[n].event : NULL;
}

static void suppress(struct windows *w, const struct window_key *key, uint64_t end_ms)
{
	uint32_t i = 0;

	w->total_suppressed++;
	if (w->report_ms == UINT64_MAX)
		w->report_ms = end_ms;
	while (i < w->n_suppressed &&
		(w->suppressed[i].slot != key->slot || w->suppressed[i].reason != key->reason))
		i++;
	if (i == SUPPRESSED_MAX) { /* the last one stands for all that are not told apart */
		i--;
		w->suppressed[i].slot = SANDBOX_NONE;
		w->suppressed[i].reason = REASON_OVERLOAD;
	} else if (i == w->n_suppressed) {
		w->suppressed[w->n_suppressed++] = (struct suppressed){key->slot, key->reason, 0};
	}
	w->suppressed[i].count++;
}

struct event *windows_open(struct windows *w, const struct window_key *key, uint64_t end_ms)
{
	uint32_t n = w->free_list, *head;
	struct record *r;

	if (*share(w, key->slot) == WINDOWS_SHARE || (!n && w->top == WINDOWS_MAX)) {
		suppress(w, key, end_ms);
		return NULL;
	}
	if (n)
		w->free_list = w->records[n].next;
	else
		n = ++w->top;
	r = &w->records[n];
	r->key = *key;
	r->end_ms = end_ms;
	memset(&r->event, 0, sizeof(r->event));
	head = bucket(w, key);
	r->next_hash = *head;
	*head = n;
	push(w, &w->open, n);
	++*share(w, key->slot);
	return &r->event;
}

uint64_t windows_due_ms(const struct windows *w)
{
	uint64_t due = w->report_ms;

	if (w->ended.head)
		return 0;
	if (w->open.head && w->records[w->open.head].end_ms < due)
		due = w->records[w->open.head].end_ms;
	return due;
}

static bool take_suppressed(struct windows *w, uint64_t now_ms, struct event *ret_event)
{
	const struct suppressed *s;

	if (!w->n_suppressed || w->report_ms > now_ms)
		return false;
	s = &w->suppressed[--w->n_suppressed];
	memset(ret_event, 0, sizeof(*ret_event));
	ret_event->kind = EVENT_SUPPRESSED;
	ret_event->slot = s->slot;
	ret_event->reason = s->reason;
	ret_event->count = s->count;
	if (!w->n_suppressed)
		w->report_ms = UINT64_MAX;
	return true;
}

bool windows_take(struct windows *w, uint64_t now_ms, struct event *ret_event)
{
	uint32_t n;

	if (w->ended.head) {
		n = pop(w, &w->ended);
	} else if (w->open.head && w->records[w->open.head].end_ms <= now_ms) {
		n = pop(w, &w->open);
		unhash(w, n);
		--*share(w, w->records[n].key.slot);
	} else {
		return take_suppressed(w, now_ms, ret_event);
	}
	*ret_event = w->records[n].event;
	w->records[n].next = w->free_list;
	w->free_list = n;
	return true;
}

void windows_end(struct windows *w, uint16_t slot)
{
	struct queue rest = {NONE, NONE};

	while (w->open.head) {
		uint32_t n = pop(w, &w->open);

		if (w->records[n].key.slot != slot) {
			push(w, &rest, n);
			continue;
		}
		unhash(w, n);
		--*share(w, slot);
		push(w, &w->ended, n);
	}
	w->open = rest;
}

uint64_t windows_suppressed(const struct windows *w)
{
	return w->total_suppressed;
}
