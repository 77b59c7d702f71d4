/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The query log of Route 53 Resolver ("Values that appear in VPC Resolver query logs", Route 53 Developer Guide): members,
 * their types and their capitals are AWS's, so that what reads those logs reads these. As there, firewall_* stand only where a
 * rule alerted or blocked, and an answer out of many equal ones is one line.
 *
 * Where AWS has ids we have names: of the rule group (of the policy for rules in its own section), and of the rule for its domain list. Where the absence of a rule blocks,
 * the reason's word stands for the list.
 */
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "format.h"
#include "postern/clock.h"
#include "postern/escape.h"
#include "words.h"

#define VERSION "1.100000" /* as samples of AWS have it; its documentation says 1.1 */
#define NOT_SAID "-"
#define SECONDS_AT 19 /* "2026-11-24T08:24:37" */

static void put_word(struct json_out *j, const char *key, const char *word)
{
	json_out_str(j, key, word[0] ? word : NOT_SAID);
}

static void put_query(struct json_out *j, const struct event *e)
{
	char time[CLOCK_TEXT_MAX], name[DNS_NAME_TEXT_MAX + 1], text[WORD_MAX];

	(void)clock_format(e->wall_us, time);
	memcpy(time + SECONDS_AT, "Z", 2);
	json_out_str(j, "query_timestamp", time);
	json_out_str(j, "query_name", absolute_name(&e->names[0], name));
	json_out_str(j, "query_type", word_type(e->qtype, text));
	json_out_str(j, "query_class", "IN");
	json_out_str(j, "rcode", word_rcode(e->rcode, text));
}

static void put_answers(struct json_out *j, const struct event *e)
{
	char type[WORD_MAX], text[RDATA_TEXT_MAX];
	struct bytes_reader r;
	struct answer_view a;

	answers_init(&r, e);
	json_out_open(j, "answers", '[');
	while (answers_next(&r, &a)) {
		json_out_open(j, NULL, '{');
		json_out_str(j, "Rdata", rdata_text(&a, text));
		json_out_str(j, "Type", word_type(a.type, type));
		json_out_str(j, "Class", "IN");
		json_out_close(j, '}');
	}
	json_out_close(j, ']');
}

static void put_source(struct json_out *j, const struct event *e, const struct format_words *w)
{
	char text[ADDR_TEXT_MAX], port[WORD_MAX];

	json_out_str(j, "srcaddr", e->source.family == ADDR_NONE ? NOT_SAID : addr_format(&e->source, text));
	snprintf(port, sizeof(port), "%u", e->source_port);
	json_out_str(j, "srcport", port);
	json_out_str(j, "transport", e->protocol == IPPROTO_TCP ? "TCP" : "UDP");
	json_out_open(j, "srcids", '{');
	put_word(j, "instance", w->instance[0] ? w->instance : e->sandbox);
	json_out_close(j, '}');
}

static void put_firewall(struct json_out *j, const struct event *e)
{
	if (e->action != EVENT_BLOCKED && e->action != EVENT_ALERTED && e->action != EVENT_WOULD_BLOCK)
		return;
	put_word(j, "firewall_rule_group_id", e->group[0] ? e->group : e->policy);
	json_out_str(j, "firewall_rule_action", e->action == EVENT_BLOCKED ? "BLOCK" : "ALERT");
	put_word(j, "firewall_domain_list_id", e->rule[0] ? e->rule : reason_text((enum reason)e->reason));
}

size_t route53_line(const struct event *e, const struct format_words *w, char *line, size_t cap)
{
	struct json_out j;

	json_out_init(&j, line, cap - 1);
	json_out_open(&j, NULL, '{');
	json_out_str(&j, "version", VERSION);
	put_word(&j, "account_id", w->account_id);
	put_word(&j, "region", w->region);
	put_word(&j, "vpc_id", w->vpc_id);
	put_query(&j, e);
	put_answers(&j, e);
	put_source(&j, e, w);
	put_firewall(&j, e);
	json_out_close(&j, '}');
	if (j.failed)
		return 0;
	line[j.len] = '\n';
	return j.len + 1;
}
