/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tokens of the configuration language, and what is wrong with one behind another: libconfig says "syntax error" to all
 * of it.
 */
#ifndef POSTERN_COMPILE_TOKEN_H
#define POSTERN_COMPILE_TOKEN_H

#include <stdbool.h>
#include <stddef.h>

enum token {
	TOKEN_NONE, /* start or end of a file */
	TOKEN_NAME,
	TOKEN_LITERAL, /* a number or boolean */
	TOKEN_STRING,
	TOKEN_ASSIGN,
	TOKEN_COMMA,
	TOKEN_SEMICOLON,
	TOKEN_OPEN,
	TOKEN_CLOSE,
};

enum literal {
	LITERAL_NONE,
	LITERAL_BOOLEAN,
	LITERAL_INTEGER,
	LITERAL_FLOAT,
	LITERAL_STRING,
};

/*
 * What is wrong with @now behind @last, within the bracket '(', '[' or '{' (0: none); NULL for nothing. @ret_before: the
 * mistake is at the first of the two.
 */
const char *token_mistake(enum token last, enum token now, char bracket, bool *ret_before);
/* Does a value stand here, rather than the name of a setting? */
bool token_is_value_place(enum token last, char bracket);
/* What libconfig's lexer makes of a word; LITERAL_NONE: nothing, it needs quotes. */
enum literal token_literal(const char *word, size_t len);
/* May it name a setting? */
bool token_is_name(const char *word, size_t len);

#endif
