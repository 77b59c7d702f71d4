/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The gate's book of pins: what the kernel holds, for whom, under which names, until when.
 * Private to src/gate. Pure: no fd, no clock, no log.
 *
 * pin:   one (sandbox, address, protocol, port): one kernel element a selector of the sandbox.
 * hold:  one name's claim on a pin, with its own end. A pin lives until its last hold ends, so two
 *        names on one address do not take it from each other.
 * lease: the holds of one name in one sandbox.
 * ghost: a pin whose kernel element is gone, kept as memory: a flow that began under it may outlive
 *        it, and a reload has to know whose it was. Ghosts count for no quota, and the oldest make room.
 */
#ifndef GATE_PINBOOK_H
#define GATE_PINBOOK_H

#include <stdbool.h>
#include <stdint.h>

#include "postern/addr.h"
#include "postern/message.h"
#include "postern/name.h"

#define PINBOOK_PINS_MAX 65536	 /* live and ghosts; postern.conf(5) */
#define PINBOOK_HOLDS_MAX 131072
#define PINBOOK_LEASES_MAX 32768
#define PINBOOK_RULES_MAX 32768 /* pairs of sandbox and rule that hold pins */
#define PINBOOK_NONE UINT32_MAX

struct pin_key {
	uint16_t slot;
	uint16_t port; /* host order */
	uint8_t protocol;
	struct addr addr;
};

struct pinbook;

/* Tables are reserved here, touched only when used. -ENOMEM. */
POSTERN_MUST_CHECK int pinbook_new(uint64_t now_ms, struct pinbook **ret_book);
void pinbook_free(struct pinbook *b);

/* Live pins of the sandbox; SANDBOX_NONE: of all. */
uint32_t pinbook_count(const struct pinbook *b, uint16_t slot);
/* Holds of one name; of one rule. */
uint32_t pinbook_count_name(const struct pinbook *b, uint16_t slot, const struct dns_name *name);
uint32_t pinbook_count_rule(const struct pinbook *b, uint16_t slot, uint32_t rule);
/* A live pin, or PINBOOK_NONE. */
uint32_t pinbook_find(const struct pinbook *b, const struct pin_key *key);
/* A live pin or a ghost. */
uint32_t pinbook_find_any(const struct pinbook *b, const struct pin_key *key);
/* Does @name hold the pin @key? */
bool pinbook_holds(const struct pinbook *b, const struct pin_key *key, const struct dns_name *name);
/*
 * Makes room for @n more live pins with one hold each, under @n_names further names and rules: the oldest
 * ghosts go. False where even then there is none.
 */
bool pinbook_room(struct pinbook *b, uint32_t n, uint32_t n_names);

/*
 * Books what the kernel has acknowledged: @name holds @key until @expires_ms at least.
 * Room was asked for before; returns the pin.
 */
uint32_t pinbook_put(struct pinbook *b, const struct pin_key *key, uint32_t rule, const struct dns_name *name,
	uint64_t expires_ms);

const struct pin_key *pinbook_key(const struct pinbook *b, uint32_t pin);
uint64_t pinbook_expires_ms(const struct pinbook *b, uint32_t pin);
/* The name of the hold that lasts longest, and its rule; false for a pin without holds. */
bool pinbook_holder(const struct pinbook *b, uint32_t pin, uint32_t *ret_rule, struct dns_name *ret_name);
/* The names of a pin, separated by spaces, as many as fit whole: the element's comment. Returns @text. */
const char *pinbook_comment(const struct pinbook *b, uint32_t pin, const struct dns_name *extra, char *text, size_t cap);

/*
 * Pins that are over at @now_ms, at most @n: they stay live until pinbook_bury(), which is called once
 * the kernel's element is deleted. Holds that are over are dropped. Returns their number.
 */
size_t pinbook_expired(struct pinbook *b, uint64_t now_ms, uint32_t *ret_pins, size_t n);
/* The kernel element is gone: live becomes ghost. */
void pinbook_bury(struct pinbook *b, uint32_t pin);
/* Forgets a pin altogether, ghost or live, with its holds. */
void pinbook_drop(struct pinbook *b, uint32_t pin);

/* Iterates all pins (live and ghosts): next after @pin, or the first for PINBOOK_NONE. */
uint32_t pinbook_next(const struct pinbook *b, uint32_t pin);
bool pinbook_live(const struct pinbook *b, uint32_t pin);

/*
 * After a reload: asks @keep of every hold. A hold that it refuses is dropped; one that it keeps
 * gets the rule number it stores. The caller then looks for pins without holds (pinbook_held()).
 */
typedef bool (*pinbook_keep)(void *context, const struct pin_key *key, const struct dns_name *name, uint32_t *rule);
void pinbook_review(struct pinbook *b, pinbook_keep keep, void *context);
/* Would @keep keep any hold of @pin? Nothing is changed. */
bool pinbook_asks(const struct pinbook *b, uint32_t pin, pinbook_keep keep, void *context);
bool pinbook_held(const struct pinbook *b, uint32_t pin);

#endif
