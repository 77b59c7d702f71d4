/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The resolver's tables of failures and of names to be asked for again, and waiters that change their task. */
#include "check.h"

#include "../../src/resolver/failures.h"
#include "../../src/resolver/prefetch.h"
#include "../../src/resolver/tasks.h"

static struct cache_key key_of(uint64_t hash, uint32_t epoch)
{
	return (struct cache_key){.hash = hash, .epoch = epoch, .name = {.len = 1}};
}

static void test_failures(void)
{
	static const uint32_t waits_ms[] = {5000, 10000, 20000, 40000, 60000, 60000};
	struct failures *f = failures_new();
	const struct cache_key k = key_of(7, 1), other_epoch = key_of(7, 2), other = key_of(8, 1);
	uint64_t now_ms = 1000;

	check_row("failures");
	for (size_t i = 0; i < ARRAY_LEN(waits_ms); i++) {
		failures_note(f, &k, now_ms);
		failures_note(f, &k, now_ms); /* another task of the same failure: does not double */
		CHECK(failures_find(f, &k, now_ms + waits_ms[i] - 1) && !failures_find(f, &k, now_ms + waits_ms[i]));
		CHECK(!failures_find(f, &other_epoch, now_ms) && !failures_find(f, &other, now_ms));
		now_ms += waits_ms[i];
	}
	failures_forget(f, &k);
	CHECK(!failures_find(f, &k, now_ms - 1));
	failures_note(f, &k, now_ms);
	CHECK(failures_find(f, &k, now_ms + 4999) && !failures_find(f, &k, now_ms + 5000));
	failures_free(f);
}

/* A set that is full forgets what ends first; nothing grows. */
static void test_failures_full(void)
{
	struct failures *f = failures_new();
	unsigned int found = 0;

	check_row("failures, full");
	for (uint64_t i = 0; i < 6; i++) {
		const struct cache_key k = key_of(i, 1); /* all in one set */

		failures_note(f, &k, 1000 + i);
	}
	for (uint64_t i = 0; i < 6; i++) {
		const struct cache_key k = key_of(i, 1);

		found += failures_find(f, &k, 1010);
		CHECK(failures_find(f, &k, 1010) == (i >= 2));
	}
	CHECK(found == 4);
	failures_free(f);
}

static void test_prefetch(void)
{
	struct prefetch *p = prefetch_new();
	struct prefetch_item item = {0}, got;
	uint64_t last_ms = 0, x = 12345;
	unsigned int n = 0;

	check_row("prefetch");
	CHECK(prefetch_next(p) == UINT64_MAX && !prefetch_take(p, UINT64_MAX, &got));
	for (unsigned int i = 0; i < PREFETCH_MAX; i++) {
		x = x * 6364136223846793005u + 1442695040888963407u;
		item = (struct prefetch_item){.due_ms = 1 + (x >> 44), .hash = i, .slot = (uint16_t)(i / PREFETCH_PER_SANDBOX)};
		CHECK(prefetch_add(p, &item));
	}
	item.slot = 1000;
	CHECK(!prefetch_add(p, &item)); /* full */
	CHECK(!prefetch_take(p, 0, &got));
	while (prefetch_next(p) != UINT64_MAX) {
		uint64_t next_ms = prefetch_next(p);

		CHECK(!prefetch_take(p, next_ms - 1, &got));
		CHECK(prefetch_take(p, next_ms, &got) && got.due_ms == next_ms && got.due_ms >= last_ms);
		last_ms = got.due_ms;
		n++;
	}
	CHECK(n == PREFETCH_MAX);
	prefetch_free(p);
}

static void test_prefetch_share(void)
{
	struct prefetch *p = prefetch_new();
	struct prefetch_item item = {.due_ms = 5, .slot = 3}, got;
	unsigned int n = 0;

	check_row("prefetch, a sandbox's share");
	while (prefetch_add(p, &item))
		n++;
	CHECK(n == PREFETCH_PER_SANDBOX);
	item.slot = 4;
	CHECK(prefetch_add(p, &item));
	CHECK(prefetch_take(p, 5, &got) && prefetch_add(p, &got));
	prefetch_free(p);
}

static void test_move(void)
{
	struct tasks *t = tasks_new();
	const struct cache_key a = key_of(1, 1), b = key_of(2, 1);
	struct task *from = tasks_add(t, &a), *to = tasks_add(t, &b);
	const struct waiter *w;
	unsigned int n = 0;

	check_row("waiters move");
	for (uint16_t i = 0; i < 5; i++) {
		const struct client c = {.port = i};
		const struct dns_query q = {.id = i};

		CHECK(tasks_wait(t, i < 3 ? from : to, &c, &q) == 0);
	}
	tasks_move_waiters(t, from, to);
	CHECK(from->n_waiters == 0 && !tasks_waiter(t, from->first_waiter) && to->n_waiters == 5);
	for (w = tasks_waiter(t, to->first_waiter); w; w = tasks_waiter(t, w->next))
		n++;
	CHECK(n == 5);
	tasks_move_waiters(t, from, to);
	CHECK(to->n_waiters == 5);
	tasks_drop_waiters(t, to);
	CHECK(to->n_waiters == 0 && !tasks_waiter(t, to->first_waiter));
	tasks_free(t);
}

int main(void)
{
	test_failures();
	test_failures_full();
	test_prefetch();
	test_prefetch_share();
	test_move();
	return check_report();
}
