/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The address classes stand twice: in rules/postern.nft for packets, in src/base/addr.c for answers and
 * rules. Here they are compared, at both edges of every prefix of either and at random addresses.
 * Usage: test_classes RULESET
 */
#include "check.h"

#include <stdbool.h>
#include <stdlib.h>

#include "postern/addr.h"

#define PREFIXES_MAX 64

struct list {
	struct prefix v[PREFIXES_MAX];
	size_t n;
};

/* The elements of `set @name { ... elements = { a, b } }`. */
static void read_set(const char *rules, const char *name, struct list *ret_list)
{
	char head[64], text[64];
	const char *p, *end;

	snprintf(head, sizeof(head), "\tset %s {", name);
	p = strstr(rules, head);
	p = p ? strstr(p, "elements = {") : NULL;
	end = p ? strchr(p + 12, '}') : NULL;
	CHECK(end != NULL);
	for (p = end ? p + 12 : NULL; p && p < end && ret_list->n < PREFIXES_MAX;) {
		size_t n;

		p += strspn(p, " \t\n,");
		n = strcspn(p, " \t\n,}");
		if (n == 0 || n >= sizeof(text))
			break;
		memcpy(text, p, n);
		text[n] = '\0';
		check_row(text);
		CHECK(prefix_parse(text, &ret_list->v[ret_list->n++]) == 0);
		p += n;
	}
}

static bool listed(const struct list *l, const struct addr *a)
{
	for (size_t i = 0; i < l->n; i++)
		if (prefix_contains(&l->v[i], a))
			return true;
	return false;
}

static struct addr beside(struct addr a, int step)
{
	for (int i = addr_bits(&a) / 8 - 1; i >= 0; i--) {
		a.bytes[i] = (uint8_t)(a.bytes[i] + step);
		if (a.bytes[i] != (step > 0 ? 0 : 0xff))
			break;
	}
	return a;
}

static void compare(const struct list *never, const struct list *private, const struct addr *a)
{
	char text[ADDR_TEXT_MAX];

	check_row(addr_format(a, text));
	CHECK(addr_is_never(a) == listed(never, a));
	CHECK((addr_is_private(a) || addr_is_never(a)) == (listed(private, a) || listed(never, a)));
}

int main(int argc, char **argv)
{
	struct list never = {.n = 0}, private = {.n = 0};
	static char rules[1 << 17];
	FILE *f = argc == 2 ? fopen(argv[1], "r") : NULL;

	if (!f)
		return 2;
	CHECK(fread(rules, 1, sizeof(rules) - 1, f) > 0);
	fclose(f);
	read_set(rules, "never4", &never);
	read_set(rules, "never6", &never);
	read_set(rules, "private4", &private);
	read_set(rules, "private6", &private);
	CHECK(never.n == 16 && private.n > 20);
	for (size_t i = 0; i < never.n + private.n; i++) {
		struct addr_range r = prefix_whole(i < never.n ? &never.v[i] : &private.v[i - never.n]);
		struct addr edges[4] = {r.first, r.last, beside(r.first, -1), beside(r.last, 1)};

		for (size_t k = 0; k < 4; k++)
			compare(&never, &private, &edges[k]);
	}
	srandom(7);
	for (unsigned int i = 0; i < 100000; i++) {
		struct addr a = {.family = i & 1 ? ADDR_V4 : ADDR_V6};

		for (unsigned int k = 0; k < (i & 1 ? 4u : 16u); k++)
			a.bytes[k] = (uint8_t)(random() >> 8);
		if (i % 4 == 0) /* near the low end, where the IPv6 forms with an IPv4 address are */
			memset(a.bytes, 0, 10);
		compare(&never, &private, &a);
	}
	return check_report();
}
