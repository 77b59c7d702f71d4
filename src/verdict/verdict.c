/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The verdict loop's core: see the header.
 *
 * A packet is judged at once (judge.c). If it comes from a local socket and either its sandbox
 * depends on the socket's cgroup (which the ruleset tells, as a rule) or it would open a new window of events, it is held while
 * postern-attribute looks for the process, and judged again with the answer; the held packet keeps
 * connect(2) waiting and with it the process alive. Holding is bounded in number, in time, and for each uid, so that one
 * sandbox's scan does not take the attribution from another; what finds no place is decided as it stands.
 */
#include "verdict.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "boxes.h"
#include "fill.h"
#include "judge.h"
#include "pins.h"
#include "postern/packet.h"
#include "windows.h"

#define SHARES 256

/*
 * The rest of a held packet: what its decision and event need. The bytes themselves are not kept. One that was
 * decided at its deadline keeps its place for the answer that is still to come: only its event can gain from it.
 */
struct held {
	uint32_t seq;
	bool decided;
	struct window_key key; /* where it was decided: of its event */
	struct verdict_packet meta;
	struct packet packet;
};

struct verdict {
	struct boxes *boxes;
	struct pins *pins;
	struct windows *windows;
	const struct image *image;
	uint64_t counters[COUNTER_VERDICT_COUNT];
	uint64_t window_end_ms; /* of the window opened last */
	uint32_t seq;
	uint32_t n_held;
	uint8_t shares[SHARES];			  /* held packets by uid, folded */
	uint64_t deadlines_ms[VERDICT_HELD_MAX]; /* UINT64_MAX: the place is free */
	struct held held[VERDICT_HELD_MAX];
};

int verdict_new(struct verdict **ret_verdict)
{
	struct verdict *v = calloc(1, sizeof(*v));
	int rc;

	if (!v)
		return -ENOMEM;
	for (unsigned int i = 0; i < VERDICT_HELD_MAX; i++)
		v->deadlines_ms[i] = UINT64_MAX;
	rc = boxes_new(&v->boxes);
	if (rc == 0)
		rc = pins_new(&v->pins);
	if (rc == 0)
		rc = windows_new(&v->windows);
	if (rc < 0) {
		verdict_free(v);
		return rc;
	}
	*ret_verdict = v;
	return 0;
}

void verdict_free(struct verdict *v)
{
	if (!v)
		return;
	boxes_free(v->boxes);
	pins_free(v->pins);
	windows_free(v->windows);
	free(v);
}

void verdict_set_image(struct verdict *v, const struct image *im)
{
	v->image = im;
	boxes_use_image(v->boxes, im);
}

int verdict_set_sandbox(struct verdict *v, const struct sandbox *s)
{
	const struct sandbox *old = boxes_get(v->boxes, s->slot);

	if (old && strncmp(old->name, s->name, sizeof(old->name)) != 0)
		verdict_unset_sandbox(v, s->slot);
	return boxes_set(v->boxes, s);
}

void verdict_unset_sandbox(struct verdict *v, uint16_t slot)
{
	boxes_unset(v->boxes, slot);
	pins_forget(v->pins, slot);
	windows_end(v->windows, slot);
}

int verdict_note(struct verdict *v, const struct msg_pin_note *note, uint64_t now_ms)
{
	int lost = pins_note(v->pins, note, now_ms);

	if (lost < 0)
		return lost;
	v->counters[COUNTER_VERDICT_notes]++;
	v->counters[COUNTER_VERDICT_pin_table_full] += (uint64_t)lost;
	return 0;
}

static struct judge judge_now(const struct verdict *v, uint64_t now_ms)
{
	return (struct judge){v->boxes, v->pins, v->image, now_ms};
}

static uint64_t window_end(struct verdict *v, uint64_t now_ms)
{
	uint64_t end = now_ms + (v->image ? image_settings(v->image)->audit_window_ms : 0);

	if (end > v->window_end_ms) /* a reload may have shortened the window; the order stays */
		v->window_end_ms = end;
	return v->window_end_ms;
}

static void record(struct verdict *v, const struct judgement *r, const struct held *h, const struct attribution *by,
	struct verdict_time now)
{
	struct judge j = judge_now(v, now.ms);
	struct window_key key = fill_key(r, &h->packet);
	struct event *e = windows_find(v->windows, &key);

	if (!e) {
		e = windows_open(v->windows, &key, window_end(v, now.ms));
		if (!e) {
			v->counters[COUNTER_VERDICT_aggregate_full]++;
			return;
		}
		fill_event(e, &j, r, &h->meta, &h->packet);
		e->wall_us = now.wall_us;
	}
	e->count++;
	e->last_wall_us = now.wall_us;
	fill_sender(e, &h->meta, by);
}

static void count_decision(struct verdict *v, const struct judgement *r)
{
	switch (r->decision) {
	case DECISION_ACCEPT:
	case DECISION_ADMIT:
		v->counters[COUNTER_VERDICT_accepted]++;
		if (r->reason == REASON_NONE)
			v->counters[COUNTER_VERDICT_races_settled]++;
		break;
	case DECISION_REFUSE:
		v->counters[COUNTER_VERDICT_refused]++;
		break;
	case DECISION_DROP:
		v->counters[COUNTER_VERDICT_dropped]++;
		break;
	case DECISION_COUNT:
		break;
	}
	v->counters[COUNTER_VERDICT_would_block] += r->would_block;
	if (r->reason == REASON_MALFORMED)
		v->counters[COUNTER_VERDICT_malformed]++;
}

static void settle(struct verdict *v, const struct judgement *r, const struct held *h, const struct attribution *by,
	struct verdict_time now, struct verdict_out *out)
{
	struct msg_decisions *d = &out->decisions;

	ASSERT(d->n < DECISIONS_MAX);
	d->entries[d->n].packet_id = h->meta.id;
	d->entries[d->n].decision = r->decision;
	d->n++;
	count_decision(v, r);
	if (r->reason != REASON_NONE)
		record(v, r, h, by, now);
}

/* Packets without a uid have a share of their own (and that of the few uids that fold to the same). */
static uint8_t *share_of(struct verdict *v, const struct verdict_packet *m)
{
	uint32_t uid = m->has_uid ? m->uid : UINT32_MAX - 1;

	return &v->shares[(uid ^ uid >> 8 ^ uid >> 16 ^ uid >> 24) % SHARES];
}

/* False where there is no place. */
static bool hold(struct verdict *v, const struct held *h, uint64_t now_ms, struct verdict_out *out)
{
	struct msg_attribute_ask *ask;
	unsigned int i = 0;

	if (v->n_held == VERDICT_HELD_MAX || *share_of(v, &h->meta) == VERDICT_HELD_SHARE) {
		v->counters[COUNTER_VERDICT_held_full]++;
		return false;
	}
	while (v->deadlines_ms[i] != UINT64_MAX)
		i++;
	v->deadlines_ms[i] = now_ms + VERDICT_HOLD_MS;
	v->held[i] = *h;
	v->held[i].meta.data = NULL;
	v->held[i].seq = ++v->seq * VERDICT_HELD_MAX + i;
	v->n_held++;
	++*share_of(v, &h->meta);
	ASSERT(out->n_asks < DECISIONS_MAX);
	ask = &out->asks[out->n_asks++];
	*ask = (struct msg_attribute_ask){.h.seq = v->held[i].seq, .protocol = h->packet.protocol,
		.source = h->packet.source, .destination = h->packet.destination,
		.source_port = h->packet.source_port, .destination_port = h->packet.destination_port};
	if (h->packet.protocol == PROTOCOL_ICMP || h->packet.protocol == PROTOCOL_ICMPV6)
		ask->source_port = h->packet.echo_id;
	return true;
}

static void let_go(struct verdict *v, unsigned int i)
{
	v->deadlines_ms[i] = UINT64_MAX;
	v->n_held--;
	--*share_of(v, &v->held[i].meta);
}

static bool wants_attribution(struct verdict *v, const struct judge *j, const struct judgement *r, const struct held *h)
{
	struct window_key key = fill_key(r, &h->packet);
	bool needed = judge_needs_sender(j, &h->meta);

	if (h->meta.hook != HOOK_OUTPUT || !(h->meta.has_uid || needed))
		return false;
	if (r->reason == REASON_MALFORMED)
		return false;
	return needed || (r->reason != REASON_NONE && !windows_find(v->windows, &key));
}

void verdict_packet(struct verdict *v, const struct verdict_packet *m, struct verdict_time now, struct verdict_out *out)
{
	struct judge j = judge_now(v, now.ms);
	struct held h = {.meta = *m};
	struct judgement r;
	bool well_formed;

	v->counters[COUNTER_VERDICT_packets]++;
	well_formed = packet_parse(m->data, m->len, m->wire_len, &h.packet) == 0;
	r = judge_packet(&j, m, &h.packet, well_formed, NULL);
	if (!wants_attribution(v, &j, &r, &h) || !hold(v, &h, now.ms, out))
		settle(v, &r, &h, NULL, now, out);
}

static void decide_held(struct verdict *v, unsigned int i, const struct attribution *by, struct verdict_time now,
	struct verdict_out *out)
{
	struct judge j = judge_now(v, now.ms);
	struct judgement r = judge_packet(&j, &v->held[i].meta, &v->held[i].packet, true, by);

	v->held[i].decided = true;
	v->held[i].key = fill_key(&r, &v->held[i].packet);
	settle(v, &r, &v->held[i], by, now, out);
}

/* The answer came after the deadline: the decision stands. */
static void complete_event(struct verdict *v, const struct held *h, const struct attribution *by)
{
	struct event *e = windows_find(v->windows, &h->key);

	if (e)
		fill_sender(e, &h->meta, by);
}

static bool attribution_valid(const struct attribution *by)
{
	return memchr(by->exe, '\0', sizeof(by->exe)) && memchr(by->command, '\0', sizeof(by->command)) &&
		memchr(by->cgroup, '\0', sizeof(by->cgroup)) && memchr(by->unit, '\0', sizeof(by->unit)) &&
		memchr(by->container, '\0', sizeof(by->container));
}

void verdict_attributed(struct verdict *v, const struct msg_attribute_reply *reply, struct verdict_time now,
	struct verdict_out *out)
{
	unsigned int i = reply->h.seq % VERDICT_HELD_MAX;
	bool usable = reply->by.found && attribution_valid(&reply->by);

	if (v->deadlines_ms[i] == UINT64_MAX || v->held[i].seq != reply->h.seq)
		return; /* nobody waits for it any more */
	if (usable && v->held[i].meta.has_uid && reply->by.uid != v->held[i].meta.uid)
		usable = false; /* another socket has the ports by now */
	v->counters[usable && reply->by.pid ? COUNTER_VERDICT_attributed : COUNTER_VERDICT_unattributed]++;
	if (v->held[i].decided)
		complete_event(v, &v->held[i], usable ? &reply->by : NULL);
	else
		decide_held(v, i, usable ? &reply->by : NULL, now, out);
	let_go(v, i);
}

/* False: no more room in @out. */
static bool expire_held(struct verdict *v, struct verdict_time now, uint64_t until_ms, struct verdict_out *out)
{
	for (unsigned int i = 0; i < VERDICT_HELD_MAX && v->n_held; i++) {
		if (v->deadlines_ms[i] == UINT64_MAX || v->deadlines_ms[i] > until_ms)
			continue;
		if (v->held[i].decided) {
			v->counters[COUNTER_VERDICT_unattributed]++;
			let_go(v, i);
			continue;
		}
		if (out->decisions.n == DECISIONS_MAX)
			return false;
		v->counters[COUNTER_VERDICT_attribution_late]++;
		decide_held(v, i, NULL, now, out);
		v->deadlines_ms[i] = now.ms + VERDICT_LATE_MS;
	}
	return true;
}

static bool take_events(struct verdict *v, struct verdict_time now, uint64_t until_ms, struct verdict_out *out)
{
	while (out->n_events < VERDICT_EVENTS_MAX) {
		struct event *e = &out->events[out->n_events];

		if (!windows_take(v->windows, until_ms, e))
			return true;
		if (e->kind == EVENT_SUPPRESSED) {
			fill_sandbox(e, v->boxes, e->slot);
			e->wall_us = e->last_wall_us = now.wall_us;
		}
		out->n_events++;
	}
	return false;
}

static bool advance(struct verdict *v, struct verdict_time now, uint64_t until_ms, struct verdict_out *out)
{
	return !expire_held(v, now, until_ms, out) || !take_events(v, now, until_ms, out);
}

bool verdict_tick(struct verdict *v, struct verdict_time now, struct verdict_out *out)
{
	return advance(v, now, now.ms, out);
}

bool verdict_finish(struct verdict *v, struct verdict_time now, struct verdict_out *out)
{
	bool more = advance(v, now, UINT64_MAX - 1, out);

	for (unsigned int i = 0; i < VERDICT_HELD_MAX; i++)
		if (v->deadlines_ms[i] != UINT64_MAX && v->held[i].decided) {
			v->counters[COUNTER_VERDICT_unattributed]++;
			let_go(v, i);
		}
	return more;
}

uint64_t verdict_due_ms(const struct verdict *v)
{
	uint64_t due = windows_due_ms(v->windows);

	for (unsigned int i = 0; i < VERDICT_HELD_MAX && v->n_held; i++)
		if (v->deadlines_ms[i] < due)
			due = v->deadlines_ms[i];
	return due;
}

void verdict_foreign(struct verdict *v)
{
	v->counters[COUNTER_VERDICT_foreign]++;
}

void verdict_counters(const struct verdict *v, uint64_t ret_counters[static COUNTER_VERDICT_COUNT])
{
	memcpy(ret_counters, v->counters, sizeof(v->counters));
}
