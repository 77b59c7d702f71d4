/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the gate says it has pinned, for whom, under which name, until when: to name an
 * address, to tell why it is closed, and to settle the race of a packet with a renewal. Pure.
 */
#ifndef VERDICT_PINS_H
#define VERDICT_PINS_H

#include <stdbool.h>
#include <stdint.h>

#include "postern/message.h"

#define PINS_MAX 65536	     /* (sandbox, address, name); beyond it what is over makes room, then notes are lost */
#define PINS_PER_ADDRESS 16  /* names of one address in one sandbox; beyond it the one that ends first makes room */
#define PIN_NAMES_MAX 32768  /* different names */
#define PIN_KEEP_MS 600000   /* an entry is kept this long after its end, to say "pin-expired" */

enum pin_state { /* from the least to the most that is known */
	PIN_UNKNOWN,	    /* nobody in this sandbox resolved this address */
	PIN_WITHHELD,	    /* a name led there that only audit mode let through, and was not pinned: see reason */
	PIN_OTHER_PROTOCOL, /* pinned, or was, but no port of this protocol */
	PIN_OTHER_PORT,	    /* pinned, or was, for other ports of this protocol */
	PIN_OVER,	    /* was pinned for this port */
	PIN_LIVE,	    /* is pinned for this port */
};

struct pin_answer {
	enum pin_state state;
	enum reason reason;		/* PIN_WITHHELD */
	const struct dns_name *name;	/* NULL for PIN_UNKNOWN; valid until the next note */
};

struct pins;

POSTERN_MUST_CHECK int pins_new(struct pins **ret_pins); /* 0 or -ENOMEM */
void pins_free(struct pins *p);				  /* NULL is fine */

/* Takes a note. Returns how many of its addresses found no room. -EBADMSG where the note is not well-formed. */
POSTERN_MUST_CHECK int pins_note(struct pins *p, const struct msg_pin_note *note, uint64_t now_ms);
/* The sandbox is gone, its slot may be reused. */
void pins_forget(struct pins *p, uint16_t slot);

/* The best that is known of a destination: the highest state among its names. */
struct pin_answer pins_ask(const struct pins *p, uint16_t slot, const struct addr *a, const struct service *s,
	uint64_t now_ms);
/*
 * Names that led to the address: of this sandbox newest first, then of others; no name twice. Fills at most
 * @n, returns how many.
 */
unsigned int pins_names(const struct pins *p, uint16_t slot, const struct addr *a, struct dns_name *ret_names,
	unsigned int n);

#endif
