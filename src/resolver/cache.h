/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Finished replies by (sandbox, QNAME, QTYPE, DO). A sandbox never meets another's entry: neither
 * its content nor its timing.
 */
#ifndef POSTERN_RESOLVER_CACHE_H
#define POSTERN_RESOLVER_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "postern/dns.h"

#define CACHE_SMALL_MAX 32768 /* replies of up to about 300 bytes: 12 MB if all are in use; unused pages do not exist */
#define CACHE_LARGE_MAX 4096  /* longer ones: 5 MB */
#define CACHE_WIRE_MAX 1024   /* longer still: not kept */
#define CACHE_TTLS_MAX 48     /* records of a kept reply */

/* Names are lower case in here. */
struct cache_key {
	uint64_t hash;
	uint64_t name_hash; /* of sandbox and name, whatever the type */
	uint32_t epoch; /* of the sandbox: an entry of another is dead */
	uint16_t slot;
	uint16_t qtype;
	bool dnssec_ok;
	struct dns_name name;
};

struct cache_entry {
	uint64_t hash;
	uint64_t stored_ms;
	uint64_t expires_ms;	 /* the data's */
	uint64_t pin_expires_ms; /* 0: nothing is pinned for it */
	uint64_t used_ms;
	uint32_t pin_lifetime_ms;
	uint32_t rule;	/* of QNAME, by which pins are renewed */
	uint32_t found; /* the rule for the record: that, or the one that spoke about an alias */
	uint32_t epoch;
	uint16_t slot, qtype;
	uint8_t ede; /* instead of the reason's; 0: that */
	uint8_t reason, action; /* enum reason, enum event_action: for the record and the EDE */
	uint16_t wire_len;
	uint16_t addrs_at;	 /* the first address record; those after it are all addresses */
	uint8_t n_addrs;
	uint8_t n_ttls;
	uint8_t name_len;
	bool dnssec_ok;
	bool is_signed; /* there are signatures over the addresses */
	bool ahead; /* it is known when, or that it is not, asked for again: see ahead.c */
	uint16_t ttl_at[]; /* n_ttls offsets of TTLs in the reply; then the reply */
};

static inline uint8_t *cache_wire(struct cache_entry *e)
{
	return (uint8_t *)(e->ttl_at + e->n_ttls);
}

struct cache;

struct cache *cache_new(void);
void cache_free(struct cache *c);
void cache_key_make(const struct cache *c, const struct dns_name *name, uint16_t slot, uint16_t qtype,
	struct cache_key *ret_key);
/*
 * The same question with DO: signatures and proofs are part of its reply, and of no other.
 * A key is made into it at most once.
 */
void cache_key_dnssec(struct cache_key *k);
/* An entry in force at @now_ms (the caller looks at pin_expires_ms), or NULL. */
struct cache_entry *cache_find(struct cache *c, const struct cache_key *k, uint64_t now_ms);
/*
 * A place for a reply, in place of the same key's, or one that is little used. The caller has put times, lengths and the
 * rest into @like; the reply is @wire. NULL, and nothing of that key is left, where it is too long to be kept.
 */
struct cache_entry *cache_put(struct cache *c, const struct cache_key *k, const struct cache_entry *like,
	const uint8_t *wire);
/* The entry of the key, also past its end; only an entry of another epoch is none. */
struct cache_entry *cache_find_past(struct cache *c, const struct cache_key *k);
/* The entry of that hash and sandbox, whatever its end, or NULL. */
struct cache_entry *cache_by_hash(struct cache *c, uint64_t hash, uint16_t slot);
/* NOERROR with an answer, of a permitted name: no refusal, nothing negative. */
bool cache_is_answer(const struct cache_entry *e);
void cache_drop(struct cache *c, const struct cache_key *k);

#endif
