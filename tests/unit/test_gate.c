/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The gate's books: pins and their holders, admission, the table of sandboxes. */
#include "check.h"

#include <errno.h>
#include <stdlib.h>

#include "admit.h"
#include "pinbook.h"
#include "postern/image_build.h"
#include "sandboxes.h"

#define NOW 1000000u

static struct dns_name name_of(const char *text)
{
	struct dns_name n = {0};

	CHECK(dns_name_from_text(text, &n) == 0);
	return n;
}

static struct pin_key key_of(uint16_t slot, const char *addr, uint16_t port)
{
	struct pin_key k = {.slot = slot, .port = port, .protocol = 6};

	CHECK(addr_parse(addr, &k.addr) == 0);
	return k;
}

static void test_two_names_one_address(void)
{
	const struct dns_name a = name_of("a.example"), b = name_of("B.Example");
	struct pin_key k = key_of(3, "192.0.2.1", 443);
	uint32_t over[8], pin, rule;
	struct pinbook *book;
	struct dns_name n;
	char text[128];

	check_row("two names, one address");
	CHECK(pinbook_new(NOW, &book) == 0);
	pin = pinbook_put(book, &k, 0, &a, NOW + 5000);
	CHECK(pinbook_put(book, &k, 1, &b, NOW + 9000) == pin);
	CHECK(pinbook_count(book, 3) == 1 && pinbook_count_name(book, 3, &a) == 1);
	CHECK(pinbook_count_rule(book, 3, 1) == 1 && pinbook_holds(book, &k, &b));
	CHECK_STR(pinbook_comment(book, pin, NULL, text, sizeof(text)), "b.example a.example");
	CHECK_STR(pinbook_comment(book, pin, NULL, text, 12), "b.example");
	CHECK(pinbook_holder(book, pin, &rule, &n) && rule == 1 && dns_name_equal(&n, &b));
	CHECK(pinbook_expired(book, NOW + 6000, over, 8) == 0); /* b still holds it */
	CHECK(!pinbook_holds(book, &k, &a) && pinbook_count_name(book, 3, &a) == 0);
	CHECK(pinbook_expired(book, NOW + 9500, over, 8) == 1 && over[0] == pin);
	pinbook_bury(book, pin);
	CHECK(pinbook_find(book, &k) == PINBOOK_NONE && pinbook_find_any(book, &k) == pin);
	CHECK(pinbook_held(book, pin)); /* a ghost remembers whose it was */
	CHECK(pinbook_count_name(book, 3, &b) == 0 && pinbook_count_rule(book, 3, 1) == 0); /* and counts for no quota */
	CHECK(pinbook_put(book, &k, 1, &b, NOW + 19000) == pin && pinbook_count_name(book, 3, &b) == 1);
	CHECK(pinbook_count_rule(book, 3, 1) == 1 && pinbook_holds(book, &k, &b));
	CHECK(pinbook_put(book, &k, 0, &a, NOW + 20000) == pin && pinbook_count(book, SANDBOX_NONE) == 1);
	pinbook_drop(book, pin);
	CHECK(pinbook_find_any(book, &k) == PINBOOK_NONE && pinbook_count(book, 3) == 0);
	pinbook_free(book);
}

static void test_wheel(void)
{
	const struct dns_name a = name_of("a.example");
	struct pin_key k = key_of(1, "192.0.2.1", 443), far = key_of(1, "192.0.2.2", 443);
	struct pinbook *book;
	uint32_t over[8];

	check_row("wheel");
	CHECK(pinbook_new(NOW, &book) == 0);
	(void)pinbook_put(book, &k, 0, &a, NOW + 1000);
	(void)pinbook_put(book, &far, 0, &a, NOW + 86400000);
	(void)pinbook_put(book, &k, 0, &a, NOW + 3000); /* renewed before its tick */
	CHECK(pinbook_expired(book, NOW + 2000, over, 8) == 0);
	CHECK(pinbook_expired(book, NOW + 2900, over, 8) == 0);
	CHECK(pinbook_expired(book, NOW + 3600, over, 8) == 1);
	CHECK(pinbook_expired(book, NOW + 3600, over, 8) == 1); /* not buried: told again */
	pinbook_bury(book, over[0]);
	CHECK(pinbook_expired(book, NOW + 80000000, over, 8) == 0);
	CHECK(pinbook_expired(book, NOW + 86401000, over, 8) == 1);
	pinbook_free(book);
}

static void test_many(void)
{
	const struct dns_name a = name_of("many.example");
	struct pin_key k = key_of(1, "2001:db8::", 443);
	struct pinbook *book;
	uint32_t over[256];
	size_t n, buried = 0;

	check_row("full book");
	CHECK(pinbook_new(NOW, &book) == 0);
	for (uint32_t i = 0; i < PINBOOK_PINS_MAX; i++) {
		memcpy(k.addr.bytes + 12, &i, 4);
		(void)pinbook_put(book, &k, 0, &a, NOW + 1000);
	}
	CHECK(!pinbook_room(book, 1, 1));
	while ((n = pinbook_expired(book, NOW + 2000, over, 256)) > 0)
		for (size_t i = 0; i < n; i++, buried++)
			pinbook_bury(book, over[i]);
	CHECK(buried == PINBOOK_PINS_MAX && pinbook_count(book, 1) == 0);
	CHECK(pinbook_room(book, 32, 1)); /* ghosts gave way */
	memcpy(k.addr.bytes + 12, &(uint32_t){PINBOOK_PINS_MAX - 1}, 4);
	CHECK(pinbook_find_any(book, &k) != PINBOOK_NONE); /* the youngest is remembered */
	pinbook_free(book);
}

struct fixture {
	void *data;
	struct image *image;
	struct pinbook *book;
	struct sandbox sandbox;
	struct msg_pin_request request;
};

struct caps {
	uint32_t per_name, per_rule, per_sandbox;
};

static void fixture_capped(struct fixture *f, struct caps caps)
{
	static const struct image_service ports[] = {{443, 443, 6}, {80, 80, 6}};
	struct image_builder *b = image_builder_new();
	struct image_settings set;
	uint32_t list, blocked;
	size_t len;

	*f = (struct fixture){.sandbox = {.name = "box", .policy = "ci", .kind = SANDBOX_HOST, .n_selectors = 1}};
	image_settings_default(&set);
	set.pin_min_s = 10;
	set.pin_max_s = 100;
	set.pin_grace_s = 5;
	set.pins_per_name = caps.per_name;
	set.pins_per_rule = caps.per_rule;
	set.pins_per_sandbox = caps.per_sandbox;
	image_build_settings(b, &set);
	image_build_policy(b, &(struct build_policy){.place = {"ci", "ci.conf", 1}});
	list = image_build_list(b);
	CHECK(image_build_domain_text(b, list, "*.example.com") == 0);
	blocked = image_build_list(b);
	CHECK(image_build_domain_text(b, blocked, "bad.example.com") == 0);
	image_build_rule(b, &(struct build_rule){.place = {"no", "ci.conf", 2}, .priority = 1, .lists = &blocked, .n_lists = 1,
		.action = ACTION_BLOCK});
	image_build_rule(b, &(struct build_rule){.place = {"web", "ci.conf", 3}, .priority = 100, .lists = &list,
		.n_lists = 1, .services = ports, .n_services = 2, .action = ACTION_ALLOW});
	CHECK(image_builder_finish(b, &f->data, &len) == 0);
	image_builder_free(b);
	CHECK(image_view(f->data, len, &f->image) == 0);
	CHECK(pinbook_new(NOW, &f->book) == 0);
	f->request = (struct msg_pin_request){.qtype = 1, .rule = 1, .generation = 7, .ttl_s = 60, .n_addrs = 1,
		.name = name_of("www.example.com")};
	CHECK(addr_parse("192.0.2.7", &f->request.addrs[0]) == 0);
}

static void fixture_init(struct fixture *f)
{
	fixture_capped(f, (struct caps){100, 100, 100});
}

static void fixture_fini(struct fixture *f)
{
	pinbook_free(f->book);
	image_unmap(f->image);
	free(f->data);
}

static enum reason ask(struct fixture *f, struct admission *a)
{
	admit(f->image, 7, &f->sandbox, f->book, &f->request, a);
	return a->reason;
}

static void test_admission(void)
{
	static struct admission a;
	struct fixture f;

	fixture_init(&f);
	check_row("granted");
	CHECK(ask(&f, &a) == REASON_NONE && a.granted == 1 && a.n_pins == 2 && a.lifetime_ms == 65000);
	f.request.ttl_s = 0;
	CHECK(ask(&f, &a) == REASON_NONE && a.lifetime_ms == 15000);
	f.request.ttl_s = UINT32_MAX;
	CHECK(ask(&f, &a) == REASON_NONE && a.lifetime_ms == 105000);
	check_row("lies");
	f.request.rule = 0;
	CHECK(ask(&f, &a) == REASON_NO_RULE);
	f.request.rule = 99;
	CHECK(ask(&f, &a) == REASON_NO_RULE);
	f.request.rule = 1;
	f.request.generation = 6;
	CHECK(ask(&f, &a) == REASON_NO_RULE);
	f.request.generation = 7;
	f.request.n_addrs = 200;
	CHECK(ask(&f, &a) == REASON_MALFORMED);
	f.request.n_addrs = 0;
	CHECK(ask(&f, &a) == REASON_MALFORMED);
	f.request.n_addrs = 1;
	f.request.qtype = 28; /* an IPv4 address in an AAAA answer */
	CHECK(ask(&f, &a) == REASON_MALFORMED);
	f.request.qtype = 16; /* a type without addresses, with an address */
	f.request.addrs[0].family = ADDR_V6;
	CHECK(ask(&f, &a) == REASON_QTYPE);
	f.request.addrs[0].family = ADDR_V4;
	f.request.qtype = 1;
	f.request.name.wire[0] = 200;
	CHECK(ask(&f, &a) == REASON_MALFORMED);
	f.request.name = name_of("bad.example.com");
	CHECK(ask(&f, &a) == REASON_NO_RULE);
	f.request.rule = 0;
	CHECK(ask(&f, &a) == REASON_RULE_BLOCK);
	f.request.rule = 1;
	f.request.name = name_of("www.example.org");
	CHECK(ask(&f, &a) == REASON_NO_RULE);
	f.request.name = name_of("www.example.com");
	check_row("rebinding");
	CHECK(addr_parse("10.0.0.1", &f.request.addrs[0]) == 0 && ask(&f, &a) == REASON_REBINDING);
	CHECK(addr_parse("169.254.169.254", &f.request.addrs[0]) == 0 && ask(&f, &a) == REASON_REBINDING);
	check_row("no policy");
	strcpy(f.sandbox.policy, "gone");
	CHECK(addr_parse("192.0.2.7", &f.request.addrs[0]) == 0 && ask(&f, &a) == REASON_NO_RULE);
	admit(f.image, 7, NULL, f.book, &f.request, &a);
	CHECK(a.reason == REASON_NO_SANDBOX);
	fixture_fini(&f);
}

/* What only audit mode lets through: a name for the log, no pin; the resolver is believed that it is blocked, and nothing else. */
static void test_withheld(void)
{
	struct msg_pin_note note;
	struct fixture f;

	check_row("withheld");
	fixture_init(&f);
	f.request.would_block = 1;
	f.request.rule = 99;
	f.request.name = name_of("www.example.org");
	CHECK(admit_withheld(f.image, 7, &f.sandbox, &f.request, NOW, &note) == REASON_NO_RULE); /* it enforces */
	f.sandbox.mode = SANDBOX_AUDIT;
	CHECK(admit_withheld(f.image, 7, &f.sandbox, &f.request, NOW, &note) == REASON_NONE);
	CHECK(note.reason == REASON_BLOCKED_NAME && note.n_addrs == 1 && note.n_services == 0 && note.expires_ms == NOW + 65000);
	CHECK(dns_name_equal(&note.name, &f.request.name) && addr_equal(&note.addrs[0], &f.request.addrs[0]));
	f.request.generation = 6;
	CHECK(admit_withheld(f.image, 7, &f.sandbox, &f.request, NOW, &note) == REASON_NO_RULE);
	f.request.generation = 7;
	CHECK(admit_withheld(f.image, 7, NULL, &f.request, NOW, &note) == REASON_NO_SANDBOX);
	f.request.n_addrs = PIN_ADDRS_MAX + 1;
	CHECK(admit_withheld(f.image, 7, &f.sandbox, &f.request, NOW, &note) == REASON_MALFORMED);
	f.request.n_addrs = 1;
	f.request.addrs[0].family = 7;
	CHECK(admit_withheld(f.image, 7, &f.sandbox, &f.request, NOW, &note) == REASON_MALFORMED);
	f.request.addrs[0].family = ADDR_V4;
	f.request.name.wire[0] = 200;
	CHECK(admit_withheld(f.image, 7, &f.sandbox, &f.request, NOW, &note) == REASON_MALFORMED);
	fixture_fini(&f);
}

/* Each cap alone: a rule and a sandbox count what other names hold, and a sandbox counts a pin once. */
static void test_quota(void)
{
	static const struct {
		const char *what;
		struct caps caps;
		enum reason other_name, same_addr; /* of another name: at a new address, at one that is pinned */
	} rows[] = {
		{"pins a name", {6, 100, 100}, REASON_NONE, REASON_NONE},
		{"pins a rule", {100, 6, 100}, REASON_QUOTA, REASON_QUOTA},
		{"pins a sandbox", {100, 100, 6}, REASON_QUOTA, REASON_NONE},
	};
	static struct admission a;
	struct fixture f;

	for (size_t r = 0; r < ARRAY_LEN(rows); r++) {
		check_row(rows[r].what);
		fixture_capped(&f, rows[r].caps);
		f.request.n_addrs = 4; /* two pins each, six allowed */
		for (uint8_t i = 0; i < 4; i++)
			f.request.addrs[i] = (struct addr){ADDR_V4, {192, 0, 2, (uint8_t)(10 + i)}};
		CHECK(ask(&f, &a) == REASON_NONE && a.granted == 7 && a.n_pins == 6);
		for (size_t i = 0; i < a.n_pins; i++)
			(void)pinbook_put(f.book, &a.pins[i], a.rule, &a.name, NOW + 1000);
		CHECK(ask(&f, &a) == REASON_NONE && a.granted == 7); /* what is held is renewed */
		f.request.n_addrs = 1;
		f.request.name = name_of("other.example.com");
		CHECK(ask(&f, &a) == rows[r].same_addr);
		f.request.addrs[0] = f.request.addrs[3];
		CHECK(ask(&f, &a) == rows[r].other_name);
		f.request.name = name_of("www.example.com");
		CHECK(ask(&f, &a) == REASON_QUOTA && a.granted == 0);
		fixture_fini(&f);
	}
}

static struct sandbox source_sandbox(const char *name, const char *prefix)
{
	struct sandbox s = {.policy = "ci", .kind = SANDBOX_SOURCE, .n_selectors = 1};

	strcpy(s.name, name);
	CHECK(prefix_parse(prefix, &s.selectors[0].source) == 0);
	return s;
}

/* A reload keeps one sandbox and adds one: the new one does not get the slot of one that goes. */
static void test_next_table(const struct sandboxes *t, const struct image_settings *set)
{
	struct sandbox added = {.kind = SANDBOX_INTERFACE, .n_selectors = 1, .name = "added", .policy = "p"};
	struct sandboxes *next;

	strcpy(added.selectors[0].ifname, "veth99");
	CHECK(sandboxes_new(&next) == 0);
	sandboxes_follow(next, t);
	(void)sandboxes_keep(next, sandboxes_get(t, sandboxes_next(t, 0)), set);
	CHECK(!sandboxes_get(t, sandboxes_add(next, &added, set)->slot));
	sandboxes_free(next);
}

static void test_sandboxes(void)
{
	const struct image_settings set = {.stub_port = 1053, .local_stub_port = 1054};
	struct sandbox host = {.name = "h", .policy = "ci", .kind = SANDBOX_HOST, .n_selectors = 1}, s;
	struct sandboxes *t;
	struct addr a;

	check_row("sandboxes");
	CHECK(sandboxes_new(&t) == 0);
	s = source_sandbox("a", "198.51.100.0/24");
	CHECK(sandboxes_check(t, &s) == 0 && sandboxes_add(t, &s, &set)->stub_port == 1053);
	s = source_sandbox("b", "198.51.100.128/25");
	CHECK(sandboxes_check(t, &s) == -EADDRINUSE);
	s = source_sandbox("b", "198.51.100.7");
	CHECK(sandboxes_check(t, &s) == 0);
	(void)sandboxes_add(t, &s, &set);
	CHECK(addr_parse("198.51.100.7", &a) == 0 && strcmp(sandboxes_find_source(t, &a)->name, "b") == 0);
	CHECK(addr_parse("198.51.100.8", &a) == 0 && strcmp(sandboxes_find_source(t, &a)->name, "a") == 0);
	CHECK(sandboxes_check(t, &s) == -EEXIST);
	CHECK(sandboxes_add(t, &host, &set)->stub_port == 1054);
	strcpy(host.name, "other");
	CHECK(sandboxes_check(t, &host) == -EADDRINUSE);
	sandboxes_remove(t, sandboxes_find(t, "h")->slot);
	CHECK(sandboxes_check(t, &host) == 0 && sandboxes_add(t, &host, &set)->stub_port == 1054);
	test_next_table(t, &set);
	CHECK(sandboxes_count(t) == 3 && !sandboxes_get(t, 2)); /* a freed slot rests */
	sandboxes_free(t);
}

/* The zone of a name is the same in every daemon; where two names meet, or one is asked for that is taken, they part. */
static void test_zones(void)
{
	const struct image_settings set = {.stub_port = 1053, .local_stub_port = 1054};
	struct sandbox a = {.name = "box1", .policy = "ci", .kind = SANDBOX_UID, .n_selectors = 1}, b = a;
	struct sandboxes *t, *later;
	const struct sandbox *own;
	uint16_t zone;

	check_row("zones");
	if (sandboxes_new(&t) < 0 || sandboxes_new(&later) < 0)
		abort();
	b.selectors[0].uid = 1;
	own = sandboxes_add(t, &a, &set);
	zone = own->zone;
	CHECK(zone == 54721 && sandboxes_find_zone(t, zone) == own && !sandboxes_find_zone(t, (uint16_t)(zone + 1)));
	strcpy(b.name, "box2");
	b.zone = zone;
	CHECK(sandboxes_add(t, &b, &set)->zone != zone);
	b.selectors[0].uid = 2;
	strcpy(b.name, "box3");
	b.zone = UINT16_MAX - 1;
	own = sandboxes_add(t, &b, &set);
	CHECK(own->zone == UINT16_MAX - 1);
	CHECK(sandboxes_keep(later, own, &set)->zone == UINT16_MAX - 1);
	b.selectors[0].uid = 3;
	strcpy(b.name, "box4");
	b.zone = ZONE_RESOLVER; /* that is nobody's */
	CHECK(sandboxes_add(t, &b, &set)->zone != ZONE_RESOLVER);
	sandboxes_remove(t, sandboxes_find(t, "box1")->slot);
	CHECK(!sandboxes_find_zone(t, zone) && sandboxes_add(t, &a, &set)->zone == zone);
	CHECK(sandboxes_add(later, &a, &set)->zone == zone);
	sandboxes_free(t);
	sandboxes_free(later);
}

/* Sixteen thousand sandboxes have sixteen thousand zones. */
static void test_many_zones(void)
{
	const struct image_settings set = {.stub_port = 1053, .local_stub_port = 1054};
	static bool seen[UINT16_MAX + 1];
	struct sandboxes *t;
	bool distinct = true;

	check_row("many zones");
	CHECK(sandboxes_new(&t) == 0);
	for (unsigned int i = 0; i < SANDBOX_MAX; i++) {
		struct sandbox s = {.policy = "ci", .kind = SANDBOX_INTERFACE, .n_selectors = 1};
		uint16_t zone;

		snprintf(s.name, sizeof(s.name), "box%u", i);
		zone = sandboxes_add(t, &s, &set)->zone;
		distinct &= zone != 0 && !seen[zone];
		seen[zone] = true;
	}
	CHECK(distinct);
	sandboxes_free(t);
}

int main(void)
{
	test_two_names_one_address();
	test_wheel();
	test_many();
	test_admission();
	test_withheld();
	test_quota();
	test_sandboxes();
	test_zones();
	test_many_zones();
	return check_report();
}
