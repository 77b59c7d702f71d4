/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Between the two halves that read postern.conf.
 */
#ifndef POSTERN_COMPILE_SANDBOXES_H
#define POSTERN_COMPILE_SANDBOXES_H

#include "tree.h"

#define AUDIT_DIRECTORY "/var/log/postern" /* unless postern.conf says another */

/* The section `sandboxes`; the policies have been read. */
void config_sandboxes(struct compile *c, const struct node *list);

#endif
