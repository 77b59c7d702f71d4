/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The control socket without sockets: requests, replies, sessions. */
#include "check.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "postern/compiler.h"

#include "../../src/control/session.h"

static const char *const good_rows[] = {
	"{\"op\":\"status\"}",
	"{\"op\":\"counters\",\"id\":\"a\"}",
	" {\"op\" : \"pins\" } ",
	"{\"op\":\"pins\",\"sandbox\":\"ci\"}",
	"{\"op\":\"sandboxes\"}",
	"{\"op\":\"reload\"}",
	"{\"op\":\"sandbox-remove\",\"name\":\"ci\"}",
	"{\"op\":\"sandbox-add\",\"name\":\"ci\",\"policy\":\"p\",\"interface\":\"veth7\"}",
	"{\"interface\":[\"a\",\"b\"],\"policy\":\"p\",\"name\":\"ci\",\"op\":\"sandbox-add\"}",
	"{\"op\":\"sandbox-add\",\"name\":\"ci\",\"policy\":\"p\",\"source\":\"192.0.2.0/24\"}",
	"{\"op\":\"sandbox-add\",\"name\":\"ci\",\"policy\":\"p\",\"source\":[\"192.0.2.1\",\"2001:db8::/64\"]}",
	"{\"op\":\"sandbox-add\",\"name\":\"ci\",\"policy\":\"p\",\"cgroup\":\"/system.slice/ci.service\"}",
	"{\"op\":\"sandbox-add\",\"name\":\"ci\",\"policy\":\"p\",\"uid\":1000}",
	"{\"op\":\"sandbox-add\",\"name\":\"ci\",\"policy\":\"p\",\"host\":true}",
};

static const struct {
	const char *line, *error; /* a part of the message */
} bad_rows[] = {
	{"", "not a JSON object"},
	{"{", "not a JSON object"},
	{"[]", "not a JSON object"},
	{"null", "not a JSON object"},
	{"{\"op\":\"status\"}x", "not a JSON object"},
	{"{\"op\":\"status\",\"op\":\"reload\"}", "not a JSON object"},
	{"{\"op\":\"status\\u0000\"}", "not a JSON object"},
	{"{\"op\":\"\xff\"}", "not a JSON object"},
	{"{}", "\"op\""},
	{"{\"op\":1}", "\"op\""},
	{"{\"op\":\"open-everything\"}", "\"op\""},
	{"{\"op\":\"status\",\"name\":\"x\"}", "\"name\" has no meaning"},
	{"{\"op\":\"status\",\"colour\":1}", "unknown member \"colour\""},
	{"{\"op\":\"status\",\"a\\u001b\\\"b\":1}", "unknown member \"a\\027\\034b\""},
	{"{\"op\":\"status\",\"id\":7}", "\"id\""},
	{"{\"op\":\"status\",\"id\":\"\"}", "\"id\""},
	{"{\"op\":\"sandbox-remove\"}", "\"name\" is missing"},
	{"{\"op\":\"sandbox-remove\",\"name\":\"\"}", "\"name\""},
	{"{\"op\":\"sandbox-remove\",\"name\":\"a/b\"}", "\"name\""},
	{"{\"op\":\"sandbox-remove\",\"name\":7}", "\"name\""},
	{"{\"op\":\"sandbox-remove\",\"name\":\"ci\",\"policy\":\"p\"}", "\"policy\" has no meaning"},
	{"{\"op\":\"sandbox-add\",\"name\":\"ci\",\"policy\":\"p\"}", "say what selects"},
	{"{\"op\":\"sandbox-add\",\"name\":\"ci\",\"interface\":\"v\"}", "\"policy\" is missing"},
	{"{\"op\":\"sandbox-add\",\"policy\":\"p\",\"interface\":\"v\"}", "\"name\" is missing"},
	{"{\"op\":\"sandbox-add\",\"name\":\"ci\",\"policy\":\"p\",\"interface\":\"v\",\"uid\":1}", "give one of"},
	{"{\"op\":\"sandbox-add\",\"name\":\"ci\",\"policy\":\"p\",\"interface\":\"\"}", "\"interface\""},
	{"{\"op\":\"sandbox-add\",\"name\":\"ci\",\"policy\":\"p\",\"interface\":\"a/b\"}", "\"interface\""},
	{"{\"op\":\"sandbox-add\",\"name\":\"ci\",\"policy\":\"p\",\"interface\":\"sixteen-bytes-xx\"}", "\"interface\""},
	{"{\"op\":\"sandbox-add\",\"name\":\"ci\",\"policy\":\"p\",\"interface\":[]}", "1 to 4"},
	{"{\"op\":\"sandbox-add\",\"name\":\"ci\",\"policy\":\"p\",\"interface\":[\"a\",\"b\",\"c\",\"d\",\"e\"]}", "1 to 4"},
	{"{\"op\":\"sandbox-add\",\"name\":\"ci\",\"policy\":\"p\",\"source\":\"192.0.2.1/24\"}", "\"source\""},
	{"{\"op\":\"sandbox-add\",\"name\":\"ci\",\"policy\":\"p\",\"source\":\"0.0.0.0/0\"}", "\"source\""},
	{"{\"op\":\"sandbox-add\",\"name\":\"ci\",\"policy\":\"p\",\"source\":\"example.com\"}", "\"source\""},
	{"{\"op\":\"sandbox-add\",\"name\":\"ci\",\"policy\":\"p\",\"cgroup\":\"a/../b\"}", "\"cgroup\""},
	{"{\"op\":\"sandbox-add\",\"name\":\"ci\",\"policy\":\"p\",\"cgroup\":\"/\"}", "\"cgroup\""},
	{"{\"op\":\"sandbox-add\",\"name\":\"ci\",\"policy\":\"p\",\"uid\":-1}", "\"uid\""},
	{"{\"op\":\"sandbox-add\",\"name\":\"ci\",\"policy\":\"p\",\"uid\":4294967295}", "\"uid\""},
	{"{\"op\":\"sandbox-add\",\"name\":\"ci\",\"policy\":\"p\",\"uid\":\"root\"}", "\"uid\""},
	{"{\"op\":\"sandbox-add\",\"name\":\"ci\",\"policy\":\"p\",\"host\":false}", "\"host\""},
	{"{\"op\":\"sandbox-add\",\"name\":\"ci\",\"policy\":\"p\",\"uid\":1,\"mode\":\"Audit\"}", "\"mode\""},
	{"{\"op\":\"sandbox-add\",\"name\":\"ci\",\"policy\":\"p\",\"uid\":1,\"mode\":true}", "\"mode\""},
	{"{\"op\":\"sandbox-add\",\"name\":\"ci\",\"policy\":\"p\",\"uid\":1,\"fail_open\":1}", "\"fail_open\""},
	{"{\"op\":\"reload\",\"mode\":\"audit\"}", "\"mode\" has no meaning"},
};

static void test_requests(void)
{
	static const char modes[] = "{\"op\":\"sandbox-add\",\"name\":\"ci\",\"policy\":\"p\",\"uid\":1,\"mode\":\"audit\",\"fail_open\":true}";
	char error[REQUEST_ERROR_MAX];
	struct request r;

	for (size_t i = 0; i < ARRAY_LEN(good_rows); i++) {
		check_row(good_rows[i]);
		CHECK(request_parse(good_rows[i], strlen(good_rows[i]), &r, error) == 0);
		CHECK(r.op != OP_SANDBOX_ADD || sandbox_valid(&r.sandbox));
	}
	for (size_t i = 0; i < ARRAY_LEN(bad_rows); i++) {
		check_row(bad_rows[i].line);
		CHECK(request_parse(bad_rows[i].line, strlen(bad_rows[i].line), &r, error) == -EINVAL);
		CHECK(strstr(error, bad_rows[i].error) != NULL);
	}
	check_row("fields");
	CHECK(request_parse(good_rows[11], strlen(good_rows[11]), &r, error) == 0);
	CHECK_STR(r.sandbox.selectors[0].cgroup, "system.slice/ci.service");
	CHECK(r.sandbox.runtime && r.sandbox.kind == SANDBOX_CGROUP && r.sandbox.slot == SANDBOX_NONE);
	CHECK(r.sandbox.mode == SANDBOX_ENFORCE && !r.sandbox.fail_open);
	check_row("modes");
	CHECK(request_parse(modes, strlen(modes), &r, error) == 0);
	CHECK(r.sandbox.mode == SANDBOX_AUDIT && r.sandbox.fail_open == 1);
	check_row("the id of a bad request");
	CHECK(request_parse("{\"id\":\"x7\",\"op\":\"no\"}", 21, &r, error) == -EINVAL);
	CHECK_STR(r.id, "x7");
}

static struct session s;
static union message_buffer asked;

static void feed(const char *text)
{
	session_take(&s, text, strlen(text));
}

static bool step(uint32_t seq, enum message_type *ret_type)
{
	return session_step(&s, seq, &asked, ret_type);
}

/* All output so far, taken away. */
static const char *output(void)
{
	static char text[REPLY_BYTES_MAX + 1];
	const char *data;
	size_t n = session_output(&s, &data);

	memcpy(text, data, n);
	text[n] = '\0';
	session_sent(&s, n);
	return text;
}

static int answer(enum message_type type, void *m, int fd)
{
	struct message_header *h = m;

	h->type = (uint16_t)type;
	h->size = (uint16_t)message_size(type);
	return session_answer(&s, m, fd);
}

static void test_status(void)
{
	static struct msg_status m;
	enum message_type type;

	check_row("status");
	session_init(&s);
	feed("\n  \n{\"op\":\"status\",\"id\":\"q\"}\n{\"op\":\"counters\"}\n");
	CHECK(step(5, &type) && type == MSG_STATUS_ASK && asked.h.seq == 5);
	CHECK(!step(6, &type)); /* one at a time */
	m.h.seq = 5;
	m.queue_native = 1;
	m.pids[ROLE_AUDIT] = 77;
	m.counters[ROLE_GATE][1] = UINT64_MAX;
	CHECK(answer(MSG_STATUS, &m, -1) == 0);
	CHECK(!step(6, &type)); /* not before the reply has left */
	const char *text = output();
	CHECK(strncmp(text, "{\"id\":\"q\",\"v\":1,\"ok\":true,\"version\":\"", 36) == 0);
	CHECK(strstr(text, "\"queue\":\"native\"") && strstr(text, "\"pids\":{\"audit\":77}"));
	CHECK(strstr(text, "\"pins_granted\":18446744073709551615") && strchr(text, '\n') == text + strlen(text) - 1);
	CHECK(step(6, &type) && type == MSG_STATUS_ASK);
	m.h.seq = 6;
	CHECK(answer(MSG_STATUS, &m, -1) == 0 && strstr(output(), "version") == NULL);
	CHECK(!session_over(&s));
	static const struct upstream_row bad[] = {{.state = UPSTREAM_UP}, {.addr.family = ADDR_V4, .state = UPSTREAM_STATE_COUNT},
		{.addr.family = ADDR_V6, .tls = 2}, {.addr.family = 9}};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		m.n_upstreams = 1;
		m.upstreams[0] = bad[i];
		CHECK(!reply_status_valid(&m));
	}
	m.n_upstreams = UPSTREAM_ROWS_MAX + 1;
	CHECK(!reply_status_valid(&m));
	s.in_end = true;
	CHECK(session_over(&s));
}

static void test_pins(void)
{
	static struct msg_pins m;
	enum message_type type;

	check_row("pins");
	session_init(&s);
	feed("{\"op\":\"pins\",\"sandbox\":\"ci\"}\n");
	CHECK(step(1, &type) && type == MSG_PINS_ASK);
	CHECK_STR(((struct msg_cursor *)&asked)->sandbox, "ci");
	m.h.seq = 1;
	m.n = PINS_PER_MESSAGE;
	m.next = 8;
	for (unsigned int i = 0; i < PINS_PER_MESSAGE; i++) { /* the longest lines there can be */
		memset(m.rows[i].sandbox, 1, SANDBOX_NAME_MAX - 1);
		memset(m.rows[i].rule, 1, RULE_NAME_MAX - 1);
		m.rows[i].name.len = 255;
		memset(m.rows[i].name.wire, 1, 255);
		m.rows[i].name.wire[254] = 0;
		CHECK(addr_parse("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", &m.rows[i].addr) == 0);
		m.rows[i].service = (struct service){253, 65535, 65535};
		m.rows[i].expires_in_ms = UINT32_MAX;
	}
	CHECK(answer(MSG_PINS, &m, -1) == 0 && !s.reply.failed);
	CHECK(strstr(output(), "{\"pin\":{\"sandbox\":") != NULL);
	CHECK(step(2, &type) && type == MSG_PINS_ASK && ((struct msg_cursor *)&asked)->cursor == 8);
	memset(&m, 0, sizeof(m));
	m.h.seq = 2;
	CHECK(answer(MSG_PINS, &m, -1) == 0);
	CHECK_STR(output(), "{\"v\":1,\"ok\":true,\"rows\":8}\n");
}

static void test_sandboxes(void)
{
	static struct msg_sandboxes m = {.n = SANDBOXES_PER_MESSAGE};
	enum message_type type;

	check_row("sandboxes");
	session_init(&s);
	feed("{\"op\":\"sandboxes\"}\n");
	CHECK(step(1, &type) && type == MSG_SANDBOXES_ASK);
	m.h.seq = 1;
	for (unsigned int i = 0; i < SANDBOXES_PER_MESSAGE; i++) {
		struct sandbox *b = &m.rows[i];

		*b = (struct sandbox){.name = "a", .policy = "p", .kind = SANDBOX_CGROUP, .n_selectors = SELECTORS_MAX};
		for (unsigned int k = 0; k < SELECTORS_MAX; k++)
			memset(b->selectors[k].cgroup, 1, SELECTOR_CGROUP_MAX - 1);
	}
	CHECK(answer(MSG_SANDBOXES, &m, -1) == 0 && !s.reply.failed);
	CHECK(strstr(output(), "\"absent\":true") != NULL);
}

static void test_change(void)
{
	static struct msg_result m;
	enum message_type type;

	check_row("add and remove");
	session_init(&s);
	feed("{\"op\":\"sandbox-add\",\"name\":\"ci\",\"policy\":\"p\",\"uid\":7}\n{\"op\":\"sandbox-remove\",\"name\":\"ci\"}");
	s.in_end = true; /* a last line without its newline counts */
	CHECK(step(1, &type) && type == MSG_SANDBOX_ADD);
	CHECK(sandbox_valid(&((struct msg_sandbox *)&asked)->sandbox));
	m.h.seq = 1;
	m.error = -EEXIST;
	strncpy(m.text, "sandbox \"ci\" exists", sizeof(m.text) - 1);
	CHECK(answer(MSG_RESULT, &m, -1) == 0);
	CHECK_STR(output(), "{\"v\":1,\"ok\":false,\"code\":\"refused\",\"errno\":\"EEXIST\",\"error\":\"sandbox \\\"ci\\\" exists\"}\n");
	CHECK(step(2, &type) && type == MSG_SANDBOX_REMOVE);
	session_busy(&s);
	CHECK(strstr(output(), "\"code\":\"busy\"") != NULL && session_over(&s));
}

static int text_file(const char *text, unsigned int times)
{
	int fd = memfd_create("diagnostics", MFD_CLOEXEC);

	while (times--)
		CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	return fd;
}

static void test_reload(void)
{
	static struct msg_result m;
	enum message_type type;
	unsigned int lines = 0;

	check_row("reload");
	session_init(&s);
	feed("{\"op\":\"reload\"}\n");
	CHECK(step(1, &type) && type == MSG_RELOAD);
	m.h.seq = 1;
	m.n_warnings = 2;
	CHECK(answer(MSG_RELOADED, &m, text_file("a.conf:1: odd: do\n\nlast", 1)) == 0);
	CHECK_STR(output(), "{\"diagnostic\":\"a.conf:1: odd: do\"}\n{\"diagnostic\":\"last\"}\n"
		"{\"v\":1,\"ok\":true,\"errors\":0,\"warnings\":2}\n");
	check_row("a reload that could not begin");
	feed("{\"op\":\"reload\"}\n");
	CHECK(step(2, &type));
	m.h.seq = 2;
	m.error = -EBUSY;
	CHECK(answer(MSG_RESULT, &m, -1) == 0);
	CHECK(strstr(output(), "\"ok\":false,\"code\":\"refused\",\"errno\":\"EBUSY\"") != NULL);
	check_row("reload with a flood of hostile text");
	feed("{\"op\":\"reload\"}\n");
	CHECK(step(2, &type));
	m.h.seq = 2;
	m.error = -EINVAL;
	CHECK(answer(MSG_RELOADED, &m, text_file("\x1b\x1b\x1b\x1b\x1b\x1b\x1b\x1b\x1b\x1b\x1b\x1b\x1b\x1b\x1b", 30000)) == 0);
	while (s.reply.len) {
		for (const char *p = output(); (p = strchr(p, '\n')); p++)
			lines++;
		(void)step(3, &type);
	}
	CHECK(!s.reply.failed && !s.requested && s.text_fd == -1 && lines > 100 && lines <= SESSION_DIAGNOSTICS_MAX + 1);
}

static void test_bad_sessions(void)
{
	static char wide[REQUEST_BYTES_MAX];
	static struct msg_result m;
	enum message_type type;

	check_row("too long");
	session_init(&s);
	memset(wide, ' ', sizeof(wide));
	session_take(&s, wide, sizeof(wide));
	CHECK(session_room(&s) == 0 && !step(1, &type));
	CHECK(strstr(output(), "\"code\":\"too-long\"") != NULL && session_over(&s));
	check_row("as long as allowed");
	session_init(&s);
	memcpy(wide, "{\"op\":\"status\"}", 15);
	wide[sizeof(wide) - 1] = '\n';
	session_take(&s, wide, sizeof(wide));
	CHECK(step(1, &type));
	check_row("bad request ends the session");
	session_init(&s);
	feed("{\"id\":\"z\",\"op\":\"x\"}\n{\"op\":\"status\"}\n");
	CHECK(!step(1, &type) && session_room(&s) == 0);
	CHECK(strncmp(output(), "{\"id\":\"z\",\"v\":1,\"ok\":false,\"code\":\"bad-request\"", 45) == 0 && session_over(&s));
	check_row("an answer to another question");
	session_init(&s);
	feed("{\"op\":\"status\"}\n");
	CHECK(step(1, &type));
	m.h.seq = 1;
	CHECK(answer(MSG_RESULT, &m, -1) == -EPROTO);
	check_row("a stream that goes backwards");
	session_init(&s);
	feed("{\"op\":\"pins\"}\n");
	CHECK(step(1, &type));
	struct msg_pins pins = {.h.seq = 1, .next = 8};
	CHECK(answer(MSG_PINS, &pins, -1) == 0 && step(2, &type));
	pins.h.seq = 2;
	CHECK(answer(MSG_PINS, &pins, -1) == -EPROTO);
	pins.n = PINS_PER_MESSAGE + 1;
	CHECK(!reply_pins_valid(&pins));
}

int main(void)
{
	request_setup();
	test_requests();
	test_status();
	test_pins();
	test_sandboxes();
	test_change();
	test_reload();
	test_bad_sessions();
	return check_report();
}
