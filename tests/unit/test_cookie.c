/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Server cookies: the examples of RFC 9018 appendix A, what makes one good, and what a query gets back. */
#include "check.h"

#include "../../src/resolver/state.h"

#define A_SECRET {0x3fa4b2a6e573e9e5u, 0xcfbf379e84dce748u} /* e5e973e5a6b2a43f 48e7dc849e37bfcf */
#define A4_OLD {0xb178b64493df3bddu, 0x15a7fc60cbf5a685u}   /* dd3bdf9344b678b1 85a6f5cb60fca715 */
#define A4_NEW {0x983251d2bc365544u, 0x62c96396375d5a07u}   /* 445536bcd2513298 075a5d379663c962 */

static const struct {
	const char *name;
	struct hash_key key;
	const char *client;
	uint32_t now_s;
	const char *cookie;
} made_rows[] = {
	{"A.1", A_SECRET, "198.51.100.100", 1559731985, "2464c4abcf10c957010000005cf79f111f8130c3eee29480"},
	{"A.2", A_SECRET, "198.51.100.100", 1559734385, "2464c4abcf10c957010000005cf7a871d4a564a1442aca77"},
	{"A.3", A_SECRET, "203.0.113.203", 1559734700, "fc93fc62807ddb86010000005cf7a9acf73a7810aca2381e"},
	{"A.4", A4_NEW, "2001:db8:220:1:59de:d0f4:8769:82b8", 1559741961, "22681ab97d52c298010000005cf7c609a6bb79d16625507a"},
};

static const struct {
	const char *name;
	struct hash_key key;
	const char *client;
	uint32_t now_s;
	const char *cookie;
	bool good;
} good_rows[] = {
	{"A.3's, reserved bytes set", A_SECRET, "203.0.113.203", 1559727985, "fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5", true},
	{"A.4's with its key", A4_OLD, "2001:db8:220:1:59de:d0f4:8769:82b8", 1559741817,
		"22681ab97d52c298010000005cf7c57926556bd0934c72f8", true},
	{"A.4's with the next key", A4_NEW, "2001:db8:220:1:59de:d0f4:8769:82b8", 1559741817,
		"22681ab97d52c298010000005cf7c57926556bd0934c72f8", false},
	{"half an hour old", A_SECRET, "198.51.100.100", 1559731985 + 1800, "2464c4abcf10c957010000005cf79f111f8130c3eee29480", true},
	{"older", A_SECRET, "198.51.100.100", 1559731985 + 1801, "2464c4abcf10c957010000005cf79f111f8130c3eee29480", false},
	{"five minutes ahead", A_SECRET, "198.51.100.100", 1559731985 - 300, "2464c4abcf10c957010000005cf79f111f8130c3eee29480", true},
	{"further ahead", A_SECRET, "198.51.100.100", 1559731985 - 301, "2464c4abcf10c957010000005cf79f111f8130c3eee29480", false},
	{"of another address", A_SECRET, "198.51.100.101", 1559731985, "2464c4abcf10c957010000005cf79f111f8130c3eee29480", false},
	{"of another client cookie", A_SECRET, "198.51.100.100", 1559731985, "2464c4abcf10c958010000005cf79f111f8130c3eee29480", false},
	{"another version", A_SECRET, "198.51.100.100", 1559731985, "2464c4abcf10c957020000005cf79f111f8130c3eee29480", false},
	{"another hash", A_SECRET, "198.51.100.100", 1559731985, "2464c4abcf10c957010000005cf79f111f8130c3eee29481", false},
};

static void unhex(const char *hex, uint8_t *out)
{
	unsigned int byte;

	for (; sscanf(hex, "%2x", &byte) == 1; hex += 2)
		*out++ = (uint8_t)byte;
}

static struct addr addr_of(const char *text)
{
	struct addr a = {0};

	CHECK(addr_parse(text, &a) == 0);
	return a;
}

static void test_rows(void)
{
	uint8_t want[COOKIE_SIZE], got[COOKIE_SIZE];
	struct addr client;

	for (size_t i = 0; i < ARRAY_LEN(made_rows); i++) {
		check_row(made_rows[i].name);
		client = addr_of(made_rows[i].client);
		unhex(made_rows[i].cookie, want);
		memcpy(got, want, DNS_COOKIE_CLIENT);
		memset(got + DNS_COOKIE_CLIENT, 0xee, COOKIE_SIZE - DNS_COOKIE_CLIENT);
		cookie_make(&made_rows[i].key, &client, made_rows[i].now_s, got);
		CHECK(memcmp(got, want, COOKIE_SIZE) == 0);
	}
	for (size_t i = 0; i < ARRAY_LEN(good_rows); i++) {
		check_row(good_rows[i].name);
		client = addr_of(good_rows[i].client);
		unhex(good_rows[i].cookie, want);
		CHECK(cookie_good(&good_rows[i].key, &client, good_rows[i].now_s, want) == good_rows[i].good);
	}
	check_row("");
}

static uint32_t next_random(void *ctx)
{
	return ++*(uint32_t *)ctx;
}

/* What stands in the query as its cookie, of @len bytes. */
static void ask(struct resolver *r, const struct client *c, uint8_t len)
{
	r->query.cookie_len = len;
	cookie_answer(r, c);
}

static void test_answer(void)
{
	static const struct resolver_ports ports = {.random = next_random};
	static struct resolver r;
	struct client c = {.peer = addr_of("192.0.2.2")};
	uint8_t first[COOKIE_SIZE];
	uint32_t seed = 7;

	r.ports = &ports;
	r.ctx = &seed;
	r.wall_ms = 1559731985000;
	ask(&r, &c, 0);
	CHECK(r.query.cookie_len == 0 && seed == 7);
	memset(r.query.cookie, 0x11, sizeof(r.query.cookie));
	for (uint8_t len = 8; len <= DNS_COOKIE_MAX; len = (uint8_t)(len == 8 ? 16 : len + 1)) {
		ask(&r, &c, len); /* the client's part alone, or with what is none of ours */
		CHECK(r.query.cookie_len == COOKIE_SIZE && r.query.cookie[7] == 0x11 && r.query.cookie[8] == 1);
		memcpy(first, r.query.cookie, sizeof(first));
	}
	r.wall_ms += 1000;
	ask(&r, &c, COOKIE_SIZE);
	CHECK(memcmp(first, r.query.cookie, sizeof(first)) == 0); /* it is repeated */
	c.peer = addr_of("192.0.2.3");
	ask(&r, &c, COOKIE_SIZE);
	CHECK(memcmp(first, r.query.cookie, sizeof(first)) != 0); /* but not to another */
	c.peer = addr_of("192.0.2.2");
	memcpy(r.query.cookie, first, sizeof(first));
	r.now_ms += 24 * 3600 * 1000;
	ask(&r, &c, COOKIE_SIZE);
	CHECK(memcmp(first, r.query.cookie, sizeof(first)) != 0); /* a day later the key is another */
}

int main(void)
{
	test_rows();
	test_answer();
	return check_report();
}
