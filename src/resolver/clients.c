/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Buckets of clients, each a time as in rate.c: when it is full again.
 *
 * Who asks is said by a source address, and within its prefix a hostile sandbox can use any. So nothing here grows, and nobody is pushed
 * out: a place is given to another client only when its buckets are full again and nothing of its client is under way, which is when it
 * says nothing that an empty place would not. A flood of sources can take all places of its own sandbox, for as long as their buckets fill, and none of
 * another. Who finds no place shares one allowance with all others who find none. That is the answer to a full table: sources
 * made up by the thousand are worth one client, and those known before keep what is theirs.
 *
 * A place is found by a keyed hash of the address, so that no two clients can be made to share one.
 *
 * A client that is over has one record a window, with the number of what it lost; there are CLIENTS_TOLD_MAX of them, and what is
 * beyond is in the record of its sandbox.
 */
#include "clients.h"

#include <stdlib.h>
#include <string.h>

#include "postern/hash.h"

#define NS_PER_MS 1000000u
#define SHARED CLIENTS_PER_SANDBOX /* place of those without one */
#define NOT_TOLD UINT16_MAX

struct place {
	uint64_t full_ns[CLIENT_KINDS];
	uint32_t round;	/* of told */
	uint16_t tasks;	/* under way that are counted */
	uint16_t told;	/* number of the client's record in that round, or NOT_TOLD */
};

struct table {
	uint64_t tags[CLIENTS_PER_SANDBOX]; /* of the client in each place; 0: never used */
	struct place places[CLIENTS_PER_SANDBOX + 1];
};

struct told {
	struct addr addr;
	uint16_t slot;
	uint32_t over; /* 0: handed out */
	uint64_t first_ms, last_ms;
};

struct clients {
	struct hash_key key;
	struct client_allowance allowances[CLIENT_KINDS];
	uint8_t prefix6;
	uint64_t shared;
	uint32_t round; /* begins anew when all records are out; never 0, as fresh places are */
	uint16_t n_told;
	uint8_t told_of[SANDBOX_MAX];
	struct told told[CLIENTS_TOLD_MAX];
	struct table tables[SANDBOX_MAX]; /* pages of those without pressure are never touched */
};

struct clients *clients_new(void)
{
	struct clients *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	hash_key_init(&c->key);
	c->round = 1;
	c->prefix6 = 128;
	return c;
}

void clients_free(struct clients *c)
{
	free(c);
}

void clients_set(struct clients *c, enum client_kind kind, const struct client_allowance *allowance)
{
	c->allowances[kind] = *allowance;
}

void clients_set_prefix6(struct clients *c, uint8_t bits)
{
	c->prefix6 = bits;
}

/* What of @peer is the client. */
static struct addr client_of(const struct clients *c, const struct addr *peer)
{
	struct addr a = *peer;

	if (a.family != ADDR_V6)
		return a;
	for (unsigned int bit = c->prefix6; bit < 128; bit = (bit / 8 + 1) * 8)
		a.bytes[bit / 8] &= (uint8_t)(0xff00u >> bit % 8);
	return a;
}

static bool is_full(const struct place *p, uint64_t now_ns)
{
	for (unsigned int i = 0; i < CLIENT_KINDS; i++)
		if (p->full_ns[i] > now_ns)
			return false;
	return p->tasks == 0;
}

/* The client's place, which may have been that of one who has no need of it; SHARED where there is none. */
static struct place *find(struct clients *c, struct table *t, const struct addr *client, uint64_t now_ns)
{
	uint64_t tag = hash_bytes(&c->key, client, sizeof(*client)) | 1;
	unsigned int at = SHARED;

	for (unsigned int i = 0; i < CLIENTS_PER_SANDBOX; i++) {
		unsigned int n = (unsigned int)((tag >> 8) + i) % CLIENTS_PER_SANDBOX;

		if (t->tags[n] == tag)
			return &t->places[n];
		if (at == SHARED && is_full(&t->places[n], now_ns))
			at = n;
	}
	if (at == SHARED) {
		c->shared++;
		return &t->places[SHARED];
	}
	t->tags[at] = tag;
	t->places[at] = (struct place){.told = NOT_TOLD};
	return &t->places[at];
}

/* The client's record of this round, a new one where it has none yet; NULL: there is no room for it. */
static struct told *record_of(struct clients *c, uint16_t slot, const struct addr *client, struct place *p)
{
	uint16_t at = 0;

	if (p->round == c->round)
		return p->told == NOT_TOLD ? NULL : &c->told[p->told];
	p->round = c->round;
	p->told = NOT_TOLD;
	while (at < c->n_told && (c->told[at].slot != slot || !addr_equal(&c->told[at].addr, client)))
		at++;
	if (at == c->n_told) {
		if (at == CLIENTS_TOLD_MAX || c->told_of[slot] == CLIENTS_TOLD_PER_SANDBOX)
			return NULL;
		c->told_of[slot]++;
		c->told[c->n_told++] = (struct told){.addr = *client, .slot = slot};
	}
	p->told = at;
	return &c->told[at];
}

/* A client and where it is counted. */
struct found {
	uint16_t slot;
	struct addr client;
	struct place *place;
};

static struct found look(struct clients *c, uint16_t slot, const struct addr *peer, uint64_t now_ms)
{
	struct found f = {.slot = slot, .client = client_of(c, peer)};

	ASSERT(slot < SANDBOX_MAX);
	f.place = find(c, &c->tables[slot], &f.client, now_ms * NS_PER_MS);
	return f;
}

static enum client_verdict over(struct clients *c, const struct found *f, uint64_t now_ms)
{
	struct told *t = f->place == &c->tables[f->slot].places[SHARED] ? NULL : record_of(c, f->slot, &f->client, f->place);

	if (!t)
		return CLIENT_UNTOLD;
	if (t->over == 0)
		t->first_ms = now_ms;
	if (t->over < UINT32_MAX)
		t->over++;
	t->last_ms = now_ms;
	return CLIENT_OVER;
}

enum client_verdict clients_take(struct clients *c, uint16_t slot, const struct addr *peer, enum client_kind kind, uint64_t now_ms)
{
	const struct client_allowance *allowance = &c->allowances[kind];
	struct found f = look(c, slot, peer, now_ms);
	uint64_t now_ns = now_ms * NS_PER_MS, *full_ns = &f.place->full_ns[kind];

	if (*full_ns < now_ns)
		*full_ns = now_ns;
	if (*full_ns + allowance->interval_ns > now_ns + allowance->depth_ns)
		return over(c, &f, now_ms);
	*full_ns += allowance->interval_ns;
	return CLIENT_GOOD;
}

enum client_verdict clients_begin(struct clients *c, uint16_t slot, const struct addr *peer, uint64_t now_ms, uint16_t *ret_place)
{
	struct found f = look(c, slot, peer, now_ms);

	*ret_place = CLIENT_NO_PLACE;
	if (f.place->tasks >= CLIENT_TASKS)
		return over(c, &f, now_ms);
	f.place->tasks++;
	*ret_place = (uint16_t)(f.place - c->tables[slot].places);
	return CLIENT_GOOD;
}

void clients_end(struct clients *c, uint16_t slot, uint16_t place)
{
	struct place *p = &c->tables[slot].places[place];

	ASSERT(slot < SANDBOX_MAX && place <= SHARED);
	if (p->tasks) /* else the slot was forgotten before its tasks ended */
		p->tasks--;
}

void clients_forget(struct clients *c, uint16_t slot)
{
	static const uint64_t unused[CLIENTS_PER_SANDBOX];
	struct table *t = &c->tables[slot];

	if (memcmp(t->tags, unused, sizeof(unused)) != 0) /* reading touches no page of the others */
		memset(t, 0, sizeof(*t));
}

uint64_t clients_shared(const struct clients *c)
{
	return c->shared;
}

/* False: there is no room. */
static bool hand_out(struct told *t, const struct record_out *out)
{
	struct decision_record d = {.reason = REASON_FLOOD, .rule = IMAGE_NONE, .slot = t->slot, .source = t->addr,
		.first_ms = t->first_ms, .last_ms = t->last_ms, .count = t->over};

	if (t->over && out->ports->record(out->ctx, &d, out->last_chance) < 0 && !out->last_chance)
		return false;
	t->over = 0;
	return true;
}

bool clients_flush(struct clients *c, uint16_t slot, const struct record_out *out)
{
	for (uint16_t i = 0; i < c->n_told; i++)
		if ((slot == SANDBOX_NONE || c->told[i].slot == slot) && !hand_out(&c->told[i], out))
			return false;
	if (slot != SANDBOX_NONE)
		return true;
	for (uint16_t i = 0; i < c->n_told; i++)
		c->told_of[c->told[i].slot] = 0;
	c->n_told = 0;
	c->round++;
	c->round += c->round == 0;
	return true;
}
