/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reads the audit log from its oldest file to its youngest, and on, across rotation.
 */
#ifndef CLI_LOG_READER_H
#define CLI_LOG_READER_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "postern/compiler.h"

struct log_reader {
	int dir;
	FILE *file; /* NULL: between files */
	ino_t inode;
	dev_t device;
	char *line;
	size_t cap;
	size_t partial; /* bytes of a line whose end is not written yet */
	uint64_t n_broken; /* lines that were no event */
};

/* Opens the log's directory. @since_s: files last written before (seconds since 1970) are passed over. 0 or -errno. */
POSTERN_MUST_CHECK int log_reader_open(struct log_reader *r, const char *directory, int64_t since_s);
void log_reader_close(struct log_reader *r);
/*
 * The next event (json_decref() it). 1, 0 at the end of what is there now, or -errno; -ESTALE where files were rotated
 * away before they were read: call again to go on with the oldest there is.
 */
POSTERN_MUST_CHECK int log_reader_next(struct log_reader *r, json_t **ret_event);

#endif
