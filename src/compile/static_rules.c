/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The sections `egress` and `ingress`: prefixes and services, matched in the order of the file.
 */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "policy.h"
#include "ports.h"

static const struct member egress_members[] = {
	{"name", NODE_STRING, true}, {"to", NODE_STRING | NODE_LIST, true}, {"ports", NODE_STRING | NODE_LIST, true},
	{"action", NODE_STRING, false}, {0},
};
static const struct member ingress_members[] = {
	{"name", NODE_STRING, true}, {"from", NODE_STRING | NODE_LIST, true}, {"ports", NODE_STRING | NODE_LIST, true},
	{"action", NODE_STRING, false}, {0},
};
static const char *const actions[] = {[ACTION_ALLOW] = "ALLOW", [ACTION_ALERT] = "ALERT", NULL};

struct static_rule {
	struct build_static rule;
	struct prefix prefixes[RULE_PREFIXES_MAX];
	struct image_service services[RULE_STATIC_SERVICES_MAX];
	bool v4, v6;
};

/* The prefix without the bits that stand to the right of its length, as text for the cure. */
static bool host_bits_cure(const char *text, char ret_text[static ADDR_TEXT_MAX + 4])
{
	const char *slash = strchr(text, '/');
	char host[ADDR_TEXT_MAX];
	struct prefix p = {0};
	char *end;
	long len;

	if (!slash || (size_t)(slash - text) >= sizeof(host))
		return false;
	memcpy(host, text, (size_t)(slash - text));
	host[slash - text] = '\0';
	len = strtol(slash + 1, &end, 10);
	if (addr_parse(host, &p.addr) < 0 || end == slash + 1 || *end || len < 0 || len > addr_bits(&p.addr))
		return false;
	p.len = (uint8_t)len;
	for (unsigned int bit = p.len; bit < addr_bits(&p.addr); bit++)
		p.addr.bytes[bit / 8] &= (uint8_t)~(0x80u >> bit % 8);
	prefix_format(&p, ret_text);
	return true;
}

static void complain_prefix(struct policy_reader *r, const struct node *n)
{
	const char *text = node_string(n);
	char cure[ADDR_TEXT_MAX + 4];

	if (host_bits_cure(text, cure))
		diag_error(r->c->diag, node_spot(n), "\"%s\" has bits behind its prefix length: write \"%s\", or the address "
			"alone", text, cure);
	else if (strpbrk(text, "ghijklmnopqrstuvwxyzGHIJKLMNOPQRSTUVWXYZ*"))
		diag_error(r->c->diag, node_spot(n), "\"%s\" is no address: names belong into `domains` of a DNS rule", text);
	else
		diag_error(r->c->diag, node_spot(n), "\"%s\" is no prefix: write an address such as \"192.0.2.1\", or "
			"\"192.0.2.0/24\", \"2001:db8::/32\"", text);
}

static void take_prefixes(struct policy_reader *r, const struct node *n, struct static_rule *s, bool ingress)
{
	if (policy_strings(n) == 0)
		diag_error(r->c->diag, node_spot(n), "`%s` is empty: write prefixes, or \"0.0.0.0/0\" and \"::/0\" for every "
			"address", node_name(n));
	for (size_t i = 0; i < policy_strings(n); i++) {
		const struct node *entry = policy_string_at(r->c, n, i);
		struct prefix p;

		if (!entry)
			continue;
		if (prefix_parse(node_string(entry), &p) < 0) {
			complain_prefix(r, entry);
			continue;
		}
		if (s->rule.n_prefixes == RULE_PREFIXES_MAX) {
			diag_error(r->c->diag, node_spot(entry), "more than %d prefixes in one rule: use a second rule", RULE_PREFIXES_MAX);
			return;
		}
		if (!ingress && p.len == addr_bits(&p.addr) && addr_is_never(&p.addr))
			diag_warning(r->c->diag, node_spot(entry), "\"%s\" is a metadata service, which is always denied: remove it",
				node_string(entry));
		s->v4 = s->v4 || p.addr.family == ADDR_V4;
		s->v6 = s->v6 || p.addr.family == ADDR_V6;
		s->prefixes[s->rule.n_prefixes++] = p;
	}
}

static void take_services(struct policy_reader *r, const struct node *n, struct static_rule *s)
{
	char complaint[COMPLAINT_MAX];

	if (policy_strings(n) == 0)
		diag_error(r->c->diag, node_spot(n), "`ports` is empty: write services, or \"all\"");
	for (size_t i = 0; i < policy_strings(n); i++) {
		const struct node *entry = policy_string_at(r->c, n, i);
		struct image_service v;

		if (!entry)
			continue;
		if (!service_parse(node_string(entry), &v, complaint)) {
			diag_error(r->c->diag, node_spot(entry), "%s", complaint);
			continue;
		}
		if (s->rule.n_services == RULE_STATIC_SERVICES_MAX) {
			diag_error(r->c->diag, node_spot(entry), "more than %d services in one rule: use ranges or a second rule",
				RULE_STATIC_SERVICES_MAX);
			return;
		}
		if ((v.protocol == IPPROTO_ICMP && !s->v4 && s->v6) || (v.protocol == IPPROTO_ICMPV6 && !s->v6 && s->v4))
			diag_warning(r->c->diag, node_spot(entry), "\"%s\" cannot occur with these prefixes: icmp goes with IPv4, "
				"icmpv6 with IPv6", node_string(entry));
		s->services[s->rule.n_services++] = v;
	}
}

/* Block would be no rule: what no rule allows is denied. */
static enum rule_action take_action(struct policy_reader *r, const struct node *n)
{
	const struct node *action = node_member(n, "action", NODE_STRING);

	if (action && strcmp(node_string(action), "BLOCK") == 0) {
		diag_error(r->c->diag, node_spot(action), "action BLOCK in a static rule: what no rule allows is denied anyway: "
			"remove the rule");
		return ACTION_ALLOW;
	}
	return (enum rule_action)policy_word(r->c, n, "action", actions, ACTION_ALLOW);
}

static void read_rule(struct policy_reader *r, const struct node *n, struct static_rule *s, bool ingress)
{
	const struct node *prefixes = node_member(n, ingress ? "from" : "to", NODE_STRING | NODE_LIST);
	const struct node *ports = node_member(n, "ports", NODE_STRING | NODE_LIST);

	s->rule = (struct build_static){.prefixes = s->prefixes, .services = s->services};
	s->v4 = s->v6 = false;
	node_check_members(r->c, n, ingress ? "an ingress rule" : "an egress rule", ingress ? ingress_members : egress_members);
	(void)policy_rule_name(r, n, &s->rule.place);
	s->rule.action = take_action(r, n);
	if (prefixes)
		take_prefixes(r, prefixes, s, ingress);
	if (ports)
		take_services(r, ports, s);
	if (r->c->diag->n_errors)
		return;
	if (ingress)
		image_build_ingress(r->c->builder, &s->rule);
	else
		image_build_egress(r->c->builder, &s->rule);
}

void policy_static_rules(struct policy_reader *r, const struct node *list, bool ingress)
{
	struct static_rule *s = malloc(sizeof(*s)); /* too large for the stack */

	ASSERT(s);
	if (node_count(list) > RULES_MAX)
		diag_error(r->c->diag, node_spot(list), "more than %d rules: put prefixes together", RULES_MAX);
	for (size_t i = 0; i < node_count(list) && i < RULES_MAX; i++) {
		const struct node *n = node_at(list, i);

		if (node_kind(n) == NODE_GROUP)
			read_rule(r, n, s, ingress);
		else
			diag_error(r->c->diag, node_spot(n), "an entry of `%s` that is no rule: write { name = ...; }",
				ingress ? "ingress" : "egress");
	}
	free(s);
}
