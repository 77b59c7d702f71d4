/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The writer thread: a disk may stall for minutes, the senders must not. The main thread hands over
 * lines through a bounded ring a file and never waits for the disk; when a ring is full it is told so, and counts.
 */
#ifndef AUDIT_WRITER_H
#define AUDIT_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "file.h"
#include "postern/image.h"

#define WRITER_RING_BYTES (1u << 20) /* about 2000 events wait for a stalled disk */

/* The files: the log itself, and one for each other format. */
enum sink {
	SINK_JSON,
	SINK_FORMATS, /* SINK_FORMATS + enum audit_format */
	SINK_COUNT = SINK_FORMATS + AUDIT_FORMAT_COUNT
};

struct writer;

/* What has become of a file's lines so far. */
struct writer_state {
	uint64_t lines;	    /* written */
	uint64_t rotations;
	int error;	    /* -errno of the last attempt, 0: it worked */
};

/*
 * Starts the thread, which enters the audit role's system call filter before anything else.
 * There is one per process. 0 or -errno.
 */
POSTERN_MUST_CHECK int writer_start(struct writer **ret_writer);
/* Where to write; until the first call lines of that file wait. */
void writer_configure(struct writer *w, enum sink s, const struct log_settings *settings);
/* Opens all files anew. */
void writer_reopen(struct writer *w);
/* Never waits for the disk; false: no room. */
bool writer_push(struct writer *w, enum sink s, const char *line, size_t len);
void writer_state(struct writer *w, enum sink s, struct writer_state *ret_state);
/* Lets the thread write what waits, for at most @timeout_ms. True when all of it is on disk. */
bool writer_finish(struct writer *w, unsigned int timeout_ms);

#endif
