/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Decisions held back for a window, so that equal ones are one event with a count.
 */
#ifndef POSTERN_RESOLVER_RECORD_H
#define POSTERN_RESOLVER_RECORD_H

#include "postern/resolver.h"

#define RECORDS_MAX 8192	/* different decisions in a window; audit.per_sandbox of them are one sandbox's */
#define RECORDS_WITHOUT_IMAGE 512 /* places of one sandbox while there is no image to say it */
#define RECORDS_PER_FLUSH 64	/* handed out before clients get their turn again */

struct recorder;

struct recorder *recorder_new(void);
void recorder_free(struct recorder *rec);
/* What is flushed goes to @ports->record; counts that found no place go as one record with an empty name (len 0) a sandbox. */
struct record_out {
	const struct resolver_ports *ports;
	void *ctx;
	bool last_chance; /* all of it at once, whether there is room or not: the rules that it names are about to go */
};
/* A decision as it comes in. Name and answers of @d are not looked at: they are copied only where it is the first of its kind. */
struct record_in {
	const struct decision_record *d;
	const struct dns_name *name;
	uint64_t hash;	      /* keyed, of sandbox and name */
	const uint8_t *reply; /* the closed reply; reply_len 0: none */
	size_t reply_len;
	const char *sandbox;
	const struct image_place *place; /* of the rule, or NULL */
	uint32_t policy;      /* string */
	uint32_t per_sandbox; /* places of one sandbox; half of them for permitted names, so that these do not hide refused ones */
};
/* Counts it in; equal are those of one sandbox, QNAME, QTYPE, reason and rule. */
void recorder_add(struct recorder *rec, const struct record_in *in);
/* Hands out what was first seen at or before @until_ms. False: not all of it, call again. */
bool recorder_flush(struct recorder *rec, uint64_t until_ms, const struct record_out *out);
/* Hands out what was only counted of a sandbox, which is about to be another; its records stay, with its name and epoch. */
void recorder_flush_slot(struct recorder *rec, uint16_t slot, const struct record_out *out);
/* When the oldest was first seen; UINT64_MAX: there is none. */
uint64_t recorder_oldest(const struct recorder *rec);

#endif
