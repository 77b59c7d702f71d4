/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The prepared text itself: bytes, the place of each line, the files that went in. text.c decides what it holds.
 */
#include "text.h"

#include <stdlib.h>
#include <string.h>

void text_put(struct text *t, const char *bytes, size_t len)
{
	if (t->cap - t->len <= len) {
		t->cap = t->cap + t->cap / 2 + len + 256;
		t->data = realloc(t->data, t->cap);
		ASSERT(t->data);
	}
	memcpy(t->data + t->len, bytes, len);
	t->len += len;
	t->data[t->len] = '\0';
}

void text_put_line(struct text *t, struct spot at)
{
	if (t->n_lines && t->lines[t->n_lines - 1].line == at.line && t->lines[t->n_lines - 1].file == at.file) {
		text_put(t, " ", 1);
		return;
	}
	if (t->n_lines)
		text_put(t, "\n", 1);
	t->lines = compile_grow(t->lines, t->n_lines, sizeof(*t->lines));
	t->lines[t->n_lines++] = at;
}

void text_put_file(struct text *t, const char *path, const uint8_t sha256[static 32])
{
	t->files = compile_grow(t->files, t->n_files, sizeof(*t->files));
	t->files[t->n_files].path = path;
	memcpy(t->files[t->n_files++].sha256, sha256, 32);
}

void text_free(struct text *t)
{
	free(t->data);
	free(t->lines);
	free(t->files);
}

void text_record(const struct text *t, struct compile *c, uint32_t policy)
{
	for (size_t i = 0; i < t->n_files; i++)
		image_build_file(c->builder, t->files[i].path, t->files[i].sha256, policy);
}

struct spot text_spot(const struct text *t, unsigned int line)
{
	if (t->n_lines == 0)
		return (struct spot){0};
	return t->lines[line == 0 ? 0 : line > t->n_lines ? t->n_lines - 1 : line - 1];
}
