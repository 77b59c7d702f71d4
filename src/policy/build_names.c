/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The name table under construction; image_format.h says what it becomes.
 *
 * Open addressing with linear probing, five slots for three names. Who knows how many names are to come says so, and the
 * table gets its size at once; otherwise it doubles while they come in, and is laid out once more at the end.
 * Most names are in one list, which stands in the slot itself. Those in several have them as a chain, newest
 * first: lists are filled one after the other, so a duplicate within a list is nearly
 * always at the head; the others fall out when the chain is sorted into a set.
 * Equal sets are stored once: a million names of one list share one set.
 *
 * A million names are mostly a matter of memory: large arrays ask for huge pages, and a suffix that two names in a row have in
 * common is hashed once.
 */
#include "build.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define SLOTS_MIN 1024
#define SLOTS_FINAL(n) ((n)*5 / 3 + 8)
#define SLOTS_ENOUGH(n) (SLOTS_FINAL(n) + (n) / 8) /* a table so large is not laid out again to be smaller */
#define HUGE_BYTES (2u << 20)
#define PAGE_BYTES 4096

/* Fewer page faults; where the kernel has no huge pages for us, nothing changes. */
static void advise_huge(void *data, size_t bytes)
{
	size_t into = (uintptr_t)data % PAGE_BYTES; /* from the first page on: a mapping in two parts could not be moved as one */

	if (bytes >= HUGE_BYTES)
		(void)madvise((uint8_t *)data - into, bytes + into, MADV_HUGEPAGE);
}

bool build_array_reserve(struct build_array *a, size_t n)
{
	size_t bytes;
	void *data;

	if (a->cap - a->n >= n)
		return true;
	if (__builtin_add_overflow(a->n, n, &n) || __builtin_mul_overflow(n, a->size, &bytes))
		return false;
	data = realloc(a->data, bytes);
	if (!data)
		return false;
	advise_huge(data, bytes);
	a->data = data;
	a->cap = n;
	return true;
}

void *build_array_add(struct build_array *a, size_t n)
{
	if (a->cap - a->n < n && !build_array_reserve(a, a->cap - a->n + a->cap / 2 + n + 64))
		return NULL;
	a->n += n;
	return a->data + (a->n - n) * a->size;
}

void build_array_fini(struct build_array *a)
{
	free(a->data);
	a->data = NULL;
	a->n = a->cap = 0;
}

static struct build_slot *table_new(uint64_t n_slots)
{
	struct build_slot *slots = calloc(n_slots, sizeof(*slots));

	if (slots)
		advise_huge(slots, n_slots * sizeof(*slots));
	return slots;
}

int build_names_init(struct build_names *t)
{
	uint8_t *filler;
	uint32_t *empty;

	*t = (struct build_names){.names = {.size = 1}, .links = {.size = sizeof(struct build_link)},
		.sets = {.size = sizeof(uint32_t)}, .n_slots = SLOTS_MIN};
	t->building = table_new(t->n_slots);
	filler = build_array_add(&t->names, 1); /* offset 0 says: no name */
	empty = build_array_add(&t->sets, 1);	/* set 0 */
	if (!t->building || !filler || !empty) {
		build_names_fini(t);
		return -ENOMEM;
	}
	*filler = 0xff;
	*empty = 0;
	return 0;
}

void build_names_fini(struct build_names *t)
{
	free(t->building);
	t->building = NULL;
	t->slots = NULL;
	build_array_fini(&t->names);
	build_array_fini(&t->links);
	build_array_fini(&t->sets);
}

/* How many labels at the end of @wire, which has them at @offsets, are those of the last name. */
static size_t common_labels(const struct build_hashed *last, const struct dns_name *name, const uint8_t *offsets, size_t n)
{
	size_t common = 0;

	while (common < n && common < last->n_labels) {
		size_t at = offsets[n - 1 - common], was = last->offsets[last->n_labels - 1 - common];

		if (name->len - at != (size_t)last->name.len - was || name->wire[at] != last->name.wire[was] ||
			memcmp(name->wire + at + 1, last->name.wire + was + 1, name->wire[at]) != 0)
			break;
		common++;
	}
	return common;
}

static uint64_t hash_name(struct build_names *t, const struct dns_name *name)
{
	struct build_hashed *last = &t->last;
	uint8_t offsets[DNS_LABELS_MAX];
	size_t n = dns_name_labels(name, offsets), common = common_labels(last, name, offsets, n), left = n - common;
	uint64_t hash = common ? last->hashes[last->n_labels - common] : image_hash_root(&t->key);

	/* the suffixes in common move to where they stand in this name */
	memmove(last->hashes + left, last->hashes + last->n_labels - common, common * sizeof(hash));
	while (left--) {
		hash = image_hash_label(&t->key, hash, name->wire + offsets[left] + 1, name->wire[offsets[left]]);
		last->hashes[left] = hash;
	}
	memcpy(last->offsets, offsets, n);
	memcpy(last->name.wire, name->wire, name->len);
	last->name.len = name->len;
	last->n_labels = (uint8_t)n;
	return hash;
}

uint64_t build_names_foresee(struct build_names *t, const struct dns_name *name)
{
	uint64_t hash = hash_name(t, name);

	__builtin_prefetch(&t->building[image_slot_home((uint32_t)(hash >> 32), t->n_slots)], 1);
	return hash;
}

/* Moves every name to a table of @n_slots. */
static int relayout(struct build_names *t, uint64_t n_slots)
{
	struct build_slot *slots = n_slots < IMAGE_NONE ? table_new(n_slots) : NULL;

	if (!slots)
		return n_slots < IMAGE_NONE ? -ENOMEM : -E2BIG;
	t->longest = 0;
	for (uint64_t i = 0; i < t->n_slots; i++) {
		uint64_t at, probes = 1;

		if (!t->building[i].slot.wire)
			continue;
		at = image_slot_home(t->building[i].home, n_slots);
		for (; slots[at].slot.wire; probes++)
			at = at + 1 == n_slots ? 0 : at + 1;
		slots[at] = t->building[i];
		t->longest = probes > t->longest ? probes : t->longest;
	}
	free(t->building);
	t->building = slots;
	t->n_slots = n_slots;
	return 0;
}

void build_names_expect(struct build_names *t, uint64_t n, uint64_t bytes)
{
	uint64_t n_slots = SLOTS_FINAL(t->n_names + n), more = t->n_slots + t->n_slots / 2;

	/* by half at least: many small lists must not lay it out once each. What there is no memory for grows on the way. */
	if (bytes <= UINT32_MAX && t->names.cap - t->names.n < bytes)
		(void)build_array_reserve(&t->names, bytes > t->names.n / 2 ? bytes : t->names.n / 2);
	if (n_slots > t->n_slots && n_slots < IMAGE_NONE)
		(void)!relayout(t, n_slots > more || t->n_names == 0 ? n_slots : more);
}

static int slot_fill(struct build_names *t, const struct dns_name *name, uint64_t hash, struct build_slot *s)
{
	uint8_t *wire;

	if (t->names.n > UINT32_MAX - name->len)
		return -E2BIG;
	wire = build_array_add(&t->names, name->len);
	if (!wire)
		return -ENOMEM;
	memcpy(wire, name->wire, name->len);
	s->slot.wire = (uint32_t)(t->names.n - name->len);
	s->slot.tag = (uint32_t)hash;
	s->home = (uint32_t)(hash >> 32);
	t->n_names++;
	return 0;
}

static int slot_get(struct build_names *t, const struct dns_name *name, uint64_t hash, struct image_slot **ret_slot)
{
	uint64_t at, probes = 1;
	struct build_slot *s;
	int rc = SLOTS_FINAL(t->n_names + 1) > t->n_slots ? relayout(t, t->n_slots * 2) : 0;

	if (rc < 0)
		return rc;
	at = image_slot_home((uint32_t)(hash >> 32), t->n_slots);
	for (; (s = &t->building[at])->slot.wire; probes++) {
		if (s->slot.tag == (uint32_t)hash && name->len <= t->names.n - s->slot.wire &&
			memcmp(t->names.data + s->slot.wire, name->wire, name->len) == 0)
			break;
		at = at + 1 == t->n_slots ? 0 : at + 1;
	}
	*ret_slot = &s->slot;
	if (s->slot.wire)
		return 0;
	t->longest = probes > t->longest ? probes : t->longest;
	return slot_fill(t, name, hash, s);
}

static uint32_t newest(const struct build_names *t, uint32_t head)
{
	return head & BUILD_CHAIN ? ((const struct build_link *)(const void *)t->links.data)[head & ~BUILD_CHAIN].list : head - 1;
}

/* Puts @list in front of what holds the name already. */
static int chain(struct build_names *t, uint32_t *head, uint32_t list)
{
	const size_t first = t->links.n, n = *head & BUILD_CHAIN ? 1 : 2;
	struct build_link *links;

	if (first >= BUILD_CHAIN - 2)
		return -E2BIG;
	links = build_array_add(&t->links, n);
	if (!links)
		return -ENOMEM;
	links[0] = (struct build_link){list, (*head & BUILD_CHAIN ? *head & ~BUILD_CHAIN : (uint32_t)first + 1) + 1};
	if (n == 2)
		links[1] = (struct build_link){*head - 1, 0};
	*head = BUILD_CHAIN | (uint32_t)first;
	return 0;
}

int build_names_add(struct build_names *t, const struct dns_name *name, uint64_t hash, bool wildcard, uint32_t list)
{
	struct image_slot *s;
	uint32_t *head;
	int rc = list < BUILD_CHAIN - 1 ? slot_get(t, name, hash, &s) : -E2BIG;

	if (rc < 0)
		return rc;
	head = wildcard ? &s->wildcard : &s->exact;
	if (*head && newest(t, *head) == list)
		return -EEXIST;
	rc = *head ? chain(t, head, list) : 0;
	if (rc < 0)
		return rc;
	if (!*head)
		*head = list + 1;
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

/* The lists of a chain, sorted, each once. */
static int settle_chain(struct interner *in, uint32_t *head)
{
	const struct build_link *links = (const struct build_link *)(void *)in->names->links.data;
	uint32_t *lists, n = 0;

	in->lists.n = 0;
	for (uint32_t at = (*head & ~BUILD_CHAIN) + 1; at; at = links[at - 1].next) {
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
	return intern(in, lists, n, head);
}

/* Replaces the head of a chain by the id of its set. */
static int settle(struct interner *in, uint32_t *head)
{
	uint32_t list = *head - 1;
	int rc;

	if (!*head)
		return 0; /* which is the empty set */
	if (*head & BUILD_CHAIN)
		return settle_chain(in, head);
	if (!in->last_id || list != in->last_list) {
		rc = intern(in, &list, 1, &in->last_id);
		if (rc < 0)
			return rc;
		in->last_list = list;
	}
	*head = in->last_id;
	return 0;
}

int build_names_finish(struct build_names *t)
{
	struct interner in = {.names = t, .lists = {.size = sizeof(uint32_t)}};
	int rc = t->n_slots > SLOTS_ENOUGH(t->n_names) ? relayout(t, SLOTS_FINAL(t->n_names)) : 0;

	if (rc == 0 && t->longest >= IMAGE_PROBES_MAX)
		rc = -E2BIG; /* a lookup would have to probe too far */
	t->slots = (struct image_slot *)(void *)t->building;
	for (uint64_t i = 0; i < t->n_slots && rc == 0; i++) {
		struct image_slot s = t->building[i].slot; /* the slots move together: each goes to a place before its own */

		rc = settle(&in, &s.exact);
		if (rc == 0)
			rc = settle(&in, &s.wildcard);
		memcpy(&t->slots[i], &s, sizeof(s));
	}
	free(in.ids);
	build_array_fini(&in.lists);
	build_array_fini(&t->links);
	return rc;
}
