/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The cache: a set-associative index over two pools of entries, for short and for longer replies.
 *
 * A set of the index fills one cache line: eight tags with the numbers of their entries. So a miss costs one line,
 * a hit that one and those of a short entry; ten thousand names are a few megabytes. Nothing is chained, nothing is
 * removed by time: in a full set what has expired or was not used for longest goes, in a full pool the
 * next in turn.
 */
#include "cache.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "postern/event.h"
#include "postern/hash.h"

#define WAYS 8u
#define SETS 8192u /* a power of two; more places than entries, so that sets seldom are full */
#define SMALL_SIZE 384u
#define LARGE_SIZE (sizeof(struct cache_entry) + 2 * CACHE_TTLS_MAX + CACHE_WIRE_MAX)
#define TAKEN 1u /* numbers are kept plus one: 0 is no entry */

struct way {
	uint32_t tag;
	uint32_t number; /* of the entry, small ones first; 0: free */
};

struct small {
	_Alignas(64) uint8_t bytes[SMALL_SIZE];
};

struct large {
	_Alignas(64) uint8_t bytes[LARGE_SIZE];
};

struct pool {
	uint32_t first, n_max; /* numbers */
	uint32_t next;	       /* the first never used, or (from n_max on) the next in turn */
	uint32_t n_free;
	uint32_t *free_list;
};

struct cache {
	struct hash_key seed;
	struct pool small_pool, large_pool;
	uint32_t small_free[CACHE_SMALL_MAX], large_free[CACHE_LARGE_MAX];
	_Alignas(64) struct way sets[SETS][WAYS];
	struct small small[CACHE_SMALL_MAX];
	struct large large[CACHE_LARGE_MAX];
};

static_assert(sizeof(struct way) * WAYS == 64, "a set is a cache line");

/*
 * Fresh pages of the kernel are zero and cost nothing until they are used, so the table is mapped, not
 * allocated: malloc'ed memory might have to be cleared.
 */
struct cache *cache_new(void)
{
	struct cache *c = mmap(NULL, sizeof(*c), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (c == MAP_FAILED)
		return NULL;
	hash_key_init(&c->seed);
	c->small_pool = (struct pool){.first = 0, .n_max = CACHE_SMALL_MAX, .free_list = c->small_free};
	c->large_pool = (struct pool){.first = CACHE_SMALL_MAX, .n_max = CACHE_LARGE_MAX, .free_list = c->large_free};
	return c;
}

void cache_free(struct cache *c)
{
	if (c)
		(void)munmap(c, sizeof(*c)); /* an address that mmap gave */
}

void cache_key_make(const struct cache *c, const struct dns_name *name, uint16_t slot, uint16_t qtype,
	struct cache_key *ret_key)
{
	uint8_t *low = ret_key->name.wire;
	uint8_t len = name->len;

	ret_key->name.len = len;
	for (size_t i = 0; i < len; i++) {
		uint8_t b = name->wire[i];

		low[i] = (uint8_t)(b | (uint8_t)((uint8_t)(b - 'A') < 26) << 5);
	}
	/* sandbox and type are no bytes of the client's: mixed in behind, not hashed */
	ret_key->name_hash = hash_bytes(&c->seed, low, len) ^ (slot + 1u) * 0x9e3779b97f4a7c15u;
	ret_key->hash = ret_key->name_hash ^ (qtype + 1u) * 0xc2b2ae3d27d4eb4fu;
	ret_key->slot = slot;
	ret_key->qtype = qtype;
	ret_key->dnssec_ok = false;
	ret_key->epoch = 0;
}

void cache_key_dnssec(struct cache_key *k)
{
	k->dnssec_ok = true;
	k->hash ^= 0x9fb21c651e98df25u;
}

static struct cache_entry *entry_of(struct cache *c, uint32_t number)
{
	return number < CACHE_SMALL_MAX ? (struct cache_entry *)(void *)&c->small[number] :
		(struct cache_entry *)(void *)&c->large[number - CACHE_SMALL_MAX];
}

static struct way *set_of(struct cache *c, uint64_t hash)
{
	return c->sets[hash & (SETS - 1)];
}

static bool same(struct cache_entry *e, const struct cache_key *k)
{
	return e->hash == k->hash && e->slot == k->slot && e->qtype == k->qtype &&
		e->dnssec_ok == k->dnssec_ok && e->name_len == k->name.len &&
		memcmp(cache_wire(e) + DNS_QUESTION_AT, k->name.wire, k->name.len) == 0;
}

static struct way *find_way(struct cache *c, const struct cache_key *k)
{
	struct way *set = set_of(c, k->hash);
	uint32_t tag = (uint32_t)(k->hash >> 32);

	for (unsigned int i = 0; i < WAYS; i++)
		if (set[i].tag == tag && set[i].number && same(entry_of(c, set[i].number - TAKEN), k))
			return &set[i];
	return NULL;
}

struct cache_entry *cache_find(struct cache *c, const struct cache_key *k, uint64_t now_ms)
{
	struct way *way = find_way(c, k);
	struct cache_entry *e;

	if (!way)
		return NULL;
	e = entry_of(c, way->number - TAKEN);
	if (e->epoch != k->epoch || e->expires_ms <= now_ms)
		return NULL;
	e->used_ms = now_ms;
	return e;
}

struct cache_entry *cache_find_past(struct cache *c, const struct cache_key *k)
{
	struct way *way = find_way(c, k);
	struct cache_entry *e = way ? entry_of(c, way->number - TAKEN) : NULL;

	return e && e->epoch == k->epoch ? e : NULL;
}

struct cache_entry *cache_by_hash(struct cache *c, uint64_t hash, uint16_t slot)
{
	struct way *set = set_of(c, hash);

	for (unsigned int i = 0; i < WAYS; i++) {
		struct cache_entry *e = set[i].number ? entry_of(c, set[i].number - TAKEN) : NULL;

		if (e && e->hash == hash && e->slot == slot)
			return e;
	}
	return NULL;
}

bool cache_is_answer(const struct cache_entry *e)
{
	const uint8_t *wire = (const uint8_t *)(e->ttl_at + e->n_ttls); /* header: RCODE, ANCOUNT */

	return (e->action == EVENT_ALLOWED || e->action == EVENT_ALERTED) && (wire[3] & 0xf) == DNS_NOERROR &&
		(wire[6] || wire[7]);
}

static struct pool *pool_of(struct cache *c, uint32_t number)
{
	return number < CACHE_SMALL_MAX ? &c->small_pool : &c->large_pool;
}

static void free_way(struct cache *c, struct way *way)
{
	uint32_t number = way->number - TAKEN;
	struct pool *p = pool_of(c, number);

	p->free_list[p->n_free++] = number;
	way->number = 0;
}

void cache_drop(struct cache *c, const struct cache_key *k)
{
	struct way *way = find_way(c, k);

	if (way)
		free_way(c, way);
}

/* A free way of the set: what has expired or was not used for longest makes room. */
static struct way *free_way_of(struct cache *c, uint64_t hash, uint64_t now_ms)
{
	struct way *set = set_of(c, hash), *oldest = NULL;
	uint64_t oldest_ms = UINT64_MAX;

	for (unsigned int i = 0; i < WAYS; i++) {
		const struct cache_entry *e;
		uint64_t used_ms;

		if (!set[i].number)
			return &set[i];
		e = entry_of(c, set[i].number - TAKEN);
		used_ms = e->expires_ms <= now_ms ? 0 : e->used_ms;
		if (used_ms < oldest_ms) {
			oldest = &set[i];
			oldest_ms = used_ms;
		}
	}
	free_way(c, oldest);
	return oldest;
}

/* Takes the entry away from its set. */
static void evict(struct cache *c, uint32_t number)
{
	struct way *set = set_of(c, entry_of(c, number)->hash);

	for (unsigned int i = 0; i < WAYS; i++)
		if (set[i].number == number + TAKEN)
			set[i].number = 0;
}

/* An entry of the pool: a free one, one never used, or the next in turn. */
static uint32_t take_number(struct cache *c, struct pool *p)
{
	uint32_t number;

	if (p->n_free)
		return p->free_list[--p->n_free];
	number = p->first + p->next % p->n_max;
	if (p->next >= p->n_max)
		evict(c, number);
	p->next++;
	if (p->next == 2 * p->n_max) /* once around again; stays full */
		p->next = p->n_max;
	return number;
}

struct cache_entry *cache_put(struct cache *c, const struct cache_key *k, const struct cache_entry *like,
	const uint8_t *wire)
{
	uint16_t ttl_at[CACHE_TTLS_MAX];
	struct way *way = find_way(c, k);
	struct cache_entry *e;
	size_t size;
	int n_ttls;

	if (way)
		free_way(c, way);
	n_ttls = like->wire_len <= CACHE_WIRE_MAX ? dns_reply_ttls(wire, like->wire_len, ttl_at, CACHE_TTLS_MAX) : -E2BIG;
	if (n_ttls < 0)
		return NULL;
	size = sizeof(*e) + 2u * (unsigned int)n_ttls + like->wire_len;
	uint32_t number = take_number(c, size <= SMALL_SIZE ? &c->small_pool : &c->large_pool);

	way = free_way_of(c, k->hash, like->used_ms);
	way->tag = (uint32_t)(k->hash >> 32);
	way->number = number + TAKEN;
	e = entry_of(c, number);
	memcpy(e, like, sizeof(*e));
	e->hash = k->hash;
	e->epoch = k->epoch;
	e->slot = k->slot;
	e->qtype = k->qtype;
	e->dnssec_ok = k->dnssec_ok;
	e->name_len = k->name.len;
	e->n_ttls = (uint8_t)n_ttls;
	memcpy(e->ttl_at, ttl_at, 2u * (unsigned int)n_ttls);
	memcpy(cache_wire(e), wire, like->wire_len);
	return e;
}
