/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who answers for a name that is permitted. */
#ifndef POSTERN_CLI_SPLIT_H
#define POSTERN_CLI_SPLIT_H

#include "postern/image.h"

#define SPLIT_TEXT_MAX (DNS_NAME_TEXT_MAX + 8)

/* "local records" or "zone NAME" in @text; NULL: the upstreams of no zone. */
const char *split_text(const struct image *im, const struct dns_name *name, char text[static SPLIT_TEXT_MAX]);

#endif
