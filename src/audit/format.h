/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An event in a format of others. Each is described in postern-audit(5), with what its publisher says of it.
 */
#ifndef AUDIT_FORMAT_H
#define AUDIT_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/event.h"
#include "postern/image.h"
#include "postern/message.h"

/* What the administrator says of this machine; "" where he does not. */
struct format_words {
	char account_id[IMAGE_OUTPUT_WORD_MAX + 1];
	char region[IMAGE_OUTPUT_WORD_MAX + 1];
	char vpc_id[IMAGE_OUTPUT_WORD_MAX + 1];
	char instance[IMAGE_OUTPUT_WORD_MAX + 1];
	uint8_t n_fields;
	uint8_t fields[IMAGE_FLOW_FIELDS_MAX]; /* enum flow_field */
};

/* Is the event, as seen by process @from, one that the format has a line for? */
bool format_applies(enum audit_format f, const struct event *e, enum role from);

/*
 * The line of an event that it applies to, with its newline and without a NUL; 0 where it does not fit in @cap. In lines of
 * LINE_BYTES_MAX every event fits (tests/unit/test_audit.c).
 */
size_t format_line(enum audit_format f, const struct event *e, const struct format_words *w, char *line, size_t cap);

size_t route53_line(const struct event *e, const struct format_words *w, char *line, size_t cap);
size_t flow_line(const struct event *e, const struct format_words *w, char *line, size_t cap);
size_t ocsf_line(const struct event *e, const struct format_words *w, char *line, size_t cap);

#endif
