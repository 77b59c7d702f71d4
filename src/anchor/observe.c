/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The state machine of RFC 5011 section 4, over one look at a zone.
 *
 *   (new)    seen                 PENDING, to be believed 30 days later (or after the RRset's TTL, where that is longer)
 *   PENDING  not seen             forgotten: an attacker's key has to stand there in every look
 *   PENDING  seen after its time  VALID
 *   VALID    not seen             MISSING, believed all the same
 *   MISSING  seen                 VALID
 *   VALID, MISSING  revoked       REVOKED, at once and for ever
 *   REVOKED  30 days              REMOVED
 *
 * A look that no believed key has signed shows nothing but revocations. A clock that was set back begins the time of a pending
 * key anew: what cannot be told has not passed. A key is refused for ever by its revocation, so a removed one is not new.
 */
#include <string.h>

#include "table.h"

struct look {
	struct anchors *a;
	uint32_t zone;
	const struct anchor_seen *seen;
	uint64_t now_s;
	struct anchor_change *changes;
	unsigned int n_changes;
};

static void note(struct look *l, const struct anchor_key *k, enum anchor_state before, bool gone)
{
	if (l->n_changes < ANCHOR_CHANGES_MAX)
		l->changes[l->n_changes++] = (struct anchor_change){l->a->zones[l->zone].name, *k, before, gone};
}

static void enter(struct look *l, struct anchor_key *k, enum anchor_state s, uint64_t until_s)
{
	enum anchor_state before = (enum anchor_state)k->state;

	anchor_enter(k, s, l->now_s);
	k->until_s = until_s;
	note(l, k, before, false);
}

static struct anchor_ds ds_of(const struct anchor_seen_key *s, uint8_t digest_type)
{
	struct anchor_ds ds = {.tag = s->tag, .algorithm = s->algorithm, .digest_type = digest_type};

	ds.digest_len = digest_type == 4 ? sizeof(s->sha384) : sizeof(s->sha256);
	memcpy(ds.digest, digest_type == 4 ? s->sha384 : s->sha256, ds.digest_len);
	return ds;
}

static const struct anchor_seen_key *seen_as(const struct anchor_seen *s, const struct anchor_key *k)
{
	for (unsigned int i = 0; i < s->n; i++) {
		struct anchor_ds ds = ds_of(&s->keys[i], k->ds.digest_type);

		if (anchor_ds_equal(&ds, &k->ds))
			return &s->keys[i];
	}
	return NULL;
}

static uint64_t hold_until(const struct look *l)
{
	return l->now_s + (l->seen->ttl_s > ANCHOR_HOLD_S ? l->seen->ttl_s : ANCHOR_HOLD_S);
}

/* False: the row is gone. */
static bool look_at_pending(struct look *l, struct anchor_key *k, const struct anchor_seen_key *seen)
{
	if (!l->seen->validated)
		return true;
	if (!seen || seen->revoked) {
		note(l, k, ANCHOR_PENDING, true);
		anchors_drop(l->a, k);
		return false;
	}
	if (l->now_s < k->since_s)
		enter(l, k, ANCHOR_PENDING, hold_until(l));
	else if (l->now_s >= k->until_s)
		enter(l, k, ANCHOR_VALID, 0);
	return true;
}

static bool look_at(struct look *l, struct anchor_key *k)
{
	const struct anchor_seen_key *seen = seen_as(l->seen, k);

	switch ((enum anchor_state)k->state) {
	case ANCHOR_PENDING:
		return look_at_pending(l, k, seen);
	case ANCHOR_VALID:
	case ANCHOR_MISSING:
		if (seen && seen->revoked)
			enter(l, k, ANCHOR_REVOKED, l->now_s + ANCHOR_HOLD_S);
		else if (l->seen->validated && !seen && k->state == ANCHOR_VALID)
			enter(l, k, ANCHOR_MISSING, 0);
		else if (l->seen->validated && seen && k->state == ANCHOR_MISSING)
			enter(l, k, ANCHOR_VALID, 0);
		return true;
	case ANCHOR_REVOKED:
		if (l->now_s >= k->until_s)
			enter(l, k, ANCHOR_REMOVED, 0);
		return true;
	case ANCHOR_REMOVED:
	case ANCHOR_STATE_COUNT:
		return true;
	}
	return true;
}

/* Whatever the digest by which it is known. */
static bool known(struct look *l, const struct anchor_seen_key *s)
{
	const struct anchor_ds a = ds_of(s, 2), b = ds_of(s, 4);

	return anchors_key(l->a, l->zone, &a) || anchors_key(l->a, l->zone, &b);
}

static void add_new(struct look *l)
{
	for (unsigned int i = 0; l->seen->validated && i < l->seen->n; i++) {
		const struct anchor_seen_key *s = &l->seen->keys[i];
		struct anchor_ds ds = ds_of(s, 2);
		struct anchor_key *k = s->revoked || known(l, s) ? NULL : anchors_add(l->a, l->zone, &ds);

		if (!k)
			continue;
		anchor_enter(k, ANCHOR_PENDING, l->now_s);
		k->until_s = hold_until(l);
		note(l, k, ANCHOR_STATE_COUNT, false);
	}
}

unsigned int anchors_observe(struct anchors *a, const struct anchor_seen *s, uint64_t now_s,
	struct anchor_change ret_changes[static ANCHOR_CHANGES_MAX])
{
	struct look l = {.a = a, .zone = anchors_zone(a, &s->zone), .seen = s, .now_s = now_s, .changes = ret_changes};
	uint32_t i = 0;

	if (l.zone == ANCHOR_ZONES_MAX)
		return 0;
	while (i < a->n_keys)
		i += a->keys[i].zone != l.zone || look_at(&l, &a->keys[i]);
	add_new(&l);
	if (s->validated)
		a->zones[l.zone].seen_s = now_s;
	return l.n_changes;
}

#define HOUR_S 3600u
#define DAY_S 86400u

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

uint32_t anchor_interval_s(uint32_t ttl_s, uint32_t signature_s, bool retry)
{
	uint32_t s = retry ? least(DAY_S, least(ttl_s, signature_s) / 10) : least(15 * DAY_S, least(ttl_s, signature_s) / 2);

	return s < HOUR_S ? HOUR_S : s;
}
