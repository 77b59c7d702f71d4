/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What of a policy can never have an effect: patterns of a rule that rules before it decide completely.
 * folder: src/policy
 */
#ifndef POSTERN_IMAGE_REACH_H
#define POSTERN_IMAGE_REACH_H

#include "postern/compiler.h"
#include "postern/image.h"

/* One rule of one policy. A rule is unreachable where n_dead is n_patterns, which is not 0. */
struct image_reach {
	uint32_t policy, rule;
	uint64_t n_patterns; /* names in its lists; "*" counts as two */
	uint64_t n_dead;     /* those that an earlier rule covers, for the rule's query type */
	uint32_t by;	     /* the rule that covers the first of them, or IMAGE_NONE */
	struct dns_name example; /* the first of them */
	bool example_wildcard;
};

/*
 * Fills an array with one entry a rule, policies in order (free() it). Sound, not complete: a wildcard whose names
 * several earlier rules cover only together is not counted. -ENOMEM.
 */
POSTERN_MUST_CHECK int image_reach(const struct image *im, struct image_reach **ret_rules, size_t *ret_n);

#endif
