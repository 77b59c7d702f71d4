/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Events of the resolver's core: see postern/resolver.h for the border and state.h for who does what.
 *
 * A query's way: the allowance of its sandbox; strict parsing; the cache; a decision that needs nobody (local.c); else a task, shared by all
 * of a sandbox that ask the same. Whatever has no place, no time or no answer is SERVFAIL.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "secure.h"

#define WAITERS_PER_TASK 64

struct resolver *resolver_new(const struct resolver_ports *ports, void *ctx)
{
	struct resolver *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->ports = ports;
	r->ctx = ctx;
	r->due_ms = UINT64_MAX;
	r->owners = owners_new();
	r->cache = cache_new();
	r->tasks = tasks_new();
	r->failures = failures_new();
	r->prefetch = prefetch_new();
	r->recorder = recorder_new();
	r->rate = rate_new();
	r->validator = validator_new();
	r->answer = calloc(1, sizeof(*r->answer));
	if (r->owners && r->cache && r->tasks && r->failures && r->prefetch && r->recorder && r->rate && r->validator && r->answer)
		return r;
	resolver_free(r);
	return NULL;
}

void resolver_free(struct resolver *r)
{
	if (!r)
		return;
	owners_free(r->owners);
	cache_free(r->cache);
	tasks_free(r->tasks);
	failures_free(r->failures);
	prefetch_free(r->prefetch);
	recorder_free(r->recorder);
	rate_free(r->rate);
	validator_free(r->validator);
	detect_free(r->detect);
	free(r->answer);
	free(r);
}

/* An answer that is told at once. */
static int end_now(struct resolver *r, const struct client *c, const struct outcome *o, uint8_t *out)
{
	size_t limit = dns_query_limit(&r->query, c->stream);
	struct dns_finish f = {.reply = o->wire, .len = o->len, .ede = outcome_ede(o)};

	f.limit = limit < RESOLVER_ANSWER_MAX ? limit : RESOLVER_ANSWER_MAX;
	record_outcome(r, &r->key, o, 1, c);
	return (int)dns_reply_finish(&f, &r->query, out);
}

static int fail_now(struct resolver *r, const struct client *c, enum reason reason, uint8_t *out)
{
	struct outcome o;

	empty_outcome(r, &r->key, DNS_SERVFAIL, &o);
	o.reason = (uint16_t)reason;
	o.action = EVENT_REFUSED;
	return end_now(r, c, &o, out);
}

void task_remove(struct resolver *r, struct task *task)
{
	struct owner *owner = owners_get(r->owners, task->key.slot);

	task_forget_ask(r, task);
	secure_forget(r, task);
	ahead_ended(r, task);
	if (task->state == TASK_PINNING)
		r->n_pins--;
	if (owner && owner->n_tasks)
		owner->n_tasks--;
	if (task->client_place != CLIENT_NO_PLACE)
		rate_end(r->rate, task->key.slot, task->client_place);
	tasks_remove(r->tasks, task);
}

/* What was decided about QNAME itself. */
static void task_decided(struct task *task, const struct outcome *o)
{
	task->rule = o->rule;
	task->found.action = EVENT_ACTION_NONE;
	if (o->action == EVENT_WOULD_BLOCK)
		task_found(task, EVENT_WOULD_BLOCK, (enum reason)o->reason, o->found, NULL);
}

void task_set_due(struct resolver *r, struct task *task, uint64_t due_ms)
{
	task->due_ms = due_ms;
	if (task->stale_ms && task->stale_ms < due_ms)
		due_ms = task->stale_ms;
	if (due_ms < r->due_ms)
		r->due_ms = due_ms;
}

struct task *task_start(struct resolver *r, const struct cache_key *key, uint32_t rule)
{
	struct owner *owner = owners_get(r->owners, key->slot);
	struct task *task = owner->n_tasks < RESOLVER_TASKS_PER_SANDBOX ? tasks_add(r->tasks, key) : NULL;

	if (!task) {
		count(r, COUNTER_RESOLVER_table_full);
		return NULL;
	}
	owner->n_tasks++;
	task->rule = rule;
	task->client_place = CLIENT_NO_PLACE;
	task->state = TASK_ASKING;
	task->deadline_ms = r->now_ms + RESOLVER_DEADLINE_MS;
	draft_init(&task->draft, key);
	return task;
}

/* A query whose answer takes time: it waits with the others who asked the same. */
static int wait_for(struct resolver *r, const struct client *c, struct task *task, uint8_t *out)
{
	if (task && task->n_waiters < WAITERS_PER_TASK && tasks_wait(r->tasks, task, c, &r->query) == 0)
		return 0;
	count(r, COUNTER_RESOLVER_table_full);
	return fail_now(r, c, REASON_OVERLOAD, out);
}

/* Where the sandbox has half of its questions under way, a client begins no more than its share of the others. NULL: none. */
static struct task *client_begin(struct resolver *r, const struct client *c, uint32_t rule)
{
	const struct owner *owner = owners_get(r->owners, c->slot);
	const struct rate_asker who = {c->slot, owner->one_client ? NULL : &c->peer};
	uint16_t place = CLIENT_NO_PLACE;
	struct task *task;

	if (owner->n_tasks >= RESOLVER_TASKS_PER_SANDBOX / 2 && !rate_begin(r->rate, &who, r->now_ms, &place)) {
		count(r, COUNTER_RESOLVER_client_limited);
		return NULL;
	}
	task = task_start(r, &r->key, rule);
	if (task)
		task->client_place = place;
	else if (place != CLIENT_NO_PLACE)
		rate_end(r->rate, c->slot, place);
	return task;
}

static int wait_for_answer(struct resolver *r, const struct client *c, const struct outcome *decided, uint8_t *out)
{
	struct task *task = tasks_find(r->tasks, &r->key);
	bool fresh = !task;
	int len;

	if (fresh)
		task = client_begin(r, c, decided->rule);
	if (!task)
		return fail_now(r, c, REASON_OVERLOAD, out);
	if (fresh)
		task_decided(task, decided);
	len = wait_for(r, c, task, out);
	if (fresh && len == 0) {
		task->trace = r->trace;
		stale_watch(r, task);
	}
	if (fresh && len == 0)
		resolve_name(r, task, &r->key.name);
	else if (fresh)
		task_remove(r, task);
	else if (len == 0)
		stale_joined(r, task);
	return len;
}

/* A question that failed a moment ago: what was kept, or the failure again. */
static int failed_again(struct resolver *r, const struct client *c, struct task *task, const struct outcome *o, uint8_t *out)
{
	int len;

	if (!task) {
		if (o->ede == DNS_EDE_CACHED_ERROR)
			count(r, COUNTER_RESOLVER_failures_cached);
		return end_now(r, c, o, out);
	}
	len = wait_for(r, c, task, out);
	if (task->state != TASK_PINNING)
		pins_request(r, task);
	return len;
}

/* Kinds of query that nobody gets an answer to, whatever the name. */
static bool refused_kind(const struct dns_query *q)
{
	return q->qclass != DNS_CLASS_IN || (q->qtype >= DNS_TYPE_TKEY && q->qtype < DNS_TYPE_ANY);
}

static int refuse(struct resolver *r, int rcode, uint8_t *out)
{
	if (rcode != DNS_REFUSED)
		count(r, COUNTER_RESOLVER_malformed);
	return (int)dns_reply_error(&r->query, rcode, ede_of_refusal(rcode), out);
}

static bool take(struct resolver *r, const struct rate_asker *who, enum rate_kind kind)
{
	enum rate_verdict v = rate_take(r->rate, who, kind, r->now_ms);

	r->counters[COUNTER_RESOLVER_client_table_full] = rate_shared(r->rate);
	if (v == RATE_GOOD)
		return true;
	count(r, v == RATE_OVER ? COUNTER_RESOLVER_rate_limited : COUNTER_RESOLVER_client_limited);
	return false;
}

bool resolver_take_connection(struct resolver *r, uint16_t slot, const struct addr *peer)
{
	const struct owner *owner = owners_get(r->owners, slot);
	const struct rate_asker who = {slot, !owner || owner->one_client ? NULL : peer};

	return take(r, &who, RATE_CONNECTION);
}

int resolver_query(struct resolver *r, const struct client *c, const uint8_t *data, size_t len,
	uint8_t out[static RESOLVER_ANSWER_MAX])
{
	const struct owner *owner = owners_get(r->owners, c->slot);
	struct cache_entry *e;
	struct task *task;
	struct outcome o;
	uint32_t rule;
	int rcode;

	if (owner && !take(r, &(struct rate_asker){c->slot, owner->one_client ? NULL : &c->peer}, RATE_QUERY))
		return -EAGAIN;
	count(r, c->stream ? COUNTER_RESOLVER_queries_tcp : COUNTER_RESOLVER_queries_udp);
	rcode = owner ? dns_query_parse(data, len, &r->query) : -EBADMSG;
	if (rcode < 0) {
		count(r, owner ? COUNTER_RESOLVER_malformed : COUNTER_RESOLVER_dropped);
		return rcode;
	}
	cookie_answer(r, c);
	if (rcode == DNS_NOERROR && refused_kind(&r->query))
		rcode = DNS_REFUSED;
	if (rcode != DNS_NOERROR)
		return refuse(r, rcode, out);
	cache_key_make(r->cache, &r->query.name, c->slot, r->query.qtype, &r->key);
	if (r->query.dnssec_ok)
		cache_key_dnssec(&r->key);
	r->key.epoch = owner->epoch;
	e = cache_find(r->cache, &r->key, r->now_ms);
	if (e) {
		int n = (int)hit_answer(r, e, c, out);

		return n ? n : wait_for(r, c, hit_renew(r, e), out);
	}
	r->asker = *c;
	if (local_outcome(r, &r->key, owner, &o))
		return end_now(r, c, &o, out);
	rule = o.rule;
	if (failed_lately(r, rule, &o, &task))
		return failed_again(r, c, task, &o, out);
	return wait_for_answer(r, c, &o, out);
}

/* The policy of a task's sandbox changed: what was decided by the old one is decided anew. */
static void task_restart(struct resolver *r, struct task *task)
{
	const struct owner *owner = owners_get(r->owners, task->key.slot);
	struct outcome o;

	if (task->look) {
		looks_again(r, task);
		return;
	}
	task_forget_ask(r, task);
	if (!owner || !task->n_waiters) {
		task_fail(r, task, REASON_OVERLOAD);
		return;
	}
	task->key.epoch = owner->epoch;
	r->asker = tasks_waiter(r->tasks, task->first_waiter)->client;
	if (local_outcome(r, &task->key, owner, &o)) {
		task_end(r, task, &o);
		return;
	}
	if (task->state == TASK_PINNING)
		r->n_pins--;
	task->state = TASK_ASKING;
	task_decided(task, &o);
	task->hops = 0;
	secure_forget(r, task);
	task->stale = task->late = task->sent = false; /* what was kept is of the old policy */
	task->stale_ms = 0;
	draft_init(&task->draft, &task->key);
	resolve_name(r, task, &task->key.name);
}

void restart_tasks(struct resolver *r, uint16_t slot)
{
	struct task *task;
	unsigned int i = 0;

	while ((task = tasks_active(r->tasks, i))) {
		if (slot == SANDBOX_NONE || task->key.slot == slot)
			task_restart(r, task);
		i += tasks_active(r->tasks, i) == task; /* else it ended, and another stands there */
	}
}

/* What was seen first at or before @until_ms. False: not all of it went out. */
static bool flush_until(struct resolver *r, uint64_t until_ms, bool last_chance)
{
	struct record_out out = {r->ports, r->ctx, last_chance};

	return recorder_flush(r->recorder, until_ms, &out) && (rate_oldest(r->rate) > until_ms || rate_flush(r->rate, &out));
}

void resolver_flush(struct resolver *r)
{
	(void)flush_until(r, UINT64_MAX, true); /* what is lost is counted */
}

void resolver_set_image(struct resolver *r, const struct image *im, uint32_t generation)
{
	resolver_flush(r); /* rule numbers of the records are the old image's */
	r->im = im;
	r->generation = generation;
	memset(&r->settings, 0, sizeof(r->settings));
	r->settings.audit_per_sandbox = RECORDS_WITHOUT_IMAGE;
	if (im) {
		r->settings = *image_settings(im);
		rate_set(r->rate, &r->settings);
	}
	memset(r->health, 0, sizeof(r->health));
	memset(r->cookies, 0, sizeof(r->cookies));
	r->hedge_percent = HEDGE_PERCENT_MAX;
	owners_set_image(r->owners, im);
	secure_set_image(r);
	protect_set_image(r);
	restart_tasks(r, SANDBOX_NONE);
	looks_set(r, true);
}

/* What was only counted names the sandbox by its slot. */
static void flush_slot(struct resolver *r, uint16_t slot)
{
	struct record_out out = {r->ports, r->ctx, true};

	if (!owners_get(r->owners, slot))
		return;
	recorder_flush_slot(r->recorder, slot, &out);
	(void)rate_flush_slot(r->rate, slot, &out); /* what is lost is counted */
}

int resolver_set_sandbox(struct resolver *r, const struct sandbox *s)
{
	int rc;

	flush_slot(r, s->slot);
	rc = owners_set(r->owners, s, r->im);
	if (rc == 0)
		restart_tasks(r, s->slot);
	return rc;
}

void resolver_remove_sandbox(struct resolver *r, uint16_t slot)
{
	flush_slot(r, slot);
	rate_forget(r->rate, slot);
	validator_forget(r->validator, slot);
	owners_remove(r->owners, slot);
	protect_forget(r, slot);
	restart_tasks(r, slot);
}

uint16_t resolver_owner(struct resolver *r, const char *ifname, const struct addr *source)
{
	return owners_find(r->owners, ifname, source);
}

const char *resolver_sandbox_name(const struct resolver *r, uint16_t slot)
{
	return owners_name(r->owners, slot);
}

void resolver_count(struct resolver *r, unsigned int counter)
{
	count(r, counter);
}

static void look_at_tasks(struct resolver *r)
{
	struct task *task;
	unsigned int i = 0;

	r->due_ms = UINT64_MAX;
	while ((task = tasks_active(r->tasks, i))) {
		if (task->stale_ms && task->stale_ms <= r->now_ms)
			stale_due(r, task);
		if (task->due_ms > r->now_ms)
			task_set_due(r, task, task->due_ms);
		else if (task->state == TASK_ASKING)
			ask_due(r, task);
		else
			pins_due(r, task);
		i += tasks_active(r->tasks, i) == task;
	}
}

/* When there is something to hand out; UINT64_MAX: nothing. */
static uint64_t record_due_ms(const struct resolver *r)
{
	uint64_t oldest = recorder_oldest(r->recorder), due_ms;

	if (rate_oldest(r->rate) < oldest)
		oldest = rate_oldest(r->rate);
	if (oldest == UINT64_MAX)
		return UINT64_MAX;
	due_ms = oldest + r->settings.audit_window_ms;
	return due_ms > r->record_retry_ms ? due_ms : r->record_retry_ms;
}

void resolver_advance(struct resolver *r, uint64_t now_ms)
{
	if (now_ms > r->now_ms)
		r->now_ms = now_ms;
	if (r->due_ms <= r->now_ms)
		look_at_tasks(r);
	ahead_run(r);
	looks_run(r);
	if (record_due_ms(r) <= r->now_ms && !flush_until(r, r->now_ms - r->settings.audit_window_ms, false))
		r->record_retry_ms = r->now_ms + 1;
}

void resolver_set_wall(struct resolver *r, uint64_t wall_ms)
{
	r->wall_ms = wall_ms;
}

uint64_t resolver_deadline(const struct resolver *r)
{
	uint64_t record_ms = record_due_ms(r), ahead_ms = prefetch_next(r->prefetch);
	uint64_t due_ms = ahead_ms < r->due_ms ? ahead_ms : r->due_ms, look_ms = looks_next(r);

	if (look_ms < due_ms)
		due_ms = look_ms;
	return record_ms < due_ms ? record_ms : due_ms;
}

const uint64_t *resolver_counters(const struct resolver *r)
{
	return r->counters;
}
