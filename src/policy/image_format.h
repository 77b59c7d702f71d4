/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The file format of an image beyond the records of postern/image.h: its header, its sections
 * and its name table. Shared by image.c (checks), match.c (reads) and the builder (writes).
 *
 * The name table is one hash table for every list of every policy. A slot stands for one owner
 * name; "example.com" puts the list into the name's exact set, "*.example.com" into its wildcard
 * set, "*" into both sets of the root. Asking costs one probe a label, from the root to the left;
 * the hash of a suffix is made from the hash of the suffix one label shorter.
 *
 * Sets are interned: a set id is an index into the section of sets, where the number of lists
 * stands, followed by that many list numbers in ascending order. Set 0 is the empty one.
 */
#ifndef POSTERN_IMAGE_FORMAT_H
#define POSTERN_IMAGE_FORMAT_H

#include "postern/hash.h"
#include "postern/image.h"

#define IMAGE_MAGIC "postern2"
#define IMAGE_ALIGN 8
/* Longest run of slots that a lookup may have to look at; the builder refuses to write more. */
#define IMAGE_PROBES_MAX 1024

enum image_section {
	SECTION_SETTINGS, /* exactly one */
	SECTION_STRINGS,  /* bytes, the last one NUL */
	SECTION_POLICIES,
	SECTION_RULES,
	SECTION_EGRESS,
	SECTION_INGRESS,
	SECTION_SERVICES,
	SECTION_PREFIXES,
	SECTION_LIST_RULES,
	SECTION_PROTECTIONS, /* uint32_t: rules of the policy that have one */
	SECTION_SANDBOXES,
	SECTION_UPSTREAMS, /* those of no zone first, then zone by zone */
	SECTION_ZONES,
	SECTION_RECORDS,
	SECTION_ANCHORS,
	SECTION_ANCHOR_STATE, /* one or none */
	SECTION_NEGATIVE,
	SECTION_FILES,
	SECTION_SETS,
	SECTION_NAMES, /* bytes: a filler, then lower-case wire names */
	SECTION_SLOTS,
	SECTION_COUNT
};

struct image_extent {
	uint64_t offset; /* bytes from the start of the file */
	uint64_t count;	 /* elements */
};

struct image_header {
	char magic[8];
	uint64_t size;	  /* bytes of the whole file */
	uint64_t n_names; /* occupied slots */
	struct hash_key key;
	struct image_extent sections[SECTION_COUNT];
};

/* Names of list @list are domains of rule @rule; a policy's entries are sorted by both. */
struct image_list_rule {
	uint32_t list;
	uint32_t rule; /* within the policy */
};

struct image_slot {
	uint32_t wire; /* offset into the names section; 0: the slot is empty */
	uint32_t tag;  /* low bits of the hash, to spare most comparisons */
	uint32_t exact;
	uint32_t wildcard;
};

struct image {
	const uint8_t *data;
	size_t len;
	bool mapped;
	const struct image_header *header;
	const void *section[SECTION_COUNT];
	uint64_t count[SECTION_COUNT];
};

/* forward.c: are zones and records what their accessors take them for? */
bool image_forward_ok(const struct image *im);

/* anchors.c */
bool image_anchors_ok(const struct image *im);

/* Bytes of one element of @s. */
size_t image_element_size(enum image_section s) POSTERN_PURE;

static inline uint64_t image_hash_root(const struct hash_key *key)
{
	return key->k0;
}

/* From the hash of a suffix to that of the suffix with one more @label (lower case) in front. */
static inline uint64_t image_hash_label(
	const struct hash_key *key, uint64_t suffix, const uint8_t *label, size_t len)
{
	struct hash_key k = {key->k0 ^ suffix, key->k1};

	return hash_bytes(&k, label, len);
}

/* Where the search for a hash, by its high bits, starts among @n_slots, which are below 2^32. */
static inline uint64_t image_slot_home(uint32_t high, uint64_t n_slots)
{
	return high * n_slots >> 32;
}

#endif
