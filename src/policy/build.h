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

/* Room for @n more elements: the first of them (not cleared), or NULL without memory. */
void *build_array_add(struct build_array *a, size_t n);
void build_array_fini(struct build_array *a);

/*
 * The name table. While it grows, exact and wildcard of a slot are heads of chains of links
 * (index + 1); names_finish() makes sets of them.
 */
struct build_link {
	uint32_t list;
	uint32_t next;
};

struct build_names {
	struct hash_key key;
	struct image_slot *slots;
	uint64_t n_slots, n_names, n_patterns;
	struct build_array names;   /* bytes */
	struct build_array links;   /* struct build_link */
	struct build_array sets;    /* uint32_t */
};

POSTERN_MUST_CHECK int build_names_init(struct build_names *t);
void build_names_fini(struct build_names *t);
/* @name in lower case. 0, -EEXIST, -ENOMEM. */
POSTERN_MUST_CHECK int build_names_add(struct build_names *t, const struct dns_name *name, bool wildcard, uint32_t list);
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
