/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Parts that build the image share: a growing array, the name table under construction, the builder itself.
 */
#ifndef POSTERN_POLICY_BUILD_H
#define POSTERN_POLICY_BUILD_H

#include "image_format.h"

/* A growing array of elements of @size bytes. */
struct build_array {
	uint8_t *data;
	size_t size;
	size_t n, cap;
};

/* Room for @n more elements, so that adding them moves nothing. false: no memory for it, and nothing has changed. */
bool build_array_reserve(struct build_array *a, size_t n);
/* Room for @n more elements: the first of them (not cleared), or NULL without memory. */
void *build_array_add(struct build_array *a, size_t n);
void build_array_fini(struct build_array *a);

/*
 * The name table. While it grows, exact and wildcard of a slot are the one list that holds the name (its number + 1), or
 * BUILD_CHAIN and the index of the first of several; build_names_finish() makes sets of them.
 */
#define BUILD_CHAIN 0x80000000u

struct build_link {
	uint32_t list;
	uint32_t next; /* index + 1; 0: it is the last */
};

struct build_slot {
	struct image_slot slot;
	uint32_t home; /* high bits of the hash: where the search starts, so that a table can be laid out anew */
};

/* The name that was hashed last: names that stand together in a list mostly end alike. */
struct build_hashed {
	struct dns_name name;
	uint8_t n_labels;
	uint8_t offsets[DNS_LABELS_MAX]; /* of the labels, from the left */
	uint64_t hashes[DNS_LABELS_MAX]; /* of the suffix that begins with the label */
};

struct build_names {
	struct hash_key key;
	struct build_hashed last;
	struct build_slot *building;
	struct image_slot *slots; /* the same memory, once finished */
	uint64_t n_slots, n_names, n_patterns;
	uint64_t longest; /* number of slots that a search has to look at */
	struct build_array names;   /* bytes */
	struct build_array links;   /* struct build_link */
	struct build_array sets;    /* uint32_t */
};

POSTERN_MUST_CHECK int build_names_init(struct build_names *t);
void build_names_fini(struct build_names *t);
/* @n more names are to come, with @bytes in the names section: an estimate, which spares laying the table out again. */
void build_names_expect(struct build_names *t, uint64_t n, uint64_t bytes);
/* The hash of @name, in lower case; asks for the memory where it will be looked for. */
uint64_t build_names_foresee(struct build_names *t, const struct dns_name *name);
/* @hash: what build_names_foresee() returned. 0, -EEXIST, -ENOMEM, -E2BIG. */
POSTERN_MUST_CHECK int build_names_add(struct build_names *t, const struct dns_name *name, uint64_t hash, bool wildcard, uint32_t list);
/* Final size of the table, chains turned to sets. 0, -ENOMEM, -E2BIG. */
POSTERN_MUST_CHECK int build_names_finish(struct build_names *t);

/* A rule and its lists, until the policy ends and the rules get their order. */
struct pending_rule {
	struct image_rule rule;
	size_t first_list, n_lists;
};

/* A local record with its name, until they get their order. */
struct pending_record {
	struct dns_name name;
	struct image_record record;
};

struct image_builder {
	struct build_array sections[SECTION_COUNT]; /* without the last three: they come from names */
	struct build_names names;
	struct build_array pending;	  /* struct pending_rule */
	struct build_array pending_lists; /* uint32_t */
	struct build_array pending_records; /* struct pending_record */
	uint32_t *strings;		  /* hash table of offsets + 1 */
	size_t n_strings, used_strings;
	uint32_t n_lists;
	int error;
};

/* Ends the policy that is open: its rules in order, its lists in order. */
void build_end_policy(struct image_builder *b);

/* Copies @n elements into section @s; the index of the first. */
uint32_t build_append(struct image_builder *b, enum image_section s, const void *src, size_t n);
/* A wire name among the strings; IMAGE_NONE for NULL. */
uint32_t build_wire(struct image_builder *b, const struct dns_name *name);
/* Records in the order of the file, equal ones once. */
void build_end_records(struct image_builder *b);

#endif
