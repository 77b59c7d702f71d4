/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Managed trust anchors (RFC 5011) in a compile: where their state is kept, and what it was. The anchors of the file
 * `trust_anchors` are in the image whatever stands there, so that a state that cannot be believed takes nothing away
 * but what was learnt: a warning, and the file is named.
 */
#include <string.h>

#include "anchor_state.h"
#include "anchors.h"

static void load(struct compile *c, const char *directory, struct image_settings *s)
{
	static const uint8_t found[] = {[ANCHOR_FILE_NONE] = IMAGE_ANCHORS_NONE, [ANCHOR_FILE_GOOD] = IMAGE_ANCHORS_GOOD,
		[ANCHOR_FILE_BAD] = IMAGE_ANCHORS_BAD};
	struct anchors a;
	const char *why = "";
	enum anchor_file f = anchor_file_load(directory, &a, &why);

	s->anchor_file = found[f];
	if (f == ANCHOR_FILE_GOOD)
		image_build_anchor_state(c->builder, &a);
	else if (f == ANCHOR_FILE_BAD)
		diag_warning(c->diag, (struct spot){directory, 0}, "the state of trust anchors in the file " ANCHOR_FILE " there cannot be "
			"believed (%s): validation goes on with those of trust_anchors; find out who changed it, postern keeps it as "
			ANCHOR_FILE ".bad", why);
}

void config_anchor_state(struct compile *c, const struct node *root, struct image_settings *s)
{
	const struct node *n = node_member(root, "trust_anchor_directory", NODE_STRING);
	const char *path = n ? node_string(n) : ANCHOR_DIRECTORY;

	if (path[0] && path[0] != '/')
		diag_error(c->diag, node_spot(n), "trust_anchor_directory \"%s\" is no absolute path: begin it with \"/\", or write \"\" to "
			"keep no state", path);
	else if (strlen(path) >= ANCHOR_DIRECTORY_MAX)
		diag_error(c->diag, node_spot(n), "trust_anchor_directory is longer than %d bytes: choose a shorter path",
			ANCHOR_DIRECTORY_MAX - 1);
	else if (s->dnssec && s->anchors_managed && path[0])
		load(c, path, s);
	s->anchor_directory = image_build_string(c->builder, path);
}
