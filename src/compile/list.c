/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Text lists: one name a line, `#` comments, white space around names ignored, CRLF accepted (the format
 * that Route 53 Resolver DNS Firewall imports). A million lines go through here, so a plain line costs one pass
 * and one insertion.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "compile.h"
#include "pattern.h"
#include "source.h"

struct list_reader {
	struct compile *c;
	struct spot at;
	uint32_t list;
	uint64_t n_names;
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

static void add_line(struct list_reader *r, const char *line, size_t len)
{
	struct pattern p;
	char complaint[COMPLAINT_MAX];
	const char *risk;
	int rc;

	len = trim(&line, len);
	if (len == 0)
		return;
	r->n_names++;
	if (!pattern_parse(line, len, &p, complaint)) {
		diag_error(r->c->diag, r->at, "%s", complaint);
		return;
	}
	risk = pattern_risk(&p);
	if (risk)
		diag_warning(r->c->diag, r->at, "\"%.*s\": %s", (int)len, line, risk);
	rc = p.any ? image_build_domain_any(r->c->builder, r->list) :
		image_build_domain(r->c->builder, r->list, &p.name, p.wildcard);
	if (rc == -EEXIST)
		diag_warning(r->c->diag, r->at, "\"%.*s\" stands in this list twice: remove one", (int)len, line);
}

static void read_lines(struct list_reader *r, const struct source *s)
{
	const char *p = s->text, *end = s->text + s->len;

	while (p < end) {
		const char *newline = memchr(p, '\n', (size_t)(end - p));
		const char *next = newline ? newline + 1 : end;

		r->at.line++;
		add_line(r, p, (size_t)((newline ? newline : end) - p));
		p = next;
	}
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
