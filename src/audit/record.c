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

/* The names of the files. */
static const char *const names[] = {
	[SINK_JSON] = "audit.jsonl", [SINK_FORMATS + AUDIT_ROUTE53] = "route53.jsonl",
	[SINK_FORMATS + AUDIT_VPC_FLOW] = "vpc-flow.log", [SINK_FORMATS + AUDIT_OCSF] = "ocsf.jsonl",
};
static_assert(ARRAY_LEN(names) == SINK_COUNT, "a name for every file");

static enum audit_format format_of(unsigned int sink)
{
	return (enum audit_format)(sink - SINK_FORMATS);
}

void record_init(struct record *r, struct writer *w)
{
	memset(r, 0, sizeof(*r));
	r->writer = w;
	r->sinks[SINK_JSON].on = true;
}

static void configure_file(struct record *r, const struct image *im, enum sink s, uint32_t directory)
{
	const struct image_settings *settings = image_settings(im);
	struct log_settings l = {.rotate_bytes = settings->audit_rotate_bytes, .keep = settings->audit_keep};

	event_set_text(l.name, sizeof(l.name), names[s]);
	event_set_text(l.directory, sizeof(l.directory), image_string(im, directory));
	writer_configure(r->writer, s, &l);
}

void record_configure(struct record *r, const struct image *im)
{
	const struct image_settings *settings = image_settings(im);

	configure_file(r, im, SINK_JSON, settings->audit_directory);
	for (unsigned int s = SINK_FORMATS; s < SINK_COUNT; s++) {
		const struct image_output *o = &settings->audit_outputs[format_of(s)];
		struct format_words *w = &r->sinks[s].words;

		r->sinks[s].on = o->directory != IMAGE_NONE;
		if (!r->sinks[s].on)
			continue; /* what waits still goes where it belonged */
		event_set_text(w->account_id, sizeof(w->account_id), image_string(im, o->account_id));
		event_set_text(w->region, sizeof(w->region), image_string(im, o->region));
		event_set_text(w->vpc_id, sizeof(w->vpc_id), image_string(im, o->vpc_id));
		event_set_text(w->instance, sizeof(w->instance), image_string(im, o->instance));
		w->n_fields = o->n_fields;
		memcpy(w->fields, o->fields, sizeof(w->fields));
		configure_file(r, im, (enum sink)s, o->directory);
	}
}

/* Formats and hands over; false where there is no room. What a format has no line for is none the poorer. */
static bool put(struct record *r, unsigned int s, const struct event *e, enum role from)
{
	size_t n;

	if (s == SINK_JSON)
		n = line_format(e, from, r->line, sizeof(r->line));
	else if (format_applies(format_of(s), e, from))
		n = format_line(format_of(s), e, &r->sinks[s].words, r->line, sizeof(r->line));
	else
		return true;
	return n && writer_push(r->writer, (enum sink)s, r->line, n);
}

static void count_lost(struct record *r, unsigned int s, const struct event *e)
{
	struct recorded *sink = &r->sinks[s];
	struct writer_state state;

	if (sink->lost == 0)
		sink->lost_from_us = e->wall_us;
	sink->lost_to_us = e->last_wall_us;
	sink->lost++;
	r->counters[s == SINK_JSON ? COUNTER_AUDIT_lost_disk : COUNTER_AUDIT_lost_outputs]++;
	if (clock_now_ms() < r->warn_ms)
		return;
	r->warn_ms = clock_now_ms() + WARN_EVERY_MS;
	writer_state(r->writer, (enum sink)s, &state);
	log_warning("audit log: events lost file=%s count=%u error=\"%s\": enforcement goes on", names[s], sink->lost,
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

static void say_lost(struct record *r, unsigned int s)
{
	struct recorded *sink = &r->sinks[s];
	struct event e = suppressed(sink->lost, sink->lost_from_us, sink->lost_to_us,
		"the audit log could not be written fast enough, or not at all");

	if (!sink->on || put(r, s, &e, ROLE_AUDIT))
		sink->lost = 0;
}

static void settle(struct record *r, unsigned int s)
{
	if (r->sinks[s].lost)
		say_lost(r, s);
}

void record_settle(struct record *r)
{
	for (unsigned int s = 0; s < SINK_COUNT; s++)
		settle(r, s);
}

bool record_waits(const struct record *r)
{
	for (unsigned int s = 0; s < SINK_COUNT; s++)
		if (r->sinks[s].lost)
			return true;
	return false;
}

static void keep(struct record *r, const struct event *e, enum role from)
{
	for (unsigned int s = 0; s < SINK_COUNT; s++) {
		if (!r->sinks[s].on)
			continue;
		settle(r, s);
		if (r->sinks[s].lost || !put(r, s, e, from))
			count_lost(r, s, e);
	}
}

static void sender_lost(struct record *r, enum role from, const struct msg_event *m)
{
	struct event e = suppressed(m->lost, m->event.wall_us, m->event.wall_us, "the channel to the audit process was full");

	r->counters[COUNTER_AUDIT_lost_senders] += m->lost;
	keep(r, &e, from);
}

int record_event(struct record *r, enum role from, const struct msg_event *m)
{
	if (!event_valid(&m->event))
		return -EPROTO;
	if (m->lost)
		sender_lost(r, from, m);
	r->counters[COUNTER_AUDIT_events]++;
	keep(r, &m->event, from);
	return 0;
}

void record_counters(struct record *r, uint64_t ret_counters[static COUNTERS_MAX])
{
	struct writer_state state;

	writer_state(r->writer, SINK_JSON, &state);
	r->counters[COUNTER_AUDIT_written] = state.lines;
	r->counters[COUNTER_AUDIT_rotations] = state.rotations;
	r->counters[COUNTER_AUDIT_outputs] = 0;
	for (unsigned int s = SINK_FORMATS; s < SINK_COUNT; s++) {
		writer_state(r->writer, (enum sink)s, &state);
		r->counters[COUNTER_AUDIT_outputs] += state.lines;
	}
	memset(ret_counters, 0, sizeof(uint64_t) * COUNTERS_MAX);
	memcpy(ret_counters, r->counters, sizeof(r->counters));
}
