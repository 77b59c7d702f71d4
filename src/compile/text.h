/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A configuration file made ready for libconfig: includes put in, comments taken out, and each line of the
 * result bound to the file and line it came from.
 */
#ifndef POSTERN_COMPILE_TEXT_H
#define POSTERN_COMPILE_TEXT_H

#include "compile.h"

#define TEXT_INCLUDE_DEPTH_MAX 10
#define TEXT_INCLUDES_MAX 256

/* A file that went into a text: the first is the one asked for. */
struct text_file {
	const char *path;
	uint8_t sha256[32];
};

struct text {
	char *data; /* with a NUL */
	size_t len, cap;
	struct spot *lines; /* of line 1, 2, ... of data */
	size_t n_lines;
	struct text_file *files;
	size_t n_files;
};

/* Reads @path and what it includes. False after errors, which are reported. Free with text_free() in both cases. */
bool text_load(struct compile *c, struct spot from, const char *path, struct text *ret_text);
void text_free(struct text *t);
/* Puts the files into the image's record, as those of @policy (or IMAGE_NONE). */
void text_record(const struct text *t, struct compile *c, uint32_t policy);
/* Appends bytes; starts a new line where @at is another line than that of the token before; notes a file. */
void text_put(struct text *t, const char *bytes, size_t len);
void text_put_line(struct text *t, struct spot at);
void text_put_file(struct text *t, const char *path, const uint8_t sha256[static 32]);
/* Where a line of data came from. */
struct spot text_spot(const struct text *t, unsigned int line);

#endif
