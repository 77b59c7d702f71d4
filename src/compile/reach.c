/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Warnings about what has no effect, one a rule: a shadowed name may be meant (an exception before a large list), so
 * this is said once, with an example, and never an error.
 */
#include "reach.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "postern/image_reach.h"

#define BY_MAX 512

/* The rule that comes first, with its line; with its group and file too where it is not in the same group. */
static const char *by_text(const struct image *im, const struct image_place *place, const struct image_place *by,
	char text[static BY_MAX])
{
	const char *name = image_string(im, by->name), *group = image_string(im, by->group);

	if (by->group == place->group)
		snprintf(text, BY_MAX, "\"%s\" (line %u)", name, by->line);
	else
		snprintf(text, BY_MAX, "\"%s\" of group \"%s\" (%.300s:%u)", name, group, image_string(im, by->file), by->line);
	return text;
}

static void warn_rule(struct diagnostics *d, const struct image *im, const struct image_reach *r)
{
	const struct image_policy *p = image_policy(im, r->policy);
	const struct image_place *place = &image_rule(im, p, r->rule)->place;
	const struct image_place *by = &image_rule(im, p, r->by)->place;
	char text[DNS_NAME_TEXT_MAX], first[BY_MAX];
	struct spot at = {image_string(im, place->file), place->line};

	if (r->example.len > 1)
		dns_name_to_text(&r->example, text);
	else
		snprintf(text, sizeof(text), "*");
	if (r->n_dead == r->n_patterns)
		diag_warning(d, at, "rule \"%s\" is never reached: rules before it, such as %s, decide every name: "
			"remove it, or give it a lower priority number", image_string(im, place->name),
			by_text(im, place, by, first));
	else
		diag_warning(d, at, "rule \"%s\" never decides %llu of its names, such as \"%s%s\": rule %s comes "
			"first: remove them from one of the two", image_string(im, place->name), (unsigned long long)r->n_dead,
			r->example_wildcard && r->example.len > 1 ? "*." : "", text,
			by_text(im, place, by, first));
}

/* A protection is considered before the rules behind it, so there has to be one that permits something. */
static void warn_protections(struct diagnostics *d, const struct image *im, const struct image_policy *p)
{
	for (uint32_t i = 0; i < p->n_protections; i++) {
		const struct image_place *place = &image_rule(im, p, image_protection(im, p, i))->place;
		uint32_t k = image_protection(im, p, i) + 1;

		while (k < p->n_rules && (image_rule(im, p, k)->protection != PROTECTION_NONE || image_rule(im, p, k)->action == ACTION_BLOCK))
			k++;
		if (k == p->n_rules)
			diag_warning(d, (struct spot){image_string(im, place->file), place->line}, "rule \"%s\" guards nothing: no rule behind "
				"it allows a name: give it a lower priority number", image_string(im, place->name));
	}
}

int reach_check(struct diagnostics *d, int fd)
{
	struct image_reach *rules;
	struct image *im;
	size_t n;
	int rc = image_map(fd, &im);

	if (rc < 0)
		return rc;
	for (uint32_t i = 0; i < image_n_policies(im); i++)
		warn_protections(d, im, image_policy(im, i));
	rc = image_reach(im, &rules, &n);
	if (rc == 0) {
		for (size_t i = 0; i < n; i++)
			if (rules[i].n_dead)
				warn_rule(d, im, &rules[i]);
		free(rules);
	}
	image_unmap(im);
	return rc;
}
