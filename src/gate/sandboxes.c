/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The table of sandboxes: an array by slot, of pointers so that 16,384 possible sandboxes cost
 * nothing until they exist. Lookups by name and selector are linear: they happen when an
 * administrator adds one, at a reload, or once at start; packets and queries use the slot.
 */
#include "sandboxes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct sandboxes {
	struct sandbox *slots[SANDBOX_MAX];
	uint16_t zone_owner[UINT16_MAX + 1];	/* slot plus one; 0: free */
	uint32_t port_owner[SANDBOX_LOCAL_MAX]; /* slot plus one; 0: free */
	uint32_t count, end; /* end: one behind the highest used slot */
	uint32_t cursor;     /* slots are given round robin: a freed one rests as long as possible */
};

int sandboxes_new(struct sandboxes **ret_table)
{
	struct sandboxes *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	*ret_table = t;
	return 0;
}

void sandboxes_free(struct sandboxes *t)
{
	if (!t)
		return;
	for (uint32_t i = 0; i < t->end; i++)
		free(t->slots[i]);
	free(t);
}

uint16_t sandboxes_next(const struct sandboxes *t, uint32_t from)
{
	for (uint32_t i = from; i < t->end; i++)
		if (t->slots[i])
			return (uint16_t)i;
	return SANDBOX_NONE;
}

uint32_t sandboxes_count(const struct sandboxes *t)
{
	return t->count;
}

const struct sandbox *sandboxes_get(const struct sandboxes *t, uint32_t slot)
{
	return slot < SANDBOX_MAX ? t->slots[slot] : NULL;
}

struct sandbox *sandboxes_edit(struct sandboxes *t, uint32_t slot)
{
	return slot < SANDBOX_MAX ? t->slots[slot] : NULL;
}

const struct sandbox *sandboxes_find(const struct sandboxes *t, const char *name)
{
	for (uint32_t i = 0; i < t->end; i++)
		if (t->slots[i] && strcmp(t->slots[i]->name, name) == 0)
			return t->slots[i];
	return NULL;
}

const struct sandbox *sandboxes_find_zone(const struct sandboxes *t, uint16_t zone)
{
	return t->zone_owner[zone] ? t->slots[t->zone_owner[zone] - 1] : NULL;
}

static bool prefixes_overlap(const struct prefix *a, const struct prefix *b)
{
	return a->len <= b->len ? prefix_contains(a, &b->addr) : prefix_contains(b, &a->addr);
}

static bool same_selector(enum sandbox_kind kind, const struct selector *a, const struct selector *b)
{
	switch (kind) {
	case SANDBOX_INTERFACE:
		return strcmp(a->ifname, b->ifname) == 0;
	case SANDBOX_SOURCE:
		return a->source.len == b->source.len && addr_equal(&a->source.addr, &b->source.addr);
	case SANDBOX_CGROUP:
		return (a->cgroup[0] && strcmp(a->cgroup, b->cgroup) == 0) ||
			(a->cgroup_id && a->cgroup_id == b->cgroup_id);
	case SANDBOX_UID:
		return a->uid == b->uid;
	case SANDBOX_HOST:
		return true;
	case SANDBOX_KIND_COUNT:
		break;
	}
	return false;
}

const struct sandbox *sandboxes_find_selector(const struct sandboxes *t, enum sandbox_kind kind,
	const struct selector *sel)
{
	for (uint32_t i = 0; i < t->end; i++) {
		const struct sandbox *s = t->slots[i];

		for (unsigned int k = 0; s && s->kind == kind && k < s->n_selectors; k++)
			if (same_selector(kind, &s->selectors[k], sel))
				return s;
	}
	return NULL;
}

const struct sandbox *sandboxes_find_source(const struct sandboxes *t, const struct addr *a)
{
	const struct sandbox *best = NULL;
	int best_len = -1;

	for (uint32_t i = 0; i < t->end; i++) {
		const struct sandbox *s = t->slots[i];

		for (unsigned int k = 0; s && s->kind == SANDBOX_SOURCE && k < s->n_selectors; k++) {
			if (s->selectors[k].source.len <= best_len || !prefix_contains(&s->selectors[k].source, a))
				continue;
			best = s;
			best_len = s->selectors[k].source.len;
		}
	}
	return best;
}

/* A single address beside a shorter prefix is fine: hash sets are asked first. Two prefixes are not. */
static bool sources_clash(const struct prefix *a, const struct prefix *b)
{
	bool a_host = a->len == addr_bits(&a->addr), b_host = b->len == addr_bits(&b->addr);

	if (a_host != b_host)
		return false;
	return prefixes_overlap(a, b);
}

static bool selector_taken(const struct sandboxes *t, const struct sandbox *s, const struct selector *sel)
{
	if (sandboxes_find_selector(t, (enum sandbox_kind)s->kind, sel))
		return true;
	for (uint32_t i = 0; s->kind == SANDBOX_SOURCE && i < t->end; i++) {
		const struct sandbox *o = t->slots[i];

		for (unsigned int k = 0; o && o->kind == SANDBOX_SOURCE && k < o->n_selectors; k++)
			if (sources_clash(&o->selectors[k].source, &sel->source))
				return true;
	}
	return false;
}

static int free_port(const struct sandboxes *t)
{
	for (int i = 0; i < SANDBOX_LOCAL_MAX; i++)
		if (!t->port_owner[i])
			return i;
	return -ENOSPC;
}

int sandboxes_check(const struct sandboxes *t, const struct sandbox *s)
{
	if (sandboxes_find(t, s->name))
		return -EEXIST;
	for (unsigned int i = 0; i < s->n_selectors; i++)
		if (selector_taken(t, s, &s->selectors[i]))
			return -EADDRINUSE;
	if (t->count == SANDBOX_MAX || (sandbox_is_local(s) && free_port(t) < 0))
		return -ENOSPC;
	return 0;
}

static bool zone_free(const struct sandboxes *t, uint16_t zone)
{
	return zone != 0 && zone != ZONE_RESOLVER && !t->zone_owner[zone];
}

/*
 * Where the sandbox's flows are. A later daemon has to arrive at the same number, or live flows are lost: it reads
 * it from the kernel; where there is nothing to read, the name decides (FNV-1a), and the next free one.
 */
static uint16_t choose_zone(const struct sandboxes *t, const struct sandbox *s)
{
	uint32_t hash = 2166136261u;
	uint16_t zone = s->zone;

	if (!zone_free(t, zone)) {
		for (const char *c = s->name; *c; c++)
			hash = (hash ^ (uint8_t)*c) * 16777619u;
		zone = (uint16_t)(hash ^ hash >> 16);
		while (!zone_free(t, zone)) /* there are four times as many zones as slots */
			zone++;
	}
	return zone;
}

static struct sandbox *place(struct sandboxes *t, const struct sandbox *s, uint32_t slot, uint16_t stub_port)
{
	struct sandbox *own = malloc(sizeof(*own));

	ASSERT(own); /* 1 kB at an administrator's request: no memory means no daemon, and shut */
	ASSERT(!t->slots[slot]);
	*own = *s;
	own->slot = (uint16_t)slot;
	own->stub_port = stub_port;
	own->zone = choose_zone(t, s);
	t->zone_owner[own->zone] = (uint16_t)(slot + 1);
	t->slots[slot] = own;
	t->count++;
	if (slot >= t->end)
		t->end = slot + 1;
	return own;
}

struct sandbox *sandboxes_add(struct sandboxes *t, const struct sandbox *s, const struct image_settings *settings)
{
	uint32_t slot = t->cursor;
	int port;

	while (t->slots[slot])
		slot = (slot + 1) % SANDBOX_MAX;
	t->cursor = (slot + 1) % SANDBOX_MAX;
	if (!sandbox_is_local(s))
		return place(t, s, slot, settings->stub_port);
	port = free_port(t);
	ASSERT(port >= 0);
	t->port_owner[port] = slot + 1;
	return place(t, s, slot, (uint16_t)(settings->local_stub_port + port));
}

void sandboxes_follow(struct sandboxes *t, const struct sandboxes *before)
{
	t->cursor = before->cursor;
}

struct sandbox *sandboxes_keep(struct sandboxes *t, const struct sandbox *s, const struct image_settings *settings)
{
	int port = s->stub_port - settings->local_stub_port;

	if (!sandbox_is_local(s))
		return place(t, s, s->slot, settings->stub_port);
	if (port < 0 || port >= SANDBOX_LOCAL_MAX || t->port_owner[port]) /* the settings moved the range */
		port = free_port(t);
	ASSERT(port >= 0);
	t->port_owner[port] = s->slot + 1u;
	return place(t, s, s->slot, (uint16_t)(settings->local_stub_port + port));
}

void sandboxes_remove(struct sandboxes *t, uint16_t slot)
{
	struct sandbox *s = t->slots[slot];

	if (!s)
		return;
	for (unsigned int i = 0; i < SANDBOX_LOCAL_MAX; i++)
		if (t->port_owner[i] == slot + 1u)
			t->port_owner[i] = 0;
	t->zone_owner[s->zone] = 0;
	t->slots[slot] = NULL;
	t->count--;
	free(s);
}
