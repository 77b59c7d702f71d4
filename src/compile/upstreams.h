/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `upstreams` of postern.conf: addresses, and groups for DNS over TLS. */
#ifndef POSTERN_COMPILE_UPSTREAMS_H
#define POSTERN_COMPILE_UPSTREAMS_H

#include "compile.h"
#include "tree.h"

/* One in clear text, a string; false after an error. */
bool config_upstream(struct compile *c, const struct node *n, struct image_upstream *ret_upstream);
/* The whole section. */
void config_upstreams(struct compile *c, const struct node *n);

#endif
