/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The state machine of RFC 5011, as diaries: on which day which keys were seen, and what each is afterwards. A key is a
 * letter; "!" behind it: revoked. A look with "?" in front was signed by no believed key.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

#include "postern/anchor.h"

#define DAY_S 86400u
#define START_S 1700000000u

static struct anchor_ds ds_of(char letter, uint8_t type)
{
	struct anchor_ds ds = {.tag = (uint16_t)letter, .algorithm = 13, .digest_type = type, .digest_len = type == 4 ? 48 : 32};

	memset(ds.digest, letter + type, ds.digest_len);
	return ds;
}

static struct dns_name name_of(const char *text)
{
	struct dns_name n = {.len = 1};

	if (strcmp(text, ".") != 0 && dns_name_from_text(text, &n) < 0)
		abort();
	return n;
}

static struct anchor_configured configured(const char *zone, char letter, uint8_t type)
{
	return (struct anchor_configured){name_of(zone), ds_of(letter, type)};
}

static struct anchor_seen look_of(const char *keys, uint32_t ttl_s)
{
	struct anchor_seen s = {.zone = name_of("."), .ttl_s = ttl_s, .validated = *keys != '?'};

	for (keys += *keys == '?'; *keys; keys += keys[1] == '!' ? 2 : 1) {
		struct anchor_seen_key *k = &s.keys[s.n++];

		k->tag = (uint16_t)keys[0];
		k->algorithm = 13;
		k->revoked = keys[1] == '!';
		memset(k->sha256, keys[0] + 2, sizeof(k->sha256));
		memset(k->sha384, keys[0] + 4, sizeof(k->sha384));
	}
	return s;
}

/* "A=valid B=pending" */
static void state_text(const struct anchors *a, char *out, size_t cap)
{
	size_t n = 0;

	out[0] = '\0';
	for (uint32_t i = 0; i < a->n_keys && n < cap; i++)
		n += (size_t)snprintf(out + n, cap - n, "%s%c=%s", i ? " " : "", (char)a->keys[i].ds.tag,
			anchor_state_text((enum anchor_state)a->keys[i].state));
}

struct step {
	unsigned int day;
	const char *seen;
	const char *want;
	unsigned int changes;
};

#define STEPS_MAX 10

static const struct {
	const char *what;
	const char *configured;
	struct step steps[STEPS_MAX];
} diaries[] = {
	{"a rollover of sixty days", "A", {
		{0, "A", "A=valid", 0}, {1, "AB", "A=valid B=pending", 1}, {15, "AB", "A=valid B=pending", 0},
		{30, "AB", "A=valid B=pending", 0}, {31, "AB", "A=valid B=valid", 1}, {35, "A!B", "A=revoked B=valid", 1},
		{40, "B", "A=revoked B=valid", 0}, {64, "B", "A=revoked B=valid", 0}, {65, "B", "A=removed B=valid", 1}}},
	{"an attacker's key for 29 days", "A", {
		{1, "AX", "A=valid X=pending", 1}, {30, "AX", "A=valid X=pending", 0}, {30, "A", "A=valid", 1},
		{31, "AX", "A=valid X=pending", 1}, {60, "AX", "A=valid X=pending", 0}, {61, "AX", "A=valid X=valid", 1}}},
	{"one good look without it begins anew", "A", {
		{0, "AX", "A=valid X=pending", 1}, {29, "A", "A=valid", 1}, {29, "AX", "A=valid X=pending", 1},
		{58, "AX", "A=valid X=pending", 0}, {59, "AX", "A=valid X=valid", 1}}},
	{"a bad signature shows nothing", "A", {
		{0, "AB", "A=valid B=pending", 1}, {10, "?", "A=valid B=pending", 0}, {20, "?BX", "A=valid B=pending", 0},
		{40, "?AB", "A=valid B=pending", 0}, {41, "AB", "A=valid B=valid", 1}, {42, "?X", "A=valid B=valid", 0}}},
	{"time alone does not make it valid", "A", {
		{0, "AB", "A=valid B=pending", 1}, {90, "A", "A=valid", 1}}},
	{"missing and back", "A", {
		{0, "A", "A=valid", 0}, {5, "", "A=missing", 1}, {6, "", "A=missing", 0}, {50, "A", "A=valid", 1}}},
	{"revoked while missing, under its own signature only", "A", {
		{5, "", "A=missing", 1}, {6, "?A!", "A=revoked", 1}, {7, "A", "A=revoked", 0}, {36, "?", "A=removed", 1},
		{37, "A", "A=removed", 0}, {99, "A!", "A=removed", 0}}},
	{"revoked while it waits", "A", {
		{0, "AB", "A=valid B=pending", 1}, {3, "AB!", "A=valid", 1}, {4, "AB!", "A=valid", 0},
		{5, "AB", "A=valid B=pending", 1}}},
	{"the clock was set back", "A", {
		{50, "AB", "A=valid B=pending", 1}, {20, "AB", "A=valid B=pending", 1}, {49, "AB", "A=valid B=pending", 0},
		{50, "AB", "A=valid B=valid", 1}}},
	{"two anchors, one goes", "AB", {
		{0, "A", "A=valid B=missing", 1}, {1, "AB!", "A=valid B=revoked", 1}, {31, "A", "A=valid B=removed", 1}}},
};

static void test_diaries(void)
{
	static struct anchor_change changes[ANCHOR_CHANGES_MAX];

	for (size_t i = 0; i < ARRAY_LEN(diaries); i++) {
		struct anchor_configured list[4];
		struct anchors a = {0};
		uint32_t n = 0;
		char text[512];

		check_row(diaries[i].what);
		for (const char *c = diaries[i].configured; *c; c++)
			list[n++] = configured(".", *c, 2);
		CHECK(anchors_configure(&a, list, n, START_S));
		for (const struct step *s = diaries[i].steps; s < diaries[i].steps + STEPS_MAX && s->seen; s++) {
			struct anchor_seen seen = look_of(s->seen, 3600);

			CHECK(anchors_observe(&a, &seen, START_S + s->day * DAY_S, changes) == s->changes);
			state_text(&a, text, sizeof(text));
			CHECK_STR(text, s->want);
			CHECK(anchors_valid(&a));
		}
	}
	check_row("");
}

/* The longer of thirty days and the original TTL. */
static void test_hold_down(void)
{
	static struct anchor_change changes[ANCHOR_CHANGES_MAX];
	const struct anchor_configured list[] = {configured(".", 'A', 2)};
	struct anchor_seen seen = look_of("AB", 40 * DAY_S);
	struct anchors a = {0};

	CHECK(anchors_configure(&a, list, 1, START_S));
	CHECK(anchors_observe(&a, &seen, START_S, changes) == 1 && changes[0].before == ANCHOR_STATE_COUNT && !changes[0].gone);
	CHECK(anchors_observe(&a, &seen, START_S + 40 * DAY_S - 1, changes) == 0);
	CHECK(anchors_observe(&a, &seen, START_S + 40 * DAY_S, changes) == 1 && changes[0].before == ANCHOR_PENDING);
	CHECK(a.zones[0].seen_s == START_S + 40 * DAY_S);
	seen.zone = name_of("other");
	CHECK(anchors_observe(&a, &seen, START_S + 41 * DAY_S, changes) == 0);
}

static void test_configure(void)
{
	static struct anchor_change changes[ANCHOR_CHANGES_MAX];
	const struct anchor_configured ab[] = {configured(".", 'A', 2), configured(".", 'B', 2), configured("zone.test", 'Z', 4)};
	struct anchor_seen seen = look_of("A!BC", 3600);
	struct anchors a = {0};
	char text[512];

	CHECK(anchors_configure(&a, ab, 3, 1) && !anchors_configure(&a, ab, 3, 2) && a.n_zones == 2);
	CHECK(anchors_observe(&a, &seen, START_S, changes) == 2);
	state_text(&a, text, sizeof(text));
	CHECK_STR(text, "A=revoked B=valid Z=valid C=pending");
	/* revoked stays revoked, whatever the file says; what the administrator adds is valid at once */
	const struct anchor_configured ac[] = {configured(".", 'A', 2), configured(".", 'C', 2)};

	CHECK(anchors_configure(&a, ac, 2, START_S) && a.n_zones == 1);
	state_text(&a, text, sizeof(text));
	CHECK_STR(text, "A=revoked C=valid");
	CHECK(anchors_configure(&a, ac + 1, 1, START_S));
	state_text(&a, text, sizeof(text));
	CHECK_STR(text, "A=revoked C=valid");
	CHECK(a.keys[0].configured == 0 && a.keys[1].configured == 1 && !anchor_trusted(&a.keys[0]) && anchor_trusted(&a.keys[1]));
	/* a zone goes with all of it */
	CHECK(anchors_configure(&a, ab + 2, 1, START_S));
	state_text(&a, text, sizeof(text));
	CHECK_STR(text, "Z=valid");
	CHECK(a.n_zones == 1 && a.keys[0].zone == 0 && anchors_valid(&a));
}

/* A key that is configured by SHA-384 is not a second, new one. */
static void test_digests(void)
{
	static struct anchor_change changes[ANCHOR_CHANGES_MAX];
	const struct anchor_configured list[] = {configured(".", 'A', 4), configured(".", 'A', 2)};
	struct anchor_seen seen = look_of("A", 3600), revoked = look_of("?A!", 3600);
	struct anchors a = {0};

	CHECK(anchors_configure(&a, list, 2, START_S));
	CHECK(anchors_observe(&a, &seen, START_S, changes) == 0 && a.n_keys == 2);
	CHECK(anchors_observe(&a, &revoked, START_S, changes) == 2 && a.keys[0].state == ANCHOR_REVOKED && a.keys[1].state == ANCHOR_REVOKED);
}

/* A zone with ever new keys neither fills the table for others nor drives out what is believed. */
static void test_full(void)
{
	static struct anchor_change changes[ANCHOR_CHANGES_MAX];
	const struct anchor_configured list[] = {configured(".", 'A', 2), configured("zone.test", 'Z', 2)};
	struct anchor_seen seen = look_of("ABCDEFGHIJKLMNO", 3600);
	struct anchors a = {0};

	CHECK(anchors_configure(&a, list, 2, START_S));
	CHECK(anchors_observe(&a, &seen, START_S, changes) == ANCHOR_KEYS_PER_ZONE - 1);
	CHECK(a.n_keys == ANCHOR_KEYS_PER_ZONE + 1 && a.keys[0].state == ANCHOR_VALID && anchors_valid(&a));
	/* the administrator's word comes first */
	const struct anchor_configured more[] = {list[0], list[1], configured(".", 'Q', 2)};

	CHECK(anchors_configure(&a, more, 3, START_S) && a.n_keys == ANCHOR_KEYS_PER_ZONE + 1);
	CHECK(a.keys[a.n_keys - 1].ds.tag == 'Q' && a.keys[0].ds.tag == 'A' && a.keys[1].ds.tag == 'Z' && anchors_valid(&a));
}

/* Every way to be out of range. */
static void test_valid(void)
{
	const struct anchor_configured list[] = {configured(".", 'A', 2), configured(".", 'B', 2)};
	struct anchors good = {0}, a;
	struct anchor_seen s = look_of("AB", 1);

	CHECK(anchors_configure(&good, list, 2, START_S) && anchors_valid(&good) && anchor_seen_valid(&s));
#define BAD(change) do { a = good; change; CHECK(!anchors_valid(&a)); } while (0)
	BAD(a.n_keys = ANCHOR_KEYS_MAX + 1);
	BAD(a.n_zones = ANCHOR_ZONES_MAX + 1);
	BAD(a.n_zones = 2; a.zones[1].name = a.zones[0].name);
	BAD(a.zones[0].name.len = 0);
	BAD(a.zones[0].name.wire[0] = 64);
	BAD(a.keys[1].zone = 1);
	BAD(a.keys[1].state = ANCHOR_STATE_COUNT);
	BAD(a.keys[1].configured = 2);
	BAD(a.keys[1].ds.digest_len = 48);
	BAD(a.keys[1].ds.digest_type = 1);
	BAD(a.keys[1] = a.keys[0]);
	s.n = ANCHOR_SEEN_MAX + 1;
	CHECK(!anchor_seen_valid(&s));
	s.n = 1;
	s.keys[0].revoked = 2;
	CHECK(!anchor_seen_valid(&s));
	s = look_of("A", 1);
	s.validated = 2;
	CHECK(!anchor_seen_valid(&s));
	for (unsigned int i = 0; i < ANCHOR_STATE_COUNT; i++)
		CHECK(anchor_state_parse(anchor_state_text((enum anchor_state)i)) == i);
	CHECK(anchor_state_parse("no") == ANCHOR_STATE_COUNT);
}

/* RFC 5011 2.3. */
static void test_interval(void)
{
	static const struct {
		uint32_t ttl_s, signature_s;
		bool retry;
		uint32_t want_s;
	} rows[] = {
		{172800, 14 * DAY_S, false, 86400}, {172800, 10000, false, 5000}, {60, 14 * DAY_S, false, 3600},
		{90 * DAY_S, 90 * DAY_S, false, 15 * DAY_S}, {172800, 14 * DAY_S, true, 17280}, {90 * DAY_S, 90 * DAY_S, true, DAY_S},
		{0, 0, true, 3600}, {UINT32_MAX, UINT32_MAX, false, 15 * DAY_S},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		CHECK(anchor_interval_s(rows[i].ttl_s, rows[i].signature_s, rows[i].retry) == rows[i].want_s);
}

int main(void)
{
	test_diaries();
	test_hold_down();
	test_configure();
	test_digests();
	test_full();
	test_valid();
	test_interval();
	return check_report();
}
