/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VPC Flow Log records ("Flow log records", Amazon VPC User Guide): fields separated by one space, "-" for what does not
 * apply or is not known. Only what was refused, cut, or let through to be recorded has a record; packets are those of the window,
 * bytes are not counted. Where events were not recorded one by one stands a record with log-status SKIPDATA.
 */
#include <stdio.h>
#include <string.h>

#include "format.h"
#include "postern/flow.h"
#include "words.h"

#define NOT_KNOWN "-"
#define FIELD_MAX 128
#define US 1000000

/* A word as a field: nothing in it separates fields or lines. */
static const char *field_word(const char *word, char text[static FIELD_MAX])
{
	size_t n = 0;

	if (!*word)
		return NOT_KNOWN;
	for (; word[n] && n < FIELD_MAX - 1; n++)
		text[n] = (char)(word[n] > ' ' && word[n] <= '~' ? word[n] : '_');
	text[n] = '\0';
	return text;
}

static const char *field_number(unsigned long long v, char text[static FIELD_MAX])
{
	snprintf(text, FIELD_MAX, "%llu", v);
	return text;
}

/* What a field is made from. */
struct flow_record {
	const struct event *e;
	const struct format_words *w;
};

static const char *put_version(const struct flow_record *r, char text[static FIELD_MAX])
{
	unsigned int highest = 0;

	for (unsigned int i = 0; i < r->w->n_fields; i++) {
		unsigned int version = flow_field_version((enum flow_field)r->w->fields[i]);

		highest = version > highest ? version : highest;
	}
	return field_number(highest, text);
}

static const char *put_account(const struct flow_record *r, char text[static FIELD_MAX])
{
	return field_word(r->w->account_id, text);
}

static const char *put_interface(const struct flow_record *r, char text[static FIELD_MAX])
{
	return field_word(r->e->interface, text);
}

static const char *put_source(const struct flow_record *r, char text[static FIELD_MAX])
{
	return r->e->source.family == ADDR_NONE ? NOT_KNOWN : addr_format(&r->e->source, text);
}

static const char *put_destination(const struct flow_record *r, char text[static FIELD_MAX])
{
	return addr_format(&r->e->destination, text);
}

/* Ports are 0 where a protocol has none. */
static const char *put_source_port(const struct flow_record *r, char text[static FIELD_MAX])
{
	return field_number(has_ports(r->e->protocol) ? r->e->source_port : 0, text);
}

static const char *put_destination_port(const struct flow_record *r, char text[static FIELD_MAX])
{
	return field_number(has_ports(r->e->protocol) ? r->e->destination_port : 0, text);
}

static const char *put_protocol(const struct flow_record *r, char text[static FIELD_MAX])
{
	return field_number(r->e->protocol, text);
}

static const char *put_packets(const struct flow_record *r, char text[static FIELD_MAX])
{
	return field_number(r->e->count, text);
}

static const char *put_bytes(const struct flow_record *r, char text[static FIELD_MAX])
{
	(void)r, (void)text;
	return NOT_KNOWN;
}

static const char *put_start(const struct flow_record *r, char text[static FIELD_MAX])
{
	return field_number(r->e->wall_us / US, text);
}

static const char *put_end(const struct flow_record *r, char text[static FIELD_MAX])
{
	return field_number(r->e->last_wall_us / US, text);
}

static const char *put_action(const struct flow_record *r, char text[static FIELD_MAX])
{
	(void)text;
	return r->e->action == EVENT_ALERTED || r->e->action == EVENT_ALLOWED || r->e->action == EVENT_WOULD_BLOCK ?
		"ACCEPT" : "REJECT";
}

static const char *put_status(const struct flow_record *r, char text[static FIELD_MAX])
{
	(void)text;
	return r->e->kind == EVENT_SUPPRESSED ? "SKIPDATA" : "OK";
}

static const char *put_vpc(const struct flow_record *r, char text[static FIELD_MAX])
{
	return field_word(r->w->vpc_id, text);
}

static const char *put_instance(const struct flow_record *r, char text[static FIELD_MAX])
{
	return field_word(r->w->instance[0] ? r->w->instance : r->e->sandbox, text);
}

static const char *put_type(const struct flow_record *r, char text[static FIELD_MAX])
{
	(void)text;
	return r->e->destination.family == ADDR_V6 ? "IPv6" : "IPv4";
}

static const char *put_region(const struct flow_record *r, char text[static FIELD_MAX])
{
	return field_word(r->w->region, text);
}

static const char *put_direction(const struct flow_record *r, char text[static FIELD_MAX])
{
	(void)text;
	return r->e->inbound ? "ingress" : "egress";
}

static const struct {
	bool in_gaps; /* a record of what was skipped has it too */
	const char *(*put)(const struct flow_record *r, char text[static FIELD_MAX]);
} fields[] = {
	[FLOW_VERSION] = {true, put_version}, [FLOW_ACCOUNT_ID] = {true, put_account}, [FLOW_INTERFACE_ID] = {true, put_interface},
	[FLOW_SRCADDR] = {false, put_source}, [FLOW_DSTADDR] = {false, put_destination}, [FLOW_SRCPORT] = {false, put_source_port},
	[FLOW_DSTPORT] = {false, put_destination_port}, [FLOW_PROTOCOL] = {false, put_protocol}, [FLOW_PACKETS] = {false, put_packets},
	[FLOW_BYTES] = {false, put_bytes}, [FLOW_START] = {true, put_start}, [FLOW_END] = {true, put_end},
	[FLOW_ACTION] = {false, put_action}, [FLOW_LOG_STATUS] = {true, put_status}, [FLOW_VPC_ID] = {true, put_vpc},
	[FLOW_INSTANCE_ID] = {true, put_instance}, [FLOW_TYPE] = {false, put_type}, [FLOW_PKT_SRCADDR] = {false, put_source},
	[FLOW_PKT_DSTADDR] = {false, put_destination}, [FLOW_REGION] = {true, put_region}, [FLOW_DIRECTION] = {false, put_direction},
};
static_assert(ARRAY_LEN(fields) == FLOW_FIELD_COUNT, "a writer for every field");

size_t flow_line(const struct event *e, const struct format_words *w, char *line, size_t cap)
{
	const struct flow_record r = {e, w};
	char text[FIELD_MAX];
	size_t len = 0, n;

	for (unsigned int i = 0; i < w->n_fields; i++) {
		bool there = e->kind != EVENT_SUPPRESSED || fields[w->fields[i]].in_gaps;
		const char *field = there ? fields[w->fields[i]].put(&r, text) : NOT_KNOWN;

		n = strlen(field);
		if (len + n + 1 > cap)
			return 0;
		memcpy(line + len, field, n);
		len += n;
		line[len++] = ' ';
	}
	if (len)
		line[len - 1] = '\n';
	return len;
}
