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
 * - it stops at the first error, and calls most of them "syntax error": here syntax.c finds them all, and where there
 *   is one, libconfig is not asked.
 *
 * A trailing comma in a list, which it refuses, is taken out.
 */
#include "text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "source.h"
#include "syntax.h"

/* A file that is being read; includes form a stack. */
struct input {
	const struct input *outer;
	const struct source *source;
	const char *path;
	const char *p, *end;
	uint32_t line;
	unsigned int depth;
};

struct scanner {
	struct compile *c;
	struct text *out;
	struct syntax syntax;
	bool comma; /* seen, and not yet put: dropped before a closing bracket */
	bool unread; /* a file that could not be read, which is said */
	unsigned int n_includes;
	const char *name; /* the last word, which may be the name of a setting */
	size_t name_len;
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

static void skip_line(struct input *in)
{
	while (in->p < in->end && *in->p != '\n')
		in->p++;
}

/* To behind a comment that ends. */
static void skip_comment(struct scanner *s, struct input *in)
{
	struct spot at = here(in);

	for (in->p += 2; in->p < in->end && strncmp(in->p, "*/", 2) != 0; in->p++)
		in->line += *in->p == '\n';
	if (in->p < in->end) {
		in->p += 2;
		return;
	}
	s->syntax.quiet = false; /* whatever it is in */
	syntax_error(&s->syntax, at, "a comment that starts here is never closed: write */ behind it");
}

/* Skips white space and comments; false at the end of the file. */
static bool skip_blank(struct scanner *s, struct input *in)
{
	while (in->p < in->end) {
		char c = *in->p, next = in->p + 1 < in->end ? in->p[1] : '\0';

		if (c == '#' || (c == '/' && next == '/')) {
			skip_line(in);
		} else if (c == '/' && next == '*') {
			skip_comment(s, in);
		} else if (c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f') {
			in->line += c == '\n';
			in->p++;
		} else {
			return true;
		}
	}
	return false;
}

/* Where a string ended whose quote was forgotten: before what closes at the end of its line, or before a comment. */
static const char *guess_end(const char *from, const char *end)
{
	const char *p;

	for (p = from; p + 1 < end; p++)
		if ((p[0] == ' ' || p[0] == '\t') && (p[1] == '#' || (p + 2 < end && p[1] == '/' && p[2] == '/')))
			end = p;
	while (end > from && strchr(" \t,;)]}", end[-1]))
		end--;
	return end;
}

static bool string_byte_ok(struct scanner *s, const struct input *in, const char *p)
{
	if ((unsigned char)*p < ' ' || *p == 0x7f)
		syntax_slip(&s->syntax, here(in), "a control character in a string: remove it");
	else if (*p == '\\' && p + 1 < in->end && p[1] != '"' && p[1] != '\\')
		syntax_slip(&s->syntax, here(in), "a backslash in a string: names and paths need none: remove it");
	else
		return true;
	return false;
}

/* Behind the string at in->p (an opening quote). */
static const char *string_end(struct scanner *s, const struct input *in)
{
	bool ok = true;
	const char *p;

	for (p = in->p + 1; p < in->end && *p != '"' && *p != '\n' && *p != '\r'; p++) {
		ok = ok && string_byte_ok(s, in, p); /* the first is enough */
		p += *p == '\\' && p + 1 < in->end && (p[1] == '"' || p[1] == '\\');
	}
	if (p < in->end && *p == '"')
		return p + 1;
	syntax_error(&s->syntax, here(in), "a string that is not closed on its line: write \" behind it");
	return guess_end(in->p + 1, p);
}

static void take_string(struct scanner *s, struct input *in)
{
	const char *end = string_end(s, in);

	syntax_value(&s->syntax, here(in), TOKEN_STRING, LITERAL_STRING);
	put_token(s, here(in), in->p, (size_t)(end - in->p));
	in->p = end;
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
	if (n > 1 && digits[0] == '0' && (digits[1] | 0x20) == 'x')
		syntax_slip(&s->syntax, here(in), "a hexadecimal number: write it in decimal");
	if (!is_number(digits, n))
		return;
	if (n > 18)
		syntax_slip(&s->syntax, here(in), "a number of %zu digits is out of range: write a smaller one", n);
	else if (n > 1 && digits[0] == '0')
		syntax_slip(&s->syntax, here(in), "the number %.*s begins with 0: write it without", (int)len, word);
	text_put(s->out, "L", 1); /* 64 bits; all, because an array holds one kind */
}

static void take_include(struct scanner *s, struct input *in)
{
	struct spot at = here(in);
	bool quiet = s->syntax.quiet, lost = s->syntax.lost;
	const char *end;
	char *name;

	if (!skip_blank(s, in) || in->line != at.line || *in->p != '"') {
		syntax_error(&s->syntax, at, "@include without a file: write @include \"FILE\"");
		return;
	}
	end = string_end(s, in);
	name = strndup(in->p + 1, (size_t)(end - in->p - (end[-1] == '"' ? 2 : 1)));
	ASSERT(name);
	in->p = end;
	s->syntax.quiet = s->syntax.lost = false;
	if (!scan_file(s, at, compile_path(s->c, in->path, name), in))
		s->unread = true;
	s->syntax.quiet = quiet;
	s->syntax.lost = lost;
	free(name);
}

/* Is the word in front of an "=", and at a place where a setting may begin? */
static bool begins_setting(const struct scanner *s, const struct input *in, struct spot last_at)
{
	const char *p = in->p;

	while (p < in->end && (*p == ' ' || *p == '\t'))
		p++;
	if (p == in->end || (*p != '=' && *p != ':') || !token_is_name(s->name, s->name_len))
		return false;
	return s->syntax.last == TOKEN_SEMICOLON || last_at.line != in->line || last_at.file != in->path;
}

static void take_word(struct scanner *s, struct input *in, unsigned int floor)
{
	struct syntax *x = &s->syntax;
	const char *word = in->p;
	enum literal kind;
	size_t len;

	while (in->p < in->end && word_byte(*in->p))
		in->p++;
	len = (size_t)(in->p - word);
	if (len == strlen("@include") && memcmp(word, "@include", len) == 0) {
		take_include(s, in);
		return;
	}
	s->name = word;
	s->name_len = len;
	if ((x->quiet || token_is_value_place(x->last, syntax_bracket(x))) && begins_setting(s, in, x->last_at))
		syntax_setting(x, here(in), word, len, floor);
	if (!token_is_value_place(x->last, syntax_bracket(x))) {
		syntax_name(x, here(in));
		if (!token_is_name(word, len))
			syntax_error(x, here(in), "%.*s cannot name a setting: use letters, digits, \"-\" and \"_\"", (int)len, word);
		put_token(s, here(in), word, len);
		return;
	}
	kind = token_literal(word, len);
	if (kind == LITERAL_NONE)
		syntax_error(x, here(in), "%.*s without quotes: write \"%.*s\"", (int)len, word, (int)len, word);
	syntax_value(x, here(in), TOKEN_LITERAL, kind);
	put_word(s, in, word, len);
}

static void take_bracket(struct scanner *s, struct input *in, unsigned int floor)
{
	char c = *in->p;

	if (strchr("([{", c)) {
		syntax_open(&s->syntax, here(in), c);
		put_token(s, here(in), c == '(' ? "(" : c == '[' ? "[" : "{", 1);
	} else {
		syntax_close(&s->syntax, here(in), c, floor);
		s->comma = false;
		text_put(s->out, &c, 1);
	}
	in->p++;
}

static void take_mark(struct scanner *s, struct input *in)
{
	char c = *in->p++;

	if (c == ',') {
		syntax_comma(&s->syntax, here(in));
		s->comma = true;
		return;
	}
	if (c == ';')
		syntax_semicolon(&s->syntax, here(in));
	else if (c == '=' || c == ':')
		syntax_assign(&s->syntax, here(in), s->name, s->name_len);
	else if ((unsigned char)c < ' ' || c == 0x7f)
		syntax_error(&s->syntax, here(in), "a control character: remove it");
	else
		syntax_error(&s->syntax, here(in), "\"%c\" has no meaning here: remove it, or put the value into quotes", c);
	if (s->comma)
		text_put(s->out, ",", 1);
	s->comma = false;
	text_put(s->out, &c, 1);
}

static void scan(struct scanner *s, struct input *in)
{
	unsigned int floor = s->syntax.n_brackets;

	while (!s->syntax.over && skip_blank(s, in)) {
		char c = *in->p;

		if (c == '"')
			take_string(s, in);
		else if (word_byte(c))
			take_word(s, in, floor);
		else if (c && strchr("([{)]}", c))
			take_bracket(s, in, floor);
		else
			take_mark(s, in);
	}
	if (!s->syntax.over)
		syntax_end(&s->syntax, here(in), floor);
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

/* False where it is not read, which is said. */
static bool scan_file(struct scanner *s, struct spot from, const char *path, const struct input *outer)
{
	struct source_request request = {path, from, SOURCE_CONFIG_MAX, s->c->owner};
	struct source src;
	struct input in = {.outer = outer, .source = &src, .path = path, .line = 1};
	bool ok;

	if (!source_read(s->c->diag, &request, &src))
		return false;
	in.p = src.text;
	in.end = src.text + src.len;
	in.depth = outer ? outer->depth + 1 : 0;
	text_put_file(s->out, path, src.sha256);
	ok = include_ok(s, from, path, &src, outer);
	if (ok)
		scan(s, &in);
	source_free(&src);
	return ok;
}

bool text_load(struct compile *c, struct spot from, const char *path, struct text *ret_text)
{
	struct scanner s = {.c = c, .out = ret_text};
	bool ok;

	*ret_text = (struct text){0};
	syntax_init(&s.syntax, c->diag);
	ok = scan_file(&s, from, path, NULL) && !s.unread && s.syntax.n_errors == 0;
	syntax_fini(&s.syntax);
	if (s.comma)
		text_put(ret_text, ",", 1);
	text_put(ret_text, "\n", 1);
	return ok;
}
