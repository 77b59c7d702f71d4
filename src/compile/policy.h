/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Between the parts that read one policy file: policy.c (its frame and its lists), groups.c, dns_rules.c, static_rules.c.
 */
#ifndef POSTERN_COMPILE_POLICY_H
#define POSTERN_COMPILE_POLICY_H

#include "tree.h"

#define RULES_MAX 10000	     /* of one policy, each kind */
#define RULE_PREFIXES_MAX 4096 /* of one static rule */
#define RULE_STATIC_SERVICES_MAX 64
#define RULE_LISTS_MAX 256   /* "@list" of one rule */
#define RULE_GROUPS_MAX 64   /* of one policy */
#define ROUTE53_GROUPS_MAX 5 /* rule groups of a VPC, the policy's own section among them: not adjustable */
#define ROUTE53_RULES_MAX 100 /* of a rule group: AWS raises it on request */

struct named_list {
	const char *name;
	struct spot at;
	uint32_t list;
	bool used;
};

/* Rules that were read, to find names and priorities that stand twice. */
struct rule_seen {
	const char *name;
	struct spot at;
	uint32_t priority;
};

/* The rule group that is being read; the policy's own sections have no name and no priority. */
struct rule_scope {
	const char *group; /* NULL: the policy's own sections */
	uint32_t priority;
	size_t first_rule; /* of policy_reader.rules: names and priorities are unique from here on */
	size_t first_list; /* of policy_reader.lists: the group's own */
	size_t n_outer_lists; /* the policy's: those before it */
};

struct policy_reader {
	struct compile *c;
	uint32_t policy; /* its index in the image */
	struct named_list *lists;
	size_t n_lists;
	struct rule_seen *rules;
	size_t n_rules;
	struct rule_scope scope;
	bool list_missing; /* a rule named a list that is not there: no talk of unused ones then */
};

/* Rules of the group that is being read. */
void policy_dns_rules(struct policy_reader *r, const struct node *list);
/* The section `rule_groups`. @has_own: the policy named @policy has rules in its section `dns`. */
void policy_rule_groups(struct policy_reader *r, const struct node *list, const char *policy, bool has_own);
/* A section `lists`: of the policy, or of a group. */
void policy_lists(struct policy_reader *r, const struct node *lists);
void policy_static_rules(struct policy_reader *r, const struct node *list, bool ingress);

/*
 * Adds one domain to @list, with its complaints and warnings. "*" is one of the domains that a rule may hold, and a list
 * may not.
 */
void policy_add_domain(struct policy_reader *r, const struct node *n, uint32_t list);

/* Word of @words (NULL-terminated) that the member says: its index; @absent where it is not there or wrong (reported). */
int policy_word(struct compile *c, const struct node *group, const char *member, const char *const *words, int absent);
/* Complains where @member, which says something only together with another setting, is there without it. */
void policy_refuse(struct policy_reader *r, const struct node *rule, const char *member, const char *only);
/*
 * Reads `protection` and `confidence` of a DNS rule whose action is in @rule; complains where it has neither a protection nor domains, or
 * something beside a protection that does not go with it.
 */
void policy_protection(struct policy_reader *r, const struct node *n, struct build_rule *rule);
/* Route 53's characters of a name. */
bool policy_rule_name_valid(const char *name);
/* A rule's name and spot, checked and unique in its group; false after an error. */
bool policy_rule_name(struct policy_reader *r, const struct node *rule, struct build_place *ret_place);
/* Elements of a string or list of strings; a wrong kind is reported and passed over (NULL). */
size_t policy_strings(const struct node *n);
const struct node *policy_string_at(struct compile *c, const struct node *n, size_t i);

#endif
