/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Pins in the kernel: admitted requests become one transaction, and only what the kernel has
 * acknowledged is booked and granted. Private to src/gate.
 */
#ifndef GATE_PINS_H
#define GATE_PINS_H

#include "changes.h"
#include "kernel/nft.h"
#include "pinbook.h"
#include "postern/image.h"
#include "postern/message.h"
#include "sandboxes.h"

#define PINS_BATCH_MAX 32 /* requests of one transaction */
/*
 * The kernel's own timeout is this much longer than ours: the gate deletes first, so that elements do not
 * gather (kernel: expired ones starve the collector), and where there is no gate any more, the kernel does.
 */
#define PINS_KERNEL_SLACK_MS 3000u

struct pins_view { /* what requests are judged by */
	const struct image *image;
	uint32_t generation;
	const struct sandboxes *sandboxes;
};

struct pins;

POSTERN_MUST_CHECK int pins_new(struct nft *nft, uint64_t now_ms, struct pins **ret_pins);
void pins_free(struct pins *p);
struct pinbook *pins_book(struct pins *p);

/*
 * Answers @n requests (at most PINS_BATCH_MAX). notes[i] is to be sent to the verdict loop where
 * replies[i].reason is REASON_NONE. Where the common transaction fails, each request is tried alone.
 */
void pins_request(struct pins *p, const struct pins_view *v, uint64_t now_ms, const struct msg_pin_request *requests,
	size_t n, struct msg_pin_reply *ret_replies, struct msg_pin_note *ret_notes);

/* Deletes what is over, a bounded number at a time; returns how many. */
size_t pins_tick(struct pins *p, const struct sandboxes *t, uint64_t now_ms);

/* Appends to @c the deletion of a pin's elements. */
void pins_delete(struct changes *c, const struct sandbox *s, const struct pin_key *key);
/* Appends to @c every live pin, as it now is: to rebuild the table. */
void pins_all(const struct pins *p, const struct sandboxes *t, uint64_t now_ms, struct changes *c);

/*
 * At start: books what the kernel's sets hold and the policy still allows; appends the deletion of
 * the rest to @c.
 */
POSTERN_MUST_CHECK int pins_adopt(struct pins *p, const struct pins_view *v, uint64_t now_ms, struct changes *c);
/* The note of one booked pin; false where it has no holder. */
bool pins_note(const struct pins *p, const struct pins_view *v, uint32_t pin, struct msg_pin_note *ret_note);

enum pins_counter { PINS_GRANTED, PINS_RENEWED, PINS_REFUSED, PINS_FAILED, PINS_DELETED, PINS_ADOPTED, PINS_FULL, PINS_COMMITS,
	PINS_COUNTER_COUNT };
uint64_t pins_counter(const struct pins *p, enum pins_counter c);

#endif
