/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The section `rule_groups`: DNS rules that several policies share, as Route 53 associates rule groups with a VPC
 * (https://docs.aws.amazon.com/Route53/latest/APIReference/API_route53resolver_FirewallRuleGroupAssociation.html).
 *
 * A group has a priority of its own, and its rules theirs: the image's order of rules is by both. The policy's section
 * `dns` is one more group, behind all others, so that what is shared is asked first and "everything else" last.
 * Names and priorities of rules are unique in their group only; lists of a group are seen in that group only, and
 * those of the policy everywhere.
 */
#include "policy.h"

#include <string.h>

static const struct member members[] = {
	{"name", NODE_STRING, true}, {"priority", NODE_INTEGER, true}, {"dns", NODE_LIST, true}, {"lists", NODE_GROUP, false},
	{0},
};

/* What is taken. */
struct group {
	const char *name;
	uint32_t priority;
	struct spot at;
};

struct group_reader {
	struct policy_reader *r;
	const char *policy; /* its name is that of its own section */
	struct group groups[RULE_GROUPS_MAX];
	size_t n;
};

static bool take_name(struct group_reader *g, const struct node *n, struct group *group)
{
	const struct node *name = node_member(n, "name", NODE_STRING);
	struct diagnostics *d = g->r->c->diag;

	if (!name)
		return false;
	group->name = node_string(name);
	if (!policy_rule_name_valid(group->name)) {
		diag_error(d, node_spot(name), "\"%s\" cannot name a rule group: write 1 to %d letters, digits, spaces, \"-\", "
			"\"_\" or \"'\", not digits alone", group->name, RULE_NAME_MAX - 1);
		return false;
	}
	if (strcmp(group->name, g->policy) == 0) {
		diag_error(d, node_spot(name), "\"%s\" is the policy's name, which its own section `dns` has: give the group "
			"another one", group->name);
		return false;
	}
	for (size_t i = 0; i < g->n; i++)
		if (strcmp(g->groups[i].name, group->name) == 0) {
			diag_error(d, node_spot(name), "a rule group \"%s\" stands in line %u already: give each group its own name",
				group->name, g->groups[i].at.line);
			return false;
		}
	return true;
}

static bool take_priority(struct group_reader *g, const struct node *n, struct group *group)
{
	const struct node *p = node_member(n, "priority", NODE_INTEGER);
	struct diagnostics *d = g->r->c->diag;

	if (!p)
		return false;
	if (node_integer(p) < GROUP_PRIORITY_MIN || node_integer(p) > GROUP_PRIORITY_MAX) {
		diag_error(d, node_spot(p), "priority %lld of a rule group is out of range: write %d to %d", node_integer(p),
			GROUP_PRIORITY_MIN, GROUP_PRIORITY_MAX);
		return false;
	}
	group->priority = (uint32_t)node_integer(p);
	for (size_t i = 0; i < g->n; i++)
		if (g->groups[i].priority == group->priority) {
			diag_error(d, node_spot(p), "priority %u is that of rule group \"%s\" in line %u: give each group its own",
				group->priority, g->groups[i].name, g->groups[i].at.line);
			return false;
		}
	return true;
}

static void read_group(struct group_reader *g, const struct node *n)
{
	const struct node *dns = node_member(n, "dns", NODE_LIST), *lists = node_member(n, "lists", NODE_GROUP);
	struct group group = {.name = "", .at = node_spot(n)};
	struct policy_reader *r = g->r;
	bool good;

	node_check_members(r->c, n, "a rule group", members);
	good = take_name(g, n, &group);
	good = take_priority(g, n, &group) && good;
	if (good)
		g->groups[g->n++] = group;
	/* its rules are read all the same, so that all errors come out */
	r->scope = (struct rule_scope){.group = group.name, .priority = group.priority, .first_rule = r->n_rules,
		.first_list = r->n_lists, .n_outer_lists = r->scope.n_outer_lists};
	if (lists)
		policy_lists(r, lists);
	if (dns && node_count(dns) == 0)
		diag_warning(r->c->diag, node_spot(dns), "rule group \"%s\" has no rule: write one, or remove the group", group.name);
	if (dns)
		policy_dns_rules(r, dns);
}

void policy_rule_groups(struct policy_reader *r, const struct node *list, const char *policy, bool has_own)
{
	struct group_reader g = {.r = r, .policy = policy};
	struct rule_scope own = r->scope;

	if (node_count(list) > RULE_GROUPS_MAX) {
		diag_error(r->c->diag, node_spot(list), "more than %d rule groups: join some", RULE_GROUPS_MAX);
		return;
	}
	if (node_count(list) + has_own > ROUTE53_GROUPS_MAX)
		diag_warning(r->c->diag, node_spot(list), "%zu rule groups%s: a VPC has at most %d, so this policy works on this host "
			"only: join some, or remove one", node_count(list) + has_own, has_own ? ", with the policy's own" : "",
			ROUTE53_GROUPS_MAX);
	for (size_t i = 0; i < node_count(list); i++) {
		const struct node *n = node_at(list, i);

		if (node_kind(n) == NODE_GROUP)
			read_group(&g, n);
		else
			diag_error(r->c->diag, node_spot(n), "an entry of `rule_groups` that is no group: write { name = ...; }");
	}
	own.first_rule = r->n_rules;
	r->scope = own;
}
