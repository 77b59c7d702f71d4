/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The policy as set elements.
 *
 * Elements of an interval set must not overlap, rules may. So the (prefix, ports) pairs of
 * one sandbox, direction, family and protocol are taken shortest prefix first, and from each the ports
 * are cut out that a pair with a containing prefix has already: what is left never overlaps.
 *
 * An egress prefix wider than the private classes becomes the ranges between them (prefix_ranges()), so that
 * "anywhere" opens neither the neighbours nor the host.
 *
 * An ALERT rule has no element: its first packet goes to the verdict loop, which records and accepts. For
 * an ALLOW rule behind an overlapping ALERT rule the same holds, or the record would be missed; the loop
 * evaluates the whole policy in order.
 */
#include "elements.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/keys.h"
#include "postern/event.h"
#include "postern/log.h"

#define PAIRS_MAX 4096 /* (prefix, service) pairs of one sandbox and direction; the compiler refuses more */

struct pair {
	struct prefix prefix;
	struct image_service service;
};

/* ---- one element each ---- */

static void keep_if(struct changes *c, int rc)
{
	/* families that cannot meet and cgroups that are not there yet have no element */
	if (rc < 0)
		changes_pop(c);
}

static void add_rule(struct changes *c, enum nft_op op, enum key_way way, const struct sandbox *s, const struct pair *p)
{
	const struct service service = {p->service.protocol, p->service.first, p->service.last};
	struct addr_range ranges[ADDR_RANGES_MAX] = {prefix_whole(&p->prefix)};
	size_t n = way == KEY_EGRESS ? prefix_ranges(&p->prefix, ranges) : 1;

	for (unsigned int i = 0; i < key_selectors(s); i++)
		for (size_t r = 0; r < n; r++) {
			struct nft_change *ch = changes_push(c, op);

			keep_if(c, key_rule_range(way, s, i, &ranges[r], &service, &ch->key));
		}
}

/* Of the policy's file, what it includes, and its lists: in the order of the image, which is that of the files. */
uint32_t elements_digest(const struct image *im, const char *name)
{
	uint32_t policy = image_policy_find(im, name), digest = 0;

	for (uint32_t i = 0; policy != IMAGE_NONE && i < image_n_files(im); i++) {
		const struct image_file *f = image_file(im, i);

		if (f->policy == policy)
			digest = (digest << 1 | digest >> 31) ^ ((uint32_t)f->sha256[0] << 24 | (uint32_t)f->sha256[1] << 16 |
				(uint32_t)f->sha256[2] << 8 | f->sha256[3]);
	}
	return digest;
}

/* In this order, separated by commas. */
static const char word_runtime[] = "runtime", word_audit[] = "audit", word_fail_open[] = "fail-open";

const char *elements_words(const struct sandbox *s, char text[static ELEMENTS_WORDS_MAX])
{
	bool audit = s->mode == SANDBOX_AUDIT;

	snprintf(text, ELEMENTS_WORDS_MAX, "%s%s%s%s%s", s->runtime ? word_runtime : "", s->runtime && audit ? "," : "",
		audit ? word_audit : "", (s->runtime || audit) && s->fail_open ? "," : "", s->fail_open ? word_fail_open : "");
	return text;
}

void elements_read_words(char *text, struct sandbox *s)
{
	char *save = NULL;

	for (const char *w = strtok_r(text, ",", &save); w; w = strtok_r(NULL, ",", &save)) {
		s->runtime |= strcmp(w, word_runtime) == 0;
		s->fail_open |= strcmp(w, word_fail_open) == 0;
		if (strcmp(w, word_audit) == 0)
			s->mode = SANDBOX_AUDIT;
	}
}

size_t elements_comment(const struct sandbox *s, uint32_t digest, unsigned int i, char *text, size_t cap)
{
	/* a whole selector's worth of room first, so that only the caller's buffer can cut */
	char full[2 * SANDBOX_NAME_MAX + SELECTOR_CGROUP_MAX + 64], words[ELEMENTS_WORDS_MAX];
	int n = snprintf(full, sizeof(full), "%s %s %08x %hu%s%s%s%s", s->name, s->policy, digest, s->zone,
		*elements_words(s, words) ? " " : "", words,
		s->runtime && s->kind == SANDBOX_CGROUP ? " " : "",
		s->runtime && s->kind == SANDBOX_CGROUP ? s->selectors[i].cgroup : "");

	event_set_text(text, cap, full);
	return n < 0 ? cap : (size_t)n;
}

static void add_membership(struct changes *c, enum nft_op op, const struct image *im, const struct sandbox *s,
	unsigned int i, uint8_t family)
{
	char comment[NFT_COMMENT_MAX];
	struct nft_change *ch = changes_push(c, op);
	int rc = key_sandbox(s, i, family, &ch->key);

	keep_if(c, rc);
	if (rc < 0)
		return;
	elements_comment(s, elements_digest(im, s->policy), i, comment, sizeof(comment));
	changes_comment(c, comment);
	ch = changes_push(c, op);
	keep_if(c, key_dns(s, i, family, &ch->key, &ch->data));
	ch = changes_push(c, op);
	keep_if(c, key_zone(s, i, &ch->key, &ch->data));
	ch = changes_push(c, op);
	keep_if(c, key_whose(s, i, &ch->key, &ch->data));
}

/* ---- static rules without overlap ---- */

static bool services_meet(const struct image_service *a, const struct image_service *b)
{
	return (a->protocol == b->protocol || !a->protocol || !b->protocol) && a->first <= b->last && b->first <= a->last;
}

static bool prefixes_meet(const struct prefix *a, const struct prefix *b)
{
	return a->len <= b->len ? prefix_contains(a, &b->addr) : prefix_contains(b, &a->addr);
}

static bool rules_meet(const struct image *im, const struct image_static *a, const struct image_static *b)
{
	for (uint32_t i = 0; i < a->n_prefixes * a->n_services; i++)
		for (uint32_t k = 0; k < b->n_prefixes * b->n_services; k++)
			if (prefixes_meet(&image_prefixes(im, a->first_prefix)[i / a->n_services],
				    &image_prefixes(im, b->first_prefix)[k / b->n_services]) &&
				services_meet(&image_services(im, a->first_service)[i % a->n_services],
					&image_services(im, b->first_service)[k % b->n_services]))
				return true;
	return false;
}

typedef const struct image_static *rule_at(const struct image *im, const struct image_policy *p, uint32_t i);

/* Is rule @i decided by the kernel alone? */
static bool in_kernel(const struct image *im, const struct image_policy *p, rule_at *at, uint32_t i)
{
	const struct image_static *r = at(im, p, i);

	if (r->action != ACTION_ALLOW)
		return false;
	for (uint32_t k = 0; k < i; k++)
		if (at(im, p, k)->action == ACTION_ALERT && rules_meet(im, at(im, p, k), r))
			return false;
	return true;
}

static int by_prefix_length(const void *a, const void *b)
{
	const struct pair *x = a, *y = b;

	return (int)x->prefix.len - (int)y->prefix.len;
}

/*
 * Writes to @out what is left of @p beside @done: pieces of its port range. @done holds shorter or
 * equal prefixes only. Returns the number of pieces, at most @max.
 */
static size_t cut_out(enum key_way way, const struct pair *p, const struct pair *done, size_t n_done, struct pair *out,
	size_t max)
{
	size_t n = 1;

	out[0] = *p;
	for (size_t d = 0; d < n_done; d++) {
		/* "anywhere" has holes where the private classes are: a rule that names them stands beside it */
		if (done[d].service.protocol != p->service.protocol ||
			!prefix_contains(&done[d].prefix, &p->prefix.addr) ||
			(way == KEY_EGRESS && prefix_is_private(&done[d].prefix) != prefix_is_private(&p->prefix)))
			continue;
		for (size_t i = 0; i < n; i++) {
			struct image_service *s = &out[i].service;
			const struct image_service *x = &done[d].service;

			if (s->last < x->first || x->last < s->first)
				continue;
			if (x->last < s->last && x->first > s->first && n < max) {
				out[n] = out[i];
				out[n++].service.first = (uint16_t)(x->last + 1);
				s->last = (uint16_t)(x->first - 1);
			} else if (x->first > s->first) {
				s->last = (uint16_t)(x->first - 1);
			} else if (x->last < s->last) {
				s->first = (uint16_t)(x->last + 1);
			} else {
				out[i--] = out[--n]; /* nothing left of this piece */
			}
		}
	}
	return n;
}

static size_t collect(const struct image *im, const struct image_policy *p, rule_at *at, uint32_t n_rules, struct pair *pairs)
{
	size_t n = 0;

	for (uint32_t i = 0; i < n_rules; i++) {
		const struct image_static *r = at(im, p, i);

		if (!in_kernel(im, p, at, i))
			continue;
		for (uint32_t k = 0; k < r->n_prefixes * r->n_services && n < PAIRS_MAX; k++)
			pairs[n++] = (struct pair){image_prefixes(im, r->first_prefix)[k / r->n_services],
				image_services(im, r->first_service)[k % r->n_services]};
	}
	qsort(pairs, n, sizeof(*pairs), by_prefix_length);
	return n;
}

static void add_rules(struct changes *c, enum nft_op op, const struct image *im, const struct sandbox *s, enum key_way way)
{
	const struct image_policy *p = image_policy(im, image_policy_find(im, s->policy));
	rule_at *at = way == KEY_EGRESS ? image_egress : image_ingress;
	struct pair *pairs = calloc(2 * PAIRS_MAX, sizeof(*pairs)), *done = pairs ? pairs + PAIRS_MAX : NULL;
	size_t n, n_done = 0;

	if (!pairs) {
		c->failed = true;
		return;
	}
	n = collect(im, p, at, way == KEY_EGRESS ? p->n_egress : p->n_ingress, pairs);
	for (size_t i = 0; i < n && n_done < PAIRS_MAX; i++) {
		size_t pieces = cut_out(way, &pairs[i], done, n_done, done + n_done, PAIRS_MAX - n_done);

		for (size_t k = 0; k < pieces; k++)
			add_rule(c, op, way, s, &done[n_done + k]);
		n_done += pieces;
	}
	free(pairs);
}

/*
 * A local sandbox whose policy has no ingress section may answer whatever the host's ingress lets in to it. Said in
 * the kernel, because every reply of UDP is held against its sender there (chain replying).
 */
static void add_any_ingress(struct changes *c, enum nft_op op, const struct image *im, const struct sandbox *s)
{
	static const uint8_t protocols[] = {6, 17, 33, 132, 136}; /* those of the ingress sets: with ports */
	static const uint8_t families[] = {ADDR_V4, ADDR_V6};

	if ((s->kind != SANDBOX_CGROUP && s->kind != SANDBOX_UID) ||
		image_policy(im, image_policy_find(im, s->policy))->has_ingress)
		return;
	for (size_t f = 0; f < ARRAY_LEN(families); f++)
		for (size_t i = 0; i < ARRAY_LEN(protocols); i++) {
			const struct pair any = {{.addr.family = families[f]}, {.last = UINT16_MAX, .protocol = protocols[i]}};

			add_rule(c, op, KEY_INGRESS, s, &any);
		}
}

/* ---- the whole ---- */

void elements_sandbox(struct changes *c, enum nft_op op, const struct image *im, const struct sandbox *s)
{
	for (unsigned int i = 0; i < key_selectors(s); i++) {
		add_membership(c, op, im, s, i, ADDR_V4);
		/* source sandboxes have one family a selector, the host has both; the rest are the same element */
		if (s->kind == SANDBOX_HOST || (s->kind == SANDBOX_SOURCE && s->selectors[i].source.addr.family == ADDR_V6))
			add_membership(c, op, im, s, i, ADDR_V6);
	}
	if (image_policy_find(im, s->policy) == IMAGE_NONE)
		return; /* no policy: nothing is allowed */
	add_rules(c, op, im, s, KEY_EGRESS);
	add_rules(c, op, im, s, KEY_INGRESS);
	add_any_ingress(c, op, im, s);
}

/* ---- settings ---- */

static int compare_prefixes(const void *a, const void *b)
{
	const struct prefix *x = a, *y = b;
	int order = memcmp(&x->addr, &y->addr, sizeof(x->addr));

	return order ? order : (int)x->len - (int)y->len;
}

static bool only_private(const struct image_record *r, struct prefix *p)
{
	*p = (struct prefix){r->addr, addr_bits(&r->addr)};
	return r->target == IMAGE_NONE && addr_is_private(&r->addr);
}

/* What zones and records may answer with. In sorted order a prefix stands right before those inside it, which are left out. */
static void add_private_answers(struct changes *c, const struct image *im)
{
	size_t cap = image_n_records(im), n = 0;
	const struct prefix *outer = NULL;
	struct prefix *all;

	for (uint32_t i = 0; i < image_n_zones(im); i++)
		cap += image_zone(im, i)->n_prefixes;
	all = calloc(cap ? cap : 1, sizeof(*all));
	if (!all) {
		c->failed = true;
		return;
	}
	for (uint32_t i = 0; i < image_n_zones(im); i++)
		for (uint32_t k = 0; k < image_zone(im, i)->n_prefixes; k++)
			all[n++] = *image_prefixes(im, image_zone(im, i)->first_prefix + k);
	for (uint32_t i = 0; i < image_n_records(im); i++)
		n += only_private(image_record(im, i), &all[n]);
	qsort(all, n, sizeof(*all), compare_prefixes);
	for (size_t i = 0; i < n; i++) {
		if (outer && outer->len <= all[i].len && prefix_contains(outer, &all[i].addr))
			continue;
		outer = &all[i];
		keep_if(c, key_private_answer(outer, &changes_push(c, NFT_ADD)->key));
	}
	free(all);
}

static void add_open(struct changes *c, enum key_open which)
{
	keep_if(c, key_open(which, ADDR_V4, &changes_push(c, NFT_ADD)->key));
	keep_if(c, key_open(which, ADDR_V6, &changes_push(c, NFT_ADD)->key));
}

/* Who may ask: the resolver over UDP and TCP, or postern-tls over TCP; never both, so that nothing goes in clear text instead. */
static void add_upstreams(struct changes *c, const struct image *im, const struct asking_uids *uids)
{
	static const uint8_t protocols[] = {6, 17};

	for (uint32_t i = 0; i < image_n_upstreams(im); i++) {
		const struct image_upstream *u = image_upstream(im, i);

		bool tls = image_upstream_tls(im, i);

		for (size_t k = 0; k < (tls ? 1 : ARRAY_LEN(protocols)); k++)
			keep_if(c, key_upstream(tls ? uids->tls : uids->resolver, &u->addr, protocols[k], u->port,
					   &changes_push(c, NFT_ADD)->key));
	}
}

/* Its questions go where a host sandbox's would: without a zone, whoever gets its port next would have its flow. */
static void add_resolver_zone(struct changes *c, uint32_t resolver_uid)
{
	struct nft_change *ch = changes_push(c, NFT_ADD);

	keep_if(c, key_zone_resolver(resolver_uid, ZONE_RESOLVER, &ch->key, &ch->data));
}

static bool host_has_ingress(const struct image *im, const struct sandbox *host)
{
	uint32_t policy = image_policy_find(im, host->policy);

	return policy == IMAGE_NONE || image_policy(im, policy)->has_ingress;
}

void elements_settings(struct changes *c, const struct image *im, const struct sandboxes *t,
	const struct asking_uids *uids)
{
	const struct image_settings *set = image_settings(im);
	const struct sandbox *host = NULL;

	keep_if(c, key_stub_port(set->stub_port, &changes_push(c, NFT_ADD)->key));
	for (uint16_t i = sandboxes_next(t, 0); i != SANDBOX_NONE; i = sandboxes_next(t, i + 1u)) {
		const struct sandbox *s = sandboxes_get(t, i);

		if (s->kind == SANDBOX_HOST)
			host = s;
		if (sandbox_is_local(s))
			keep_if(c, key_stub_port(s->stub_port, &changes_push(c, NFT_ADD)->key));
	}
	if (!host)
		add_open(c, KEY_OPEN_OUTPUT);
	if (!host || !host_has_ingress(im, host))
		add_open(c, KEY_OPEN_INPUT);
	if (set->forward_others)
		add_open(c, KEY_OPEN_FORWARD);
	if (set->confined_group)
		keep_if(c, key_confined_group(set->confined_group, &changes_push(c, NFT_ADD)->key));
	add_upstreams(c, im, uids);
	add_private_answers(c, im);
	add_resolver_zone(c, uids->resolver);
}

void elements_flush(struct changes *c)
{
	static const enum key_group groups[] = {KEYS_RULES, KEYS_SANDBOXES, KEYS_DNS, KEYS_ZONES, KEYS_WHOSE, KEYS_SETTINGS};

	for (size_t g = 0; g < ARRAY_LEN(groups); g++)
		for (unsigned int i = 0; key_set(groups[g], i); i++)
			changes_push(c, NFT_FLUSH)->key.set = key_set(groups[g], i);
}
