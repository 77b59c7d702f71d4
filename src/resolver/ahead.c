/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Names in use are asked for again before their end, so that no client waits and no pin in use lapses.
 *
 * In use is what was asked for a second time in the life of its reply, and again in the second half of it. When a tenth
 * of that life is left (3 to 30 seconds), the question is asked once more, for nobody: its answer is judged, pinned and
 * kept like any other, and takes the place of the old one. A name that nobody asks for any more is asked for at
 * most once too often. Whether a flow uses a pin is not known here, and an established flow needs none.
 */
#include "state.h"

#define LIFE_MIN_MS 10000u
#define LEAD_MIN_MS 3000u
#define LEAD_MAX_MS 30000u

/* When @e is asked for again; 0: never. */
static uint64_t due_of(const struct cache_entry *e)
{
	uint64_t life_ms = e->expires_ms - e->stored_ms, lead_ms = life_ms / 10;

	if (life_ms < LIFE_MIN_MS || !cache_is_answer(e))
		return 0;
	lead_ms = lead_ms < LEAD_MIN_MS ? LEAD_MIN_MS : lead_ms > LEAD_MAX_MS ? LEAD_MAX_MS : lead_ms;
	return e->expires_ms - lead_ms;
}

/* False: not now. True: @e may be another entry already, as some questions are answered at once. */
static bool ask_ahead(struct resolver *r, struct cache_entry *e)
{
	struct owner *owner = owners_get(r->owners, e->slot);
	struct dns_name name;
	struct cache_key key;
	struct task *task;

	if (!owner || owner->epoch != e->epoch || owner->n_ahead == PREFETCH_TASKS_PER_SANDBOX || r->n_ahead == PREFETCH_TASKS_MAX ||
		dns_name_from_wire(cache_wire(e) + DNS_QUESTION_AT, e->name_len, &name) < 0)
		return false;
	cache_key_make(r->cache, &name, e->slot, e->qtype, &key);
	if (e->dnssec_ok)
		cache_key_dnssec(&key);
	key.epoch = e->epoch;
	if (tasks_find(r->tasks, &key))
		return true;
	if (failures_find(r->failures, &key, r->now_ms))
		return false;
	task = task_start(r, &key, e->rule);
	if (!task)
		return false;
	task->ahead = true;
	owner->n_ahead++;
	r->n_ahead++;
	count(r, COUNTER_RESOLVER_prefetches);
	resolve_name(r, task, &key.name);
	return true;
}

void ahead_hit(struct resolver *r, struct cache_entry *e)
{
	uint64_t due_ms = r->settings.prefetch ? due_of(e) : 0;
	const struct prefetch_item item = {.due_ms = due_ms, .hash = e->hash, .slot = e->slot};

	e->ahead = due_ms == 0 || due_ms <= r->now_ms || prefetch_add(r->prefetch, &item);
	if (due_ms && due_ms <= r->now_ms && !ask_ahead(r, e))
		e->ahead = false;
}

void ahead_run(struct resolver *r)
{
	struct prefetch_item item;

	while (prefetch_take(r->prefetch, r->now_ms, &item)) {
		struct cache_entry *e = cache_by_hash(r->cache, item.hash, item.slot);

		if (!e || due_of(e) != item.due_ms || e->expires_ms <= r->now_ms)
			continue; /* another reply stands there, with a moment of its own */
		if (e->used_ms < e->stored_ms + (e->expires_ms - e->stored_ms) / 2 || !ask_ahead(r, e))
			e->ahead = false; /* the next hit, if there is one, asks at once */
	}
}

void ahead_ended(struct resolver *r, struct task *task)
{
	struct owner *owner = owners_get(r->owners, task->key.slot);

	if (!task->ahead)
		return;
	task->ahead = false;
	r->n_ahead--;
	if (owner && owner->n_ahead)
		owner->n_ahead--;
}
