/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Slots and their selectors.
 *
 * Interface names and source prefixes stand in one hash table with open addressing, half
 * empty at its fullest. It is rebuilt from the slots at the first look-up after a removal: removals are rare, and a
 * table without tombstones has nothing to get wrong. A prefix look-up is one probe for each prefix length in use,
 * longest first. Where two sandboxes claim the same selector (the gate refuses that), the lower slot has it.
 */
#include "owners.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "postern/hash.h"

#define INDEX_SIZE (2u * SANDBOX_MAX * SELECTORS_MAX) /* a power of two */
#define LENGTHS 129

enum key_kind { KEY_NONE, KEY_INTERFACE, KEY_SOURCE };

/* One selector; compared as bytes, so every byte is set. */
struct key {
	uint8_t kind; /* enum key_kind */
	uint8_t len;  /* of the prefix */
	uint8_t family;
	uint8_t bytes[16]; /* interface name or address */
};

struct slot {
	struct owner owner;
	uint8_t n_keys;
	struct key keys[SELECTORS_MAX];
	char name[SANDBOX_NAME_MAX];
	char policy[SANDBOX_NAME_MAX];
};

struct place {
	struct key key;
	uint16_t slot;
};

struct owners {
	struct hash_key seed;
	struct slot slots[SANDBOX_MAX];
	struct place index[INDEX_SIZE];
	uint32_t lengths[2][LENGTHS]; /* keys of each prefix length, by family */
	uint16_t top;		      /* slots below it may be in use */
	bool stale;
};

struct owners *owners_new(void)
{
	struct owners *o = calloc(1, sizeof(*o));

	if (o)
		hash_key_init(&o->seed);
	return o;
}

void owners_free(struct owners *o)
{
	free(o);
}

static struct key key_of_ifname(const char *ifname)
{
	struct key k = {.kind = KEY_INTERFACE};

	memcpy(k.bytes, ifname, strnlen(ifname, sizeof(k.bytes)));
	return k;
}

static struct key key_of_source(const struct addr *a, uint8_t len)
{
	struct key k = {.kind = KEY_SOURCE, .len = len, .family = a->family};
	unsigned int whole = len / 8u;

	memcpy(k.bytes, a->bytes, whole);
	if (len % 8u)
		k.bytes[whole] = (uint8_t)(a->bytes[whole] & (0xff00u >> len % 8u));
	return k;
}

static uint32_t place_of(const struct owners *o, const struct key *k)
{
	uint32_t at = (uint32_t)hash_bytes(&o->seed, k, sizeof(*k)) & (INDEX_SIZE - 1);

	while (o->index[at].key.kind != KEY_NONE && memcmp(&o->index[at].key, k, sizeof(*k)) != 0)
		at = (at + 1) & (INDEX_SIZE - 1);
	return at;
}

static void index_slot(struct owners *o, uint16_t slot)
{
	const struct slot *s = &o->slots[slot];

	for (unsigned int i = 0; i < s->n_keys; i++) {
		struct place *p = &o->index[place_of(o, &s->keys[i])];

		if (p->key.kind != KEY_NONE)
			continue;
		p->key = s->keys[i];
		p->slot = slot;
		if (p->key.kind == KEY_SOURCE)
			o->lengths[p->key.family == ADDR_V6][p->key.len]++;
	}
}

static void rebuild(struct owners *o)
{
	memset(o->index, 0, sizeof(o->index));
	memset(o->lengths, 0, sizeof(o->lengths));
	for (uint16_t i = 0; i < o->top; i++)
		if (o->slots[i].owner.present)
			index_slot(o, i);
	o->stale = false;
}

static const struct image_policy *find_policy(const struct image *im, const char *name)
{
	uint32_t policy = im ? image_policy_find(im, name) : IMAGE_NONE;

	return policy == IMAGE_NONE ? NULL : image_policy(im, policy);
}

static void set_keys(struct slot *slot, const struct sandbox *s)
{
	slot->n_keys = 0;
	if (sandbox_is_local(s))
		return;
	for (unsigned int i = 0; i < s->n_selectors; i++)
		slot->keys[slot->n_keys++] = s->kind == SANDBOX_INTERFACE ?
			key_of_ifname(s->selectors[i].ifname) :
			key_of_source(&s->selectors[i].source.addr, s->selectors[i].source.len);
}

/* Are all who ask in it one client? */
static bool one_client(const struct sandbox *s)
{
	const struct prefix *source = &s->selectors[0].source;

	return sandbox_is_local(s) || (s->kind == SANDBOX_SOURCE && s->n_selectors == 1 && source->len == addr_bits(&source->addr));
}

int owners_set(struct owners *o, const struct sandbox *s, const struct image *im)
{
	struct slot *slot;

	if (s->slot >= SANDBOX_MAX || !sandbox_valid(s))
		return -EINVAL;
	slot = &o->slots[s->slot];
	if (slot->n_keys)
		o->stale = true;
	set_keys(slot, s);
	memcpy(slot->name, s->name, sizeof(slot->name));
	memcpy(slot->policy, s->policy, sizeof(slot->policy));
	slot->owner.present = true;
	slot->owner.one_client = one_client(s);
	slot->owner.audit = s->mode == SANDBOX_AUDIT;
	slot->owner.fail_open = s->fail_open;
	slot->owner.epoch++;
	slot->owner.policy = find_policy(im, slot->policy);
	if (o->top <= s->slot)
		o->top = (uint16_t)(s->slot + 1);
	if (!o->stale)
		index_slot(o, s->slot);
	return 0;
}

void owners_remove(struct owners *o, uint16_t slot)
{
	if (slot >= SANDBOX_MAX || !o->slots[slot].owner.present)
		return;
	o->slots[slot].owner.present = false;
	o->slots[slot].owner.policy = NULL;
	o->slots[slot].owner.audit = o->slots[slot].owner.fail_open = false;
	o->slots[slot].owner.epoch++;
	o->slots[slot].owner.n_tasks = 0; /* they end with it; the slot's next sandbox starts with none */
	if (o->slots[slot].n_keys)
		o->stale = true;
	o->slots[slot].n_keys = 0;
}

void owners_set_image(struct owners *o, const struct image *im)
{
	for (uint16_t i = 0; i < o->top; i++) {
		o->slots[i].owner.epoch++;
		o->slots[i].owner.policy = o->slots[i].owner.present ? find_policy(im, o->slots[i].policy) : NULL;
	}
}

struct owner *owners_get(struct owners *o, uint16_t slot)
{
	return slot < SANDBOX_MAX && o->slots[slot].owner.present ? &o->slots[slot].owner : NULL;
}

const char *owners_name(const struct owners *o, uint16_t slot)
{
	return slot < SANDBOX_MAX ? o->slots[slot].name : "";
}

uint16_t owners_find(struct owners *o, const char *ifname, const struct addr *source)
{
	unsigned int v6 = source->family == ADDR_V6;
	struct key k = key_of_ifname(ifname);
	const struct place *p;

	if (o->stale)
		rebuild(o);
	p = &o->index[place_of(o, &k)];
	if (p->key.kind != KEY_NONE)
		return p->slot;
	for (unsigned int len = addr_bits(source); len > 0; len--) {
		if (!o->lengths[v6][len])
			continue;
		k = key_of_source(source, (uint8_t)len);
		p = &o->index[place_of(o, &k)];
		if (p->key.kind != KEY_NONE)
			return p->slot;
	}
	return SANDBOX_NONE;
}
