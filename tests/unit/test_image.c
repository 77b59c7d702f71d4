/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The image: what the builder writes is what the accessors say; damaged images are refused. */
#include "check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "postern/image_build.h"
#include "postern/match.h"

static const struct image_service https = {443, 443, 6};

static struct dns_name name_of(const char *text)
{
	struct dns_name n = {0};

	CHECK(dns_name_from_text(text, &n) == 0);
	return n;
}

static void add_rule(struct image_builder *b, const char *name, uint32_t priority, uint32_t list,
	enum rule_action action)
{
	image_build_rule(b, &(struct build_rule){.place = {name, "ci.conf", priority}, .priority = priority,
		.lists = &list, .n_lists = 1, .services = &https, .n_services = action != ACTION_BLOCK,
		.action = action});
}

static void add_static(struct image_builder *b)
{
	struct prefix to[2];
	struct image_service ports[] = {{8000, 8100, 6}, {123, 123, 17}, {8, 8, 1}};
	struct image_service all = {0, UINT16_MAX, 0};

	CHECK(prefix_parse("192.0.2.0/24", &to[0]) == 0 && prefix_parse("2001:db8::/32", &to[1]) == 0);
	image_build_egress(b, &(struct build_static){.place = {"lab", "ci.conf", 7}, .prefixes = to,
		.n_prefixes = 2, .services = ports, .n_services = 3});
	image_build_ingress(b, &(struct build_static){.place = {"in", "ci.conf", 8}, .prefixes = to,
		.n_prefixes = 1, .services = &all, .n_services = 1, .action = ACTION_ALERT});
}

static struct image_builder *sample(void)
{
	struct image_builder *b = image_builder_new();
	struct sandbox s = {.name = "one", .policy = "ci", .kind = SANDBOX_INTERFACE, .n_selectors = 1};
	struct image_upstream up = {.port = 53};
	uint8_t digest[32] = {1, 2, 3};
	uint32_t web, rest;

	image_build_policy(b, &(struct build_policy){.place = {"empty", "empty.conf", 1}});
	image_build_policy(b, &(struct build_policy){.place = {"ci", "ci.conf", 1}, .refusal = REFUSAL_DROP});
	web = image_build_list(b);
	rest = image_build_list(b);
	CHECK(image_build_domain_text(b, web, "Example.COM") == 0);
	CHECK(image_build_domain_text(b, web, "*.example.com") == 0);
	CHECK(image_build_domain_text(b, web, "example.com") == -EEXIST);
	CHECK(image_build_domain_text(b, web, "a..b") == -EINVAL);
	CHECK(image_build_domain_text(b, rest, "*") == 0);
	add_rule(b, "rest", 900, rest, ACTION_BLOCK); /* added before the rule that wins */
	add_rule(b, "web", 100, web, ACTION_ALLOW);
	add_static(b);
	snprintf(s.selectors[0].ifname, sizeof(s.selectors[0].ifname), "veth7");
	image_build_sandbox(b, &s);
	CHECK(addr_parse("192.0.2.53", &up.addr) == 0);
	image_build_upstream(b, &up);
	image_build_file(b, "ci.conf", digest, 1);
	return b;
}

static void check_names(const struct image *im, const struct image_policy *p)
{
	struct dns_name n = name_of("EXAMPLE.com"), below = name_of("a.b.example.com"), other = name_of("example.org");
	struct dns_name root = name_of(".");

	CHECK(match_name(im, p, &n, 1) == 0 && match_name(im, p, &below, 28) == 0);
	CHECK(match_name(im, p, &other, 1) == 1 && match_name(im, p, &root, 1) == 1);
	CHECK(match_name_from(im, p, &n, 1, 1) == 1 && match_name_from(im, p, &n, 1, 2) == IMAGE_NONE);
	CHECK(match_name(im, image_policy(im, 0), &n, 1) == IMAGE_NONE);
	CHECK_STR(image_string(im, image_rule(im, p, 0)->place.name), "web");
	CHECK_STR(image_string(im, image_rule(im, p, 1)->place.name), "rest");
	CHECK(image_rule(im, p, 1)->place.line == 900);
}

static void check_statics(const struct image *im, const struct image_policy *p)
{
	static const struct {
		const char *addr;
		uint8_t protocol;
		uint16_t port;
		uint32_t egress, ingress;
	} rows[] = {
		{"192.0.2.1", 6, 8000, 0, 0}, {"192.0.2.255", 6, 8100, 0, 0}, {"192.0.2.1", 6, 8101, IMAGE_NONE, 0},
		{"192.0.2.1", 6, 7999, IMAGE_NONE, 0}, {"192.0.2.1", 17, 123, 0, 0}, {"192.0.2.1", 17, 8000, IMAGE_NONE, 0},
		{"2001:db8::1", 17, 123, 0, IMAGE_NONE}, {"2001:db9::1", 17, 123, IMAGE_NONE, IMAGE_NONE},
		{"192.0.3.0", 6, 8000, IMAGE_NONE, IMAGE_NONE}, {"192.0.2.1", 1, 8, 0, 0},
		{"192.0.2.1", 1, 0, IMAGE_NONE, 0}, {"192.0.2.9", 47, 0, IMAGE_NONE, 0},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct addr a;

		check_row(rows[i].addr);
		CHECK(addr_parse(rows[i].addr, &a) == 0);
		CHECK(match_egress(im, p, &a, rows[i].protocol, rows[i].port) == rows[i].egress);
		CHECK(match_ingress(im, p, &a, rows[i].protocol, rows[i].port) == rows[i].ingress);
	}
	check_row("");
}

static void test_contents(const struct image *im)
{
	const struct image_policy *p;

	CHECK(image_n_policies(im) == 2 && image_policy_find(im, "ci") == 1);
	CHECK(image_policy_find(im, "none") == IMAGE_NONE);
	p = image_policy(im, 1);
	CHECK(p->n_rules == 2 && p->n_egress == 1 && p->n_ingress == 1 && p->has_ingress);
	CHECK(p->refusal == REFUSAL_DROP);
	check_names(im, p);
	check_statics(im, p);
	CHECK(image_n_sandboxes(im) == 1);
	CHECK_STR(image_sandbox(im, 0)->selectors[0].ifname, "veth7");
	CHECK(image_n_upstreams(im) == 1 && image_upstream(im, 0)->port == 53);
	CHECK(image_n_files(im) == 1 && image_file(im, 0)->sha256[2] == 3 && image_file(im, 0)->policy == 1);
	CHECK(image_settings(im)->pin_min_s == 60);
	CHECK_STR(image_string(im, image_settings(im)->audit_directory), "");
}

/* Everything that a reader may ask, on an image that was accepted: only memory safety is checked. */
static void use_all(const struct image *im)
{
	struct dns_name n = name_of("a.example.com");
	struct addr a = {.family = ADDR_V4};

	for (uint32_t i = 0; i < image_n_policies(im); i++) {
		const struct image_policy *p = image_policy(im, i);
		uint32_t rule = match_name(im, p, &n, 1);

		CHECK(rule == IMAGE_NONE || rule < p->n_rules);
		(void)match_egress(im, p, &a, 6, 1);
		(void)match_ingress(im, p, &a, 6, 1);
	}
}

/* Each byte of a small image, in turn, set to four values: refused or safe. */
static void test_damage(const uint8_t *good, size_t len)
{
	static const uint8_t values[] = {0x00, 0xff, 0x7f, 0x01};
	unsigned int refused = 0;
	struct image *im;
	uint8_t *copy = malloc(len);

	for (size_t i = 0; i < len * ARRAY_LEN(values); i++) {
		memcpy(copy, good, len);
		copy[i / ARRAY_LEN(values)] = values[i % ARRAY_LEN(values)];
		if (image_view(copy, len, &im) < 0) {
			refused++;
			continue;
		}
		use_all(im);
		image_unmap(im);
	}
	CHECK(refused > 200);
	for (size_t cut = 0; cut < len; cut += 7)
		CHECK(image_view(good, cut, &im) == -EBADMSG);
	free(copy);
}

static void test_map(void)
{
	struct image_builder *b = sample();
	int fd = memfd_create("image", 0), null = memfd_create("empty", 0);
	struct image *im;

	CHECK(image_builder_write(b, fd) == 0);
	CHECK(image_map(fd, &im) == 0);
	test_contents(im);
	image_unmap(im);
	CHECK(image_map(null, &im) == -EBADMSG);
	CHECK(image_map(-1, &im) == -EBADF);
	close(fd);
	close(null);
	image_builder_free(b);
}

/* One name in many lists, many names in one: sets are shared and sorted. */
static void test_sets(void)
{
	struct image_builder *b = image_builder_new();
	uint32_t lists[100];
	struct dns_name shared = name_of("shared.example");
	struct image *im;
	void *data;
	size_t len;

	for (unsigned int i = 0; i < ARRAY_LEN(lists); i++)
		lists[i] = image_build_list(b);
	for (unsigned int i = 0; i < ARRAY_LEN(lists); i++) {
		char policy[16], own[64];

		snprintf(policy, sizeof(policy), "p%u", i);
		image_build_policy(b, &(struct build_policy){.place = {policy, NULL, 0}});
		snprintf(own, sizeof(own), "*.n%u.example", i);
		CHECK(image_build_domain_text(b, lists[i], own) == 0);
		CHECK(image_build_domain(b, lists[i], &shared, false) == 0);
		add_rule(b, "own", 1 + i, lists[i], ACTION_ALLOW);
		if (i)
			add_rule(b, "before", 200, lists[i - 1], ACTION_ALERT);
	}
	CHECK(image_builder_finish(b, &data, &len) == 0 && image_view(data, len, &im) == 0);
	for (unsigned int i = 0; i < ARRAY_LEN(lists); i++) {
		const struct image_policy *p = image_policy(im, i);
		char text[64];
		struct dns_name n;

		snprintf(text, sizeof(text), "x.n%u.example", i);
		n = name_of(text);
		CHECK(match_name(im, p, &n, 1) == 0 && match_name(im, p, &shared, 1) == 0);
		snprintf(text, sizeof(text), "x.n%u.example", i ? i - 1 : 99);
		n = name_of(text);
		CHECK(match_name(im, p, &n, 1) == (i ? 1 : IMAGE_NONE));
	}
	image_unmap(im);
	free(data);
	image_builder_free(b);
}

#define MODEL_LISTS 3
#define MODEL_NAMES 4000

/* Name number @n; neighbours share more or fewer labels, and one in a hundred has very many. */
static struct dns_name model_name(unsigned int n)
{
	char text[DNS_NAME_TEXT_MAX];
	int len = snprintf(text, sizeof(text), "n%u", n);

	for (unsigned int i = 0; n % 100 == 7 && i < 60; i++)
		len += snprintf(text + len, sizeof(text) - (size_t)len, ".%c", 'a' + (int)((n + i) % 7));
	(void)snprintf(text + len, sizeof(text) - (size_t)len, "%s%s", n % 3 ? ".b.example" : ".example", n % 5 ? "" : ".net");
	return name_of(text);
}

/* Is name @n in list @list? As a wildcard too where @wildcard is. */
static bool model_holds(unsigned int n, uint32_t list, bool wildcard)
{
	return n % (list + 2) == 0 && (!wildcard || n % 4 == 1);
}

static void model_fill(struct image_builder *b, uint32_t list)
{
	for (unsigned int n = 0; n < MODEL_NAMES; n++) {
		struct dns_name name = model_name(n);
		bool wildcards[] = {false, true};

		for (size_t i = 0; i < ARRAY_LEN(wildcards); i++) {
			if (!model_holds(n, list, wildcards[i]))
				continue;
			CHECK(image_build_domain(b, list, &name, wildcards[i]) == 0);
			CHECK(image_build_domain(b, list, &name, wildcards[i]) == -EEXIST);
		}
	}
}

/* Every name in every list as it was put in, whatever number of names was foretold before each list. */
static void test_table(uint64_t foretold, uint64_t bytes)
{
	struct image_builder *b = image_builder_new();
	const struct image_policy *p;
	struct image *im;
	void *data;
	size_t len;

	for (uint32_t list = 0; list < MODEL_LISTS; list++) {
		char policy[8];

		snprintf(policy, sizeof(policy), "p%u", list);
		image_build_policy(b, &(struct build_policy){.place = {policy, NULL, 0}});
		CHECK(image_build_list(b) == list);
		image_build_expect(b, foretold, bytes);
		model_fill(b, list);
		add_rule(b, "r", 1, list, ACTION_BLOCK);
	}
	CHECK(image_builder_finish(b, &data, &len) == 0 && image_view(data, len, &im) == 0);
	for (uint32_t list = 0; list < MODEL_LISTS; list++) {
		p = image_policy(im, list);
		for (unsigned int n = 0; n < MODEL_NAMES + 50; n++) {
			struct dns_name name = model_name(n), below = {0};
			bool there = n < MODEL_NAMES;

			below.len = (uint8_t)(name.len + 2);
			memcpy(below.wire, "\1x", 2);
			memcpy(below.wire + 2, name.wire, name.len);
			CHECK((match_name(im, p, &name, 1) == 0) == (there && model_holds(n, list, false)));
			CHECK((match_name(im, p, &below, 1) == 0) == (there && model_holds(n, list, true)));
		}
	}
	image_unmap(im);
	free(data);
	image_builder_free(b);
}

int main(void)
{
	struct image_builder *b = sample();
	struct image *im;
	void *data;
	size_t len;

	CHECK(image_builder_finish(b, &data, &len) == 0);
	CHECK(image_view(data, len, &im) == 0);
	CHECK(image_size(im) == len);
	test_contents(im);
	image_unmap(im);
	test_damage(data, len);
	free(data);
	image_builder_free(b);
	test_map();
	test_sets();
	test_table(0, 0);
	test_table(MODEL_NAMES, MODEL_NAMES * 20);
	test_table(100, 1);
	test_table(1000000, 100000000); /* far too many: the table is laid out again, smaller */
	test_table(UINT64_MAX / 8, UINT64_MAX / 2); /* no machine has it: it grows as without */
	return check_report();
}
