/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * postern-verdict: reads the packet queue and decides; the gate carries the decisions out.
 *
 * Started by posternd as the user postern-verdict, without capabilities, the channel to the gate on fd 3.
 * It parses hostile packets and can do nothing else: no file, no new socket, no process. What it is
 * told, and what it says, are fixed-size messages; what it thinks is verdict.c.
 *
 * Decisions wait for nothing: if the gate does not take them, the queue is not read until it does, and the kernel
 * drops what it cannot hold. Events and questions are never waited for: events are counted
 * as lost, packets are decided without attribution.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "links.h"
#include "pace.h"
#include "postern/channel.h"
#include "postern/child.h"
#include "postern/clock.h"
#include "postern/image.h"
#include "postern/log.h"
#include "queue.h"
#include "verdict.h"

#define BATCHES_MAX 4	 /* of packets before the channels get their turn */
#define MESSAGES_MAX 256 /* of a channel before the packets get theirs: pin notes must not lag */

enum ref_kind { REF_GATE, REF_BELL, REF_ATTRIBUTE, REF_QUEUE };

struct shell {
	struct loop loop;
	struct channel gate;
	int bell;		  /* of the gate: what it does not ring for is read before the next packet is judged; -1: none */
	bool gate_has_more;	  /* than one turn reads */
	struct channel attribute; /* fd -1: none (yet) */
	struct event_sink audit;
	uint64_t events_lost;
	struct verdict *verdict;
	struct image *image;
	struct queue *queue;
	struct links *links;
	struct pace pace;
	struct verdict_out out;
};

static struct shell the_shell;

static struct verdict_time time_now(void)
{
	return (struct verdict_time){clock_now_ms(), clock_wall_us()};
}

/* The gate never waits for us, so waiting for it ends: it reads, or it is gone. */
static int send_decisions(struct shell *s)
{
	struct pollfd fd = {.fd = s->gate.fd, .events = POLLOUT};
	int rc;

	if (s->out.decisions.n == 0)
		return 0;
	while ((rc = channel_send(&s->gate, MSG_DECISIONS, &s->out.decisions, NULL, 0)) == -EAGAIN)
		if (poll(&fd, 1, -1) < 0 && errno != EINTR)
			return -errno;
	s->out.decisions.n = 0;
	return rc;
}

static void send_events(struct shell *s)
{
	for (uint32_t i = 0; i < s->out.n_events; i++) {
		uint32_t before = s->audit.lost;

		event_send(&s->audit, &s->out.events[i]);
		s->events_lost += s->audit.lost > before;
	}
	s->out.n_events = 0;
}

/* What cannot be asked is decided without an answer. */
static int send_asks(struct shell *s)
{
	int rc = 0;

	for (uint32_t i = 0; i < s->out.n_asks && rc == 0; i++) {
		struct msg_attribute_ask *ask = &s->out.asks[i];
		struct msg_attribute_reply none = {.h.seq = ask->h.seq};

		if (s->attribute.fd >= 0 && channel_send(&s->attribute, MSG_ATTRIBUTE_ASK, ask, NULL, 0) == 0)
			continue;
		verdict_attributed(s->verdict, &none, time_now(), &s->out);
		if (s->out.decisions.n == DECISIONS_MAX)
			rc = send_decisions(s);
	}
	s->out.n_asks = 0;
	return rc;
}

static int flush(struct shell *s)
{
	int rc = send_decisions(s);

	if (rc == 0)
		rc = send_asks(s);
	send_events(s);
	return rc == 0 ? send_decisions(s) : rc;
}

static void name_links(struct shell *s, struct queue_entry *e, uint64_t now_ms)
{
	const struct link *in = links_find(s->links, e->in_index, now_ms), *out;
	uint32_t group = s->image ? image_settings(s->image)->confined_group : 0;

	memcpy(e->packet.in, in->name, sizeof(e->packet.in));
	e->packet.in_confined = group != 0 && in->group == group;
	if (e->in_index && !in->name[0])
		e->packet.in_confined = true; /* whose it was cannot be told any more */
	out = links_find(s->links, e->out_index, now_ms);
	memcpy(e->packet.out, out->name, sizeof(e->packet.out));
}

static int on_image(struct shell *s, struct msg_image *m, int fd)
{
	struct image *im;
	int rc = image_map(fd, &im);

	close(fd);
	if (rc < 0)
		return rc;
	verdict_set_image(s->verdict, im);
	image_unmap(s->image);
	s->image = im;
	return channel_send(&s->gate, MSG_IMAGE_READY, m, NULL, 0);
}

/* From now on the channel itself tells only of its end. */
static int on_bell_fd(struct shell *s, int fd)
{
	struct loop_ref gate = {.kind = REF_GATE}, bell = {.kind = REF_BELL};
	int rc;

	if (s->bell >= 0) {
		close(fd);
		return -EPROTO;
	}
	s->bell = fd;
	rc = loop_add(&s->loop, fd, EPOLLIN, bell);
	return rc < 0 ? rc : loop_change(&s->loop, s->gate.fd, 0, gate);
}

static int on_peer(struct shell *s, const struct msg_peer *m, int fd)
{
	struct loop_ref ref = {.kind = REF_ATTRIBUTE};

	if (m->role == ROLE_GATE)
		return on_bell_fd(s, fd);
	if (m->role == ROLE_AUDIT) {
		channel_fini(&s->audit.channel);
		channel_init(&s->audit.channel, fd, ROLE_VERDICT, ROLE_AUDIT);
		return 0;
	}
	if (m->role == ROLE_ATTRIBUTE) {
		channel_fini(&s->attribute);
		channel_init(&s->attribute, fd, ROLE_VERDICT, ROLE_ATTRIBUTE);
		return loop_add(&s->loop, fd, EPOLLIN, ref);
	}
	close(fd);
	return -EPROTO;
}

static int on_queue_fd(struct shell *s, int fd)
{
	struct loop_ref ref = {.kind = REF_QUEUE};
	int rc;

	if (s->queue) {
		close(fd);
		return -EPROTO;
	}
	rc = queue_new(fd, &s->queue);
	if (rc < 0) {
		close(fd);
		return rc;
	}
	return loop_add(&s->loop, fd, EPOLLIN, ref);
}

static int on_ping(struct shell *s, const struct message_header *h)
{
	struct msg_pong pong = {.h.seq = h->seq};

	verdict_counters(s->verdict, pong.counters);
	pong.counters[COUNTER_VERDICT_events_lost] = s->events_lost;
	return channel_send(&s->gate, MSG_PONG, &pong, NULL, 0);
}

/* What the table of messages lets the gate send; a body that is not well-formed ends the process. */
static int on_gate_message(struct shell *s, union message_buffer *m, int fd)
{
	if (m->h.type == MSG_PIN_NOTE)
		return verdict_note(s->verdict, (const struct msg_pin_note *)m, clock_now_ms());
	if (m->h.type == MSG_SANDBOX)
		return verdict_set_sandbox(s->verdict, &((const struct msg_sandbox *)m)->sandbox);
	if (m->h.type == MSG_SANDBOX_GONE) {
		verdict_unset_sandbox(s->verdict, ((const struct msg_sandbox *)m)->sandbox.slot);
		return 0;
	}
	if (m->h.type == MSG_PING)
		return on_ping(s, &m->h);
	if (m->h.type == MSG_IMAGE)
		return on_image(s, (struct msg_image *)m, fd);
	if (m->h.type == MSG_QUEUE)
		return on_queue_fd(s, fd);
	if (m->h.type == MSG_PEER)
		return on_peer(s, (const struct msg_peer *)m, fd);
	return -EPROTO;
}

static int on_gate(struct shell *s)
{
	POSTERN_UNINITIALIZED union message_buffer m;
	int fds[CHANNEL_FDS_MAX];
	int rc = 1;

	for (unsigned int i = 0; (i < MESSAGES_MAX || channel_waiting(&s->gate)) && rc > 0; i++) {
		rc = channel_recv(&s->gate, &m, fds);
		if (rc <= 0)
			break;
		rc = on_gate_message(s, &m, fds[0]);
		if (rc < 0)
			log_err("message from gate type=%s error=\"%s\"", message_text((enum message_type)m.h.type),
				strerror(-rc));
		rc = rc < 0 ? rc : 1;
	}
	s->gate_has_more = rc > 0;
	return rc < 0 ? rc : 0;
}

static int on_bell(struct shell *s)
{
	uint64_t rung;

	if (read(s->bell, &rung, sizeof(rung)) < 0 && errno != EAGAIN && errno != EINTR)
		return -errno;
	return on_gate(s);
}

/* Nothing but the queue's next packets waits with us: what the gate says meanwhile is read after the next receive. */
static void pause_queue(void)
{
	const struct timespec pause = {.tv_nsec = PACE_PAUSE_US * 1000};

	(void)ppoll(NULL, 0, &pause, NULL); /* cut short by a signal: the next look comes earlier */
}

static int on_queue(struct shell *s)
{
	int rc = 0;

	for (unsigned int batch = 0; batch < BATCHES_MAX && rc == 0; batch++) {
		struct verdict_time now;
		int n = queue_receive(s->queue);

		if (n <= 0)
			return n;
		/*
		 * What the gate said of pins before these packets were sent: it is there by now. (Asked before the receive it
		 * may not be, and then the packet is there and the name is not known.)
		 */
		rc = on_gate(s);
		if (rc < 0)
			return rc;
		links_refresh(s->links);
		now = time_now();
		for (int i = 0; i < n; i++) {
			struct queue_entry e;

			if (!queue_entry(s->queue, (unsigned int)i, &e)) {
				verdict_foreign(s->verdict);
				continue;
			}
			name_links(s, &e, now.ms);
			verdict_packet(s->verdict, &e.packet, now, &s->out);
		}
		rc = flush(s);
		if (n == QUEUE_BATCH)
			continue;
		if (rc == 0 && pace_wait(&s->pace, now.ms, (uint32_t)n))
			pause_queue();
		break;
	}
	return rc;
}

/* Without the process that attributes, packets are decided without attribution; the gate sees its end itself. */
static int on_attribute(struct shell *s)
{
	POSTERN_UNINITIALIZED union message_buffer m;
	int fds[CHANNEL_FDS_MAX];
	int rc = 0;

	for (unsigned int i = 0; i < MESSAGES_MAX; i++) {
		rc = channel_recv(&s->attribute, &m, fds);
		if (rc <= 0)
			break;
		verdict_attributed(s->verdict, (const struct msg_attribute_reply *)&m, time_now(), &s->out);
		if (s->out.decisions.n == DECISIONS_MAX && send_decisions(s) < 0)
			return -EPIPE;
	}
	if (rc == -EPIPE) {
		loop_remove(&s->loop, s->attribute.fd);
		channel_fini(&s->attribute);
		rc = 0;
	}
	return rc < 0 ? rc : flush(s);
}

static int on_ref(struct shell *s, struct loop_ref ref)
{
	switch ((enum ref_kind)ref.kind) {
	case REF_GATE:
		return on_gate(s);
	case REF_BELL:
		return on_bell(s);
	case REF_ATTRIBUTE:
		return s->attribute.fd >= 0 ? on_attribute(s) : 0;
	case REF_QUEUE:
		return on_queue(s);
	}
	return 0;
}

static int wait_ms(const struct shell *s)
{
	uint64_t due = verdict_due_ms(s->verdict), now = clock_now_ms();

	if (s->gate_has_more)
		return 0;
	if (due == UINT64_MAX)
		return -1;
	return due <= now ? 0 : due - now > 60000 ? 60000 : (int)(due - now);
}

static int run(void *shell)
{
	struct shell *s = shell;
	struct loop_event events[8];
	int rc = 0;

	while (rc == 0) {
		int n = loop_wait(&s->loop, events, ARRAY_LEN(events), wait_ms(s));

		if (n < 0)
			return n;
		for (int i = 0; i < n && rc == 0; i++)
			rc = on_ref(s, events[i].ref);
		if (rc == 0 && s->gate_has_more)
			rc = on_gate(s);
		for (bool more = true; more && rc == 0;) {
			more = verdict_tick(s->verdict, time_now(), &s->out);
			rc = flush(s);
		}
	}
	return rc;
}

/* The gate is gone: nobody takes decisions any more, but what was seen is still told. */
static void finish(void *shell)
{
	struct shell *s = shell;

	for (bool more = true; more;) {
		more = verdict_finish(s->verdict, time_now(), &s->out);
		s->out.decisions.n = s->out.n_asks = 0;
		send_events(s);
	}
}

static int prepare(void *shell)
{
	struct shell *s = shell;
	int rc;

	s->attribute.fd = s->audit.channel.fd = s->bell = -1;
	rc = verdict_new(&s->verdict);
	return rc == 0 ? links_new(&s->links) : rc;
}

int main(void)
{
	static const struct child_program program = {.role = ROLE_VERDICT, .prepare = prepare, .run = run, .finish = finish};

	return child_main(&program, &the_shell, &the_shell.gate, &the_shell.loop);
}
