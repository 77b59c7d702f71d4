/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Output for people: colours on a terminal only, and no byte of others' making reaches it raw.
 */
#ifndef CLI_PRINT_H
#define CLI_PRINT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "postern/compiler.h"

enum print_colour { COLOUR_NONE, COLOUR_GOOD, COLOUR_BAD, COLOUR_WARN, COLOUR_DIM };

/* Colours where standard output is a terminal and NO_COLOR (https://no-color.org) is unset or empty. */
void print_init(void);
/* @text with everything that is not printable ASCII as \DDD. */
void print_safe(FILE *to, const char *text);
/* The same on standard output, filled up with blanks to @width, and one more. */
void print_column(const char *text, int width);
/* The same in a colour. */
void print_word(enum print_colour colour, const char *text);
/* One object on one line, ASCII only. */
void print_json(const json_t *value);
/* Member of an object as text, "" where it is none. */
const char *member_text(const json_t *object, const char *name);
/* Member of an object as a number, 0 where it is none. */
json_int_t member_number(const json_t *object, const char *name);
/* On a terminal: "what ..." on standard error while something takes long, after half a second. NULL ends it. */
void print_progress(const char *what);

#endif
