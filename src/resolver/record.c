/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The table of decisions. All windows are equally long, so records leave in the order in
 * which they came: a ring, with a hash over it. What finds no place is counted by sandbox, and that
 * number is recorded too: a flood shows as a flood.
 *
 * Nobody waits for the log: while the channel is full records stay here, and are offered again; what comes meanwhile
 * is still counted in.
 */
#include "record.h"

#include <stdlib.h>
#include <string.h>

#define BUCKETS 4096
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
	struct decision_record gap; /* that says so */
	struct entry entries[RECORDS_MAX];
};

struct recorder *recorder_new(void)
{
	struct recorder *rec = calloc(1, sizeof(*rec));

	if (!rec)
		return NULL;
	memset(rec->buckets, 0xff, sizeof(rec->buckets));
	rec->gap = (struct decision_record){.reason = REASON_OVERLOAD, .rule = IMAGE_NONE};
	return rec;
}

void recorder_free(struct recorder *rec)
{
	free(rec);
}

static bool equal(const struct decision_record *a, const struct decision_record *b, const struct dns_name *name)
{
	return a->slot == b->slot && a->epoch == b->epoch && a->qtype == b->qtype && a->reason == b->reason && a->action == b->action &&
		a->rule == b->rule && a->name.len == name->len && memcmp(a->name.wire, name->wire, name->len) == 0;
}

static void suppress(struct recorder *rec, const struct decision_record *d)
{
	rec->suppressed[d->slot] += d->count;
	if (!rec->suppressed_since_ms)
		rec->suppressed_since_ms = d->first_ms;
	rec->suppressed_last_ms = d->last_ms;
}

/* Whether its sandbox, and the table, have a place for one more. */
static bool has_place(const struct recorder *rec, const struct record_in *in)
{
	const struct decision_record *d = in->d;
	bool allowed = d->action == EVENT_ALLOWED || d->action == EVENT_ACTION_NONE;

	return rec->n < RECORDS_MAX && rec->held[d->slot] < (allowed ? in->per_sandbox / 2 : in->per_sandbox);
}

static const struct image_place nowhere = {.name = IMAGE_NONE, .group = IMAGE_NONE, .file = IMAGE_NONE};

/* Into the ring's next place: everything but what is unused of the answers. */
static void append(struct recorder *rec, const struct record_in *in, uint16_t bucket)
{
	uint16_t at;
	struct entry *e;
	struct bytes_reader reply;

	if (rec->n == 0)
		rec->first = 0; /* a quiet table touches few pages */
	at = (uint16_t)((rec->first + rec->n++) % RECORDS_MAX);
	e = &rec->entries[at];
	memcpy(&e->d, in->d, offsetof(struct decision_record, answers));
	e->d.name = *in->name;
	event_set_text(e->d.sandbox, sizeof(e->d.sandbox), in->sandbox);
	e->d.place = in->place ? *in->place : nowhere;
	e->d.policy = in->policy;
	bytes_reader_init(&reply, in->reply, in->reply_len);
	e->d.answers_len = (uint16_t)dns_reply_answers(&reply, EVENT_ANSWERS_MAX, e->d.answers, sizeof(e->d.answers),
		&e->d.answers_cut);
	e->bucket = bucket;
	e->next = rec->buckets[bucket];
	rec->buckets[bucket] = at;
	rec->held[in->d->slot]++;
}

void recorder_add(struct recorder *rec, const struct record_in *in)
{
	const struct decision_record *d = in->d;
	uint16_t bucket = (uint16_t)(in->hash >> 16 ^ d->reason ^ d->qtype << 4) & (BUCKETS - 1);
	struct entry *e;

	ASSERT(d->slot < SANDBOX_MAX);
	for (uint16_t i = rec->buckets[bucket]; i != NONE; i = rec->entries[i].next) {
		e = &rec->entries[i];
		if (!equal(&e->d, d, in->name))
			continue;
		e->d.count += d->count;
		e->d.last_ms = d->last_ms;
		return;
	}
	if (has_place(rec, in))
		append(rec, in, bucket);
	else
		suppress(rec, d);
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

/* What was counted of one sandbox. False: there is no room. */
static bool flush_gap(struct recorder *rec, uint16_t slot, const struct record_out *out)
{
	struct decision_record *d = &rec->gap;

	d->first_ms = rec->suppressed_since_ms;
	d->last_ms = rec->suppressed_last_ms;
	d->slot = slot;
	d->count = rec->suppressed[slot];
	if (out->ports->record(out->ctx, d, out->last_chance) < 0 && !out->last_chance)
		return false;
	rec->suppressed[slot] = 0;
	return true;
}

/* False: one of them found no room. */
static bool flush_suppressed(struct recorder *rec, const struct record_out *out)
{
	for (uint16_t slot = 0; slot < SANDBOX_MAX; slot++)
		if (rec->suppressed[slot] && !flush_gap(rec, slot, out))
			return false;
	rec->suppressed_since_ms = 0;
	return true;
}

bool recorder_flush(struct recorder *rec, uint64_t until_ms, const struct record_out *out)
{
	unsigned int left = out->last_chance ? RECORDS_MAX : RECORDS_PER_FLUSH;

	while (rec->n && rec->entries[rec->first].d.first_ms <= until_ms) {
		struct decision_record *d = &rec->entries[rec->first].d;

		if (left-- == 0)
			return false;
		if (out->ports->record(out->ctx, d, out->last_chance) < 0 && !out->last_chance)
			return false;
		remove_first(rec);
	}
	if (rec->suppressed_since_ms && rec->suppressed_since_ms <= until_ms)
		return flush_suppressed(rec, out);
	return true;
}

void recorder_flush_slot(struct recorder *rec, uint16_t slot, const struct record_out *out)
{
	if (rec->suppressed[slot])
		(void)flush_gap(rec, slot, out); /* counted where it is lost */
}

uint64_t recorder_oldest(const struct recorder *rec)
{
	uint64_t oldest = rec->n ? rec->entries[rec->first].d.first_ms : UINT64_MAX;

	if (rec->suppressed_since_ms && rec->suppressed_since_ms < oldest)
		oldest = rec->suppressed_since_ms;
	return oldest;
}
