/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Diagnostics: see the header. The text may quote what stands in a file, so control bytes become \DDD here:
 * a policy file cannot write to the administrator's terminal.
 */
#include "diag.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static void put_escaped(FILE *out, const char *text)
{
	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		if (*p < ' ' || *p == 0x7f)
			fprintf(out, "\\%03u", *p);
		else
			fputc(*p, out);
	}
}

static void print(struct diagnostics *d, struct spot at, const char *kind, const char *fmt, va_list args)
	POSTERN_PRINTF(4, 0);

static void print(struct diagnostics *d, struct spot at, const char *kind, const char *fmt, va_list args)
{
	char text[DIAG_TEXT_MAX];

	vsnprintf(text, sizeof(text), fmt, args);
	put_escaped(d->out, at.file ? at.file : "postern-policy");
	if (at.line)
		fprintf(d->out, ":%u", at.line);
	fprintf(d->out, ": %s", kind);
	put_escaped(d->out, text);
	fputc('\n', d->out);
}

void diag_error(struct diagnostics *d, struct spot at, const char *fmt, ...)
{
	va_list args;

	if (d->n_errors++ >= DIAG_PRINTED_MAX)
		return;
	va_start(args, fmt);
	print(d, at, "", fmt, args);
	va_end(args);
}

void diag_warning(struct diagnostics *d, struct spot at, const char *fmt, ...)
{
	va_list args;

	if (d->n_warnings++ >= DIAG_PRINTED_MAX)
		return;
	va_start(args, fmt);
	print(d, at, "warning: ", fmt, args);
	va_end(args);
}

void diag_finish(struct diagnostics *d)
{
	if (d->n_errors > DIAG_PRINTED_MAX)
		fprintf(d->out, "and %u more errors\n", d->n_errors - DIAG_PRINTED_MAX);
	if (d->n_warnings > DIAG_PRINTED_MAX)
		fprintf(d->out, "and %u more warnings\n", d->n_warnings - DIAG_PRINTED_MAX);
	fflush(d->out);
}

#define WORD_MAX 32

static unsigned int least(unsigned int a, unsigned int b, unsigned int c)
{
	unsigned int m = a < b ? a : b;

	return m < c ? m : c;
}

/* Levenshtein's distance, letter case not counted; words longer than WORD_MAX are far from everything. */
static unsigned int distance(const char *a, const char *b)
{
	unsigned int row[WORD_MAX + 1];
	size_t la = strlen(a), lb = strlen(b);

	if (la > WORD_MAX || lb > WORD_MAX)
		return WORD_MAX;
	for (size_t j = 0; j <= lb; j++)
		row[j] = (unsigned int)j;
	for (size_t i = 1; i <= la; i++) {
		unsigned int diagonal = row[0];

		row[0] = (unsigned int)i;
		for (size_t j = 1; j <= lb; j++) {
			unsigned int up = row[j];
			unsigned int same = (a[i - 1] | 0x20) == (b[j - 1] | 0x20) ? 0 : 1;

			row[j] = least(up + 1, row[j - 1] + 1, diagonal + same);
			diagonal = up;
		}
	}
	return row[lb];
}

const char *diag_nearest(const char *word, const char *const *words)
{
	unsigned int best = (unsigned int)strlen(word) / 3 + 1;
	const char *found = NULL;

	for (; *words; words++) {
		unsigned int d = distance(word, *words);

		if (d <= best) {
			best = d ? d - 1 : 0;
			found = *words;
			if (d == 0)
				break;
		}
	}
	return found;
}
