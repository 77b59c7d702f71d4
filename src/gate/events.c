/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the gate itself puts on record. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "gate.h"
#include "postern/clock.h"
#include "postern/log.h"

#define PIN_EVENTS_MS 5

void gate_event_text(struct gate *g, enum event_kind kind, const struct sandbox *s, const char *fmt, ...)
{
	struct event e = event_new(kind);
	va_list ap;

	if (s) {
		e.slot = s->slot;
		event_set_text(e.sandbox, sizeof(e.sandbox), s->name);
	}
	va_start(ap, fmt);
	vsnprintf(e.text, sizeof(e.text), fmt, ap);
	va_end(ap);
	event_send(&g->audit, &e);
}

void gate_say_loose(struct gate *g, const struct sandbox *s)
{
	if (s->mode == SANDBOX_AUDIT) {
		log_warning("sandbox %s: audit mode: what its policy would block is let through and recorded", s->name);
		gate_event_text(g, EVENT_SANDBOX, s, "audit mode: what the policy would block is let through and recorded");
	}
	if (s->fail_open) {
		log_warning("sandbox %s: fail_open: names that cannot be pinned are answered", s->name);
		gate_event_text(g, EVENT_SANDBOX, s, "fail_open: permitted names that cannot be pinned are answered; packets stay refused");
	}
}

void gate_event_policies(struct gate *g)
{
	const struct image *im = g->policy.image;

	for (uint32_t i = 0; i < image_n_files(im); i++) {
		const struct image_file *f = image_file(im, i);
		struct event e = event_new(EVENT_POLICY);

		event_set_text(e.text, sizeof(e.text), image_string(im, f->path));
		if (f->policy != IMAGE_NONE)
			event_set_text(e.rule, sizeof(e.rule), image_string(im, image_policy(im, f->policy)->place.name));
		memcpy(e.digest, f->sha256, sizeof(e.digest));
		e.has_digest = 1;
		event_send(&g->audit, &e);
	}
}

void gate_events_send(struct gate *g)
{
	event_send_many(&g->audit, g->pin_events.waiting, g->pin_events.n);
	g->pin_events.n = 0;
}

/* The next one, as event_new() makes it. */
static struct event *next_pin_event(struct gate *g)
{
	struct pin_events *w = &g->pin_events;

	if (w->n == ARRAY_LEN(w->waiting))
		gate_events_send(g);
	if (w->n == 0)
		w->due_ms = clock_now_ms() + PIN_EVENTS_MS;
	return &w->waiting[w->n++].event;
}

void gate_event_pin(struct gate *g, const struct msg_pin_request *q, const struct msg_pin_reply *r)
{
	const struct sandbox *s = sandboxes_get(g->sandboxes, q->slot);
	struct event *e = next_pin_event(g);

	event_init(e, EVENT_PIN);
	e->reason = r->reason;
	e->action = r->reason == REASON_NONE ? EVENT_ALLOWED : EVENT_REFUSED;
	e->lifetime_s = r->lifetime_ms / 1000;
	e->qtype = q->qtype;
	if (q->n_addrs && q->n_addrs <= PIN_ADDRS_MAX && q->addrs[0].family != ADDR_NONE)
		e->destination = q->addrs[0];
	e->n_names = dns_name_from_wire(q->name.wire, q->name.len, &e->names[0]) == 0;
	if (s) {
		uint32_t policy = image_policy_find(g->policy.image, s->policy);

		e->slot = s->slot;
		event_set_text(e->sandbox, sizeof(e->sandbox), s->name);
		if (policy != IMAGE_NONE && q->rule < image_policy(g->policy.image, policy)->n_rules)
			event_set_place(e, g->policy.image,
				&image_rule(g->policy.image, image_policy(g->policy.image, policy), q->rule)->place);
	}
}

void gate_look_at_table(struct gate *g)
{
	struct event e = event_new(EVENT_SUPPRESSED);
	struct flows_stats now;

	if (flows_stats(g->kernel.flows, &now) < 0)
		return; /* the next look tells */
	e.count = fullness_look(&g->fullness, now.entries, now.max, now.dropped, clock_now_ms());
	if (!e.count)
		return;
	e.reason = REASON_OVERLOAD;
	e.action = EVENT_DROPPED;
	snprintf(e.text, sizeof(e.text), "the connection table is full (%u of %u flows): packets were dropped", now.entries, now.max);
	event_send(&g->audit, &e);
	log_warning("the connection table is full (%u of %u flows): %u packets were dropped", now.entries, now.max, e.count);
}
