/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sandboxes by selector: see the header.
 *
 * One hash table holds every selector as a short key (kind, prefix length, value). A sandbox's node
 * numbers follow from its slot, so nothing is allocated. Longest prefix: one probe for each length that is
 * in use. Cgroups are few (SANDBOX_LOCAL_MAX) and match by the beginning of a path: a plain list.
 */
#include "boxes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "postern/hash.h"

#define BUCKETS 65536
#define NODE_NONE 0 /* node numbers count from 1 */

struct key {
	uint8_t kind;	/* enum sandbox_kind */
	uint8_t len;	/* prefix length */
	uint8_t family; /* of a source */
	uint8_t value[17];
};

struct node {
	struct key key;
	uint32_t next;
};

struct boxes {
	struct hash_key hash;
	const struct image *image;
	bool used[SANDBOX_MAX];
	struct sandbox boxes[SANDBOX_MAX];
	uint32_t image_count;		     /* changes with the image */
	uint32_t policy_from[SANDBOX_MAX];   /* image_count for which policy[] was looked up */
	uint32_t policy[SANDBOX_MAX];
	uint32_t buckets[BUCKETS];
	struct node nodes[SANDBOX_MAX * SELECTORS_MAX + 1];
	uint32_t lengths[2][129]; /* sources by family and prefix length */
	uint16_t cgroups[SANDBOX_LOCAL_MAX];
	uint32_t n_cgroups;
	uint16_t host;
};

int boxes_new(struct boxes **ret_boxes)
{
	struct boxes *b = calloc(1, sizeof(*b));

	if (!b)
		return -ENOMEM;
	hash_key_init(&b->hash);
	b->host = SANDBOX_NONE;
	b->image_count = 1;
	*ret_boxes = b;
	return 0;
}

void boxes_free(struct boxes *b)
{
	free(b);
}

static struct key key_interface(const char *ifname)
{
	struct key k = {.kind = SANDBOX_INTERFACE};

	memcpy(k.value, ifname, strnlen(ifname, SELECTOR_IFNAME_MAX));
	return k;
}

static struct key key_source(const struct addr *a, uint8_t len)
{
	struct key k = {.kind = SANDBOX_SOURCE, .len = len, .family = a->family};

	memcpy(k.value, a->bytes, (len + 7u) / 8);
	if (len % 8)
		k.value[len / 8] &= (uint8_t)(0xff00u >> len % 8);
	return k;
}

static struct key key_uid(uint32_t uid)
{
	struct key k = {.kind = SANDBOX_UID};

	memcpy(k.value, &uid, sizeof(uid));
	return k;
}

static bool selector_key(const struct sandbox *s, const struct selector *sel, struct key *ret_key)
{
	switch ((enum sandbox_kind)s->kind) {
	case SANDBOX_INTERFACE:
		*ret_key = key_interface(sel->ifname);
		return true;
	case SANDBOX_SOURCE:
		*ret_key = key_source(&sel->source.addr, sel->source.len);
		return true;
	case SANDBOX_UID:
		*ret_key = key_uid(sel->uid);
		return true;
	case SANDBOX_CGROUP:
	case SANDBOX_HOST:
	case SANDBOX_KIND_COUNT:
		break;
	}
	return false;
}

static uint32_t *bucket(struct boxes *b, const struct key *k)
{
	return &b->buckets[hash_bytes(&b->hash, k, sizeof(*k)) % BUCKETS];
}

static uint16_t find(const struct boxes *b, const struct key *k)
{
	uint32_t n = b->buckets[hash_bytes(&b->hash, k, sizeof(*k)) % BUCKETS];

	while (n != NODE_NONE && memcmp(&b->nodes[n].key, k, sizeof(*k)) != 0)
		n = b->nodes[n].next;
	return n == NODE_NONE ? SANDBOX_NONE : (uint16_t)((n - 1) / SELECTORS_MAX);
}

static uint32_t *length_count(struct boxes *b, const struct selector *sel)
{
	return &b->lengths[sel->source.addr.family == ADDR_V6][sel->source.len];
}

static void link_selector(struct boxes *b, const struct sandbox *s, unsigned int i)
{
	uint32_t n = (uint32_t)s->slot * SELECTORS_MAX + i + 1, *head;

	if (!selector_key(s, &s->selectors[i], &b->nodes[n].key))
		return;
	head = bucket(b, &b->nodes[n].key);
	b->nodes[n].next = *head;
	*head = n;
	if (s->kind == SANDBOX_SOURCE)
		++*length_count(b, &s->selectors[i]);
}

static void unlink_selector(struct boxes *b, const struct sandbox *s, unsigned int i)
{
	uint32_t n = (uint32_t)s->slot * SELECTORS_MAX + i + 1, *at;
	struct key k;

	if (!selector_key(s, &s->selectors[i], &k))
		return;
	for (at = bucket(b, &k); *at != n; at = &b->nodes[*at].next)
		ASSERT(*at != NODE_NONE);
	*at = b->nodes[n].next;
	if (s->kind == SANDBOX_SOURCE)
		--*length_count(b, &s->selectors[i]);
}

static void forget_cgroup(struct boxes *b, uint16_t slot)
{
	for (uint32_t i = 0; i < b->n_cgroups; i++)
		if (b->cgroups[i] == slot) {
			b->cgroups[i] = b->cgroups[--b->n_cgroups];
			return;
		}
}

int boxes_set(struct boxes *b, const struct sandbox *s)
{
	if (s->slot >= SANDBOX_MAX || !sandbox_valid(s))
		return -EINVAL;
	boxes_unset(b, s->slot);
	if (s->kind == SANDBOX_CGROUP && b->n_cgroups == SANDBOX_LOCAL_MAX)
		return -EINVAL;
	b->boxes[s->slot] = *s;
	b->used[s->slot] = true;
	for (unsigned int i = 0; i < s->n_selectors; i++)
		link_selector(b, &b->boxes[s->slot], i);
	if (s->kind == SANDBOX_CGROUP)
		b->cgroups[b->n_cgroups++] = s->slot;
	if (s->kind == SANDBOX_HOST)
		b->host = s->slot;
	b->policy_from[s->slot] = 0;
	return 0;
}

void boxes_unset(struct boxes *b, uint16_t slot)
{
	const struct sandbox *s = boxes_get(b, slot);

	if (!s)
		return;
	for (unsigned int i = 0; i < s->n_selectors; i++)
		unlink_selector(b, s, i);
	forget_cgroup(b, slot);
	if (b->host == slot)
		b->host = SANDBOX_NONE;
	b->used[slot] = false;
}

const struct sandbox *boxes_get(const struct boxes *b, uint16_t slot)
{
	return slot < SANDBOX_MAX && b->used[slot] ? &b->boxes[slot] : NULL;
}

void boxes_use_image(struct boxes *b, const struct image *im)
{
	b->image = im;
	b->image_count++;
}

const struct image_policy *boxes_policy(struct boxes *b, uint16_t slot)
{
	const struct sandbox *s = boxes_get(b, slot);

	if (!s || !b->image)
		return NULL;
	if (b->policy_from[slot] != b->image_count) {
		b->policy[slot] = image_policy_find(b->image, s->policy);
		b->policy_from[slot] = b->image_count;
	}
	return b->policy[slot] == IMAGE_NONE ? NULL : image_policy(b->image, b->policy[slot]);
}

uint16_t boxes_by_interface(const struct boxes *b, const char *ifname)
{
	struct key k = key_interface(ifname);

	return ifname[0] ? find(b, &k) : SANDBOX_NONE;
}

uint16_t boxes_by_source(const struct boxes *b, const struct addr *a)
{
	const uint32_t *lengths = b->lengths[a->family == ADDR_V6];

	if (a->family == ADDR_NONE)
		return SANDBOX_NONE;
	for (unsigned int len = addr_bits(a); len > 0; len--) {
		struct key k;
		uint16_t slot;

		if (!lengths[len])
			continue;
		k = key_source(a, (uint8_t)len);
		slot = find(b, &k);
		if (slot != SANDBOX_NONE)
			return slot;
	}
	return SANDBOX_NONE;
}

/* Bytes of @selector where @path is it or below it, else 0. */
static size_t path_within(const char *path, const char *selector)
{
	size_t n = strnlen(selector, SELECTOR_CGROUP_MAX);

	while (n > 1 && selector[n - 1] == '/')
		n--;
	return strncmp(path, selector, n) == 0 && (path[n] == '/' || path[n] == '\0') ? n : 0;
}

uint16_t boxes_by_cgroup(const struct boxes *b, const char *path)
{
	uint16_t best = SANDBOX_NONE;
	size_t best_len = 0;

	for (uint32_t i = 0; i < b->n_cgroups; i++) {
		const struct sandbox *s = &b->boxes[b->cgroups[i]];

		for (unsigned int k = 0; k < s->n_selectors; k++) {
			size_t len = path_within(path, s->selectors[k].cgroup);

			if (len > best_len) {
				best_len = len;
				best = s->slot;
			}
		}
	}
	return best;
}

uint16_t boxes_by_cgroup_zone(const struct boxes *b, uint16_t zone)
{
	for (uint32_t i = 0; i < b->n_cgroups; i++)
		if (b->boxes[b->cgroups[i]].zone == zone)
			return b->cgroups[i];
	return SANDBOX_NONE;
}

uint16_t boxes_by_uid(const struct boxes *b, uint32_t uid)
{
	struct key k = key_uid(uid);

	return find(b, &k);
}

uint16_t boxes_host(const struct boxes *b)
{
	return b->host;
}

bool boxes_any_cgroup(const struct boxes *b)
{
	return b->n_cgroups > 0;
}
