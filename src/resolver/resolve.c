/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What an upstream's answer holds, walked from the name that was asked.
 *
 * Under INSPECT every alias on the way has to be allowed by the sandbox's policy for the same type, by whatever
 * rule of whatever group; under TRUST only QNAME. A BLOCK rule with TRUST is about QNAMEs: it is passed over for an alias.
 * The ports opened are those of the rule that allowed QNAME, and its redirection alone counts. An alias under an ALERT
 * rule makes the answer one to be recorded. An alias is judged before it is followed: a name that is not allowed is not
 * asked upstream, but in audit mode, where it is noted. What only audit mode lets through is never pinned: its packets
 * are the verdict loop's to record.
 * Where an upstream leaves the end of the chain out, it is asked for that name next; hops are counted over all of it.
 * Where it leads to a name that somebody else answers for (zones.c), he is asked.
 * Addresses that a name must not lead to (private, metadata) make the whole answer refused.
 */
#include <errno.h>
#include <string.h>

#include "state.h"

#define REFUSED_TTL_MAX_S 30 /* how long a refused answer is not asked for again */

void draft_init(struct draft *d, const struct cache_key *key)
{
	struct dns_reply reply;

	dns_reply_init(&reply, d->wire, sizeof(d->wire), &key->name, key->qtype);
	d->len = (uint16_t)reply.w.pos;
	d->owner_at = DNS_QUESTION_AT;
	d->n_answers = 0;
	d->n_addrs = 0;
	d->authentic = true;
	d->is_signed = d->reduced = false;
	d->proofs_len = d->n_proofs = 0;
	d->as_of_ms = 0;
	d->ttl_s = d->addr_ttl_s = UINT32_MAX;
}

static uint32_t capped_ttl(const struct resolver *r, uint32_t ttl_s)
{
	return ttl_s < r->settings.answer_ttl_max_s ? ttl_s : r->settings.answer_ttl_max_s;
}

/* Continues the reply behind the aliases. */
static void draft_resume(const struct draft *d, struct dns_reply *reply, uint8_t *buf, size_t cap)
{
	*reply = (struct dns_reply){.n_answers = d->n_answers, .authentic = d->authentic};
	bytes_writer_init(&reply->w, buf, cap);
	if (buf != d->wire)
		bytes_write(&reply->w, d->wire, d->len);
	else
		reply->w.pos = d->len;
}

/* Of a DNAME above the zone of who answered nothing is said: that is more than is his. */
static void write_dname(struct resolver *r, struct task *task, struct dns_reply *reply, const struct answer_record *rec)
{
	const struct dns_name *owner = answer_owner(r->answer, rec);

	if (zone_left(r, task, owner))
		return;
	dns_reply_answer(reply, &(struct dns_rr){.owner = owner, .type = DNS_TYPE_DNAME, .ttl_s = capped_ttl(r, rec->ttl_s),
		.rdata = answer_rdata(r->answer, rec), .rdata_len = rec->rdata_len});
	signed_answer(r, task, reply, owner, DNS_TYPE_DNAME);
}

static int draft_hop(struct resolver *r, struct task *task, const struct dns_name *name, const struct answer_hop *hop)
{
	struct draft *d = &task->draft;
	uint32_t ttl_s = capped_ttl(r, hop->ttl_s);
	struct dns_reply reply;

	draft_resume(d, &reply, d->wire, sizeof(d->wire));
	if (hop->dname)
		write_dname(r, task, &reply, hop->dname);
	else
		signed_answer(r, task, &reply, name, DNS_TYPE_CNAME);
	dns_reply_answer(&reply, &(struct dns_rr){.owner_at = d->owner_at, .type = DNS_TYPE_CNAME, .ttl_s = ttl_s,
		.rdata = hop->target.wire, .rdata_len = hop->target.len});
	if (reply.w.failed)
		return -E2BIG;
	d->owner_at = (uint16_t)(reply.w.pos - hop->target.len);
	d->len = (uint16_t)reply.w.pos;
	d->n_answers = reply.n_answers;
	if (ttl_s < d->ttl_s)
		d->ttl_s = ttl_s;
	return 0;
}

/* The rule about an alias. */
static uint32_t match_hop(const struct resolver *r, const struct task *task, const struct dns_name *name)
{
	const struct owner *owner = owners_get(r->owners, task->key.slot);
	const struct image_rule *rule;
	uint32_t n = IMAGE_NONE;

	if (!owner || !owner->policy)
		return IMAGE_NONE;
	do {
		n = match_name_from(r->im, owner->policy, name, task->key.qtype, n + 1); /* IMAGE_NONE + 1 is 0 */
		rule = n == IMAGE_NONE ? NULL : image_rule(r->im, owner->policy, n);
	} while (rule && rule->action == ACTION_BLOCK && rule->redirection == REDIRECTION_TRUST);
	return n;
}

bool name_allowed(const struct resolver *r, const struct task *task, const struct dns_name *name, uint32_t *ret_rule)
{
	const struct image_rule *rule = rule_of(r, task->key.slot, task->rule);

	*ret_rule = IMAGE_NONE;
	if (rule && rule->redirection == REDIRECTION_TRUST)
		return true;
	*ret_rule = match_hop(r, task, name);
	rule = rule_of(r, task->key.slot, *ret_rule);
	return rule && rule->action != ACTION_BLOCK;
}

void outcome_keep(struct resolver *r, const struct task *task, const struct outcome *o)
{
	struct cache_entry like = {.stored_ms = r->now_ms, .used_ms = r->now_ms, .expires_ms = r->now_ms + o->ttl_s * 1000ull,
		.rule = task->rule, .found = o->rule,
		.reason = (uint8_t)o->reason, .action = (uint8_t)o->action, .ede = (uint8_t)o->ede,
		.wire_len = (uint16_t)o->len};

	if (o->ttl_s && o->len <= CACHE_WIRE_MAX)
		(void)cache_put(r->cache, &task->key, &like, o->wire); /* not kept: asked again */
}

static void task_blocked(struct resolver *r, struct task *task, uint32_t rule, enum reason reason,
	const struct dns_name *hop)
{
	struct outcome o;

	blocked_outcome(r, &task->key, rule, reason, &o);
	o.ttl_s = task->draft.ttl_s < REFUSED_TTL_MAX_S ? task->draft.ttl_s : REFUSED_TTL_MAX_S;
	if (!o.forged)
		outcome_keep(r, task, &o);
	o.hop = hop;
	task_end(r, task, &o);
}

static void task_answered(struct resolver *r, struct task *task, struct dns_reply *reply, uint32_t ttl_s)
{
	struct outcome o = {.wire = r->draft, .rcode = reply->rcode, .ttl_s = ttl_s};

	task_outcome(r, task, &o);
	o.len = dns_reply_close(reply);
	if (!o.len) {
		task_fail(r, task, REASON_UPSTREAM);
		return;
	}
	outcome_keep(r, task, &o);
	task_end(r, task, &o);
}

static void end_negative(struct resolver *r, struct task *task, const struct dns_name *name)
{
	uint32_t ttl_s = 0;
	const struct answer_record *soa = answer_soa(r->answer, name, &ttl_s);
	struct dns_reply reply;

	if (r->answer->rcode == DNS_NXDOMAIN)
		protect_nxdomain(r, task);
	draft_resume(&task->draft, &reply, r->draft, sizeof(r->draft));
	reply.rcode = r->answer->rcode;
	ttl_s = capped_ttl(r, ttl_s < RESOLVER_NEGATIVE_TTL_MAX_S ? ttl_s : RESOLVER_NEGATIVE_TTL_MAX_S);
	if (soa && task->key.dnssec_ok)
		signed_soa(r, &reply, soa, ttl_s);
	if (soa)
		dns_reply_authority(&reply, &(struct dns_rr){.owner = answer_owner(r->answer, soa), .type = DNS_TYPE_SOA,
			.ttl_s = ttl_s, .rdata = answer_rdata(r->answer, soa), .rdata_len = soa->rdata_len});
	signed_append(&task->draft, &reply);
	task_answered(r, task, &reply, ttl_s < task->draft.ttl_s ? ttl_s : task->draft.ttl_s);
}

/* A or AAAA rdata as an address; false for a wrong length. */
static bool read_address(const struct answer *a, const struct answer_record *rec, struct addr *ret_addr)
{
	size_t want = rec->type == DNS_TYPE_A ? 4 : 16;

	if (rec->rdata_len != want)
		return false;
	*ret_addr = (struct addr){.family = rec->type == DNS_TYPE_A ? ADDR_V4 : ADDR_V6};
	memcpy(ret_addr->bytes, answer_rdata(a, rec), want);
	return true;
}

static void draft_address(struct draft *d, const struct addr *a)
{
	for (unsigned int i = 0; i < d->n_addrs; i++)
		if (addr_equal(&d->addrs[i], a))
			return;
	if (d->n_addrs < PIN_ADDRS_MAX)
		d->addrs[d->n_addrs++] = *a;
	else
		d->reduced = true;
}

bool in_audit(const struct resolver *r, const struct task *task)
{
	const struct owner *owner = owners_get(r->owners, task->key.slot);

	return owner && owner->audit;
}

/* Fills the draft's addresses. False: the task has ended. */
static bool take_addresses(struct resolver *r, struct task *task, const struct dns_name *name)
{
	struct draft *d = &task->draft;
	const struct answer_record *rec;
	unsigned int at = 0;
	struct addr a;

	while ((rec = answer_next(r->answer, name, task->key.qtype, &at))) {
		if (!read_address(r->answer, rec, &a)) {
			task_fail(r, task, REASON_UPSTREAM);
			return false;
		}
		if (!zone_permits(r, task, &a) && !addr_is_never(&a) && in_audit(r, task)) {
			task_found(task, EVENT_WOULD_BLOCK, REASON_REBINDING, task->rule, NULL);
		} else if (!zone_permits(r, task, &a)) {
			if (capped_ttl(r, rec->ttl_s) < d->ttl_s)
				d->ttl_s = capped_ttl(r, rec->ttl_s);
			task_blocked(r, task, task->rule, REASON_REBINDING, NULL);
			return false;
		}
		if (rec->ttl_s < d->addr_ttl_s)
			d->addr_ttl_s = rec->ttl_s;
		draft_address(d, &a);
	}
	d->addr_ttl_s = capped_ttl(r, d->addr_ttl_s);
	if (d->addr_ttl_s < d->ttl_s)
		d->ttl_s = d->addr_ttl_s;
	return true;
}

static void end_addresses(struct resolver *r, struct task *task, const struct dns_name *name)
{
	const struct image_rule *rule = rule_of(r, task->key.slot, task->rule);

	if (!take_addresses(r, task, name))
		return;
	if (signed_addresses(r, task, name) < 0) {
		task_fail(r, task, REASON_UPSTREAM);
		return;
	}
	if (pins_withheld(task) || (rule && rule->n_services))
		pins_request(r, task);
	else
		draft_end(r, task, UINT32_MAX, NULL); /* no ports: nothing to open, nothing to wait for */
}

/* One HTTPS or SVCB record without hints. Left out where it leads to a name that is not allowed, or is malformed. */
static bool strip_record(struct resolver *r, const struct task *task, struct dns_rr *rr, uint8_t *buf)
{
	struct dns_name target;
	uint32_t rule;
	size_t len;

	if (svcb_strip(rr->rdata, rr->rdata_len, buf, &len, &target) < 0)
		return false;
	if (target.len > 1 && !name_allowed(r, task, &target, &rule))
		return false;
	rr->rdata = buf;
	rr->rdata_len = (uint16_t)len;
	return true;
}

/* Signatures of an RRset that was changed here would only say that it was. */
static void end_signed(struct resolver *r, struct task *task, struct dns_reply *reply, const struct dns_name *name)
{
	signed_answer(r, task, reply, name, task->key.qtype);
	signed_append(&task->draft, reply);
}

static void end_data(struct resolver *r, struct task *task, const struct dns_name *name)
{
	bool strip = task->key.qtype == DNS_TYPE_HTTPS || task->key.qtype == DNS_TYPE_SVCB;
	uint32_t ttl_s = task->draft.ttl_s;
	const struct answer_record *rec;
	struct dns_reply reply;
	bool changed = false;
	unsigned int at = 0;

	draft_resume(&task->draft, &reply, r->draft, sizeof(r->draft));
	rec = task->key.qtype == DNS_TYPE_CNAME ? answer_dname(r->answer, name) : NULL;
	if (rec) { /* where the alias comes from */
		write_dname(r, task, &reply, rec);
		ttl_s = capped_ttl(r, rec->ttl_s) < ttl_s ? capped_ttl(r, rec->ttl_s) : ttl_s;
	}
	while ((rec = answer_next(r->answer, name, task->key.qtype, &at))) {
		struct dns_rr rr = {.owner_at = task->draft.owner_at, .type = rec->type, .ttl_s = capped_ttl(r, rec->ttl_s),
			.rdata = answer_rdata(r->answer, rec), .rdata_len = rec->rdata_len};

		if (strip && !strip_record(r, task, &rr, r->finish)) {
			changed = true;
			continue;
		}
		changed |= rr.rdata_len != rec->rdata_len;
		if (rr.ttl_s < ttl_s)
			ttl_s = rr.ttl_s;
		dns_reply_answer(&reply, &rr);
	}
	if (changed)
		reply.authentic = false;
	else
		end_signed(r, task, &reply, name);
	task_answered(r, task, &reply, ttl_s < task->draft.ttl_s ? ttl_s : task->draft.ttl_s);
}

/* False: the task has ended. */
static bool judge_hop(struct resolver *r, struct task *task, const struct dns_name *name)
{
	const struct image_rule *alias;
	uint32_t rule;

	if (task->found.action == EVENT_WOULD_BLOCK)
		return true;
	if (!name_allowed(r, task, name, &rule)) {
		if (!in_audit(r, task)) {
			task_blocked(r, task, rule, REASON_REDIRECTION, name);
			return false;
		}
		task_found(task, EVENT_WOULD_BLOCK, REASON_REDIRECTION, rule, name);
		return true;
	}
	alias = rule_of(r, task->key.slot, rule);
	if (alias && alias->action == ACTION_ALERT)
		task_found(task, EVENT_ALERTED, REASON_ALERT, rule, name);
	return true;
}

/* Goes along the aliases to *name. Returns how it ended, or ANSWER_HOP where the task has ended or asks
 * somebody else. */
static enum answer_step follow(struct resolver *r, struct task *task, struct dns_name *name)
{
	struct answer_hop hop;
	enum answer_step step;

	while ((step = answer_walk(r->answer, name, task->key.qtype, &hop)) == ANSWER_HOP) {
		if (++task->hops > RESOLVER_HOPS_MAX || draft_hop(r, task, name, &hop) < 0) {
			task_fail(r, task, REASON_UPSTREAM);
			return ANSWER_HOP;
		}
		if (!judge_hop(r, task, &hop.target))
			return ANSWER_HOP;
		if (zone_left(r, task, &hop.target)) {
			resolve_name(r, task, &hop.target);
			return ANSWER_HOP;
		}
		*name = hop.target;
	}
	return step;
}

void resolve_answer(struct resolver *r, struct task *task)
{
	struct dns_name name = task->current;
	enum answer_step step;
	uint32_t ttl_s;

	if (!task->draft.as_of_ms) /* of several answers the first: its TTLs are the oldest */
		task->draft.as_of_ms = r->now_ms;
	failures_forget(r->failures, &task->key);
	task->draft.authentic &= r->answer->authentic;
	signed_proofs(r, task);
	step = follow(r, task, &name);
	if (step == ANSWER_HOP)
		return;
	if (step == ANSWER_BAD || (step == ANSWER_END && r->answer->rcode != DNS_NOERROR)) /* a name that is not there has no data */
		task_fail(r, task, REASON_UPSTREAM);
	else if (step == ANSWER_NONE && r->answer->rcode == DNS_NOERROR && !dns_name_equal(&name, &task->current) &&
		!answer_soa(r->answer, &name, &ttl_s))
		resolve_name(r, task, &name); /* the upstream left the rest of the chain to us */
	else if (step == ANSWER_NONE)
		end_negative(r, task, &name);
	else if (task->key.qtype == DNS_TYPE_A || task->key.qtype == DNS_TYPE_AAAA)
		end_addresses(r, task, &name);
	else
		end_data(r, task, &name);
}
