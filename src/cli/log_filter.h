/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which events of the log are wanted, and how one is shown on a line. */
#ifndef CLI_LOG_FILTER_H
#define CLI_LOG_FILTER_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "cli.h"
#include "postern/name.h"

#define SINCE_MAX 32

struct log_filter {
	const char *sandbox, *reason, *kind, *action; /* NULL: any */
	bool has_name;
	struct dns_name name;  /* this or below */
	char since[SINCE_MAX]; /* RFC 3339 in UTC, or a prefix of it; "": any */
	int64_t since_s;       /* seconds since 1970; 0 where @since was given as a date */
};

/* -EINVAL, said on standard error, where an option is no word, name or time. */
POSTERN_MUST_CHECK int log_filter_parse(const struct cli *c, struct log_filter *ret_filter);
bool log_filter_matches(const struct log_filter *f, const json_t *event);
/* One line for people, on standard output. */
void log_print(const json_t *event);

#endif
