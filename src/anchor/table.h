/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the table share. Private to src/anchor. */
#ifndef ANCHOR_TABLE_H
#define ANCHOR_TABLE_H

#include "postern/anchor.h"

/* Index of the zone, or ANCHOR_ZONES_MAX. */
uint32_t anchors_zone(const struct anchors *a, const struct dns_name *name);
/* The zone's key with that digest, or NULL. */
struct anchor_key *anchors_key(struct anchors *a, uint32_t zone, const struct anchor_ds *ds);
/* A new row; NULL where the zone or the table is full of keys that are believed or waited for. */
struct anchor_key *anchors_add(struct anchors *a, uint32_t zone, const struct anchor_ds *ds);
void anchors_drop(struct anchors *a, struct anchor_key *k);
void anchor_enter(struct anchor_key *k, enum anchor_state s, uint64_t now_s);

#endif
