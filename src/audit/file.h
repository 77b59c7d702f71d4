/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A log on disk: DIRECTORY/NAME, and NAME.1 (youngest) .. NAME.KEEP. Only the writer
 * thread calls this: every function may take as long as the disk likes.
 */
#ifndef AUDIT_FILE_H
#define AUDIT_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/compiler.h"

#define LOG_NAME_MAX 32
#define LOG_PATH_MAX 512
#define LOG_KEEP_MAX 1000

struct log_settings {
	char name[LOG_NAME_MAX];      /* of the file */
	char directory[LOG_PATH_MAX]; /* "": standard error, never rotated */
	uint64_t rotate_bytes;	      /* 0: never */
	uint32_t keep;
};

struct log_file {
	int fd; /* -1: not open */
	uint64_t size;
	bool torn; /* the file ends inside a line */
	uint64_t rotations;
	struct log_settings settings;
};

void log_file_init(struct log_file *f);
/* Closes; the next write opens anew (MSG_REOPEN, other settings). */
void log_file_close(struct log_file *f);
/*
 * Writes whole lines, opening and rotating as needed. Returns the bytes taken, always whole lines, at least
 * one; or -errno, and then no part of a line stays in the file.
 */
POSTERN_MUST_CHECK int log_file_write(struct log_file *f, const char *lines, size_t len);

#endif
