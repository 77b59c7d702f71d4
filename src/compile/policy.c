/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One policy file: its name, its lists, and the order in which its sections are read. What the sections say is in
 * groups.c, dns_rules.c and static_rules.c.
 */
#include "policy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pattern.h"

static const struct member policy_members[] = {
	{"name", NODE_STRING, true}, {"lists", NODE_GROUP, false}, {"rule_groups", NODE_LIST, false}, {"dns", NODE_LIST, false},
	{"egress", NODE_LIST, false}, {"ingress", NODE_LIST, false}, {"refusal", NODE_STRING, false},
	{0},
};
static const struct member list_members[] = {{"file", NODE_STRING, true}, {0}};
static const char *const refusals[] = {[REFUSAL_REJECT] = "reject", [REFUSAL_DROP] = "drop", NULL};

int policy_word(struct compile *c, const struct node *group, const char *member, const char *const *words, int absent)
{
	const struct node *n = node_member(group, member, NODE_STRING);
	char all[256] = "";
	const char *near;

	if (!n)
		return absent;
	for (int i = 0; words[i]; i++) {
		if (strcmp(words[i], node_string(n)) == 0)
			return i;
		strncat(all, i ? ", " : "", sizeof(all) - strlen(all) - 1);
		strncat(all, words[i], sizeof(all) - strlen(all) - 1);
	}
	near = diag_nearest(node_string(n), words);
	if (near)
		diag_error(c->diag, node_spot(n), "%s \"%s\" is unknown: did you mean \"%s\"?", member, node_string(n), near);
	else
		diag_error(c->diag, node_spot(n), "%s \"%s\" is unknown: write one of %s", member, node_string(n), all);
	return absent;
}

/* Route 53's characters of the name of a rule or rule group, and its rule that digits alone are none. */
bool policy_rule_name_valid(const char *name)
{
	bool digits = true;

	for (const char *p = name; *p; p++) {
		bool digit = *p >= '0' && *p <= '9';
		bool letter = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z');

		if (!digit && !letter && !strchr("-_' ", *p))
			return false;
		digits = digits && digit;
	}
	return *name && !digits && strlen(name) < RULE_NAME_MAX;
}

bool policy_rule_name(struct policy_reader *r, const struct node *rule, struct build_place *ret_place)
{
	const struct node *n = node_member(rule, "name", NODE_STRING);
	struct spot at = n ? node_spot(n) : node_spot(rule);

	*ret_place = (struct build_place){.name = n ? node_string(n) : "", .file = at.file, .line = at.line,
		.group = r->scope.group};
	if (!n)
		return false;
	if (!policy_rule_name_valid(node_string(n))) {
		diag_error(r->c->diag, at, "\"%s\" cannot name a rule: write 1 to %d letters, digits, spaces, \"-\", \"_\" or "
			"\"'\", not digits alone", node_string(n), RULE_NAME_MAX - 1);
		return false;
	}
	for (size_t i = r->scope.first_rule; i < r->n_rules; i++) {
		if (strcmp(r->rules[i].name, node_string(n)) == 0) {
			diag_error(r->c->diag, at, "a rule \"%s\" stands in line %u already: give each rule its own name",
				node_string(n), r->rules[i].at.line);
			return false;
		}
	}
	r->rules = compile_grow(r->rules, r->n_rules, sizeof(*r->rules));
	r->rules[r->n_rules++] = (struct rule_seen){.name = node_string(n), .at = at};
	return true;
}

size_t policy_strings(const struct node *n)
{
	return node_kind(n) == NODE_LIST ? node_count(n) : 1;
}

const struct node *policy_string_at(struct compile *c, const struct node *n, size_t i)
{
	const struct node *element = node_kind(n) == NODE_LIST ? node_at(n, i) : n;

	if (node_kind(element) == NODE_STRING)
		return element;
	diag_error(c->diag, node_spot(element), "an entry that is no string: put it into quotes");
	return NULL;
}

void policy_add_domain(struct policy_reader *r, const struct node *n, uint32_t list)
{
	const char *text = node_string(n), *risk;
	char complaint[COMPLAINT_MAX];
	struct pattern p;
	int rc;

	if (!pattern_parse(text, strlen(text), &p, complaint)) {
		diag_error(r->c->diag, node_spot(n), "%s", complaint);
		return;
	}
	risk = pattern_risk(&p);
	if (risk)
		diag_warning(r->c->diag, node_spot(n), "\"%s\": %s", text, risk);
	rc = p.any ? image_build_domain_any(r->c->builder, list) :
		image_build_domain(r->c->builder, list, &p.name, p.wildcard);
	if (rc == -EEXIST)
		diag_warning(r->c->diag, node_spot(n), "\"%s\" stands here twice: remove one", text);
}

static uint32_t inline_list(struct policy_reader *r, const struct node *n)
{
	uint32_t list = image_build_list(r->c->builder);

	if (node_count(n) == 0)
		diag_warning(r->c->diag, node_spot(n), "list \"%s\" has no name: write one, or remove the list", node_name(n));
	for (size_t i = 0; i < node_count(n); i++) {
		const struct node *entry = policy_string_at(r->c, n, i);

		if (entry && node_string(entry)[0] == '@')
			diag_error(r->c->diag, node_spot(entry), "\"%s\" is a list within a list: name both in `domains` of the rule",
				node_string(entry));
		else if (entry)
			policy_add_domain(r, entry, list);
	}
	return list;
}

static uint32_t file_list(struct policy_reader *r, const struct node *n)
{
	const struct node *file = node_member(n, "file", NODE_STRING);

	node_check_members(r->c, n, "a list from a file", list_members);
	if (!file)
		return IMAGE_NONE;
	return compile_list_file(r->c, node_spot(file), compile_path(r->c, node_spot(file).file, node_string(file)),
		r->policy);
}

void policy_lists(struct policy_reader *r, const struct node *lists)
{
	for (size_t i = 0; i < node_count(lists); i++) {
		const struct node *n = node_at(lists, i);
		uint32_t list = IMAGE_NONE;

		if (node_kind(n) == NODE_LIST)
			list = inline_list(r, n);
		else if (node_kind(n) == NODE_GROUP)
			list = file_list(r, n);
		else
			diag_error(r->c->diag, node_spot(n), "list \"%s\" is of the wrong kind: write names in [ ], or "
				"{ file = \"...\"; }", node_name(n));
		r->lists = compile_grow(r->lists, r->n_lists, sizeof(*r->lists));
		r->lists[r->n_lists++] = (struct named_list){.name = node_name(n), .at = node_spot(n), .list = list};
	}
}

static bool policy_name(struct compile *c, const struct node *root, struct build_policy *p)
{
	const struct node *n = node_member(root, "name", NODE_STRING);

	if (!n)
		return false;
	if (!sandbox_name_valid(node_string(n))) {
		diag_error(c->diag, node_spot(n), "\"%s\" cannot name a policy: write 1 to %d letters, digits, \".\", \"_\" or "
			"\"-\", the first a letter or digit", node_string(n), SANDBOX_NAME_MAX - 1);
		return false;
	}
	p->place = (struct build_place){node_string(n), node_spot(n).file, node_spot(n).line};
	for (size_t i = 0; i < c->n_policies; i++) {
		if (strcmp(c->policies[i].name, p->place.name) == 0) {
			diag_error(c->diag, node_spot(n), "a policy \"%s\" is defined in %s:%u already: give this one another name",
				p->place.name, c->policies[i].at.file, c->policies[i].at.line);
			return false;
		}
	}
	c->policies = compile_grow(c->policies, c->n_policies, sizeof(*c->policies));
	c->policies[c->n_policies++] = (struct policy_seen){compile_keep(c, p->place.name), node_spot(n)};
	return true;
}

/* Everything is read even where the name is wrong, so that all errors come out; such an image is never written. */
static void read_policy(struct compile *c, const struct tree *t)
{
	const struct node *root = tree_root(t), *lists, *groups, *dns, *egress, *ingress;
	struct policy_reader r = {.c = c};
	struct build_policy p = {.place = {"unnamed", NULL, 0}};

	node_check_members(c, root, "a policy", policy_members);
	c->n_nameless += !policy_name(c, root, &p);
	p.refusal = (enum refusal)policy_word(c, root, "refusal", refusals, REFUSAL_REJECT);
	lists = node_member(root, "lists", NODE_GROUP);
	groups = node_member(root, "rule_groups", NODE_LIST);
	dns = node_member(root, "dns", NODE_LIST);
	egress = node_member(root, "egress", NODE_LIST);
	ingress = node_member(root, "ingress", NODE_LIST);
	p.has_ingress = ingress;
	r.policy = image_build_policy(c->builder, &p);
	text_record(tree_text(t), c, r.policy);
	if (lists)
		policy_lists(&r, lists);
	r.scope.n_outer_lists = r.scope.first_list = r.n_lists;
	if (groups)
		policy_rule_groups(&r, groups, p.place.name, dns && node_count(dns));
	if (dns)
		policy_dns_rules(&r, dns);
	if (egress)
		policy_static_rules(&r, egress, false);
	if (ingress)
		policy_static_rules(&r, ingress, true);
	for (size_t i = 0; i < r.n_lists; i++)
		if (!r.lists[i].used && !r.list_missing)
			diag_warning(c->diag, r.lists[i].at, "no rule uses list \"%s\": name \"@%s\" in `domains` of one, or remove it",
				r.lists[i].name, r.lists[i].name);
	free(r.lists);
	free(r.rules);
}

void compile_policy(struct compile *c, struct spot from, const char *path)
{
	struct tree *t = tree_load(c, from, path);

	if (t)
		read_policy(c, t);
	else
		c->n_nameless++;
	tree_free(t);
}
