/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Cursors, addresses, escaping, JSON, time text. */
#include "check.h"

#include <time.h>

#include "postern/addr.h"
#include "postern/bytes.h"
#include "postern/clock.h"
#include "postern/escape.h"
#include "postern/hash.h"

static void test_reader(void)
{
	const uint8_t data[] = {1, 2, 3, 4, 5, 6, 7};
	struct bytes_reader r;

	bytes_reader_init(&r, data, sizeof(data));
	CHECK(bytes_read_u8(&r) == 1);
	CHECK(bytes_read_u16(&r) == 0x0203);
	CHECK(bytes_read_u32(&r) == 0x04050607);
	CHECK(!r.failed && bytes_left(&r) == 0);
	CHECK(bytes_read_u8(&r) == 0 && r.failed);
	bytes_seek(&r, 0);
	CHECK(bytes_read_u8(&r) == 0); /* the error stays */
	bytes_reader_init(&r, data, sizeof(data));
	CHECK(bytes_read_view(&r, 8) == NULL && r.failed);
	bytes_reader_init(&r, data, sizeof(data));
	bytes_skip(&r, SIZE_MAX);
	CHECK(r.failed);
}

static void test_writer(void)
{
	uint8_t buf[5];
	struct bytes_writer w;

	bytes_writer_init(&w, buf, sizeof(buf));
	bytes_write_u16(&w, 0);
	bytes_write_u8(&w, 9);
	bytes_patch_u16(&w, 0, 0x1234);
	CHECK(!w.failed && buf[0] == 0x12 && buf[1] == 0x34 && buf[2] == 9);
	bytes_write_u32(&w, 1);
	CHECK(w.failed && w.pos == 3);
	bytes_writer_init(&w, buf, sizeof(buf));
	bytes_write_u8(&w, 1);
	bytes_patch_u16(&w, 0, 1);
	CHECK(w.failed);
}

static const struct {
	const char *text;
	int never, private;
} class_rows[] = {
	{"169.254.169.254", 1, 1}, {"169.254.170.2", 1, 1}, {"168.63.129.16", 1, 1},
	{"fd00:ec2::254", 1, 1}, {"10.0.0.1", 0, 1}, {"172.16.0.1", 0, 1}, {"172.31.255.255", 0, 1},
	{"172.32.0.0", 0, 0}, {"192.168.1.1", 0, 1}, {"100.64.0.1", 0, 1}, {"100.128.0.0", 0, 0},
	{"127.0.0.53", 0, 1}, {"0.0.0.0", 0, 1}, {"224.0.0.251", 0, 1}, {"255.255.255.255", 0, 1},
	{"223.255.255.255", 0, 0}, {"192.0.2.1", 0, 0}, {"8.8.8.8", 0, 0}, {"::1", 0, 1}, {"::", 0, 1},
	{"::ffff:8.8.8.8", 0, 1}, {"::8.8.8.8", 0, 1}, {"64:ff9b::808:808", 0, 1}, {"2002:808:808::1", 0, 1},
	{"2001:0:1::1", 0, 1}, {"2001:db8::1", 0, 0}, {"2606:4700::1", 0, 0}, {"fe80::1", 0, 1},
	{"fc00::1", 0, 1}, {"fdff::1", 0, 1}, {"ff02::1", 0, 1}, {"fec0::1", 0, 1}, {"100::1", 0, 1},
};

static void test_addr(void)
{
	static const char *const bad[] = {"192.0.2.1/24", "192.0.2.0/33", "192.0.2.0/", "192.0.2.0/+4", "1.2.3",
		"2001:db8::/129", "2001:db8::1/64", "", "/0", "192.0.2.0/024 ", "fe80::1%lo", "010.0.0.1"};
	char text[ADDR_TEXT_MAX + 4];
	struct prefix p;
	struct addr a;

	for (size_t i = 0; i < ARRAY_LEN(class_rows); i++) {
		check_row(class_rows[i].text);
		CHECK(addr_parse(class_rows[i].text, &a) == 0);
		CHECK(addr_is_never(&a) == class_rows[i].never);
		CHECK(addr_is_private(&a) == class_rows[i].private);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		check_row(bad[i]);
		CHECK(prefix_parse(bad[i], &p) < 0);
	}
	check_row("prefix");
	CHECK(prefix_parse("172.16.0.0/12", &p) == 0 && p.len == 12);
	CHECK_STR(prefix_format(&p, text), "172.16.0.0/12");
	CHECK(prefix_parse("2001:db8::7", &p) == 0 && p.len == 128);
	CHECK_STR(prefix_format(&p, text), "2001:db8::7");
	CHECK(prefix_parse("0.0.0.0/0", &p) == 0 && p.len == 0);
}

static void test_ranges(void)
{
	struct addr_range r[ADDR_RANGES_MAX];
	char first[ADDR_TEXT_MAX], last[ADDR_TEXT_MAX];
	struct prefix p;
	struct addr a;
	size_t n;

	check_row("ranges");
	CHECK(prefix_parse("0.0.0.0/0", &p) == 0);
	n = prefix_ranges(&p, r);
	CHECK(n == 10);
	CHECK_STR(addr_format(&r[0].first, first), "1.0.0.0");
	CHECK_STR(addr_format(&r[0].last, last), "9.255.255.255");
	CHECK_STR(addr_format(&r[n - 1].last, last), "223.255.255.255");
	CHECK(prefix_parse("::/0", &p) == 0);
	n = prefix_ranges(&p, r);
	CHECK_STR(addr_format(&r[n - 1].last, last), "fe7f:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
	for (size_t i = 0; i < n; i++) {
		CHECK(!addr_is_private(&r[i].first) && !addr_is_private(&r[i].last));
		CHECK(i == 0 || memcmp(r[i - 1].last.bytes, r[i].first.bytes, 16) < 0);
	}
	CHECK(prefix_parse("10.1.0.0/16", &p) == 0 && prefix_ranges(&p, r) == 1 && prefix_is_private(&p));
	CHECK(addr_parse("10.1.2.3", &a) == 0 && prefix_opens(&p, &a));
	CHECK(prefix_parse("8.0.0.0/6", &p) == 0 && prefix_ranges(&p, r) == 2 && !prefix_opens(&p, &a));
	CHECK(prefix_parse("192.0.2.0/24", &p) == 0 && prefix_ranges(&p, r) == 1 && !prefix_is_private(&p));
}

static void test_sockaddr(void)
{
	struct sockaddr_storage sa;
	struct addr a, b;
	uint16_t port;

	CHECK(addr_parse("::ffff:192.0.2.7", &a) == 0);
	addr_to_sockaddr(&a, 53, &sa);
	b = addr_from_sockaddr(&sa, &port);
	CHECK(b.family == ADDR_V4 && b.bytes[3] == 7 && port == 53);
}

static void test_escape(void)
{
	char out[64], small[6];

	escape_bytes(out, sizeof(out), "a\n\"\\\x7f\xff.b", 8);
	CHECK_STR(out, "a\\010\\034\\092\\127\\255.b");
	CHECK(escape_bytes(small, sizeof(small), "ab\n", 3) == 2);
	CHECK_STR(small, "ab");
}

static void test_json(void)
{
	char buf[128];
	struct json_out j;

	json_out_init(&j, buf, sizeof(buf));
	json_out_open(&j, NULL, '{');
	json_out_str(&j, "s", "q\"\\\n\xc3\xa9\xff\xc2\x9b");
	json_out_str(&j, "none", NULL);
	json_out_open(&j, "a", '[');
	json_out_u64(&j, NULL, 7);
	json_out_i64(&j, NULL, -7);
	json_out_close(&j, ']');
	json_out_bool(&j, "b", true);
	json_out_close(&j, '}');
	CHECK(!j.failed);
	buf[j.len] = '\0';
	CHECK_STR(buf, "{\"s\":\"q\\\"\\\\\\u000a\xc3\xa9\\u00ff\\u00c2\\u009b\",\"a\":[7,-7],\"b\":true}");
	json_out_init(&j, buf, 4);
	json_out_str(&j, NULL, "too long");
	CHECK(j.failed);
}

static void test_misc(void)
{
	char text[CLOCK_TEXT_MAX];
	struct hash_key key = {0x0706050403020100u, 0x0f0e0d0c0b0a0908u};

	CHECK_STR(clock_format(1771574677123456u, text), "2026-02-20T08:04:37.123Z");
	CHECK_STR(clock_format(0, text), "1970-01-01T00:00:00.000Z");
	CHECK_STR(clock_format(253402300799999999u, text), "9999-12-31T23:59:59.999Z");
	/* every day of 600 years, as libc has it */
	for (uint64_t day = 0; day < 365 * 600; day++) {
		time_t t = (time_t)(day * 86400 + day % 86400);
		struct tm tm;
		char want[CLOCK_TEXT_MAX];

		gmtime_r(&t, &tm);
		strftime(want, sizeof(want), "%Y-%m-%dT%H:%M:%S.000Z", &tm);
		if (strcmp(clock_format((uint64_t)t * 1000000u, text), want) != 0)
			CHECK_STR(text, want);
	}
	CHECK(hash_bytes(&key, "abc", 3) != hash_bytes(&key, "abd", 3));
	/* of the paper's appendix A: key 00 to 0f, message 00 to 0e */
	CHECK(hash_siphash24(&(const struct hash_key){0x0706050403020100u, 0x0f0e0d0c0b0a0908u},
		"\0\1\2\3\4\5\6\7\10\11\12\13\14\15\16", 15) == 0xa129ca6149be45e5u);
	CHECK(hash_bytes(&key, "abcdefgh", 8) != hash_bytes(&key, "abcdefgh\0", 9));
}

int main(void)
{
	test_reader();
	test_writer();
	test_addr();
	test_ranges();
	test_sockaddr();
	test_escape();
	test_json();
	test_misc();
	return check_report();
}
