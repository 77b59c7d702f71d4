/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rules with a protection, for postern explain. What they decide depends on what a sandbox has asked, which only the resolver knows; so it is
 * said that they are there.
 */
#include "protections.h"

#include "postern/match.h"

#include "client.h"
#include "print.h"

static const char *const words[] = {[PROTECTION_DNS_TUNNELING] = "DNS_TUNNELING", [PROTECTION_DGA] = "DGA",
	[PROTECTION_DICTIONARY_DGA] = "DICTIONARY_DGA"};
static const char *const confidences[] = {[CONFIDENCE_LOW] = "LOW", [CONFIDENCE_MEDIUM] = "MEDIUM", [CONFIDENCE_HIGH] = "HIGH"};

static json_t *protection_json(const struct image *im, const struct image_rule *r)
{
	json_t *o = json_pack("{s:s,s:s,s:s,s:s,s:s,s:I}", "rule", image_string(im, r->place.name), "action",
		r->action == ACTION_BLOCK ? "BLOCK" : "ALERT", "protection", words[r->protection], "confidence",
		confidences[r->confidence], "file", image_string(im, r->place.file), "line", (json_int_t)r->place.line);

	if (r->place.group != IMAGE_NONE)
		json_object_set_new(o, "group", json_string(image_string(im, r->place.group)));
	return o;
}

json_t *protections_of(const struct protections_ask *a)
{
	json_t *found = NULL;

	for (uint32_t i = 0; i < a->policy->n_protections; i++) {
		uint32_t number = image_protection(a->im, a->policy, i);
		const struct image_rule *r = image_rule(a->im, a->policy, number);

		if (number > a->rule || (r->qtype && r->qtype != a->qtype) ||
			match_scope(a->im, a->policy, a->name, a->qtype, a->rule) == MATCH_EXACT)
			continue;
		if (!found)
			found = json_array();
		json_array_append_new(found, protection_json(a->im, r));
	}
	return found;
}

void protections_print(const json_t *protections)
{
	json_t *p;
	size_t i;

	json_array_foreach((json_t *)protections, i, p) {
		printf("  unless  ");
		print_safe(stdout, member_text(p, "rule"));
		if (json_object_get(p, "group")) {
			printf(" of group ");
			print_safe(stdout, member_text(p, "group"));
		}
		printf(" (%s, %s at %s)  ", member_text(p, "action"), member_text(p, "protection"), member_text(p, "confidence"));
		print_safe(stdout, member_text(p, "file"));
		printf(":%lld\n", (long long)member_number(p, "line"));
	}
}
