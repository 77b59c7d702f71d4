/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tables of the resolver: sandboxes and their packets, special names, the cache, tasks, records, allowances. Decisions are in tests/scenario. */
#include "check.h"

#include <errno.h>

#include <stdio.h>

#include "../../src/resolver/answer_ldns.h"
#include "../../src/resolver/cache.h"
#include "../../src/resolver/owners.h"
#include "../../src/resolver/rate.h"
#include "../../src/resolver/record.h"
#include "../../src/resolver/special.h"
#include "../../src/resolver/tasks.h"

static struct sandbox box(uint16_t slot, enum sandbox_kind kind, const char *selector)
{
	struct sandbox s = {.slot = slot, .kind = (uint8_t)kind, .n_selectors = 1, .policy = "p"};

	snprintf(s.name, sizeof(s.name), "box%u", slot);
	if (kind == SANDBOX_INTERFACE)
		snprintf(s.selectors[0].ifname, sizeof(s.selectors[0].ifname), "%s", selector);
	else
		CHECK(prefix_parse(selector, &s.selectors[0].source) == 0);
	return s;
}

static uint16_t find(struct owners *o, const char *ifname, const char *source)
{
	struct addr a;

	return addr_parse(source, &a) == 0 ? owners_find(o, ifname, &a) : 0;
}

static const struct {
	const char *ifname, *source;
	uint16_t slot;
} owner_rows[] = {
	{"veth1", "198.51.100.1", 1}, {"veth1", "203.0.113.9", 1}, {"veth", "198.51.100.1", 3}, {"veth11", "198.51.100.1", 3},
	{"br0", "198.51.100.127", 3}, {"br0", "198.51.100.128", 2}, {"br0", "198.51.101.1", SANDBOX_NONE},
	{"br0", "2001:db8::1", 4}, {"br0", "2001:db8:1::1", SANDBOX_NONE}, {"br0", "203.0.113.7", 5},
	{"br0", "203.0.113.8", SANDBOX_NONE}, {"lo", "127.0.0.1", SANDBOX_NONE},
};

static void test_owners(void)
{
	struct owners *o = owners_new();
	struct sandbox s;

	s = box(1, SANDBOX_INTERFACE, "veth1"); CHECK(owners_set(o, &s, NULL) == 0);
	s = box(2, SANDBOX_SOURCE, "198.51.100.0/24"); CHECK(owners_set(o, &s, NULL) == 0);
	s = box(3, SANDBOX_SOURCE, "198.51.100.0/25"); CHECK(owners_set(o, &s, NULL) == 0);
	s = box(4, SANDBOX_SOURCE, "2001:db8::/48"); CHECK(owners_set(o, &s, NULL) == 0);
	s = box(5, SANDBOX_SOURCE, "203.0.113.7/32"); CHECK(owners_set(o, &s, NULL) == 0);
	for (size_t i = 0; i < ARRAY_LEN(owner_rows); i++) {
		check_row(owner_rows[i].source);
		CHECK(find(o, owner_rows[i].ifname, owner_rows[i].source) == owner_rows[i].slot);
	}
	check_row("");
	owners_get(o, 3)->n_tasks = 5;
	owners_remove(o, 3);
	CHECK(find(o, "br0", "198.51.100.1") == 2 && !owners_get(o, 3));
	s = box(1, SANDBOX_INTERFACE, "veth9");
	CHECK(owners_set(o, &s, NULL) == 0);
	CHECK(find(o, "veth1", "203.0.113.9") == SANDBOX_NONE && find(o, "veth9", "203.0.113.9") == 1);
	CHECK(owners_get(o, 1) && !owners_get(o, 1)->policy && owners_get(o, 1)->epoch == 2);
	s = box(3, SANDBOX_INTERFACE, "veth3");
	CHECK(owners_set(o, &s, NULL) == 0 && owners_get(o, 3)->n_tasks == 0); /* not its predecessor's */
	s.slot = SANDBOX_MAX;
	CHECK(owners_set(o, &s, NULL) < 0 && !owners_get(o, SANDBOX_MAX) && !owners_get(o, SANDBOX_NONE));
	s.slot = 7;
	s.n_selectors = 0;
	CHECK(owners_set(o, &s, NULL) < 0 && !owners_get(o, 7));
	owners_free(o);
}

static struct dns_name name_of(const char *text)
{
	struct dns_name n = {0};

	CHECK(dns_name_from_text(text, &n) == 0);
	return n;
}

static const struct {
	const char *name;
	enum special special;
} special_rows[] = {
	{"localhost", SPECIAL_LOOPBACK}, {"LOCALHOST", SPECIAL_LOOPBACK}, {"a.localhost", SPECIAL_LOOPBACK},
	{"localhost.example", SPECIAL_NONE}, {"mylocalhost", SPECIAL_NONE}, {"invalid", SPECIAL_NXDOMAIN},
	{"printer.local", SPECIAL_NXDOMAIN}, {"local", SPECIAL_NXDOMAIN}, {"x.onion", SPECIAL_NXDOMAIN}, {"x.alt", SPECIAL_NXDOMAIN},
	{"router.home.arpa", SPECIAL_NXDOMAIN}, {"_dns.resolver.arpa", SPECIAL_NODATA},
	{"use-application-dns.net", SPECIAL_NXDOMAIN}, {"1.2.0.192.in-addr.arpa", SPECIAL_NXDOMAIN},
	{"1.0.0.127.in-addr.arpa", SPECIAL_LOOPBACK_PTR}, {"2.0.0.127.in-addr.arpa", SPECIAL_NXDOMAIN},
	{"8.b.d.0.1.0.0.2.ip6.arpa", SPECIAL_NXDOMAIN},
	{"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa", SPECIAL_LOOPBACK_PTR},
	{"arpa", SPECIAL_NONE}, {".", SPECIAL_NONE}, {"example.com", SPECIAL_NONE}, {"net", SPECIAL_NONE},
	{"xin-addr.arpa", SPECIAL_NONE},
};

static void test_special(void)
{
	const uint8_t *rdata;
	size_t len;

	for (size_t i = 0; i < ARRAY_LEN(special_rows); i++) {
		struct dns_name n = name_of(special_rows[i].name);

		check_row(special_rows[i].name);
		dns_name_lower(&n);
		CHECK(special_of(&n, &len) == special_rows[i].special);
	}
	check_row("");
	CHECK(special_rdata(SPECIAL_LOOPBACK, DNS_TYPE_A, &rdata) == 4 && rdata[0] == 127 && rdata[3] == 1);
	CHECK(special_rdata(SPECIAL_LOOPBACK, DNS_TYPE_AAAA, &rdata) == 16 && rdata[0] == 0 && rdata[15] == 1);
	CHECK(special_rdata(SPECIAL_LOOPBACK, DNS_TYPE_MX, &rdata) == 0);
	CHECK(special_rdata(SPECIAL_LOOPBACK_PTR, DNS_TYPE_PTR, &rdata) == 11 && rdata[10] == 0);
}

static size_t reply_for(const struct cache_key *k, unsigned int n_records, uint8_t *wire, size_t cap)
{
	struct dns_reply r;

	dns_reply_init(&r, wire, cap, &k->name, k->qtype);
	for (unsigned int i = 0; i < n_records; i++)
		dns_reply_answer(&r, &(struct dns_rr){.owner_at = DNS_QUESTION_AT, .type = DNS_TYPE_A, .ttl_s = 60,
			.rdata = (const uint8_t *)"\300\0\2\1", .rdata_len = 4});
	return dns_reply_close(&r);
}

static struct cache_entry *put(struct cache *c, const struct cache_key *k, unsigned int n_records, uint64_t now_ms)
{
	uint8_t wire[2048];
	struct cache_entry like = {.stored_ms = now_ms, .used_ms = now_ms, .expires_ms = now_ms + 60000};

	like.wire_len = (uint16_t)reply_for(k, n_records, wire, sizeof(wire));
	return cache_put(c, k, &like, wire);
}

static void test_cache(void)
{
	struct cache *c = cache_new();
	struct dns_name upper = name_of("WWW.Example"), lower = name_of("www.example");
	struct cache_key k, other;
	struct cache_entry *e;

	cache_key_make(c, &upper, 1, DNS_TYPE_A, &k);
	cache_key_make(c, &lower, 1, DNS_TYPE_A, &other);
	CHECK(k.hash == other.hash && memcmp(k.name.wire, lower.wire, lower.len) == 0);
	CHECK(!cache_find(c, &k, 1));
	e = put(c, &k, 2, 1);
	CHECK(e && e->n_ttls == 2 && e->ttl_at[0] == 12 + 13 + 4 + 6 && cache_wire(e)[7] == 2);
	CHECK(cache_find(c, &other, 1) == e && cache_find(c, &k, 60000) == e && !cache_find(c, &k, 60001));
	cache_key_make(c, &lower, 2, DNS_TYPE_A, &other); /* another sandbox */
	CHECK(!cache_find(c, &other, 1));
	cache_key_make(c, &lower, 1, DNS_TYPE_AAAA, &other);
	CHECK(!cache_find(c, &other, 1));
	other = k;
	other.epoch = 1; /* another policy */
	CHECK(!cache_find(c, &other, 1));
	e = put(c, &k, 1, 2); /* in its place */
	CHECK(e && e->n_ttls == 1 && cache_find(c, &k, 2) == e);
	CHECK(!put(c, &k, CACHE_TTLS_MAX + 1, 2) && !cache_find(c, &k, 2));
	CHECK(!put(c, &k, 80, 2) && !cache_find(c, &k, 2)); /* longer than CACHE_WIRE_MAX */
	CHECK(put(c, &k, 1, 2));
	cache_drop(c, &k);
	CHECK(!cache_find(c, &k, 2));
	cache_free(c);
}

/* More names than places: each is found right after it was put, and the first do not stay for ever. */
static void test_cache_full(void)
{
	struct cache *c = cache_new();
	struct cache_key k;
	unsigned int lost = 0, kept = 0;
	char text[32];

	for (int pass = 0; pass < 2; pass++) {
		for (unsigned int i = 0; i < CACHE_SMALL_MAX + CACHE_SMALL_MAX / 4; i++) {
			snprintf(text, sizeof(text), "n%u.example", i);
			struct dns_name n = name_of(text);

			cache_key_make(c, &n, 1, DNS_TYPE_A, &k);
			if (pass == 0)
				lost += !put(c, &k, 1, 1) || !cache_find(c, &k, 1);
			else
				kept += cache_find(c, &k, 1) != NULL;
		}
	}
	CHECK(lost == 0 && kept <= CACHE_SMALL_MAX && kept > CACHE_SMALL_MAX * 3 / 4);
	cache_free(c);
}

static struct cache_key key_of(struct cache *c, unsigned int i)
{
	struct cache_key k;
	char text[32];

	snprintf(text, sizeof(text), "t%u.example", i);
	struct dns_name n = name_of(text);

	cache_key_make(c, &n, 1, DNS_TYPE_A, &k);
	return k;
}

static void test_tasks(void)
{
	struct cache *c = cache_new();
	struct tasks *t = tasks_new();
	struct client client = {.port = 1};
	struct dns_query q = {.id = 1};
	struct task *first = NULL, *task;
	unsigned int n, waiting = 0;
	uint32_t ref;

	for (n = 0; n <= RESOLVER_TASKS_MAX; n++) {
		struct cache_key k = key_of(c, n);

		task = tasks_add(t, &k);
		if (!task)
			break;
		task->state = TASK_ASKING;
		first = first ? first : task;
		CHECK(tasks_find(t, &k) == task && tasks_by_ref(t, tasks_ref(t, task)) == task);
	}
	CHECK(n == RESOLVER_TASKS_MAX && tasks_active(t, n - 1) && !tasks_active(t, n));
	ref = tasks_ref(t, first);
	CHECK(tasks_renew_ref(t, first) != ref && !tasks_by_ref(t, ref));
	first->before.asked = true; /* a second question beside it */
	ref = first->before.ref = tasks_ref(t, first);
	for (n = 0; n < 10; n++) {
		CHECK(tasks_renew_ref(t, first) % RESOLVER_ASKS_MAX != ref % RESOLVER_ASKS_MAX);
		CHECK(tasks_by_ref(t, ref) == first && tasks_by_ref(t, tasks_ref(t, first)) == first);
	}
	first->before.asked = false;
	CHECK(!tasks_by_ref(t, ref));
	CHECK(tasks_wait(t, first, &client, &q) == 0 && tasks_wait(t, first, &client, &q) == 0 && first->n_waiters == 1);
	for (n = 0; tasks_wait(t, first, &client, &q) == 0 && n <= RESOLVER_WAITERS_MAX; n++)
		q.id++;
	CHECK(first->n_waiters == RESOLVER_WAITERS_MAX);
	for (const struct waiter *w = tasks_waiter(t, first->first_waiter); w; w = tasks_waiter(t, w->next))
		waiting++;
	CHECK(waiting == RESOLVER_WAITERS_MAX);
	ref = tasks_ref(t, first);
	tasks_remove(t, first);
	struct cache_key k0 = key_of(c, 0), again = key_of(c, 99999);
	CHECK(!tasks_find(t, &k0) && !tasks_by_ref(t, ref));
	CHECK(tasks_add(t, &again) == first && !tasks_by_ref(t, ref));
	first->state = TASK_ASKING;
	CHECK(tasks_wait(t, first, &client, &q) == 0 && first->n_waiters == 1);
	while ((task = tasks_active(t, 0)))
		tasks_remove(t, task);
	for (n = 0; n < RESOLVER_TASKS_MAX; n++) {
		struct cache_key k = key_of(c, n);

		CHECK(tasks_add(t, &k));
	}
	tasks_free(t);
	cache_free(c);
}

static struct {
	unsigned int n, count, suppressed;
	unsigned int room; /* of records that are not the last chance */
	struct decision_record last;
} recorded;

static int on_record(void *ctx, const struct decision_record *d, bool last_chance)
{
	(void)ctx;
	if (!last_chance && recorded.room == 0)
		return -EAGAIN;
	recorded.room -= !last_chance;
	recorded.n++;
	recorded.count += d->count;
	recorded.suppressed += d->name.len ? 0 : d->count;
	recorded.last = *d;
	return 0;
}

static const struct resolver_ports record_ports = {.record = on_record};

static void recorded_reset(void)
{
	memset(&recorded, 0, sizeof(recorded));
	recorded.room = UINT32_MAX;
}

/* @n different names. */
static void add_names(struct recorder *rec, const struct decision_record *d, unsigned int n)
{
	struct dns_name name;
	char text[32];

	for (unsigned int i = 0; i < n; i++) {
		snprintf(text, sizeof(text), "n%u.example", i);
		name = name_of(text);
		recorder_add(rec, &(struct record_in){.d = d, .name = &name, .hash = i * 0x10000u, .per_sandbox = 512, .sandbox = "ci"});
	}
}

static void test_recorder(void)
{
	const struct record_out out = {&record_ports, NULL, false};
	struct recorder *rec = recorder_new();
	struct decision_record d = {.count = 1, .slot = 1, .reason = REASON_NO_RULE, .action = EVENT_BLOCKED, .first_ms = 5, .last_ms = 5};

	recorded_reset();
	CHECK(recorder_oldest(rec) == UINT64_MAX);
	add_names(rec, &d, 1);
	d.last_ms = 7;
	add_names(rec, &d, 1);
	d.slot = 2;
	add_names(rec, &d, 1);
	CHECK(recorder_oldest(rec) == 5);
	CHECK(recorder_flush(rec, 4, &out) && recorded.n == 0);
	CHECK(recorder_flush(rec, 5, &out));
	CHECK(recorded.n == 2 && recorded.count == 3 && recorder_oldest(rec) == UINT64_MAX);
	check_row("types are told apart");
	recorded_reset();
	add_names(rec, &d, 1);
	d.qtype = DNS_TYPE_AAAA;
	add_names(rec, &d, 1);
	CHECK(recorder_flush(rec, UINT64_MAX, &out) && recorded.n == 2);
	check_row("another sandbox in the same slot");
	recorded_reset();
	add_names(rec, &d, 1);
	d.epoch++;
	add_names(rec, &d, 1);
	recorder_flush_slot(rec, 2, &out); /* only counts name it by its slot, and there are none */
	CHECK(recorded.n == 0);
	CHECK(recorder_flush(rec, UINT64_MAX, &out) && recorded.n == 2 && recorded.count == 2);
	CHECK_STR(recorded.last.sandbox, "ci");
	add_names(rec, &d, 600);
	recorded_reset();
	recorder_flush_slot(rec, 2, &out);
	CHECK(recorded.n == 1 && recorded.suppressed == 88);
	recorder_flush_slot(rec, 2, &out);
	CHECK(recorded.n == 1);
	recorder_free(rec);
}

static void test_recorder_flood(void)
{
	const struct record_out out = {&record_ports, NULL, true};
	struct recorder *rec = recorder_new();
	struct decision_record d = {.count = 1, .slot = 2, .reason = REASON_NO_RULE, .action = EVENT_BLOCKED, .first_ms = 5, .last_ms = 5};

	check_row("a flood of names in one sandbox does not hide another's");
	recorded_reset();
	add_names(rec, &d, 10000);
	d.slot = 1;
	add_names(rec, &d, 1);
	CHECK(recorder_flush(rec, UINT64_MAX, &out));
	CHECK(recorded.n == 512 + 2 && recorded.count == 10001 && recorded.suppressed == 10000 - 512);
	check_row("permitted names do not hide a refused one");
	recorded_reset();
	d.action = EVENT_ALLOWED;
	add_names(rec, &d, 512);
	d.action = EVENT_BLOCKED;
	add_names(rec, &d, 1);
	CHECK(recorder_flush(rec, UINT64_MAX, &out));
	CHECK(recorded.n == 256 + 2 && recorded.suppressed == 256);
	recorder_free(rec);
}

/* The channel is full for a while: nothing is lost, nothing doubled; a lot goes out in pieces. */
static void test_recorder_waits(void)
{
	const struct record_out out = {&record_ports, NULL, false};
	struct recorder *rec = recorder_new();
	struct decision_record d = {.count = 1, .slot = 1, .reason = REASON_NO_RULE, .action = EVENT_BLOCKED, .first_ms = 5, .last_ms = 5};
	unsigned int rounds = 0;

	check_row("no room");
	recorded_reset();
	add_names(rec, &d, 600);
	recorded.room = 3;
	CHECK(!recorder_flush(rec, 5, &out) && recorded.n == 3);
	CHECK(!recorder_flush(rec, 5, &out) && recorded.n == 3 && recorder_oldest(rec) == 5);
	recorded.room = UINT32_MAX;
	while (!recorder_flush(rec, 5, &out) && rounds < 1000)
		rounds++;
	CHECK(rounds == 509 / RECORDS_PER_FLUSH && recorded.n == 513 && recorded.count == 600 && recorded.suppressed == 88);
	recorder_free(rec);
}

/* The record holds what was answered, as far as there is room. */
static void test_recorded_answers(void)
{
	const struct record_out out = {&record_ports, NULL, true};
	struct recorder *rec = recorder_new();
	struct decision_record d = {.count = 1, .slot = 1};
	struct dns_name name = name_of("a.example");
	uint8_t wire[2048];
	static const uint8_t address[4] = {192, 0, 2, 1}, text[200] = {199};
	struct record_in in = {.d = &d, .name = &name, .reply = wire, .per_sandbox = 512, .sandbox = "ci"};
	struct dns_reply reply;

	dns_reply_init(&reply, wire, sizeof(wire), &name, DNS_TYPE_A);
	dns_reply_answer(&reply, &(struct dns_rr){.owner_at = DNS_QUESTION_AT, .type = DNS_TYPE_CNAME, .rdata = name.wire, .rdata_len = name.len});
	dns_reply_answer(&reply, &(struct dns_rr){.owner = &name, .type = DNS_TYPE_A, .rdata = address, .rdata_len = 4});
	in.reply_len = dns_reply_close(&reply);
	recorder_add(rec, &in);
	CHECK(recorder_flush(rec, UINT64_MAX, &out) && !recorded.last.answers_cut && recorded.last.answers_len == 4 + 11 + 4 + 4);
	CHECK(memcmp(recorded.last.answers, "\0\5\0\13\1a\7example\0\0\1\0\4\300\0\2\1", 23) == 0);
	check_row("cut by bytes");
	for (unsigned int i = 0; i < 3; i++)
		dns_reply_answer(&reply, &(struct dns_rr){.owner_at = DNS_QUESTION_AT, .type = DNS_TYPE_TXT, .rdata = text, .rdata_len = 200});
	in.reply_len = dns_reply_close(&reply);
	recorder_add(rec, &in);
	CHECK(recorder_flush(rec, UINT64_MAX, &out) && recorded.last.answers_cut && recorded.last.answers_len == 23 + 2 * 204);
	check_row("cut by number");
	dns_reply_init(&reply, wire, sizeof(wire), &name, DNS_TYPE_A);
	for (unsigned int i = 0; i < EVENT_ANSWERS_MAX + 1; i++)
		dns_reply_answer(&reply, &(struct dns_rr){.owner_at = DNS_QUESTION_AT, .type = DNS_TYPE_A, .rdata = address, .rdata_len = 4});
	in.reply_len = dns_reply_close(&reply);
	recorder_add(rec, &in);
	CHECK(recorder_flush(rec, UINT64_MAX, &out) && recorded.last.answers_cut && recorded.last.answers_len == EVENT_ANSWERS_MAX * 8);
	check_row("none");
	in.reply_len = 0;
	recorder_add(rec, &in);
	CHECK(recorder_flush(rec, UINT64_MAX, &out) && !recorded.last.answers_cut && recorded.last.answers_len == 0);
	recorder_free(rec);
}

#define HEAD "1234 8180 0001 "
#define QUESTION " 0161 00 0001 0001 " /* a. A */

/* How many of @n queries at one time are within the allowance. */
static unsigned int takes(struct rate *rate, uint16_t slot, uint64_t now_ms, unsigned int n)
{
	unsigned int taken = 0;

	while (n--)
		taken += rate_take(rate, &(struct rate_asker){slot, NULL}, RATE_QUERY, now_ms) == RATE_GOOD;
	return taken;
}

static bool take_connection(struct rate *rate, uint16_t slot, uint64_t now_ms)
{
	return rate_take(rate, &(struct rate_asker){slot, NULL}, RATE_CONNECTION, now_ms) == RATE_GOOD;
}

static void limit(struct rate *rate, uint32_t per_s, uint32_t burst)
{
	rate_set(rate, &(struct image_settings){.queries_per_s = per_s, .queries_burst = burst,
		.client_queries_per_s = 1, .client_queries_burst = 1, .client_prefix6 = 64});
}

static void test_rate(void)
{
	const struct record_out out = {&record_ports, NULL, false};
	struct rate *rate = rate_new();
	unsigned int taken = 0;

	recorded_reset();
	CHECK(takes(rate, 1, 50, 10) == 10 && rate_oldest(rate) == UINT64_MAX); /* no limit is set yet */
	limit(rate, 100, 20);
	CHECK(takes(rate, 1, 100, 25) == 20 && rate_oldest(rate) == 100); /* a burst, and no more */
	CHECK(takes(rate, 2, 100, 25) == 20 && takes(rate, SANDBOX_MAX - 1, 100, 25) == 20); /* each has its own */
	CHECK(takes(rate, 1, 109, 5) == 0 && takes(rate, 1, 110, 5) == 1 && takes(rate, 1, 135, 5) == 2);
	CHECK(takes(rate, 1, 10000, 50) == 20); /* what is not used does not add up beyond a burst */
	for (uint64_t now_ms = 20000; now_ms < 30000; now_ms++)
		taken += takes(rate, 3, now_ms, 10);
	CHECK(taken == 20 + 999); /* 10,000 a second for ten seconds: the burst, then the rate */
	recorded.room = 0;
	CHECK(!rate_flush_slot(rate, 2, &out) && !rate_flush(rate, &out) && recorded.n == 0); /* no room: it stays */
	recorded.room = UINT32_MAX;
	CHECK(rate_flush_slot(rate, 2, &out));
	CHECK(recorded.n == 1 && recorded.count == 5 && recorded.suppressed == 5);
	CHECK(rate_flush(rate, &out));
	CHECK(recorded.n == 4 && rate_oldest(rate) == UINT64_MAX);
	CHECK(recorded.count == 5 + 5 + (5 + 5 + 4 + 3 + 30) + 100000 - taken);
	CHECK(rate_flush(rate, &out));
	CHECK(recorded.n == 4);
	CHECK(takes(rate, 3, 30000, 10) == 1 && rate_oldest(rate) == 30000);
	rate_forget(rate, 3);
	CHECK(takes(rate, 3, 30000, 30) == 20); /* another sandbox: nothing of its predecessor's */
	CHECK(takes(rate, 5, 30000, 30) == 20); /* connections are counted on their own: 25 a second, 5 at once */
	for (taken = 0; take_connection(rate, 5, 30000);)
		taken++;
	CHECK(taken == 5);
	CHECK(!take_connection(rate, 5, 30039) && take_connection(rate, 5, 30040));
	CHECK(takes(rate, 5, 30040, 30) == 4);
	limit(rate, 1, 1);
	CHECK(take_connection(rate, 6, 30000) && !take_connection(rate, 6, 30000));
	limit(rate, IMAGE_QUERIES_MAX, IMAGE_QUERIES_MAX);
	CHECK(takes(rate, 4, 30000, IMAGE_QUERIES_MAX) == IMAGE_QUERIES_MAX && takes(rate, 4, 30000, 1) == 0);
	rate_free(rate);
}

/* Upstream messages as the adapter reads them; counts are of answer and authority. */
static const struct {
	const char *name, *hex;
	int rc, rcode;
	unsigned int n_records;
} answer_rows[] = {
	{"an address", HEAD "0001 0000 0000" QUESTION "c00c 0001 0001 0000003c 0004 c0000201", 0, 0, 1},
	{"its owner in full", HEAD "0001 0000 0000" QUESTION "0161 00 0001 0001 0000003c 0004 c0000201", 0, 0, 1},
	{"authority", HEAD "0000 0001 0000" QUESTION "00 0002 0001 0000003c 0004 026e73 00", 0, 0, 1},
	{"additional is not looked at", HEAD "0000 0000 0001" QUESTION "00 0001 0001 0000003c 0004 c0000201", 0, 0, 0},
	{"another class is left out", HEAD "0001 0000 0000" QUESTION "c00c 0001 0003 0000003c 0004 c0000201", 0, 0, 0},
	{"NXDOMAIN", "1234 8183 0001 0000 0000 0000" QUESTION, 0, 3, 0},
	{"an extended RCODE (BADVERS)", HEAD "0000 0000 0001" QUESTION "00 0029 04d0 01 00 0000 0000", 0, 16, 0},
	{"rdata with a pointer", HEAD "0001 0000 0000" QUESTION "c00c 0005 0001 0000003c 0004 0162 c00c", 0, 0, 1},
	{"a record is cut", HEAD "0001 0000 0000" QUESTION "c00c 0001 0001 0000003c 0004 c00002", -1, 0, 0},
	{"fewer records than counted", HEAD "0002 0000 0000" QUESTION "c00c 0001 0001 0000003c 0004 c0000201", -1, 0, 0},
	{"a pointer to itself", HEAD "0001 0000 0000" QUESTION "c013 0001 0001 0000003c 0004 c0000201", -1, 0, 0},
	{"a pointer forward", HEAD "0001 0000 0000" QUESTION "c0ff 0001 0001 0000003c 0004 c0000201", -1, 0, 0},
	{"an address of five bytes: ldns leaves the fifth out", HEAD "0001 0000 0000" QUESTION "c00c 0001 0001 0000003c 0005 c000020101", 0, 0, 1},
	{"an alias with bytes behind: likewise", HEAD "0001 0000 0000" QUESTION "c00c 0005 0001 0000003c 0004 0162 00 00", 0, 0, 1},
	{"a label of 64 in an alias", HEAD "0001 0000 0000" QUESTION "c00c 0005 0001 0000003c 0002 40 00", -1, 0, 0},
	{"a header", "1234 8180 0000 0000 0000 0000", 0, 0, 0},
	{"less than a header", "1234 8180 0000", -1, 0, 0},
	{"nothing", "", -1, 0, 0},
};

static void test_answers(void)
{
	static struct answer a;
	uint8_t wire[200];

	for (size_t i = 0; i < ARRAY_LEN(answer_rows); i++) {
		size_t n = 0;
		unsigned int v;

		check_row(answer_rows[i].name);
		for (const char *t = answer_rows[i].hex; *t; t++)
			if (*t != ' ' && sscanf(t++, "%2x", &v) == 1)
				wire[n++] = (uint8_t)v;
		int rc = answer_read(wire, n, &a);

		CHECK((rc < 0) == (answer_rows[i].rc < 0));
		CHECK(rc < 0 || !a.n_records || a.records[0].type != DNS_TYPE_A || a.records[0].rdata_len == 4);
		CHECK(rc < 0 || (a.rcode == answer_rows[i].rcode && a.n_records == answer_rows[i].n_records));
	}
	check_row("");
}

int main(void)
{
	test_answers();
	test_owners();
	test_special();
	test_cache();
	test_cache_full();
	test_tasks();
	test_recorder();
	test_rate();
	test_recorder_flood();
	test_recorder_waits();
	test_recorded_answers();
	return check_report();
}
