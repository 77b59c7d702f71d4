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
 *
 * A question that is out for longer than answers of its upstream usually take (health.c) is not given up: another upstream is
 * asked beside it, a hedge, and the first good answer wins. There are never more than two out, and hedges have a budget.
 */
#include <string.h>

#include "answer_ldns.h"
#include "secure.h"

#define HEDGE_COST 100
#define HEDGE_SHARE 10 /* one hedge for ten questions, so that an outage does not double the load */

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
	task->out.upstream = (uint8_t)best;
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
	return task->first_upstream + task->out.upstream;
}

/* Nobody can read its length either, then. */
static bool over_tls(const struct resolver *r, const struct task *task)
{
	return image_upstream_tls(r->im, upstream_of(task));
}

/* With a cookie where nothing else keeps others from answering. */
static void put_cookie(struct resolver *r, const struct task *task, struct dns_ask *a)
{
	struct upstream_cookie *c = &r->cookies[upstream_of(task)];

	a->cookie_len = 0;
	if (!a->edns || over_tls(r, task) || !r->settings.upstream_cookies)
		return;
	if (upstream_cookie_due(c, r->now_ms))
		upstream_cookie_draw(c, (uint64_t)r->ports->random(r->ctx) << 32 | r->ports->random(r->ctx), r->now_ms);
	upstream_cookie_put(c, a);
}

/* When @o has had its time. */
static uint64_t end_of(const struct resolver *r, const struct task *task, const struct out_ask *o)
{
	uint64_t end_ms = o->sent_ms + r->settings.upstream_timeout_ms;

	return end_ms < task->deadline_ms ? end_ms : task->deadline_ms;
}

static uint64_t patience_end(const struct resolver *r, const struct task *task)
{
	uint64_t end_ms = end_of(r, task, &task->out);
	uint64_t ms = task->out.sent_ms + task->out.patience_ms;

	return task->out.overdue || ms > end_ms ? end_ms : ms;
}

/* To be looked at when the patience with the last question ends, or the time of either. */
static void set_due(struct resolver *r, struct task *task)
{
	uint64_t due_ms = patience_end(r, task);

	if (task->before.asked && end_of(r, task, &task->before) < due_ms)
		due_ms = end_of(r, task, &task->before);
	task_set_due(r, task, due_ms);
}

static void forget(struct resolver *r, struct out_ask *o)
{
	if (o->asked)
		r->ports->forget(r->ctx, o->ref);
	o->asked = false;
}

void task_forget_ask(struct resolver *r, struct task *task)
{
	forget(r, &task->out);
	forget(r, &task->before);
}

/* The one before becomes the last, and the other way round. */
static void exchange(struct task *task)
{
	struct out_ask last = task->out;

	task->out = task->before;
	task->before = last;
	task->ref = task->out.ref;
}

/* Sends to task->out.upstream. False where the shell cannot. */
static bool send_ask(struct resolver *r, struct task *task)
{
	uint8_t wire[DNS_ASK_MAX];
	struct dns_ask *a = &task->out.ask;
	struct upstream_ask ask = {.upstream = upstream_of(task), .stream = task->out.stream, .data = wire};
	bool validate = secure_wanted(r, task);

	forget(r, &task->out);
	a->id = (uint16_t)r->ports->random(r->ctx);
	a->qtype = task->fetch_type ? task->fetch_type : task->key.qtype;
	a->edns = !task->out.plain;
	a->dnssec_ok = task->key.dnssec_ok || validate;
	a->ask_authentic = r->settings.trust_ad && !validate;
	a->checking_disabled = validate; /* RFC 6840 5.9: what is bogus is told apart here */
	a->padded = over_tls(r, task);
	put_cookie(r, task, a);
	a->name = task->fetch_type ? task->fetch_name : task->current;
	randomize_case(r, &a->name);
	ask.len = dns_ask_write(a, wire);
	ask.ref = task->out.ref = tasks_renew_ref(r->tasks, task);
	if (r->ports->ask(r->ctx, &ask) < 0)
		return false;
	task->out.asked = task->sent = true;
	task->out.sent_ms = r->now_ms;
	task->out.patience_ms = health_patience_ms(&r->health[upstream_of(task)], r->settings.upstream_timeout_ms);
	task->out.overdue = false;
	count(r, COUNTER_RESOLVER_upstream_queries);
	set_due(r, task);
	return true;
}

/* Of the upstream that was chosen, in the usual way. */
static bool send_first(struct resolver *r, struct task *task)
{
	task->out.plain = task->out.bad_cookie = false;
	task->out.stream = over_tls(r, task); /* as large as it is, on a connection that nobody can write to */
	health_probe(&r->health[upstream_of(task)], r->now_ms);
	return send_ask(r, task);
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
		if (send_first(r, task))
			return;
		task->tried |= (uint8_t)(1u << task->out.upstream);
	}
	task_fail(r, task, task->tls_failed ? REASON_UPSTREAM_TLS : REASON_UPSTREAM);
}

/* The last try came to nothing: what is out beside it may come to something, else the next. */
static void try_failed(struct resolver *r, struct task *task)
{
	task->tried |= (uint8_t)(1u << task->out.upstream);
	forget(r, &task->out);
	if (!task->before.asked) {
		ask_next(r, task);
		return;
	}
	exchange(task);
	set_due(r, task);
}

/* The same upstream again, in another way. Each way is gone at most once: tries bounds them too. */
static void ask_differently(struct resolver *r, struct task *task)
{
	if (!send_ask(r, task))
		try_failed(r, task);
}

void ask_start(struct resolver *r, struct task *task)
{
	task->tries = 0;
	task->tried = 0;
	task->tls_failed = false;
	if (r->hedge_percent < HEDGE_PERCENT_MAX)
		r->hedge_percent += HEDGE_SHARE;
	ask_next(r, task);
}

/* Another upstream, where there is one; over UDP the same again, as a datagram may be lost. */
static bool choose_beside(const struct resolver *r, struct task *task)
{
	uint8_t tried = task->tried;
	bool found, stream = task->before.stream;

	task->tried |= (uint8_t)(1u << task->before.upstream);
	found = choose(r, task);
	task->tried = tried;
	return found || (!stream && choose(r, task));
}

/* What asking @task->out.upstream beside @task->before costs: nothing where that one is known to be down, and this one is not. */
static uint32_t hedge_cost(const struct resolver *r, const struct task *task)
{
	const struct upstream_health *h = r->health + task->first_upstream;

	return health_down(&h[task->before.upstream]) && !health_down(&h[task->out.upstream]) ? 0 : HEDGE_COST;
}

/* Asks a second time beside the last question. False: there is no budget, no try left, or nobody to ask. */
static bool hedge(struct resolver *r, struct task *task)
{
	uint32_t cost;

	if (task->before.asked || task->tries >= r->settings.upstream_tries)
		return false;
	task->before = task->out;
	task->out.asked = false;
	cost = choose_beside(r, task) ? hedge_cost(r, task) : UINT32_MAX;
	if (cost > r->hedge_percent || !send_first(r, task)) {
		exchange(task);
		task->before.asked = false;
		return false;
	}
	task->tries++;
	r->hedge_percent -= cost;
	count(r, COUNTER_RESOLVER_upstream_hedges);
	return true;
}

/* @o had all its time. */
static void timed_out(struct resolver *r, const struct task *task, const struct out_ask *o)
{
	count(r, COUNTER_RESOLVER_upstream_timeouts);
	if (!o->overdue)
		health_silent(&r->health[task->first_upstream + o->upstream], r->now_ms);
}

void ask_due(struct resolver *r, struct task *task)
{
	if (task->before.asked && end_of(r, task, &task->before) <= r->now_ms) {
		timed_out(r, task, &task->before);
		task->tried |= (uint8_t)(1u << task->before.upstream);
		forget(r, &task->before);
	}
	if (end_of(r, task, &task->out) <= r->now_ms) {
		timed_out(r, task, &task->out);
		try_failed(r, task);
		return;
	}
	if (!task->out.overdue && patience_end(r, task) <= r->now_ms) {
		task->out.overdue = true;
		health_silent(&r->health[upstream_of(task)], r->now_ms);
		if (hedge(r, task))
			return;
	}
	set_due(r, task);
}

void resolver_upstream_failed(struct resolver *r, uint32_t ref)
{
	struct task *task = tasks_by_ref(r->tasks, ref);

	if (!task || task->state != TASK_ASKING)
		return;
	if (task->before.asked && ref == task->before.ref)
		exchange(task);
	health_silent(&r->health[upstream_of(task)], r->now_ms);
	task->tls_failed = over_tls(r, task);
	try_failed(r, task);
}

/* Names that are compressed against our question would be in its random case: a copy with the name as it was before. */
static const uint8_t *without_case(struct resolver *r, const struct task *task, const uint8_t *data, size_t len)
{
	const struct dns_name *name = task->fetch_type ? &task->fetch_name : &task->current;

	ASSERT(len <= sizeof(r->finish));
	memcpy(r->finish, data, len);
	memcpy(r->finish + DNS_QUESTION_AT, name->wire, name->len);
	return r->finish;
}

/* An answer that repeats our question. @len is at least a header and that question. */
static void matching_answer(struct resolver *r, struct task *task, const uint8_t *data, size_t len)
{
	int rc;

	if (dns_answer_truncated(data)) {
		if (task->out.stream) { /* nothing is larger than a stream */
			try_failed(r, task);
			return;
		}
		task->out.stream = true;
		ask_differently(r, task);
		return;
	}
	data = without_case(r, task, data, len);
	rc = answer_read(data, len, r->answer);
	if (rc == 0 && (r->answer->rcode == DNS_FORMERR || r->answer->rcode == DNS_NOTIMP) && !task->out.plain) {
		task->out.plain = true; /* RFC 6891 7: it may not know EDNS */
		ask_differently(r, task);
		return;
	}
	if (rc < 0 || (r->answer->rcode != DNS_NOERROR && r->answer->rcode != DNS_NXDOMAIN) || answer_is_referral(r->answer)) {
		if (task->tried == (1u << task->n_upstreams) - 1 - (1u << task->out.upstream))
			task->tries = (uint8_t)r->settings.upstream_tries; /* every one has spoken: no use asking again */
		try_failed(r, task);
		return;
	}
	r->answer->authentic &= r->settings.trust_ad;
	task_forget_ask(r, task);
	tasks_renew_ref(r->tasks, task);
	if (task->look)
		looks_answer(r, task, data, len);
	else if (secure_wanted(r, task))
		secure_answer(r, task, data, len);
	else
		resolve_answer(r, task);
}

/* Our cookie is not good there (any more); a better one came with the answer. RFC 7873 5.3: once so, then over TCP. */
static void bad_cookie(struct resolver *r, struct task *task)
{
	count(r, COUNTER_RESOLVER_upstream_badcookies);
	if (task->out.stream) {
		try_failed(r, task);
		return;
	}
	task->out.stream = task->out.bad_cookie;
	task->out.bad_cookie = true;
	ask_differently(r, task);
}

/*
 * Whether it is @o's answer: a message that differs only in what a strange server may differ in, but a forged one too, is asked for again
 * over TCP (DNS_CHECK_CASE), where nobody can guess.
 */
static enum dns_check check_answer(struct resolver *r, const struct task *task, const struct out_ask *o,
	struct bytes_reader *message, struct dns_answer_opt *ret_opt)
{
	struct upstream_cookie *c = &r->cookies[task->first_upstream + o->upstream];
	enum dns_check check = dns_ask_check(&o->ask, message->data, message->len);

	if (check == DNS_CHECK_CASE && o->stream)
		check = DNS_CHECK_GOOD;
	if (check == DNS_CHECK_BARE && c->known && o->ask.cookie_len && !o->stream)
		check = DNS_CHECK_CASE;
	if (check != DNS_CHECK_GOOD)
		return check;
	dns_answer_opt(message->data, message->len, ret_opt);
	if (upstream_cookie_check(c, &o->ask, ret_opt, o->stream) == COOKIE_GOOD)
		return check;
	count(r, COUNTER_RESOLVER_upstream_cookies_forged);
	return o->stream ? DNS_CHECK_WRONG : DNS_CHECK_CASE;
}

/* What is known of its upstream now. */
static void learn(struct resolver *r, const struct task *task, bool hedged)
{
	health_answered(&r->health[upstream_of(task)], r->now_ms - task->out.sent_ms);
	if (hedged)
		count(r, COUNTER_RESOLVER_upstream_hedges_won);
}

void resolver_upstream_answer(struct resolver *r, uint32_t ref, const uint8_t *data, size_t len)
{
	struct task *task = tasks_by_ref(r->tasks, ref);
	bool before = task && task->before.asked && ref == task->before.ref;
	struct out_ask *o = before ? &task->before : task ? &task->out : NULL;
	struct dns_answer_opt opt;
	struct bytes_reader message;
	enum dns_check check;

	if (!task || task->state != TASK_ASKING || !o->asked) {
		count(r, COUNTER_RESOLVER_upstream_mismatches);
		return;
	}
	bytes_reader_init(&message, data, len);
	check = check_answer(r, task, o, &message, &opt);
	if (check != DNS_CHECK_GOOD)
		count(r, COUNTER_RESOLVER_upstream_mismatches);
	if (check == DNS_CHECK_WRONG && !o->stream)
		return; /* somebody guessing: the true one may still come */
	if (before)
		exchange(task);
	if (check == DNS_CHECK_GOOD) {
		learn(r, task, !before && task->before.asked);
		if (opt.rcode == DNS_BADCOOKIE && task->out.ask.cookie_len)
			bad_cookie(r, task);
		else
			matching_answer(r, task, data, len);
	} else if (check == DNS_CHECK_CASE) {
		task->out.stream = true;
		ask_differently(r, task);
	} else if (check == DNS_CHECK_BARE && !task->out.plain) {
		task->out.plain = true;
		ask_differently(r, task);
	} else if (task->out.stream) {
		try_failed(r, task);
	}
}

uint32_t resolver_upstreams(const struct resolver *r, struct upstream_row *rows, uint32_t n)
{
	uint32_t all = r->im ? image_n_upstreams(r->im) : 0;

	n = n < all ? n : all;
	for (uint32_t i = 0; i < n; i++) {
		const struct upstream_health *h = &r->health[i];
		const struct image_upstream *u = image_upstream(r->im, i);

		rows[i] = (struct upstream_row){.addr = u->addr, .port = u->port, .tls = image_upstream_tls(r->im, i),
			.state = health_down(h) ? UPSTREAM_DOWN : h->answered ? UPSTREAM_UP : UPSTREAM_UNTRIED,
			.rtt_ms = health_rtt_ms(h), .answered = h->answered, .silent = h->silent};
	}
	return n;
}
