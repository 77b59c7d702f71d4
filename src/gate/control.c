/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the control process asks in an administrator's name. Every request gets one answer with its
 * number; a channel that is full loses the answer, and the control process times out.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "gate.h"
#include "postern/clock.h"
#include "postern/log.h"

static struct channel *to_control(struct gate *g)
{
	return &g->children.all[ROLE_CONTROL].channel;
}

static void sent(int rc)
{
	if (rc < 0)
		log_warning("control: an answer was lost: %s", strerror(-rc));
}

static void status(struct gate *g, uint32_t seq)
{
	struct msg_status m = {.h.seq = seq, .generation = g->policy.generation,
		.n_sandboxes = sandboxes_count(g->sandboxes), .n_pins = pinbook_count(pins_book(g->pins), SANDBOX_NONE),
		.queue_native = g->kernel.queue_native, .renew_in_place = nft_renews_in_place(g->kernel.nft),
		.started_wall_us = g->started_wall_us, .loaded_wall_us = g->policy.loaded_wall_us};
	static const uint8_t map[PINS_COUNTER_COUNT] = {[PINS_GRANTED] = COUNTER_GATE_pins_granted,
		[PINS_RENEWED] = COUNTER_GATE_pins_renewed, [PINS_REFUSED] = COUNTER_GATE_pins_refused,
		[PINS_FAILED] = COUNTER_GATE_pins_failed, [PINS_DELETED] = COUNTER_GATE_pins_deleted,
		[PINS_ADOPTED] = COUNTER_GATE_pins_adopted, [PINS_FULL] = COUNTER_GATE_pin_table_full,
		[PINS_COMMITS] = COUNTER_GATE_commits};

	struct msg_anchors anchors;

	for (unsigned int c = 0; c < PINS_COUNTER_COUNT; c++)
		g->counters[map[c]] = pins_counter(g->pins, (enum pins_counter)c);
	g->counters[COUNTER_GATE_pins_live] = m.n_pins;
	memcpy(m.counters[ROLE_GATE], g->counters, sizeof(g->counters));
	m.pids[ROLE_GATE] = getpid();
	for (unsigned int r = ROLE_GATE + 1; r < ROLE_COUNT; r++) {
		memcpy(m.counters[r], g->children.all[r].counters, sizeof(m.counters[r]));
		m.pids[r] = g->children.all[r].pid;
	}
	m.n_upstreams = g->upstreams.n;
	memcpy(m.upstreams, g->upstreams.rows, sizeof(m.upstreams));
	gate_anchors_status(g, &m, &anchors);
	if (channel_send(to_control(g), MSG_ANCHORS, &anchors, NULL, 0) == 0)
		sent(channel_send(to_control(g), MSG_STATUS, &m, NULL, 0));
}

static void fill_pin_row(const struct gate *g, uint32_t pin, struct pin_row *row)
{
	const struct pinbook *book = pins_book(g->pins);
	const struct pin_key *key = pinbook_key(book, pin);
	const struct sandbox *s = sandboxes_get(g->sandboxes, key->slot);
	uint64_t now_ms = clock_now_ms(), expires_ms = pinbook_expires_ms(book, pin);
	uint32_t rule, policy = s ? image_policy_find(g->policy.image, s->policy) : IMAGE_NONE;

	*row = (struct pin_row){.addr = key->addr, .service = {key->protocol, key->port, key->port},
		.expires_in_ms = expires_ms > now_ms ? (uint32_t)(expires_ms - now_ms) : 0};
	event_set_text(row->sandbox, sizeof(row->sandbox), s ? s->name : "");
	if (!pinbook_holder(book, pin, &rule, &row->name))
		return;
	if (policy != IMAGE_NONE && rule < image_policy(g->policy.image, policy)->n_rules) {
		const struct image_rule *r = image_rule(g->policy.image, image_policy(g->policy.image, policy), rule);

		event_set_text(row->rule, sizeof(row->rule), image_string(g->policy.image, r->place.name));
		event_set_text(row->group, sizeof(row->group), image_string(g->policy.image, r->place.group));
	}
}

/* The cursor is the pin's number plus one, so that 0 can mean the start, and the end. */
static void pins(struct gate *g, const struct msg_cursor *q)
{
	const struct pinbook *book = pins_book(g->pins);
	const struct sandbox *only = q->sandbox[0] ? sandboxes_find(g->sandboxes, q->sandbox) : NULL;
	struct msg_pins m = {.h.seq = q->h.seq};
	uint32_t pin = q->cursor ? q->cursor - 1 : pinbook_next(book, PINBOOK_NONE);

	if (q->cursor > PINBOOK_PINS_MAX || (q->sandbox[0] && !only))
		pin = PINBOOK_NONE;
	for (; pin != PINBOOK_NONE && m.n < PINS_PER_MESSAGE; pin = pinbook_next(book, pin))
		if (pinbook_live(book, pin) && (!only || pinbook_key(book, pin)->slot == only->slot))
			fill_pin_row(g, pin, &m.rows[m.n++]);
	m.next = pin == PINBOOK_NONE ? 0 : pin + 1;
	sent(channel_send(to_control(g), MSG_PINS, &m, NULL, 0));
}

static void sandboxes(struct gate *g, const struct msg_cursor *q)
{
	struct msg_sandboxes m = {.h.seq = q->h.seq};
	uint16_t i = sandboxes_next(g->sandboxes, q->cursor);

	for (; i != SANDBOX_NONE && m.n < SANDBOXES_PER_MESSAGE; i = sandboxes_next(g->sandboxes, i + 1u))
		if (!q->sandbox[0] || strcmp(q->sandbox, sandboxes_get(g->sandboxes, i)->name) == 0)
			m.rows[m.n++] = *sandboxes_get(g->sandboxes, i);
	m.next = i == SANDBOX_NONE ? 0 : i;
	sent(channel_send(to_control(g), MSG_SANDBOXES, &m, NULL, 0));
}

static void change(struct gate *g, const struct msg_sandbox *q, bool add)
{
	struct msg_result m = {.h.seq = q->h.seq};
	struct sandbox s = q->sandbox;

	s.name[sizeof(s.name) - 1] = '\0';
	if (!g->policy.image)
		m.error = -EAGAIN;
	else if (add && !sandbox_valid(&s))
		m.error = -EINVAL;
	else if (add)
		m.error = gate_sandbox_add(g, &s, m.text, sizeof(m.text));
	else
		m.error = gate_sandbox_remove(g, s.name, m.text, sizeof(m.text));
	if (m.error == -EINVAL && !m.text[0])
		event_set_text(m.text, sizeof(m.text), "not a sandbox: see postern-control(7)");
	sent(channel_send(to_control(g), MSG_RESULT, &m, NULL, 0));
}

static void reload(struct gate *g, uint32_t seq)
{
	struct msg_result m = {.h.seq = seq, .error = gate_reload(g)};

	if (m.error == 0) {
		g->policy.asked = true;
		g->policy.asked_seq = seq;
		return;
	}
	event_set_text(m.text, sizeof(m.text), "a reload is under way: try again when it has ended");
	sent(channel_send(to_control(g), MSG_RESULT, &m, NULL, 0));
}

void gate_reloaded(struct gate *g, int error, const struct msg_compiled *c, int diagnostics_fd)
{
	struct msg_result m = {.h.seq = g->policy.asked_seq, .error = error, .n_errors = c->n_errors,
		.n_warnings = c->n_warnings};

	if (!g->policy.asked)
		return;
	g->policy.asked = false;
	if (error < 0)
		event_set_text(m.text, sizeof(m.text), c->n_errors ? "the policy has errors: the old one stays"
								   : "the kernel refused the policy: the old one stays");
	sent(channel_send(to_control(g), MSG_RELOADED, &m, &diagnostics_fd, 1));
}

void gate_control(struct gate *g, const union message_buffer *m)
{
	switch ((unsigned int)m->h.type) {
	case MSG_STATUS_ASK:
		status(g, m->h.seq);
		return;
	case MSG_PINS_ASK:
		pins(g, (const struct msg_cursor *)m);
		return;
	case MSG_SANDBOXES_ASK:
		sandboxes(g, (const struct msg_cursor *)m);
		return;
	case MSG_SANDBOX_ADD:
	case MSG_SANDBOX_REMOVE:
		change(g, (const struct msg_sandbox *)m, m->h.type == MSG_SANDBOX_ADD);
		return;
	case MSG_RELOAD:
		reload(g, m->h.seq);
		return;
	default:
		gate_fail(g, "control: a message out of place", -EPROTO);
	}
}
