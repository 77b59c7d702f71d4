/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How a question ends: what clients are told of its outcome, and what is recorded of it. Whoever waits for a task is told exactly once.
 */
#include "secure.h"

const struct image_rule *rule_of(const struct resolver *r, uint16_t slot, uint32_t rule)
{
	const struct owner *owner = owners_get(r->owners, slot);

	return owner && owner->policy && rule != IMAGE_NONE ? image_rule(r->im, owner->policy, rule) : NULL;
}

static void count_outcome(struct resolver *r, const struct outcome *o, uint32_t n)
{
	unsigned int counter = o->rcode == DNS_SERVFAIL ? COUNTER_RESOLVER_servfail :
		o->action == EVENT_BLOCKED ? COUNTER_RESOLVER_blocked : COUNTER_RESOLVER_answered;

	if (o->action == EVENT_WOULD_BLOCK)
		r->counters[COUNTER_RESOLVER_would_block] += n;
	r->counters[counter] += n;
}

struct record_in record_in(struct resolver *r, const struct cache_key *key, uint32_t rule)
{
	const struct owner *owner = owners_get(r->owners, key->slot);
	const struct image_rule *ir = rule_of(r, key->slot, rule);

	return (struct record_in){.d = &r->decision, .name = &key->name, .hash = key->name_hash,
		.per_sandbox = r->settings.audit_per_sandbox, .sandbox = owners_name(r->owners, key->slot),
		.place = ir ? &ir->place : NULL, .policy = owner && owner->policy ? owner->policy->place.name : IMAGE_NONE};
}

void record_outcome(struct resolver *r, const struct cache_key *key, const struct outcome *o, uint32_t n,
	const struct client *source)
{
	struct decision_record *d = &r->decision;
	struct record_in in = record_in(r, key, o->rule);

	in.reply = o->wire;
	in.reply_len = o->len;
	count_outcome(r, o, n);
	if (n == 0 || ((o->action == EVENT_ACTION_NONE || o->action == EVENT_ALLOWED) && !r->settings.audit_all_queries))
		return;
	d->hop.len = 0;
	if (o->hop)
		d->hop = *o->hop;
	d->first_ms = d->last_ms = r->now_ms;
	d->count = n;
	d->rule = o->rule;
	d->epoch = key->epoch;
	d->slot = key->slot;
	d->qtype = key->qtype;
	d->rcode = o->rcode;
	d->reason = o->reason;
	d->action = o->action;
	d->ttl_s = o->ttl_s;
	d->source = source ? source->peer : (struct addr){0};
	d->source_port = source ? source->port : 0;
	d->stream = source && source->stream;
	recorder_add(r->recorder, &in);
}

struct dns_ede outcome_ede(const struct outcome *o)
{
	if (o->action == EVENT_WOULD_BLOCK) /* the client is told nothing: it is the administrator's trial */
		return (struct dns_ede){0};
	if (o->ede)
		return (struct dns_ede){.present = true, .code = o->ede,
			.text = o->ede == DNS_EDE_STALE ? "stale" : reason_text((enum reason)o->reason)};
	return ede_of((enum reason)o->reason, o->forged);
}

void task_tell(struct resolver *r, struct task *task, const struct outcome *o)
{
	struct dns_finish f = {.reply = o->wire, .len = o->len, .ede = outcome_ede(o)};
	const struct waiter *w = tasks_waiter(r->tasks, task->first_waiter);

	record_outcome(r, &task->key, o, task->n_waiters, w ? &w->client : NULL);
	for (; w; w = tasks_waiter(r->tasks, w->next)) {
		f.limit = dns_query_limit(&w->query, w->client.stream);
		r->ports->answer(r->ctx, &w->client, r->finish, dns_reply_finish(&f, &w->query, r->finish));
	}
	tasks_drop_waiters(r->tasks, task);
}

void task_end(struct resolver *r, struct task *task, const struct outcome *o)
{
	task_tell(r, task, o);
	task_remove(r, task);
}

void task_fail(struct resolver *r, struct task *task, enum reason reason)
{
	struct outcome o;

	if (task->look) {
		looks_failed(r, task);
		return;
	}
	if ((reason == REASON_UPSTREAM || reason == REASON_UPSTREAM_TLS) && !task->stale) {
		if (task->sent)
			failures_note(r->failures, &task->key, r->now_ms);
		stale_serve(r, task);
	}
	empty_outcome(r, &task->key, DNS_SERVFAIL, &o);
	o.reason = (uint16_t)reason;
	o.action = EVENT_REFUSED;
	o.rule = task->rule;
	task_end(r, task, &o);
}

void task_found(struct task *task, enum event_action action, enum reason reason, uint32_t rule, const struct dns_name *hop)
{
	struct finding *f = &task->found;

	if (f->action == EVENT_WOULD_BLOCK || f->action == action)
		return;
	*f = (struct finding){.action = (uint16_t)action, .reason = (uint16_t)reason, .rule = rule};
	if (hop)
		f->hop = *hop;
}

void task_outcome(struct resolver *r, const struct task *task, struct outcome *o)
{
	const struct image_rule *rule = rule_of(r, task->key.slot, task->rule);
	const struct finding *f = &task->found;

	o->rule = task->rule;
	o->action = rule && rule->action == ACTION_ALERT ? EVENT_ALERTED : EVENT_ALLOWED;
	o->reason = o->action == EVENT_ALERTED ? REASON_ALERT : REASON_NONE;
	if (f->action == EVENT_ACTION_NONE || (f->action == o->action && f->reason == o->reason))
		return; /* of two alerts that of QNAME */
	o->rule = f->rule;
	o->action = f->action;
	o->reason = f->reason;
	o->hop = f->hop.len ? &f->hop : NULL;
}
