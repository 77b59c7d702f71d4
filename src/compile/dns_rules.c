/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The section `dns`: Route 53 Resolver DNS Firewall's rules
 * (https://docs.aws.amazon.com/Route53/latest/APIReference/API_route53resolver_FirewallRule.html), and the ports that
 * an answer opens, which Route 53 does not have. `ports` has to be there in a rule that allows: a default would
 * open what nobody wrote, or nothing where somebody expects something.
 */
#include <stdlib.h>
#include <string.h>

#include "policy.h"
#include "ports.h"

#define OVERRIDE_TTL_MAX_S 604800 /* Route 53's limit */
#define OVERRIDE_TTL_S 0	  /* as the console of Route 53 proposes: nobody is told to remember a block */

static const struct member members[] = {
	{"name", NODE_STRING, true}, {"priority", NODE_INTEGER, true}, {"action", NODE_STRING, true},
	{"domains", NODE_STRING | NODE_LIST, false}, {"protection", NODE_STRING, false}, {"confidence", NODE_STRING, false}, {"ports", NODE_STRING | NODE_LIST, false}, {"qtype", NODE_STRING, false},
	{"redirection", NODE_STRING, false}, {"response", NODE_STRING, false}, {"override_domain", NODE_STRING, false},
	{"override_ttl", NODE_INTEGER, false}, {"https_records", NODE_STRING, false}, {0},
};
static const char *const actions[] = {[ACTION_ALLOW] = "ALLOW", [ACTION_ALERT] = "ALERT", [ACTION_BLOCK] = "BLOCK", NULL};
static const char *const responses[] = {
	[RESPONSE_NODATA] = "NODATA", [RESPONSE_NXDOMAIN] = "NXDOMAIN", [RESPONSE_OVERRIDE] = "OVERRIDE", NULL};
/* both spellings; the index modulo two is the value */
static const char *const redirections[] = {
	[REDIRECTION_INSPECT] = "INSPECT", [REDIRECTION_TRUST] = "TRUST", "INSPECT_REDIRECTION_DOMAIN", "TRUST_REDIRECTION_DOMAIN", NULL};
static const char *const https_words[] = {[HTTPS_NODATA] = "nodata", [HTTPS_STRIP] = "strip", NULL};

struct dns_rule {
	struct build_rule rule;
	uint32_t lists[RULE_LISTS_MAX];
	struct image_service services[RULE_SERVICES_MAX];
	struct dns_name override_name;
};

/* Compares with those of its group among the first @n_before rules that were read. */
static bool take_priority(struct policy_reader *r, const struct node *n, struct dns_rule *d, size_t n_before)
{
	const struct node *p = node_member(n, "priority", NODE_INTEGER);

	if (!p)
		return false;
	if (node_integer(p) < 1 || node_integer(p) > INT32_MAX) {
		diag_error(r->c->diag, node_spot(p), "priority %lld is out of range: write 1 to %d", node_integer(p), INT32_MAX);
		return false;
	}
	d->rule.priority = (uint32_t)node_integer(p);
	for (size_t i = r->scope.first_rule; i < n_before; i++) {
		if (r->rules[i].priority == d->rule.priority) {
			diag_error(r->c->diag, node_spot(p), "priority %u is that of rule \"%s\" in line %u: give each rule its own",
				d->rule.priority, r->rules[i].name, r->rules[i].at.line);
			return false;
		}
	}
	return true;
}

/* Is the list one of the group that is being read, or of the policy? */
static bool list_seen(const struct policy_reader *r, size_t i)
{
	return i < r->scope.n_outer_lists || (r->scope.group && i >= r->scope.first_list);
}

/* A group's own list stands before the policy's of the same name. */
static struct named_list *find_list(struct policy_reader *r, const char *name)
{
	for (size_t i = r->n_lists; i > 0; i--)
		if (list_seen(r, i - 1) && strcmp(r->lists[i - 1].name, name) == 0)
			return &r->lists[i - 1];
	return NULL;
}

static void complain_list(struct policy_reader *r, const struct node *n)
{
	const char **words = calloc(r->n_lists + 1, sizeof(*words)), *near;
	size_t n_words = 0;

	ASSERT(words);
	r->list_missing = true;
	for (size_t i = 0; i < r->n_lists; i++)
		if (list_seen(r, i))
			words[n_words++] = r->lists[i].name;
	near = diag_nearest(node_string(n) + 1, words);
	if (near)
		diag_error(r->c->diag, node_spot(n), "there is no list \"%s\": did you mean \"@%s\"?", node_string(n) + 1, near);
	else
		diag_error(r->c->diag, node_spot(n), "there is no list \"%s\": define it in `lists`", node_string(n) + 1);
	free(words);
}

static void add_list(struct policy_reader *r, const struct node *n, struct dns_rule *d, uint32_t list)
{
	if (d->rule.n_lists == RULE_LISTS_MAX)
		diag_error(r->c->diag, node_spot(n), "more than %d lists in one rule: join some", RULE_LISTS_MAX);
	else
		d->lists[d->rule.n_lists++] = list;
}

/* Inline names go into a list of the rule's own. */
static void take_domains(struct policy_reader *r, const struct node *n, struct dns_rule *d)
{
	uint32_t own = IMAGE_NONE;

	if (policy_strings(n) == 0)
		diag_error(r->c->diag, node_spot(n), "`domains` is empty: write names, \"@list\", or \"*\" for every name");
	for (size_t i = 0; i < policy_strings(n); i++) {
		const struct node *entry = policy_string_at(r->c, n, i);
		struct named_list *list;

		if (!entry)
			continue;
		if (node_string(entry)[0] == '@') {
			list = find_list(r, node_string(entry) + 1);
			if (!list) {
				complain_list(r, entry);
				continue;
			}
			list->used = true;
			add_list(r, entry, d, list->list);
			continue;
		}
		if (own == IMAGE_NONE) {
			own = image_build_list(r->c->builder);
			add_list(r, entry, d, own);
		}
		policy_add_domain(r, entry, own);
	}
}

static void take_ports(struct policy_reader *r, const struct node *rule, struct dns_rule *d)
{
	const struct node *n = node_member(rule, "ports", NODE_STRING | NODE_LIST);
	char complaint[COMPLAINT_MAX];

	if (d->rule.action == ACTION_BLOCK) {
		if (n)
			diag_error(r->c->diag, node_spot(n), "`ports` in a BLOCK rule: it opens nothing: remove them");
		return;
	}
	if (!n) {
		diag_error(r->c->diag, node_spot(rule), "rule \"%s\" has no `ports`: write ports = [ \"tcp/443\" ]; or, to allow "
			"lookups only, ports = [];", d->rule.place.name);
		return;
	}
	for (size_t i = 0; i < policy_strings(n); i++) {
		const struct node *entry = policy_string_at(r->c, n, i);

		if (!entry)
			continue;
		if (d->rule.n_services == RULE_SERVICES_MAX) {
			diag_error(r->c->diag, node_spot(entry), "more than %d ports: a DNS rule opens at most %d, use a second "
				"rule or an egress rule", RULE_SERVICES_MAX, RULE_SERVICES_MAX);
			return;
		}
		if (port_parse(node_string(entry), &d->services[d->rule.n_services], complaint))
			d->rule.n_services++;
		else
			diag_error(r->c->diag, node_spot(entry), "%s", complaint);
	}
}

static void take_qtype(struct policy_reader *r, const struct node *rule, struct dns_rule *d)
{
	const struct node *n = node_member(rule, "qtype", NODE_STRING);

	if (!n)
		return;
	d->rule.qtype = qtype_parse(node_string(n));
	if (!d->rule.qtype)
		diag_error(r->c->diag, node_spot(n), "qtype \"%s\" is unknown: write a name such as \"A\" or \"HTTPS\", or "
			"\"TYPE\" and a number from 1 to %d", node_string(n), QTYPE_MAX);
}

static void take_override(struct policy_reader *r, const struct node *rule, struct dns_rule *d)
{
	const struct node *target = node_member(rule, "override_domain", NODE_STRING);
	const struct node *ttl = node_member(rule, "override_ttl", NODE_INTEGER);
	char complaint[COMPLAINT_MAX];
	struct pattern p;

	d->rule.override_ttl_s = OVERRIDE_TTL_S;
	if (!target) {
		diag_error(r->c->diag, node_spot(rule), "response OVERRIDE without a target: write override_domain = \"NAME\";");
	} else if (!pattern_parse(node_string(target), strlen(node_string(target)), &p, complaint)) {
		diag_error(r->c->diag, node_spot(target), "%s", complaint);
	} else if (p.wildcard || p.any) {
		diag_error(r->c->diag, node_spot(target), "override_domain is one name: write it without \"*\"");
	} else {
		d->override_name = p.name;
		d->rule.override_name = &d->override_name;
	}
	if (ttl && (node_integer(ttl) < 0 || node_integer(ttl) > OVERRIDE_TTL_MAX_S))
		diag_error(r->c->diag, node_spot(ttl), "override_ttl %lld is out of range: write 0 to %d seconds",
			node_integer(ttl), OVERRIDE_TTL_MAX_S);
	else if (ttl)
		d->rule.override_ttl_s = (uint32_t)node_integer(ttl);
}

static void take_block(struct policy_reader *r, const struct node *rule, struct dns_rule *d)
{
	bool block = d->rule.action == ACTION_BLOCK;

	d->rule.response = (enum block_response)policy_word(r->c, rule, "response", responses, RESPONSE_NODATA);
	if (!block)
		policy_refuse(r, rule, "response", "with action BLOCK");
	if (block && d->rule.response == RESPONSE_OVERRIDE) {
		take_override(r, rule, d);
	} else {
		policy_refuse(r, rule, "override_domain", "with response OVERRIDE");
		policy_refuse(r, rule, "override_ttl", "with response OVERRIDE");
	}
	if (block)
		policy_refuse(r, rule, "https_records", "with action ALLOW or ALERT");
}

static void read_rule(struct policy_reader *r, const struct node *n)
{
	struct dns_rule d = {0};
	const struct node *domains = node_member(n, "domains", NODE_STRING | NODE_LIST);
	int action;
	bool named;

	node_check_members(r->c, n, "a DNS rule", members);
	named = policy_rule_name(r, n, &d.rule.place);
	if (take_priority(r, n, &d, r->n_rules - named) && named)
		r->rules[r->n_rules - 1].priority = d.rule.priority;
	action = policy_word(r->c, n, "action", actions, -1);
	if (action >= 0)
		d.rule.action = (enum rule_action)action;
	policy_protection(r, n, &d.rule);
	if (action >= 0) {
		if (d.rule.protection == PROTECTION_NONE)
			take_ports(r, n, &d);
		take_block(r, n, &d);
	}
	if (domains && d.rule.protection == PROTECTION_NONE)
		take_domains(r, domains, &d);
	take_qtype(r, n, &d);
	d.rule.redirection = (enum redirection)(policy_word(r->c, n, "redirection", redirections, REDIRECTION_INSPECT) %
		REDIRECTION_COUNT);
	d.rule.https_records = (enum https_records)policy_word(r->c, n, "https_records", https_words, HTTPS_NODATA);
	if (action < 0 || r->c->diag->n_errors)
		return;
	d.rule.group_priority = r->scope.priority;
	d.rule.lists = d.lists;
	d.rule.services = d.services;
	image_build_rule(r->c->builder, &d.rule);
}

void policy_dns_rules(struct policy_reader *r, const struct node *list)
{
	if (r->n_rules + node_count(list) > RULES_MAX) {
		diag_error(r->c->diag, node_spot(list), "more than %d DNS rules: put names into lists", RULES_MAX);
		return;
	}
	if (node_count(list) > ROUTE53_RULES_MAX)
		diag_warning(r->c->diag, node_spot(list), "%zu DNS rules in one group: Route 53 takes %d unless AWS raises it, so "
			"this policy may work on this host only: put names into lists", node_count(list), ROUTE53_RULES_MAX);
	for (size_t i = 0; i < node_count(list); i++) {
		const struct node *n = node_at(list, i);

		if (node_kind(n) == NODE_GROUP)
			read_rule(r, n);
		else
			diag_error(r->c->diag, node_spot(n), "an entry of `dns` that is no rule: write { name = ...; }");
	}
}
