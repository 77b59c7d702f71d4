/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Validation (RFC 4035 5) as a state machine without sockets: it is given messages, and says what to ask next.
 *
 * A message is judged by its items: the RRsets and the end that the walk along its aliases reaches. The zone
 * of each is looked for from the trust anchor down; what is not known of a name on the way is a question, for its DS
 * or DNSKEY, and its answer is learnt. All that is learnt stands in one table (dnssec_zones.h), so judging is begun anew
 * with each answer, and holds no state of its own.
 */
#ifndef POSTERN_RESOLVER_VALIDATOR_H
#define POSTERN_RESOLVER_VALIDATOR_H

#include "dnssec_ldns.h"
#include "postern/answer.h"
#include "postern/image.h"

#define VALIDATOR_ANCHORS_MAX (ANCHOR_KEYS_MAX + ANCHOR_ZONES_MAX) /* DS records of all anchors */
#define VALIDATOR_NEGATIVE_MAX IMAGE_NEGATIVE_MAX
#define VALIDATOR_ITEMS_MAX 10
#define VALIDATOR_MESSAGE_TRIES 64	/* verifications for one message */
#define VALIDATOR_MESSAGE_HASHES 4096	/* computations of SHA for one message: about a millisecond */
#define VALIDATOR_HASHES_PER_S 65536	/* and for one sandbox */
#define VALIDATOR_TRIES_PER_S 1000	/* and for one sandbox: some hundred milliseconds */

struct validator;

struct validator *validator_new(void); /* NULL without memory */
void validator_free(struct validator *v);
/* Forgets anchors, negative ones, and all that is known of zones. */
void validator_reset(struct validator *v);
/* False where there are too many. @ds is supported; of digest_len 0: no key of that zone is believed, and nothing below is secure. */
bool validator_add_anchor(struct validator *v, const struct dns_name *zone, const struct dnssec_ds *ds);
/* Until @until_s (wall) nothing at @zone and below is validated, but below an anchor that is below it: RFC 7646. */
bool validator_add_negative(struct validator *v, const struct dns_name *zone, uint64_t until_s);
/* The sandbox is gone, or another stands there. */
void validator_forget(struct validator *v, uint16_t slot);

/* The moment and for whom. */
struct validator_moment {
	uint64_t now_ms, wall_s;
	uint16_t slot;
};

/* What a message was reached for: records of @type at @name; @negative: that there are none, or no name. */
struct validator_item {
	struct dns_name name;
	uint16_t type;
	bool negative;
};

struct validator_message {
	struct answer *answer; /* flat; TTLs are lowered to what signatures permit */
	const uint8_t *data;   /* the same as it came */
	size_t len;
};

enum validator_verdict { VALIDATOR_SECURE, VALIDATOR_INSECURE, VALIDATOR_BOGUS, VALIDATOR_SPENT, VALIDATOR_ASK };

struct validator_result {
	enum validator_verdict verdict;
	uint16_t ede;	      /* BOGUS: enum dns_ede_code */
	struct dns_name name; /* ASK: the question; a name of an item, or above one */
	uint16_t type;
};

/* @items: up to VALIDATOR_ITEMS_MAX, behind the last one with a name of len 0. */
void validator_judge(struct validator *v, const struct validator_moment *now, const struct validator_message *m,
	const struct validator_item *items, struct validator_result *ret_result);
/* The answer to a question of the validator's. */
void validator_learn(struct validator *v, const struct validator_moment *now, const struct validator_message *m,
	const struct dns_name *name, uint16_t type);

/* Of the last look at an anchored zone's keys: new keys that may become anchors, anchors that are no keys any more. */
unsigned int validator_new_keys(const struct validator *v);
unsigned int validator_gone_anchors(const struct validator *v);

#endif
