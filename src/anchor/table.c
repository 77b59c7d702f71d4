/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The table of anchors: rows, and what is checked of one that came from elsewhere. See the header.
 *
 * A full table gives up what was removed longest ago and was only learnt; never a key that is believed, revoked or waited for.
 */
#include "table.h"

#include <string.h>

static_assert(ANCHOR_ZONES_MAX <= UINT8_MAX, "an index is a byte");

static const char *const states[] = {
	[ANCHOR_PENDING] = "pending", [ANCHOR_VALID] = "valid", [ANCHOR_MISSING] = "missing", [ANCHOR_REVOKED] = "revoked",
	[ANCHOR_REMOVED] = "removed",
};
static_assert(ARRAY_LEN(states) == ANCHOR_STATE_COUNT, "a word for every state");

const char *anchor_state_text(enum anchor_state s)
{
	return states[s];
}

enum anchor_state anchor_state_parse(const char *text)
{
	unsigned int s = 0;

	while (s < ANCHOR_STATE_COUNT && strcmp(states[s], text) != 0)
		s++;
	return (enum anchor_state)s;
}

bool anchor_ds_equal(const struct anchor_ds *a, const struct anchor_ds *b)
{
	return a->tag == b->tag && a->algorithm == b->algorithm && a->digest_type == b->digest_type &&
		a->digest_len == b->digest_len && memcmp(a->digest, b->digest, a->digest_len) == 0;
}

bool anchor_trusted(const struct anchor_key *k)
{
	return k->state == ANCHOR_VALID || k->state == ANCHOR_MISSING;
}

static bool name_valid(const struct dns_name *n)
{
	struct dns_name checked;

	return dns_name_from_wire(n->wire, n->len, &checked) == 0;
}

static bool ds_valid(const struct anchor_ds *ds)
{
	return (ds->digest_type == 2 && ds->digest_len == 32) || (ds->digest_type == 4 && ds->digest_len == 48);
}

static bool key_valid(const struct anchors *a, uint32_t i)
{
	const struct anchor_key *k = &a->keys[i];

	if (k->zone >= a->n_zones || k->state >= ANCHOR_STATE_COUNT || k->configured > 1 || !ds_valid(&k->ds))
		return false;
	for (uint32_t j = 0; j < i; j++)
		if (a->keys[j].zone == k->zone && anchor_ds_equal(&a->keys[j].ds, &k->ds))
			return false;
	return true;
}

bool anchors_valid(const struct anchors *a)
{
	if (a->n_zones > ANCHOR_ZONES_MAX || a->n_keys > ANCHOR_KEYS_MAX)
		return false;
	for (uint32_t i = 0; i < a->n_zones; i++)
		if (!name_valid(&a->zones[i].name) || anchors_zone(a, &a->zones[i].name) != i)
			return false;
	for (uint32_t i = 0; i < a->n_keys; i++)
		if (!key_valid(a, i))
			return false;
	return true;
}

bool anchor_seen_valid(const struct anchor_seen *s)
{
	if (s->n > ANCHOR_SEEN_MAX || s->validated > 1 || !name_valid(&s->zone))
		return false;
	for (unsigned int i = 0; i < s->n; i++)
		if (s->keys[i].revoked > 1)
			return false;
	return true;
}

uint32_t anchors_zone(const struct anchors *a, const struct dns_name *name)
{
	for (uint32_t i = 0; i < a->n_zones; i++)
		if (dns_name_equal(&a->zones[i].name, name))
			return i;
	return ANCHOR_ZONES_MAX;
}

struct anchor_key *anchors_key(struct anchors *a, uint32_t zone, const struct anchor_ds *ds)
{
	for (uint32_t i = 0; i < a->n_keys; i++)
		if (a->keys[i].zone == zone && anchor_ds_equal(&a->keys[i].ds, ds))
			return &a->keys[i];
	return NULL;
}

/* Makes room: of @zone (ANCHOR_ZONES_MAX: of any). */
static bool give_up_one(struct anchors *a, uint32_t zone)
{
	struct anchor_key *oldest = NULL;

	for (uint32_t i = 0; i < a->n_keys; i++) {
		struct anchor_key *k = &a->keys[i];

		if (k->state == ANCHOR_REMOVED && !k->configured && (zone == ANCHOR_ZONES_MAX || k->zone == zone) &&
			(!oldest || k->since_s < oldest->since_s))
			oldest = k;
	}
	if (oldest)
		anchors_drop(a, oldest);
	return oldest != NULL;
}

struct anchor_key *anchors_add(struct anchors *a, uint32_t zone, const struct anchor_ds *ds)
{
	unsigned int n = 0;

	for (uint32_t i = 0; i < a->n_keys; i++)
		n += a->keys[i].zone == zone;
	if ((n >= ANCHOR_KEYS_PER_ZONE && !give_up_one(a, zone)) ||
		(a->n_keys == ANCHOR_KEYS_MAX && !give_up_one(a, ANCHOR_ZONES_MAX)))
		return NULL;
	struct anchor_key *k = &a->keys[a->n_keys++];

	memset(k, 0, sizeof(*k));
	k->zone = (uint8_t)zone;
	k->ds = *ds;
	return k;
}

/* In order: rows are shown and written as they came. */
void anchors_drop(struct anchors *a, struct anchor_key *k)
{
	size_t behind = (size_t)(&a->keys[a->n_keys] - (k + 1));

	memmove(k, k + 1, behind * sizeof(*k));
	memset(&a->keys[--a->n_keys], 0, sizeof(*k));
}

void anchor_enter(struct anchor_key *k, enum anchor_state s, uint64_t now_s)
{
	k->state = (uint8_t)s;
	k->since_s = now_s;
	k->until_s = 0;
}
