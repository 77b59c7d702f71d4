/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Answers past their end (RFC 8767), for when no upstream answers, or none in time.
 *
 * Such an answer goes out with a TTL of 30 seconds and EDE 3, when the question has failed, when it failed shortly before
 * (failures.c), or when clients have waited 1.8 seconds for it, while it is still asked for. The promise of pins.c holds: the
 * addresses in it are pinned for longer than they are served, and where they are not any more, the gate is asked
 * first, with a task of its own. It keeps to the policy: an answer of another epoch is dead, and
 * what was blocked is not kept for this.
 */
#include <string.h>

#include "state.h"

#define STALE_TTL_S 30
#define STALE_TIMER_MS 1800
#define STALE_SALT 0x5bd1e995a4c1f373u /* in the hash of a task that pins a stale answer: it is not the question's own task */

static struct cache_key own_key(const struct cache_key *key)
{
	struct cache_key k = *key;

	k.hash ^= STALE_SALT;
	return k;
}

/* What may be served for @key under @rule although it is past its end, or NULL. */
static struct cache_entry *stale_entry(struct resolver *r, const struct cache_key *key, uint32_t rule)
{
	struct cache_entry *e = r->settings.stale_max_s ? cache_find_past(r->cache, key) : NULL;

	if (!e || e->rule != rule || e->expires_ms + r->settings.stale_max_s * 1000ull <= r->now_ms)
		return NULL;
	return cache_is_answer(e) ? e : NULL;
}

/* Its reply in r->draft, with a TTL that its pins permit; ttl_s 0: they do not. */
static void stale_outcome(struct resolver *r, struct cache_entry *e, struct outcome *o)
{
	uint32_t ttl_s = STALE_TTL_S;

	if (e->pin_expires_ms && pins_servable_s(r, e->pin_expires_ms) < ttl_s)
		ttl_s = 0;
	*o = (struct outcome){.wire = r->draft, .len = e->wire_len, .rule = e->found, .reason = e->reason, .action = e->action,
		.ttl_s = ttl_s, .ede = DNS_EDE_STALE};
	memcpy(r->draft, cache_wire(e), e->wire_len);
	set_ttls(r->draft, e->ttl_at, e->n_ttls, ttl_s);
}

/* The task that pins a stale answer; NULL where there is no room. One for all who wait for it. */
static struct task *pinning_task(struct resolver *r, const struct cache_key *key, struct cache_entry *e)
{
	struct cache_key k = own_key(key);
	struct task *task = tasks_find(r->tasks, &k);

	if (task)
		return task->stale ? task : NULL; /* else a reload has made it ask anew */
	task = task_start(r, &k, e->rule);
	if (!task)
		return NULL;
	task->stale = true;
	if (e->action == EVENT_ALERTED && e->found != e->rule)
		task_found(task, EVENT_ALERTED, (enum reason)e->reason, e->found, NULL);
	draft_from_entry(e, &task->draft);
	task->draft.as_of_ms = r->now_ms;
	task->draft.ttl_s = task->draft.addr_ttl_s = STALE_TTL_S;
	return task;
}

void stale_serve(struct resolver *r, struct task *task)
{
	struct cache_entry *e = task->n_waiters && !task->stale ? stale_entry(r, &task->key, task->rule) : NULL;
	struct outcome o;
	struct task *pinning;

	if (!e)
		return;
	stale_outcome(r, e, &o);
	if (o.ttl_s) {
		count(r, COUNTER_RESOLVER_stale_answers);
		task_tell(r, task, &o);
		return;
	}
	pinning = pinning_task(r, &task->key, e);
	if (!pinning)
		return;
	tasks_move_waiters(r->tasks, task, pinning);
	if (pinning->state != TASK_PINNING)
		pins_request(r, pinning);
}

void stale_watch(struct resolver *r, struct task *task)
{
	if (!stale_entry(r, &task->key, task->rule))
		return;
	task->stale_ms = r->now_ms + STALE_TIMER_MS;
	task_set_due(r, task, task->due_ms);
}

void stale_joined(struct resolver *r, struct task *task)
{
	if (task->late)
		stale_serve(r, task);
}

void stale_due(struct resolver *r, struct task *task)
{
	task->stale_ms = 0;
	if (task->state != TASK_ASKING)
		return; /* it has been answered, and is being pinned */
	task->late = true;
	stale_serve(r, task);
}

void stale_granted(struct resolver *r, const struct task *task, const struct msg_pin_reply *grant, bool whole)
{
	struct cache_key key = own_key(&task->key);
	struct cache_entry *e = cache_find_past(r->cache, &key);

	count(r, COUNTER_RESOLVER_stale_answers);
	if (!e || !whole)
		return; /* of which some address is missing: asked again each time */
	e->pin_expires_ms = task->pin_sent_ms + grant->lifetime_ms;
	e->pin_lifetime_ms = grant->lifetime_ms;
}

void stale_refused(struct resolver *r, const struct task *task)
{
	struct cache_key key = own_key(&task->key);

	cache_drop(r->cache, &key);
}

bool failed_lately(struct resolver *r, uint32_t rule, struct outcome *ret_outcome, struct task **ret_task)
{
	struct cache_entry *e;

	if (!failures_find(r->failures, &r->key, r->now_ms))
		return false;
	e = stale_entry(r, &r->key, rule);
	*ret_task = NULL;
	if (e) {
		stale_outcome(r, e, ret_outcome);
		if (ret_outcome->ttl_s) {
			count(r, COUNTER_RESOLVER_stale_answers);
			return true;
		}
		*ret_task = pinning_task(r, &r->key, e);
		if (*ret_task)
			return true;
	}
	empty_outcome(r, &r->key, DNS_SERVFAIL, ret_outcome);
	ret_outcome->reason = REASON_UPSTREAM;
	ret_outcome->action = EVENT_REFUSED;
	ret_outcome->rule = rule;
	ret_outcome->ede = DNS_EDE_CACHED_ERROR;
	return true;
}
