/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Questions to upstreams.
 *
 * Each is written anew from name and type, with a random id, random case (0x20) and, by the shell, a random one
 * of many ports that are connected to the upstream; what comes back has to repeat all of it. A
 * datagram that does not is counted and ignored, as the true answer may still come. If only the case
 * differs the server may be one that does not keep it: the question is asked again over TCP, where guessing does not help.
 *
 * A try fails by time, by a broken connection, by a message that cannot be read, or by an RCODE that is no answer; then
 * the next upstream is asked, the same one again only when all have failed. Only silence counts against
 * an upstream's health: an RCODE can be provoked by whoever owns a name.
 */
#include <string.h>

#include "answer_ldns.h"
#include "state.h"

#define FAILS_MAX 3	      /* in a row, then others are preferred */
#define DOWN_MS 1000	      /* at first, doubled with each further failure */
#define DOWN_DOUBLINGS_MAX 5

static_assert(ZONE_UPSTREAMS_MAX <= 8, "a bit for each in struct task");

/* The first healthy one not tried, else the one that comes back first. False: there is none left. */
static bool choose(const struct resolver *r, struct task *task)
{
	const struct upstream_health *health = r->health + task->first_upstream;
	unsigned int n = task->n_upstreams, best = n;

	for (unsigned int i = 0; i < n; i++) {
		if (task->tried & (1u << i))
			continue;
		if (health[i].down_until_ms <= r->now_ms) {
			best = i;
			break;
		}
		if (best == n || health[i].down_until_ms < health[best].down_until_ms)
			best = i;
	}
	if (best == n)
		return false;
	task->upstream = (uint8_t)best;
	return true;
}

/* RFC draft-vixie-dnsext-dns0x20: one random bit a letter. */
static void randomize_case(struct resolver *r, struct dns_name *name)
{
	uint32_t bits = 0;

	for (unsigned int i = 0; i < name->len; i++) {
		uint8_t c = name->wire[i] | 0x20;

		if (i % 32 == 0)
			bits = r->ports->random(r->ctx);
		if (c >= 'a' && c <= 'z' && name->wire[i] >= 'A')
			name->wire[i] = (uint8_t)(c ^ ((bits >> i % 32 & 1) << 5));
	}
}

/* Its number in the image. */
static uint32_t upstream_of(const struct task *task)
{
	return task->first_upstream + task->upstream;
}

/* Nobody can read its length either, then. */
static bool over_tls(const struct resolver *r, const struct task *task)
{
	return image_upstream_tls(r->im, upstream_of(task));
}

/* Sends to task->upstream. False where the shell cannot. */
static bool send_ask(struct resolver *r, struct task *task)
{
	uint8_t wire[DNS_ASK_MAX];
	struct upstream_ask ask = {.upstream = upstream_of(task), .stream = task->stream, .data = wire};
	uint64_t due_ms = r->now_ms + r->settings.upstream_timeout_ms;

	task_forget_ask(r, task);
	task->ask.id = (uint16_t)r->ports->random(r->ctx);
	task->ask.qtype = task->key.qtype;
	task->ask.edns = !task->plain;
	task->ask.dnssec_ok = task->key.dnssec_ok;
	task->ask.ask_authentic = r->settings.trust_ad;
	task->ask.padded = over_tls(r, task);
	task->ask.name = task->current;
	randomize_case(r, &task->ask.name);
	ask.len = dns_ask_write(&task->ask, wire);
	ask.ref = tasks_renew_ref(r->tasks, task);
	if (r->ports->ask(r->ctx, &ask) < 0)
		return false;
	task->asked = task->sent = true;
	count(r, COUNTER_RESOLVER_upstream_queries);
	task_set_due(r, task, due_ms < task->deadline_ms ? due_ms : task->deadline_ms);
	return true;
}

/* The next try at the next upstream, or the end. */
static void ask_next(struct resolver *r, struct task *task)
{
	while (task->tries < r->settings.upstream_tries && r->now_ms < task->deadline_ms) {
		task->tries++;
		if (!choose(r, task)) {
			task->tried = 0; /* all failed: from the first on again */
			if (!choose(r, task))
				break;
		}
		task->plain = false;
		task->stream = over_tls(r, task); /* as large as it is, on a connection that nobody can write to */
		if (send_ask(r, task))
			return;
		task->tried |= (uint8_t)(1u << task->upstream);
	}
	task_fail(r, task, task->tls_failed ? REASON_UPSTREAM_TLS : REASON_UPSTREAM);
}

/* The same upstream again, in another way. Each way is gone at most once: tries bounds them too. */
static void ask_differently(struct resolver *r, struct task *task)
{
	if (!send_ask(r, task)) {
		task->tried |= (uint8_t)(1u << task->upstream);
		ask_next(r, task);
	}
}

void ask_start(struct resolver *r, struct task *task)
{
	task->tries = 0;
	task->tried = 0;
	task->tls_failed = false;
	ask_next(r, task);
}

static void upstream_silent(struct resolver *r, uint32_t upstream)
{
	struct upstream_health *h = &r->health[upstream];
	unsigned int doublings;

	if (h->fails < FAILS_MAX + DOWN_DOUBLINGS_MAX)
		h->fails++;
	if (h->fails < FAILS_MAX)
		return;
	doublings = h->fails - FAILS_MAX;
	h->down_until_ms = r->now_ms + ((uint64_t)DOWN_MS << doublings);
}

static void try_failed(struct resolver *r, struct task *task)
{
	task->tried |= (uint8_t)(1u << task->upstream);
	ask_next(r, task);
}

void ask_due(struct resolver *r, struct task *task)
{
	count(r, COUNTER_RESOLVER_upstream_timeouts);
	upstream_silent(r, upstream_of(task));
	try_failed(r, task);
}

void resolver_upstream_failed(struct resolver *r, uint32_t ref)
{
	struct task *task = tasks_by_ref(r->tasks, ref);

	if (!task || task->state != TASK_ASKING)
		return;
	upstream_silent(r, upstream_of(task));
	task->tls_failed = over_tls(r, task);
	try_failed(r, task);
}

/* Names that are compressed against our question would be in its random case: a copy with the name as it was before. */
static const uint8_t *without_case(struct resolver *r, const struct task *task, const uint8_t *data, size_t len)
{
	ASSERT(len <= sizeof(r->finish));
	memcpy(r->finish, data, len);
	memcpy(r->finish + DNS_QUESTION_AT, task->current.wire, task->current.len);
	return r->finish;
}

/* An answer that repeats our question. @len is at least a header and that question. */
static void matching_answer(struct resolver *r, struct task *task, const uint8_t *data, size_t len)
{
	int rc;

	if (dns_answer_truncated(data)) {
		if (task->stream) { /* nothing is larger than a stream */
			try_failed(r, task);
			return;
		}
		task->stream = true;
		ask_differently(r, task);
		return;
	}
	rc = answer_read(without_case(r, task, data, len), len, r->answer);
	if (rc == 0 && (r->answer->rcode == DNS_FORMERR || r->answer->rcode == DNS_NOTIMP) && !task->plain) {
		task->plain = true; /* RFC 6891 7: it may not know EDNS */
		ask_differently(r, task);
		return;
	}
	if (rc < 0 || (r->answer->rcode != DNS_NOERROR && r->answer->rcode != DNS_NXDOMAIN) || answer_is_referral(r->answer)) {
		if (task->tried == (1u << task->n_upstreams) - 1 - (1u << task->upstream))
			task->tries = (uint8_t)r->settings.upstream_tries; /* every one has spoken: no use asking again */
		try_failed(r, task);
		return;
	}
	r->answer->authentic &= r->settings.trust_ad;
	task_forget_ask(r, task);
	tasks_renew_ref(r->tasks, task);
	resolve_answer(r, task);
}

void resolver_upstream_answer(struct resolver *r, uint32_t ref, const uint8_t *data, size_t len)
{
	struct task *task = tasks_by_ref(r->tasks, ref);
	enum dns_check check;

	if (!task || task->state != TASK_ASKING || !task->asked) {
		count(r, COUNTER_RESOLVER_upstream_mismatches);
		return;
	}
	check = dns_ask_check(&task->ask, data, len);
	if (check == DNS_CHECK_CASE && task->stream)
		check = DNS_CHECK_GOOD;
	if (check != DNS_CHECK_GOOD)
		count(r, COUNTER_RESOLVER_upstream_mismatches);
	if (check == DNS_CHECK_GOOD) {
		r->health[upstream_of(task)] = (struct upstream_health){0};
		matching_answer(r, task, data, len);
	} else if (check == DNS_CHECK_CASE) {
		task->stream = true;
		ask_differently(r, task);
	} else if (check == DNS_CHECK_BARE && !task->plain) {
		task->plain = true;
		ask_differently(r, task);
	} else if (task->stream) {
		try_failed(r, task);
	}
}
