/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Set keys byte by byte, as rules/postern.nft wants them, and what is refused when they are read back. (That nft(8) and the
 * kernel agree is tests/netns/test_kernel.py's.)
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include "check.h"
#include "keys.h"

static struct sandbox sandbox(enum sandbox_kind kind)
{
	struct sandbox s = { .kind = (uint8_t)kind, .n_selectors = kind != SANDBOX_HOST };
	struct selector *sel = &s.selectors[0];

	if (kind == SANDBOX_INTERFACE)
		snprintf(sel->ifname, sizeof(sel->ifname), "veth-a7");
	if (kind == SANDBOX_SOURCE)
		CHECK(prefix_parse("192.0.2.9", &sel->source) == 0);
	if (kind == SANDBOX_CGROUP)
		sel->cgroup_id = 0x0102030405060708;
	if (kind == SANDBOX_UID)
		sel->uid = 0x01020304;
	return s;
}

static const char *hex(const uint8_t *bytes, size_t len)
{
	static char text[2][2 * NFT_KEY_SIZE_MAX + 1];
	static unsigned int turn;
	char *t = text[turn++ % 2];

	for (size_t i = 0; i < len; i++)
		snprintf(t + 2 * i, 3, "%02x", bytes[i]);
	return t;
}

#define V4_HTTPS "cb007107" "06000000" "01bb0000"
#define V6_HTTPS "20010db8000000000000000000000007" "06000000" "01bb0000"

/* Little-endian machines: numbers of hash sets are in host order. */
static const struct {
	enum sandbox_kind kind;
	const char *to, *set, *key;
} pins[] = {
	{ SANDBOX_INTERFACE, "203.0.113.7", "pin4_iface", "766574682d6137000000000000000000" V4_HTTPS },
	{ SANDBOX_INTERFACE, "2001:db8::7", "pin6_iface", "766574682d6137000000000000000000" V6_HTTPS },
	{ SANDBOX_SOURCE, "203.0.113.7", "pin4_source", "c0000209" V4_HTTPS },
	{ SANDBOX_CGROUP, "203.0.113.7", "pin4_cgroup", "0807060504030201" V4_HTTPS },
	{ SANDBOX_UID, "2001:db8::7", "pin6_uid", "04030201" V6_HTTPS },
	{ SANDBOX_HOST, "203.0.113.7", "pin4_host", V4_HTTPS },
};

static void check_pins(void)
{
	const struct service https = { 6, 443, 443 };
	struct key_pin pin;
	struct nft_key key;
	struct addr to;

	for (size_t i = 0; i < ARRAY_LEN(pins); i++) {
		struct sandbox s = sandbox(pins[i].kind);

		check_row(pins[i].set);
		CHECK(addr_parse(pins[i].to, &to) == 0);
		CHECK(key_pin(&s, 0, &to, &https, &key) == 0);
		CHECK_STR(key.set, pins[i].set);
		CHECK_STR(hex(key.key, key.len), pins[i].key);
		CHECK(key.shape == NFT_POINT);
		CHECK(key_pin_decode(&key, &pin) == 0);
		CHECK(pin.port == 443 && pin.protocol == 6 && addr_equal(&pin.to, &to));
		CHECK(memcmp(&pin.selector, &s.selectors[0], sizeof(pin.selector)) == 0);
	}
}

static const struct {
	enum sandbox_kind kind;
	enum key_way way;
	const char *peer;
	struct service service;
	const char *set, *first, *last;
} rules[] = {
	{ SANDBOX_SOURCE, KEY_EGRESS, "10.0.0.0/8", { 17, 123, 123 }, "allow4_source", "c00002090a00000011000000007b0000",
		"c00002090affffff11000000007b0000" },
	{ SANDBOX_UID, KEY_EGRESS, "0.0.0.0/0", { 6, 1, 65535 }, "allow4_uid", "01020304000000000600000000010000",
		"01020304ffffffff06000000ffff0000" },
	{ SANDBOX_CGROUP, KEY_EGRESS, "10.0.0.1", { 1, 8, 8 }, "icmp4_cgroup", "01020304050607080a00000108000000",
		"01020304050607080a00000108000000" },
	{ SANDBOX_HOST, KEY_EGRESS, "2001:db8::/33", { 0, 0, 65535 }, "proto6_host",
		"20010db800000000000000000000000000000000", "20010db87fffffffffffffffffffffffff000000" },
	{ SANDBOX_HOST, KEY_INGRESS, "10.0.0.0/24", { 6, 22, 22 }, "ingress4_host", "0a0000000600000000160000",
		"0a0000ff0600000000160000" },
	{ SANDBOX_UID, KEY_INGRESS, "10.0.0.0/24", { 6, 22, 22 }, "ingress4_uid", "010203040a0000000600000000160000",
		"010203040a0000ff0600000000160000" },
};

static void check_rules(void)
{
	struct prefix peer;
	struct nft_key key;

	for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
		struct sandbox s = sandbox(rules[i].kind);

		check_row(rules[i].set);
		CHECK(prefix_parse(rules[i].peer, &peer) == 0);
		CHECK(key_rule(rules[i].way, &s, 0, &peer, &rules[i].service, &key) == 0);
		CHECK_STR(key.set, rules[i].set);
		CHECK_STR(hex(key.key, key.len), rules[i].first);
		CHECK_STR(hex(key.key_end, key.len), rules[i].last);
		CHECK(key.shape == NFT_CONCAT_RANGE);
	}
}

/* Settings with an interval: where pins of private addresses count. */
static void check_private_answers(void)
{
	static const struct {
		const char *prefix, *set, *first, *last;
	} rows[] = {
		{ "10.0.0.0/24", "private_answer4", "0a000000", "0a0000ff" },
		{ "10.0.0.9", "private_answer4", "0a000009", "0a000009" },
		{ "fc00::/7", "private_answer6", "fc000000000000000000000000000000", "fdffffffffffffffffffffffffffffff" },
	};
	struct prefix p;
	struct nft_key key;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		check_row(rows[i].prefix);
		CHECK(prefix_parse(rows[i].prefix, &p) == 0 && key_private_answer(&p, &key) == 0);
		CHECK_STR(key.set, rows[i].set);
		CHECK_STR(hex(key.key, key.len), rows[i].first);
		CHECK_STR(hex(key.key_end, key.len), rows[i].last);
		CHECK(key.shape == NFT_RANGE && key_set_is_ours(key.set));
	}
}

/* One byte changed: refused, or it is a pin that says something else. */
static void check_changed_bytes(void)
{
	const struct service https = { 6, 443, 443 };
	struct sandbox s = sandbox(SANDBOX_INTERFACE);
	struct addr to = { ADDR_V4, { 203, 0, 113, 7 } };
	struct nft_key good, bad;
	unsigned int refused = 0;
	struct key_pin pin;

	check_row("changed bytes");
	CHECK(key_pin(&s, 0, &to, &https, &good) == 0);
	for (size_t i = 0; i < good.len; i++) {
		bad = good;
		bad.key[i] ^= 0xff;
		if (key_pin_decode(&bad, &pin) == -EBADMSG)
			refused++;
		else
			CHECK(memcmp(&pin.selector, &s.selectors[0], sizeof(pin.selector)) != 0 ||
				!addr_equal(&pin.to, &to) || pin.port != 443 || pin.protocol != 6);
	}
	CHECK(refused == 8 + 3 + 2); /* more than one byte behind the interface's name; padding */
	for (uint8_t len = 0; len <= NFT_KEY_SIZE_MAX + 1; len++) {
		bad = good;
		bad.len = len;
		CHECK((key_pin_decode(&bad, &pin) == 0) == (len == good.len));
	}
	bad = good;
	bad.shape = NFT_CONCAT_RANGE;
	bad.key_end[16] = 255; /* an address range */
	CHECK(key_pin_decode(&bad, &pin) == -EBADMSG);
	bad.set = "pin4_nobody";
	CHECK(key_pin_decode(&bad, &pin) == -EBADMSG && key_sandbox_decode(&bad, &pin) == -EBADMSG);
}

static void check_ranges(void)
{
	static const struct {
		uint8_t first, last;
		int len; /* of the prefix, or -1 */
	} ranges[] = { { 0, 255, 24 }, { 0, 127, 25 }, { 128, 255, 25 }, { 16, 31, 28 }, { 7, 7, 32 }, { 0, 254, -1 },
		{ 1, 2, -1 }, { 8, 7, -1 }, { 255, 0, -1 } };
	struct nft_key key = { .set = "sandbox_prefix4", .shape = NFT_RANGE, .len = 4, .key = { 192, 0, 2 },
		.key_end = { 192, 0, 2 } };
	struct key_pin who;

	check_row("ranges");
	for (size_t i = 0; i < ARRAY_LEN(ranges); i++) {
		key.key[3] = ranges[i].first;
		key.key_end[3] = ranges[i].last;
		if (ranges[i].len < 0)
			CHECK(key_sandbox_decode(&key, &who) == -EBADMSG);
		else
			CHECK(key_sandbox_decode(&key, &who) == 0 && who.selector.source.len == ranges[i].len);
	}
}

int main(void)
{
	check_pins();
	check_rules();
	check_private_answers();
	check_changed_bytes();
	check_ranges();
	return check_report();
}
