/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The names' side of the book of pins: holds, the leases that count them by name, and the tallies that count
 * them by rule. A tally keeps its place at zero until pinbook_recount() forgets it, so that
 * open addressing needs no deletion.
 */
#include "pinbook_private.h"

#include <string.h>

static uint32_t lease_bucket(const struct pinbook *b, uint16_t slot, const struct dns_name *lower)
{
	uint8_t raw[2 + DNS_NAME_MAX];

	memcpy(raw, &slot, 2);
	memcpy(raw + 2, lower->wire, lower->len);
	return (uint32_t)hash_bytes(&b->hash_key, raw, 2u + lower->len) % BUCKETS;
}

uint32_t pinbook_find_lease(const struct pinbook *b, uint16_t slot, const struct dns_name *name)
{
	struct dns_name lower = *name;

	dns_name_lower(&lower);
	for (uint32_t i = b->lease_buckets[lease_bucket(b, slot, &lower)]; i != NIL; i = b->leases[i - 1].next) {
		const struct lease *l = &b->leases[i - 1];

		if (l->slot == slot && dns_name_equal(&l->name, &lower))
			return i - 1;
	}
	return PINBOOK_NONE;
}

uint32_t pinbook_count_name(const struct pinbook *b, uint16_t slot, const struct dns_name *name)
{
	uint32_t lease = pinbook_find_lease(b, slot, name);

	return lease == PINBOOK_NONE ? 0 : b->leases[lease].n_counted;
}

/* The tally of a rule, or the empty place where it belongs. */
static uint32_t tally_place(const struct pinbook *b, uint16_t slot, uint32_t rule)
{
	uint64_t key = ((uint64_t)slot << 32 | rule) + 1;
	uint32_t i = (uint32_t)hash_bytes(&b->hash_key, &key, sizeof(key)) % TALLIES;

	while (b->tallies[i].key && b->tallies[i].key != key)
		i = (i + 1) % TALLIES;
	return i;
}

uint32_t pinbook_count_rule(const struct pinbook *b, uint16_t slot, uint32_t rule)
{
	return b->tallies[tally_place(b, slot, rule)].n;
}

/* Adds a counted hold. False where the table has no room: it is never more than half full, so places are found. */
static bool tally_add(struct pinbook *b, const struct hold *h)
{
	uint16_t slot = b->leases[h->lease].slot;
	uint32_t rule = h->rule;
	struct tally *t = &b->tallies[tally_place(b, slot, rule)];

	if (!h->counted)
		return true;

	if (!t->key) {
		if (b->n_tallies == PINBOOK_RULES_MAX)
			return false;
		t->key = ((uint64_t)slot << 32 | rule) + 1;
		b->n_tallies++;
	}
	t->n++;
	return true;
}

bool pinbook_holds(const struct pinbook *b, const struct pin_key *key, const struct dns_name *name)
{
	uint32_t pin = pinbook_find(b, key), lease = pinbook_find_lease(b, key->slot, name);

	if (pin == PINBOOK_NONE || lease == PINBOOK_NONE)
		return false;
	for (uint32_t h = b->pins[pin].first_hold; h != NIL; h = b->holds[h - 1].pin_next)
		if (b->holds[h - 1].lease == lease)
			return b->holds[h - 1].counted;
	return false;
}

static void free_lease_if_empty(struct pinbook *b, uint32_t lease)
{
	struct lease *l = &b->leases[lease];
	uint32_t *link;

	if (l->n_holds)
		return;
	link = &b->lease_buckets[lease_bucket(b, l->slot, &l->name)];
	while (*link != lease + 1)
		link = &b->leases[*link - 1].next;
	*link = l->next;
	l->next = b->free_lease;
	b->free_lease = lease + 1;
	b->n_leases--;
}

static void count(struct pinbook *b, struct hold *h)
{
	if (h->counted)
		return;
	h->counted = true;
	ASSERT(tally_add(b, h)); /* room was asked for */
	b->leases[h->lease].n_counted++;
}

static void uncount(struct pinbook *b, struct hold *h)
{
	struct tally *t = &b->tallies[tally_place(b, b->leases[h->lease].slot, h->rule)];

	if (!h->counted)
		return;
	h->counted = false;
	if (t->n)
		t->n--;
	b->leases[h->lease].n_counted--;
}

void pinbook_uncount(struct pinbook *b, uint32_t pin)
{
	for (uint32_t h = b->pins[pin].first_hold; h != NIL; h = b->holds[h - 1].pin_next)
		uncount(b, &b->holds[h - 1]);
}

void pinbook_drop_hold(struct pinbook *b, uint32_t *link)
{
	uint32_t hold = *link - 1;
	uint32_t lease = b->holds[hold].lease;

	uncount(b, &b->holds[hold]);
	*link = b->holds[hold].pin_next;
	b->holds[hold].pin_next = b->free_hold;
	b->free_hold = hold + 1;
	b->n_holds--;
	b->leases[lease].n_holds--;
	free_lease_if_empty(b, lease);
}

static uint32_t take_lease(struct pinbook *b, uint16_t slot, const struct dns_name *name)
{
	uint32_t lease = pinbook_find_lease(b, slot, name), bucket;
	struct lease *l;

	if (lease != PINBOOK_NONE)
		return lease;
	if (b->free_lease != NIL) {
		lease = b->free_lease - 1;
		b->free_lease = b->leases[lease].next;
	} else {
		ASSERT(b->used_leases < PINBOOK_LEASES_MAX);
		lease = b->used_leases++;
	}
	l = &b->leases[lease];
	*l = (struct lease){.slot = slot, .name = *name};
	dns_name_lower(&l->name);
	bucket = lease_bucket(b, slot, &l->name);
	l->next = b->lease_buckets[bucket];
	b->lease_buckets[bucket] = lease + 1;
	b->n_leases++;
	return lease;
}

void pinbook_put_hold(struct pinbook *b, uint32_t pin, uint32_t rule, const struct dns_name *name, uint64_t expires_ms)
{
	uint32_t lease = take_lease(b, b->pins[pin].key.slot, name), hold;

	for (uint32_t h = b->pins[pin].first_hold; h != NIL; h = b->holds[h - 1].pin_next) {
		if (b->holds[h - 1].lease != lease)
			continue;
		if (b->holds[h - 1].expires_ms < expires_ms)
			b->holds[h - 1].expires_ms = expires_ms;
		count(b, &b->holds[h - 1]);
		return;
	}
	if (b->free_hold != NIL) {
		hold = b->free_hold - 1;
		b->free_hold = b->holds[hold].pin_next;
	} else {
		ASSERT(b->used_holds < PINBOOK_HOLDS_MAX);
		hold = b->used_holds++;
	}
	b->holds[hold] = (struct hold){.lease = lease, .rule = rule, .pin_next = b->pins[pin].first_hold,
		.expires_ms = expires_ms};
	count(b, &b->holds[hold]);
	b->pins[pin].first_hold = hold + 1;
	b->leases[lease].n_holds++;
	b->n_holds++;
}

/* Rules whose last hold went keep their place until this forgets them. */
/* Where there were none the table is zero as the kernel gave it: a megabyte that is not touched before it is needed. */
static void forget_tallies(struct pinbook *b)
{
	if (b->n_tallies)
		memset(b->tallies, 0, sizeof(b->tallies));
	b->n_tallies = 0;
}

void pinbook_recount(struct pinbook *b)
{
	forget_tallies(b);
	for (uint32_t pin = pinbook_next(b, PINBOOK_NONE); pin != PINBOOK_NONE; pin = pinbook_next(b, pin))
		for (uint32_t h = b->pins[pin].first_hold; h != NIL; h = b->holds[h - 1].pin_next)
			ASSERT(tally_add(b, &b->holds[h - 1])); /* no more than before */
}

bool pinbook_holder(const struct pinbook *b, uint32_t pin, uint32_t *ret_rule, struct dns_name *ret_name)
{
	const struct hold *best = NULL;

	for (uint32_t h = b->pins[pin].first_hold; h != NIL; h = b->holds[h - 1].pin_next)
		if (!best || b->holds[h - 1].expires_ms > best->expires_ms)
			best = &b->holds[h - 1];
	if (!best)
		return false;
	*ret_rule = best->rule;
	*ret_name = b->leases[best->lease].name;
	return true;
}

static void comment_add(char *text, size_t cap, size_t *len, const struct dns_name *name)
{
	POSTERN_UNINITIALIZED char one[DNS_NAME_TEXT_MAX];
	size_t n = strlen(dns_name_to_text(name, one)), gap = *len ? 1 : 0;

	if (*len + gap + n >= cap)
		return;
	if (gap)
		text[(*len)++] = ' ';
	memcpy(text + *len, one, n + 1);
	*len += n;
}

const char *pinbook_comment(const struct pinbook *b, uint32_t pin, const struct dns_name *extra, char *text, size_t cap)
{
	size_t len = 0;

	text[0] = '\0';
	if (extra)
		comment_add(text, cap, &len, extra);
	for (uint32_t h = pin == PINBOOK_NONE ? NIL : b->pins[pin].first_hold; h != NIL; h = b->holds[h - 1].pin_next) {
		const struct dns_name *name = &b->leases[b->holds[h - 1].lease].name;

		if (!extra || !dns_name_equal(extra, name))
			comment_add(text, cap, &len, name);
	}
	return text;
}

static void review_pin(struct pinbook *b, uint32_t pin, pinbook_keep keep, void *context)
{
	uint32_t *link = &b->pins[pin].first_hold;

	while (*link != NIL) {
		struct hold *h = &b->holds[*link - 1];
		const struct dns_name name = b->leases[h->lease].name;

		if (keep(context, &b->pins[pin].key, &name, &h->rule) && tally_add(b, h))
			link = &h->pin_next;
		else
			pinbook_drop_hold(b, link);
	}
}

void pinbook_review(struct pinbook *b, pinbook_keep keep, void *context)
{
	/* rule numbers mean something else now: count anew */
	forget_tallies(b);
	for (uint32_t pin = pinbook_next(b, PINBOOK_NONE); pin != PINBOOK_NONE; pin = pinbook_next(b, pin))
		review_pin(b, pin, keep, context);
}

bool pinbook_asks(const struct pinbook *b, uint32_t pin, pinbook_keep keep, void *context)
{
	for (uint32_t h = b->pins[pin].first_hold; h != NIL; h = b->holds[h - 1].pin_next) {
		uint32_t rule = b->holds[h - 1].rule;

		if (keep(context, &b->pins[pin].key, &b->leases[b->holds[h - 1].lease].name, &rule))
			return true;
	}
	return false;
}

bool pinbook_held(const struct pinbook *b, uint32_t pin)
{
	return b->pins[pin].first_hold != NIL;
}
