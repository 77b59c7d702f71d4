/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One packet, judged: whose it is, what becomes of it, why, and by which line of the policy. Pure, and
 * without memory: everything it looks at comes in.
 */
#ifndef VERDICT_JUDGE_H
#define VERDICT_JUDGE_H

#include "boxes.h"
#include "pins.h"
#include "postern/packet.h"
#include "verdict.h"

/* What a judgement rests on. */
struct judge {
	struct boxes *boxes;
	const struct pins *pins;
	const struct image *image; /* NULL before the first one: everything is refused */
	uint64_t now_ms;
};

struct judgement {
	uint16_t slot;	     /* whose policy decided; SANDBOX_NONE */
	uint8_t inbound;     /* the sandbox is the receiver */
	uint8_t turned;	     /* the packet is a reply: the flow goes the other way */
	uint8_t would_block; /* let through only because the sandbox is in audit mode; reason and place are the refusal's */
	enum decision decision;
	enum reason reason;  /* REASON_NONE: nothing to record */
	const struct image_place *place; /* in the image, or NULL */
};

/*
 * @by: who sent a local packet, NULL while or where that is not known. What is not known for certain is
 * never accepted. @well_formed: the packet could be parsed.
 */
struct judgement judge_packet(const struct judge *j, const struct verdict_packet *m, const struct packet *p,
	bool well_formed, const struct attribution *by);

/*
 * Does the judgement depend on who sent the packet beyond the uid that the queue tells? Then attribution is
 * worth waiting for: the sender's cgroup, or the owner of a reply for which the queue has no uid.
 */
bool judge_needs_sender(const struct judge *j, const struct verdict_packet *m);

#endif
