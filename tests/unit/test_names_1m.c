/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A million names: they compile, every one of them matches and nothing else does, and each costs at most 64 bytes beside
 * its own. The times are printed and not asserted: this runs with sanitizers too, and on any machine. The cost of a
 * match at 1,000 and at 1,000,000 names is printed as a ratio.
 */
#include "compile_kit.h"

#include "postern/clock.h"
#include "postern/match.h"

#define BYTES_PER_NAME_MAX 64

static const char *const tops[] = {"com", "net", "org", "example", "co.uk"};

/* Name number @i: letters from a fixed generator, unique by its number. Every tenth is a wildcard's owner. */
static void name_of(uint32_t i, char text[static 64])
{
	uint32_t x = i * 2654435761u + 12345;
	char word[12];
	size_t n = 3 + (x >> 8) % 8;

	for (size_t k = 0; k < n; k++) {
		x = x * 1664525u + 1013904223u;
		word[k] = (char)('a' + (x >> 16) % 26);
	}
	word[n] = '\0';
	snprintf(text, 64, "%s%u.%s", word, i, tops[i % ARRAY_LEN(tops)]);
}

static bool wildcard(uint32_t i)
{
	return i % 10 == 9;
}

/* Bytes of the names themselves on the wire. */
static uint64_t write_list(uint32_t n)
{
	FILE *f = fopen("list.txt", "w");
	uint64_t own = 0;
	char text[64];

	if (!f)
		exit(1);
	for (uint32_t i = 0; i < n; i++) {
		name_of(i, text);
		fprintf(f, "%s%s\n", wildcard(i) ? "*." : "", text);
		own += strlen(text) + 2;
	}
	if (fclose(f) != 0)
		exit(1);
	return own;
}

static uint32_t ask(const struct image *im, const char *text)
{
	struct dns_name n;

	CHECK(dns_name_from_text(text, &n) == 0);
	return match_name(im, image_policy(im, 0), &n, 1);
}

static void check_all(const struct image *im, uint32_t n)
{
	char text[64], other[80];

	for (uint32_t i = 0; i < n; i++) {
		name_of(i, text);
		snprintf(other, sizeof(other), "x.%s", text);
		CHECK(ask(im, text) == (wildcard(i) ? IMAGE_NONE : 0));
		CHECK(ask(im, other) == (wildcard(i) ? 0 : IMAGE_NONE));
		snprintf(other, sizeof(other), "x%s", text);
		if (i % 16 == 0)
			CHECK(ask(im, other) == IMAGE_NONE);
	}
}

/* Nanoseconds of one match, over names that are there and names that are not. */
static double match_cost(const struct image *im, uint32_t n)
{
	enum { ASKED = 4096, ROUNDS = 16 };
	struct dns_name *names = calloc(ASKED, sizeof(*names));
	uint32_t found = 0;
	uint64_t from;

	for (uint32_t i = 0; i < ASKED; i++) {
		char text[64];

		name_of((i % 2 ? n : 0) + i * 241 % n, text);
		CHECK(dns_name_from_text(text, &names[i]) == 0);
	}
	from = clock_now_us();
	for (uint32_t r = 0; r < ROUNDS; r++)
		for (uint32_t i = 0; i < ASKED; i++)
			found += match_name(im, image_policy(im, 0), &names[i], 1) != IMAGE_NONE;
	CHECK(found > 0 && found < ROUNDS * ASKED);
	free(names);
	return (double)(clock_now_us() - from) * 1000 / (ROUNDS * ASKED);
}

static double test_size(struct kit *k, uint32_t n)
{
	uint64_t own = write_list(n), from = clock_now_us(), took_us;
	struct image *im;
	double per_name, cost;

	CHECK(kit_compile(k) == 0 && k->n_warnings == 0);
	took_us = clock_now_us() - from;
	if (image_map(k->image_fd, &im) < 0)
		exit(1);
	per_name = (double)(image_size(im) - own) / n;
	if (n >= 100000)
		CHECK(per_name <= BYTES_PER_NAME_MAX);
	check_all(im, n);
	cost = match_cost(im, n);
	printf("%u names: compiled in %.2f s, %.1f bytes a name beside its own, %.0f ns a match\n", n, (double)took_us / 1e6,
		per_name, cost);
	image_unmap(im);
	return cost;
}

int main(void)
{
	struct kit k;
	double small, large;

	kit_init(&k);
	kit_write("postern.conf", "policies = \"p.conf\"; upstreams = \"192.0.2.53\";\n");
	kit_write("p.conf", "name = \"p\"; lists: { l = { file = \"list.txt\"; }; };\ndns = ( { name = \"r\"; priority = 1; "
		"action = \"ALLOW\"; domains = \"@l\"; ports = []; } );\n");
	small = test_size(&k, 1000);
	large = test_size(&k, 1000000);
	printf("match at 1,000,000 names: %.1f times that at 1,000\n", large / small);
	kit_fini(&k);
	return check_report();
}
