/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Text lists: one name a line, `#` comments, white space around names ignored, CRLF accepted (the format
 * that Route 53 Resolver DNS Firewall imports). A million lines go through here, so a plain line costs one pass
 * and one insertion, and the insertions wait for each other's memory: some names are read ahead of those that are put in.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "compile.h"
#include "pattern.h"
#include "source.h"

#define AHEAD 32

/* A name that was read and is not in the table yet. */
struct list_entry {
	struct pattern pattern;
	uint64_t hash;
	struct spot at;
	const char *text;
	size_t len;
};

struct list_reader {
	struct compile *c;
	struct spot at;
	uint32_t list;
	uint64_t n_names;
	size_t n_ahead;
	struct list_entry ahead[AHEAD];
};

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\f';
}

/* The name on a line: without its comment and the white space around. */
static size_t trim(const char **line, size_t len)
{
	const char *comment = memchr(*line, '#', len);

	if (comment)
		len = (size_t)(comment - *line);
	while (len && blank((*line)[len - 1]))
		len--;
	while (len && blank(**line)) {
		(*line)++;
		len--;
	}
	return len;
}

static void put_in(struct list_reader *r)
{
	for (size_t i = 0; i < r->n_ahead; i++) {
		const struct list_entry *e = &r->ahead[i];
		int rc = e->pattern.any ? image_build_domain_any(r->c->builder, r->list) :
			image_build_foreseen(r->c->builder, r->list, &e->pattern.name, e->pattern.wildcard, e->hash);

		if (rc == -EEXIST)
			diag_warning(r->c->diag, e->at, "\"%.*s\" stands in this list twice: remove one", (int)e->len, e->text);
	}
	r->n_ahead = 0;
}

static void add_line(struct list_reader *r, const char *line, size_t len)
{
	struct list_entry *e = &r->ahead[r->n_ahead];
	char complaint[COMPLAINT_MAX];
	const char *risk;

	len = trim(&line, len);
	if (len == 0)
		return;
	r->n_names++;
	if (!pattern_parse(line, len, &e->pattern, complaint)) {
		put_in(r); /* what there is to say of earlier lines is said first */
		diag_error(r->c->diag, r->at, "%s", complaint);
		return;
	}
	risk = pattern_risk(&e->pattern);
	if (risk) {
		put_in(r);
		diag_warning(r->c->diag, r->at, "\"%.*s\": %s", (int)len, line, risk);
		r->ahead[0].pattern = e->pattern;
		e = &r->ahead[0];
	}
	e->hash = image_build_foresee(r->c->builder, &e->pattern.name);
	e->at = r->at;
	e->text = line;
	e->len = len;
	if (++r->n_ahead == AHEAD)
		put_in(r);
}

/* A name a line, if there is neither comment nor empty line. */
static void expect_lines(struct list_reader *r, const struct source *s)
{
	uint64_t n = 1;

	for (const char *p = s->text; (p = memchr(p, '\n', (size_t)(s->text + s->len - p))) != NULL; p++)
		n++;
	image_build_expect(r->c->builder, n, s->len);
}

static void read_lines(struct list_reader *r, const struct source *s)
{
	const char *p = s->text, *end = s->text + s->len;

	expect_lines(r, s);
	while (p < end) {
		const char *newline = memchr(p, '\n', (size_t)(end - p));
		const char *next = newline ? newline + 1 : end;

		r->at.line++;
		add_line(r, p, (size_t)((newline ? newline : end) - p));
		p = next;
	}
	put_in(r);
	if (end[-1] != '\n')
		diag_warning(r->c->diag, r->at, "the last line has no newline, the file may have been cut: complete it");
	if (r->n_names == 0)
		diag_error(r->c->diag, (struct spot){r->at.file, 0}, "no name in this list: write one, or remove the list");
}

uint32_t compile_list_file(struct compile *c, struct spot from, const char *path, uint32_t policy)
{
	struct list_reader r = {.c = c, .at = {path, 0}};
	struct source_request request = {path, from, SOURCE_LIST_MAX, c->owner};
	struct source s;

	if (!source_read(c->diag, &request, &s))
		return IMAGE_NONE;
	image_build_file(c->builder, path, s.sha256, policy); /* once for each policy: it is a part of all of them */
	for (size_t i = 0; i < c->n_list_files; i++) {
		if (c->list_files[i].device == s.device && c->list_files[i].inode == s.inode) {
			source_free(&s);
			return c->list_files[i].list;
		}
	}
	r.list = image_build_list(c->builder);
	c->list_files = compile_grow(c->list_files, c->n_list_files, sizeof(*c->list_files));
	c->list_files[c->n_list_files++] = (struct list_file){s.device, s.inode, r.list};
	read_lines(&r, &s);
	source_free(&s);
	return r.list;
}
