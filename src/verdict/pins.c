/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The pin table of the verdict loop: see the header.
 *
 * An entry is one name that led one sandbox to one address. It hangs in two chains: by (sandbox,
 * address), newest first, at most PINS_PER_ADDRESS long; and by address alone, newest first, for
 * the question what anybody resolved to it. Names are held once and counted (names.c).
 *
 * Entries leave when their sandbox is forgotten, or PIN_KEEP_MS after their end. Nothing scans the table for
 * that: each new entry looks at a few others in turn (the hand), and only a full table is
 * searched further.
 */
#include "pins.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "names.h"
#include "postern/hash.h"

#define BUCKETS 65536
#define NONE 0 /* entries count from 1 */
#define SWEEP_STEP 4
#define SWEEP_FULL 256
#define STRANGERS_MAX 64 /* entries of other sandboxes that are looked at for names */

struct pin {
	struct addr addr;
	bool used;
	uint16_t slot;
	uint16_t reason;
	uint32_t epoch; /* the slot's, when noted */
	uint32_t name;
	uint64_t expires_ms;
	uint32_t next_key, next_addr, prev_addr;
	uint8_t n_services;
	struct service services[PIN_SERVICES_MAX];
};

struct pins {
	struct hash_key hash;
	struct names *names;
	uint32_t by_key[BUCKETS], by_addr[BUCKETS];
	uint32_t epochs[SANDBOX_MAX];
	uint32_t free_list; /* through next_key */
	uint32_t top;	    /* entries above it were never used */
	uint32_t hand;
	struct pin pins[PINS_MAX + 1];
};

int pins_new(struct pins **ret_pins)
{
	struct pins *p = calloc(1, sizeof(*p));
	int rc;

	if (!p)
		return -ENOMEM;
	rc = names_new(&p->names);
	if (rc < 0) {
		free(p);
		return rc;
	}
	hash_key_init(&p->hash);
	*ret_pins = p;
	return 0;
}

void pins_free(struct pins *p)
{
	if (p)
		names_free(p->names);
	free(p);
}

static uint32_t key_bucket(const struct pins *p, uint16_t slot, const struct addr *a)
{
	uint8_t key[sizeof(*a) + sizeof(slot)];

	memcpy(key, a, sizeof(*a));
	memcpy(key + sizeof(*a), &slot, sizeof(slot));
	return (uint32_t)(hash_bytes(&p->hash, key, sizeof(key)) % BUCKETS);
}

static uint32_t addr_bucket(const struct pins *p, const struct addr *a)
{
	return (uint32_t)(hash_bytes(&p->hash, a, sizeof(*a)) % BUCKETS);
}

static bool current(const struct pins *p, const struct pin *pin)
{
	return pin->epoch == p->epochs[pin->slot];
}

static void unlink_key(struct pins *p, uint32_t n)
{
	struct pin *pin = &p->pins[n];
	uint32_t *at = &p->by_key[key_bucket(p, pin->slot, &pin->addr)];

	for (; *at != n; at = &p->pins[*at].next_key)
		ASSERT(*at != NONE);
	*at = pin->next_key;
}

static void unlink_addr(struct pins *p, uint32_t n)
{
	struct pin *pin = &p->pins[n];

	if (pin->prev_addr)
		p->pins[pin->prev_addr].next_addr = pin->next_addr;
	else
		p->by_addr[addr_bucket(p, &pin->addr)] = pin->next_addr;
	if (pin->next_addr)
		p->pins[pin->next_addr].prev_addr = pin->prev_addr;
}

/* To the front of both chains: the newest. */
static void link_pin(struct pins *p, uint32_t n)
{
	struct pin *pin = &p->pins[n];
	uint32_t *key = &p->by_key[key_bucket(p, pin->slot, &pin->addr)];
	uint32_t *addr = &p->by_addr[addr_bucket(p, &pin->addr)];

	pin->next_key = *key;
	*key = n;
	pin->prev_addr = NONE;
	pin->next_addr = *addr;
	if (*addr)
		p->pins[*addr].prev_addr = n;
	*addr = n;
}

static void unlink_pin(struct pins *p, uint32_t n)
{
	unlink_key(p, n);
	unlink_addr(p, n);
}

static void release(struct pins *p, uint32_t n)
{
	unlink_pin(p, n);
	names_put(p->names, p->pins[n].name);
	p->pins[n].used = false;
	p->pins[n].next_key = p->free_list;
	p->free_list = n;
}

/* Moves the hand over @steps entries and lets go of those that ended before @before_ms. */
static void sweep(struct pins *p, unsigned int steps, uint64_t before_ms)
{
	for (; steps && p->top; steps--) {
		struct pin *pin;

		p->hand = p->hand >= p->top ? 1 : p->hand + 1;
		pin = &p->pins[p->hand];
		if (pin->used && (!current(p, pin) || pin->expires_ms < before_ms))
			release(p, p->hand);
	}
}

static uint32_t take(struct pins *p, uint64_t now_ms)
{
	uint32_t n;

	sweep(p, SWEEP_STEP, now_ms > PIN_KEEP_MS ? now_ms - PIN_KEEP_MS : 0);
	if (!p->free_list && p->top == PINS_MAX)
		sweep(p, SWEEP_FULL, now_ms);
	if (p->free_list) {
		n = p->free_list;
		p->free_list = p->pins[n].next_key;
		return n;
	}
	return p->top < PINS_MAX ? ++p->top : NONE;
}

static bool is_key(const struct pins *p, const struct pin *pin, uint16_t slot, const struct addr *a)
{
	return pin->slot == slot && current(p, pin) && addr_equal(&pin->addr, a);
}

/* The entry of this name, or where the address has its full number of names the one to be replaced. */
static uint32_t find_place(const struct pins *p, uint16_t slot, const struct addr *a, uint32_t name)
{
	uint32_t n = p->by_key[key_bucket(p, slot, a)], first = NONE;
	unsigned int count = 0;

	for (; n; n = p->pins[n].next_key) {
		const struct pin *pin = &p->pins[n];

		if (!is_key(p, pin, slot, a))
			continue;
		if (pin->name == name)
			return n;
		count++;
		if (!first || pin->expires_ms < p->pins[first].expires_ms)
			first = n;
	}
	return count < PINS_PER_ADDRESS ? NONE : first;
}

static bool note_address(struct pins *p, const struct msg_pin_note *note, const struct addr *a, uint64_t now_ms)
{
	uint32_t name = names_take(p->names, &note->name), n;
	struct pin *pin;

	if (name == NAMES_NONE)
		return false;
	n = find_place(p, note->slot, a, name);
	if (n) {
		unlink_pin(p, n);
		names_put(p->names, p->pins[n].name);
	} else {
		n = take(p, now_ms);
	}
	if (!n) {
		names_put(p->names, name);
		return false;
	}
	pin = &p->pins[n];
	*pin = (struct pin){.addr = *a, .used = true, .slot = note->slot, .reason = note->reason,
		.epoch = p->epochs[note->slot], .name = name, .expires_ms = note->expires_ms,
		.n_services = note->n_services};
	memcpy(pin->services, note->services, sizeof(pin->services));
	link_pin(p, n);
	return true;
}

static bool note_valid(const struct msg_pin_note *note)
{
	struct dns_name name;

	for (unsigned int i = 0; i < note->n_addrs && i < PIN_ADDRS_MAX; i++)
		if (note->addrs[i].family != ADDR_V4 && note->addrs[i].family != ADDR_V6)
			return false;
	return note->slot < SANDBOX_MAX && note->reason < REASON_COUNT && note->n_addrs <= PIN_ADDRS_MAX &&
		note->n_services <= PIN_SERVICES_MAX && note->name.len > 0 &&
		dns_name_from_wire(note->name.wire, note->name.len, &name) == 0;
}

int pins_note(struct pins *p, const struct msg_pin_note *note, uint64_t now_ms)
{
	int lost = 0;

	if (!note_valid(note))
		return -EBADMSG;
	for (unsigned int i = 0; i < note->n_addrs; i++)
		lost += !note_address(p, note, &note->addrs[i], now_ms);
	return lost;
}

void pins_forget(struct pins *p, uint16_t slot)
{
	if (slot < SANDBOX_MAX)
		p->epochs[slot]++;
}

static enum pin_state state_of(const struct pin *pin, const struct service *s, uint64_t now_ms)
{
	enum pin_state best = PIN_OTHER_PROTOCOL;

	if (pin->reason != REASON_NONE)
		return PIN_WITHHELD;
	for (unsigned int i = 0; i < pin->n_services; i++) {
		const struct service *have = &pin->services[i];

		if (have->protocol != s->protocol)
			continue;
		if (s->first_port >= have->first_port && s->first_port <= have->last_port)
			return pin->expires_ms > now_ms ? PIN_LIVE : PIN_OVER;
		best = PIN_OTHER_PORT;
	}
	return best;
}

struct pin_answer pins_ask(const struct pins *p, uint16_t slot, const struct addr *a, const struct service *s,
	uint64_t now_ms)
{
	struct pin_answer answer = {PIN_UNKNOWN, REASON_NONE, NULL};

	for (uint32_t n = p->by_key[key_bucket(p, slot, a)]; n; n = p->pins[n].next_key) {
		const struct pin *pin = &p->pins[n];
		enum pin_state state;

		if (slot >= SANDBOX_MAX || !is_key(p, pin, slot, a))
			continue;
		state = state_of(pin, s, now_ms);
		if (state > answer.state)
			answer = (struct pin_answer){state, (enum reason)pin->reason, names_get(p->names, pin->name)};
	}
	return answer;
}

static unsigned int add_name(struct dns_name *names, unsigned int have, const struct dns_name *name)
{
	for (unsigned int i = 0; i < have; i++)
		if (dns_name_equal(&names[i], name))
			return have;
	names[have] = *name;
	return have + 1;
}

unsigned int pins_names(const struct pins *p, uint16_t slot, const struct addr *a, struct dns_name *ret_names,
	unsigned int n)
{
	unsigned int have = 0, seen = 0;

	for (uint32_t i = p->by_key[key_bucket(p, slot, a)]; i && have < n; i = p->pins[i].next_key)
		if (slot < SANDBOX_MAX && is_key(p, &p->pins[i], slot, a))
			have = add_name(ret_names, have, names_get(p->names, p->pins[i].name));
	for (uint32_t i = p->by_addr[addr_bucket(p, a)]; i && have < n && seen < STRANGERS_MAX;
		i = p->pins[i].next_addr, seen++)
		if (current(p, &p->pins[i]) && addr_equal(&p->pins[i].addr, a))
			have = add_name(ret_names, have, names_get(p->names, p->pins[i].name));
	return have;
}
