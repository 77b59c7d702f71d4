/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Advanced protection in the section `dns`: a rule that looks for a behaviour in place of names. As in Route 53 it cannot allow, has exactly one
 * of the two, and needs a confidence. It opens no port, and follows no alias.
 */
#include "policy.h"

static const char *const protections[] = {[PROTECTION_DNS_TUNNELING - 1] = "DNS_TUNNELING", [PROTECTION_DGA - 1] = "DGA",
	[PROTECTION_DICTIONARY_DGA - 1] = "DICTIONARY_DGA", NULL};
static const char *const confidences[] = {[CONFIDENCE_LOW - 1] = "LOW", [CONFIDENCE_MEDIUM - 1] = "MEDIUM",
	[CONFIDENCE_HIGH - 1] = "HIGH", NULL};

void policy_refuse(struct policy_reader *r, const struct node *rule, const char *member, const char *only)
{
	const struct node *n = node_member(rule, member, ~0u);

	if (n)
		diag_error(r->c->diag, node_spot(n), "`%s` has no effect here, only %s: remove it", member, only);
}

static void take_confidence(struct policy_reader *r, const struct node *n, struct build_rule *rule)
{
	if (node_member(n, "confidence", NODE_STRING))
		rule->confidence = (enum confidence)(policy_word(r->c, n, "confidence", confidences, -1) + 1);
	else
		diag_error(r->c->diag, node_spot(n), "rule \"%s\" has no `confidence`: write confidence = \"HIGH\"; or, to be told more "
			"and wrongly more often, \"MEDIUM\" or \"LOW\"", rule->place.name);
}

void policy_protection(struct policy_reader *r, const struct node *n, struct build_rule *rule)
{
	const struct node *protection = node_member(n, "protection", NODE_STRING), *domains = node_member(n, "domains", ~0u);
	const struct node *ports = node_member(n, "ports", ~0u);

	if (!protection) {
		policy_refuse(r, n, "confidence", "with `protection`");
		if (!domains)
			diag_error(r->c->diag, node_spot(n), "a DNS rule without \"domains\": write domains = ...; or, for advanced protection, "
				"protection = ...;");
		return;
	}
	rule->protection = (enum protection)(policy_word(r->c, n, "protection", protections, -1) + 1);
	take_confidence(r, n, rule);
	if (domains)
		diag_error(r->c->diag, node_spot(domains), "`domains` beside `protection`: a rule has one of them: write two rules");
	if (rule->action == ACTION_ALLOW)
		diag_error(r->c->diag, node_spot(n), "rule \"%s\" with a protection cannot allow: write action = \"BLOCK\" or \"ALERT\"",
			rule->place.name);
	if (ports)
		diag_error(r->c->diag, node_spot(ports), "`ports` in a rule with a protection: it opens nothing: remove them");
	policy_refuse(r, n, "redirection", "with `domains`");
	policy_refuse(r, n, "https_records", "with `domains`");
}
