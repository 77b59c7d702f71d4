/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One entry of a domain list: "example.com", "*.example.com" or "*", IDNs as A-labels.
 */
#ifndef POSTERN_COMPILE_PATTERN_H
#define POSTERN_COMPILE_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

#include "postern/name.h"

struct pattern {
	struct dns_name name; /* lower case; what stands behind "*." of a wildcard */
	bool wildcard;
	bool any; /* "*" */
};

#define COMPLAINT_MAX 800

/*
 * Reads @len bytes of @text (which a NUL need not follow). False with a complaint, "what is wrong: what to
 * do", where it is no pattern.
 */
bool pattern_parse(const char *text, size_t len, struct pattern *ret_pattern, char ret_complaint[static COMPLAINT_MAX]);
/* Why a wildcard admits strangers' names: "is a public suffix", ... ; NULL where it does not. */
const char *pattern_risk(const struct pattern *p);

#endif
