/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Diagnostics: `file:line: what is wrong: what to do`, warnings with `warning: ` before the text. All of
 * them, up to DIAG_PRINTED_MAX of each kind; the rest is counted and said by diag_finish().
 */
#ifndef POSTERN_COMPILE_DIAG_H
#define POSTERN_COMPILE_DIAG_H

#include <stdint.h>
#include <stdio.h>

#include "postern/compiler.h"

#define DIAG_PRINTED_MAX 200
#define DIAG_TEXT_MAX 1024

/* A place in the administrator's files; line 0: the file as a whole. */
struct spot {
	const char *file;
	uint32_t line;
};

struct diagnostics {
	FILE *out;
	uint32_t n_errors, n_warnings;
};

void diag_error(struct diagnostics *d, struct spot at, const char *fmt, ...) POSTERN_PRINTF(3, 4);
void diag_warning(struct diagnostics *d, struct spot at, const char *fmt, ...) POSTERN_PRINTF(3, 4);
/* Says what was not printed, and flushes. */
void diag_finish(struct diagnostics *d);

/* The closest of @words (NULL-terminated) to @word, or NULL where none is near. */
const char *diag_nearest(const char *word, const char *const *words);

#endif
