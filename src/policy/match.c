/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Matching: pure functions of the image.
 *
 * A name is walked from the root to the left. Every proper suffix that stands in the name table
 * contributes its wildcard set, the whole name its exact set. Each set is a sorted array of lists;
 * the policy says, sorted by list, which rules hold a list. The lowest rule number wins, because
 * rules are sorted by priority.
 *
 * The name table is not checked when the image is mapped (see image.c), so what is read from
 * it here is bounded here: number of probes, the compared bytes, the extent of a set.
 */
#include "postern/match.h"

#include <string.h>

#include "image_format.h"

struct list_set {
	const uint32_t *lists;
	uint32_t n;
};

static struct list_set set_at(const struct image *im, uint32_t set)
{
	const uint32_t *v = im->section[SECTION_SETS];
	uint64_t n = im->count[SECTION_SETS];

	if (set >= n || v[set] > n - set - 1)
		return (struct list_set){NULL, 0};
	return (struct list_set){v + set + 1, v[set]};
}

static const struct image_slot *slot_find(const struct image *im, uint64_t hash, const uint8_t *wire, size_t len)
{
	const struct image_slot *slots = im->section[SECTION_SLOTS];
	const uint8_t *names = im->section[SECTION_NAMES];
	uint64_t n = im->count[SECTION_SLOTS], n_bytes = im->count[SECTION_NAMES];
	uint64_t at = n ? image_slot_home((uint32_t)(hash >> 32), n) : 0;

	for (uint64_t probes = 0; probes < n && probes < IMAGE_PROBES_MAX; probes++) {
		const struct image_slot *s = &slots[at];

		if (s->wire == 0)
			return NULL;
		if (s->tag == (uint32_t)hash && s->wire <= n_bytes && len <= n_bytes - s->wire &&
			memcmp(names + s->wire, wire, len) == 0)
			return s;
		at = at + 1 == n ? 0 : at + 1;
	}
	return NULL;
}

/* First of the policy's entries whose list is not below @list. */
static uint32_t lower_bound(const struct image_list_rule *v, uint32_t n, uint32_t list)
{
	uint32_t low = 0;

	while (low < n) {
		uint32_t mid = low + (n - low) / 2;

		if (v[mid].list < list)
			low = mid + 1;
		else
			n = mid;
	}
	return low;
}

static bool set_holds(struct list_set set, uint32_t list)
{
	uint32_t low = 0, high = set.n;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (set.lists[mid] < list)
			low = mid + 1;
		else
			high = mid;
	}
	return low < set.n && set.lists[low] == list;
}

/* What is being asked, and the best rule so far. */
struct search {
	const struct image *im;
	const struct image_policy *policy;
	const struct image_list_rule *list_rules;
	uint16_t qtype;
	uint32_t from;
	uint32_t best;
	uint32_t at;	/* labels of the suffix that is being looked at, or MATCH_EXACT */
	uint32_t scope; /* at which @best was found last */
};

static void consider(struct search *s, uint32_t rule)
{
	uint16_t qtype = image_rule(s->im, s->policy, rule)->qtype;

	if (rule >= s->from && rule <= s->best && (qtype == 0 || qtype == s->qtype)) {
		s->best = rule;
		s->scope = s->at;
	}
}

/* The shorter of the two sides leads, so a name in thousands of other policies' lists costs nothing here. */
static void consider_set(struct search *s, uint32_t set_id)
{
	struct list_set set = set_at(s->im, set_id);
	uint32_t n = s->policy->n_list_rules;

	if (set.n > n) {
		for (uint32_t i = 0; i < n; i++)
			if (set_holds(set, s->list_rules[i].list))
				consider(s, s->list_rules[i].rule);
		return;
	}
	for (uint32_t i = 0; i < set.n; i++) {
		uint32_t list = set.lists[i];

		for (uint32_t k = lower_bound(s->list_rules, n, list); k < n && s->list_rules[k].list == list; k++)
			consider(s, s->list_rules[k].rule);
	}
}

static void walk(struct search *s, const struct dns_name *name)
{
	const struct hash_key *key = &s->im->header->key;
	uint8_t labels[DNS_LABELS_MAX];
	size_t n = dns_name_labels(name, labels);
	uint64_t hash = image_hash_root(key);

	for (size_t i = n;; i--) {
		size_t start = i == n ? name->len - 1u : labels[i];
		const struct image_slot *slot;

		if (i < n)
			hash = image_hash_label(key, hash, name->wire + start + 1, name->wire[start]);
		slot = slot_find(s->im, hash, name->wire + start, name->len - start);
		s->at = i == 0 ? MATCH_EXACT : (uint32_t)(n - i);
		if (slot)
			consider_set(s, i == 0 ? slot->exact : slot->wildcard);
		if (i == 0)
			return;
	}
}

uint32_t match_name_from(const struct image *im, const struct image_policy *p, const struct dns_name *name,
	uint16_t qtype, uint32_t from_rule)
{
	struct search s = {.im = im, .policy = p, .qtype = qtype, .from = from_rule, .best = IMAGE_NONE};
	struct dns_name lower = *name;

	if (p->n_list_rules == 0 || name->len == 0)
		return IMAGE_NONE;
	s.list_rules = (const struct image_list_rule *)im->section[SECTION_LIST_RULES] + p->first_list_rule;
	dns_name_lower(&lower);
	walk(&s, &lower);
	return s.best;
}

uint32_t match_scope(const struct image *im, const struct image_policy *p, const struct dns_name *name, uint16_t qtype,
	uint32_t rule)
{
	struct search s = {.im = im, .policy = p, .qtype = qtype, .from = rule, .best = rule};
	struct dns_name lower = *name;

	s.list_rules = (const struct image_list_rule *)im->section[SECTION_LIST_RULES] + p->first_list_rule;
	dns_name_lower(&lower);
	walk(&s, &lower);
	return s.scope;
}

uint32_t match_name(const struct image *im, const struct image_policy *p, const struct dns_name *name, uint16_t qtype)
{
	return match_name_from(im, p, name, qtype, 0);
}

static bool service_covers(const struct image_service *s, uint8_t protocol, uint16_t port)
{
	bool every = s->protocol == 0 && s->first == 0 && s->last == UINT16_MAX;

	return every || (s->protocol == protocol && port >= s->first && port <= s->last);
}

typedef bool prefix_takes(const struct prefix *p, const struct addr *a);

static bool static_covers(const struct image *im, const struct image_static *r, prefix_takes *takes,
	const struct addr *a, uint8_t protocol, uint16_t port)
{
	const struct prefix *prefixes = image_prefixes(im, r->first_prefix);
	const struct image_service *services = image_services(im, r->first_service);
	uint32_t i;

	for (i = 0; i < r->n_prefixes && !takes(&prefixes[i], a); i++)
		;
	if (i == r->n_prefixes)
		return false;
	for (i = 0; i < r->n_services; i++)
		if (service_covers(&services[i], protocol, port))
			return true;
	return false;
}

uint32_t match_egress(const struct image *im, const struct image_policy *p, const struct addr *to,
	uint8_t protocol, uint16_t port)
{
	for (uint32_t i = 0; i < p->n_egress; i++)
		if (static_covers(im, image_egress(im, p, i), prefix_opens, to, protocol, port))
			return i;
	return IMAGE_NONE;
}

uint32_t match_ingress(const struct image *im, const struct image_policy *p, const struct addr *from,
	uint8_t protocol, uint16_t port)
{
	for (uint32_t i = 0; i < p->n_ingress; i++)
		if (static_covers(im, image_ingress(im, p, i), prefix_contains, from, protocol, port))
			return i;
	return IMAGE_NONE;
}
