/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the audit process makes of an event: check, format, hand to the writer, and account for every
 * event that was lost on the way, by the sender or here.
 */
#ifndef AUDIT_RECORD_H
#define AUDIT_RECORD_H

#include <stdint.h>

#include "postern/counters.h"

#include "format.h"
#include "line.h"
#include "writer.h"

/* One file of the log. */
struct recorded {
	bool on;
	struct format_words words;
	uint32_t lost; /* not handed over since the last line that was */
	uint64_t lost_from_us, lost_to_us;
};

struct record {
	struct writer *writer;
	uint64_t counters[COUNTER_AUDIT_COUNT];
	struct recorded sinks[SINK_COUNT];
	uint64_t warn_ms; /* not before: say the loss again */
	char line[LINE_BYTES_MAX];
};

/* audit.jsonl is always written. */
void record_init(struct record *r, struct writer *w);
/* Other formats and their files, as @im says. */
void record_configure(struct record *r, const struct image *im);

/* -EPROTO where the event is not valid: the sender is broken, stop. A lost event is no error. */
POSTERN_MUST_CHECK int record_event(struct record *r, enum role from, const struct msg_event *m);
/* Tries to put waiting lines of loss in; to be called now and then while record_waits(). */
void record_settle(struct record *r);
bool record_waits(const struct record *r);
/* Counters for MSG_PONG. */
void record_counters(struct record *r, uint64_t ret_counters[static COUNTERS_MAX]);

#endif
