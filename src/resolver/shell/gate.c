/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The channel to the gate, and events to the audit process.
 * What the gate must not send ends the process; a full channel to the gate makes a pin fail, a full one to the audit
 * process loses an event, which is counted.
 * Pin requests leave together at the end of a turn of the loop: the gate then puts them into one transaction.
 */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "postern/clock.h"
#include "postern/log.h"

#include "shell.h"

#define BURST_MAX 64

static int on_image(struct shell *s, struct msg_image *m, int fd)
{
	struct image *old = s->im, *im;
	int rc = image_map(fd, &im);

	close(fd);
	if (rc < 0)
		return rc;
	resolver_flush(s->core); /* records name rules of the old image */
	pipeline_reset(conns_book(s));
	udp_reset(s);
	s->generation = m->generation;
	s->im = im;		 /* questions under way are asked again, of the new one's upstreams */
	resolver_set_image(s->core, im, m->generation);
	image_unmap(old);
	stubs_set_shared(s, image_settings(im)->stub_port);
	return channel_send(&s->gate, MSG_IMAGE_READY, m, NULL, 0);
}

static int on_sandbox(struct shell *s, const struct msg_sandbox *m)
{
	int rc = resolver_set_sandbox(s->core, &m->sandbox);

	if (rc < 0)
		return -EPROTO;
	if (sandbox_is_local(&m->sandbox))
		stubs_set_local(s, m->sandbox.slot, m->sandbox.stub_port);
	else
		stubs_remove_local(s, m->sandbox.slot);
	return 0;
}

static int on_sandbox_gone(struct shell *s, const struct msg_sandbox *m)
{
	resolver_remove_sandbox(s->core, m->sandbox.slot);
	stubs_remove_local(s, m->sandbox.slot);
	streams_close_slot(s, m->sandbox.slot);
	return 0;
}

static int send_upstreams(struct shell *s)
{
	struct msg_upstreams m = {0};

	m.n = resolver_upstreams(s->core, m.rows, UPSTREAM_ROWS_MAX);
	return channel_send(&s->gate, MSG_UPSTREAMS, &m, NULL, 0);
}

static int on_ping(struct shell *s, const struct message_header *h)
{
	struct msg_pong pong = {.h.seq = h->seq};
	int rc;

	memcpy(pong.counters, resolver_counters(s->core), COUNTER_RESOLVER_COUNT * sizeof(uint64_t));
	rc = channel_send(&s->gate, MSG_PONG, &pong, NULL, 0);
	if (rc == 0)
		rc = send_upstreams(s);
	return rc == -EAGAIN ? 0 : rc; /* full of pin requests: the gate decides how long it waits for a sign of life */
}

static int on_peer(struct shell *s, const struct msg_peer *m, int fd)
{
	if (m->role == ROLE_TLS)
		return tls_connect(s, fd);
	if (m->role != ROLE_AUDIT) {
		close(fd);
		return -EPROTO;
	}
	channel_fini(&s->audit.channel);
	channel_init(&s->audit.channel, fd, ROLE_RESOLVER, ROLE_AUDIT);
	return 0;
}

static int on_anchors(struct shell *s, const struct msg_anchors *m)
{
	if (!anchors_valid(&m->anchors))
		return -EPROTO;
	resolver_set_anchors(s->core, &m->anchors);
	return 0;
}

static int on_message(struct shell *s, union message_buffer *m, int fd)
{
	if (m->h.type == MSG_PIN_REPLY) {
		resolver_pin_reply(s->core, (const struct msg_pin_reply *)m);
		return 0;
	}
	if (m->h.type == MSG_PING)
		return on_ping(s, &m->h);
	if (m->h.type == MSG_SANDBOX)
		return on_sandbox(s, (const struct msg_sandbox *)m);
	if (m->h.type == MSG_SANDBOX_GONE)
		return on_sandbox_gone(s, (const struct msg_sandbox *)m);
	if (m->h.type == MSG_IMAGE)
		return on_image(s, (struct msg_image *)m, fd);
	if (m->h.type == MSG_ANCHORS)
		return on_anchors(s, (const struct msg_anchors *)m);
	if (m->h.type == MSG_PEER)
		return on_peer(s, (const struct msg_peer *)m, fd);
	return -EPROTO;
}

int gate_receive(struct shell *s)
{
	POSTERN_UNINITIALIZED union message_buffer m;
	int fds[CHANNEL_FDS_MAX];
	int rc = 1;

	for (unsigned int i = 0; (i < BURST_MAX || channel_waiting(&s->gate)) && rc == 1; i++) {
		rc = channel_recv(&s->gate, &m, fds);
		if (rc == 1 && on_message(s, &m, fds[0]) < 0) {
			log_err("gate: broke the protocol message=%s", message_text((enum message_type)m.h.type));
			return -EPROTO;
		}
	}
	return rc < 0 ? rc : 0;
}

void gate_send_pins(struct shell *s)
{
	struct pin_queue *q = &s->pins;
	unsigned int n = q->n, sent;

	if (!n)
		return;
	q->n = 0;
	sent = channel_send_many(&s->gate, MSG_PIN_REQUEST, q->requests, n);
	for (unsigned int i = sent; i < n; i++) {
		const struct msg_pin_reply failed = {.h.seq = q->requests[i].h.seq, .reason = REASON_PIN_FAILED};

		resolver_pin_reply(s->core, &failed);
	}
}

int gate_send_seen(struct shell *s, const struct anchor_seen *seen)
{
	struct msg_anchors_seen m = {.seen = *seen};

	return channel_send(&s->gate, MSG_ANCHORS_SEEN, &m, NULL, 0);
}

/* Not sent from here: the core must not be told of a failure while it asks. */
int gate_send_pin(struct shell *s, const struct msg_pin_request *m)
{
	struct pin_queue *q = &s->pins;

	if (q->n == ARRAY_LEN(q->requests))
		return -EAGAIN;
	q->requests[q->n++] = *m;
	return 0;
}

/* What was asked and answered. */
static void fill_dns(struct event *e, const struct decision_record *d)
{
	dns_name_copy(&e->names[e->n_names++], &d->name);
	if (d->hop.len)
		dns_name_copy(&e->names[e->n_names++], &d->hop);
	e->qtype = d->qtype;
	e->rcode = d->rcode;
	e->lifetime_s = d->ttl_s;
	e->source = d->source;
	e->source_port = d->source_port;
	if (d->source.family != ADDR_NONE)
		e->protocol = d->stream ? IPPROTO_TCP : IPPROTO_UDP;
	e->answers_cut = d->answers_cut;
	e->answers_len = d->answers_len;
	memcpy(e->answers, d->answers, d->answers_len);
}

int gate_record(struct shell *s, const struct decision_record *d, bool last_chance)
{
	struct event e = event_new(d->name.len ? EVENT_DNS : EVENT_SUPPRESSED);
	uint32_t lost = s->audit.lost;
	int rc = 0;

	e.reason = d->reason;
	e.action = d->action;
	e.slot = d->slot;
	e.count = d->count;
	e.wall_us -= (s->now_ms - d->first_ms) * 1000;
	e.last_wall_us -= (s->now_ms - d->last_ms) * 1000;
	event_set_text(e.sandbox, sizeof(e.sandbox), d->name.len ? d->sandbox : resolver_sandbox_name(s->core, d->slot));
	if (d->name.len) {
		event_set_place(&e, s->im, &d->place);
		event_set_text(e.policy, sizeof(e.policy), image_string(s->im, d->policy));
		fill_dns(&e, d);
	} else {
		e.source = d->source;
	}
	if (last_chance)
		event_send(&s->audit, &e);
	else
		rc = event_try(&s->audit, &e);
	if (s->audit.lost > lost)
		resolver_count(s->core, COUNTER_RESOLVER_events_lost);
	return rc;
}
