/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of zones: see the header. Sets of four places; in a full one what ends first makes room. */
#include "dnssec_zones.h"

#include <stdlib.h>
#include <string.h>

#include "dnssec_denial.h"
#include "postern/hash.h"
#include "postern/sandbox.h"

#define WAYS 4u
#define SETS (DNSSEC_ZONES_MAX / WAYS)
#define SHARED_LABELS 1

struct dnssec_zones {
	struct hash_key seed;
	struct dnssec_zone all[SETS][WAYS];
};

struct dnssec_zones *dnssec_zones_new(void)
{
	struct dnssec_zones *z = calloc(1, sizeof(*z));

	if (z)
		hash_key_init(&z->seed);
	return z;
}

static void clear(struct dnssec_zone *e)
{
	dnssec_keys_free(e->keys);
	memset(e, 0, sizeof(*e));
}

void dnssec_zones_forget(struct dnssec_zones *z, uint16_t slot)
{
	for (unsigned int i = 0; i < DNSSEC_ZONES_MAX; i++) {
		struct dnssec_zone *e = &z->all[i / WAYS][i % WAYS];

		if (e->until_ms && (slot == SANDBOX_NONE || e->slot == slot))
			clear(e);
	}
}

void dnssec_zones_free(struct dnssec_zones *z)
{
	if (z)
		dnssec_zones_forget(z, SANDBOX_NONE);
	free(z);
}

static uint16_t owner_of(uint16_t slot, const struct dns_name *name)
{
	return dnssec_labels(name) <= SHARED_LABELS ? SANDBOX_NONE : slot;
}

static uint32_t hash_of(const struct dnssec_zones *z, uint16_t slot, const struct dns_name *name)
{
	struct dns_name low = *name;

	dns_name_lower(&low);
	return (uint32_t)hash_bytes(&z->seed, low.wire, low.len) ^ (slot + 1u) * 0x9e3779b9u;
}

static bool same(const struct dnssec_zone *e, uint32_t hash, uint16_t slot, const struct dns_name *name)
{
	return e->until_ms && e->hash == hash && e->slot == slot && dns_name_equal(&e->name, name);
}

struct dnssec_zone *dnssec_zones_find(struct dnssec_zones *z, uint16_t slot, const struct dns_name *name, uint64_t now_ms)
{
	uint16_t owner = owner_of(slot, name);
	uint32_t hash = hash_of(z, owner, name);
	struct dnssec_zone *set = z->all[hash % SETS];

	for (unsigned int i = 0; i < WAYS; i++)
		if (same(&set[i], hash, owner, name))
			return set[i].until_ms > now_ms ? &set[i] : NULL;
	return NULL;
}

struct dnssec_zone *dnssec_zones_put(struct dnssec_zones *z, uint16_t slot, const struct dns_name *name, uint64_t until_ms)
{
	uint16_t owner = owner_of(slot, name);
	uint32_t hash = hash_of(z, owner, name);
	struct dnssec_zone *set = z->all[hash % SETS], *place = &set[0];

	for (unsigned int i = 0; i < WAYS; i++) {
		if (same(&set[i], hash, owner, name)) {
			place = &set[i];
			break;
		}
		if (set[i].until_ms < place->until_ms)
			place = &set[i];
	}
	clear(place);
	place->name = *name;
	place->hash = hash;
	place->slot = owner;
	place->until_ms = until_ms;
	return place;
}
