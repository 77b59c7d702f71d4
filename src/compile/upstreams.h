/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Upstreams in postern.conf, of all names or of a zone: addresses, and groups for DNS over TLS. */
#ifndef POSTERN_COMPILE_UPSTREAMS_H
#define POSTERN_COMPILE_UPSTREAMS_H

#include "compile.h"
#include "postern/forward.h"
#include "tree.h"

struct upstream_list {
	struct image_upstream all[ZONE_UPSTREAMS_MAX];
	size_t n;
};

/* One, or a list of them; those with errors, which are reported, are in the list as well. */
void config_upstreams(struct compile *c, const struct node *n, struct upstream_list *ret_list);

#endif
