/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Between the parts that read postern.conf: config.c, sandboxes.c, outputs.c.
 */
#ifndef POSTERN_COMPILE_SANDBOXES_H
#define POSTERN_COMPILE_SANDBOXES_H

#include "tree.h"

#define AUDIT_DIRECTORY "/var/log/postern" /* unless postern.conf says another */

/* The section `sandboxes`; the policies have been read. */
void config_sandboxes(struct compile *c, const struct node *list);

/*
 * The list `audit.outputs`; @directory is that of the audit log, "" for standard error.
 */
void config_outputs(struct compile *c, const struct node *list, const char *directory, struct image_settings *s);

#endif
