/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Signatures, digests and hashes, by ldns and the libcrypto below it: the adapter. Everything that costs is counted in a
 * budget of the caller, because a hostile zone chooses how many keys and signatures there are to try.
 */
#ifndef POSTERN_RESOLVER_DNSSEC_LDNS_H
#define POSTERN_RESOLVER_DNSSEC_LDNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/anchor.h"
#include "postern/compiler.h"
#include "postern/name.h"

#define DNSSEC_DS_MAX 8		/* DS records of a zone that are looked at */
#define DNSSEC_KEYS_MAX 24	/* keys of a zone that are kept */
#define DNSSEC_TRIES_MAX 4	/* verifications for one RRset */
#define DNSSEC_SKEW_S 300	/* by how much clocks may differ */

/* A DS record, or a trust anchor, whose algorithm and digest are supported. RFC 4034 5. */
struct dnssec_ds {
	uint16_t tag;
	uint8_t algorithm, digest_type, digest_len;
	uint8_t digest[48];
};

/* 8 RSASHA256, 10 RSASHA512, 13 and 14 ECDSA, 15 and 16 EdDSA; with SHA-1 nothing is secure (RFC 9905). */
bool dnssec_algorithm_supported(uint8_t algorithm) POSTERN_PURE;
/* From DS rdata; false where it is malformed or not supported: SHA-256 and SHA-384 are. */
bool dnssec_ds_read(const uint8_t *rdata, size_t len, struct dnssec_ds *ret_ds);

struct dnssec_message; /* a message with its signatures */
struct dnssec_keys;    /* the keys of a zone */

/* -EBADMSG, -ENOMEM. */
POSTERN_MUST_CHECK int dnssec_message_read(const uint8_t *data, size_t len, struct dnssec_message **ret_message);
void dnssec_message_free(struct dnssec_message *m); /* NULL is fine */
void dnssec_keys_free(struct dnssec_keys *k);	    /* NULL is fine */

enum dnssec_check {
	DNSSEC_GOOD,
	DNSSEC_NO_SIGNATURE, /* there is no RRSIG of that zone */
	DNSSEC_NO_KEY,	     /* none of its keys made any */
	DNSSEC_EXPIRED,
	DNSSEC_NOT_YET,
	DNSSEC_BAD,
	DNSSEC_SPENT,	     /* the budget is */
};

struct dnssec_rrset {
	const struct dns_name *owner;
	uint16_t type;
	bool authority; /* section */
};

struct dnssec_signed {
	unsigned int labels; /* of the owner that was signed; fewer than the owner's: it came from a wildcard */
	uint32_t ttl_s;	     /* the longest that it may be kept: original TTL, end of the signature */
	uint32_t original_ttl_s, left_s; /* these two */
};

/* Wall clock and what may still be spent. */
struct dnssec_means {
	uint64_t wall_s;
	unsigned int verifications;
	unsigned int hashes; /* computations of SHA: one for a key's digest, one and its iterations for a name's NSEC3 */
};

/* Is there an RRset of that owner and type, signed by a key of @zone? */
enum dnssec_check dnssec_verify(const struct dnssec_message *m, const struct dnssec_rrset *set, const struct dns_name *zone,
	const struct dnssec_keys *keys, struct dnssec_means *means, struct dnssec_signed *ret_signed);

struct dnssec_trust {
	const struct dns_name *zone;
	const struct dnssec_ds *ds;
	unsigned int n_ds;
};

/* The zone's DNSKEY RRset in the answer, if a key that @trust names has signed it. Free @ret_keys. */
enum dnssec_check dnssec_verify_keys(const struct dnssec_message *m, const struct dnssec_trust *trust,
	struct dnssec_means *means, struct dnssec_keys **ret_keys, struct dnssec_signed *ret_signed);
/*
 * A look at the DNSKEY RRset of an anchored zone, for RFC 5011: GOOD where a key that @trust names has signed it. Its keys with SEP
 * are in @ret_seen; a revoked one only where @trust names it and it has signed the RRset itself, which counts whatever is returned.
 * SPENT where there are more than a look holds.
 */
enum dnssec_check dnssec_look(const struct dnssec_message *m, const struct dnssec_trust *trust, struct dnssec_means *means,
	struct anchor_seen *ret_seen, struct dnssec_signed *ret_signed);
/*
 * Compares a zone's keys with its anchors, for RFC 5011: keys with SEP that are no anchor and not revoked, and anchors
 * that are no key any more.
 */
void dnssec_keys_compare(const struct dnssec_keys *k, const struct dnssec_trust *anchors, unsigned int *ret_new,
	unsigned int *ret_gone);

/* 32 characters of base32hex, lower case. -ENOMEM. */
POSTERN_MUST_CHECK int dnssec_nsec3_hash(const struct dns_name *name, uint16_t iterations, const uint8_t *salt,
	uint8_t salt_len, char *ret_hash);

/* libcrypto reads its configuration at its first use: to be done before a filter of system calls forbids it. */
void dnssec_warm_up(void);

#endif
