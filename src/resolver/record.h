/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Decisions held back for a window, so that equal ones are one event with a count.
 */
#ifndef POSTERN_RESOLVER_RECORD_H
#define POSTERN_RESOLVER_RECORD_H

#include "postern/resolver.h"

#define RECORDS_MAX 4096	  /* different decisions in a window */
#define RECORDS_PER_SANDBOX 512   /* of them: one sandbox does not hide another's */
#define RECORDS_ALLOWED_MAX 256	  /* of these: permitted names do not hide refused ones */

struct recorder;

struct recorder *recorder_new(void);
void recorder_free(struct recorder *rec);
/* What is flushed goes to @ports->record; counts that found no place go as one record with an empty name (len 0) a sandbox. */
struct record_out {
	const struct resolver_ports *ports;
	void *ctx;
};
/*
 * Counts @d in; equal are those of one sandbox, QNAME, reason and rule. @name goes for d->name, which need not be
 * filled; @hash is a keyed hash of sandbox and name.
 */
void recorder_add(struct recorder *rec, const struct decision_record *d, const struct dns_name *name, uint64_t hash);
/* Hands out what was first seen at or before @until_ms. */
void recorder_flush(struct recorder *rec, uint64_t until_ms, const struct record_out *out);
/* Hands out what is held of a sandbox, whatever its age. */
void recorder_flush_slot(struct recorder *rec, uint16_t slot, const struct record_out *out);
/* When the oldest was first seen; UINT64_MAX: there is none. */
uint64_t recorder_oldest(const struct recorder *rec);

#endif
