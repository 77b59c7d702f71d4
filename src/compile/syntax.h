/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where in the configuration language a scanner is, what is wrong there, and where it can be read on: all errors of a file come
 * out in one run, and none that only follows from another.
 *
 * After an error the rest of its statement is read in silence ("quiet"): to the semicolon of a setting, the comma of
 * a list's entry, the bracket that closes around it, or a line that begins with NAME =. Where what was meant is plain, as with a
 * forgotten comma, nothing is passed over. Once brackets had to be guessed ("lost"), none is called missing any more.
 */
#ifndef POSTERN_COMPILE_SYNTAX_H
#define POSTERN_COMPILE_SYNTAX_H

#include "diag.h"
#include "token.h"

#define SYNTAX_ERRORS_MAX 20	/* of one text; then it is not read any further */
#define SYNTAX_NESTING_MAX 32	/* open brackets */
#define SYNTAX_MEMBERS_MAX 4096 /* of one group: each is compared with all, here and in libconfig */

struct bracket {
	char open; /* 0: outside of every bracket */
	enum literal kind; /* of the values in [ ], from the first on */
	struct spot at;
	size_t first_name; /* of names[]: those of this group, up to the next one's */
};

struct syntax {
	struct diagnostics *diag;
	enum token last;
	struct spot last_at;
	bool quiet, lost, over; /* over: too much, nothing more is read */
	unsigned int n_errors;
	unsigned int quiet_level; /* brackets that were open at the error */
	unsigned int n_brackets;
	struct bracket brackets[SYNTAX_NESTING_MAX + 1]; /* the first is the file */
	char **names;
	size_t n_names;
};

void syntax_init(struct syntax *s, struct diagnostics *diag);
void syntax_fini(struct syntax *s);
/* Says what is wrong, unless quiet, and is quiet from then on. */
void syntax_error(struct syntax *s, struct spot at, const char *fmt, ...) POSTERN_PRINTF(3, 4);
/* The same for what does not spoil the rest of its statement. */
void syntax_slip(struct syntax *s, struct spot at, const char *fmt, ...) POSTERN_PRINTF(3, 4);
/* The innermost open bracket, 0 for none. */
char syntax_bracket(const struct syntax *s);

/* One token each, in the order of the file; @kind of a literal or string; @name of the setting before an "=". */
void syntax_value(struct syntax *s, struct spot at, enum token now, enum literal kind);
void syntax_name(struct syntax *s, struct spot at);
void syntax_assign(struct syntax *s, struct spot at, const char *name, size_t len);
void syntax_open(struct syntax *s, struct spot at, char open);
/* @floor: brackets that belong to the file that includes this one. */
void syntax_close(struct syntax *s, struct spot at, char close, unsigned int floor);
void syntax_comma(struct syntax *s, struct spot at);
void syntax_semicolon(struct syntax *s, struct spot at);
/* At NAME =, first of its line or behind a separator: whatever was unfinished before is over. */
void syntax_setting(struct syntax *s, struct spot at, const char *name, size_t len, unsigned int floor);
/* The end of a file. */
void syntax_end(struct syntax *s, struct spot at, unsigned int floor);

#endif
