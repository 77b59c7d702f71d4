/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The detector: labels, zones, budgets, strangers, and what of one sandbox does not reach another. Rates: tests/detect. */
#include "postern/detect.h"

#include <stdio.h>

#include "budget.h"
#include "check.h"
#include "lexicon.h"
#include "postern/compiler.h"
#include "strangers.h"
#include "zone.h"

static const struct {
	const char *label;
	enum confidence random;
	bool words;
	unsigned int most_bits; /* of information */
} labels[] = {
	{"www", CONFIDENCE_NONE, false, 15}, {"download", CONFIDENCE_NONE, false, 30}, {"stackoverflow", CONFIDENCE_NONE, true, 50},
	{"thunderbridge", CONFIDENCE_NONE, true, 50}, {"ThunderBridge", CONFIDENCE_NONE, true, 50}, {"silver-mountain", CONFIDENCE_NONE, true, 60},
	{"silvermountain1", CONFIDENCE_NONE, false, 72}, {"mountain", CONFIDENCE_NONE, false, 30},
	{"xkqzvwpjtbrmhgfd", CONFIDENCE_HIGH, false, 84}, {"XKQZVWPJTBRMHGFD", CONFIDENCE_HIGH, false, 84}, {"kq7x9wv2jzt4pbn8", CONFIDENCE_HIGH, false, 84},
	{"0123456789abcdef0123456789abcdef", CONFIDENCE_HIGH, false, 128}, {"bxqkv", CONFIDENCE_NONE, false, 26}, {"bxqkvwz", CONFIDENCE_LOW, false, 37},
	{"bxqkvwzt", CONFIDENCE_MEDIUM, false, 42}, {"xn--xkqzvwpjtbrmhgfd", CONFIDENCE_NONE, false, 104}, {"1234567890", CONFIDENCE_LOW, false, 34},
	{"255", CONFIDENCE_NONE, false, 10}, {"f", CONFIDENCE_NONE, false, 4}, {"-", CONFIDENCE_NONE, false, 13},
};

static void test_labels(void)
{
	for (size_t i = 0; i < ARRAY_LEN(labels); i++) {
		const uint8_t *text = (const uint8_t *)labels[i].label;
		size_t len = strlen(labels[i].label);

		check_row(labels[i].label);
		CHECK(lexicon_random(text, len) == labels[i].random);
		CHECK(lexicon_words(text, len) == labels[i].words);
		CHECK(lexicon_bits(text, len) <= labels[i].most_bits && lexicon_bits(text, len) > 0);
	}
	check_row("");
}

static const struct {
	const char *name;
	unsigned int labels;
} zones[] = {
	{"com", 1}, {"example.com", 2}, {"a.b.example.com", 2}, {"co.uk", 2}, {"example.co.uk", 3}, {"www.example.co.uk", 3}, {"a.example.com.au", 3},
	{"www.example.de", 2}, {"co.example.de", 2}, {"a.b.or.jp", 3}, {"a.cox.uk", 2}, {"1.2.0.192.in-addr.arpa", 2},
};

static void test_zones(void)
{
	struct zone_labels l;
	struct dns_name n;
	size_t len;

	for (size_t i = 0; i < ARRAY_LEN(zones); i++) {
		check_row(zones[i].name);
		CHECK(dns_name_from_text(zones[i].name, &n) == 0);
		zone_cut(&n, &l);
		CHECK(zone_registrable(&l) == zones[i].labels);
	}
	check_row("");
	CHECK(dns_name_from_text("a.bc.def", &n) == 0);
	zone_cut(&n, &l);
	CHECK(memcmp(zone_label(&l, 1, &len), "def", 3) == 0 && len == 3);
	CHECK(memcmp(zone_label(&l, 3, &len), "a", 1) == 0 && len == 1);
	n = (struct dns_name){.len = 1};
	zone_cut(&n, &l);
	CHECK(zone_registrable(&l) == 0);
}

static void test_budget(void)
{
	struct budget b = {0};

	budget_charge(&b, 1, 1000, 3199, 1);
	CHECK(budget_confidence(&b, 1) == CONFIDENCE_NONE);
	budget_charge(&b, 1, 1000, 1, 1);
	CHECK(budget_confidence(&b, 1) == CONFIDENCE_LOW && budget_confidence(&b, 4) == CONFIDENCE_NONE);
	budget_charge(&b, 1, 1000, 3200, 1);
	CHECK(budget_confidence(&b, 1) == CONFIDENCE_MEDIUM);
	/* two windows drain twice LOW of the burst; the day's bucket forgets nothing yet */
	budget_charge(&b, 1, 2200, 0, 0);
	CHECK(b.buckets[BUDGET_BITS_SHORT].level == 0 && b.buckets[BUDGET_BITS_LONG].level == (6400ull * 86400 - 1200 * 12000));
	CHECK(budget_confidence(&b, 1) == CONFIDENCE_NONE && budget_heat(&b, 2200) == b.buckets[BUDGET_BITS_LONG].level * 1000 / (12000ull * 86400));
	/* a unit at a time, faster than the drain is exact, loses nothing */
	b = (struct budget){0};
	for (unsigned int i = 0; i < 1000; i++)
		budget_charge(&b, 1, 1000 + i, 1, 0);
	CHECK(b.buckets[BUDGET_BITS_LONG].level == 1000ull * 86400 - 999 * 12000);
	/* it is full at twice HIGH, whatever comes */
	budget_charge(&b, 1, 3000, UINT32_MAX, UINT32_MAX);
	budget_charge(&b, 1, 3000, UINT32_MAX, UINT32_MAX);
	CHECK(b.buckets[BUDGET_BITS_LONG].level == 2ull * 6000 * 8 * 86400 && b.buckets[BUDGET_NAMES_SHORT].level == 2000ull * 600);
	CHECK(budget_confidence(&b, 1) == CONFIDENCE_HIGH);
	/* a clock that stands still or starts late */
	budget_charge(&b, 1, 10, 1, 1);
	CHECK(budget_confidence(&b, 1) == CONFIDENCE_HIGH);
}

static void test_strangers(void)
{
	struct strangers s = {0};

	for (unsigned int i = 0; i < 4; i++) {
		CHECK(strangers_confidence(&s, STRANGER_RANDOM) == CONFIDENCE_NONE);
		strangers_asked(&s, 1000);
		strangers_missing(&s, 1000, 1u << STRANGER_RANDOM | 1u << STRANGER_ANY);
	}
	CHECK(strangers_confidence(&s, STRANGER_RANDOM) == CONFIDENCE_LOW);
	CHECK(strangers_confidence(&s, STRANGER_WORDS) == CONFIDENCE_NONE && strangers_confidence(&s, STRANGER_ANY) == CONFIDENCE_NONE);
	for (unsigned int i = 0; i < 13; i++) /* among many that exist they are ordinary */
		strangers_asked(&s, 1000);
	CHECK(strangers_confidence(&s, STRANGER_RANDOM) == CONFIDENCE_NONE);
	s = (struct strangers){0};
	for (unsigned int i = 0; i < 60; i++) {
		strangers_asked(&s, 1000);
		strangers_missing(&s, 1000, 1u << STRANGER_ANY);
	}
	CHECK(strangers_confidence(&s, STRANGER_ANY) == CONFIDENCE_HIGH);
	strangers_asked(&s, 1000 + 3000); /* ten half-lives */
	CHECK(strangers_confidence(&s, STRANGER_ANY) == CONFIDENCE_NONE);
}

/* A question for "LABEL<number>.ZONE" as @slot asks it. */
static enum confidence ask(struct detect *d, uint16_t slot, const char *zone, unsigned int number, bool *ret_full)
{
	char text[DNS_NAME_TEXT_MAX];
	struct detect_question q = {.now_ms = 5000000, .slot = slot, .qtype = 1};
	struct detect_finding f;
	struct dns_name n;

	snprintf(text, sizeof(text), "%08xkq7x9wv2jzt4pbn8kq7x9wv2jzt4pbn8kq7x9wv2jzt4.%s", number * 2654435761u, zone);
	CHECK(dns_name_from_text(text, &n) == 0);
	q.name = &n;
	detect_judge(d, &q, &f);
	*ret_full = f.full;
	if (f.confidence[PROTECTION_DNS_TUNNELING] < CONFIDENCE_HIGH)
		detect_sent(d, &q);
	return f.confidence[PROTECTION_DNS_TUNNELING];
}

static unsigned int until_high(struct detect *d, uint16_t slot, const char *zone)
{
	unsigned int n = 0;
	bool full;

	while (n < 10000 && ask(d, slot, zone, n, &full) < CONFIDENCE_HIGH)
		n++;
	return n;
}

static void test_sandboxes(void)
{
	struct detect *d = detect_new();
	bool full;

	CHECK(d != NULL);
	CHECK(until_high(d, 1, "evil.example") < 100);
	CHECK(ask(d, 1, "evil.example", 0, &full) == CONFIDENCE_NONE); /* not new */
	CHECK(ask(d, 1, "evil.example", 9999, &full) == CONFIDENCE_HIGH && ask(d, 1, "evil.example", 9999, &full) == CONFIDENCE_HIGH);
	/* who keeps knocking at a zone that is shut does not shut the others */
	for (unsigned int i = 0; i < 2000; i++)
		CHECK(ask(d, 1, "evil.example", 20000 + i, &full) == CONFIDENCE_HIGH);
	CHECK(ask(d, 1, "honest.example", 1, &full) == CONFIDENCE_NONE);
	CHECK(ask(d, 2, "evil.example", 9999, &full) == CONFIDENCE_NONE);
	CHECK(ask(d, SANDBOX_MAX - 1, "evil.example", 9999, &full) == CONFIDENCE_NONE);
	detect_forget(d, 1);
	CHECK(ask(d, 1, "evil.example", 9999, &full) == CONFIDENCE_NONE);
	detect_free(d);
}

/* Zones that show something are not pushed out by others; when there are no more places, a new one is judged as if it did. */
static void test_full(void)
{
	struct detect *d = detect_new();
	enum confidence c = CONFIDENCE_NONE;
	unsigned int zone = 0;
	char text[64];
	bool full = false;

	CHECK(d != NULL);
	for (unsigned int i = 0; i < 10 * DETECT_ZONES_MAX; i++) {
		snprintf(text, sizeof(text), "cold%u.example", i);
		(void)ask(d, 1, text, 0, &full);
		CHECK(!full);
	}
	for (; zone <= DETECT_ZONES_MAX && !full; zone++) {
		snprintf(text, sizeof(text), "hot%u.example", zone);
		for (unsigned int n = 0; n < 30 && !full; n++)
			c = ask(d, 1, text, n, &full);
	}
	CHECK(full && zone == DETECT_ZONES_MAX + 1 && c == CONFIDENCE_HIGH);
	detect_free(d);
}

/* Names without a label below what is permitted, and the root: nothing to find, nothing to read past. */
static void test_short(void)
{
	static const char *const names[] = {".", "com", "example.com"};
	struct detect *d = detect_new();
	struct detect_finding f;
	struct dns_name n;

	CHECK(d != NULL);
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		for (uint8_t labels_of_zone = 0; labels_of_zone < 4; labels_of_zone++) {
			struct detect_question q = {.name = &n, .slot = 0, .qtype = 16, .zone_labels = labels_of_zone};

			check_row(names[i]);
			n = (struct dns_name){.len = 1};
			CHECK(i == 0 || dns_name_from_text(names[i], &n) == 0);
			detect_judge(d, &q, &f);
			CHECK(f.trace.bits == 0 && f.confidence[PROTECTION_DNS_TUNNELING] == CONFIDENCE_NONE);
			detect_sent(d, &q);
			detect_nxdomain(d, &q, &f.trace);
		}
	check_row("");
	detect_free(d);
}

int main(void)
{
	test_labels();
	test_zones();
	test_budget();
	test_strangers();
	test_sandboxes();
	test_full();
	test_short();
	return check_report();
}
