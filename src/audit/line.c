/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One event, one line, one JSON object. Names of members and words of enumerations are published: they are
 * only ever added to, and `v` changes when an old one changes its meaning. What is unknown or
 * does not apply is left out, so a reader asks for presence, never for a magic value.
 *
 * Hostile bytes: domain names leave as RFC 1035 \DDD text, all other strings through json_out_str(), which
 * lets no control byte pass. A line that does not fit is refused whole.
 */
#include "line.h"

#include <netinet/in.h>
#include <stdio.h>

#include "postern/clock.h"
#include "postern/escape.h"
#include "words.h"

#define SCHEMA_VERSION 1

static void put_text(struct json_out *j, const char *key, const char *value)
{
	if (value[0])
		json_out_str(j, key, value);
}

static void put_time(struct json_out *j, const struct event *e)
{
	char text[CLOCK_TEXT_MAX];

	json_out_str(j, "time", clock_format(e->wall_us, text));
	if (e->last_wall_us != e->wall_us)
		json_out_str(j, "last_time", clock_format(e->last_wall_us, text));
}

static void put_decision(struct json_out *j, const struct event *e)
{
	if (e->action != EVENT_ACTION_NONE)
		json_out_str(j, "action", event_action_text((enum event_action)e->action));
	if (e->reason != REASON_NONE)
		json_out_str(j, "reason", reason_text((enum reason)e->reason));
	json_out_u64(j, "count", e->count);
	put_text(j, "sandbox", e->sandbox);
	put_text(j, "rule", e->rule);
	put_text(j, "group", e->group);
	put_text(j, "policy", e->policy);
	put_text(j, "file", e->file);
	if (e->line)
		json_out_u64(j, "line", e->line);
}

static void put_end(struct json_out *j, const char *key, const char *port_key, const struct addr *a, uint32_t port)
{
	char text[ADDR_TEXT_MAX];

	if (a->family == ADDR_NONE)
		return;
	json_out_str(j, key, addr_format(a, text));
	if (port != UINT32_MAX)
		json_out_u64(j, port_key, port);
}

static void put_traffic(struct json_out *j, const struct event *e)
{
	bool ports = has_ports(e->protocol);
	char text[WORD_MAX], hardware[3 * sizeof(e->hardware) + 1];

	if (e->kind == EVENT_REFUSAL || e->kind == EVENT_ALERT || e->kind == EVENT_CUT)
		json_out_str(j, "direction", e->inbound ? "in" : "out");
	if (e->protocol)
		json_out_str(j, "protocol", word_protocol(e->protocol, text));
	put_end(j, "source", "source_port", &e->source, ports ? e->source_port : UINT32_MAX);
	put_end(j, "destination", "destination_port", &e->destination, ports ? e->destination_port : UINT32_MAX);
	if (e->protocol == IPPROTO_ICMP || e->protocol == IPPROTO_ICMPV6)
		json_out_u64(j, "icmp_type", e->destination_port);
	put_text(j, "interface", e->interface);
	if (e->hardware_len) {
		for (unsigned int i = 0; i < e->hardware_len; i++)
			snprintf(hardware + 3 * i, 4, "%02x:", e->hardware[i]);
		hardware[3 * e->hardware_len - 1] = '\0';
		json_out_str(j, "hardware", hardware);
	}
}

static void put_names(struct json_out *j, const struct event *e)
{
	POSTERN_UNINITIALIZED char name[DNS_NAME_TEXT_MAX], text[WORD_MAX];

	if (e->n_names) {
		json_out_open(j, "names", '[');
		for (unsigned int i = 0; i < e->n_names; i++)
			json_out_str(j, NULL, dns_name_to_text(&e->names[i], name));
		json_out_close(j, ']');
	}
	if (e->qtype)
		json_out_str(j, "qtype", word_type(e->qtype, text));
	if (e->kind == EVENT_DNS)
		json_out_str(j, "rcode", word_rcode(e->rcode, text));
	if (e->lifetime_s)
		json_out_u64(j, "lifetime_s", e->lifetime_s);
}

/* What was answered. */
static void put_answers(struct json_out *j, const struct event *e)
{
	POSTERN_UNINITIALIZED char type[WORD_MAX], text[RDATA_TEXT_MAX];
	struct bytes_reader r;
	struct answer_view a;

	answers_init(&r, e);
	if (bytes_left(&r)) {
		json_out_open(j, "answers", '[');
		while (answers_next(&r, &a)) {
			json_out_open(j, NULL, '{');
			json_out_str(j, "type", word_type(a.type, type));
			json_out_str(j, "rdata", rdata_text(&a, text));
			json_out_close(j, '}');
		}
		json_out_close(j, ']');
	}
	if (e->answers_cut)
		json_out_bool(j, "answers_cut", true);
}

static void put_attribution(struct json_out *j, const struct attribution *by)
{
	if (by->found)
		json_out_u64(j, "uid", by->uid);
	if (by->pid > 0)
		json_out_u64(j, "pid", (uint64_t)by->pid);
	put_text(j, "exe", by->exe);
	put_text(j, "command", by->command);
	put_text(j, "cgroup", by->cgroup);
	put_text(j, "unit", by->unit);
	put_text(j, "container", by->container);
}

static void put_digest(struct json_out *j, const struct event *e)
{
	char hex[2 * sizeof(e->digest) + 1];

	if (!e->has_digest)
		return;
	for (size_t i = 0; i < sizeof(e->digest); i++)
		snprintf(hex + 2 * i, 3, "%02x", e->digest[i]);
	json_out_str(j, "sha256", hex);
}

size_t line_format(const struct event *e, enum role from, char *line, size_t cap)
{
	struct json_out j;

	if (cap == 0)
		return 0;
	json_out_init(&j, line, cap - 1);
	json_out_open(&j, NULL, '{');
	json_out_u64(&j, "v", SCHEMA_VERSION);
	put_time(&j, e);
	json_out_str(&j, "kind", event_kind_text((enum event_kind)e->kind));
	json_out_str(&j, "process", role_text(from));
	put_decision(&j, e);
	put_traffic(&j, e);
	put_names(&j, e);
	put_answers(&j, e);
	put_attribution(&j, &e->by);
	put_digest(&j, e);
	put_text(&j, "text", e->text);
	json_out_close(&j, '}');
	if (j.failed)
		return 0;
	line[j.len] = '\n';
	return j.len + 1;
}
