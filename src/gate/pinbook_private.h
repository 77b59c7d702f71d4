/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The tables of the book of pins: shared by pinbook.c (pins, wheel, ghosts) and pinbook_holds.c (holds,
 * leases, tallies), and by nobody else.
 */
#ifndef GATE_PINBOOK_PRIVATE_H
#define GATE_PINBOOK_PRIVATE_H

#include "pinbook.h"
#include "postern/hash.h"

#define BUCKETS 65536u
#define TALLIES (2 * PINBOOK_RULES_MAX)
#define TICK_MS 250u
#define TICKS 16384u /* 68 minutes; what lasts longer goes round again */

enum pin_state { PIN_FREE, PIN_LIVE, PIN_GHOST };

struct pin {
	struct pin_key key;
	uint8_t state; /* enum pin_state */
	uint32_t next; /* in bucket, or in the free list */
	uint32_t first_hold;
	uint64_t expires_ms;
	uint32_t list_next, list_prev; /* in a tick (live) or in the row of ghosts, oldest first */
	uint32_t tick;
};

struct hold {
	uint32_t lease, rule;
	uint32_t pin_next; /* also: free list */
	bool counted;	   /* in its lease and its tally: not as the memory of a ghost */
	uint64_t expires_ms;
};

struct lease {
	uint32_t next; /* in bucket, or in the free list */
	uint32_t n_holds; /* 0: free */
	uint32_t n_counted; /* what the quota of a name is about */
	uint16_t slot;
	struct dns_name name; /* lower case */
};

/* Holds of one rule: open addressing by (slot, rule) plus one; entries stay until the next review. */
struct tally {
	uint64_t key; /* 0: empty */
	uint32_t n;
};

struct list {
	uint32_t first, last;
};


struct pinbook {
	struct hash_key hash_key;
	uint32_t n_live[SANDBOX_MAX];
	uint32_t n_live_all, n_pins, n_holds, n_leases, n_tallies;
	uint64_t clock_tick; /* the last tick that was looked at */
	uint32_t free_pin, free_hold, free_lease;
	uint32_t used_pins, used_holds, used_leases; /* high-water marks: beyond them nothing was ever touched */
	struct list ghosts;
	struct list ticks[TICKS];
	uint32_t pin_buckets[BUCKETS], lease_buckets[BUCKETS];
	struct tally tallies[TALLIES];
	struct pin pins[PINBOOK_PINS_MAX];
	struct hold holds[PINBOOK_HOLDS_MAX];
	struct lease leases[PINBOOK_LEASES_MAX];
};

/* Links are stored plus one, so that untouched zero pages mean "none". */
#define NIL 0u

/* pinbook_holds.c */
uint32_t pinbook_find_lease(const struct pinbook *b, uint16_t slot, const struct dns_name *name);
/* The pin is a ghost now: its holds no longer count. */
void pinbook_uncount(struct pinbook *b, uint32_t pin);
/* Takes the hold that *link names out of its pin, its lease and its tally. */
void pinbook_drop_hold(struct pinbook *b, uint32_t *link);
/* A new hold of @name on @pin, or a longer one. */
void pinbook_put_hold(struct pinbook *b, uint32_t pin, uint32_t rule, const struct dns_name *name, uint64_t expires_ms);
/* Forgets rules whose last hold went. */
void pinbook_recount(struct pinbook *b);

#endif
