/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What cannot be reached: every name of the table is asked for, once for each rule whose lists hold it, as the match
 * would be; where the answer is a lower rule, the pattern is dead. "*.x" is asked for as a name below x that
 * stands in no list: "*.x" itself, since no list holds a label "*".
 */
#include "postern/image_reach.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "image_format.h"
#include "postern/match.h"

/* Which rules of which policies hold a list. */
struct holder {
	uint32_t list, policy, rule;
	size_t index; /* in the result */
};

struct reach {
	const struct image *im;
	struct holder *holders;
	size_t n_holders;
	struct image_reach *rules;
};

static int compare_holders(const void *a, const void *b)
{
	const struct holder *x = a, *y = b;

	return (x->list > y->list) - (x->list < y->list);
}

/* A name of the table; dns_name_read() would build it byte by byte, which shows at a million. */
static bool read_name(const struct image *im, uint64_t at, struct dns_name *ret_name)
{
	const uint8_t *names = im->section[SECTION_NAMES];
	uint64_t n_bytes = im->count[SECTION_NAMES], left = at < n_bytes ? n_bytes - at : 0;
	size_t len = 0;

	while (len < left && len < DNS_NAME_MAX && names[at + len])
		len += 1u + names[at + len];
	if (len >= left || len >= DNS_NAME_MAX)
		return false;
	ret_name->len = (uint8_t)(len + 1);
	memcpy(ret_name->wire, names + at, len + 1);
	return true;
}

/* One pattern of the rule of @h: counts it, and finds whether an earlier rule decides it. */
static void ask(struct reach *r, const struct holder *h, uint32_t wire, bool wildcard)
{
	const struct image_policy *p = image_policy(r->im, h->policy);
	struct image_reach *out = &r->rules[h->index];
	struct dns_name pattern, name;
	uint32_t found;

	out->n_patterns++;
	if (h->rule == 0 || !read_name(r->im, wire, &pattern))
		return; /* nothing comes before */
	name = pattern;
	if (wildcard) {
		if (pattern.len > DNS_NAME_MAX - 2)
			return;
		name.len = (uint8_t)(pattern.len + 2);
		memcpy(name.wire + 2, pattern.wire, pattern.len);
		memcpy(name.wire, "\001*", 2);
	}
	/* query type 0 is answered by rules of every type only */
	found = match_name(r->im, p, &name, image_rule(r->im, p, h->rule)->qtype);
	if (found >= h->rule)
		return;
	if (out->n_dead++ == 0) {
		out->by = found;
		out->example = pattern;
		out->example_wildcard = wildcard;
	}
}

static void ask_set(struct reach *r, uint32_t set, uint32_t wire, bool wildcard)
{
	const uint32_t *lists = (const uint32_t *)r->im->section[SECTION_SETS] + set;
	uint64_t n_sets = r->im->count[SECTION_SETS];

	if (set >= n_sets || lists[0] > n_sets - set - 1) /* not checked when mapped */
		return;
	for (uint32_t i = 1; i <= lists[0]; i++) {
		size_t low = 0, high = r->n_holders;

		while (low < high) {
			size_t mid = low + (high - low) / 2;

			if (r->holders[mid].list < lists[i])
				low = mid + 1;
			else
				high = mid;
		}
		for (; low < r->n_holders && r->holders[low].list == lists[i]; low++)
			ask(r, &r->holders[low], wire, wildcard);
	}
}

static int collect(struct reach *r, size_t *ret_n)
{
	const struct image_list_rule *list_rules = r->im->section[SECTION_LIST_RULES];
	size_t n = 0, first = 0;

	r->rules = calloc(r->im->count[SECTION_RULES] + 1, sizeof(*r->rules));
	r->holders = calloc(r->im->count[SECTION_LIST_RULES] + 1, sizeof(*r->holders));
	if (!r->rules || !r->holders)
		return -ENOMEM;
	for (uint32_t i = 0; i < image_n_policies(r->im); i++) {
		const struct image_policy *p = image_policy(r->im, i);

		for (uint32_t k = 0; k < p->n_rules; k++)
			r->rules[n++] = (struct image_reach){.policy = i, .rule = k, .by = IMAGE_NONE};
		for (uint32_t k = 0; k < p->n_list_rules; k++) {
			const struct image_list_rule *lr = &list_rules[p->first_list_rule + k];

			r->holders[r->n_holders++] = (struct holder){lr->list, i, lr->rule, first + lr->rule};
		}
		first = n;
	}
	qsort(r->holders, r->n_holders, sizeof(*r->holders), compare_holders);
	*ret_n = n;
	return 0;
}

int image_reach(const struct image *im, struct image_reach **ret_rules, size_t *ret_n)
{
	const struct image_slot *slots = im->section[SECTION_SLOTS];
	struct reach r = {.im = im};
	int rc = collect(&r, ret_n);

	for (uint64_t i = 0; rc == 0 && i < im->count[SECTION_SLOTS]; i++) {
		if (!slots[i].wire)
			continue;
		ask_set(&r, slots[i].exact, slots[i].wire, false);
		ask_set(&r, slots[i].wildcard, slots[i].wire, true);
	}
	free(r.holders);
	if (rc < 0)
		free(r.rules);
	else
		*ret_rules = r.rules;
	return rc;
}
