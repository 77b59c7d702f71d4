/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Grants. The promise: an answer is given only once the gate has said that the kernel has its pins; it holds
 * only the granted addresses; its TTL ends a margin before they do.
 *
 * A lifetime counts from the moment of the request, which is before the kernel's, so every error is on the
 * safe side. A kept reply is answered at once while its pins outlive what would be served; when less than half of their
 * lifetime is left and they end before the data, they are asked for again, with the same addresses, while clients are
 * still answered from what remains. When too little remains, clients wait for the grant.
 * What only audit mode lets through has no pins. It is told to the gate all the same, so that the record of its packets has the
 * name, and answered when the gate has passed that on, or cannot.
 * A signed RRset that loses an address is another RRset: who asked with DO gets all of it or SERVFAIL.
 *
 * Where no grant can be had (the gate is silent or out of room; not where it refused what the policy does not allow) the answer
 * is SERVFAIL, unless the sandbox has fail_open: then it is given without pins, not kept, and recorded. Its packets
 * are refused like any others that nothing permits.
 */
#include <string.h>

#include "state.h"

#define ADDRESS_RECORD_FIXED 12 /* pointer, type, class, TTL, length */

/*
 * The TTL that may be served while pins live for @left_ms. Whole seconds are cut off, except where that would leave
 * nothing: half a second of the margin may be used to round up to one, as a grant of the shortest configurable lifetime
 * is some microseconds old when it arrives.
 */
static uint32_t servable_s(const struct resolver *r, uint64_t left_ms)
{
	uint64_t margin_ms = r->settings.pin_margin_s * 1000ull;
	uint64_t slack_ms = margin_ms / 2 < 500 ? margin_ms / 2 : 500;

	if (left_ms >= margin_ms + 1000)
		return (uint32_t)((left_ms - margin_ms) / 1000);
	return left_ms + slack_ms >= margin_ms + 1000;
}

#define FAIL_OPEN_TTL_S 5 /* of an answer without pins: soon asked again, when it may have them */

static uint64_t left_ms(const struct resolver *r, uint64_t until_ms)
{
	return until_ms > r->now_ms ? until_ms - r->now_ms : 0;
}

static uint32_t age_s(const struct resolver *r, uint64_t as_of_ms)
{
	return (uint32_t)((r->now_ms - as_of_ms) / 1000);
}

/* A TTL that was not 0 stays at least 1: what is served ends by the pins, not by the seconds a grant took. */
static uint32_t aged(uint32_t ttl_s, uint32_t by_s)
{
	return ttl_s > by_s ? ttl_s - by_s : ttl_s > 0;
}

uint32_t pins_servable_s(const struct resolver *r, uint64_t until_ms)
{
	return servable_s(r, left_ms(r, until_ms));
}

static size_t draft_write(struct resolver *r, struct draft *d, uint32_t granted, uint16_t qtype);
static void cap_ttls(uint8_t *wire, const uint16_t *at, unsigned int n, uint32_t by_s, uint32_t cap_s);

/* The answer without pins. False: it cannot be made. */
static bool answer_open(struct resolver *r, struct task *task, enum reason reason)
{
	struct outcome o = {.wire = r->draft, .rule = task->rule, .action = EVENT_ALERTED, .reason = (uint16_t)reason,
		.ttl_s = FAIL_OPEN_TTL_S};
	uint16_t ttl_at[CACHE_TTLS_MAX];
	int n_ttls;

	o.len = draft_write(r, &task->draft, UINT32_MAX, task->key.qtype);
	n_ttls = dns_reply_ttls(r->draft, o.len, ttl_at, CACHE_TTLS_MAX);
	if (n_ttls < 0)
		return false;
	cap_ttls(r->draft, ttl_at, (unsigned int)n_ttls, age_s(r, task->draft.as_of_ms), FAIL_OPEN_TTL_S);
	if (task->n_waiters)
		count(r, COUNTER_RESOLVER_failed_open);
	task_end(r, task, &o);
	return true;
}

bool pins_withheld(const struct task *task)
{
	return task->found.action == EVENT_WOULD_BLOCK;
}

/* There are no pins for the draft, for no fault of the policy's. */
static void pins_missing(struct resolver *r, struct task *task, enum reason reason)
{
	const struct owner *owner = owners_get(r->owners, task->key.slot);

	if (!owner || !owner->fail_open || !answer_open(r, task, reason))
		task_fail(r, task, reason);
}

/* The gate does not say anything. */
static void no_grant(struct resolver *r, struct task *task, enum reason reason)
{
	if (pins_withheld(task))
		draft_end(r, task, UINT32_MAX, NULL); /* it waited for no pin */
	else
		pins_missing(r, task, reason);
}

/* Is this a failure to pin, rather than a refusal to? */
static bool is_failure(enum reason reason)
{
	return reason == REASON_PIN_FAILED || reason == REASON_QUOTA || reason == REASON_OVERLOAD;
}

void pins_request(struct resolver *r, struct task *task)
{
	const struct draft *d = &task->draft;
	struct msg_pin_request m = {.slot = task->key.slot, .qtype = task->key.qtype, .rule = task->rule,
		.generation = r->generation, .ttl_s = aged(d->ttl_s, age_s(r, d->as_of_ms)), .n_addrs = d->n_addrs,
		.would_block = pins_withheld(task)};

	dns_name_copy(&m.name, &task->key.name);
	memcpy(m.addrs, d->addrs, d->n_addrs * sizeof(m.addrs[0]));
	m.h.seq = tasks_renew_ref(r->tasks, task);
	if (r->n_pins == RESOLVER_PINS_MAX) {
		count(r, COUNTER_RESOLVER_table_full);
		no_grant(r, task, REASON_OVERLOAD);
		return;
	}
	task->pin_sent_ms = r->now_ms;
	if (r->ports->pin(r->ctx, &m) < 0) {
		count(r, COUNTER_RESOLVER_pin_failures);
		no_grant(r, task, REASON_PIN_FAILED);
		return;
	}
	count(r, COUNTER_RESOLVER_pin_requests);
	r->n_pins++;
	task->state = TASK_PINNING;
	task_set_due(r, task, r->now_ms + RESOLVER_PIN_DEADLINE_MS);
}

void pins_due(struct resolver *r, struct task *task)
{
	count(r, COUNTER_RESOLVER_pin_failures);
	no_grant(r, task, REASON_PIN_FAILED);
}

void resolver_pin_reply(struct resolver *r, const struct msg_pin_reply *m)
{
	struct task *task = tasks_by_ref(r->tasks, m->h.seq);
	enum reason reason;
	uint32_t asked;

	if (!task || task->state != TASK_PINNING)
		return; /* too late: the pins are there, the answer was SERVFAIL */
	if (pins_withheld(task)) {
		draft_end(r, task, UINT32_MAX, NULL);
		return;
	}
	asked = task->draft.n_addrs < 32 ? (1u << task->draft.n_addrs) - 1 : UINT32_MAX;
	if (m->reason == REASON_NONE && (m->granted & asked)) {
		draft_end(r, task, m->granted & asked, m);
		return;
	}
	count(r, COUNTER_RESOLVER_pin_failures);
	reason = m->reason != REASON_NONE && m->reason < REASON_COUNT ? (enum reason)m->reason : REASON_PIN_FAILED;
	if (task->stale)
		stale_refused(r, task);
	else
		cache_drop(r->cache, &task->key);
	if (is_failure(reason))
		pins_missing(r, task, reason);
	else
		task_fail(r, task, reason);
}

/* Is every address of the RRset among them? */
static bool whole(const struct draft *d, uint32_t granted)
{
	return !d->reduced && (granted & ((1ull << d->n_addrs) - 1)) == (1ull << d->n_addrs) - 1;
}

/* Writes the whole reply into r->draft; its length. */
static size_t draft_write(struct resolver *r, struct draft *d, uint32_t granted, uint16_t qtype)
{
	struct dns_reply reply = {.n_answers = d->n_answers, .authentic = d->authentic && whole(d, granted)};

	bytes_writer_init(&reply.w, r->draft, sizeof(r->draft));
	bytes_write(&reply.w, d->wire, d->len);
	for (unsigned int i = 0; i < d->n_addrs; i++)
		if (granted >> i & 1)
			dns_reply_answer(&reply, &(struct dns_rr){.owner_at = d->owner_at, .type = qtype,
				.ttl_s = d->addr_ttl_s, .rdata = d->addrs[i].bytes, .rdata_len = addr_bits(&d->addrs[i]) / 8});
	d->n_addrs = (uint8_t)(reply.n_answers - d->n_answers);
	signed_append(d, &reply);
	return dns_reply_close(&reply);
}

void set_ttls(uint8_t *wire, const uint16_t *at, unsigned int n, uint32_t ttl_s)
{
	for (unsigned int i = 0; i < n; i++) {
		uint8_t *p = wire + at[i];

		p[0] = (uint8_t)(ttl_s >> 24);
		p[1] = (uint8_t)(ttl_s >> 16);
		p[2] = (uint8_t)(ttl_s >> 8);
		p[3] = (uint8_t)ttl_s;
	}
}

static void cap_ttls(uint8_t *wire, const uint16_t *at, unsigned int n, uint32_t by_s, uint32_t cap_s)
{
	for (unsigned int i = 0; i < n; i++) {
		uint8_t *p = wire + at[i];
		uint32_t ttl_s = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];

		ttl_s = aged(ttl_s, by_s);
		ttl_s = ttl_s < cap_s ? ttl_s : cap_s;
		set_ttls(wire, &at[i], 1, ttl_s);
	}
}

static void keep_pinned(struct resolver *r, const struct task *task, const struct outcome *o,
	const struct msg_pin_reply *grant)
{
	const struct draft *d = &task->draft;
	struct cache_entry like = {.stored_ms = d->as_of_ms, .used_ms = r->now_ms, .expires_ms = d->as_of_ms + d->ttl_s * 1000ull, .rule = task->rule,
		.found = o->rule, .reason = (uint8_t)o->reason, .action = (uint8_t)o->action, .wire_len = (uint16_t)o->len, .addrs_at = d->len,
		.n_addrs = d->n_addrs, .is_signed = d->is_signed};

	if (grant) {
		like.pin_expires_ms = task->pin_sent_ms + grant->lifetime_ms;
		like.pin_lifetime_ms = grant->lifetime_ms;
	}
	if (d->ttl_s && o->len <= CACHE_WIRE_MAX)
		(void)cache_put(r->cache, &task->key, &like, o->wire); /* not kept: asked again */
}

void draft_end(struct resolver *r, struct task *task, uint32_t granted, const struct msg_pin_reply *grant)
{
	struct draft *d = &task->draft;
	struct outcome o = {.wire = r->draft};
	uint32_t cap_s = grant ? servable_s(r, left_ms(r, task->pin_sent_ms + grant->lifetime_ms)) : UINT32_MAX;
	uint16_t ttl_at[CACHE_TTLS_MAX];
	unsigned int asked = d->n_addrs;
	int n_ttls;

	if (d->is_signed && !whole(d, granted)) {
		if (!task->stale)
			cache_drop(r->cache, &task->key);
		task_fail(r, task, REASON_PIN_FAILED);
		return;
	}
	task_outcome(r, task, &o);
	o.len = draft_write(r, d, granted, task->key.qtype);
	n_ttls = dns_reply_ttls(r->draft, o.len, ttl_at, CACHE_TTLS_MAX);
	if (n_ttls < 0 || (cap_s == 0 && d->ttl_s)) { /* a TTL of 0 would be a lie, and more a promise we cannot keep */
		pins_missing(r, task, REASON_PIN_FAILED);
		return;
	}
	if (task->stale) {
		stale_granted(r, task, grant, granted == (1ull << asked) - 1);
		set_ttls(r->draft, ttl_at, (unsigned int)n_ttls, d->ttl_s);
		o.ede = DNS_EDE_STALE;
	} else {
		keep_pinned(r, task, &o, grant);
	}
	cap_ttls(r->draft, ttl_at, (unsigned int)n_ttls, age_s(r, d->as_of_ms), cap_s);
	o.ttl_s = aged(d->ttl_s, age_s(r, d->as_of_ms));
	o.ttl_s = o.ttl_s < cap_s ? o.ttl_s : cap_s;
	task_end(r, task, &o);
}

size_t hit_answer(struct resolver *r, struct cache_entry *e, const struct client *c, uint8_t *out)
{
	struct outcome o = {.wire = cache_wire(e), .len = e->wire_len, .rule = e->found, .reason = e->reason, .action = e->action, .rcode = cache_wire(e)[3] & 0xf,
		.ede = e->ede};
	uint32_t data_s = (uint32_t)((e->expires_ms - r->now_ms + 999) / 1000), cap_s = UINT32_MAX;
	size_t limit = dns_query_limit(&r->query, c->stream), n;
	struct dns_finish f = {.reply = cache_wire(e), .len = e->wire_len, .ede = outcome_ede(&o)};

	if (e->pin_expires_ms) {
		uint64_t left = left_ms(r, e->pin_expires_ms);

		cap_s = servable_s(r, left);
		if (cap_s == 0)
			return 0;
		if (cap_s < data_s && left * 2 < e->pin_lifetime_ms)
			(void)hit_renew(r, e); /* if it cannot be now, then at the next hit */
	}
	f.limit = limit < RESOLVER_ANSWER_MAX ? limit : RESOLVER_ANSWER_MAX;
	n = dns_reply_finish(&f, &r->query, out);
	if (!dns_answer_truncated(out))
		cap_ttls(out, e->ttl_at, e->n_ttls, age_s(r, e->stored_ms), cap_s);
	count(r, COUNTER_RESOLVER_cache_hits);
	o.ttl_s = data_s < cap_s ? data_s : cap_s;
	record_outcome(r, &r->key, &o, 1, c);
	if (!e->ahead)
		ahead_hit(r, e); /* the entry may be another behind it */
	return n;
}

void draft_from_entry(struct cache_entry *e, struct draft *d)
{
	const uint8_t *p = cache_wire(e) + e->addrs_at;
	size_t len = e->qtype == DNS_TYPE_A ? 4 : 16;

	d->len = e->addrs_at;
	memcpy(d->wire, cache_wire(e), d->len);
	d->n_answers = (uint16_t)((cache_wire(e)[6] << 8 | cache_wire(e)[7]) - e->n_addrs);
	d->authentic = cache_wire(e)[3] & DNS_AD;
	d->owner_at = (uint16_t)((p[0] & 0x3f) << 8 | p[1]);
	d->addr_ttl_s = (uint32_t)p[6] << 24 | (uint32_t)p[7] << 16 | (uint32_t)p[8] << 8 | p[9];
	d->as_of_ms = e->stored_ms;
	d->ttl_s = (uint32_t)((e->expires_ms - e->stored_ms) / 1000);
	d->n_addrs = e->n_addrs;
	for (unsigned int i = 0; i < e->n_addrs; i++, p += ADDRESS_RECORD_FIXED + len) {
		d->addrs[i] = (struct addr){.family = e->qtype == DNS_TYPE_A ? ADDR_V4 : ADDR_V6};
		memcpy(d->addrs[i].bytes, p + ADDRESS_RECORD_FIXED, len);
	}
	d->is_signed = e->is_signed;
	d->reduced = false;
	d->n_proofs = (uint16_t)(cache_wire(e)[8] << 8 | cache_wire(e)[9]);
	d->proofs_len = (uint16_t)(cache_wire(e) + e->wire_len - p);
	memcpy(d->proofs, p, d->proofs_len);
}

struct task *hit_renew(struct resolver *r, struct cache_entry *e)
{
	struct task *task = tasks_find(r->tasks, &r->key);

	if (task)
		return task;
	task = task_start(r, &r->key, e->rule);
	if (!task)
		return NULL;
	if (e->action == EVENT_ALERTED && e->found != e->rule)
		task_found(task, EVENT_ALERTED, (enum reason)e->reason, e->found, NULL);
	draft_from_entry(e, &task->draft);
	pins_request(r, task);
	return tasks_find(r->tasks, &r->key); /* it may have failed at once */
}
