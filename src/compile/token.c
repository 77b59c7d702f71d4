/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The grammar as far as two neighbours show it: in a list, values with commas between; in a group, NAME = VALUE. What
 * this does not see is left to libconfig.
 */
#include "token.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

static bool begins_value(enum token t)
{
	return t == TOKEN_LITERAL || t == TOKEN_STRING || t == TOKEN_OPEN;
}

static bool ends_value(enum token t)
{
	return t == TOKEN_LITERAL || t == TOKEN_STRING || t == TOKEN_CLOSE;
}

static bool in_list(char bracket)
{
	return bracket == '(' || bracket == '[';
}

bool token_is_value_place(enum token last, char bracket)
{
	return last == TOKEN_ASSIGN || in_list(bracket);
}

static const char *list_mistake(enum token last, enum token now, char bracket, bool *ret_before)
{
	*ret_before = ends_value(last);
	if (ends_value(last) && begins_value(now))
		return "two entries without a comma between them: write a comma behind the first";
	*ret_before = false;
	if (bracket == '[' && now == TOKEN_OPEN)
		return "a bracket in [ ], which holds strings or numbers: write ( ) for groups";
	if (now == TOKEN_ASSIGN)
		return "a setting in a list: write { } around the settings of an entry";
	if (now == TOKEN_SEMICOLON)
		return "a semicolon in a list: write a comma, or close the list before";
	return NULL;
}

const char *token_mistake(enum token last, enum token now, char bracket, bool *ret_before)
{
	*ret_before = true;
	if (last == TOKEN_STRING && now == TOKEN_STRING)
		return "two strings without a comma between them: write a comma behind the first";
	if (last == TOKEN_ASSIGN && !begins_value(now))
		return "a setting without a value: write one behind the \"=\"";
	if (in_list(bracket))
		return list_mistake(last, now, bracket, ret_before);
	if (last == TOKEN_NAME && now != TOKEN_ASSIGN)
		return "a name without \"=\": write NAME = VALUE;";
	*ret_before = false;
	if (last != TOKEN_ASSIGN && begins_value(now))
		return "a value without a name: write NAME = before it";
	if (last != TOKEN_NAME && now == TOKEN_ASSIGN)
		return "an \"=\" without a name: write NAME = VALUE;";
	return NULL;
}

static size_t digits(const char *p, const char *end)
{
	const char *from = p;

	while (p < end && *p >= '0' && *p <= '9')
		p++;
	return (size_t)(p - from);
}

static bool is_hexadecimal(const char *p, const char *end)
{
	if (end - p < 3 || p[0] != '0' || (p[1] | 0x20) != 'x')
		return false;
	for (p += 2; p < end; p++)
		if (!isxdigit((unsigned char)*p))
			return false;
	return true;
}

/* [+-] digits [. digits] [e [+-] digits], with a digit before or behind the point. */
static enum literal number(const char *p, const char *end)
{
	enum literal kind = LITERAL_INTEGER;
	size_t n, fraction;

	if (is_hexadecimal(p, end))
		return LITERAL_INTEGER;
	p += p < end && (*p == '+' || *p == '-');
	n = digits(p, end);
	p += n;
	if (p < end && *p == '.') {
		fraction = digits(++p, end);
		n += fraction;
		p += fraction;
		kind = LITERAL_FLOAT;
	}
	if (n && p < end && (*p | 0x20) == 'e') {
		p++;
		p += p < end && (*p == '+' || *p == '-');
		n = digits(p, end);
		p += n;
		kind = LITERAL_FLOAT;
	}
	return n && p == end ? kind : LITERAL_NONE;
}

enum literal token_literal(const char *word, size_t len)
{
	if ((len == 4 && strncasecmp(word, "true", 4) == 0) || (len == 5 && strncasecmp(word, "false", 5) == 0))
		return LITERAL_BOOLEAN;
	return number(word, word + len);
}

bool token_is_name(const char *word, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!isalpha((unsigned char)word[i]) && word[i] != '*' && (i == 0 || (!isdigit((unsigned char)word[i]) && !strchr("-_", word[i]))))
			return false;
	return len > 0;
}
