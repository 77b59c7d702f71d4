/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A resolver that was taken over: any pin request. Whatever it says, what the gate admits is public addresses, or private ones of a
 * zone that holds the name, under a rule that permits that name now, its ports only, within the quotas; and the same question asked again of the policy has the same answer.
 *
 * Bytes: the request from behind its header on, missing ones zero. Bit 7 of `slot` asks for no sandbox, bit 6 books what was admitted.
 */
#include <stdlib.h>
#include <string.h>

#include "admit.h"
#include "postern/bytes.h"
#include "postern/forward.h"
#include "postern/image_build.h"
#include "postern/match.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define GENERATION 7
#define NOW_MS 1000

static const struct sandbox box = {.name = "one", .policy = "p", .kind = SANDBOX_HOST, .n_selectors = 1, .slot = 3};

static struct dns_name zone_name;

static void add_rule(struct image_builder *b, uint32_t priority, const char *domain, enum rule_action action, uint16_t qtype)
{
	static const struct image_service ports[] = {{443, 443, 6}, {53, 53, 17}};
	uint32_t list = image_build_list(b);

	if (image_build_domain_text(b, list, domain) < 0)
		abort();
	image_build_rule(b, &(struct build_rule){.place = {"r", "p.conf", priority}, .priority = priority, .lists = &list, .n_lists = 1,
		.services = ports, .n_services = action == ACTION_BLOCK ? 0 : 2, .action = action, .qtype = qtype});
}

/* in.example may have private addresses, and nothing else. */
static void add_zone(struct image_builder *b)
{
	const struct image_upstream up = {.addr = {.family = ADDR_V4, .bytes = {10, 0, 0, 2}}, .port = 53};
	const struct prefix private[] = {{{ADDR_V4, {10}}, 8}, {{ADDR_V6, {0xfc}}, 7}};

	if (dns_name_from_text("in.example", &zone_name) < 0)
		abort();
	image_build_zone(b, &(struct build_zone){.name = &zone_name, .upstreams = &up, .n_upstreams = 1, .prefixes = private, .n_prefixes = 2});
}

static struct image *make_image(void)
{
	struct image_builder *b = image_builder_new();
	struct image_settings settings;
	struct image *im;
	void *data;
	size_t len;

	image_settings_default(&settings);
	settings.pins_per_name = 6;
	settings.pins_per_rule = 10;
	settings.pins_per_sandbox = 12;
	image_build_settings(b, &settings);
	image_build_policy(b, &(struct build_policy){.place = {"p", "p.conf", 1}});
	add_rule(b, 1, "blocked.example", ACTION_BLOCK, 0);
	add_rule(b, 2, "*.example", ACTION_ALLOW, 0);
	add_rule(b, 3, "text.test", ACTION_ALLOW, 16);
	add_rule(b, 4, "six.test", ACTION_ALERT, 28);
	add_zone(b);
	if (image_builder_finish(b, &data, &len) < 0 || image_view(data, len, &im) < 0)
		abort();
	image_builder_free(b);
	return im;
}

static void check_pin(const struct image *im, const struct admission *a, const struct pin_key *key)
{
	bool inside = key->addr.bytes[0] == (key->addr.family == ADDR_V4 ? 10 : 0xfc) ||
		(key->addr.family == ADDR_V6 && key->addr.bytes[0] == 0xfd);

	if (addr_is_never(&key->addr) || key->slot != box.slot)
		abort();
	if (addr_is_private(&key->addr) && !(inside && dns_name_within(&a->name, &zone_name)))
		abort();
	if (admit_again(im, &box, key, &a->name) != a->rule)
		abort();
}

static void check_admission(const struct image *im, const struct pinbook *book, const struct admission *a)
{
	const struct image_settings *set = image_settings(im);

	if ((a->reason == REASON_NONE) != (a->granted != 0) || (a->reason == REASON_NONE) != (a->n_pins != 0))
		abort();
	if (a->reason != REASON_NONE)
		return;
	if (a->lifetime_ms == 0 || a->lifetime_ms > (set->pin_max_s + set->pin_grace_s) * 1000u)
		abort();
	if (pinbook_count(book, SANDBOX_NONE) > set->pins_per_sandbox)
		abort();
	for (size_t i = 0; i < a->n_pins; i++)
		check_pin(im, a, &a->pins[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct image *im;
	static struct msg_pin_request q;
	static struct admission a;
	struct pinbook *book;
	struct bytes_reader r;

	if (!im)
		im = make_image();
	if (pinbook_new(NOW_MS, &book) < 0)
		abort();
	bytes_reader_init(&r, data, len);
	while (bytes_left(&r)) {
		unsigned int flags;
		size_t n = sizeof(q) - sizeof(q.h) < bytes_left(&r) ? sizeof(q) - sizeof(q.h) : bytes_left(&r);

		memset(&q, 0, sizeof(q));
		bytes_read_copy(&r, (uint8_t *)&q + sizeof(q.h), n);
		flags = q.slot;
		q.slot = box.slot; /* by which the gate has found the sandbox */
		admit(im, GENERATION, flags & 0x80 ? NULL : &box, book, &q, &a);
		check_admission(im, book, &a);
		for (size_t i = 0; a.reason == REASON_NONE && (flags & 0x40) && i < a.n_pins; i++)
			(void)pinbook_put(book, &a.pins[i], a.rule, &a.name, NOW_MS + a.lifetime_ms);
	}
	pinbook_free(book);
	return 0;
}
