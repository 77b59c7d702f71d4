/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A hosts file as local records, hosts(5): an address and names on a line, "#" starts a comment.
 *
 * Such files hold lines about the machine itself (loopback, link-local, multicast): they are passed over, as a sandbox must
 * not be led there by a name. Everything else that cannot be read is an error.
 */
#include <stdlib.h>
#include <string.h>

#include "forward.h"
#include "policy.h"
#include "postern/forward.h"
#include "source.h"

#define HOSTS_MAX (8u << 20) /* bytes */

struct hosts_reader {
	struct compile *c;
	struct local_records *l;
	struct spot at;
	struct build_record record;
	bool passed_over; /* the line's address */
};

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\f';
}

/* The next word of [*p, end), or NULL. */
static const char *word(const char **p, const char *end, size_t *ret_len)
{
	const char *start;

	while (*p < end && blank(**p))
		(*p)++;
	start = *p;
	while (*p < end && !blank(**p))
		(*p)++;
	*ret_len = (size_t)(*p - start);
	return *ret_len ? start : NULL;
}

static void take_address(struct hosts_reader *r, const char *text, size_t len)
{
	char copy[ADDR_TEXT_MAX];
	struct prefix p = {0};

	r->passed_over = true;
	if (len < sizeof(copy)) {
		memcpy(copy, text, len);
		copy[len] = '\0';
	}
	if (len >= sizeof(copy) || addr_parse(copy, &p.addr) < 0) {
		/* fe80::1%lo0 is one of the machine itself */
		if (!memchr(text, '%', len))
			diag_error(r->c->diag, r->at, "\"%.*s\" is no address: write one before the names, or \"#\" before the line",
				(int)(len < 100 ? len : 100), text);
		return;
	}
	p.len = addr_bits(&p.addr);
	if (addr_is_never(&p.addr))
		diag_warning(r->c->diag, r->at, "\"%s\" is a metadata service, which is always denied: the line is passed over", copy);
	r->passed_over = forward_refused(&p) != NULL;
	r->record.addr = p.addr;
}

static bool in_records(const struct hosts_reader *r, const struct dns_name *name)
{
	for (size_t i = 0; i < r->l->n; i++)
		if (dns_name_equal(&r->l->all[i].name, name))
			return true;
	return false;
}

static void take_name(struct hosts_reader *r, const char *text, size_t len)
{
	char complaint[COMPLAINT_MAX];
	struct dns_name localhost;
	struct pattern p;

	if (!pattern_parse(text, len, &p, complaint)) {
		diag_error(r->c->diag, r->at, "%s", complaint);
		return;
	}
	if (p.any || p.wildcard) {
		diag_error(r->c->diag, r->at, "\"%.*s\": a hosts file has no \"*\": write whole names", (int)len, text);
		return;
	}
	if ((dns_name_from_text("localhost", &localhost) == 0 && dns_name_within(&p.name, &localhost)) || in_records(r, &p.name))
		return;
	r->record.name = &p.name;
	if (r->l->n_built++ == LOCAL_RECORDS_MAX)
		diag_error(r->c->diag, r->at, "more than %d local records: remove some", LOCAL_RECORDS_MAX);
	else if (!r->c->diag->n_errors)
		image_build_record(r->c->builder, &r->record);
}

static void read_line(struct hosts_reader *r, const char *line, size_t len)
{
	const char *comment = memchr(line, '#', len), *p = line, *end = comment ? comment : line + len, *name;
	size_t n;

	name = word(&p, end, &n);
	if (!name)
		return;
	take_address(r, name, n);
	name = word(&p, end, &n);
	if (!name && !r->passed_over)
		diag_error(r->c->diag, r->at, "an address without a name: write names behind it, or \"#\" before the line");
	for (; name && !r->passed_over; name = word(&p, end, &n))
		take_name(r, name, n);
}

void hosts_file(struct compile *c, struct spot from, const char *path, struct local_records *l)
{
	struct hosts_reader r = {.c = c, .l = l, .record.ttl_s = LOCAL_TTL_S};
	struct source s;

	if (!source_read(c->diag, &(struct source_request){path, from, HOSTS_MAX, c->owner}, &s))
		return;
	image_build_file(c->builder, path, s.sha256, IMAGE_NONE);
	r.at.file = path;
	for (const char *p = s.text, *end = s.text + s.len; p < end && l->n_built <= LOCAL_RECORDS_MAX;) {
		const char *newline = memchr(p, '\n', (size_t)(end - p));

		r.at.line++;
		read_line(&r, p, (size_t)((newline ? newline : end) - p));
		p = newline ? newline + 1 : end;
	}
	source_free(&s);
}

void config_hosts(struct compile *c, const struct node *n, struct local_records *l)
{
	if (node_string(n)[0])
		hosts_file(c, node_spot(n), compile_path(c, node_spot(n).file, node_string(n)), l);
	else
		diag_error(c->diag, node_spot(n), "hosts_file is empty: write a path, or remove it");
}
