/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Cookies with upstreams: the OPT record of an answer, byte by byte, and what is learnt from it. */
#include "check.h"

#include <stdlib.h>

#include "../../src/resolver/cookie_ask.h"

#define QUESTION "0161000001 0001 "
#define HEAD(answers, authority, additional) "1234 8180 0001 " answers " " authority " " additional " " QUESTION
#define A_RECORD "c00c 0001 0001 0000003c 0004 c0000201 "
#define NAMED "0162 0161 00 0001 0001 0000003c 0004 c0000201 "
#define OPT(rcode, size) "00 0029 04d0 " rcode "000000 " size " "
#define COOKIE "000a 0010 0102030405060708 1112131415161718 "

static const struct {
	const char *name, *hex;
	uint16_t rcode, cookie_len;
} opt_rows[] = {
	{"none", HEAD("0000", "0000", "0000"), 0, 0},
	{"without options", HEAD("0000", "0000", "0001") OPT("00", "0000"), 0, 0},
	{"a cookie", HEAD("0000", "0000", "0001") OPT("00", "0014") COOKIE, 0, 16},
	{"behind records", HEAD("0001", "0001", "0002") A_RECORD NAMED A_RECORD OPT("00", "0014") COOKIE, 0, 16},
	{"before records", HEAD("0001", "0000", "0002") A_RECORD OPT("00", "0014") COOKIE A_RECORD, 0, 16},
	{"behind another option", HEAD("0000", "0000", "0001") OPT("00", "001a") "000f 0002 0012 " COOKIE, 0, 16},
	{"of two the first", HEAD("0000", "0000", "0001") OPT("00", "0020") COOKIE "000a 0008 2122232425262728 ", 0, 16},
	{"BADCOOKIE", "1234 8187 0001 0000 0000 0001 " QUESTION OPT("01", "0014") COOKIE, 23, 16},
	{"RCODE without OPT", "1234 8183 0001 0000 0000 0000 " QUESTION, 3, 0},
	{"in the wrong section", HEAD("0001", "0000", "0000") OPT("01", "0014") COOKIE, 0, 0},
	{"the client's part alone", HEAD("0000", "0000", "0001") OPT("00", "000c") "000a 0008 0102030405060708 ", 0, 8},
	{"of no length", HEAD("0000", "0000", "0001") OPT("00", "0004") "000a 0000 ", 0, UINT16_MAX},
	{"too long", HEAD("0000", "0000", "0001") OPT("00", "002d") "000a 0029 0102030405060708 "
		"1111111111111111111111111111111111111111111111111111111111111111 22", 0, 41},
	{"an option cut short", HEAD("0000", "0000", "0001") OPT("00", "0013") COOKIE, 0, 0},
	{"a second option cut short", HEAD("0000", "0000", "0001") OPT("00", "0016") COOKIE "000a", 0, 0},
	{"options longer than the message", HEAD("0000", "0000", "0001") OPT("00", "0015") COOKIE, 0, 0},
	{"fewer records than counted", HEAD("0000", "0000", "ffff") A_RECORD, 0, 0},
	{"a record cut short", HEAD("0001", "0000", "0001") "c00c 0001 0001 0000003c 00ff c0000201 " OPT("01", "0014") COOKIE, 0, 0},
	{"a name that does not end", HEAD("0001", "0000", "0000") "3f61", 0, 0},
	{"pointers are not followed", HEAD("0001", "0000", "0001") "cfff 0001 0001 0000003c 0004 c0000201 " OPT("00", "0014") COOKIE, 0, 16},
};

static size_t unhex(const char *hex, uint8_t *out)
{
	unsigned int byte;
	size_t n = 0;
	int used;

	for (; sscanf(hex, " %2x%n", &byte, &used) == 1; hex += used)
		out[n++] = (uint8_t)byte;
	return n;
}

static void test_keepalive(void)
{
	static const struct {
		const char *name, *hex;
		bool said;
		uint32_t ms;
	} rows[] = {
		{"no keepalive", HEAD("0000", "0000", "0001") OPT("00", "0014") COOKIE, false, 0},
		{"a keepalive of 30 s", HEAD("0000", "0000", "0001") OPT("00", "0006") "000b 0002 012c ", true, 30000},
		{"of nothing", HEAD("0000", "0000", "0001") OPT("00", "0006") "000b 0002 0000 ", true, 0},
		{"the longest", HEAD("0000", "0000", "0001") OPT("00", "0006") "000b 0002 ffff ", true, 6553500},
		{"behind a cookie", HEAD("0000", "0000", "0001") OPT("00", "001a") COOKIE "000b 0002 000a ", true, 1000},
		{"of two the last", HEAD("0000", "0000", "0001") OPT("00", "000c") "000b 0002 000a 000b 0002 0014 ", true, 2000},
		{"without its time, as in a question", HEAD("0000", "0000", "0001") OPT("00", "0004") "000b 0000 ", false, 0},
		{"of three bytes", HEAD("0000", "0000", "0001") OPT("00", "0007") "000b 0003 000a00 ", false, 0},
		{"before an option cut short", HEAD("0000", "0000", "0001") OPT("00", "0008") "000b 0002 000a 000a ", false, 0},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint8_t wire[256];
		size_t len = unhex(rows[i].hex, wire);
		struct dns_answer_opt opt;

		check_row(rows[i].name);
		dns_answer_opt(wire, len, &opt);
		CHECK(opt.keepalive == rows[i].said && (!opt.keepalive || opt.keepalive_ms == rows[i].ms));
	}
}

static void test_opt(void)
{
	for (size_t i = 0; i < ARRAY_LEN(opt_rows); i++) {
		uint8_t wire[256];
		size_t len = unhex(opt_rows[i].hex, wire);
		struct dns_answer_opt opt;

		check_row(opt_rows[i].name);
		dns_answer_opt(wire, len, &opt);
		CHECK(opt.rcode == opt_rows[i].rcode && opt.cookie_len == opt_rows[i].cookie_len);
		if (opt.cookie_len == 16)
			CHECK(memcmp(opt.cookie, "\1\2\3\4\5\6\7\10\21\22\23\24\25\26\27\30", 16) == 0);
		for (size_t cut = DNS_HEADER_SIZE; cut < len; cut++) { /* in a block of its own: a byte too far is seen */
			uint8_t *part = malloc(cut);

			memcpy(part, wire, cut);
			dns_answer_opt(part, cut, &opt);
			free(part);
			CHECK(opt.cookie_len == 0 || opt_rows[i].cookie_len != 0);
		}
	}
}

static struct dns_answer_opt said(const uint8_t *client, size_t len)
{
	struct dns_answer_opt opt = {.cookie_len = (uint16_t)len};

	memcpy(opt.cookie, client, DNS_COOKIE_CLIENT);
	memset(opt.cookie + DNS_COOKIE_CLIENT, 's', sizeof(opt.cookie) - DNS_COOKIE_CLIENT);
	return opt;
}

/* Lengths of a cookie, its client's part ours or not; what they are worth to one who was not known, and one who was. */
static const struct {
	const char *name;
	uint16_t len;
	bool wrong, stream;
	enum cookie_verdict unknown, known;
	bool then_known; /* who was known */
} check_rows[] = {
	{"none", 0, false, false, COOKIE_GOOD, COOKIE_FORGED, true},
	{"none, over TCP", 0, false, true, COOKIE_GOOD, COOKIE_GOOD, false},
	{"sent back", 8, false, false, COOKIE_GOOD, COOKIE_FORGED, true},
	{"sent back, over TCP", 8, false, true, COOKIE_GOOD, COOKIE_GOOD, false},
	{"another's", 8, true, false, COOKIE_FORGED, COOKIE_FORGED, true},
	{"another's, whole", 16, true, false, COOKIE_FORGED, COOKIE_FORGED, true},
	{"another's, over TCP", 16, true, true, COOKIE_FORGED, COOKIE_FORGED, true},
	{"shorter than a client's", 7, false, false, COOKIE_FORGED, COOKIE_FORGED, true},
	{"the server's too short", 15, false, false, COOKIE_FORGED, COOKIE_FORGED, true},
	{"the shortest", 16, false, false, COOKIE_GOOD, COOKIE_GOOD, true},
	{"of RFC 9018", 24, false, false, COOKIE_GOOD, COOKIE_GOOD, true},
	{"the longest", 40, false, false, COOKIE_GOOD, COOKIE_GOOD, true},
	{"longer", 41, false, false, COOKIE_FORGED, COOKIE_FORGED, true},
	{"no length", UINT16_MAX, false, true, COOKIE_FORGED, COOKIE_FORGED, true},
};

static void test_check(void)
{
	for (size_t i = 0; i < ARRAY_LEN(check_rows); i++) {
		struct upstream_cookie fresh = {0}, known;
		struct dns_answer_opt opt;
		struct dns_ask a = {0};

		check_row(check_rows[i].name);
		upstream_cookie_draw(&fresh, 0x0807060504030201, 1000);
		upstream_cookie_put(&fresh, &a);
		CHECK(a.cookie_len == 8 && memcmp(a.cookie, "\1\2\3\4\5\6\7\10", 8) == 0);
		known = fresh;
		known.known = true;
		opt = said(check_rows[i].wrong ? (const uint8_t *)"12345678" : fresh.client, check_rows[i].len);
		CHECK(upstream_cookie_check(&fresh, &a, &opt, check_rows[i].stream) == check_rows[i].unknown);
		CHECK(upstream_cookie_check(&known, &a, &opt, check_rows[i].stream) == check_rows[i].known);
		CHECK(known.known == check_rows[i].then_known);
		CHECK(fresh.known == (check_rows[i].unknown == COOKIE_GOOD && check_rows[i].len > 8));
		CHECK(fresh.server_len == (fresh.known ? check_rows[i].len - 8 : 0));
	}
}

static void test_roll(void)
{
	struct upstream_cookie c = {0};
	struct dns_answer_opt opt;
	struct dns_ask before = {0}, after = {0};

	check_row("roll");
	CHECK(upstream_cookie_due(&c, 0));
	upstream_cookie_draw(&c, 1, 5);
	CHECK(!upstream_cookie_due(&c, 5 + COOKIE_ROLL_MS - 1) && upstream_cookie_due(&c, 5 + COOKIE_ROLL_MS));
	upstream_cookie_put(&c, &before);
	opt = said(c.client, 24);
	CHECK(upstream_cookie_check(&c, &before, &opt, false) == COOKIE_GOOD);
	upstream_cookie_put(&c, &before);
	CHECK(before.cookie_len == 24 && memcmp(before.cookie + 8, "ssssssssssssssss", 16) == 0);
	upstream_cookie_draw(&c, 2, 5 + COOKIE_ROLL_MS);
	upstream_cookie_put(&c, &after);
	CHECK(after.cookie_len == 8 && memcmp(after.cookie, before.cookie, 8) != 0 && c.known);
	check_row("an answer to a question from before is good, but its server's part is not kept");
	CHECK(upstream_cookie_check(&c, &before, &opt, false) == COOKIE_GOOD && c.server_len == 0);
	CHECK(upstream_cookie_check(&c, &after, &opt, false) == COOKIE_FORGED);
	check_row("a question without one");
	CHECK(upstream_cookie_check(&c, &(struct dns_ask){0}, &(struct dns_answer_opt){0}, false) == COOKIE_GOOD && c.known);
}

/* What is asked, read back by our own reader of queries. */
static void test_write(void)
{
	struct dns_ask a = {.id = 7, .qtype = DNS_TYPE_A, .edns = true, .name = {.len = 3, .wire = "\1a"}};
	struct dns_query q;
	uint8_t wire[DNS_ASK_MAX];

	check_row("write");
	for (unsigned int padded = 0; padded < 2; padded++)
		for (uint8_t len = 8; len <= DNS_COOKIE_MAX; len = (uint8_t)(len + (len == DNS_COOKIE_CLIENT ? 8 : 1))) {
			a.padded = padded;
			a.cookie_len = len;
			memset(a.cookie, len, sizeof(a.cookie));
			size_t n = dns_ask_write(&a, wire);
			CHECK(dns_query_parse(wire, n, &q) == 0 && q.cookie_len == len && memcmp(q.cookie, a.cookie, len) == 0);
			CHECK(!padded || n % DNS_PAD_BLOCK == 0);
		}
	memset(a.name.wire, 'x', sizeof(a.name.wire));
	a.name.len = DNS_NAME_MAX;
	for (unsigned int at = 0; at < 252; at += 63)
		a.name.wire[at] = 62;
	a.name.wire[252] = 1;
	a.name.wire[254] = 0;
	CHECK(dns_ask_write(&a, wire) <= DNS_ASK_MAX); /* the longest there is */
}

int main(void)
{
	test_opt();
	test_keepalive();
	test_check();
	test_roll();
	test_write();
	return check_report();
}
