/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Does not exist: what NSEC (RFC 4034, 4035) and NSEC3 (RFC 5155) records prove, once their signatures are known to be
 * good. No signatures in here, no time, no table.
 */
#ifndef POSTERN_RESOLVER_DNSSEC_DENIAL_H
#define POSTERN_RESOLVER_DNSSEC_DENIAL_H

#include <stdbool.h>
#include <stdint.h>

#include "postern/compiler.h"
#include "postern/name.h"

struct dnssec_means;

#define DENIAL_RECORDS_MAX 8	  /* of one message; a proof needs three */
#define DENIAL_HASHES_MAX 64	  /* NSEC3 hashes of one proof */
#define DENIAL_ITERATIONS_MAX 100 /* RFC 9276 3.2: beyond, a zone is insecure */
#define NSEC3_HASH_TEXT 32	  /* base32hex of SHA-1, which sorts like the hash */

struct denial_record {
	struct dns_name owner;
	struct dns_name next;		 /* NSEC */
	char hash[NSEC3_HASH_TEXT];	 /* NSEC3: of the owner */
	char next_hash[NSEC3_HASH_TEXT];
	bool opt_out;
	const uint8_t *types;		 /* the type bitmap, in the caller's message */
	uint16_t types_len;
};

struct denial {
	struct dns_name zone;
	bool nsec3;
	uint16_t iterations;
	uint8_t salt_len;
	uint8_t salt[255];
	unsigned int n_records;
	unsigned int n_hashes; /* computed so far */
	struct dnssec_means *means; /* of the message, or NULL */
	bool spent;	       /* a hash was not computed: what was not proven may be true */
	struct denial_record records[DENIAL_RECORDS_MAX];
};

enum denial_proof {
	DENIAL_NOTHING,	   /* not proven */
	DENIAL_NODATA,
	DENIAL_NXDOMAIN,
	DENIAL_OPT_OUT,	   /* there may be an unsigned delegation: insecure */
	DENIAL_ITERATIONS, /* more than are computed: insecure */
};

void denial_init(struct denial *d, const struct dns_name *zone);
/*
 * Adds a record whose signature is good: @type NSEC or NSEC3, @rdata uncompressed and kept by the caller. What is
 * malformed, too much, of another hash or with other parameters than the first is left out.
 */
void denial_add(struct denial *d, const struct dns_name *owner, uint16_t type, const uint8_t *rdata, size_t len);

/* That @name has no @type. @ret_delegation, not NULL: the name has NS, and is no apex (for DS). */
enum denial_proof denial_of_type(struct denial *d, const struct dns_name *name, uint16_t type, bool *ret_delegation);
/* That @name does not exist, nor a wildcard for it. */
enum denial_proof denial_of_name(struct denial *d, const struct dns_name *name);
/* That nothing nearer to @name exists than the wildcard below its last @labels labels: DENIAL_NXDOMAIN. */
enum denial_proof denial_of_nearer(struct denial *d, const struct dns_name *name, unsigned int labels);

/* Canonical order: RFC 4034 6.1. */
int dnssec_name_compare(const struct dns_name *a, const struct dns_name *b) POSTERN_PURE;
/* The last @labels labels of @n; all of it where it has no more. */
struct dns_name dnssec_suffix(const struct dns_name *n, unsigned int labels);
unsigned int dnssec_labels(const struct dns_name *n) POSTERN_PURE;

#endif
