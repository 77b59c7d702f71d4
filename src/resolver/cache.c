/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The cache: set-associative. The tags of a set fill one cache line, so that a miss costs one line and a
 * hit that one and the entry's. Nothing is ever moved or chained, nothing is removed by time: what has
 * expired is the first to be overwritten.
 */
#include "cache.h"

#include <stdlib.h>
#include <string.h>

#include "postern/hash.h"

#define WAYS 8u
#define SETS (CACHE_ENTRIES / WAYS)

struct cache {
	struct hash_key seed;
	uint64_t tags[SETS][WAYS]; /* 0: free */
	struct cache_entry entries[SETS][WAYS];
};

static_assert((SETS & (SETS - 1)) == 0, "a power of two");

struct cache *cache_new(void)
{
	struct cache *c = calloc(1, sizeof(*c));

	if (c)
		hash_key_init(&c->seed);
	return c;
}

void cache_free(struct cache *c)
{
	free(c);
}

void cache_key_make(const struct cache *c, const struct dns_name *name, uint16_t slot, uint16_t qtype,
	struct cache_key *ret_key)
{
	uint8_t bytes[DNS_NAME_MAX + 4];
	size_t len = name->len;

	for (size_t i = 0; i < len; i++) {
		uint8_t b = name->wire[i];

		bytes[i] = b >= 'A' && b <= 'Z' ? (uint8_t)(b + 32) : b;
	}
	ret_key->name.len = (uint8_t)len;
	memcpy(ret_key->name.wire, bytes, len);
	memcpy(bytes + len, &slot, sizeof(slot));
	memcpy(bytes + len + 2, &qtype, sizeof(qtype));
	ret_key->hash = hash_bytes(&c->seed, bytes, len + 4);
	ret_key->hash += ret_key->hash == 0; /* 0 is a free tag */
	ret_key->slot = slot;
	ret_key->qtype = qtype;
	ret_key->epoch = 0;
}

static bool same(const struct cache_entry *e, const struct cache_key *k)
{
	return e->slot == k->slot && e->qtype == k->qtype && e->name_len == k->name.len &&
		memcmp(e->wire + DNS_QUESTION_AT, k->name.wire, k->name.len) == 0;
}

/* The way of the key in its set, or WAYS. */
static unsigned int way_of(struct cache *c, size_t set, const struct cache_key *k)
{
	unsigned int way = 0;

	while (way < WAYS && (c->tags[set][way] != k->hash || !same(&c->entries[set][way], k)))
		way++;
	return way;
}

struct cache_entry *cache_find(struct cache *c, const struct cache_key *k, uint64_t now_ms)
{
	size_t set = k->hash & (SETS - 1);
	unsigned int way = way_of(c, set, k);
	struct cache_entry *e;

	if (way == WAYS)
		return NULL;
	e = &c->entries[set][way];
	if (e->epoch != k->epoch || e->expires_ms <= now_ms)
		return NULL;
	e->used_ms = now_ms;
	return e;
}

void cache_drop(struct cache *c, const struct cache_key *k)
{
	size_t set = k->hash & (SETS - 1);
	unsigned int way = way_of(c, set, k);

	if (way < WAYS)
		c->tags[set][way] = 0;
}

static unsigned int victim(const struct cache *c, size_t set, uint64_t now_ms)
{
	unsigned int best = 0;

	for (unsigned int way = 0; way < WAYS; way++) {
		const struct cache_entry *e = &c->entries[set][way];

		if (c->tags[set][way] == 0 || e->expires_ms <= now_ms)
			return way;
		if (e->used_ms < c->entries[set][best].used_ms)
			best = way;
	}
	return best;
}

struct cache_entry *cache_put(struct cache *c, const struct cache_key *k, const struct cache_entry *like,
	const uint8_t *wire)
{
	size_t set = k->hash & (SETS - 1);
	unsigned int way = way_of(c, set, k);
	struct cache_entry *e;
	int n_ttls;

	if (way == WAYS)
		way = victim(c, set, like->used_ms);
	c->tags[set][way] = 0;
	if (like->wire_len > CACHE_WIRE_MAX)
		return NULL;
	e = &c->entries[set][way];
	memcpy(e, like, offsetof(struct cache_entry, ttl_at));
	memcpy(e->wire, wire, like->wire_len);
	e->epoch = k->epoch;
	e->slot = k->slot;
	e->qtype = k->qtype;
	e->name_len = k->name.len;
	n_ttls = dns_reply_ttls(e->wire, e->wire_len, e->ttl_at, CACHE_TTLS_MAX);
	if (n_ttls < 0)
		return NULL;
	e->n_ttls = (uint8_t)n_ttls;
	c->tags[set][way] = k->hash;
	return e;
}
