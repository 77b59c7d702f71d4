/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Keys: an element that we added is one that nft(8) can delete by its text, so both make the same bytes
 * of it; and a pin that nft(8) added is one that we can read.
 */
#include "kernel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "keys.h"

static struct addr address(const char *text)
{
	struct addr a;

	CHECK(addr_parse(text, &a) == 0);
	return a;
}

struct nft_change pin_change(enum nft_op op, unsigned int n, uint64_t timeout_ms, const char *comment)
{
	struct sandbox s = sandbox_iface("veth-a");
	struct service https = { 6, 443, 443 };
	struct addr to = { ADDR_V4, { 198, 51, (uint8_t)(100 + (n >> 8)), (uint8_t)n } };
	struct nft_change c = { .op = (uint8_t)op, .timeout_ms = timeout_ms, .comment = comment };

	to.bytes[1] = (uint8_t)(51 + (n >> 16));
	CHECK(key_pin(&s, 0, &to, &https, &c.key) == 0);
	return c;
}

static void delete_by_text(struct bench *b, const struct nft_key *key, const char *set, const char *text, bool timeout)
{
	struct nft_change c = { .op = NFT_ADD, .key = *key, .timeout_ms = timeout ? 60000 : 0 };
	char row[256];

	snprintf(row, sizeof(row), "%s { %s }", set, text);
	kernel_row(row);
	CHECK(strcmp(key->set, set) == 0);
	CHECK(key_set_is_ours(set));
	CHECK(nft_commit(b->nft, &c, 1, NULL) == 0);
	CHECK(count_elements(b->nft, set) == 1);
	CHECK(shell("nft delete element inet postern %s '{ %s }'", set, text) == 0);
	CHECK(count_elements(b->nft, set) == 0);
}

static char cgroup_path[256];
static uint64_t cgroup_id;

/* nft(8) knows cgroups as paths below /sys/fs/cgroup, whatever is mounted where. */
static void find_cgroup(void)
{
	const char *root = "/sys/fs/cgroup/", *group = getenv("POSTERN_TEST_CGROUP");
	struct stat st;

	if (!group || strncmp(group, root, strlen(root)) || stat(group, &st))
		return;
	snprintf(cgroup_path, sizeof(cgroup_path), "%s", group + strlen(root));
	cgroup_id = st.st_ino;
}

static struct sandbox sandbox_of(enum key_kind kind, const char *selector)
{
	switch (kind) {
	case KEY_IFACE:
		return sandbox_iface(selector);
	case KEY_SOURCE:
	case KEY_PREFIX:
		return sandbox_source(selector);
	case KEY_CGROUP:
		return sandbox_cgroup(cgroup_id);
	case KEY_UID:
		return sandbox_uid((uint32_t)strtoul(selector, NULL, 10));
	case KEY_HOST:
	case KEY_KIND_COUNT:
		break;
	}
	return sandbox_host();
}

/* "SELECTOR . " as nft(8) wants it, or "". */
static const char *selector_text(enum key_kind kind, const char *selector)
{
	static char text[300];

	snprintf(text, sizeof(text), kind == KEY_IFACE || kind == KEY_CGROUP ? "\"%s\" . " : "%s . ",
		kind == KEY_CGROUP ? cgroup_path : selector);
	return kind == KEY_HOST ? "" : text;
}

static const struct {
	enum key_kind kind;
	const char *selector4, *selector6, *name;
} kinds[] = {
	{ KEY_IFACE, "veth-a7", "veth-a7", "iface" },
	{ KEY_IFACE, "fifteen-bytes-x", "fifteen-bytes-x", "iface" },
	{ KEY_SOURCE, "192.0.2.9", "2001:db8::9", "source" },
	{ KEY_PREFIX, "192.0.2.16/28", "2001:db8:1::/48", "prefix" },
	{ KEY_CGROUP, "", "", "cgroup" },
	{ KEY_UID, "1000", "1000", "uid" },
	{ KEY_UID, "66051", "66051", "uid" },
	{ KEY_HOST, "", "", "host" },
};

static void one_pin(struct bench *b, size_t k, const char *to_text)
{
	struct addr to = address(to_text);
	bool v6 = to.family == ADDR_V6;
	const char *selector = v6 ? kinds[k].selector6 : kinds[k].selector4;
	struct sandbox s = sandbox_of(kinds[k].kind, selector);
	struct service https = { 6, 443, 443 };
	char set[32], text[400];
	struct nft_key key;
	struct key_pin pin;

	snprintf(set, sizeof(set), "pin%d_%s", v6 ? 6 : 4, kinds[k].name);
	snprintf(text, sizeof(text), "%s%s . 6 . 443", selector_text(kinds[k].kind, selector), to_text);
	CHECK(key_pin(&s, 0, &to, &https, &key) == 0);
	delete_by_text(b, &key, set, text, true);
	CHECK(key_pin_decode(&key, &pin) == 0);
	CHECK(pin.kind == kinds[k].kind && pin.protocol == 6 && pin.port == 443 && addr_equal(&pin.to, &to));
	CHECK(memcmp(&pin.selector, &s.selectors[0], sizeof(pin.selector)) == 0);
}

struct rule_row {
	enum key_way way;
	const char *what, *peer;
	struct service service;
	const char *text; /* of peer and service */
};

/* Each has a range: nft 1.0.6 forgets to turn a uid round in a key that has none (packets.c tries such keys). */
static const struct rule_row rules[] = {
	{ KEY_EGRESS, "allow4", "198.51.100.0/24", { 17, 123, 123 }, "198.51.100.0/24 . 17 . 123" },
	{ KEY_EGRESS, "allow4", "198.51.100.7", { 6, 5910, 5920 }, "198.51.100.7 . 6 . 5910-5920" },
	{ KEY_EGRESS, "allow4", "0.0.0.0/0", { 17, 0, 65535 }, "0.0.0.0-255.255.255.255 . 17 . 0-65535" },
	{ KEY_EGRESS, "allow6", "2001:db8:7::/48", { 6, 443, 443 }, "2001:db8:7::/48 . 6 . 443" },
	{ KEY_EGRESS, "icmp4", "198.51.100.0/25", { 1, 8, 8 }, "198.51.100.0/25 . 8" },
	{ KEY_EGRESS, "icmp4", "198.51.100.0/25", { 1, 0, 65535 }, "198.51.100.0/25 . 0-255" },
	{ KEY_EGRESS, "icmp6", "2001:db8::/32", { 58, 128, 129 }, "2001:db8::/32 . 128-129" },
	{ KEY_EGRESS, "proto4", "198.51.100.0/31", { 47, 0, 65535 }, "198.51.100.0/31 . 47" },
	{ KEY_EGRESS, "proto6", "2001:db8::/32", { 0, 0, 65535 }, "2001:db8::/32 . 0-255" },
	{ KEY_INGRESS, "ingress4", "172.31.0.0/16", { 6, 22, 22 }, "172.31.0.0/16 . 6 . 22" },
	{ KEY_INGRESS, "ingress6", "2001:db8:7::/48", { 6, 22, 22 }, "2001:db8:7::/48 . 6 . 22" },
	{ KEY_INGRESS, "ingress_icmp4", "10.0.0.0/24", { 1, 8, 8 }, "10.0.0.0/24 . 8" },
	{ KEY_INGRESS, "ingress_icmp6", "2001:db8::/32", { 58, 128, 128 }, "2001:db8::/32 . 128" },
	{ KEY_INGRESS, "ingress_proto4", "10.0.0.0/24", { 50, 0, 65535 }, "10.0.0.0/24 . 50" },
	{ KEY_INGRESS, "ingress_proto6", "2001:db8::/32", { 50, 0, 65535 }, "2001:db8::/32 . 50" },
};

static void one_rule(struct bench *b, size_t k, const struct rule_row *r)
{
	struct prefix peer;
	bool local = kinds[k].kind == KEY_CGROUP || kinds[k].kind == KEY_UID;
	const char *selector;
	struct sandbox s;
	char set[64], text[400];
	struct nft_key key;
	int rc;

	CHECK(prefix_parse(r->peer, &peer) == 0);
	selector = peer.addr.family == ADDR_V6 ? kinds[k].selector6 : kinds[k].selector4;
	s = sandbox_of(kinds[k].kind, selector);
	snprintf(set, sizeof(set), "%s_%s", r->what, kinds[k].name);
	snprintf(text, sizeof(text), "%s%s", selector_text(kinds[k].kind, selector), r->text);
	rc = key_rule(r->way, &s, 0, &peer, &r->service, &key);
	if (local && strncmp(r->what, "ingress_", 8) == 0)
		CHECK(rc == -EOPNOTSUPP);
	else if (rc == 0)
		delete_by_text(b, &key, set, text, false);
	else
		CHECK(rc == 0);
}

static void one_sandbox(struct bench *b, size_t k, uint8_t family)
{
	const char *selector = family == ADDR_V6 ? kinds[k].selector6 : kinds[k].selector4;
	struct sandbox s = sandbox_of(kinds[k].kind, selector);
	bool by_family = kinds[k].kind == KEY_SOURCE || kinds[k].kind == KEY_PREFIX;
	const char *digit = !by_family ? "" : family == ADDR_V6 ? "6" : "4";
	char set[32], text[400];
	struct nft_key key, plain;
	struct nft_data data;
	struct key_pin who;

	snprintf(set, sizeof(set), "sandbox_%s%s", kinds[k].name, digit);
	snprintf(text, sizeof(text), "%s", selector_text(kinds[k].kind, selector));
	if (kinds[k].kind == KEY_HOST)
		snprintf(text, sizeof(text), family == ADDR_V6 ? "ipv6" : "ipv4");
	else
		text[strlen(text) - 3] = '\0';
	CHECK(key_sandbox(&s, 0, family, &key) == 0);
	delete_by_text(b, &key, set, text, false);
	CHECK(key_sandbox_decode(&key, &who) == 0);
	CHECK(who.kind == kinds[k].kind && memcmp(&who.selector, &s.selectors[0], sizeof(who.selector)) == 0);
	CHECK(who.family == (by_family || kinds[k].kind == KEY_HOST ? family : ADDR_NONE));
	plain = key;
	snprintf(set, sizeof(set), "dns_%s%s", kinds[k].name, digit);
	CHECK(key_dns(&s, 0, family, &key, &data) == 0 && strcmp(key.set, set) == 0);
	CHECK(key_whose(&s, 0, &key, &data) == (kinds[k].kind == KEY_CGROUP ? 0 : -EOPNOTSUPP));
	snprintf(set, sizeof(set), "zone_%s", kinds[k].name);
	if (by_family || kinds[k].kind == KEY_HOST) {
		CHECK(key_zone(&s, 0, &key, &data) == -EOPNOTSUPP);
	} else {
		s.zone = 4660;
		CHECK(key_zone(&s, 0, &key, &data) == 0);
		CHECK(strcmp(key.set, set) == 0 && key.len == plain.len && memcmp(key.key, plain.key, key.len) == 0);
	}
}

static void settings(struct bench *b)
{
	struct addr four = address("10.0.0.2"), six = address("2001:db8::2");
	struct nft_key key;
	struct nft_change zone = { .op = NFT_ADD };

	CHECK(key_open(KEY_OPEN_OUTPUT, ADDR_V4, &key) == 0);
	delete_by_text(b, &key, "open_output", "ipv4", false);
	CHECK(key_open(KEY_OPEN_INPUT, ADDR_V6, &key) == 0);
	delete_by_text(b, &key, "open_input", "ipv6", false);
	CHECK(key_open(KEY_OPEN_FORWARD, ADDR_V6, &key) == 0);
	delete_by_text(b, &key, "open_forward", "ipv6", false);
	CHECK(key_upstream(990, &four, 17, 53, &key) == 0);
	delete_by_text(b, &key, "upstream4", "990 . 10.0.0.2 . 17 . 53", false);
	CHECK(key_upstream(990, &six, 6, 53, &key) == 0);
	delete_by_text(b, &key, "upstream6", "990 . 2001:db8::2 . 6 . 53", false);
	CHECK(key_confined_group(77, &key) == 0);
	delete_by_text(b, &key, "confined_group", "77", false);
	CHECK(key_stub_port(5301, &key) == 0);
	delete_by_text(b, &key, "stub_port", "5301", false);
	CHECK(key_zone_resolver(990, 4660, &zone.key, &zone.data) == 0 && key_set_is_ours(zone.key.set));
	CHECK(nft_commit(b->nft, &zone, 1, NULL) == 0);
	CHECK(shell("nft delete element inet postern zone_resolver '{ 990 : 4660 }'") == 0);
	CHECK(count_elements(b->nft, "zone_resolver") == 0);
}

/* Every set that we name is in the ruleset, and every set of the ruleset is ours, a list of the file, or a meter. */
static void names(void)
{
	char *listing = strdup(shell_output("nft -t list table inet postern | sed -nE 's/^\t(set|map) ([a-z0-9_]+) .*/\\2/p'"));
	unsigned int known = 0, others = 0;
	const char *name;
	char *save = NULL;

	kernel_row("names");
	for (unsigned int g = 0; g < KEY_GROUP_COUNT; g++)
		for (unsigned int i = 0; (name = key_set((enum key_group)g, i)); i++, known++)
			CHECK(shell("nft list set inet postern %s >/dev/null 2>&1 || nft list map inet postern %s >/dev/null",
				name, name) == 0);
	for (char *set = strtok_r(listing, "\n", &save); set; set = strtok_r(NULL, "\n", &save))
		others += !key_set_is_ours(set);
	printf("%u sets are the gate's, %u are not\n", known, others);
	CHECK(known == 12 + 64 + 8 + 8 + 3 + 1 + 10);
	CHECK(others == 22); /* never 2, private 2, zoned, routed 2, icmp_error 2, neighbour 2, flood 6, flows 5 */
	free(listing);
}

/* What no function of keys.h makes is refused. */
static void refusals(void)
{
	struct sandbox source = sandbox_source("192.0.2.9"), group = sandbox_cgroup(0), long_name = sandbox_iface("x");
	struct service https = { 6, 443, 443 }, range = { 6, 1, 2 }, ping6 = { 58, 128, 128 }, gre = { 47, 0, 65535 };
	struct addr four = address("198.51.100.7"), six = address("2001:db8::7");
	struct prefix p = { four, 32 };
	struct nft_key key;
	struct key_pin pin;

	kernel_row("refusals");
	memset(long_name.selectors[0].ifname, 'x', SELECTOR_IFNAME_MAX);
	CHECK(key_pin(&source, 0, &six, &https, &key) == -EAFNOSUPPORT);
	CHECK(key_pin(&group, 0, &four, &https, &key) == -ENOENT);
	CHECK(key_pin(&long_name, 0, &four, &https, &key) == -EINVAL);
	CHECK(key_pin(&source, 1, &four, &https, &key) == -EINVAL);
	CHECK(key_pin(&source, 0, &four, &range, &key) == -EINVAL);
	CHECK(key_pin(&source, 0, &four, &gre, &key) == -EINVAL);
	CHECK(key_rule(KEY_EGRESS, &source, 0, &p, &ping6, &key) == -EAFNOSUPPORT);
	CHECK(key_pin(&source, 0, &four, &https, &key) == 0);
	key.len -= 4;
	CHECK(key_pin_decode(&key, &pin) == -EBADMSG);
	key.len += 8;
	CHECK(key_pin_decode(&key, &pin) == -EBADMSG);
	key.len -= 4;
	key.key[9] = 1; /* padding of the protocol */
	CHECK(key_pin_decode(&key, &pin) == -EBADMSG);
	key.set = "allow4_source";
	CHECK(key_pin_decode(&key, &pin) == -EBADMSG);
}

void test_keys(struct bench *b)
{
	find_cgroup();
	if (!cgroup_id)
		printf("no cgroup below /sys/fs/cgroup: keys of cgroups are not compared\n");
	for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
		if (kinds[k].kind == KEY_CGROUP && !cgroup_id)
			continue;
		one_pin(b, k, "203.0.113.7");
		one_pin(b, k, "2001:db8:113::7");
		for (size_t r = 0; r < ARRAY_LEN(rules); r++)
			one_rule(b, k, &rules[r]);
		one_sandbox(b, k, ADDR_V4);
		one_sandbox(b, k, ADDR_V6);
	}
	settings(b);
	names();
	refusals();
}
