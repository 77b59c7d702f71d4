/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is known of names as zones, until when: keys, or that there is no cut, or no security. A table with a limit: what
 * is not found is asked again. Of one label at most it is known to all sandboxes, of longer names to the
 * one that asked, so that none learns from timing what another visits.
 */
#ifndef POSTERN_RESOLVER_DNSSEC_ZONES_H
#define POSTERN_RESOLVER_DNSSEC_ZONES_H

#include "dnssec_ldns.h"

#define DNSSEC_ZONES_MAX 2048

enum dnssec_state {
	DNSSEC_CUT,	 /* a zone whose DS is known, its keys not yet */
	DNSSEC_SECURE,	 /* and its keys */
	DNSSEC_INSECURE, /* a zone without security, and all below it */
	DNSSEC_WITHIN,	 /* no zone: it belongs to the one above */
	DNSSEC_ABSENT,	 /* the name does not exist, and nothing below it */
	DNSSEC_BOGUS,
};

struct dnssec_zone {
	struct dns_name name;
	uint64_t until_ms; /* 0: free */
	uint32_t hash;
	uint16_t slot;
	uint16_t ede; /* BOGUS */
	enum dnssec_state state;
	unsigned int n_ds;
	struct dnssec_ds ds[DNSSEC_DS_MAX];
	struct dnssec_keys *keys; /* SECURE */
};

struct dnssec_zones;

struct dnssec_zones *dnssec_zones_new(void); /* NULL without memory */
void dnssec_zones_free(struct dnssec_zones *z);
/* All of them, or (not SANDBOX_NONE) those of one sandbox. */
void dnssec_zones_forget(struct dnssec_zones *z, uint16_t slot);
struct dnssec_zone *dnssec_zones_find(struct dnssec_zones *z, uint16_t slot, const struct dns_name *name, uint64_t now_ms);
/* In place of what was known, or of what ends first; empty but for its key. */
struct dnssec_zone *dnssec_zones_put(struct dnssec_zones *z, uint16_t slot, const struct dns_name *name, uint64_t until_ms);

#endif
