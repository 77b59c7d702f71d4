/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The audit process without its thread: lines, ring, file, loss accounting. The writer is this file's own. */
#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "postern/event.h"
#include "postern/flow.h"

#include "../../src/audit/file.h"
#include "../../src/audit/line.h"
#include "../../src/audit/record.h"
#include "../../src/audit/ring.h"

/* What the record's core hands over, kept instead of written. */
static struct {
	char text[4 * LINE_BYTES_MAX];
	size_t len;
	unsigned int room; /* lines it still takes */
} taken;

bool writer_push(struct writer *w, enum sink s, const char *line, size_t len)
{
	(void)w;
	CHECK(s == SINK_JSON);
	if (taken.room == 0 || taken.len + len >= sizeof(taken.text))
		return false;
	taken.room--;
	memcpy(taken.text + taken.len, line, len);
	taken.len += len;
	taken.text[taken.len] = '\0';
	return true;
}

void writer_configure(struct writer *w, enum sink s, const struct log_settings *settings)
{
	(void)w, (void)s, (void)settings;
}

void writer_state(struct writer *w, enum sink s, struct writer_state *ret_state)
{
	(void)w, (void)s;
	*ret_state = (struct writer_state){.lines = 7, .error = -ENOSPC};
}

static const char *line_of(const struct event *e, enum role from)
{
	static char line[LINE_BYTES_MAX + 1];
	size_t n = line_format(e, from, line, LINE_BYTES_MAX);

	line[n] = '\0';
	return line;
}

static struct event refusal(void)
{
	struct event e = event_new(EVENT_REFUSAL);

	e.wall_us = 1795508677123000ull;
	e.last_wall_us = 1795508679000000ull;
	e.count = 3;
	e.reason = REASON_NEVER_RESOLVED;
	e.action = EVENT_REFUSED;
	e.protocol = 6;
	e.source_port = 40000;
	e.destination_port = 443;
	CHECK(addr_parse("192.0.2.2", &e.source) == 0);
	CHECK(addr_parse("203.0.113.7", &e.destination) == 0);
	event_set_text(e.sandbox, sizeof(e.sandbox), "ci-7");
	return e;
}

static void test_line(void)
{
	struct event e = refusal();

	check_row("refusal");
	CHECK_STR(line_of(&e, ROLE_VERDICT),
		"{\"v\":1,\"time\":\"2026-11-24T08:24:37.123Z\",\"last_time\":\"2026-11-24T08:24:39.000Z\","
		"\"kind\":\"refusal\",\"process\":\"verdict\",\"action\":\"refuse\",\"reason\":\"never-resolved\","
		"\"count\":3,\"sandbox\":\"ci-7\",\"direction\":\"out\",\"protocol\":\"tcp\",\"source\":\"192.0.2.2\","
		"\"source_port\":40000,\"destination\":\"203.0.113.7\",\"destination_port\":443}\n");
	check_row("icmp");
	e.protocol = 1;
	e.destination_port = 8;
	CHECK(strstr(line_of(&e, ROLE_VERDICT), "\"protocol\":\"icmp\"") != NULL);
	CHECK(strstr(line_of(&e, ROLE_VERDICT), "\"icmp_type\":8") != NULL);
	CHECK(strstr(line_of(&e, ROLE_VERDICT), "_port\"") == NULL);
	check_row("other protocol");
	e.protocol = 253;
	CHECK(strstr(line_of(&e, ROLE_VERDICT), "\"protocol\":\"253\"") != NULL);
	check_row("dns");
	e = event_new(EVENT_DNS);
	e.n_names = 1;
	e.qtype = 731;
	e.rcode = 3;
	CHECK(dns_name_from_text("a\\001\\\"b.example", &e.names[0]) == 0);
	CHECK(strstr(line_of(&e, ROLE_RESOLVER), "\"names\":[\"a\\\\001\\\\034b.example\"]") != NULL);
	CHECK(strstr(line_of(&e, ROLE_RESOLVER), "\"qtype\":\"TYPE731\",\"rcode\":\"NXDOMAIN\"") != NULL);
	check_row("hostile command");
	e.by.found = true;
	event_set_text(e.by.command, sizeof(e.by.command), "sh\n\x1b[2J\x80 \xc2\x9b\"");
	CHECK(strstr(line_of(&e, ROLE_RESOLVER), "\"command\":\"sh\\u000a\\u001b[2J\\u0080 \\u00c2\\u009b\\\"\"") != NULL);
}

static void fill(char *dst, size_t cap)
{
	memset(dst, 0x01, cap - 1);
	dst[cap - 1] = '\0';
}

static void check_formats_longest(const struct event *e)
{
	static char line[LINE_BYTES_MAX];
	struct format_words w = {.n_fields = FLOW_FIELD_COUNT};

	fill(w.account_id, sizeof(w.account_id));
	fill(w.region, sizeof(w.region));
	fill(w.vpc_id, sizeof(w.vpc_id));
	fill(w.instance, sizeof(w.instance));
	for (unsigned int f = 0; f < FLOW_FIELD_COUNT; f++)
		w.fields[f] = (uint8_t)f;
	for (unsigned int f = 0; f < AUDIT_FORMAT_COUNT; f++) {
		check_row(event_kind_text((enum event_kind)e->kind));
		if (!format_applies((enum audit_format)f, e, ROLE_VERDICT))
			continue;
		CHECK(format_line((enum audit_format)f, e, &w, line, sizeof(line)) > 100);
		CHECK(format_line((enum audit_format)f, e, &w, line, 90) == 0);
	}
}

/* What each format says of one query and one refusal. */
static void test_formats(void)
{
	static const struct {
		enum audit_format format;
		bool dns;
		const char *want;
	} rows[] = {
		{AUDIT_ROUTE53, true, "{\"version\":\"1.100000\",\"account_id\":\"111122223333\",\"region\":\"-\",\"vpc_id\":\"-\","
			"\"query_timestamp\":\"2026-11-24T08:24:37Z\",\"query_name\":\"a\\\\034.example.\",\"query_type\":\"TYPE731\","
			"\"query_class\":\"IN\",\"rcode\":\"NXDOMAIN\",\"answers\":[{\"Rdata\":\"192.0.2.1\",\"Type\":\"A\",\"Class\":\"IN\"}],"
			"\"srcaddr\":\"192.0.2.2\",\"srcport\":\"40000\",\"transport\":\"TCP\",\"srcids\":{\"instance\":\"ci-7\"},"
			"\"firewall_rule_group_id\":\"web\",\"firewall_rule_action\":\"BLOCK\",\"firewall_domain_list_id\":\"no-rule\"}\n"},
		{AUDIT_VPC_FLOW, false, "2 111122223333 - 192.0.2.2 203.0.113.7 40000 443 6 3 - 1795508677 1795508679 REJECT OK\n"},
		{AUDIT_OCSF, true, "\"type_uid\":400306,"},
		{AUDIT_OCSF, false, "\"action_id\":2,\"action\":\"Denied\",\"disposition_id\":25,\"disposition\":\"Rejected\",\"src_endpoint\":{\"ip\":"
			"\"192.0.2.2\",\"port\":40000,\"name\":\"ci-7\"},\"dst_endpoint\":{\"ip\":\"203.0.113.7\",\"port\":443}"},
	};
	struct format_words w = {.account_id = "111122223333", .n_fields = FLOW_FIELDS_DEFAULT};
	char line[2048];

	for (unsigned int f = 0; f < FLOW_FIELDS_DEFAULT; f++)
		w.fields[f] = (uint8_t)f;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct event e = refusal();
		size_t n;

		check_row(rows[i].want);
		if (rows[i].dns) {
			e.kind = EVENT_DNS;
			e.action = EVENT_BLOCKED;
			e.reason = REASON_NO_RULE;
			event_set_text(e.policy, sizeof(e.policy), "web");
			e.n_names = 1;
			e.qtype = 731;
			e.rcode = 3;
			CHECK(dns_name_from_text("a\\\".example", &e.names[0]) == 0);
			memcpy(e.answers, "\0\1\0\4\300\0\2\1", e.answers_len = 8);
		}
		CHECK(format_applies(rows[i].format, &e, ROLE_VERDICT));
		n = format_line(rows[i].format, &e, &w, line, sizeof(line));
		line[n] = '\0';
		if (rows[i].format == AUDIT_OCSF)
			CHECK(strstr(line, rows[i].want) != NULL);
		else
			CHECK_STR(line, rows[i].want);
	}
}

/* Every member at its longest. */
static void test_longest_line(void)
{
	struct event e = refusal();

	e.kind = EVENT_DNS;
	e.n_names = EVENT_NAMES_MAX;
	for (unsigned int i = 0; i < EVENT_NAMES_MAX; i++) {
		e.names[i].len = 255;
		memset(e.names[i].wire, 1, sizeof(e.names[i].wire)); /* one-byte labels */
		for (unsigned int at = 0; at < 254; at += 64) {
			unsigned int n = at + 64 < 254 ? 63 : 254 - at - 1;

			e.names[i].wire[at] = (uint8_t)n;
		}
		e.names[i].wire[254] = 0;
	}
	fill(e.sandbox, sizeof(e.sandbox));
	fill(e.rule, sizeof(e.rule));
	fill(e.group, sizeof(e.group));
	fill(e.policy, sizeof(e.policy));
	e.answers_cut = 1;
	e.answers_len = sizeof(e.answers);
	memset(e.answers, 1, sizeof(e.answers));
	for (unsigned int i = 0; i < EVENT_ANSWERS_MAX; i++)
		memcpy(e.answers + 16 * i, "\0\20\0\14\13\1\1\1\1\1\1\1\1\1\1\1", 16); /* TXT */
	fill(e.file, sizeof(e.file));
	fill(e.interface, sizeof(e.interface));
	fill(e.by.exe, sizeof(e.by.exe));
	fill(e.by.command, sizeof(e.by.command));
	fill(e.by.cgroup, sizeof(e.by.cgroup));
	fill(e.by.unit, sizeof(e.by.unit));
	fill(e.by.container, sizeof(e.by.container));
	fill(e.text, sizeof(e.text));
	e.hardware_len = sizeof(e.hardware);
	e.qtype = e.rcode = 65535;
	e.lifetime_s = e.count = e.line = UINT32_MAX;
	e.by.uid = UINT32_MAX;
	e.by.pid = INT32_MAX;
	e.by.found = true;
	e.has_digest = 1;
	CHECK(event_valid(&e));
	CHECK(strlen(line_of(&e, ROLE_ATTRIBUTE)) > 10000);
	CHECK(line_format(&e, ROLE_GATE, (char[100]){0}, 100) == 0);
	check_formats_longest(&e);
	e.kind = EVENT_CUT;
	check_formats_longest(&e);
	e.kind = EVENT_SUPPRESSED;
	check_formats_longest(&e);
}

static void test_ring(void)
{
	char data[32];
	const char *at;
	struct ring r;

	ring_init(&r, data, sizeof(data));
	CHECK(ring_peek(&r, 100, &at) == 0);
	CHECK(ring_push(&r, "aaaaaaaaa\n", 10) && ring_push(&r, "bbbbbbbbb\n", 10) && ring_push(&r, "ccccccccc\n", 10));
	CHECK(!ring_push(&r, "dd\n", 3));
	CHECK(ring_peek(&r, 25, &at) == 20 && memcmp(at, "aaaaaaaaa\nbbbbbbbbb\n", 20) == 0);
	CHECK(ring_peek(&r, 3, &at) == 10); /* at least one line */
	ring_consume(&r, 10);
	CHECK(!ring_push(&r, "ddddddddd\n", 10)); /* would meet the tail */
	CHECK(ring_push(&r, "dddddddd\n", 9));
	CHECK(!ring_push(&r, "e\n", 2));
	CHECK(ring_peek(&r, 100, &at) == 20 && at[0] == 'b');
	ring_consume(&r, 20);
	CHECK(ring_peek(&r, 100, &at) == 9 && at[0] == 'd');
	CHECK(ring_push(&r, "eeeeeeeeee\n", 11));
	CHECK(ring_peek(&r, 100, &at) == 20 && at[9] == 'e');
	ring_consume(&r, 20);
	CHECK(ring_peek(&r, 100, &at) == 0);
}

/* Random pushes and reads: what comes out is what went in, in order. */
static void test_ring_model(void)
{
	char data[257], line[64];
	unsigned int in = 0, out = 0, x = 12345;
	const char *at;
	struct ring r;

	ring_init(&r, data, sizeof(data));
	for (unsigned int i = 0; i < 20000; i++) {
		x = x * 1103515245u + 12345u;
		int n = snprintf(line, sizeof(line), "%u %.*s\n", in, (int)(x >> 16 & 31), "-------------------------------");

		if ((x >> 24 & 3) && ring_push(&r, line, (size_t)n))
			in++;
		if ((x >> 26 & 3) == 0) {
			size_t len = ring_peek(&r, 100, &at);
			size_t used = 0;

			while (used < len) {
				CHECK(strtoul(at + used, NULL, 10) == out);
				out++;
				used += (size_t)((const char *)memchr(at + used, '\n', len - used) - (at + used)) + 1;
			}
			ring_consume(&r, used);
		}
	}
	CHECK(in > 1000 && in - out < 257);
}

static off_t size_of(const char *dir, const char *name)
{
	char path[256];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return stat(path, &st) < 0 ? -1 : st.st_size;
}

static void spill(const char *dir, const char *name, const char *text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	CHECK(f && fputs(text, f) >= 0 && fclose(f) == 0);
}

static void clean(const char *dir)
{
	static const char *const names[] = {"audit.jsonl", "audit.jsonl.1", "audit.jsonl.2", "audit.jsonl.3"};
	char path[256];

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		(void)unlink(path);
	}
}

static void test_rotation(const char *dir)
{
	struct log_file f;

	log_file_init(&f);
	event_set_text(f.settings.directory, sizeof(f.settings.directory), dir);
	event_set_text(f.settings.name, sizeof(f.settings.name), "audit.jsonl");
	f.settings.rotate_bytes = 25;
	f.settings.keep = 2;
	check_row("rotation");
	CHECK(log_file_write(&f, "111111111\n222222222\n333333333\n", 30) == 20); /* the third would pass the limit */
	CHECK(log_file_write(&f, "333333333\n", 10) == 10 && f.rotations == 1);
	CHECK(size_of(dir, "audit.jsonl.1") == 20 && size_of(dir, "audit.jsonl") == 10);
	CHECK(log_file_write(&f, "a line longer than the limit\n", 29) == 29 && f.rotations == 2);
	CHECK(log_file_write(&f, "4\n", 2) == 2 && f.rotations == 3);
	CHECK(size_of(dir, "audit.jsonl.2") == 10 && size_of(dir, "audit.jsonl.1") == 29);
	CHECK(size_of(dir, "audit.jsonl.3") == -1);
	check_row("deleted under us");
	clean(dir);
	CHECK(log_file_write(&f, "5\n", 2) == 2 && size_of(dir, "audit.jsonl") == 2);
	check_row("keep nothing");
	f.settings.keep = 0;
	CHECK(log_file_write(&f, "666666666666666666666666\n", 25) == 25);
	CHECK(size_of(dir, "audit.jsonl") == 25 && size_of(dir, "audit.jsonl.1") == -1);
	log_file_close(&f);
	clean(dir);
}

static void test_file(const char *dir)
{
	struct log_file f;
	char path[256];

	log_file_init(&f);
	event_set_text(f.settings.directory, sizeof(f.settings.directory), dir);
	event_set_text(f.settings.name, sizeof(f.settings.name), "audit.jsonl");
	check_row("half a line from a crash");
	spill(dir, "audit.jsonl", "{\"half\":");
	CHECK(log_file_write(&f, "{}\n", 3) == 3 && size_of(dir, "audit.jsonl") == 8 + 1 + 3);
	log_file_close(&f);
	check_row("whole lines are continued");
	CHECK(log_file_write(&f, "{}\n", 3) == 3 && size_of(dir, "audit.jsonl") == 8 + 1 + 6);
	log_file_close(&f);
	clean(dir);
	check_row("a link leads elsewhere");
	snprintf(path, sizeof(path), "%s/audit.jsonl", dir);
	CHECK(symlink("elsewhere", path) == 0 && log_file_write(&f, "{}\n", 3) == -ELOOP);
	clean(dir);
	check_row("a pipe");
	CHECK(mkfifo(path, 0600) == 0 && log_file_write(&f, "{}\n", 3) < 0);
	clean(dir);
	check_row("no directory");
	snprintf(f.settings.directory, sizeof(f.settings.directory), "%s/none", dir);
	CHECK(log_file_write(&f, "{}\n", 3) == -ENOENT);
}

/* Events that find no room are counted, and one line says so before the next that does. */
static void test_loss(void)
{
	static struct record r;
	struct msg_event m = {.event = refusal()};
	uint64_t counters[COUNTERS_MAX];

	check_row("loss");
	record_init(&r, NULL);
	taken.room = 1;
	for (unsigned int i = 0; i < 5; i++)
		CHECK(record_event(&r, ROLE_VERDICT, &m) == 0);
	CHECK(r.sinks[SINK_JSON].lost == 4 && record_waits(&r));
	taken.len = 0;
	taken.room = 3;
	m.lost = 9;
	CHECK(record_event(&r, ROLE_VERDICT, &m) == 0);
	CHECK(!record_waits(&r) && taken.room == 0);
	CHECK(strstr(taken.text, "\"kind\":\"suppressed\",\"process\":\"audit\",\"reason\":\"overload\",\"count\":4") != NULL);
	CHECK(strstr(taken.text, "\"kind\":\"suppressed\",\"process\":\"verdict\",\"reason\":\"overload\",\"count\":9") != NULL);
	record_counters(&r, counters);
	CHECK(counters[COUNTER_AUDIT_events] == 6 && counters[COUNTER_AUDIT_lost_disk] == 4);
	CHECK(counters[COUNTER_AUDIT_lost_senders] == 9 && counters[COUNTER_AUDIT_written] == 7);
	check_row("invalid");
	m.event.kind = EVENT_KIND_COUNT;
	CHECK(record_event(&r, ROLE_VERDICT, &m) == -EPROTO);
}

int main(void)
{
	char dir[] = "/tmp/postern-test-audit-XXXXXX";

	test_line();
	test_formats();
	test_longest_line();
	test_ring();
	test_ring_model();
	test_loss();
	if (!mkdtemp(dir))
		return 1;
	test_rotation(dir);
	test_file(dir);
	rmdir(dir);
	return check_report();
}
