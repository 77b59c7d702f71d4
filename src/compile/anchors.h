/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Trust anchors: a file of DS and DNSKEY records in presentation format (RFC 4034 2.2, 5.3), one on a line. */
#ifndef POSTERN_COMPILE_ANCHORS_H
#define POSTERN_COMPILE_ANCHORS_H

#include "policy.h"

#define ANCHORS_FILE "/usr/share/dns/root.ds" /* of Debian's package dns-root-data */

/* Reads the settings `dnssec` and `trust_anchors` of @root, and the file where answers are to be validated. */
void config_anchors(struct compile *c, const struct node *root, uint8_t *ret_dnssec);
/* The file at @path; named by @from. */
void anchors_file(struct compile *c, struct spot from, const char *path);

/* The setting `trust_anchor_directory`, and the state that is kept there; one that cannot be believed is a warning. */
void config_anchor_state(struct compile *c, const struct node *root, struct image_settings *s);
/* The section `negative_trust_anchors`: RFC 7646. */
void config_negative(struct compile *c, const struct node *root);

#endif
