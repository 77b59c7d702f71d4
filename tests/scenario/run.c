/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Runs scenario files: see scenario.h. */
#include "scenario.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void scenario_fail(struct scenario *s, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "%s:%u: ", s->path, s->line);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	s->failed++;
}

void scenario_action(struct scenario *s, const char *fmt, ...)
{
	char text[LINE_MAX_BYTES];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (s->n_actions == ACTIONS_MAX)
		scenario_fail(s, "more actions than are kept: %s", text);
	else
		s->actions[s->n_actions++] = strdup(text);
}

static void show_answer(struct scenario *s, const struct client *c, const uint8_t *data, size_t len)
{
	char text[LINE_MAX_BYTES - 64];

	wire_text(data, len, text, sizeof(text));
	if (c->port == 1000)
		scenario_action(s, "answer %u %s", (unsigned int)(data[0] << 8 | data[1]), text);
	else
		scenario_action(s, "answer %u port %u %s", (unsigned int)(data[0] << 8 | data[1]), c->port, text);
}

static void on_answer(void *ctx, const struct client *c, const uint8_t *data, size_t len)
{
	show_answer(ctx, c, data, len);
}

static int on_ask(void *ctx, const struct upstream_ask *ask)
{
	struct scenario *s = ctx;
	char name[DNS_NAME_TEXT_MAX], type[32];
	struct dns_query q;
	size_t want_len;
	bool tls;

	if (s->ask_full)
		return -EMFILE;
	if (dns_query_parse(ask->data, ask->len, &q) != 0) {
		scenario_fail(s, "what goes upstream is no good query");
		return 0;
	}
	/* name, type, and our own OPT: nothing of the client's has room */
	tls = image_upstream_tls(s->im, ask->upstream);
	want_len = DNS_HEADER_SIZE + q.name.len + 4u + (q.edns ? DNS_OPT_SIZE : 0);
	if (q.cookie_len)
		want_len += DNS_OPTION_SIZE + (size_t)q.cookie_len;
	if (q.edns && (q.cookie_len == 0) != (tls || !s->cookies))
		scenario_fail(s, "a cookie goes upstream, or none does");
	if (tls && q.edns) /* but for padding, which says nothing */
		want_len = (want_len + 2 * DNS_OPTION_SIZE + DNS_PAD_BLOCK - 1) / DNS_PAD_BLOCK * DNS_PAD_BLOCK;
	if (ask->len != want_len || (q.flags & ~(DNS_AD | DNS_CD)) != DNS_RD ||
		(q.edns && q.udp_size != DNS_DATAGRAM_MAX))
		scenario_fail(s, "what goes upstream is more than name and type");
	dns_name_lower(&q.name);
	s->ask_before = s->ask;
	s->ask.ref = ask->ref;
	memcpy(s->ask.wire, ask->data, ask->len);
	s->ask.len = ask->len;
	scenario_action(s, "ask %u %s %s%s%s%s%s%s%s", ask->upstream, dns_name_to_text(&q.name, name),
		wire_type_text(q.qtype, type, sizeof(type)), tls ? " tls" : ask->stream ? " tcp" : "", q.edns ? "" : " plain",
		q.dnssec_ok ? " do" : "", q.flags & DNS_AD ? " ad" : "", q.flags & DNS_CD ? " cd" : "",
		q.cookie_len > DNS_COOKIE_CLIENT ? " cookie" : "");
	return 0;
}

static void on_forget(void *ctx, uint32_t ref)
{
	(void)ctx;
	(void)ref;
}

static int on_pin(void *ctx, struct msg_pin_request *m)
{
	struct scenario *s = ctx;
	char name[DNS_NAME_TEXT_MAX], addr[ADDR_TEXT_MAX], list[LINE_MAX_BYTES - 1200];
	size_t n = 0;

	if (s->pin_full)
		return -EAGAIN;
	s->pin_before = s->pin;
	s->pin = *m;
	list[0] = '\0';
	for (unsigned int i = 0; i < m->n_addrs; i++)
		n += (size_t)snprintf(list + n, sizeof(list) - n, " %s", addr_format(&m->addrs[i], addr));
	scenario_action(s, "%s %u %s ttl %u%s", m->would_block ? "name" : "pin", m->slot, dns_name_to_text(&m->name, name), m->ttl_s, list);
	return 0;
}

static int on_record(void *ctx, const struct decision_record *d, bool last_chance)
{
	char name[DNS_NAME_TEXT_MAX], hop[DNS_NAME_TEXT_MAX], source[ADDR_TEXT_MAX], by[160] = "";
	struct scenario *s = ctx;
	bool rule = s->rules && d->place.name != IMAGE_NONE && d->name.len;

	if (s->log_full && !last_chance)
		return -EAGAIN;
	if (rule)
		snprintf(by, sizeof(by), " by %s%s%s", image_string(s->im, d->place.group),
			d->place.group == IMAGE_NONE ? "" : "/", image_string(s->im, d->place.name));
	else if (s->rules)
		snprintf(by, sizeof(by), " by none");
	if (!d->name.len && d->source.family != ADDR_NONE)
		snprintf(by, sizeof(by), " from %s", addr_format(&d->source, source));
	scenario_action(ctx, "record %u %s %s %s x%u%s%s%s", d->slot, d->name.len ? dns_name_to_text(&d->name, name) : "-",
		reason_text((enum reason)d->reason), event_action_text((enum event_action)d->action), d->count,
		d->hop.len ? " hop " : "", d->hop.len ? dns_name_to_text(&d->hop, hop) : "", by);
	return 0;
}

/* A fixed sequence; the same run every time. */
static uint32_t on_random(void *ctx)
{
	struct scenario *s = ctx;

	s->random = s->random * 1664525u + 1013904223u;
	return s->random ^ s->random >> 16;
}

static const struct resolver_ports ports = {
	.answer = on_answer, .ask = on_ask, .forget = on_forget, .pin = on_pin, .record = on_record, .random = on_random,
	.seen = gate_seen,
};

/* The value of "KEY=VALUE" among @words, or @otherwise. */
static unsigned long word_value(const char *words, const char *key, unsigned long otherwise)
{
	const char *at = strstr(words, key);

	return at ? strtoul(at + strlen(key), NULL, 10) : otherwise;
}

/* Is @word one of @words? */
static bool word_stands(const char *words, const char *word)
{
	size_t len = strlen(word);

	for (; *words; words += *words == ' ') {
		size_t n = strcspn(words, " ");

		if (n == len && strncmp(words, word, n) == 0)
			return true;
		words += n;
	}
	return false;
}

static void query_bytes(struct scenario *s, const struct client *c, const uint8_t *data, size_t len)
{
	uint8_t out[RESOLVER_ANSWER_MAX];
	int n = resolver_query(s->r, c, data, len, out);

	if (n > 0)
		show_answer(s, c, out, (size_t)n);
	else if (n < 0)
		scenario_action(s, n == -EAGAIN ? "limited" : "dropped");
}

static void do_query(struct scenario *s, char *args)
{
	char name[300], type[32];
	int used = 0;
	uint8_t wire[DNS_ASK_MAX];
	struct dns_ask a = {0};
	struct client c = {.peer = {.family = ADDR_V4, .bytes = {198, 51, 100, 1}}};
	char address[ADDR_TEXT_MAX];
	const char *from;
	unsigned long size;

	if (sscanf(args, "%299s %31s %n", name, type, &used) != 2 || dns_name_from_text(name, &a.name) < 0) {
		scenario_fail(s, "query: no name");
		return;
	}
	args += used;
	c.slot = (uint16_t)word_value(args, "slot=", 1);
	c.port = (uint16_t)word_value(args, "port=", 1000);
	c.stream = strstr(args, "tcp") != NULL;
	from = strstr(args, "from=");
	if (from && (sscanf(from, "from=%45s", address) != 1 || addr_parse(address, &c.peer) < 0))
		scenario_fail(s, "query: from= is no address");
	a.id = (uint16_t)word_value(args, "id=", 7);
	a.qtype = wire_type(type);
	size = word_value(args, "edns=", 0);
	a.dnssec_ok = word_stands(args, "do");
	a.ask_authentic = word_stands(args, "ad");
	a.checking_disabled = word_stands(args, "cd");
	a.edns = size != 0;
	size_t len = dns_ask_write(&a, wire);

	if (a.edns) { /* the size stands seven bytes before the end */
		wire[len - 8] = (uint8_t)(size >> 8);
		wire[len - 7] = (uint8_t)size;
	}
	query_bytes(s, &c, wire, len);
}

static void do_raw(struct scenario *s, char *args)
{
	struct client c = {.slot = 1, .port = 1000};
	uint8_t wire[LINE_MAX_BYTES];

	query_bytes(s, &c, wire, wire_hex(args, wire, sizeof(wire)));
}

static void do_reply(struct scenario *s, char *args)
{
	static uint8_t wire[DNS_MESSAGE_MAX];

	resolver_upstream_answer(s->r, s->ask.ref, wire, wire_reply(s, args, wire, sizeof(wire)));
}

static void do_junk(struct scenario *s, char *args)
{
	uint8_t wire[LINE_MAX_BYTES];

	resolver_upstream_answer(s->r, s->ask.ref, wire, wire_hex(args, wire, sizeof(wire)));
}

static void do_broken(struct scenario *s, char *args)
{
	(void)args;
	resolver_upstream_failed(s->r, s->ask.ref);
}

static void do_grant(struct scenario *s, char *args)
{
	const struct msg_pin_request *asked = s->late ? &s->pin_before : &s->pin;
	struct msg_pin_reply m = {.h.seq = asked->h.seq, .reason = REASON_NONE, .granted = UINT32_MAX};
	char *save = NULL, *word = strtok_r(args, " ", &save);
	struct addr a;

	m.lifetime_ms = (uint32_t)strtoul(word, NULL, 10);
	word = strtok_r(NULL, " ", &save);
	if (word)
		m.granted = 0;
	for (; word; word = strtok_r(NULL, " ", &save))
		for (unsigned int i = 0; i < asked->n_addrs; i++)
			if (addr_parse(word, &a) == 0 && addr_equal(&a, &asked->addrs[i]))
				m.granted |= 1u << i;
	s->late = false;
	resolver_pin_reply(s->r, &m);
}

static void do_refuse(struct scenario *s, char *args)
{
	struct msg_pin_reply m = {.h.seq = s->pin.h.seq, .reason = (uint16_t)reason_parse(args)};

	resolver_pin_reply(s->r, &m);
}

static void do_late(struct scenario *s, char *args)
{
	(void)args;
	s->late = true;
}

/* What comes next is for the question before the last. */
static void do_other(struct scenario *s, char *args)
{
	struct scenario_ask last = s->ask;

	(void)args;
	s->ask = s->ask_before;
	s->ask_before = last;
}

static void do_full(struct scenario *s, char *args)
{
	bool on = strstr(args, "off") == NULL;

	if (strncmp(args, "pin", 3) == 0)
		s->pin_full = on;
	else if (strncmp(args, "log", 3) == 0)
		s->log_full = on;
	else
		s->ask_full = on;
}

/* Both clocks. */
static void advance(struct scenario *s, uint64_t now_ms)
{
	s->wall_s += now_ms / 1000 - s->now_ms / 1000;
	s->now_ms = now_ms;
	resolver_set_wall(s->r, s->wall_s * 1000);
	resolver_advance(s->r, s->now_ms);
}

static uint64_t span_ms(const char *text)
{
	char *unit;
	uint64_t n = strtoull(text, &unit, 10);

	return *unit == 'd' ? n * 86400000 : *unit == 'h' ? n * 3600000 : n;
}

/* In the steps in which a loop would wake up. */
static void do_time(struct scenario *s, char *args)
{
	uint64_t until_ms = s->now_ms + span_ms(args);

	while (s->now_ms < until_ms) {
		uint64_t due_ms = resolver_deadline(s->r);

		advance(s, due_ms > s->now_ms && due_ms < until_ms ? due_ms : until_ms);
		gate_tell(s);
	}
}

static void do_wall(struct scenario *s, char *args)
{
	s->wall_s = strtoull(args, NULL, 10);
	advance(s, s->now_ms);
}

static void do_key(struct scenario *s, char *args)
{
	if (!signer_add(&s->signer, args))
		scenario_fail(s, "key NAME ZONE [sep]");
}

static void do_load(struct scenario *s, char *args)
{
	struct image *old = s->im;
	void *old_data = s->image_data;

	(void)args;
	resolver_flush(s->r); /* what it holds names rules of the old image */
	gate_load(s);
	s->im = policy_text_load(s->policy, &s->image_data);
	if (!s->im)
		scenario_fail(s, "the policy does not compile");
	resolver_set_image(s->r, s->im, ++s->generation);
	image_unmap(old);
	free(old_data);
}

/* All but the table of anchors is forgotten. */
static void do_restart(struct scenario *s, char *args)
{
	(void)args;
	resolver_free(s->r);
	image_unmap(s->im);
	free(s->image_data);
	s->im = NULL;
	s->image_data = NULL;
	s->r = resolver_new(&s->ports, s);
	gate_restart(s);
	advance(s, s->now_ms);
}

static void do_sandbox(struct scenario *s, char *args)
{
	struct sandbox box = {.kind = SANDBOX_UID, .n_selectors = 1};
	unsigned int slot;

	if (sscanf(args, "%u %63s", &slot, box.policy) != 2)
		scenario_fail(s, "sandbox SLOT POLICY");
	if (strstr(args, " bridge")) {
		box.kind = SANDBOX_INTERFACE;
		snprintf(box.selectors[0].ifname, sizeof(box.selectors[0].ifname), "br-box%u", slot);
	}
	box.mode = strstr(args, " audit") ? SANDBOX_AUDIT : SANDBOX_ENFORCE;
	box.fail_open = strstr(args, " fail_open") != NULL;
	snprintf(box.name, sizeof(box.name), "box%u", slot);
	box.slot = (uint16_t)slot;
	if (resolver_set_sandbox(s->r, &box) < 0)
		scenario_fail(s, "the sandbox is refused");
}

static void do_gone(struct scenario *s, char *args)
{
	resolver_remove_sandbox(s->r, (uint16_t)strtoul(args, NULL, 10));
}

static void do_cookies(struct scenario *s, char *args)
{
	s->cookies = strncmp(args, "off", 3) != 0;
}

static void do_rules(struct scenario *s, char *args)
{
	s->rules = strcmp(args, "on") == 0;
}

static void do_counter(struct scenario *s, char *args)
{
	char name[64];
	unsigned long want;

	if (sscanf(args, "%63s %lu", name, &want) != 2)
		scenario_fail(s, "counter NAME VALUE");
	for (unsigned int i = 0; i < COUNTER_RESOLVER_COUNT; i++) {
		if (strcmp(counter_name(ROLE_RESOLVER, i), name) != 0)
			continue;
		if (resolver_counters(s->r)[i] != want)
			scenario_fail(s, "counter %s is %lu, not %lu", name, (unsigned long)resolver_counters(s->r)[i], want);
		return;
	}
	scenario_fail(s, "no counter %s", name);
}

static const struct {
	const char *word;
	void (*run)(struct scenario *s, char *args);
} events[] = {
	{"query", do_query}, {"raw", do_raw}, {"reply", do_reply}, {"junk", do_junk}, {"broken", do_broken},
	{"grant", do_grant}, {"refuse", do_refuse}, {"late", do_late}, {"full", do_full}, {"other", do_other}, {"time", do_time},
	{"load", do_load}, {"sandbox", do_sandbox}, {"gone", do_gone}, {"counter", do_counter}, {"rules", do_rules},
	{"cookies", do_cookies},
	{"wall", do_wall}, {"key", do_key}, {"anchors", gate_anchors}, {"restart", do_restart},
};

static void drop_action(struct scenario *s)
{
	free(s->actions[0]);
	memmove(s->actions, s->actions + 1, --s->n_actions * sizeof(s->actions[0]));
}

static void expect(struct scenario *s, const char *want)
{
	if (!s->n_actions) {
		scenario_fail(s, "nothing happened, expected\n  %s", want);
		return;
	}
	if (strcmp(s->actions[0], want) != 0)
		scenario_fail(s, "got\n  %s\nexpected\n  %s", s->actions[0], want);
	drop_action(s);
}

static void nothing_left(struct scenario *s)
{
	while (s->n_actions) {
		scenario_fail(s, "not expected before this line:\n  %s", s->actions[0]);
		drop_action(s);
	}
}

static void run_line(struct scenario *s, char *line)
{
	size_t len = strcspn(line, " ");

	if (line[0] == '>') {
		expect(s, line + 2);
		return;
	}
	nothing_left(s);
	for (size_t i = 0; i < ARRAY_LEN(events); i++) {
		if (strlen(events[i].word) == len && strncmp(events[i].word, line, len) == 0) {
			events[i].run(s, line[len] ? line + len + 1 : line + len);
			gate_tell(s);
			return;
		}
	}
	if (!policy_text_line(s->policy, line))
		scenario_fail(s, "not understood");
}

static void run_file(struct scenario *s, FILE *f)
{
	static char line[LINE_MAX_BYTES];

	while (fgets(line, sizeof(line), f)) {
		s->line++;
		line[strcspn(line, "\n")] = '\0';
		if (line[0] && line[0] != '#')
			run_line(s, line);
	}
	nothing_left(s);
}

static unsigned int run(const char *path)
{
	static struct scenario s;
	FILE *f = fopen(path, "re");

	if (!f) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return 1;
	}
	s = (struct scenario){.path = path, .now_ms = 1000000, .random = 1, .ports = ports, .wall_s = 1800000000, .cookies = true};
	s.policy = policy_text_new();
	s.r = resolver_new(&s.ports, &s);
	advance(&s, s.now_ms);
	run_file(&s, f);
	if (s.line == 0)
		scenario_fail(&s, "empty");
	fclose(f);
	resolver_free(s.r);
	image_unmap(s.im);
	free(s.image_data);
	policy_text_free(s.policy);
	signer_free(&s.signer);
	printf("%s: %u lines, %u failed\n", path, s.line, s.failed);
	return s.failed;
}

int main(int argc, char **argv)
{
	unsigned int failed = argc < 2;

	for (int i = 1; i < argc; i++)
		failed += run(argv[i]);
	return failed ? 1 : 0;
}
