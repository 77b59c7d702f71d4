/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Open Cybersecurity Schema Framework 1.3.0: queries are DNS Activity (4003, "Traffic": one record for question and answer),
 * packets Network Activity (4001), a gap in the log the Base Event (0), with the profiles "security_control" and, where the
 * sender is known, "host". What has no attribute there is in `unmapped`, by the names of audit.jsonl.
 */
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "format.h"
#include "postern/escape.h"
#include "words.h"

#define SCHEMA_VERSION "1.3.0"
#define CLASS_BASE 0
#define CLASS_NETWORK 4001
#define CLASS_DNS 4003
#define CATEGORY_NETWORK 4
#define FILE_REGULAR 1
#define HARDWARE_ADDRESS 6 /* bytes of a mac */

enum activity { ACTIVITY_RESET = 3, ACTIVITY_FAIL = 4, ACTIVITY_REFUSE = 5, ACTIVITY_TRAFFIC = 6, ACTIVITY_OTHER = 99 };
enum severity { SEVERITY_INFORMATIONAL = 1, SEVERITY_LOW = 2, SEVERITY_MEDIUM = 3 };
enum action { ACTION_ID_UNKNOWN, ACTION_ID_ALLOWED, ACTION_ID_DENIED };
enum direction { DIRECTION_INBOUND = 1, DIRECTION_OUTBOUND = 2 };

/* What a decision is in terms of the profile "security_control". */
struct outcome {
	unsigned int action_id, disposition_id, severity_id;
	const char *action, *disposition;
};

static const struct outcome outcomes[] = {
	[EVENT_ACTION_NONE] = {ACTION_ID_ALLOWED, 1, SEVERITY_INFORMATIONAL, "Allowed", "Allowed"},
	[EVENT_ALLOWED] = {ACTION_ID_ALLOWED, 1, SEVERITY_INFORMATIONAL, "Allowed", "Allowed"},
	[EVENT_ALERTED] = {ACTION_ID_ALLOWED, 19, SEVERITY_MEDIUM, "Allowed", "Alert"},
	[EVENT_BLOCKED] = {ACTION_ID_DENIED, 2, SEVERITY_LOW, "Denied", "Blocked"},
	[EVENT_REFUSED] = {ACTION_ID_DENIED, 25, SEVERITY_LOW, "Denied", "Rejected"},
	[EVENT_DROPPED] = {ACTION_ID_DENIED, 6, SEVERITY_LOW, "Denied", "Dropped"},
	[EVENT_WOULD_BLOCK] = {ACTION_ID_ALLOWED, 19, SEVERITY_MEDIUM, "Allowed", "Alert"},
};
static_assert(ARRAY_LEN(outcomes) == EVENT_ACTION_COUNT, "a row for every action");

static const struct outcome cut = {ACTION_ID_DENIED, 21, SEVERITY_LOW, "Denied", "Reset"};
/* SERVFAIL: nobody decided against it. */
static const struct outcome failed = {ACTION_ID_UNKNOWN, 27, SEVERITY_LOW, "Unknown", "Error"};

static const struct outcome *outcome_of(const struct event *e)
{
	if (e->kind == EVENT_CUT)
		return &cut;
	if (e->kind == EVENT_DNS && e->action == EVENT_REFUSED)
		return &failed;
	return &outcomes[e->action];
}

static unsigned int activity_of(const struct event *e)
{
	if (e->kind == EVENT_SUPPRESSED)
		return ACTIVITY_OTHER;
	if (e->kind == EVENT_CUT)
		return ACTIVITY_RESET;
	if (e->kind == EVENT_REFUSAL && e->action == EVENT_DROPPED)
		return ACTIVITY_FAIL;
	return e->kind == EVENT_REFUSAL && e->action == EVENT_REFUSED ? ACTIVITY_REFUSE : ACTIVITY_TRAFFIC;
}

static const char *activity_text(unsigned int activity)
{
	return activity == ACTIVITY_RESET ? "Reset" : activity == ACTIVITY_FAIL ? "Fail" : activity == ACTIVITY_REFUSE ? "Refuse" :
		activity == ACTIVITY_TRAFFIC ? "Traffic" : "Suppressed";
}

static void put_text(struct json_out *j, const char *key, const char *value)
{
	if (value[0])
		json_out_str(j, key, value);
}

static bool has_actor(const struct event *e)
{
	return e->kind != EVENT_SUPPRESSED && e->by.pid > 0;
}

static void put_metadata(struct json_out *j, const struct event *e)
{
	json_out_open(j, "metadata", '{');
	json_out_str(j, "version", SCHEMA_VERSION);
	json_out_open(j, "product", '{');
	json_out_str(j, "name", "postern");
	json_out_str(j, "vendor_name", "postern");
	json_out_close(j, '}');
	if (e->kind != EVENT_SUPPRESSED) {
		json_out_open(j, "profiles", '[');
		json_out_str(j, NULL, "security_control");
		if (has_actor(e))
			json_out_str(j, NULL, "host");
		json_out_close(j, ']');
	}
	json_out_close(j, '}');
}

static void put_class(struct json_out *j, const struct event *e)
{
	bool gap = e->kind == EVENT_SUPPRESSED;
	unsigned int class = gap ? CLASS_BASE : e->kind == EVENT_DNS ? CLASS_DNS : CLASS_NETWORK, activity = activity_of(e);

	json_out_u64(j, "class_uid", class);
	json_out_str(j, "class_name", gap ? "Base Event" : class == CLASS_DNS ? "DNS Activity" : "Network Activity");
	json_out_u64(j, "category_uid", gap ? 0 : CATEGORY_NETWORK);
	json_out_u64(j, "activity_id", activity);
	json_out_str(j, "activity_name", activity_text(activity));
	json_out_u64(j, "type_uid", class * 100 + activity);
	json_out_u64(j, "severity_id", gap ? SEVERITY_MEDIUM : outcome_of(e)->severity_id);
	json_out_u64(j, "time", e->wall_us / 1000);
	json_out_u64(j, "start_time", e->wall_us / 1000);
	json_out_u64(j, "end_time", e->last_wall_us / 1000);
	json_out_u64(j, "count", e->count);
	put_metadata(j, e);
}

static void put_outcome(struct json_out *j, const struct event *e)
{
	const struct outcome *o = outcome_of(e);

	json_out_u64(j, "action_id", o->action_id);
	json_out_str(j, "action", o->action);
	json_out_u64(j, "disposition_id", o->disposition_id);
	json_out_str(j, "disposition", o->disposition);
	if (!e->rule[0] && !e->policy[0])
		return;
	json_out_open(j, "firewall_rule", '{');
	put_text(j, "name", e->rule[0] ? e->rule : reason_text((enum reason)e->reason));
	put_text(j, "uid", e->group[0] ? e->group : e->policy[0] ? e->policy : e->file);
	json_out_close(j, '}');
}

/* The end that is the sandbox's has its name. */
static void put_end(struct json_out *j, const struct event *e, bool source, const struct format_words *w)
{
	const struct addr *a = source ? &e->source : &e->destination;
	bool ours = source != e->inbound;
	char text[ADDR_TEXT_MAX], mac[3 * HARDWARE_ADDRESS + 1], name[DNS_NAME_TEXT_MAX];

	if (a->family == ADDR_NONE && !ours)
		return;
	json_out_open(j, source ? "src_endpoint" : "dst_endpoint", '{');
	if (a->family != ADDR_NONE)
		json_out_str(j, "ip", addr_format(a, text));
	if (a->family != ADDR_NONE && has_ports(e->protocol))
		json_out_u64(j, "port", source ? e->source_port : e->destination_port);
	if (ours) {
		put_text(j, "name", e->sandbox[0] ? e->sandbox : "-");
		put_text(j, "instance_uid", w->instance);
		put_text(j, "vpc_uid", w->vpc_id);
	} else if (e->kind != EVENT_DNS && e->n_names) {
		json_out_str(j, "hostname", dns_name_to_text(&e->names[0], name));
	}
	if (source && e->interface[0])
		json_out_str(j, "interface_name", e->interface);
	if (source && e->hardware_len == HARDWARE_ADDRESS) {
		for (unsigned int i = 0; i < HARDWARE_ADDRESS; i++)
			snprintf(mac + 3 * i, 4, "%02x:", e->hardware[i]);
		mac[3 * HARDWARE_ADDRESS - 1] = '\0';
		json_out_str(j, "mac", mac);
	}
	json_out_close(j, '}');
}

static void put_connection(struct json_out *j, const struct event *e)
{
	const struct addr *a = e->destination.family != ADDR_NONE ? &e->destination : &e->source;
	bool inbound = e->inbound;
	char text[WORD_MAX];

	json_out_open(j, "connection_info", '{');
	json_out_u64(j, "direction_id", inbound ? DIRECTION_INBOUND : DIRECTION_OUTBOUND);
	json_out_str(j, "direction", inbound ? "Inbound" : "Outbound");
	json_out_u64(j, "protocol_num", e->protocol);
	json_out_str(j, "protocol_name", word_protocol(e->protocol, text));
	if (a->family != ADDR_NONE)
		json_out_u64(j, "protocol_ver_id", a->family == ADDR_V6 ? 6 : 4);
	json_out_close(j, '}');
}

static void put_query(struct json_out *j, const struct event *e)
{
	char name[DNS_NAME_TEXT_MAX], text[WORD_MAX];

	json_out_open(j, "query", '{');
	json_out_str(j, "hostname", dns_name_to_text(&e->names[0], name));
	json_out_str(j, "type", word_type(e->qtype, text));
	json_out_str(j, "class", "IN");
	json_out_u64(j, "opcode_id", 0);
	json_out_close(j, '}');
	json_out_u64(j, "query_time", e->wall_us / 1000);
}

/* The schema's own captions, and its words for what is not assigned. */
static void put_rcode(struct json_out *j, const struct event *e)
{
	static const char *const captions[] = {"NoError", "FormError", "ServError", "NXDomain", "NotImp", "Refused"};
	bool known = e->rcode < ARRAY_LEN(captions);

	json_out_u64(j, "rcode_id", known ? e->rcode : 99);
	json_out_str(j, "rcode", known ? captions[e->rcode] : "Other");
}

static void put_answers(struct json_out *j, const struct event *e)
{
	char type[WORD_MAX], text[RDATA_TEXT_MAX];
	struct bytes_reader r;
	struct answer_view a;

	answers_init(&r, e);
	if (!bytes_left(&r))
		return;
	json_out_open(j, "answers", '[');
	while (answers_next(&r, &a)) {
		json_out_open(j, NULL, '{');
		json_out_str(j, "type", word_type(a.type, type));
		json_out_str(j, "class", "IN");
		json_out_str(j, "rdata", rdata_text(&a, text));
		json_out_close(j, '}');
	}
	json_out_close(j, ']');
}

static void put_actor(struct json_out *j, const struct attribution *by)
{
	const char *slash = strrchr(by->exe, '/');
	char uid[WORD_MAX];

	json_out_open(j, "actor", '{');
	json_out_open(j, "process", '{');
	json_out_u64(j, "pid", (uint64_t)by->pid);
	put_text(j, "cmd_line", by->command);
	if (by->exe[0]) {
		json_out_open(j, "file", '{');
		json_out_str(j, "name", slash && slash[1] ? slash + 1 : by->exe);
		json_out_str(j, "path", by->exe);
		json_out_u64(j, "type_id", FILE_REGULAR);
		json_out_close(j, '}');
	}
	json_out_close(j, '}');
	if (by->found) {
		snprintf(uid, sizeof(uid), "%u", by->uid);
		json_out_open(j, "user", '{');
		json_out_str(j, "uid", uid);
		json_out_close(j, '}');
	}
	json_out_close(j, '}');
}

static void put_unmapped(struct json_out *j, const struct event *e, const struct format_words *w)
{
	char name[DNS_NAME_TEXT_MAX];

	json_out_open(j, "unmapped", '{');
	json_out_str(j, "kind", event_kind_text((enum event_kind)e->kind));
	if (e->reason != REASON_NONE)
		json_out_str(j, "reason", reason_text((enum reason)e->reason));
	put_text(j, "sandbox", e->sandbox);
	put_text(j, "file", e->file);
	if (e->line)
		json_out_u64(j, "line", e->line);
	if (e->n_names > 1) {
		json_out_open(j, "names", '[');
		for (unsigned int i = 0; i < e->n_names; i++)
			json_out_str(j, NULL, dns_name_to_text(&e->names[i], name));
		json_out_close(j, ']');
	}
	if (e->protocol == IPPROTO_ICMP || e->protocol == IPPROTO_ICMPV6)
		json_out_u64(j, "icmp_type", e->destination_port);
	if (e->answers_cut)
		json_out_bool(j, "answers_cut", true);
	put_text(j, "cgroup", e->by.cgroup);
	put_text(j, "unit", e->by.unit);
	put_text(j, "container", e->by.container);
	put_text(j, "account_id", w->account_id);
	put_text(j, "region", w->region);
	put_text(j, "text", e->text);
	json_out_close(j, '}');
}

static void put_traffic(struct json_out *j, const struct event *e, const struct format_words *w)
{
	put_outcome(j, e);
	put_end(j, e, true, w);
	put_end(j, e, false, w);
	if (e->protocol)
		put_connection(j, e);
	if (e->kind == EVENT_DNS) {
		put_query(j, e);
		put_rcode(j, e);
		put_answers(j, e);
	}
	if (has_actor(e))
		put_actor(j, &e->by);
}

size_t ocsf_line(const struct event *e, const struct format_words *w, char *line, size_t cap)
{
	struct json_out j;

	json_out_init(&j, line, cap - 1);
	json_out_open(&j, NULL, '{');
	put_class(&j, e);
	if (e->kind != EVENT_SUPPRESSED)
		put_traffic(&j, e, w);
	put_unmapped(&j, e, w);
	json_out_close(&j, '}');
	if (j.failed)
		return 0;
	line[j.len] = '\n';
	return j.len + 1;
}
