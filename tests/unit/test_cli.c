/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The postern command without its commands: targets, filters, the reader of logs. */
#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../src/cli/log_filter.h"
#include "../../src/cli/log_reader.h"
#include "../../src/cli/target.h"

static const struct {
	const char *text, *host; /* NULL: refused */
	int address, protocol, port;
} target_rows[] = {
	{"example.com", "example.com", 0, 0, 0}, {"example.com.", "example.com", 0, 0, 0}, {"EXAMPLE.com:443", "EXAMPLE.com", 0, 6, 443},
	{"example.com:udp/53", "example.com", 0, 17, 53}, {"example.com:UDP/53", "example.com", 0, 17, 53},
	{"192.0.2.1", "192.0.2.1", 1, 0, 0}, {"192.0.2.1:443", "192.0.2.1", 1, 6, 443}, {"192.0.2.1:icmp/8", "192.0.2.1", 1, 1, 8},
	{"2001:db8::1", "2001:db8::1", 1, 0, 0}, {"[2001:db8::1]", "2001:db8::1", 1, 0, 0}, {"[2001:db8::1]:443", "2001:db8::1", 1, 6, 443},
	{"[2001:db8::1]:icmpv6/128", "2001:db8::1", 1, 58, 128}, {"::1", "::1", 1, 0, 0}, {"a.example:0", "a.example", 0, 6, 0},
	{"", NULL, 0, 0, 0}, {":", NULL, 0, 0, 0}, {":443", NULL, 0, 0, 0}, {"a:", NULL, 0, 0, 0}, {"a:65536", NULL, 0, 0, 0},
	{"a:-1", NULL, 0, 0, 0}, {"a: 1", NULL, 0, 0, 0}, {"a:1x", NULL, 0, 0, 0}, {"a:tcp", NULL, 0, 0, 0}, {"a:tcp/", NULL, 0, 0, 0},
	{"a:/1", NULL, 0, 0, 0}, {"a:sctp/1", NULL, 0, 0, 0}, {"a..b", NULL, 0, 0, 0}, {"[a]:1", NULL, 0, 0, 0}, {"[::1", NULL, 0, 0, 0},
	{"[::1]x", NULL, 0, 0, 0}, {"[]:1", NULL, 0, 0, 0}, {"a:18446744073709551617", NULL, 0, 0, 0},
};

static void test_targets(void)
{
	static char longest[2000];
	struct target t;

	for (size_t i = 0; i < ARRAY_LEN(target_rows); i++) {
		char text[DNS_NAME_TEXT_MAX];
		int rc = target_parse(target_rows[i].text, &t);

		check_row(target_rows[i].text);
		CHECK((rc == 0) == (target_rows[i].host != NULL));
		if (rc < 0 || !target_rows[i].host)
			continue;
		CHECK_STR(t.is_address ? addr_format(&t.addr, text) : dns_name_to_text(&t.name, text), target_rows[i].host);
		CHECK(t.is_address == target_rows[i].address && t.has_service == (target_rows[i].protocol != 0));
		CHECK(!t.has_service || (t.protocol == target_rows[i].protocol && t.port == target_rows[i].port));
	}
	memset(longest, 'a', sizeof(longest) - 1);
	CHECK(target_parse(longest, &t) == -EINVAL);
	check_row("qtype");
	CHECK(qtype_parse("aaaa") == 28 && qtype_parse("TYPE65") == 65 && qtype_parse("type731") == 731);
	CHECK(qtype_parse("") == 0 && qtype_parse("TYPE") == 0 && qtype_parse("TYPE65536") == 0 && qtype_parse("TYPE-1") == 0);
}

static void test_since(void)
{
	static const char *const good[] = {"90s", "10m", "2h", "1d", "0s", "2026-11-20", "2026-11-20T08", "2026-11-20T08:00",
		"2026-11-20T08:00:00", "2026-11-20T08:00:00Z", "2026-11-20T08:00:00.123", "2026-11-20T08:00:00.123Z"};
	static const char *const bad[] = {"", "s", "10", "10x", "10mm", "-1m", "+1m", " 1m", "1 m", "99999999999999999999s", "99999999d",
		"2026", "2026-11", "2026-11-20 08:00", "2026-11-20T08:00:00+01:00", "2026-11-20T08:00:00.123456Z", "20261120", "2026-1-20"};
	struct cli c = {0};
	struct log_filter f;

	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		check_row(good[i]);
		c.since = good[i];
		CHECK(log_filter_parse(&c, &f) == 0 && f.since[0]);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		check_row(bad[i]);
		c.since = bad[i];
		CHECK(log_filter_parse(&c, &f) == -EINVAL);
	}
}

static void append(const char *dir, const char *name, const char *text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "a");
	CHECK(f && fputs(text, f) >= 0 && fclose(f) == 0);
}

static void move(const char *dir, const char *from, const char *to)
{
	char old[256], new[256];

	snprintf(old, sizeof(old), "%s/%s", dir, from);
	snprintf(new, sizeof(new), "%s/%s", dir, to);
	CHECK(rename(old, new) == 0);
}

static void take_away(const char *dir, const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	CHECK(unlink(path) == 0);
}

/* The number in the next event; -1 at the end, other errors as they are. */
static int next(struct log_reader *r)
{
	json_t *event;
	int rc = log_reader_next(r, &event), n;

	if (rc <= 0)
		return rc == 0 ? -1 : rc;
	n = (int)json_integer_value(json_object_get(event, "n"));
	json_decref(event);
	return n;
}

static void test_reader(const char *dir)
{
	struct log_reader r;

	check_row("reader");
	CHECK(log_reader_open(&r, "/nonexistent", 0) == -ENOENT);
	CHECK(log_reader_open(&r, dir, 0) == 0);
	CHECK(next(&r) == -1); /* no file yet */
	append(dir, "audit.jsonl", "{\"n\":1}\n{\"n\":2");
	CHECK(next(&r) == 1 && next(&r) == -1); /* the second is still being written */
	append(dir, "audit.jsonl", "2}\nrubbish\n\n{\"n\":3}\n");
	CHECK(next(&r) == 22 && next(&r) == 3 && r.n_broken == 1);
	append(dir, "audit.jsonl", "{\"n\":4}\n");
	move(dir, "audit.jsonl", "audit.jsonl.1");
	append(dir, "audit.jsonl", "{\"n\":5}\n");
	CHECK(next(&r) == 4 && next(&r) == 5 && next(&r) == -1);
	check_row("two rotations between two looks");
	move(dir, "audit.jsonl.1", "audit.jsonl.3");
	move(dir, "audit.jsonl", "audit.jsonl.2");
	append(dir, "audit.jsonl.1", "{\"n\":6}\n");
	append(dir, "audit.jsonl", "{\"n\":7}\n");
	CHECK(next(&r) == 6 && next(&r) == 7 && next(&r) == -1);
	log_reader_close(&r);
	check_row("oldest first");
	CHECK(log_reader_open(&r, dir, 0) == 0);
	CHECK(next(&r) == 1 && next(&r) == 22 && next(&r) == 3 && next(&r) == 4 && next(&r) == 5 && next(&r) == 6 && next(&r) == 7);
	CHECK(next(&r) == -1);
	check_row("rotated away");
	for (int i = 3; i >= 1; i--) {
		char name[32];

		snprintf(name, sizeof(name), "audit.jsonl.%d", i);
		take_away(dir, name);
	}
	take_away(dir, "audit.jsonl");
	usleep(20000); /* later than the file that is gone, by the clock of the file system */
	append(dir, "audit.jsonl.2", "{\"n\":9}\n");
	append(dir, "audit.jsonl.1", "{\"n\":10}\n");
	append(dir, "audit.jsonl", "{\"n\":11}\n");
	CHECK(next(&r) == -ESTALE && next(&r) == 9 && next(&r) == 10 && next(&r) == 11 && next(&r) == -1);
	log_reader_close(&r);
	take_away(dir, "audit.jsonl.2");
	take_away(dir, "audit.jsonl.1");
	take_away(dir, "audit.jsonl");
}

int main(void)
{
	char dir[] = "/tmp/postern-test-cli-XXXXXX";

	test_targets();
	test_since();
	if (!mkdtemp(dir))
		return 1;
	test_reader(dir);
	rmdir(dir);
	return check_report();
}
