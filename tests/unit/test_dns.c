/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Queries, replies, answers and their chains: one row a rule. */
#include "check.h"

#include <stdlib.h>

#include "postern/answer.h"

/* Hex digits, blanks ignored. */
static size_t unhex(const char *text, uint8_t *out)
{
	size_t n = 0;
	unsigned int v;

	for (; *text; text++)
		if (*text != ' ' && sscanf(text++, "%2x", &v) == 1)
			out[n++] = (uint8_t)v;
	return n;
}

#define Q " 03777777 076578616d706c65 00 " /* www.example */
#define QQ Q "0001 0001"
#define EIGHT " 0102030405060708 "
#define OPT "00 0029 1000 00 00 0000 0000"

static const struct {
	const char *name, *hex;
	int rcode;
	int edns;
} query_rows[] = {
	{"good", "1234 0100 0001 0000 0000 0000" QQ, 0, 0},
	{"good without RD", "1234 0000 0001 0000 0000 0000" QQ, 0, 0},
	{"good with AD and CD", "1234 0130 0001 0000 0000 0000" QQ, 0, 0},
	{"good with OPT", "1234 0100 0001 0000 0000 0001" QQ OPT, 0, 1},
	{"OPT with options", "1234 0100 0001 0000 0000 0001" QQ "00 0029 1000 00 00 8000 000c 000a 0008 0102030405060708", 0, 1},
	{"COOKIE with a server's", "1234 0100 0001 0000 0000 0001" QQ "00 0029 1000 00 00 0000 0014 000a 0010 " EIGHT EIGHT, 0, 1},
	{"the longest COOKIE", "1234 0100 0001 0000 0000 0001" QQ "00 0029 1000 00 00 0000 002c 000a 0028" EIGHT EIGHT EIGHT EIGHT EIGHT, 0, 1},
	{"a second COOKIE has no effect", "1234 0100 0001 0000 0000 0001" QQ "00 0029 1000 00 00 0000 0011 000a 0008" EIGHT "000a 0001 00", 0, 1},
	{"COOKIE of 0", "1234 0100 0001 0000 0000 0001" QQ "00 0029 1000 00 00 0000 0004 000a 0000", DNS_FORMERR, 0},
	{"COOKIE of 7", "1234 0100 0001 0000 0000 0001" QQ "00 0029 1000 00 00 0000 000b 000a 0007 01020304050607", DNS_FORMERR, 0},
	{"COOKIE of 9", "1234 0100 0001 0000 0000 0001" QQ "00 0029 1000 00 00 0000 000d 000a 0009" EIGHT "09", DNS_FORMERR, 0},
	{"COOKIE of 15", "1234 0100 0001 0000 0000 0001" QQ "00 0029 1000 00 00 0000 0013 000a 000f" EIGHT "01020304050607", DNS_FORMERR, 0},
	{"COOKIE of 41", "1234 0100 0001 0000 0000 0001" QQ "00 0029 1000 00 00 0000 002d 000a 0029" EIGHT EIGHT EIGHT EIGHT EIGHT "09",
		DNS_FORMERR, 0},
	{"COOKIE over the end", "1234 0100 0001 0000 0000 0001" QQ "00 0029 1000 00 00 0000 000c 000a 0010" EIGHT EIGHT, DNS_FORMERR, 0},
	{"root", "1234 0100 0001 0000 0000 0000 00 0002 0001", 0, 0},
	{"class CHAOS is a matter of policy", "1234 0100 0001 0000 0000 0000" Q "0010 0003", 0, 0},
	{"empty", "", -1, 0},
	{"eleven bytes", "1234 0100 0001 0000 0000 00", -1, 0},
	{"a response", "1234 8100 0001 0000 0000 0000" QQ, -1, 0},
	{"a response with opcode", "1234 a900 0001 0000 0000 0000" QQ, -1, 0},
	{"opcode IQUERY", "1234 0900 0001 0000 0000 0000" QQ, DNS_NOTIMP, 0},
	{"opcode STATUS", "1234 1100 0001 0000 0000 0000" QQ, DNS_NOTIMP, 0},
	{"opcode NOTIFY", "1234 2100 0001 0000 0000 0000" QQ, DNS_NOTIMP, 0},
	{"opcode UPDATE", "1234 2900 0001 0000 0000 0000" QQ, DNS_NOTIMP, 0},
	{"opcode DSO", "1234 3100 0001 0000 0000 0000" QQ, DNS_NOTIMP, 0},
	{"AA", "1234 0500 0001 0000 0000 0000" QQ, DNS_FORMERR, 0},
	{"TC", "1234 0300 0001 0000 0000 0000" QQ, DNS_FORMERR, 0},
	{"Z", "1234 0140 0001 0000 0000 0000" QQ, DNS_FORMERR, 0},
	{"RCODE", "1234 0103 0001 0000 0000 0000" QQ, DNS_FORMERR, 0},
	{"no question", "1234 0100 0000 0000 0000 0000", DNS_FORMERR, 0},
	{"no question counted, one there", "1234 0100 0000 0000 0000 0000" QQ, DNS_FORMERR, 0},
	{"two questions", "1234 0100 0002 0000 0000 0000" QQ QQ, DNS_FORMERR, 0},
	{"two questions counted", "1234 0100 0002 0000 0000 0000" QQ, DNS_FORMERR, 0},
	{"an answer", "1234 0100 0001 0001 0000 0000" QQ "00 0001 0001 00000000 0004 01020304", DNS_FORMERR, 0},
	{"authority", "1234 0100 0001 0000 0001 0000" QQ "00 0001 0001 00000000 0004 01020304", DNS_FORMERR, 0},
	{"two additional", "1234 0100 0001 0000 0000 0002" QQ OPT OPT, DNS_FORMERR, 0},
	{"additional that is no OPT", "1234 0100 0001 0000 0000 0001" QQ "00 0001 0001 00000000 0004 01020304", DNS_FORMERR, 0},
	{"TSIG", "1234 0100 0001 0000 0000 0001" QQ "00 00fa 00ff 00000000 0000", DNS_FORMERR, 0},
	{"OPT counted, absent", "1234 0100 0001 0000 0000 0001" QQ, DNS_FORMERR, 0},
	{"OPT not counted", "1234 0100 0001 0000 0000 0000" QQ OPT, DNS_FORMERR, 0},
	{"OPT with an owner", "1234 0100 0001 0000 0000 0001" QQ "0161" OPT, DNS_FORMERR, 0},
	{"OPT cut", "1234 0100 0001 0000 0000 0001" QQ "00 0029 1000 00 00 0000 00", DNS_FORMERR, 0},
	{"OPT version 1", "1234 0100 0001 0000 0000 0001" QQ "00 0029 1000 00 01 0000 0000", DNS_BADVERS, 1},
	{"OPT with extended rcode", "1234 0100 0001 0000 0000 0001" QQ "00 0029 1000 01 00 0000 0000", DNS_FORMERR, 0},
	{"option over the end", "1234 0100 0001 0000 0000 0001" QQ "00 0029 1000 00 00 0000 0005 000a 0002 01", DNS_FORMERR, 0},
	{"options shorter than said", "1234 0100 0001 0000 0000 0001" QQ "00 0029 1000 00 00 0000 0006 000a 0001 01", DNS_FORMERR, 0},
	{"half an option", "1234 0100 0001 0000 0000 0001" QQ "00 0029 1000 00 00 0000 0002 000a", DNS_FORMERR, 0},
	{"byte behind", "1234 0100 0001 0000 0000 0000" QQ "00", DNS_FORMERR, 0},
	{"byte behind OPT", "1234 0100 0001 0000 0000 0001" QQ OPT "00", DNS_FORMERR, 1},
	{"question cut", "1234 0100 0001 0000 0000 0000" Q "0001 00", DNS_FORMERR, 0},
	{"name cut", "1234 0100 0001 0000 0000 0000 03 7777", DNS_FORMERR, 0},
	{"compressed name", "1234 0100 0001 0000 0000 0000 0177 c00c 0001 0001", DNS_FORMERR, 0},
	{"pointer to itself", "1234 0100 0001 0000 0000 0000 c00c 0001 0001", DNS_FORMERR, 0},
	{"label of 64", "1234 0100 0001 0000 0000 0000 40 00 0001 0001", DNS_FORMERR, 0},
	{"extended label", "1234 0100 0001 0000 0000 0000 41 00 0001 0001", DNS_FORMERR, 0},
	{"type 0", "1234 0100 0001 0000 0000 0000" Q "0000 0001", DNS_FORMERR, 0},
	{"type OPT", "1234 0100 0001 0000 0000 0000" Q "0029 0001", DNS_FORMERR, 0},
};

static void test_query(void)
{
	struct dns_query q;
	uint8_t wire[600];

	for (size_t i = 0; i < ARRAY_LEN(query_rows); i++) {
		size_t len = unhex(query_rows[i].hex, wire);
		int rcode = dns_query_parse(wire, len, &q);

		check_row(query_rows[i].name);
		CHECK(rcode < 0 ? query_rows[i].rcode < 0 : rcode == query_rows[i].rcode);
		CHECK(rcode < 0 || q.id == 0x1234);
		CHECK(rcode < 0 || q.edns == query_rows[i].edns);
		CHECK((rcode == 0) == (q.name.len != 0));
	}
	check_row("");
}

/* A name of 255 bytes is good, one of 256 is not. */
static void test_long_names(void)
{
	uint8_t wire[400] = {0x12, 0x34, 1, 0, 0, 1};
	struct dns_query q;
	size_t len;

	for (unsigned int last = 61; last <= 62; last++) {
		len = DNS_HEADER_SIZE;
		for (unsigned int l = 0; l < 4; l++) {
			unsigned int n = l == 3 ? last : 63;

			wire[len++] = (uint8_t)n;
			memset(wire + len, 'a', n);
			len += n;
		}
		memcpy(wire + len, "\0\0\1\0\1", 5);
		CHECK(dns_query_parse(wire, len + 5, &q) == (last == 61 ? 0 : DNS_FORMERR));
	}
}

static struct dns_name name_of(const char *text)
{
	struct dns_name n;

	if (dns_name_from_text(text, &n) < 0)
		abort();
	return n;
}

static void test_reply(void)
{
	struct dns_query q = {.id = 0xabcd, .flags = DNS_RD, .qtype = DNS_TYPE_A, .qclass = 1, .name = name_of("wWw.example")};
	struct dns_name lower = name_of("www.example");
	const uint8_t address[4] = {192, 0, 2, 1};
	struct dns_reply r;
	uint8_t built[600], out[600];
	struct dns_finish f = {.reply = built, .limit = DNS_PLAIN_MAX,
		.ede = {.present = true, .code = DNS_EDE_BLOCKED, .text = "no-rule"}};

	dns_reply_init(&r, built, sizeof(built), &lower, DNS_TYPE_A);
	dns_reply_answer(&r, &(struct dns_rr){.owner_at = DNS_QUESTION_AT, .type = DNS_TYPE_A, .ttl_s = 60,
		.rdata = address, .rdata_len = 4});
	f.len = dns_reply_close(&r);
	CHECK(f.len == 12 + 17 + 16);
	CHECK(dns_reply_finish(&f, &q, out) == f.len); /* no EDNS: no OPT, no EDE */
	CHECK(out[0] == 0xab && out[2] == 0x81 && out[3] == 0x80 && out[7] == 1 && out[11] == 0);
	CHECK(memcmp(out + 12, q.name.wire, q.name.len) == 0);
	q.edns = true;
	CHECK(dns_reply_finish(&f, &q, out) == f.len + DNS_OPT_SIZE + 6 + 7);
	CHECK(out[11] == 1 && memcmp(out + f.len + DNS_OPT_SIZE, "\0\17\0\11\0\17no-rule", 13) == 0);
	f.limit = f.len + DNS_OPT_SIZE + 6;
	CHECK(dns_reply_finish(&f, &q, out) == f.limit && out[7] == 1); /* the text goes first */
	CHECK(memcmp(out + f.len + DNS_OPT_SIZE, "\0\17\0\2\0\17", 6) == 0);
	f.limit--;
	CHECK(dns_reply_finish(&f, &q, out) == 12 + 17 + DNS_OPT_SIZE + 6 + 7); /* then the records, with TC: room for both */
	CHECK(out[2] == 0x83 && out[7] == 0);
	q.cookie_len = 24;
	memset(q.cookie, 0xc0, sizeof(q.cookie));
	f.limit = DNS_PLAIN_MAX;
	CHECK(dns_reply_finish(&f, &q, out) == f.len + DNS_OPT_SIZE + 6 + 7 + 28);
	CHECK(out[f.len + 9] == 0 && out[f.len + 10] == 13 + 28);
	CHECK(memcmp(out + f.len + DNS_OPT_SIZE + 13, "\0\12\0\30", 4) == 0 && out[f.len + DNS_OPT_SIZE + 13 + 27] == 0xc0);
	f.limit = f.len + DNS_OPT_SIZE + 6 + 7 + 27;
	CHECK(dns_reply_finish(&f, &q, out) == f.limit - 6 && out[7] == 1); /* the text goes before the cookie */
	q.cookie_len = 0;
	dns_reply_init(&r, built, 40, &lower, DNS_TYPE_A);
	dns_reply_answer(&r, &(struct dns_rr){.owner = &lower, .type = DNS_TYPE_A, .rdata = address, .rdata_len = 4});
	CHECK(dns_reply_close(&r) == 0);
	q.name.len = 0;
	q.flags = 0x2900;
	CHECK(dns_reply_error(&q, DNS_NOTIMP, (struct dns_ede){0}, out) == 12 + DNS_OPT_SIZE && out[2] == 0xa9);
	CHECK(dns_reply_error(&q, DNS_BADVERS, (struct dns_ede){0}, out) == 12 + DNS_OPT_SIZE && out[17] == 1);
}

/* What a client is told of AD, CD and DO: RFC 6840 5.7, RFC 4035 3.2.2, RFC 3225 3. */
static const struct {
	const char *name;
	uint16_t flags; /* of the query */
	bool edns, dnssec_ok, authentic, cut;
	uint16_t want; /* of AD, CD, TC */
	bool want_do;
} flag_rows[] = {
	{"nothing asked, nothing known", DNS_RD, false, false, false, false, 0, false},
	{"AD is told to nobody who did not ask", DNS_RD, true, false, true, false, 0, false},
	{"asked by AD", DNS_RD | DNS_AD, false, false, true, false, DNS_AD, false},
	{"asked by AD, not authentic", DNS_RD | DNS_AD, false, false, false, false, 0, false},
	{"asked by DO", DNS_RD, true, true, true, false, DNS_AD, true},
	{"DO is repeated", DNS_RD, true, true, false, false, 0, true},
	{"CD is repeated", DNS_RD | DNS_CD, false, false, false, false, DNS_CD, false},
	{"CD takes no AD away", DNS_RD | DNS_CD | DNS_AD, true, true, true, false, DNS_AD | DNS_CD, true},
	{"nothing of a cut answer is authentic", DNS_RD | DNS_AD, true, true, true, true, DNS_TC, true},
};

static void test_flags(void)
{
	const uint8_t address[4] = {192, 0, 2, 1};
	uint8_t built[600], out[600];

	for (size_t i = 0; i < ARRAY_LEN(flag_rows); i++) {
		struct dns_query q = {.flags = flag_rows[i].flags, .edns = flag_rows[i].edns,
			.dnssec_ok = flag_rows[i].dnssec_ok, .name = name_of("a.example")};
		struct dns_finish f = {.reply = built, .limit = flag_rows[i].cut ? 40 : DNS_PLAIN_MAX};
		struct dns_reply r;

		check_row(flag_rows[i].name);
		dns_reply_init(&r, built, sizeof(built), &q.name, DNS_TYPE_A);
		dns_reply_answer(&r, &(struct dns_rr){.owner_at = DNS_QUESTION_AT, .type = DNS_TYPE_A, .ttl_s = 60,
			.rdata = address, .rdata_len = 4});
		r.authentic = flag_rows[i].authentic;
		f.len = dns_reply_close(&r);
		size_t len = dns_reply_finish(&f, &q, out);

		CHECK(((out[2] << 8 | out[3]) & (DNS_AD | DNS_CD | DNS_TC)) == flag_rows[i].want);
		CHECK(!q.edns || (out[len - DNS_OPT_SIZE + 7] == (flag_rows[i].want_do ? 0x80 : 0)));
	}
	check_row("");
}

static void test_ask_flags(void)
{
	for (unsigned int i = 0; i < 8; i++) {
		struct dns_ask a = {.qtype = DNS_TYPE_A, .edns = true, .dnssec_ok = i & 1, .ask_authentic = i & 2,
			.checking_disabled = i & 4, .name = name_of("a.example")};
		uint8_t wire[DNS_ASK_MAX];
		struct dns_query q;

		CHECK(dns_query_parse(wire, dns_ask_write(&a, wire), &q) == 0 && q.dnssec_ok == (i & 1));
		CHECK(q.flags == (DNS_RD | (i & 2 ? DNS_AD : 0) | (i & 4 ? DNS_CD : 0)));
	}
}

static void test_limits(void)
{
	static const struct {
		bool edns, stream;
		uint16_t size;
		size_t limit;
	} rows[] = {
		{false, false, 4096, 512}, {true, false, 0, 512}, {true, false, 511, 512}, {true, false, 513, 513},
		{true, false, 1232, 1232}, {true, false, 4096, 1232}, {true, false, 65535, 1232}, {false, true, 0, 65535},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct dns_query q = {.edns = rows[i].edns, .udp_size = rows[i].size};

		CHECK(dns_query_limit(&q, rows[i].stream) == rows[i].limit);
	}
}

static void test_ask(void)
{
	struct dns_ask a = {.id = 0x4242, .qtype = DNS_TYPE_AAAA, .edns = true, .name = name_of("eXaMple.COM")};
	uint8_t wire[DNS_ASK_MAX];
	size_t len = dns_ask_write(&a, wire);
	struct dns_query q;

	a.padded = true; /* to a whole number of blocks, whatever the name */
	for (unsigned int n = 1; n <= 60; n++) {
		struct dns_ask b = a;
		char text[2 * 60 + 9];

		memset(text, 'x', n);
		memcpy(text + n, ".example", 9);
		b.name = name_of(text);
		len = dns_ask_write(&b, wire);
		CHECK(len % DNS_PAD_BLOCK == 0 && dns_query_parse(wire, len, &q) == 0 && q.edns && dns_name_equal(&q.name, &b.name));
	}
	a.padded = false;
	len = dns_ask_write(&a, wire);
	CHECK(dns_query_parse(wire, len, &q) == 0 && q.edns && q.udp_size == 1232 && q.qtype == DNS_TYPE_AAAA);
	CHECK(dns_ask_check(&a, wire, len) == DNS_CHECK_WRONG); /* our own question, sent back */
	wire[2] |= 0x80;
	CHECK(dns_ask_check(&a, wire, len) == DNS_CHECK_GOOD);
	wire[13] ^= 0x20;
	CHECK(dns_ask_check(&a, wire, len) == DNS_CHECK_CASE);
	wire[13] ^= 0x21;
	CHECK(dns_ask_check(&a, wire, len) == DNS_CHECK_WRONG);
	wire[13] ^= 0x01;
	for (size_t cut = 0; cut < 12 + 13 + 4; cut++)
		CHECK(dns_ask_check(&a, wire, cut) == DNS_CHECK_WRONG);
	wire[1] ^= 1;
	CHECK(dns_ask_check(&a, wire, len) == DNS_CHECK_WRONG);
	wire[1] ^= 1;
	wire[5] = 2;
	CHECK(dns_ask_check(&a, wire, len) == DNS_CHECK_WRONG);
	wire[5] = 0;
	wire[3] |= DNS_FORMERR;
	CHECK(dns_ask_check(&a, wire, 12) == DNS_CHECK_BARE);
	CHECK(dns_ask_check(&a, wire, 13) == DNS_CHECK_WRONG);
	wire[3] ^= DNS_FORMERR ^ DNS_SERVFAIL;
	CHECK(dns_ask_check(&a, wire, 12) == DNS_CHECK_WRONG);
	wire[3] ^= DNS_SERVFAIL;
	wire[5] = 1;
	wire[12 + 13 + 1] = 1; /* type A */
	CHECK(dns_ask_check(&a, wire, len) == DNS_CHECK_WRONG);
}

static void add(struct answer *a, const char *owner, uint16_t type, const void *rdata, size_t len)
{
	struct dns_name n = name_of(owner);
	struct answer_record like = {.type = type, .ttl_s = 300, .rdata_len = (uint16_t)len};

	CHECK(answer_add(a, &n, &like, rdata) == 0);
}

static void add_name(struct answer *a, const char *owner, uint16_t type, const char *target)
{
	struct dns_name n = name_of(target);

	add(a, owner, type, n.wire, n.len);
}

static void test_walk(void)
{
	struct answer *a = malloc(sizeof(*a));
	struct dns_name n;
	struct answer_hop hop;
	unsigned int at = 0;

	answer_init(a, 0);
	add(a, "OFF.example", DNS_TYPE_A, "\300\0\2\1", 4);
	add_name(a, "a.example", DNS_TYPE_CNAME, "B.example");
	add_name(a, "dn.example", DNS_TYPE_DNAME, "other.test");
	add_name(a, "x.dn.example", DNS_TYPE_CNAME, "evil.test"); /* not what the DNAME says */
	add(a, "b.example", DNS_TYPE_A, "\300\0\2\2", 4);
	add(a, "bad.example", DNS_TYPE_CNAME, "\3", 1);
	n = name_of("A.example");
	CHECK(answer_walk(a, &n, DNS_TYPE_A, &hop) == ANSWER_HOP && !hop.dname && hop.ttl_s == 300);
	CHECK(answer_walk(a, &hop.target, DNS_TYPE_A, &hop) == ANSWER_END);
	CHECK(answer_walk(a, &n, DNS_TYPE_CNAME, &hop) == ANSWER_END);
	n = name_of("b.example");
	CHECK(answer_walk(a, &n, DNS_TYPE_AAAA, &hop) == ANSWER_NONE);
	CHECK(answer_next(a, &n, DNS_TYPE_A, &at) && !answer_next(a, &n, DNS_TYPE_A, &at));
	n = name_of("x.dn.example");
	CHECK(answer_walk(a, &n, DNS_TYPE_A, &hop) == ANSWER_HOP && hop.dname);
	n = name_of("x.other.test");
	CHECK(dns_name_equal(&hop.target, &n));
	n = name_of("dn.example"); /* a DNAME does not redirect its own owner */
	CHECK(answer_walk(a, &n, DNS_TYPE_A, &hop) == ANSWER_NONE);
	n = name_of("xdn.example");
	CHECK(answer_walk(a, &n, DNS_TYPE_A, &hop) == ANSWER_NONE);
	n = name_of("bad.example");
	CHECK(answer_walk(a, &n, DNS_TYPE_A, &hop) == ANSWER_BAD);
	free(a);
}

static void test_dname_too_long(void)
{
	struct answer *a = malloc(sizeof(*a));
	char label[64], target[256], text[256];
	struct answer_hop hop;
	struct dns_name n;

	memset(label, 'l', 63);
	label[63] = '\0';
	snprintf(target, sizeof(target), "%s.%s.%s", label, label, label);
	answer_init(a, 0);
	add_name(a, "d", DNS_TYPE_DNAME, target);
	snprintf(text, sizeof(text), "%.61s.d", label); /* 62 + 193 */
	n = name_of(text);
	CHECK(answer_walk(a, &n, DNS_TYPE_A, &hop) == ANSWER_HOP && hop.target.len == 255);
	snprintf(text, sizeof(text), "%.62s.d", label);
	n = name_of(text);
	CHECK(answer_walk(a, &n, DNS_TYPE_A, &hop) == ANSWER_BAD);
	free(a);
}

static void test_answer_bounds(void)
{
	struct answer *a = malloc(sizeof(*a));
	struct answer_record like = {.type = DNS_TYPE_TXT, .ttl_s = UINT32_MAX, .rdata_len = 65535};
	uint8_t *big = calloc(1, 65535);
	struct dns_name n = name_of("a");
	char text[16];
	int rc = 0;

	answer_init(a, 0);
	CHECK(answer_add(a, &n, &like, big) == 0 && answer_add(a, &n, &like, big) == 0);
	CHECK(a->records[0].ttl_s == 0 && a->n_names == 1);
	CHECK(answer_add(a, &n, &like, big) < 0 && a->n_records == 2);
	answer_init(a, 0);
	like.rdata_len = 0;
	for (int i = 0; i < ANSWER_NAMES_MAX + 1 && rc == 0; i++) {
		snprintf(text, sizeof(text), "n%d", i);
		n = name_of(text);
		rc = answer_add(a, &n, &like, NULL);
	}
	CHECK(rc < 0 && a->n_names == ANSWER_NAMES_MAX);
	answer_init(a, 0);
	for (rc = 0; rc == 0;)
		rc = answer_add(a, &n, &like, NULL);
	CHECK(a->n_records == ANSWER_RECORDS_MAX);
	free(big);
	free(a);
}

static void test_soa(void)
{
	struct answer *a = malloc(sizeof(*a));
	const uint8_t soa[] = {0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 30};
	struct answer_record like = {.type = DNS_TYPE_SOA, .ttl_s = 300, .rdata_len = sizeof(soa), .authority = true};
	struct dns_name zone = name_of("example"), n = name_of("a.example"), other = name_of("a.test");
	uint32_t ttl_s = 0;

	answer_init(a, DNS_NXDOMAIN);
	CHECK(answer_add(a, &zone, &like, soa) == 0);
	CHECK(answer_soa(a, &n, &ttl_s) && ttl_s == 30);
	CHECK(!answer_soa(a, &other, &ttl_s));
	answer_init(a, DNS_NXDOMAIN);
	like.rdata_len--;
	CHECK(answer_add(a, &zone, &like, soa) == 0 && !answer_soa(a, &n, &ttl_s));
	free(a);
}

static const struct {
	const char *name, *in, *out; /* out NULL: malformed */
} svcb_rows[] = {
	{"alias", "0000 0161 00", "0000 0161 00"},
	{"alpn and port stay", "0001 00 0001 0003 026832 0003 0002 01bb", "0001 00 0001 0003 026832 0003 0002 01bb"},
	{"hints go", "0001 00 0001 0003 026832 0004 0004 c0000201 0006 0010 20010db8000000000000000000000001",
		"0001 00 0001 0003 026832"},
	{"ech goes", "0001 00 0001 0003 026832 0005 0003 010203", "0001 00 0001 0003 026832"},
	{"mandatory goes", "0001 00 0000 0002 0001 0001 0003 026832", "0001 00 0001 0003 026832"},
	{"unknown keys go", "0001 00 0007 0001 00 ff01 0000", "0001 00"},
	{"keys out of order", "0001 00 0003 0002 01bb 0001 0003 026832", NULL},
	{"a key twice", "0001 00 0003 0002 01bb 0003 0002 01bb", NULL},
	{"value cut", "0001 00 0003 0002 01", NULL},
	{"half a key", "0001 00 00", NULL},
	{"compressed target", "0001 c000", NULL},
	{"no target", "0001", NULL},
	{"empty", "", NULL},
};

static void test_svcb(void)
{
	uint8_t in[100], want[100], out[100];
	struct dns_name target;

	for (size_t i = 0; i < ARRAY_LEN(svcb_rows); i++) {
		size_t len = unhex(svcb_rows[i].in, in), got = 0;
		int rc = svcb_strip(in, len, out, &got, &target);

		check_row(svcb_rows[i].name);
		CHECK((rc == 0) == (svcb_rows[i].out != NULL));
		if (rc == 0 && svcb_rows[i].out)
			CHECK(got == unhex(svcb_rows[i].out, want) && memcmp(out, want, got) == 0);
	}
	check_row("");
}

int main(void)
{
	test_query();
	test_long_names();
	test_reply();
	test_flags();
	test_ask_flags();
	test_limits();
	test_ask();
	test_walk();
	test_dname_too_long();
	test_answer_bounds();
	test_soa();
	test_svcb();
	return check_report();
}
