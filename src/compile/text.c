/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Preparing text for libconfig 1.5, which would do some of this itself, but not well enough for a policy:
 *
 * - its includes are relative to one fixed folder, opened without any check, and may be cyclic;
 * - it gives a value the line of the token behind it, so the last element of a list is a line off: here
 *   a line of the result starts where a token starts on a new line, and closing brackets and separators stay
 *   on the line of what they close;
 * - it joins strings that stand side by side, so that a forgotten comma makes one name of two;
 * - it cuts integers to 32 bits without a word;
 * - at a bracket that is never closed it says "syntax error" at the end of the file.
 *
 * A trailing comma in a list, which it refuses, is taken out. What is left for libconfig is the grammar.
 */
#include "text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "source.h"
#include "token.h"

/* A file that is being read; includes form a stack. */
struct input {
	const struct input *outer;
	const struct source *source;
	const char *path;
	const char *p, *end;
	uint32_t line;
	unsigned int depth;
};

struct bracket {
	char open;
	struct spot at;
	unsigned int n_members;
};

struct scanner {
	struct compile *c;
	struct text *out;
	enum token last;
	struct spot last_at;
	bool comma; /* seen, and not yet put: dropped before a closing bracket */
	bool ok;
	unsigned int n_includes;
	struct bracket brackets[TEXT_NESTING_MAX];
	unsigned int n_brackets;
	unsigned int n_members; /* outside of every bracket */
};

static bool scan_file(struct scanner *s, struct spot from, const char *path, const struct input *outer);

static struct spot here(const struct input *in)
{
	return (struct spot){in->path, in->line};
}

static void put_token(struct scanner *s, struct spot at, const char *text, size_t len)
{
	if (s->comma)
		text_put(s->out, ",", 1);
	s->comma = false;
	text_put_line(s->out, at);
	text_put(s->out, text, len);
}

static bool fail(struct scanner *s)
{
	s->ok = false;
	return false;
}

static char bracket(const struct scanner *s)
{
	return s->n_brackets ? s->brackets[s->n_brackets - 1].open : '\0';
}

/* The next token is @now: says what is wrong with that, and remembers it. */
static bool step(struct scanner *s, const struct input *in, enum token now)
{
	bool before;
	const char *mistake = token_mistake(s->last, now, bracket(s), &before);

	if (mistake)
		diag_error(s->c->diag, before ? s->last_at : here(in), "%s", mistake);
	s->last = now;
	s->last_at = here(in);
	return !mistake || fail(s);
}

/* Skips white space and comments; false at the end of the file, or at a comment that has none. */
static bool skip_blank(struct scanner *s, struct input *in)
{
	while (in->p < in->end) {
		char c = *in->p, next = in->p + 1 < in->end ? in->p[1] : '\0';

		if (c == '#' || (c == '/' && next == '/')) {
			while (in->p < in->end && *in->p != '\n')
				in->p++;
		} else if (c == '/' && next == '*') {
			struct spot at = here(in);

			for (in->p += 2; in->p < in->end && strncmp(in->p, "*/", 2) != 0; in->p++)
				in->line += *in->p == '\n';
			if (in->p >= in->end) {
				diag_error(s->c->diag, at, "a comment that starts here is never closed: write */ behind it");
				return fail(s);
			}
			in->p += 2;
		} else if (c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f') {
			in->line += c == '\n';
			in->p++;
		} else {
			return true;
		}
	}
	return false;
}

/* Finds the end of the string at in->p (an opening quote); NULL after an error. */
static const char *string_end(struct scanner *s, const struct input *in)
{
	const char *p;

	for (p = in->p + 1; p < in->end && *p != '"'; p++) {
		if (*p == '\n' || *p == '\r')
			break;
		if ((unsigned char)*p < ' ' || *p == 0x7f) {
			diag_error(s->c->diag, here(in), "a control character in a string: remove it");
			return NULL;
		}
		if (*p == '\\' && p + 1 < in->end && p[1] != '"' && p[1] != '\\') {
			diag_error(s->c->diag, here(in), "a backslash in a string: names and paths need none: remove it");
			return NULL;
		}
		p += *p == '\\';
	}
	if (p < in->end && *p == '"')
		return p + 1;
	diag_error(s->c->diag, here(in), "a string that is not closed on its line: write \" behind it");
	return NULL;
}

static bool take_string(struct scanner *s, struct input *in)
{
	const char *end = string_end(s, in);

	if (!end)
		return fail(s);
	if (!step(s, in, TOKEN_STRING))
		return false;
	put_token(s, here(in), in->p, (size_t)(end - in->p));
	in->p = end;
	return true;
}

static bool word_byte(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		(c && strchr("_-+.@*", c)) || (unsigned char)c >= 0x80;
}

static bool is_number(const char *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (p[i] < '0' || p[i] > '9')
			return false;
	return len > 0;
}

/* A decimal integer, which libconfig may misread; anything else is left to it. */
static void put_word(struct scanner *s, const struct input *in, const char *word, size_t len)
{
	bool sign = len > 1 && (word[0] == '-' || word[0] == '+');
	const char *digits = word + sign;
	size_t n = len - sign;

	put_token(s, here(in), word, len);
	if (n > 1 && digits[0] == '0' && (digits[1] | 0x20) == 'x') {
		diag_error(s->c->diag, here(in), "a hexadecimal number: write it in decimal");
		s->ok = false;
	}
	if (!is_number(digits, n))
		return;
	if (n > 18) {
		diag_error(s->c->diag, here(in), "a number of %zu digits is out of range: write a smaller one", n);
		s->ok = false;
	} else if (n > 1 && digits[0] == '0') {
		diag_error(s->c->diag, here(in), "the number %.*s begins with 0: write it without", (int)len, word);
		s->ok = false;
	}
	text_put(s->out, "L", 1); /* 64 bits; all, because an array holds one kind */
}

static bool take_include(struct scanner *s, struct input *in)
{
	struct spot at = here(in);
	const char *end;
	char *name;
	bool ok;

	if (!skip_blank(s, in) || in->line != at.line || *in->p != '"') {
		diag_error(s->c->diag, at, "@include without a file: write @include \"FILE\"");
		return fail(s);
	}
	end = string_end(s, in);
	if (!end)
		return fail(s);
	name = strndup(in->p + 1, (size_t)(end - in->p - 2));
	ASSERT(name);
	in->p = end;
	ok = scan_file(s, at, compile_path(s->c, in->path, name), in);
	free(name);
	s->last = TOKEN_NONE;
	return ok || fail(s);
}

static bool take_word(struct scanner *s, struct input *in)
{
	const char *word = in->p;
	bool value = token_is_value_place(s->last, bracket(s));
	size_t len;

	while (in->p < in->end && word_byte(*in->p))
		in->p++;
	len = (size_t)(in->p - word);
	if (len == strlen("@include") && memcmp(word, "@include", len) == 0)
		return take_include(s, in);
	if (value && !token_is_literal(word, len)) {
		diag_error(s->c->diag, here(in), "%.*s without quotes: write \"%.*s\"", (int)len, word, (int)len, word);
		return fail(s);
	}
	if (!step(s, in, value ? TOKEN_LITERAL : TOKEN_NAME))
		return false;
	put_word(s, in, word, len);
	return true;
}

static bool take_open(struct scanner *s, struct input *in)
{
	if (s->n_brackets == TEXT_NESTING_MAX) {
		diag_error(s->c->diag, here(in), "more than %d brackets inside each other: close some", TEXT_NESTING_MAX);
		return fail(s);
	}
	if (!step(s, in, TOKEN_OPEN))
		return false;
	s->last = TOKEN_NONE;
	s->brackets[s->n_brackets++] = (struct bracket){.open = *in->p, .at = here(in)};
	put_token(s, here(in), in->p++, 1);
	return true;
}

static bool take_close(struct scanner *s, struct input *in, unsigned int floor)
{
	char close = *in->p, open = close == ')' ? '(' : close == ']' ? '[' : '{';
	struct bracket *b;

	if (s->n_brackets == floor) {
		diag_error(s->c->diag, here(in), "\"%c\" closes nothing: remove it, or write the \"%c\" it belongs to", close, open);
		return fail(s);
	}
	b = &s->brackets[s->n_brackets - 1];
	if (b->open != open) {
		diag_error(s->c->diag, here(in), "\"%c\" does not close the \"%c\" of line %u: write the right bracket",
			close, b->open, b->at.line);
		return fail(s);
	}
	if (!step(s, in, TOKEN_CLOSE))
		return false;
	s->n_brackets--;
	s->comma = false;
	text_put(s->out, &close, 1);
	in->p++;
	return true;
}

static bool take_comma(struct scanner *s, struct input *in)
{
	if (s->comma || s->last == TOKEN_COMMA) {
		diag_error(s->c->diag, here(in), "two commas in a row: remove one");
		return fail(s);
	}
	s->comma = true;
	in->p++;
	return step(s, in, TOKEN_COMMA);
}

static bool count_member(struct scanner *s, const struct input *in)
{
	unsigned int *n = s->n_brackets ? &s->brackets[s->n_brackets - 1].n_members : &s->n_members;

	if (++*n <= TEXT_MEMBERS_MAX)
		return true;
	diag_error(s->c->diag, here(in), "more than %d settings in one group: put names into one list", TEXT_MEMBERS_MAX);
	return fail(s);
}

static bool take_mark(struct scanner *s, struct input *in)
{
	char c = *in->p++;

	if (c == ';' || c == '=' || c == ':') {
		if (s->comma)
			text_put(s->out, ",", 1);
		s->comma = false;
		text_put(s->out, &c, 1);
		return step(s, in, c == ';' ? TOKEN_SEMICOLON : TOKEN_ASSIGN) && (c == ';' || count_member(s, in));
	}
	if ((unsigned char)c < ' ' || c == 0x7f)
		diag_error(s->c->diag, here(in), "a control character: remove it");
	else
		diag_error(s->c->diag, here(in), "\"%c\" has no meaning here: remove it, or put the value into quotes", c);
	return fail(s);
}

static bool scan(struct scanner *s, struct input *in)
{
	unsigned int floor = s->n_brackets;

	while (skip_blank(s, in)) {
		char c = *in->p;
		bool ok = c == '"' ? take_string(s, in) :
			word_byte(c) ? take_word(s, in) :
			strchr("([{", c) ? take_open(s, in) :
			strchr(")]}", c) ? take_close(s, in, floor) :
			c == ',' ? take_comma(s, in) :
			take_mark(s, in);

		if (!ok)
			return false;
	}
	while (s->ok && s->n_brackets > floor) {
		struct bracket *b = &s->brackets[--s->n_brackets];

		diag_error(s->c->diag, b->at, "\"%c\" is never closed: the file ends before: complete it", b->open);
		if (s->n_brackets == floor)
			s->ok = false;
	}
	return s->ok && step(s, in, TOKEN_NONE);
}

static bool include_ok(struct scanner *s, struct spot from, const char *path, const struct source *src,
	const struct input *outer)
{
	for (const struct input *in = outer; in; in = in->outer) {
		if (in->source->device == src->device && in->source->inode == src->inode) {
			diag_error(s->c->diag, from, "%s includes itself, directly or through others: remove one @include", path);
			return false;
		}
	}
	if (outer && outer->depth >= TEXT_INCLUDE_DEPTH_MAX) {
		diag_error(s->c->diag, from, "includes go more than %d files deep: include fewer", TEXT_INCLUDE_DEPTH_MAX);
		return false;
	}
	if (s->n_includes++ >= TEXT_INCLUDES_MAX) {
		diag_error(s->c->diag, from, "more than %d files are included: include fewer", TEXT_INCLUDES_MAX);
		return false;
	}
	return true;
}

static bool scan_file(struct scanner *s, struct spot from, const char *path, const struct input *outer)
{
	struct source_request request = {path, from, SOURCE_CONFIG_MAX, s->c->owner};
	struct source src;
	struct input in = {.outer = outer, .source = &src, .path = path, .line = 1};
	bool ok;

	if (!source_read(s->c->diag, &request, &src))
		return fail(s);
	in.p = src.text;
	in.end = src.text + src.len;
	in.depth = outer ? outer->depth + 1 : 0;
	text_put_file(s->out, path, src.sha256);
	ok = include_ok(s, from, path, &src, outer) && scan(s, &in);
	source_free(&src);
	return ok;
}

bool text_load(struct compile *c, struct spot from, const char *path, struct text *ret_text)
{
	struct scanner s = {.c = c, .out = ret_text, .ok = true};

	*ret_text = (struct text){0};
	if (!scan_file(&s, from, path, NULL))
		return false;
	if (s.comma)
		text_put(ret_text, ",", 1);
	text_put(ret_text, "\n", 1);
	return true;
}
