/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The name table under construction; image_format.h says what it becomes.
 *
 * Open addressing with linear probing. It doubles while names come in, and is laid out once more at the
 * end with five slots for three names: 40 bytes a name, whatever their number. A name keeps its lists as
 * a chain, newest first. Lists are filled one after the other, so a duplicate within a list is nearly
 * always at the head; the others fall out when the chain is sorted into a set.
 * Equal sets are stored once: a million names of one list share one set.
 */
#include "build.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS_MIN 1024
#define SLOTS_FINAL(n) ((n)*5 / 3 + 8)

void *build_array_add(struct build_array *a, size_t n)
{
	if (a->cap - a->n < n) {
		size_t cap = a->cap + a->cap / 2 + n + 64, bytes;
		void *data;

		if (__builtin_mul_overflow(cap, a->size, &bytes))
			return NULL;
		data = realloc(a->data, bytes);
		if (!data)
			return NULL;
		a->data = data;
		a->cap = cap;
	}
	a->n += n;
	return a->data + (a->n - n) * a->size;
}

void build_array_fini(struct build_array *a)
{
	free(a->data);
	a->data = NULL;
	a->n = a->cap = 0;
}

int build_names_init(struct build_names *t)
{
	uint8_t *filler;
	uint32_t *empty;

	*t = (struct build_names){.names = {.size = 1}, .links = {.size = sizeof(struct build_link)},
		.sets = {.size = sizeof(uint32_t)}, .n_slots = SLOTS_MIN};
	t->slots = calloc(t->n_slots, sizeof(*t->slots));
	filler = build_array_add(&t->names, 1); /* offset 0 says: no name */
	empty = build_array_add(&t->sets, 1);	/* set 0 */
	if (!t->slots || !filler || !empty) {
		build_names_fini(t);
		return -ENOMEM;
	}
	*filler = 0xff;
	*empty = 0;
	return 0;
}

void build_names_fini(struct build_names *t)
{
	free(t->slots);
	t->slots = NULL;
	build_array_fini(&t->names);
	build_array_fini(&t->links);
	build_array_fini(&t->sets);
}

static uint64_t hash_name(const struct build_names *t, const uint8_t *wire)
{
	uint64_t hash = image_hash_root(&t->key);
	uint8_t offsets[DNS_LABELS_MAX];
	size_t n = 0;

	for (size_t pos = 0; wire[pos]; pos += 1u + wire[pos])
		offsets[n++] = (uint8_t)pos;
	while (n--)
		hash = image_hash_label(&t->key, hash, wire + offsets[n] + 1, wire[offsets[n]]);
	return hash;
}

/* Moves every name to a table of @n_slots. -E2BIG where a lookup would have to probe too far. */
static int relayout(struct build_names *t, uint64_t n_slots)
{
	struct image_slot *slots = calloc(n_slots, sizeof(*slots));
	uint64_t longest = 0;

	if (!slots)
		return -ENOMEM;
	for (uint64_t i = 0; i < t->n_slots; i++) {
		uint64_t at, probes = 1;

		if (!t->slots[i].wire)
			continue;
		at = image_slot_home(t->slots[i].home, n_slots);
		for (; slots[at].wire; probes++)
			at = at + 1 == n_slots ? 0 : at + 1;
		slots[at] = t->slots[i];
		longest = probes > longest ? probes : longest;
	}
	free(t->slots);
	t->slots = slots;
	t->n_slots = n_slots;
	return longest >= IMAGE_PROBES_MAX ? -E2BIG : 0;
}

static int slot_get(struct build_names *t, const struct dns_name *name, struct image_slot **ret_slot)
{
	uint64_t hash = hash_name(t, name->wire), at;
	struct image_slot *s;
	uint8_t *wire;

	if (t->n_names >= t->n_slots / 2 && relayout(t, t->n_slots * 2) == -ENOMEM)
		return -ENOMEM;
	at = image_slot_home((uint32_t)(hash >> 32), t->n_slots);
	while ((s = &t->slots[at])->wire) {
		if (s->tag == (uint32_t)hash && name->len <= t->names.n - s->wire &&
			memcmp(t->names.data + s->wire, name->wire, name->len) == 0)
			break;
		at = at + 1 == t->n_slots ? 0 : at + 1;
	}
	if (!s->wire) {
		wire = build_array_add(&t->names, name->len);
		if (!wire)
			return -ENOMEM;
		memcpy(wire, name->wire, name->len);
		s->wire = t->names.n - name->len;
		s->tag = (uint32_t)hash;
		s->home = (uint32_t)(hash >> 32);
		t->n_names++;
	}
	*ret_slot = s;
	return 0;
}

int build_names_add(struct build_names *t, const struct dns_name *name, bool wildcard, uint32_t list)
{
	struct image_slot *s;
	struct build_link *links, *link;
	uint32_t *head;
	int rc = slot_get(t, name, &s);

	if (rc < 0)
		return rc;
	head = wildcard ? &s->wildcard : &s->exact;
	links = (struct build_link *)(void *)t->links.data;
	if (*head && links[*head - 1].list == list)
		return -EEXIST;
	if (t->links.n >= UINT32_MAX / 2) /* slots stay below 2^32 too */
		return -E2BIG;
	link = build_array_add(&t->links, 1);
	if (!link)
		return -ENOMEM;
	*link = (struct build_link){.list = list, .next = *head};
	*head = (uint32_t)t->links.n;
	t->n_patterns++;
	return 0;
}

/* Sets by content: a hash table of set ids while sets are made. */
struct interner {
	struct build_names *names;
	uint32_t *ids;
	size_t n_ids, used;
	struct build_array lists; /* uint32_t: of the set being made */
	uint32_t last_list, last_id; /* the set of one list that was made last: most names have the same */
};

static const uint32_t *set_lists(const struct build_names *t, uint32_t id)
{
	return (const uint32_t *)(void *)t->sets.data + id;
}

static uint64_t hash_lists(const struct interner *in, const uint32_t *lists, uint32_t n)
{
	return hash_bytes(&in->names->key, lists, n * sizeof(*lists));
}

static int grow(struct interner *in)
{
	size_t n = in->n_ids ? in->n_ids * 2 : 256;
	uint32_t *ids;

	if (in->n_ids && in->used < in->n_ids / 2)
		return 0;
	ids = calloc(n, sizeof(*ids));
	if (!ids)
		return -ENOMEM;
	for (size_t i = 0; i < in->n_ids; i++) {
		const uint32_t *set = set_lists(in->names, in->ids[i]);
		size_t at;

		if (!in->ids[i])
			continue;
		for (at = hash_lists(in, set + 1, set[0]) & (n - 1); ids[at]; at = (at + 1) & (n - 1))
			;
		ids[at] = in->ids[i];
	}
	free(in->ids);
	in->ids = ids;
	in->n_ids = n;
	return 0;
}

static int intern(struct interner *in, const uint32_t *lists, uint32_t n, uint32_t *ret_id)
{
	uint32_t *set;
	size_t at;

	if (grow(in) < 0)
		return -ENOMEM;
	for (at = hash_lists(in, lists, n) & (in->n_ids - 1); in->ids[at]; at = (at + 1) & (in->n_ids - 1)) {
		const uint32_t *have = set_lists(in->names, in->ids[at]);

		if (have[0] == n && memcmp(have + 1, lists, n * sizeof(*lists)) == 0) {
			*ret_id = in->ids[at];
			return 0;
		}
	}
	if (in->names->sets.n + n + 1 >= UINT32_MAX)
		return -E2BIG;
	set = build_array_add(&in->names->sets, n + 1u);
	if (!set)
		return -ENOMEM;
	set[0] = n;
	memcpy(set + 1, lists, n * sizeof(*lists));
	*ret_id = in->ids[at] = (uint32_t)(in->names->sets.n - n - 1);
	in->used++;
	return 0;
}

static int compare_u32(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* Replaces the head of a chain by the id of its set. */
static int settle(struct interner *in, uint32_t *head)
{
	const struct build_link *links = (const struct build_link *)(void *)in->names->links.data;
	uint32_t *lists, n = 0;
	int rc;

	if (!*head)
		return 0; /* which is the empty set */
	if (!links[*head - 1].next && in->last_id && links[*head - 1].list == in->last_list) {
		*head = in->last_id;
		return 0;
	}
	in->lists.n = 0;
	for (uint32_t at = *head; at; at = links[at - 1].next) {
		uint32_t *list = build_array_add(&in->lists, 1);

		if (!list)
			return -ENOMEM;
		*list = links[at - 1].list;
	}
	lists = (uint32_t *)(void *)in->lists.data;
	qsort(lists, in->lists.n, sizeof(*lists), compare_u32);
	for (size_t i = 0; i < in->lists.n; i++)
		if (i == 0 || lists[i] != lists[i - 1])
			lists[n++] = lists[i];
	rc = intern(in, lists, n, head);
	if (rc == 0 && n == 1) {
		in->last_list = lists[0];
		in->last_id = *head;
	}
	return rc;
}

int build_names_finish(struct build_names *t)
{
	struct interner in = {.names = t, .lists = {.size = sizeof(uint32_t)}};
	int rc = relayout(t, SLOTS_FINAL(t->n_names));

	for (uint64_t i = 0; i < t->n_slots && rc == 0; i++) {
		rc = settle(&in, &t->slots[i].exact);
		if (rc == 0)
			rc = settle(&in, &t->slots[i].wildcard);
	}
	free(in.ids);
	build_array_fini(&in.lists);
	build_array_fini(&t->links);
	return rc;
}
