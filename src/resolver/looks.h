/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Looks at the keys of anchored zones (RFC 5011 2.3): see looks.c. */
#ifndef POSTERN_RESOLVER_LOOKS_H
#define POSTERN_RESOLVER_LOOKS_H

#include "postern/anchor.h"

struct resolver;
struct task;

struct look_zone {
	struct dns_name name;
	uint64_t due_ms; /* UINT64_MAX: under way */
};

struct looks {
	unsigned int n;
	struct look_zone zones[ANCHOR_ZONES_MAX];
};

/* The table of anchors, or the image, is another: its zones are looked at, known ones when they were to be unless @soon. */
void looks_set(struct resolver *r, bool soon);
/* What is due. */
void looks_run(struct resolver *r);
/* When the next one is; UINT64_MAX: none. */
uint64_t looks_next(const struct resolver *r);
/* The answer to a look's question. */
void looks_answer(struct resolver *r, struct task *task, const uint8_t *data, size_t len);
/* What it was asked with is not in force any more. */
void looks_again(struct resolver *r, struct task *task);
/* There will be none. */
void looks_failed(struct resolver *r, struct task *task);

#endif
