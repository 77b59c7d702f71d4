/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The table follows the administrator's file. What he writes is believed at once, and what he takes away goes; but a key that
 * has revoked itself is not believed again because an old file still has it.
 */
#include <string.h>

#include "table.h"

static bool has_zone(const struct anchor_configured *list, uint32_t n, const struct dns_name *zone)
{
	for (uint32_t i = 0; i < n; i++)
		if (dns_name_equal(&list[i].zone, zone))
			return true;
	return false;
}

static bool has_key(const struct anchor_configured *list, uint32_t n, const struct dns_name *zone, const struct anchor_ds *ds)
{
	for (uint32_t i = 0; i < n; i++)
		if (dns_name_equal(&list[i].zone, zone) && anchor_ds_equal(&list[i].ds, ds))
			return true;
	return false;
}

/* The zone with its keys. */
static void drop_zone(struct anchors *a, uint32_t zone)
{
	for (uint32_t i = a->n_keys; i-- > 0;) {
		if (a->keys[i].zone == zone)
			anchors_drop(a, &a->keys[i]);
		else if (a->keys[i].zone > zone)
			a->keys[i].zone--;
	}
	memmove(&a->zones[zone], &a->zones[zone + 1], (a->n_zones - zone - 1) * sizeof(a->zones[0]));
	memset(&a->zones[--a->n_zones], 0, sizeof(a->zones[0]));
}

/* What the file does not name any more. */
static bool take_away(struct anchors *a, const struct anchor_configured *list, uint32_t n)
{
	bool changed = false;

	for (uint32_t i = a->n_zones; i-- > 0;)
		if (!has_zone(list, n, &a->zones[i].name)) {
			drop_zone(a, i);
			changed = true;
		}
	for (uint32_t i = a->n_keys; i-- > 0;) {
		struct anchor_key *k = &a->keys[i];

		if (!k->configured || has_key(list, n, &a->zones[k->zone].name, &k->ds))
			continue;
		changed = true;
		if (k->state == ANCHOR_REVOKED || k->state == ANCHOR_REMOVED)
			k->configured = 0;
		else
			anchors_drop(a, k);
	}
	return changed;
}

static uint32_t zone_for(struct anchors *a, const struct dns_name *name)
{
	uint32_t zone = anchors_zone(a, name);

	if (zone < ANCHOR_ZONES_MAX || a->n_zones == ANCHOR_ZONES_MAX)
		return zone;
	memset(&a->zones[a->n_zones], 0, sizeof(a->zones[0]));
	memcpy(a->zones[a->n_zones].name.wire, name->wire, name->len);
	a->zones[a->n_zones].name.len = name->len;
	dns_name_lower(&a->zones[a->n_zones].name);
	return a->n_zones++;
}

/* What the administrator says comes before what waits to be learnt. */
static bool make_way(struct anchors *a, uint32_t zone)
{
	for (uint32_t i = a->n_keys; i-- > 0;)
		if (!a->keys[i].configured && a->keys[i].zone == zone && !anchor_trusted(&a->keys[i])) {
			anchors_drop(a, &a->keys[i]);
			return true;
		}
	for (uint32_t i = a->n_keys; i-- > 0;)
		if (!a->keys[i].configured) {
			anchors_drop(a, &a->keys[i]);
			return true;
		}
	return false;
}

static bool put(struct anchors *a, const struct anchor_configured *c, uint64_t now_s)
{
	uint32_t zone = zone_for(a, &c->zone);
	struct anchor_key *k = zone < ANCHOR_ZONES_MAX ? anchors_key(a, zone, &c->ds) : NULL;
	bool changed = false;

	if (zone == ANCHOR_ZONES_MAX)
		return false;
	if (!k) {
		do
			k = anchors_add(a, zone, &c->ds);
		while (!k && make_way(a, zone));
		if (!k)
			return false;
		anchor_enter(k, ANCHOR_VALID, now_s);
		changed = true;
	}
	changed |= !k->configured;
	k->configured = 1;
	if (k->state == ANCHOR_PENDING) {
		anchor_enter(k, ANCHOR_VALID, now_s);
		changed = true;
	}
	return changed;
}

bool anchors_configure(struct anchors *a, const struct anchor_configured *list, uint32_t n, uint64_t now_s)
{
	bool changed = take_away(a, list, n);

	for (uint32_t i = 0; i < n; i++)
		changed |= put(a, &list[i], now_s);
	return changed;
}
