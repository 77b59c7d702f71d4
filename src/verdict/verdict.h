/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The verdict loop's core: packets, notes, sandboxes, replies and time in; decisions, questions
 * and events out. No fd, no clock, no log, no allocation after verdict_new(): the daemon, the unit
 * tests in virtual time and the fuzzer run this same object.
 *
 * Every packet that goes in comes out as exactly one decision, at the latest VERDICT_HOLD_MS later.
 */
#ifndef VERDICT_VERDICT_H
#define VERDICT_VERDICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/counters.h"
#include "postern/image.h"
#include "postern/message.h"

#define VERDICT_HOLD_MS 30  /* a packet waits for its attribution this long: refusals are to return within 50 ms */
#define VERDICT_LATE_MS 1000 /* an answer that comes later still goes into the event, this long */
#define VERDICT_HELD_MAX 256
#define VERDICT_HELD_SHARE 64 /* packets of one uid whose answer is waited for; the rest is decided at once */
#define VERDICT_EVENTS_MAX 16

enum verdict_hook { /* linux/netfilter.h, NF_INET_* */
	HOOK_PREROUTING = 0, /* forged sources only */
	HOOK_INPUT = 1,
	HOOK_FORWARD = 2,
	HOOK_OUTPUT = 3,
};

/* Marks of rules/postern.nft: what the receiver does not agree to, a forged source, a local reply that is not granted (chain reply). */
#define VERDICT_MARK_INBOUND 0x706f7369u
#define VERDICT_MARK_FORGED 0x706f7370u
#define VERDICT_MARK_REPLY 0x706f7372u

/* What the queue says of a packet beside its bytes. */
struct verdict_packet {
	uint32_t id;
	uint32_t mark;
	uint8_t hook; /* enum verdict_hook */
	bool has_uid;
	bool told; /* of a local packet: the ruleset said whether a cgroup sandbox sent it, and which */
	bool in_confined; /* the input interface is in the confined group */
	uint8_t hardware_len;
	uint8_t hardware[8]; /* the sender's link-layer address */
	uint32_t uid;	     /* of the sending socket */
	uint16_t zone;	     /* of the cgroup sandbox that sent it, 0: of no such; where @told */
	char in[SELECTOR_IFNAME_MAX], out[SELECTOR_IFNAME_MAX];
	size_t len, wire_len; /* bytes here, bytes on the wire */
	const uint8_t *data;
};

struct verdict_time {
	uint64_t ms;	  /* CLOCK_BOOTTIME */
	uint64_t wall_us; /* CLOCK_REALTIME, for events */
};

/* What the core wants done; the shell empties it after each call. */
struct verdict_out {
	struct msg_decisions decisions;
	uint32_t n_asks, n_events;
	struct msg_attribute_ask asks[DECISIONS_MAX];
	struct event events[VERDICT_EVENTS_MAX];
};

struct verdict;

POSTERN_MUST_CHECK int verdict_new(struct verdict **ret_verdict); /* 0 or -ENOMEM */
void verdict_free(struct verdict *v);				    /* NULL is fine */

/* In force from now on; has to stay mapped until the next one is set. */
void verdict_set_image(struct verdict *v, const struct image *im);
/* -EINVAL, -EBADMSG: not well-formed, and nothing has changed. */
POSTERN_MUST_CHECK int verdict_set_sandbox(struct verdict *v, const struct sandbox *s);
void verdict_unset_sandbox(struct verdict *v, uint16_t slot);
POSTERN_MUST_CHECK int verdict_note(struct verdict *v, const struct msg_pin_note *note, uint64_t now_ms);

/* At most one decision and one question. @out must have room for one of each. */
void verdict_packet(struct verdict *v, const struct verdict_packet *m, struct verdict_time now,
	struct verdict_out *out);
/* At most one decision. A reply that nothing waits for is ignored. @out must have room. */
void verdict_attributed(struct verdict *v, const struct msg_attribute_reply *reply, struct verdict_time now,
	struct verdict_out *out);
/* Deadlines and ends of windows. True: more is due, empty @out and call again. */
bool verdict_tick(struct verdict *v, struct verdict_time now, struct verdict_out *out);
/* Ends all windows and waits: before the process leaves. True: more is there. */
bool verdict_finish(struct verdict *v, struct verdict_time now, struct verdict_out *out);
/* When verdict_tick() is due; UINT64_MAX: not before something else happens. */
uint64_t verdict_due_ms(const struct verdict *v);

/* Something that is no packet came out of the queue: it is counted. */
void verdict_foreign(struct verdict *v);

/* Indexed by the COUNTER_VERDICT_* of postern/counters.h. */
void verdict_counters(const struct verdict *v, uint64_t ret_counters[static COUNTER_VERDICT_COUNT]);

#endif
