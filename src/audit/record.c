/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Loss accounting. Two ways to lose: a sender's channel was full (it counts, and tells with its next event),
 * or the writer's ring was (the disk is slow or gone). Both become one "suppressed" line at the place in the log where
 * the events are missing, so that an auditor sees the gap and its size.
 */
#include "record.h"

#include <errno.h>
#include <string.h>

#include "postern/clock.h"
#include "postern/log.h"

#define WARN_EVERY_MS 60000

static bool put(struct record *r, const struct event *e, enum role from)
{
	size_t n = line_format(e, from, r->line, sizeof(r->line));

	return n && writer_push(r->writer, r->line, n);
}

static void count_lost(struct record *r, const struct event *e)
{
	struct writer_state state;

	if (r->lost == 0)
		r->lost_from_us = e->wall_us;
	r->lost_to_us = e->last_wall_us;
	r->lost++;
	r->counters[COUNTER_AUDIT_lost_disk]++;
	if (clock_now_ms() < r->warn_ms)
		return;
	r->warn_ms = clock_now_ms() + WARN_EVERY_MS;
	writer_state(r->writer, &state);
	log_warning("audit log: events lost count=%u error=\"%s\": enforcement goes on", r->lost,
		state.error ? strerror(-state.error) : "the disk is too slow");
}

static struct event suppressed(uint32_t count, uint64_t from_us, uint64_t to_us, const char *why)
{
	struct event e = event_new(EVENT_SUPPRESSED);

	e.reason = REASON_OVERLOAD;
	e.count = count;
	e.wall_us = from_us;
	e.last_wall_us = to_us;
	event_set_text(e.text, sizeof(e.text), why);
	return e;
}

void record_settle(struct record *r)
{
	struct event e;

	if (r->lost == 0)
		return;
	e = suppressed(r->lost, r->lost_from_us, r->lost_to_us,
		"the audit log could not be written fast enough, or not at all");
	if (put(r, &e, ROLE_AUDIT))
		r->lost = 0;
}

static void keep(struct record *r, const struct event *e, enum role from)
{
	record_settle(r);
	if (r->lost || !put(r, e, from))
		count_lost(r, e);
}

int record_event(struct record *r, enum role from, const struct msg_event *m)
{
	if (!event_valid(&m->event))
		return -EPROTO;
	if (m->lost) {
		struct event e = suppressed(m->lost, m->event.wall_us, m->event.wall_us,
			"the channel to the audit process was full");

		r->counters[COUNTER_AUDIT_lost_senders] += m->lost;
		keep(r, &e, from);
	}
	r->counters[COUNTER_AUDIT_events]++;
	keep(r, &m->event, from);
	return 0;
}

void record_counters(struct record *r, uint64_t ret_counters[static COUNTERS_MAX])
{
	struct writer_state state;

	writer_state(r->writer, &state);
	r->counters[COUNTER_AUDIT_written] = state.lines;
	r->counters[COUNTER_AUDIT_rotations] = state.rotations;
	memset(ret_counters, 0, sizeof(uint64_t) * COUNTERS_MAX);
	memcpy(ret_counters, r->counters, sizeof(r->counters));
}
