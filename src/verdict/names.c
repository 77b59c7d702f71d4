/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A hash table of counted names: see the header. Reserved once, touched only when used. */
#include "names.h"

#include <errno.h>
#include <stdlib.h>

#include "pins.h"
#include "postern/hash.h"

#define BUCKETS 32768

struct entry {
	uint32_t next;
	uint32_t count;
	struct dns_name name; /* as it was first seen */
};

struct names {
	struct hash_key hash;
	uint32_t buckets[BUCKETS];
	uint32_t free_list;
	uint32_t top;
	struct entry entries[PIN_NAMES_MAX + 1];
};

int names_new(struct names **ret_names)
{
	struct names *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	hash_key_init(&t->hash);
	*ret_names = t;
	return 0;
}

void names_free(struct names *t)
{
	free(t);
}

static uint32_t *bucket(struct names *t, const struct dns_name *name)
{
	struct dns_name lower = *name;

	dns_name_lower(&lower);
	return &t->buckets[hash_bytes(&t->hash, lower.wire, lower.len) % BUCKETS];
}

uint32_t names_take(struct names *t, const struct dns_name *name)
{
	uint32_t *head = bucket(t, name), n;

	for (n = *head; n; n = t->entries[n].next)
		if (dns_name_equal(&t->entries[n].name, name)) {
			t->entries[n].count++;
			return n;
		}
	n = t->free_list;
	if (n)
		t->free_list = t->entries[n].next;
	else if (t->top < PIN_NAMES_MAX)
		n = ++t->top;
	else
		return NAMES_NONE;
	t->entries[n] = (struct entry){.next = *head, .count = 1, .name = *name};
	*head = n;
	return n;
}

void names_put(struct names *t, uint32_t n)
{
	struct entry *e = &t->entries[n];
	uint32_t *at;

	ASSERT(n && e->count);
	if (--e->count)
		return;
	for (at = bucket(t, &e->name); *at != n; at = &t->entries[*at].next)
		ASSERT(*at);
	*at = e->next;
	e->next = t->free_list;
	t->free_list = n;
}

const struct dns_name *names_get(const struct names *t, uint32_t n)
{
	return &t->entries[n].name;
}
