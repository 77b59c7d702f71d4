/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An upstream's answer as flat records, and the walk along its chain of aliases.
 * folder: src/dns
 *
 * Made by an adapter over a parsing library (src/resolver/answer_ldns.c); everything is bounded, names and rdata
 * are uncompressed. What matters of an answer is only what the walk reaches: a record is
 * never used because it is there, or because its owner looks like the question.
 */
#ifndef POSTERN_ANSWER_H
#define POSTERN_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/compiler.h"
#include "postern/dns.h"

#define ANSWER_RECORDS_MAX 5460	  /* as many as a message can hold: the shortest takes 12 bytes */
#define ANSWER_NAMES_MAX 256	  /* distinct owners, as far as they follow each other */
#define ANSWER_BYTES_MAX 131072   /* rdata, uncompressed */

struct answer_record {
	uint16_t owner; /* index of names[] */
	uint16_t type;
	uint32_t ttl_s; /* top bit set counts as 0: RFC 2181 8 */
	uint32_t rdata; /* offset in bytes[] */
	uint16_t rdata_len;
	bool authority; /* else answer section */
};

struct answer {
	uint16_t rcode;
	bool authentic; /* AD of the message, where it is believed; or validated here */
	uint16_t n_records, n_names;
	uint32_t n_bytes;
	struct answer_record records[ANSWER_RECORDS_MAX];
	struct dns_name names[ANSWER_NAMES_MAX];
	uint8_t bytes[ANSWER_BYTES_MAX];
};

void answer_init(struct answer *a, uint16_t rcode);
/* Adds a record; class IN only is given. -E2BIG where it does not fit. */
POSTERN_MUST_CHECK int answer_add(struct answer *a, const struct dns_name *owner, const struct answer_record *like,
	const uint8_t *rdata);
const struct dns_name *answer_owner(const struct answer *a, const struct answer_record *rec);
const uint8_t *answer_rdata(const struct answer *a, const struct answer_record *rec);

/*
 * One step from a name. HOP: @target follows from a CNAME at the name, or from a DNAME above it. END: records of the
 * asked type stand at the name. NONE: neither. BAD: rdata that is no name, or a DNAME whose target gets too long.
 */
enum answer_step { ANSWER_HOP, ANSWER_END, ANSWER_NONE, ANSWER_BAD };

struct answer_hop {
	const struct answer_record *dname; /* the DNAME by which it goes on, or NULL */
	uint32_t ttl_s;
	struct dns_name target;
};

/* From @name, looking for @qtype; fills @ret_hop for ANSWER_HOP. */
enum answer_step answer_walk(const struct answer *a, const struct dns_name *name, uint16_t qtype,
	struct answer_hop *ret_hop);
/* The DNAME at the nearest name above @name, NULL: none. */
const struct answer_record *answer_dname(const struct answer *a, const struct dns_name *name);
/* The next record of @type at @name from index *@at on; moves *@at behind it. NULL: no more. */
const struct answer_record *answer_next(const struct answer *a, const struct dns_name *name, uint16_t type,
	unsigned int *at);
/*
 * Does the message only tell who should be asked (RFC 2308 2.2: name servers, no SOA)? Whoever was asked to resolve the name did not.
 */
bool answer_is_referral(const struct answer *a);
/*
 * The SOA of a negative answer for @name (RFC 2308): in the authority section, its owner @name or above. NULL: none. How
 * long the answer may be kept: the lower of its TTL and MINIMUM.
 */
const struct answer_record *answer_soa(const struct answer *a, const struct dns_name *name, uint32_t *ret_ttl_s);

/*
 * SVCB and HTTPS rdata (RFC 9460) without what would lead past a pin: ipv4hint, ipv6hint, ech; and without what we do not
 * know. Writes at most @len bytes to @out, the length to @ret_len, TargetName to @ret_target
 * (the root: the owner itself). -EBADMSG for malformed rdata.
 */
POSTERN_MUST_CHECK int svcb_strip(const uint8_t *rdata, size_t len, uint8_t *out, size_t *ret_len,
	struct dns_name *ret_target);

#endif
