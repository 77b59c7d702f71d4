/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rules with a protection. A question that a rule permits, and that would go upstream now, is shown to the detector; then the policy's
 * protections of a lower priority number than that rule's are gone through in order. The first BLOCK whose detector is sure enough
 * decides, with its response. An ALERT is recorded and evaluation goes on: it opens nothing itself, as a rule without
 * domains has no ports.
 *
 * In audit mode a BLOCK is noted, as what would have blocked, and the question goes on.
 *
 * Not shown: what is answered from the cache or here, as nobody outside learns of it; a name that stands in a list as it is, as
 * its asker has chosen nothing of it.
 */
#include "state.h"

static const enum reason reasons[PROTECTION_COUNT] = {
	[PROTECTION_DNS_TUNNELING] = REASON_DNS_TUNNELING,
	[PROTECTION_DGA] = REASON_DGA,
	[PROTECTION_DICTIONARY_DGA] = REASON_DICTIONARY_DGA,
};

/* Has the question's policy a protection, and chose the asker anything of the name? Then fills the question. */
static bool question_of(const struct resolver *r, const struct cache_key *key, uint32_t rule, struct detect_question *ret_question)
{
	const struct owner *owner = owners_get(r->owners, key->slot);
	uint32_t scope;

	if (!owner || !owner->policy || !owner->policy->n_protections || rule == IMAGE_NONE)
		return false;
	scope = match_scope(r->im, owner->policy, &key->name, key->qtype, rule);
	*ret_question = (struct detect_question){.name = &key->name, .now_ms = r->now_ms, .slot = key->slot, .qtype = key->qtype,
		.zone_labels = (uint8_t)scope};
	return scope != MATCH_EXACT;
}

static void alert(struct resolver *r, const struct cache_key *key, uint32_t rule, enum reason reason)
{
	struct decision_record *d = &r->decision;
	struct record_in in = record_in(r, key, rule);

	*d = (struct decision_record){.first_ms = r->now_ms, .last_ms = r->now_ms, .count = 1, .rule = rule,
		.epoch = key->epoch, .slot = key->slot,
		.qtype = key->qtype, .reason = (uint16_t)reason, .action = EVENT_ALERTED, .source = r->asker.peer,
		.source_port = r->asker.port, .stream = r->asker.stream};
	recorder_add(r->recorder, &in);
}

/* The rule that blocks, or IMAGE_NONE. */
static uint32_t walk(struct resolver *r, const struct cache_key *key, uint32_t before, const struct detect_finding *f)
{
	const struct image_policy *p = owners_get(r->owners, key->slot)->policy;

	for (uint32_t i = 0; i < p->n_protections; i++) {
		uint32_t number = image_protection(r->im, p, i);
		const struct image_rule *rule = image_rule(r->im, p, number);

		if (number > before)
			break;
		if ((rule->qtype && rule->qtype != key->qtype) || f->confidence[rule->protection] < rule->confidence)
			continue;
		count(r, COUNTER_RESOLVER_protection_matches);
		if (rule->action == ACTION_BLOCK)
			return number;
		alert(r, key, number, reasons[rule->protection]);
	}
	return IMAGE_NONE;
}

bool protect_outcome(struct resolver *r, const struct cache_key *key, struct outcome *o)
{
	struct detect_question q;
	struct detect_finding f;
	uint32_t by;

	r->trace = (struct detect_trace){0};
	if (o->action == EVENT_WOULD_BLOCK) /* no rule permits it: nothing to protect */
		return false;
	if (!question_of(r, key, o->rule, &q))
		return false;
	if (!r->detect) { /* no memory for it when the policy came */
		count(r, COUNTER_RESOLVER_protection_full);
		empty_outcome(r, key, DNS_SERVFAIL, o);
		o->reason = REASON_OVERLOAD;
		o->action = EVENT_REFUSED;
		return true;
	}
	detect_judge(r->detect, &q, &f);
	if (f.full)
		count(r, COUNTER_RESOLVER_protection_full);
	by = walk(r, key, o->rule, &f);
	if (by != IMAGE_NONE && owners_get(r->owners, key->slot)->audit) {
		o->action = EVENT_WOULD_BLOCK;
		o->reason = (uint16_t)reasons[rule_of(r, key->slot, by)->protection];
		o->found = by;
	} else if (by != IMAGE_NONE) {
		blocked_outcome(r, key, by, reasons[rule_of(r, key->slot, by)->protection], o);
		return true;
	}
	detect_sent(r->detect, &q);
	r->trace = f.trace;
	return false;
}

void protect_nxdomain(struct resolver *r, const struct task *task)
{
	struct detect_question q;

	if (r->detect && task->trace.novel && question_of(r, &task->key, task->rule, &q))
		detect_nxdomain(r->detect, &q, &task->trace);
}

void protect_set_image(struct resolver *r)
{
	uint32_t n = r->im ? image_n_policies(r->im) : 0;

	for (uint32_t i = 0; i < n && !r->detect; i++)
		if (image_policy(r->im, i)->n_protections)
			r->detect = detect_new();
}

void protect_forget(struct resolver *r, uint16_t slot)
{
	if (r->detect && slot < SANDBOX_MAX)
		detect_forget(r->detect, slot);
}
