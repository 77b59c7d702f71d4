/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading a file of the administrator: the whole of it, once, from one descriptor, or a diagnostic.
 */
#ifndef POSTERN_COMPILE_SOURCE_H
#define POSTERN_COMPILE_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "diag.h"

#define SOURCE_CONFIG_MAX (16u << 20) /* bytes of postern.conf, of a policy file or of an include */
#define SOURCE_LIST_MAX (512u << 20)  /* bytes of a text list */

struct source {
	char *text; /* ends with a NUL that is not counted */
	size_t len;
	dev_t device;
	ino_t inode;
	uint8_t sha256[32];
};

struct source_request {
	const char *path;
	struct spot from; /* the line that names it */
	size_t max;	  /* bytes */
	uid_t owner;	  /* who may own it, besides root */
};

/*
 * Refuses what is missing, not a regular file, empty, too large, writable by group or others, owned by somebody
 * else, or holds a NUL or a byte order mark. What does not open is reported at the line that names it, everything
 * else at the file.
 */
bool source_read(struct diagnostics *d, const struct source_request *r, struct source *ret_source);
void source_free(struct source *s);

#endif
