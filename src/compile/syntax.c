/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Errors of a file, one a statement: see the header. */
#include "syntax.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "compile.h"

void syntax_init(struct syntax *s, struct diagnostics *diag)
{
	*s = (struct syntax){.diag = diag};
}

static void forget_names(struct syntax *s, size_t from)
{
	while (s->n_names > from)
		free(s->names[--s->n_names]);
}

void syntax_fini(struct syntax *s)
{
	forget_names(s, 0);
	free(s->names);
}

/* ---- what is said ---- */

static void say(struct syntax *s, struct spot at, const char *fmt, va_list args) POSTERN_PRINTF(3, 0);

static void say(struct syntax *s, struct spot at, const char *fmt, va_list args)
{
	char text[DIAG_TEXT_MAX];

	vsnprintf(text, sizeof(text), fmt, args);
	diag_error(s->diag, at, "%s", text);
	if (++s->n_errors < SYNTAX_ERRORS_MAX)
		return;
	diag_error(s->diag, at, "%d errors up to here: correct them, what is behind was not read", SYNTAX_ERRORS_MAX);
	s->over = true;
}

void syntax_error(struct syntax *s, struct spot at, const char *fmt, ...)
{
	va_list args;

	if (s->quiet || s->over)
		return;
	va_start(args, fmt);
	say(s, at, fmt, args);
	va_end(args);
	s->quiet = true;
	s->quiet_level = s->n_brackets;
}

void syntax_slip(struct syntax *s, struct spot at, const char *fmt, ...)
{
	va_list args;

	if (s->quiet || s->over)
		return;
	va_start(args, fmt);
	say(s, at, fmt, args);
	va_end(args);
}

/* ---- where we are ---- */

static struct bracket *top(struct syntax *s)
{
	return &s->brackets[s->n_brackets];
}

char syntax_bracket(const struct syntax *s)
{
	return s->brackets[s->n_brackets].open;
}

static bool in_list(const struct syntax *s)
{
	return syntax_bracket(s) == '(' || syntax_bracket(s) == '[';
}

static char closing(char open)
{
	return open == '(' ? ')' : open == '[' ? ']' : '}';
}

static void pop(struct syntax *s)
{
	forget_names(s, top(s)->first_name);
	s->n_brackets--;
}

static void now_at(struct syntax *s, struct spot at, enum token now)
{
	s->last = now;
	s->last_at = at;
}

/* What of two neighbours does not fit, when it is plain what was meant: a comma or an "=" between them. */
static bool plain(enum token last, enum token now, char bracket)
{
	if (last == TOKEN_NAME)
		return now == TOKEN_OPEN || now == TOKEN_STRING;
	return bracket && bracket != '{' && last != TOKEN_NONE && last != TOKEN_COMMA &&
		(now == TOKEN_STRING || now == TOKEN_LITERAL || (now == TOKEN_OPEN && bracket == '('));
}

static void step(struct syntax *s, struct spot at, enum token now)
{
	bool before;
	const char *mistake = token_mistake(s->last, now, syntax_bracket(s), &before);

	if (mistake && plain(s->last, now, syntax_bracket(s)))
		syntax_slip(s, before ? s->last_at : at, "%s", mistake);
	else if (mistake)
		syntax_error(s, before ? s->last_at : at, "%s", mistake);
	now_at(s, at, now);
}

/* ---- tokens ---- */

void syntax_value(struct syntax *s, struct spot at, enum token now, enum literal kind)
{
	struct bracket *b = top(s);

	step(s, at, now);
	if (b->open != '[' || s->quiet)
		return;
	if (b->kind == LITERAL_NONE)
		b->kind = kind;
	else if (b->kind != kind)
		syntax_error(s, at, "values of different kinds in [ ]: use one kind, or ( ) for groups");
}

void syntax_name(struct syntax *s, struct spot at)
{
	step(s, at, TOKEN_NAME);
}

static bool known(const struct syntax *s, const char *name, size_t len)
{
	for (size_t i = s->brackets[s->n_brackets].first_name; i < s->n_names; i++)
		if (strncmp(s->names[i], name, len) == 0 && !s->names[i][len])
			return true;
	return false;
}

/* In a group whose brackets were guessed, a name may stand twice because it belongs elsewhere. */
static void remember_name(struct syntax *s, struct spot at, const char *name, size_t len)
{
	if (s->quiet || s->lost)
		return;
	if (known(s, name, len)) {
		syntax_slip(s, at, "a setting of this name stands here twice: remove one");
		return;
	}
	if (s->n_names - top(s)->first_name >= SYNTAX_MEMBERS_MAX) {
		syntax_error(s, at, "more than %d settings in one group: put names into one list", SYNTAX_MEMBERS_MAX);
		s->over = true;
		return;
	}
	s->names = compile_grow(s->names, s->n_names, sizeof(*s->names));
	s->names[s->n_names] = strndup(name, len);
	ASSERT(s->names[s->n_names]);
	s->n_names++;
}

void syntax_assign(struct syntax *s, struct spot at, const char *name, size_t len)
{
	bool named = s->last == TOKEN_NAME;

	step(s, at, TOKEN_ASSIGN);
	if (named)
		remember_name(s, at, name, len);
}

void syntax_open(struct syntax *s, struct spot at, char open)
{
	if (s->n_brackets == SYNTAX_NESTING_MAX) {
		syntax_slip(s, at, "more than %d brackets inside each other: close some", SYNTAX_NESTING_MAX);
		s->over = true;
		return;
	}
	step(s, at, TOKEN_OPEN);
	s->brackets[++s->n_brackets] = (struct bracket){.open = open, .at = at, .first_name = s->n_names};
	now_at(s, at, TOKEN_NONE);
}

/* A bracket that does not fit the innermost: what is missing is guessed to be the brackets within the next that it fits. */
static void close_other(struct syntax *s, char open, unsigned int floor)
{
	unsigned int level = s->n_brackets;

	while (level > floor && s->brackets[level].open != open)
		level--;
	if (level == floor)
		level = s->n_brackets; /* none: a slip of the finger */
	while (s->n_brackets >= level)
		pop(s);
	s->lost = s->quiet = true;
	s->quiet_level = s->n_brackets;
}

void syntax_close(struct syntax *s, struct spot at, char close, unsigned int floor)
{
	char open = close == ')' ? '(' : close == ']' ? '[' : '{';
	const struct bracket *b = top(s);

	if (s->n_brackets == floor) {
		if (!s->lost)
			syntax_error(s, at, "\"%c\" closes nothing: remove it, or write the \"%c\" it belongs to", close, open);
		return;
	}
	if (b->open != open) {
		syntax_error(s, at, "\"%c\" does not close the \"%c\" of line %u: write the right bracket", close, b->open, b->at.line);
		close_other(s, open, floor);
	} else {
		step(s, at, TOKEN_CLOSE);
		pop(s);
		if (s->quiet && s->n_brackets < s->quiet_level)
			s->quiet = false;
	}
	now_at(s, at, TOKEN_CLOSE);
}

static bool nothing_before(const struct syntax *s)
{
	return s->last == TOKEN_COMMA || s->last == TOKEN_SEMICOLON || (s->last == TOKEN_NONE && in_list(s));
}

void syntax_comma(struct syntax *s, struct spot at)
{
	if (s->quiet && in_list(s) && s->n_brackets == s->quiet_level)
		s->quiet = false;
	else if (s->last == TOKEN_COMMA)
		syntax_slip(s, at, "two commas in a row: remove one");
	else if (nothing_before(s))
		syntax_slip(s, at, "a comma with nothing before it: remove it");
	else
		step(s, at, TOKEN_COMMA);
	now_at(s, at, TOKEN_COMMA);
}

void syntax_semicolon(struct syntax *s, struct spot at)
{
	if (!in_list(s) && nothing_before(s))
		syntax_slip(s, at, "a semicolon with nothing before it: remove it");
	else
		step(s, at, TOKEN_SEMICOLON);
	if (s->quiet && !in_list(s) && s->n_brackets == s->quiet_level)
		s->quiet = false;
	now_at(s, at, TOKEN_SEMICOLON);
}

void syntax_setting(struct syntax *s, struct spot at, const char *name, size_t len, unsigned int floor)
{
	const struct bracket *b = top(s);

	if (s->last == TOKEN_ASSIGN)
		syntax_error(s, s->last_at, "a setting without a value: write one behind the \"=\"");
	else if (in_list(s) && s->last == TOKEN_NONE)
		syntax_error(s, at, "a setting in a list: write { } around the settings of an entry");
	else if (in_list(s))
		syntax_error(s, b->at, "\"%c\" is not closed before \"%.*s\" in line %u: write \"%c\"", b->open, (int)len, name, at.line,
			closing(b->open));
	while (in_list(s) && s->n_brackets > floor) {
		pop(s);
		s->lost = true;
	}
	if (!s->quiet || in_list(s)) /* a file that is included into a list */
		return;
	s->quiet = false;
	s->last = TOKEN_SEMICOLON;
}

void syntax_end(struct syntax *s, struct spot at, unsigned int floor)
{
	bool silent = s->quiet || s->lost, complete = s->n_brackets == floor;

	for (; s->n_brackets > floor; pop(s))
		if (!silent)
			syntax_slip(s, top(s)->at, "\"%c\" is never closed: the file ends before: complete it", syntax_bracket(s));
	if (complete)
		step(s, at, TOKEN_NONE);
	s->quiet = s->lost = false;
	now_at(s, at, TOKEN_NONE);
}
