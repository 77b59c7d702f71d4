/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Advanced protection: what the questions of a sandbox look like together. Finds what Route 53 Resolver DNS Firewall calls DNS_TUNNELING,
 * DGA and DICTIONARY_DGA, with a confidence; what happens then is the business of the rules.
 * folder: src/detect
 *
 * Pure: no clock, no log, no descriptor. To be asked about questions that are about to go upstream, as nothing else
 * carries anything to anybody. A question is judged, then either sent or not; the answer may come with more evidence.
 * The thresholds and what they find are in postern-policy(5).
 */
#ifndef POSTERN_DETECT_H
#define POSTERN_DETECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/image.h"
#include "postern/name.h"

#define DETECT_ZONES_MAX 64   /* budgets of a sandbox that are kept apart; then the least used makes room */
#define DETECT_SEEN_MAX 4096  /* names of a sandbox that are not new, whatever is asked meanwhile; about */

struct detect;

/* What the rules let a sandbox ask. */
struct detect_question {
	const struct dns_name *name; /* in lower case */
	uint64_t now_ms;
	uint16_t slot;		     /* sandbox, below SANDBOX_MAX */
	uint16_t qtype;
	uint8_t zone_labels;	     /* of the permitted wildcard's zone: 0 for "*", 2 for "*.example.com" */
};

/* What is to be remembered until the answer comes. All zero: nothing. */
struct detect_trace {
	uint16_t bits;	     /* that the name was charged with */
	uint8_t zone_labels; /* of the zone whose budget it was */
	bool novel;
	uint8_t stranger;    /* what its label is evidence of, if the name does not exist */
};

struct detect_finding {
	enum confidence confidence[PROTECTION_COUNT];
	struct detect_trace trace;
	bool full; /* no budget was free: judged without one, towards shut */
};

/*
 * NULL without memory. Takes address space for every sandbox there can be (about 21 kB each), memory for those that
 * are asked about.
 */
struct detect *detect_new(void);
void detect_free(struct detect *d); /* NULL is fine */

/* Charges the question to the budgets of its sandbox and says what they show now, this question included. */
void detect_judge(struct detect *d, const struct detect_question *q, struct detect_finding *ret_finding);
/* The question goes upstream: the name is not new any more. What is refused stays new, so that it is refused again. */
void detect_sent(struct detect *d, const struct detect_question *q);
/* NXDOMAIN came back for a question with this trace. Of @q the qtype does not matter. */
void detect_nxdomain(struct detect *d, const struct detect_question *q, const struct detect_trace *trace);
/* The sandbox is gone: its slot starts anew. */
void detect_forget(struct detect *d, uint16_t slot);

#endif
