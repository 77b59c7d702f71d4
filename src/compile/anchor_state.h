/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The file in which the state of managed trust anchors outlives a restart (RFC 5011): its text, and its place on disk.
 *
 *	postern-anchors 1
 *	zone . 1764547200
 *	key 20326 8 2 e06d... valid configured 1764547200 0
 *	sha256 4b1c...
 *
 * One zone a line with the time of its last good look, behind it its keys: tag, algorithm, digest type, digest, state, origin, since,
 * until (seconds since 1970). The last line is the digest of all lines before it, so that half a file, and one that was edited, is
 * told from a whole one.
 */
#ifndef POSTERN_COMPILE_ANCHOR_STATE_H
#define POSTERN_COMPILE_ANCHOR_STATE_H

#include <stddef.h>

#include "postern/anchor.h"
#include "postern/compiler.h"

#define ANCHOR_DIRECTORY "/var/lib/postern" /* unless postern.conf says another */
#define ANCHOR_FILE "anchors"
#define ANCHOR_TEXT_MAX 16384

/* Any bytes as such a file. NULL and the table, or what is wrong with it. */
const char *anchor_state_read(const char *text, size_t len, struct anchors *ret_anchors);
/* The file of a valid table; its length. */
size_t anchor_state_write(const struct anchors *a, char text[static ANCHOR_TEXT_MAX]);

enum anchor_file { ANCHOR_FILE_NONE, ANCHOR_FILE_GOOD, ANCHOR_FILE_BAD };

/*
 * Reads DIRECTORY/anchors. NONE: there is no such file. BAD, and *ret_why: it cannot be read, or is none, or could be
 * written by others than who owns the folder.
 */
enum anchor_file anchor_file_load(const char *directory, struct anchors *ret_anchors, const char **ret_why);
/*
 * Puts a whole new file in its place, on the disk when it returns. One that is BAD is kept as anchors.bad. 0 or -errno.
 */
POSTERN_MUST_CHECK int anchor_file_store(const char *directory, const struct anchors *a);

#endif
