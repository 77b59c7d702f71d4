/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the validator's files share: validator.c judges and learns, validator_zone.c walks from the anchor down. */
#ifndef POSTERN_RESOLVER_VALIDATOR_PARTS_H
#define POSTERN_RESOLVER_VALIDATOR_PARTS_H

#include "dnssec_denial.h"
#include "dnssec_zones.h"
#include "postern/sandbox.h"
#include "validator.h"

struct validator_anchor {
	struct dns_name zone;
	struct dnssec_ds ds;
};

struct validator_negative {
	struct dns_name zone;
	uint64_t until_s;
};

struct validator {
	struct dnssec_zones *zones;
	unsigned int n_anchors, n_new, n_gone;
	struct validator_anchor anchors[VALIDATOR_ANCHORS_MAX];
	unsigned int n_negative;
	struct validator_negative negative[VALIDATOR_NEGATIVE_MAX];
	struct denial denial; /* being looked at */
	struct {
		uint64_t at_ms;
		uint32_t tries, hashes;
	} spent[SANDBOX_MAX]; /* verifications and hashes of the second that began then */
};

/* Where a name belongs. */
struct validator_place {
	enum validator_verdict verdict; /* SECURE: by the keys of @zone; else as in the result */
	struct dnssec_zone *zone;
	uint32_t left_s; /* INSECURE by a negative anchor: for so long; else 0 */
	struct validator_result ask; /* ASK, BOGUS */
};

void validator_find_place(struct validator *v, const struct validator_moment *now, const struct dns_name *name,
	struct validator_place *ret_place);
/* For how long a negative anchor says that nothing is known of @name; 0: none does. */
uint32_t validator_negative_left_s(const struct validator *v, const struct validator_moment *now, const struct dns_name *name);
/* The anchors of @zone. Their number. */
unsigned int validator_anchors_of(const struct validator *v, const struct dns_name *zone,
	struct dnssec_ds ret_ds[static VALIDATOR_ANCHORS_MAX]);

#endif
