/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A growing list of element changes for one transaction: what start, reload and an added sandbox
 * need. Private to src/gate. (Pins do not pass here: they use fixed arrays.)
 */
#ifndef GATE_CHANGES_H
#define GATE_CHANGES_H

#include <stdbool.h>
#include <stddef.h>

#include "kernel/nft.h"

struct changes {
	struct nft_change *v;
	size_t n, cap;
	bool failed; /* no memory: the list must not be committed */
};

void changes_init(struct changes *c);
void changes_fini(struct changes *c);
/* The new last change, zeroed but for @op; a scratch one where memory ran out (failed is set). */
struct nft_change *changes_push(struct changes *c, enum nft_op op);
/* Takes the last change back: its key could not be made. */
void changes_pop(struct changes *c);
/* Gives the last change a copy of @text as its comment. */
void changes_comment(struct changes *c, const char *text);

#endif
