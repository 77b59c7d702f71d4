/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Finished replies by (sandbox, QNAME, QTYPE). A sandbox never meets another's entry: neither
 * its content nor its timing.
 */
#ifndef POSTERN_RESOLVER_CACHE_H
#define POSTERN_RESOLVER_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "postern/dns.h"

#define CACHE_ENTRIES 32768 /* 8 ways of 4096; 40 MB if all are in use, of which only used pages exist */
#define CACHE_WIRE_MAX 1024 /* longer replies are not kept */
#define CACHE_TTLS_MAX 48   /* records of a kept reply */

/* Names are lower case in here. */
struct cache_key {
	uint64_t hash;
	uint32_t epoch; /* of the sandbox: an entry of another is dead */
	uint16_t slot;
	uint16_t qtype;
	struct dns_name name;
};

struct cache_entry {
	uint64_t stored_ms;
	uint64_t expires_ms;	 /* the data's */
	uint64_t pin_expires_ms; /* 0: nothing is pinned for it */
	uint64_t used_ms;
	uint32_t pin_lifetime_ms;
	uint32_t rule;
	uint32_t epoch;
	uint16_t slot, qtype;
	uint16_t reason, action; /* enum reason, enum event_action: for the record and the EDE */
	uint16_t wire_len;
	uint16_t addrs_at;	 /* the first address record; those after it are all addresses */
	uint8_t n_addrs;
	uint8_t n_ttls;
	uint8_t name_len;
	uint16_t ttl_at[CACHE_TTLS_MAX]; /* offsets of TTLs in wire */
	uint8_t wire[CACHE_WIRE_MAX];
};

struct cache;

struct cache *cache_new(void);
void cache_free(struct cache *c);
void cache_key_make(const struct cache *c, const struct dns_name *name, uint16_t slot, uint16_t qtype,
	struct cache_key *ret_key);
/* An entry in force at @now_ms (the caller looks at pin_expires_ms), or NULL. */
struct cache_entry *cache_find(struct cache *c, const struct cache_key *k, uint64_t now_ms);
/*
 * A place for a reply, in place of the same key's or the least used one. The caller has put wire_len, expires_ms and the
 * rest into @like; wire is @wire. NULL, and nothing of that key is left, where the reply is too long to be kept.
 */
struct cache_entry *cache_put(struct cache *c, const struct cache_key *k, const struct cache_entry *like,
	const uint8_t *wire);
void cache_drop(struct cache *c, const struct cache_key *k);

#endif
