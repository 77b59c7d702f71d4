/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The book of pins. Three fixed tables linked by index (no pointers, so that nothing
 * can dangle): pins found by hash of their key, leases by hash of (slot, name), holds linked into their
 * pin and counted in their lease and in the tally of their rule. Free entries form lists.
 *
 * Expiry is a wheel of 250 ms ticks; a pin sits in the tick of its end or, where that is further
 * away than the wheel is long, in the furthest one, and moves on when that comes round. A renewal does
 * not move the pin: when its old tick comes, it is put where it now belongs.
 */
#include "pinbook_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>



int pinbook_new(uint64_t now_ms, struct pinbook **ret_book)
{
	struct pinbook *b = mmap(NULL, sizeof(*b), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (b == MAP_FAILED)
		return -ENOMEM;
	hash_key_init(&b->hash_key);
	b->clock_tick = now_ms / TICK_MS;
	*ret_book = b;
	return 0;
}

void pinbook_free(struct pinbook *b)
{
	if (b)
		munmap(b, sizeof(*b));
}

static bool same_key(const struct pin_key *a, const struct pin_key *b)
{
	return a->slot == b->slot && a->port == b->port && a->protocol == b->protocol && addr_equal(&a->addr, &b->addr);
}

static uint32_t pin_bucket(const struct pinbook *b, const struct pin_key *k)
{
	uint8_t raw[22] = {(uint8_t)k->slot, (uint8_t)(k->slot >> 8), (uint8_t)k->port, (uint8_t)(k->port >> 8),
		k->protocol, k->addr.family};

	memcpy(raw + 6, k->addr.bytes, 16);
	return (uint32_t)hash_bytes(&b->hash_key, raw, sizeof(raw)) % BUCKETS;
}

uint32_t pinbook_find_any(const struct pinbook *b, const struct pin_key *key)
{
	for (uint32_t i = b->pin_buckets[pin_bucket(b, key)]; i != NIL; i = b->pins[i - 1].next)
		if (same_key(&b->pins[i - 1].key, key))
			return i - 1;
	return PINBOOK_NONE;
}

uint32_t pinbook_find(const struct pinbook *b, const struct pin_key *key)
{
	uint32_t pin = pinbook_find_any(b, key);

	return pin != PINBOOK_NONE && b->pins[pin].state == PIN_LIVE ? pin : PINBOOK_NONE;
}

uint32_t pinbook_count(const struct pinbook *b, uint16_t slot)
{
	return slot == SANDBOX_NONE ? b->n_live_all : b->n_live[slot];
}

/* ---- the wheel and the row of ghosts ---- */

static void list_append(struct pinbook *b, struct list *l, uint32_t pin)
{
	b->pins[pin].list_prev = l->last;
	b->pins[pin].list_next = NIL;
	if (l->last != NIL)
		b->pins[l->last - 1].list_next = pin + 1;
	else
		l->first = pin + 1;
	l->last = pin + 1;
}

static void list_remove(struct pinbook *b, struct list *l, uint32_t pin)
{
	const struct pin *p = &b->pins[pin];

	if (p->list_prev != NIL)
		b->pins[p->list_prev - 1].list_next = p->list_next;
	else
		l->first = p->list_next;
	if (p->list_next != NIL)
		b->pins[p->list_next - 1].list_prev = p->list_prev;
	else
		l->last = p->list_prev;
}

static struct list *list_of(struct pinbook *b, const struct pin *p)
{
	return p->state == PIN_LIVE ? &b->ticks[p->tick] : &b->ghosts;
}

static void wheel_insert(struct pinbook *b, uint32_t pin)
{
	struct pin *p = &b->pins[pin];
	uint64_t due = p->expires_ms / TICK_MS + 1;

	if (due <= b->clock_tick)
		due = b->clock_tick + 1;
	if (due > b->clock_tick + TICKS - 1)
		due = b->clock_tick + TICKS - 1;
	p->tick = (uint32_t)(due % TICKS);
	list_append(b, &b->ticks[p->tick], pin);
}

/* ---- pins ---- */

static void unlink_pin(struct pinbook *b, uint32_t pin)
{
	uint32_t *link = &b->pin_buckets[pin_bucket(b, &b->pins[pin].key)];

	while (*link != pin + 1)
		link = &b->pins[*link - 1].next;
	*link = b->pins[pin].next;
}

void pinbook_drop(struct pinbook *b, uint32_t pin)
{
	struct pin *p = &b->pins[pin];

	while (p->first_hold != NIL)
		pinbook_drop_hold(b, &p->first_hold);
	list_remove(b, list_of(b, p), pin);
	if (p->state == PIN_LIVE) {
		b->n_live[p->key.slot]--;
		b->n_live_all--;
	}
	unlink_pin(b, pin);
	p->state = PIN_FREE;
	p->next = b->free_pin;
	b->free_pin = pin + 1;
	b->n_pins--;
}

static bool fits(const struct pinbook *b, uint32_t n, uint32_t n_names)
{
	uint32_t unused = PINBOOK_PINS_MAX - b->n_pins;

	return n <= unused && b->n_holds + n <= PINBOOK_HOLDS_MAX && b->n_leases + n_names <= PINBOOK_LEASES_MAX;
}

bool pinbook_room(struct pinbook *b, uint32_t n, uint32_t n_names)
{
	while (!fits(b, n, n_names) && b->ghosts.first != NIL)
		pinbook_drop(b, b->ghosts.first - 1);
	if (b->n_tallies + n_names > PINBOOK_RULES_MAX)
		pinbook_recount(b);
	return fits(b, n, n_names) && b->n_tallies + n_names <= PINBOOK_RULES_MAX;
}

static uint32_t take_pin(struct pinbook *b)
{
	uint32_t pin;

	if (b->free_pin == NIL) {
		ASSERT(b->used_pins < PINBOOK_PINS_MAX);
		return b->used_pins++;
	}
	pin = b->free_pin - 1;
	b->free_pin = b->pins[pin].next;
	return pin;
}

static uint32_t new_pin(struct pinbook *b, const struct pin_key *key)
{
	uint32_t pin = take_pin(b), bucket = pin_bucket(b, key);

	b->pins[pin] = (struct pin){.key = *key, .next = b->pin_buckets[bucket]};
	b->pin_buckets[bucket] = pin + 1;
	b->n_pins++;
	return pin;
}

uint32_t pinbook_put(struct pinbook *b, const struct pin_key *key, uint32_t rule, const struct dns_name *name,
	uint64_t expires_ms)
{
	uint32_t pin = pinbook_find_any(b, key);
	struct pin *p;

	if (pin == PINBOOK_NONE)
		pin = new_pin(b, key);
	p = &b->pins[pin];
	if (p->expires_ms < expires_ms)
		p->expires_ms = expires_ms;
	if (p->state != PIN_LIVE) {
		if (p->state == PIN_GHOST)
			list_remove(b, &b->ghosts, pin);
		p->state = PIN_LIVE;
		b->n_live[key->slot]++;
		b->n_live_all++;
		wheel_insert(b, pin);
	}
	pinbook_put_hold(b, pin, rule, name, expires_ms);
	return pin;
}

const struct pin_key *pinbook_key(const struct pinbook *b, uint32_t pin)
{
	return &b->pins[pin].key;
}

uint64_t pinbook_expires_ms(const struct pinbook *b, uint32_t pin)
{
	return b->pins[pin].expires_ms;
}

bool pinbook_live(const struct pinbook *b, uint32_t pin)
{
	return b->pins[pin].state == PIN_LIVE;
}

uint32_t pinbook_next(const struct pinbook *b, uint32_t pin)
{
	for (pin = pin == PINBOOK_NONE ? 0 : pin + 1; pin < b->used_pins; pin++)
		if (b->pins[pin].state != PIN_FREE)
			return pin;
	return PINBOOK_NONE;
}

static void drop_expired_holds(struct pinbook *b, struct pin *p, uint64_t now_ms)
{
	uint32_t *link = &p->first_hold;

	while (*link != NIL) {
		struct hold *h = &b->holds[*link - 1];

		/* the last hold stays with the pin: as a ghost it still says whose the flow was */
		if (h->expires_ms <= now_ms && p->expires_ms > now_ms)
			pinbook_drop_hold(b, link);
		else
			link = &h->pin_next;
	}
}

size_t pinbook_expired(struct pinbook *b, uint64_t now_ms, uint32_t *ret_pins, size_t n)
{
	uint64_t now_tick = now_ms / TICK_MS;
	size_t got = 0;

	if (now_tick > b->clock_tick && now_tick - b->clock_tick > TICKS)
		b->clock_tick = now_tick - TICKS; /* once round is enough */
	while (b->clock_tick < now_tick && got < n) {
		struct list *l = &b->ticks[(b->clock_tick + 1) % TICKS];
		uint32_t i = l->first;

		while (i != NIL && got < n) {
			uint32_t pin = i - 1;

			i = b->pins[pin].list_next;
			drop_expired_holds(b, &b->pins[pin], now_ms);
			if (b->pins[pin].expires_ms <= now_ms) {
				ret_pins[got++] = pin;
				continue;
			}
			list_remove(b, l, pin);
			wheel_insert(b, pin);
		}
		if (i != NIL || got == n)
			break;
		/* what is due stays in this tick until it is buried: look at it again if that failed */
		if (l->first == NIL || got == 0)
			b->clock_tick++;
		else
			break;
	}
	return got;
}

void pinbook_bury(struct pinbook *b, uint32_t pin)
{
	struct pin *p = &b->pins[pin];

	list_remove(b, list_of(b, p), pin);
	p->state = PIN_GHOST;
	pinbook_uncount(b, pin);
	b->n_live[p->key.slot]--;
	b->n_live_all--;
	list_append(b, &b->ghosts, pin);
}
