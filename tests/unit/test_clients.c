/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Clients of a sandbox: allowances by source address, a table that cannot be filled for others, records that are bounded. */
#include "check.h"

#include "../../src/resolver/rate.h"
#include "postern/image.h"
#include "postern/resolver.h"

#define MS 1000000u
#define QUERY_MS 10 /* 100 a second */
#define BURST 5

static struct {
	uint32_t room; /* records taken from now on */
	unsigned int n, clients; /* records; those of a client */
	uint64_t count;
	struct addr last;
} seen;

static int on_record(void *ctx, const struct decision_record *d, bool last_chance)
{
	(void)ctx;
	(void)last_chance;
	if (!seen.room)
		return -1;
	seen.room--;
	seen.n++;
	seen.clients += d->source.family != ADDR_NONE;
	seen.count += d->count;
	seen.last = d->source;
	CHECK(d->name.len == 0 && d->reason == REASON_FLOOD && d->count > 0 && d->first_ms <= d->last_ms);
	return 0;
}

static const struct resolver_ports ports = {.record = on_record};
static const struct record_out out = {&ports, NULL, false};

static void reset(void)
{
	memset(&seen, 0, sizeof(seen));
	seen.room = UINT32_MAX;
}

static struct clients *fresh(void)
{
	const struct client_allowance queries = {QUERY_MS * MS, BURST * QUERY_MS * MS};
	struct clients *c = clients_new();

	CHECK(c);
	clients_set(c, CLIENT_QUERY, &queries);
	clients_set(c, CLIENT_CONNECTION, &queries);
	clients_set_prefix6(c, 64);
	reset();
	return c;
}

static struct addr v4(uint32_t n)
{
	return (struct addr){ADDR_V4, {10, (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n}};
}

static struct addr v6(const char *text)
{
	struct addr a = {0};

	CHECK(addr_parse(text, &a) == 0);
	return a;
}

/* How many of @n at one time are within. */
static unsigned int takes(struct clients *c, uint16_t slot, struct addr peer, uint64_t now_ms, unsigned int n)
{
	unsigned int taken = 0;

	while (n--)
		taken += clients_take(c, slot, &peer, CLIENT_QUERY, now_ms) == CLIENT_GOOD;
	return taken;
}

static void test_allowance(void)
{
	struct clients *c = clients_new();
	unsigned int taken = 0;

	check_row("no limit is set yet");
	CHECK(takes(c, 1, v4(1), 1000, 100) == 100);
	clients_free(c);
	check_row("a burst, then the rate");
	c = fresh();
	CHECK(takes(c, 1, v4(1), 1000, 20) == BURST);
	for (uint64_t now_ms = 1000; now_ms < 11000; now_ms++)
		taken += takes(c, 1, v4(1), now_ms, 10); /* 10,000 a second */
	CHECK(taken == 999);
	CHECK(takes(c, 1, v4(2), 10999, 20) == BURST && takes(c, 2, v4(1), 10999, 20) == BURST); /* others have their own */
	CHECK(takes(c, SANDBOX_MAX - 1, v4(1), 10999, 20) == BURST);
	check_row("kinds are counted apart");
	CHECK(clients_take(c, 1, &(struct addr){ADDR_V4, {10, 0, 0, 1}}, CLIENT_CONNECTION, 10999) == CLIENT_GOOD);
	check_row("another sandbox under the number");
	clients_forget(c, 1);
	CHECK(takes(c, 1, v4(1), 10999, 20) == BURST);
	CHECK(clients_shared(c) == 0);
	clients_free(c);
}

static void test_prefix(void)
{
	struct clients *c = fresh();

	check_row("a /64 is one client");
	CHECK(takes(c, 1, v6("2001:db8:0:1::1"), 1000, 4) == 4 && takes(c, 1, v6("2001:db8:0:1:ffff::2"), 1000, 4) == 1);
	CHECK(takes(c, 1, v6("2001:db8:0:2::1"), 1000, 9) == BURST);
	check_row("/60");
	clients_set_prefix6(c, 60);
	CHECK(takes(c, 2, v6("2001:db8:0:10::1"), 1000, 4) == 4 && takes(c, 2, v6("2001:db8:0:1f::1"), 1000, 4) == 1);
	CHECK(takes(c, 2, v6("2001:db8:0:20::1"), 1000, 9) == BURST);
	check_row("/128");
	clients_set_prefix6(c, 128);
	CHECK(takes(c, 3, v6("2001:db8:0:1::1"), 1000, 9) == BURST && takes(c, 3, v6("2001:db8:0:1::2"), 1000, 9) == BURST);
	check_row("an IPv4 address is whole");
	clients_set_prefix6(c, 32);
	CHECK(takes(c, 4, v4(1), 1000, 9) == BURST && takes(c, 4, v4(2), 1000, 9) == BURST);
	clients_free(c);
}

/* Sources made up without end: nobody known is pushed out, all of them together are one client, others' tables are their own. */
static void test_full(void)
{
	struct clients *c = fresh();
	unsigned int taken = 0, known = 0;

	check_row("known before");
	CHECK(takes(c, 1, v4(1), 1000, 9) == BURST);
	check_row("the places fill");
	for (uint32_t n = 2; n <= CLIENTS_PER_SANDBOX; n++)
		known += takes(c, 1, v4(n), 1000, 1);
	CHECK(known == CLIENTS_PER_SANDBOX - 1 && clients_shared(c) == 0);
	check_row("those beyond share one allowance");
	for (uint32_t n = 1000; n < 101000; n++)
		taken += takes(c, 1, v4(n), 1000, 1);
	CHECK(taken == BURST && clients_shared(c) == 100000);
	check_row("who was over is still over, who was not has the rest");
	CHECK(takes(c, 1, v4(1), 1000, 9) == 0 && takes(c, 1, v4(2), 1000, 9) == BURST - 1);
	CHECK(takes(c, 2, v4(1000), 1000, 9) == BURST);
	check_row("a place is free when its bucket is full again, and not before");
	CHECK(takes(c, 1, v4(5000), 1000 + QUERY_MS - 1, 1) == 0 && takes(c, 1, v4(5000), 1000 + QUERY_MS, 9) == BURST);
	CHECK(takes(c, 1, v4(1), 1000 + QUERY_MS, 9) == 1);
	clients_free(c);
}

/* Questions under way are counted, not timed, and keep the client's place. */
static void test_tasks(void)
{
	struct clients *c = fresh();
	uint16_t places[CLIENT_TASKS], place, shared;
	struct addr a = v4(1), b = v4(2), late = v4(7);

	check_row("so many and no more");
	for (unsigned int i = 0; i < CLIENT_TASKS; i++)
		CHECK(clients_begin(c, 1, &a, 1000, &places[i]) == CLIENT_GOOD && places[i] == places[0]);
	CHECK(clients_begin(c, 1, &a, 1000, &place) == CLIENT_OVER && place == CLIENT_NO_PLACE);
	CHECK(clients_begin(c, 1, &b, 1000, &place) == CLIENT_GOOD && place != places[0]);
	check_row("one that ends makes room for one");
	clients_end(c, 1, places[0]);
	CHECK(clients_begin(c, 1, &a, 1000, &place) == CLIENT_GOOD && clients_begin(c, 1, &a, 1000, &place) == CLIENT_OVER);
	check_row("an hour later too, with all places wanted");
	for (uint32_t n = 0; n < 100000; n++)
		(void)takes(c, 1, v4(1000 + n), 3600000, 1);
	CHECK(clients_begin(c, 1, &a, 3600000, &place) == CLIENT_OVER);
	check_row("those without a place share as many");
	for (unsigned int i = 0; i < CLIENT_TASKS; i++)
		CHECK(clients_begin(c, 1, &(struct addr){ADDR_V4, {10, 9, 9, (uint8_t)i}}, 3600000, &shared) == CLIENT_GOOD);
	CHECK(clients_begin(c, 1, &late, 3600000, &place) == CLIENT_UNTOLD);
	clients_end(c, 1, shared);
	CHECK(clients_begin(c, 1, &late, 3600000, &place) == CLIENT_GOOD && place == shared);
	check_row("a slot that is forgotten first");
	clients_forget(c, 1);
	clients_end(c, 1, places[1]);
	for (unsigned int i = 0; i < CLIENT_TASKS; i++)
		CHECK(clients_begin(c, 1, &a, 3600000, &place) == CLIENT_GOOD);
	CHECK(clients_begin(c, 1, &a, 3600000, &place) == CLIENT_OVER);
	clients_free(c);
}

static void test_records(void)
{
	struct clients *c = fresh();
	struct addr a = v6("2001:db8:7:7::99"), prefix = v6("2001:db8:7:7::");

	check_row("one a client and window");
	CHECK(takes(c, 1, a, 1000, BURST + 7) == BURST && takes(c, 1, a, 1001, 3) == 0);
	seen.room = 0;
	CHECK(!clients_flush(c, SANDBOX_NONE, &out) && seen.n == 0);
	reset();
	CHECK(clients_flush(c, SANDBOX_NONE, &out) && seen.n == 1 && seen.count == 10 && addr_equal(&seen.last, &prefix));
	CHECK(clients_flush(c, SANDBOX_NONE, &out) && seen.n == 1);
	CHECK(takes(c, 1, a, 1002, 1) == 0 && clients_flush(c, 2, &out) && seen.n == 1);
	CHECK(clients_flush(c, 1, &out) && seen.n == 2 && clients_flush(c, SANDBOX_NONE, &out) && seen.n == 2);
	check_row("handed out in parts");
	reset();
	(void)takes(c, 3, v4(1), 2000, BURST + 1);
	(void)takes(c, 3, v4(2), 2000, BURST + 2);
	seen.room = 1;
	CHECK(!clients_flush(c, SANDBOX_NONE, &out) && seen.n == 1 && seen.count == 1);
	seen.room = UINT32_MAX;
	(void)takes(c, 3, v4(1), 2000, 4);
	CHECK(clients_flush(c, SANDBOX_NONE, &out) && seen.n == 3 && seen.count == 1 + 2 + 4);
	clients_free(c);
}

/* Records of their own have bounds, in all and for each sandbox; what is beyond is for the caller to count. */
static void test_told(void)
{
	struct clients *c = fresh();
	unsigned int untold = 0, told = 0;

	check_row("of a sandbox");
	for (uint32_t n = 0; n < CLIENTS_TOLD_PER_SANDBOX + 5; n++) {
		struct addr a = v4(n);

		(void)takes(c, 1, a, 1000, BURST);
		untold += clients_take(c, 1, &a, CLIENT_QUERY, 1000) == CLIENT_UNTOLD;
	}
	CHECK(untold == 5);
	CHECK(clients_flush(c, SANDBOX_NONE, &out) && seen.clients == CLIENTS_TOLD_PER_SANDBOX);
	check_row("of all");
	for (uint16_t slot = 0; slot < 2 * CLIENTS_TOLD_MAX / CLIENTS_TOLD_PER_SANDBOX; slot++)
		for (uint32_t n = 0; n < CLIENTS_TOLD_PER_SANDBOX; n++) {
			struct addr a = v4(n);

			(void)takes(c, slot, a, 5000, BURST);
			told += clients_take(c, slot, &a, CLIENT_QUERY, 5000) == CLIENT_OVER;
		}
	CHECK(told == CLIENTS_TOLD_MAX);
	reset();
	CHECK(clients_flush(c, SANDBOX_NONE, &out) && seen.clients == CLIENTS_TOLD_MAX && seen.count == CLIENTS_TOLD_MAX);
	check_row("those without a place have none");
	for (uint32_t n = 0; n < 1000; n++)
		CHECK(takes(c, 700, v4(n), 9000, 1) == (n < CLIENTS_PER_SANDBOX + BURST));
	reset();
	CHECK(clients_flush(c, SANDBOX_NONE, &out) && seen.n == 0);
	clients_free(c);
}

/* Through the sandbox's allowance: one floods, its neighbour gets every answer. */
static void test_neighbour(void)
{
	const struct image_settings settings = {.queries_per_s = 1000, .queries_burst = 2000, .client_queries_per_s = 100,
		.client_queries_burst = 200, .client_prefix6 = 64};
	struct addr bad = v4(1), good = v4(2);
	const struct rate_asker flooder = {1, &bad}, neighbour = {1, &good}, made_up = {2, &bad};
	struct rate *rate = rate_new();
	unsigned int flooded = 0, answered = 0, begun = 0;
	uint16_t place;

	reset();
	rate_set(rate, &settings);
	check_row("10,000 a second beside 50 a second, for ten seconds");
	for (uint64_t now_ms = 1000; now_ms < 11000; now_ms++) {
		for (unsigned int i = 0; i < 10; i++)
			flooded += rate_take(rate, &flooder, RATE_QUERY, now_ms) == RATE_GOOD;
		if (now_ms % 20 == 0)
			answered += rate_take(rate, &neighbour, RATE_QUERY, now_ms) == RATE_GOOD;
	}
	CHECK(answered == 500);
	/* Half of the sandbox's burst and its own, and all of the sandbox's rate that its neighbour left. */
	CHECK(flooded >= 1000 + 9999 - answered && flooded <= 1000 + 200 + 9999 - answered);
	CHECK(rate_flush(rate, &out) && seen.n == 1 && seen.clients == 1 && seen.count == 100000 - flooded);
	CHECK(addr_equal(&seen.last, &bad) && rate_oldest(rate) == UINT64_MAX);
	check_row("without the limit a client the same flood leaves little");
	answered = 0;
	for (uint64_t now_ms = 1000; now_ms < 11000; now_ms++) {
		for (unsigned int i = 0; i < 10; i++)
			(void)rate_take(rate, &(struct rate_asker){3, NULL}, RATE_QUERY, now_ms);
		if (now_ms % 20 == 0)
			answered += rate_take(rate, &(struct rate_asker){3, NULL}, RATE_QUERY, now_ms) == RATE_GOOD;
	}
	CHECK(answered < 250);
	check_row("questions under way");
	for (unsigned int i = 0; i < 1000; i++)
		begun += rate_begin(rate, &made_up, 1000, &place);
	CHECK(begun == CLIENT_TASKS && rate_begin(rate, &(struct rate_asker){2, &good}, 1000, &place));
	CHECK(rate_begin(rate, &(struct rate_asker){2, NULL}, 1000, &place) && place == CLIENT_NO_PLACE);
	rate_free(rate);
}

int main(void)
{
	test_allowance();
	test_prefix();
	test_full();
	test_tasks();
	test_records();
	test_told();
	test_neighbour();
	return check_report();
}
