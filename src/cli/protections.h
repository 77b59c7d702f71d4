/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which rules with a protection a permitted name has to pass.
 */
#ifndef POSTERN_CLI_PROTECTIONS_H
#define POSTERN_CLI_PROTECTIONS_H

#include <jansson.h>

#include "postern/image.h"

struct protections_ask {
	const struct image *im;
	const struct image_policy *policy;
	const struct dns_name *name;
	uint16_t qtype;
	uint32_t rule; /* that permits the name */
};

/* Objects rule, group, action, protection, confidence, file, line; in their order. NULL: there is none. The caller owns it. */
json_t *protections_of(const struct protections_ask *a);
/* A line each for people. */
void protections_print(const json_t *protections);

#endif
