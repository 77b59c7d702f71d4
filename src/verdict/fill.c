/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From a judgement to what is told of it: see the header. */
#include "fill.h"

#include <string.h>

struct window_key fill_key(const struct judgement *r, const struct packet *p)
{
	struct window_key k = {.slot = r->slot, .reason = (uint16_t)r->reason, .protocol = p->protocol,
		.inbound = r->inbound,
		.would_block = r->would_block};

	if (r->reason == REASON_FORGED_SOURCE) { /* wherever it was going */
		k.destination = p->source;
		k.protocol = 0;
		return k;
	}
	k.destination = r->turned ? p->source : p->destination;
	k.port = r->turned ? p->source_port : p->destination_port;
	return k;
}

static void fill_traffic(struct event *e, const struct verdict_packet *m, const struct packet *p, bool turned)
{
	e->source = turned ? p->destination : p->source;
	e->destination = turned ? p->source : p->destination;
	e->destination_port = turned ? p->source_port : p->destination_port;
	if (p->has_ports)
		e->source_port = turned ? p->destination_port : p->source_port;
	e->protocol = p->protocol;
	event_set_text(e->interface, sizeof(e->interface), m->hook == HOOK_OUTPUT ? m->out : m->in);
	e->hardware_len = m->hardware_len;
	memcpy(e->hardware, m->hardware, sizeof(e->hardware));
}

void fill_sandbox(struct event *e, const struct boxes *boxes, uint16_t slot)
{
	const struct sandbox *s = boxes_get(boxes, slot);

	e->slot = slot;
	if (s)
		event_set_text(e->sandbox, sizeof(e->sandbox), s->name);
}

void fill_event(struct event *e, const struct judge *j, const struct judgement *r, const struct verdict_packet *m,
	const struct packet *p)
{
	const struct addr *far;

	e->kind = r->reason == REASON_ALERT || r->would_block ? EVENT_ALERT : EVENT_REFUSAL;
	e->action = r->would_block ? EVENT_WOULD_BLOCK : r->reason == REASON_ALERT ? EVENT_ALERTED :
		r->decision == DECISION_DROP ? EVENT_DROPPED : EVENT_REFUSED;
	e->reason = (uint16_t)r->reason;
	fill_sandbox(e, j->boxes, r->slot);
	if (r->place)
		event_set_place(e, j->image, r->place);
	fill_traffic(e, m, p, r->turned);
	e->inbound = r->inbound;
	far = r->inbound ? &e->source : &e->destination;
	e->n_names = (uint8_t)pins_names(j->pins, r->slot, far, e->names, EVENT_NAMES_MAX);
}

void fill_sender(struct event *e, const struct verdict_packet *m, const struct attribution *by)
{
	if (by && by->found && !e->by.pid)
		e->by = *by;
	if (!e->by.found && m->has_uid) {
		e->by.found = true;
		e->by.uid = m->uid;
	}
}
