/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Managed trust anchors (RFC 5011): which keys of an anchored zone are believed, since when, and what a look at the zone
 * changes.
 * folder: src/anchor
 *
 * A table of fixed size without pointers, so that it is the body of messages and a section of the image as it is. The gate keeps
 * it; the resolver looks, and says what it saw; postern-policy reads and writes the file. No clock, no file, no
 * signature in here: what is seen has been verified by who saw it, and when it counts is decided here.
 */
#ifndef POSTERN_ANCHOR_H
#define POSTERN_ANCHOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/name.h"

#define ANCHOR_ZONES_MAX 8
#define ANCHOR_KEYS_MAX 24	    /* of all zones */
#define ANCHOR_KEYS_PER_ZONE 12	    /* so that none fills the table for all */
#define ANCHOR_CONFIGURED_MAX 8	    /* of an image: IMAGE_ANCHORS_MAX */
#define ANCHOR_SEEN_MAX 16	    /* keys of one look */
#define ANCHOR_DIRECTORY_MAX 256   /* bytes of the path of the folder where the state is kept, with its NUL */
#define ANCHOR_HOLD_S (30u * 86400) /* RFC 5011 2.4.1, 2.4.2: before a key is believed, before a revoked one is forgotten */

enum anchor_state {
	ANCHOR_PENDING, /* seen, not believed yet */
	ANCHOR_VALID,
	ANCHOR_MISSING, /* believed, although the zone does not show it */
	ANCHOR_REVOKED, /* by itself: never believed again */
	ANCHOR_REMOVED, /* that is long ago */
	ANCHOR_STATE_COUNT
};

/* "pending", "valid", ... */
const char *anchor_state_text(enum anchor_state s);
/* ANCHOR_STATE_COUNT where it is none. */
enum anchor_state anchor_state_parse(const char *text);

/* A key by its digest, as in a DS record (RFC 4034 5); flags as they are without REVOKE. */
struct anchor_ds {
	uint16_t tag;
	uint8_t algorithm, digest_type, digest_len; /* 2 SHA-256, 4 SHA-384 */
	uint8_t digest[48];
};

struct anchor_zone {
	struct dns_name name; /* lower case */
	uint64_t seen_s;      /* the last good look, seconds since 1970; 0: none yet */
};

struct anchor_key {
	uint64_t since_s; /* when it got into its state */
	uint64_t until_s; /* PENDING: not believed before; REVOKED: removed then; else 0 */
	struct anchor_ds ds;
	uint8_t zone;	    /* index of its zone */
	uint8_t state;	    /* enum anchor_state */
	uint8_t configured; /* 1: it stands in the administrator's file, 0: it was learnt */
};

struct anchors {
	uint32_t n_zones, n_keys;
	struct anchor_zone zones[ANCHOR_ZONES_MAX];
	struct anchor_key keys[ANCHOR_KEYS_MAX];
};

/* What stands in the administrator's file. */
struct anchor_configured {
	struct dns_name zone;
	struct anchor_ds ds;
};

/* A key with SEP of a look at a zone's DNSKEY RRset. */
struct anchor_seen_key {
	uint16_t tag; /* without REVOKE */
	uint8_t algorithm;
	uint8_t revoked; /* 1: has REVOKE, and signed the RRset with it */
	uint8_t sha256[32], sha384[48]; /* digests of a DS, without REVOKE */
};

struct anchor_seen {
	struct dns_name zone;
	uint32_t ttl_s;	   /* original TTL of the RRset */
	uint8_t validated; /* 1: a key that is believed has signed it; 0: only what is revoked counts */
	uint8_t n;
	struct anchor_seen_key keys[ANCHOR_SEEN_MAX];
};

/* Everything in range, names well-formed, nothing twice: before anything else is done with a table that came from elsewhere. */
bool anchors_valid(const struct anchors *a);
bool anchor_seen_valid(const struct anchor_seen *s);
bool anchor_ds_equal(const struct anchor_ds *a, const struct anchor_ds *b);
/* Is a key in that state a trust anchor? */
bool anchor_trusted(const struct anchor_key *k);

/*
 * The table follows the administrator's file: its zones, its keys are valid from @now_s on unless they have revoked themselves; keys
 * that were only configured and are not any more go, learnt and revoked ones stay. True: something changed.
 */
bool anchors_configure(struct anchors *a, const struct anchor_configured *list, uint32_t n, uint64_t now_s);

/* A key whose state changed: what it is now, and what it was; ANCHOR_STATE_COUNT: new; @gone: it is no longer there. */
struct anchor_change {
	struct dns_name zone;
	struct anchor_key key;
	enum anchor_state before;
	bool gone;
};
#define ANCHOR_CHANGES_MAX (ANCHOR_KEYS_MAX + ANCHOR_SEEN_MAX)

/*
 * A look at a zone, at @now_s: RFC 5011 4. Returns how many keys changed; unknown zones change nothing.
 */
unsigned int anchors_observe(struct anchors *a, const struct anchor_seen *s, uint64_t now_s,
	struct anchor_change ret_changes[static ANCHOR_CHANGES_MAX]);

/*
 * When to look again (RFC 5011 2.3), in seconds: after a good look by the RRset's original TTL and what was left of its
 * signature; @retry: after one that failed.
 */
uint32_t anchor_interval_s(uint32_t ttl_s, uint32_t signature_s, bool retry);

#endif
