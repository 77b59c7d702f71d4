/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A hostile image: any bytes are refused, or every accessor and match is safe on them.
 *
 * The first byte chooses the form of the input. Even: the rest is an image (its magic and size are put
 * right, else nothing gets past the first comparison). Odd: the rest patches a good image, in steps of
 * offset (two bytes) and value (one), so that the corpus stays useful when the format changes.
 */
#include <stdlib.h>
#include <string.h>

#include "postern/bytes.h"
#include "postern/forward.h"
#include "postern/image_build.h"
#include "postern/image_reach.h"
#include "postern/match.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define HEADER_START 16 /* magic and size */

static volatile size_t sink;

/* Two zones, one in the other, and records with addresses and an alias. */
static void add_split(struct image_builder *b)
{
	const struct image_upstream up = {.addr = {.family = ADDR_V4, .bytes = {10, 0, 0, 2}}, .port = 53};
	const struct prefix private = {.addr = {.family = ADDR_V4, .bytes = {10}}, .len = 8};
	struct dns_name zone, inner, host, alias;

	if (dns_name_from_text("corp.example", &zone) < 0 || dns_name_from_text("a.corp.example", &inner) < 0 ||
		dns_name_from_text("cache.internal", &host) < 0 || dns_name_from_text("b.example", &alias) < 0)
		abort();
	image_build_zone(b, &(struct build_zone){.name = &zone, .upstreams = &up, .n_upstreams = 1, .prefixes = &private, .n_prefixes = 1});
	image_build_zone(b, &(struct build_zone){.name = &inner, .upstreams = &up, .n_upstreams = 1});
	image_build_record(b, &(struct build_record){.name = &host, .addr = {.family = ADDR_V4, .bytes = {10, 0, 0, 9}}, .ttl_s = 60});
	image_build_record(b, &(struct build_record){.name = &host, .addr = {.family = ADDR_V4, .bytes = {10, 0, 0, 8}}, .ttl_s = 60});
	image_build_record(b, &(struct build_record){.name = &alias, .target = &host, .ttl_s = 60});
}

static void *good_image(size_t *ret_len)
{
	struct image_builder *b = image_builder_new();
	struct image_service port = {443, 443, 6};
	struct prefix to = {.addr = {.family = ADDR_V4, .bytes = {192, 0, 2}}, .len = 24};
	struct sandbox box = {.name = "one", .policy = "p", .kind = SANDBOX_HOST, .n_selectors = 1,
		.mode = SANDBOX_AUDIT, .fail_open = 1};
	struct image_upstream up = {.addr = {.family = ADDR_V4, .bytes = {192, 0, 2, 53}}, .port = 53};
	struct dns_name target;
	uint8_t digest[32] = {0};
	uint32_t list;
	void *image = NULL;

	image_build_policy(b, &(struct build_policy){.place = {"p", "p.conf", 1}});
	list = image_build_list(b);
	if (image_build_domain_text(b, list, "*.example.com") || image_build_domain_text(b, list, "a.example.com") ||
		dns_name_from_text("sink.example", &target) < 0)
		abort();
	image_build_rule(b, &(struct build_rule){.place = {"r", "p.conf", 2}, .priority = 1, .lists = &list,
		.n_lists = 1, .services = &port, .n_services = 1});
	image_build_rule(b, &(struct build_rule){.place = {"o", "p.conf", 3, "corp"}, .group_priority = 200, .priority = 1, .lists = &list,
		.n_lists = 1, .action = ACTION_BLOCK, .response = RESPONSE_OVERRIDE, .override_name = &target});
	image_build_egress(b, &(struct build_static){.place = {"e", "p.conf", 4}, .prefixes = &to, .n_prefixes = 1,
		.services = &port, .n_services = 1});
	image_build_ingress(b, &(struct build_static){.place = {"i", "p.conf", 5}, .prefixes = &to, .n_prefixes = 1,
		.services = &port, .n_services = 1});
	image_build_sandbox(b, &box);
	image_build_upstream(b, &up);
	add_split(b);
	image_build_file(b, "p.conf", digest, 0);
	if (image_builder_finish(b, &image, ret_len) < 0)
		abort();
	image_builder_free(b);
	return image;
}

static void use_place(const struct image *im, const struct image_place *p)
{
	sink += strlen(image_string(im, p->name)) + strlen(image_string(im, p->file));
}

static void use_services(const struct image *im, uint32_t first, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		sink += image_services(im, first + i)->last;
}

static void use_static(const struct image *im, const struct image_static *s)
{
	char text[ADDR_TEXT_MAX + 4];

	use_place(im, &s->place);
	use_services(im, s->first_service, s->n_services);
	for (uint32_t i = 0; i < s->n_prefixes; i++)
		sink += strlen(prefix_format(&image_prefixes(im, s->first_prefix)[i], text));
}

static void use_policy(const struct image *im, const struct image_policy *p)
{
	static const char *const names[] = {".", "com", "example.com", "a.example.com", "b.a.example.com"};
	struct addr a = {.family = ADDR_V4, .bytes = {192, 0, 2, 1}};
	struct dns_name n;

	use_place(im, &p->place);
	for (uint32_t i = 0; i < p->n_rules; i++) {
		const struct image_rule *r = image_rule(im, p, i);

		use_place(im, &r->place);
		use_services(im, r->first_service, r->n_services);
		sink += image_wire(im, r->override_wire, &n);
	}
	for (uint32_t i = 0; i < p->n_protections; i++)
		if (image_rule(im, p, image_protection(im, p, i))->protection == PROTECTION_NONE)
			abort();
	for (uint32_t i = 0; i < p->n_egress; i++)
		use_static(im, image_egress(im, p, i));
	for (uint32_t i = 0; i < p->n_ingress; i++)
		use_static(im, image_ingress(im, p, i));
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		uint32_t rule;

		if (dns_name_from_text(names[i], &n) < 0)
			abort();
		rule = match_name(im, p, &n, 1);
		if (rule != IMAGE_NONE && rule >= p->n_rules)
			abort();
		if (rule != IMAGE_NONE && match_scope(im, p, &n, 1, rule) != MATCH_EXACT && match_scope(im, p, &n, 1, rule) > DNS_LABELS_MAX)
			abort();
	}
	sink += match_egress(im, p, &a, 6, 443) + match_ingress(im, p, &a, 6, 443);
}

static void use_split(const struct image *im)
{
	static const char *const names[] = {".", "corp.example", "x.a.corp.example", "b.example", "cache.internal"};
	struct addr a = {.family = ADDR_V4, .bytes = {10, 0, 0, 9}}, never = {.family = ADDR_V4, .bytes = {169, 254, 169, 254}};
	struct dns_name n;

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		uint32_t first, end;

		if (dns_name_from_text(names[i], &n) < 0)
			abort();
		end = forward_upstreams(im, forward_zone(im, &n), &first);
		for (end += first; first < end; first++)
			sink += image_upstream(im, first)->port;
		end = forward_records(im, &n, &first);
		for (end += first; first < end; first++)
			sink += image_record(im, first)->ttl_s;
		sink += forward_permits(im, &n, &a);
		if (forward_permits(im, &n, &never))
			abort();
	}
}

static void use(const struct image *im)
{
	struct image_reach *reach;
	size_t n;

	if (image_reach(im, &reach, &n) == 0)
		free(reach);
	sink += strlen(image_string(im, image_settings(im)->audit_directory));
	for (uint32_t i = 0; i < image_n_policies(im) && i < 64; i++)
		use_policy(im, image_policy(im, i));
	for (uint32_t i = 0; i < image_n_sandboxes(im); i++)
		sink += image_policy_find(im, image_sandbox(im, i)->policy) + image_sandbox(im, i)->runtime +
			(size_t)sandbox_mode_text((enum sandbox_mode)image_sandbox(im, i)->mode)[0];
	for (uint32_t i = 0; i < image_n_upstreams(im); i++)
		sink += image_upstream(im, i)->port;
	use_split(im);
	for (uint32_t i = 0; i < image_n_files(im); i++)
		sink += strlen(image_string(im, image_file(im, i)->path));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct bytes_reader r;
	size_t size = 0, patched = 0;
	uint8_t *good = good_image(&size), *image = good;
	struct image *im;

	bytes_reader_init(&r, data, len);
	if (bytes_read_u8(&r) % 2 == 0 && bytes_left(&r) >= HEADER_START) {
		uint64_t real = bytes_left(&r);

		image = malloc(real);
		if (!image)
			abort();
		memcpy(image, good, 8);
		memcpy(image + 8, &real, sizeof(real));
		bytes_skip(&r, HEADER_START);
		bytes_read_copy(&r, image + HEADER_START, real - HEADER_START);
		size = real;
	}
	while (image == good && bytes_left(&r) >= 3) {
		uint16_t at = bytes_read_u16(&r);
		uint8_t value = bytes_read_u8(&r);

		image[at % size] = value;
		patched++;
	}
	if (image_view(image, size, &im) == 0) {
		use(im);
		image_unmap(im);
	} else if (image == good && !patched) {
		abort();
	}
	if (image != good)
		free(image);
	free(good);
	return 0;
}
