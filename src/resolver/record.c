/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The table of decisions. All windows are equally long, so records leave in the order in
 * which they came: a ring, with a hash over it. What finds no place is counted by sandbox, and that
 * number is recorded too: a flood shows as a flood.
 */
#include "record.h"

#include <stdlib.h>
#include <string.h>

#define BUCKETS 2048
#define NONE UINT16_MAX

struct entry {
	struct decision_record d;
	uint16_t next; /* in its hash chain */
	uint16_t bucket;
};

struct recorder {
	uint16_t buckets[BUCKETS];
	uint32_t first, n; /* ring */
	uint16_t held[SANDBOX_MAX];
	uint32_t suppressed[SANDBOX_MAX];
	uint64_t suppressed_since_ms; /* 0: nothing is */
	uint64_t suppressed_last_ms;
	struct entry entries[RECORDS_MAX];
};

struct recorder *recorder_new(void)
{
	struct recorder *rec = calloc(1, sizeof(*rec));

	if (!rec)
		return NULL;
	memset(rec->buckets, 0xff, sizeof(rec->buckets));
	return rec;
}

void recorder_free(struct recorder *rec)
{
	free(rec);
}

static bool equal(const struct decision_record *a, const struct decision_record *b, const struct dns_name *name)
{
	return a->count && a->slot == b->slot && a->reason == b->reason && a->action == b->action && a->rule == b->rule &&
		a->name.len == name->len && memcmp(a->name.wire, name->wire, name->len) == 0;
}

static void suppress(struct recorder *rec, const struct decision_record *d)
{
	rec->suppressed[d->slot] += d->count;
	if (!rec->suppressed_since_ms)
		rec->suppressed_since_ms = d->first_ms;
	rec->suppressed_last_ms = d->last_ms;
}

void recorder_add(struct recorder *rec, const struct decision_record *d, const struct dns_name *name, uint64_t hash)
{
	bool allowed = d->action == EVENT_ALLOWED || d->action == EVENT_ACTION_NONE;
	uint16_t bucket = (hash >> 16 ^ d->reason) & (BUCKETS - 1), at;
	struct entry *e;

	ASSERT(d->slot < SANDBOX_MAX);
	for (uint16_t i = rec->buckets[bucket]; i != NONE; i = rec->entries[i].next) {
		e = &rec->entries[i];
		if (!equal(&e->d, d, name))
			continue;
		e->d.count += d->count;
		e->d.last_ms = d->last_ms;
		return;
	}
	if (rec->n == RECORDS_MAX || rec->held[d->slot] >= (allowed ? RECORDS_ALLOWED_MAX : RECORDS_PER_SANDBOX)) {
		suppress(rec, d);
		return;
	}
	at = (uint16_t)((rec->first + rec->n++) % RECORDS_MAX);
	e = &rec->entries[at];
	e->d = *d;
	e->d.name = *name;
	e->bucket = bucket;
	e->next = rec->buckets[bucket];
	rec->buckets[bucket] = at;
	rec->held[d->slot]++;
}

static void remove_first(struct recorder *rec)
{
	struct entry *e = &rec->entries[rec->first];
	uint16_t *link = &rec->buckets[e->bucket];

	while (*link != rec->first)
		link = &rec->entries[*link].next;
	*link = e->next;
	rec->held[e->d.slot]--;
	rec->first = (rec->first + 1) % RECORDS_MAX;
	rec->n--;
}

static void flush_suppressed(struct recorder *rec, const struct record_out *out)
{
	struct decision_record d = {.reason = REASON_OVERLOAD, .rule = IMAGE_NONE, .first_ms = rec->suppressed_since_ms,
		.last_ms = rec->suppressed_last_ms};

	for (uint16_t slot = 0; slot < SANDBOX_MAX; slot++) {
		if (!rec->suppressed[slot])
			continue;
		d.slot = slot;
		d.count = rec->suppressed[slot];
		rec->suppressed[slot] = 0;
		out->ports->record(out->ctx, &d);
	}
	rec->suppressed_since_ms = 0;
}

void recorder_flush(struct recorder *rec, uint64_t until_ms, const struct record_out *out)
{
	while (rec->n && rec->entries[rec->first].d.first_ms <= until_ms) {
		if (rec->entries[rec->first].d.count) /* else it was handed out before its time */
			out->ports->record(out->ctx, &rec->entries[rec->first].d);
		remove_first(rec);
	}
	if (rec->suppressed_since_ms && rec->suppressed_since_ms <= until_ms)
		flush_suppressed(rec, out);
}

void recorder_flush_slot(struct recorder *rec, uint16_t slot, const struct record_out *out)
{
	for (uint32_t i = 0; i < rec->n && rec->held[slot]; i++) {
		struct decision_record *d = &rec->entries[(rec->first + i) % RECORDS_MAX].d;

		if (d->slot != slot || !d->count)
			continue;
		out->ports->record(out->ctx, d);
		d->count = 0; /* its place is free when its turn comes */
	}
}

uint64_t recorder_oldest(const struct recorder *rec)
{
	uint64_t oldest = rec->n ? rec->entries[rec->first].d.first_ms : UINT64_MAX;

	if (rec->suppressed_since_ms && rec->suppressed_since_ms < oldest)
		oldest = rec->suppressed_since_ms;
	return oldest;
}
