/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where in a name somebody's own part begins.
 */
#ifndef POSTERN_DETECT_ZONE_H
#define POSTERN_DETECT_ZONE_H

#include <stdint.h>

#include "postern/name.h"

/* A name cut into labels; @n of them, the leftmost first. */
struct zone_labels {
	const struct dns_name *name;
	unsigned int n;
	uint8_t at[DNS_LABELS_MAX];
};

void zone_cut(const struct dns_name *name, struct zone_labels *ret_labels);
/* Labels of the registrable domain of the name: 2, or 3 below a suffix such as co.uk; at most as many as it has. */
unsigned int zone_registrable(const struct zone_labels *l) POSTERN_PURE;
/* The label that is the leftmost of a suffix of @labels labels (1 to l->n). */
const uint8_t *zone_label(const struct zone_labels *l, unsigned int labels, size_t *ret_len);

#endif
