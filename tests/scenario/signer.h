/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Keys and signatures of scenarios, by ldns: Ed25519, the same in each run. */
#ifndef POSTERN_TEST_SIGNER_H
#define POSTERN_TEST_SIGNER_H

#include <ldns/ldns.h>
#include <stdbool.h>

#include "postern/anchor.h"

#define SIGNER_KEYS_MAX 48

struct signer_key {
	char name[16], zone[64];
	ldns_key *key;
	ldns_rr *rr; /* DNSKEY, without REVOKE */
};

struct signer {
	unsigned int n;
	struct signer_key keys[SIGNER_KEYS_MAX];
};

/* "NAME ZONE [sep]"; false where it is none, or too many. */
bool signer_add(struct signer *s, char *args);
void signer_free(struct signer *s);
/* "." ending either way. NULL: no such key. */
const struct signer_key *signer_find(const struct signer *s, const char *name);
/* The name of the key with that tag (without REVOKE) and zone, or "?". */
const char *signer_name(const struct signer *s, const struct dns_name *zone, uint16_t tag);
bool signer_ds(const struct signer *s, const char *name, struct anchor_configured *ret);
/*
 * A record's text with @NAME behind DNSKEY or DS as the key's data, @NAME! with REVOKE. The result is @out.
 */
bool signer_expand(const struct signer *s, const char *text, char *out, size_t cap);

struct signer_order {
	const struct signer *signer;
	uint64_t wall_s;
	const ldns_rr_list *section; /* where what is signed stands */
};

/*
 * "TYPE OWNER KEY[!] [from=S] [to=S] [bad]": the RRSIG, times from now on (at first -3600 and 1209600); a "!" signs as revoked; bad:
 * with a wrong signature. NULL where it cannot.
 */
ldns_rr *signer_sign(const struct signer_order *o, char *args);

#endif
