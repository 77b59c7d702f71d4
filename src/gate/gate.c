/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * posternd, the gate: the one process that changes nf_tables and answers the packet queue.
 *
 * It reads fixed-size messages of its children, the kernel's acknowledgements, and signals; nothing else. One loop,
 * one switch by role. Whatever is out of order ends it: the kernel keeps rules and pins, refuses the
 * rest, and the supervisor starts it anew.
 *
 * Privilege: CAP_NET_ADMIN, own uid, no-new-privs, system call filter (src/jail/roles.c).
 */
#include "gate.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "admit.h"
#include "kernel/nfq.h"
#include "postern/clock.h"
#include "postern/log.h"

#define TICK_MS 100
#define PING_EVERY_TICKS 5
#define LATE_MS 1000 /* a tick so late says that this process did not run */
#define CGROUPS_EVERY_TICKS 2
#define TABLE_EVERY_TICKS 10
#define FINISH_MS 500	   /* a process that is stuck delays the next start by no more */
#define FINISH_LOG_MS 3000 /* at a stop that was asked for, a slow disk gets more */
#define NOTES_EACH_TICK 512
#define NOTES_LEFT_MAX 256 /* until the verdict loop is woken to read them: the channel has room for some hundreds */
#define MESSAGES_EACH_TURN 256 /* of one child, before the others have theirs */

void gate_fail(struct gate *g, const char *what, int error)
{
	log_err("%s: %s: stopping; what is not allowed by now stays refused", what, strerror(-error));
	g->stop = true;
	g->exit_code = 1;
}

struct pins_view gate_view(const struct gate *g)
{
	return (struct pins_view){g->policy.image, g->policy.generation, g->sandboxes};
}

/* Names the processes that ended, and how: the first thing that support asks. nft(8), run at start, is none of them. */
static void reap(struct gate *g)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (unsigned int r = 0; r < ROLE_COUNT; r++) {
			if (g->children.all[r].pid != pid)
				continue;
			log_err("%s ended: %s %d%s", role_executable((enum role)r),
				WIFSIGNALED(status) ? "signal" : "exit code",
				WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status),
				WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS ? " (a system call outside its filter)" : "");
			gate_fail(g, "a process is lost", -ECHILD);
		}
}

/* ---- pins ---- */

struct pin_batch {
	size_t n;
	struct msg_pin_request requests[PINS_BATCH_MAX];
	struct msg_pin_reply replies[PINS_BATCH_MAX];
	struct msg_pin_note notes[PINS_BATCH_MAX];
};

/* A full channel costs a name in the log. */
static void leave_notes(struct gate *g, struct msg_pin_note *notes, unsigned int n)
{
	struct channel *to = &g->children.all[ROLE_VERDICT].channel;

	g->notes_left += n;
	if (channel_leave_many(to, MSG_PIN_NOTE, notes, n) == n && g->notes_left < NOTES_LEFT_MAX)
		return;
	channel_ring(to);
	g->notes_left = 0;
}

static void flush_pins(struct gate *g, struct pin_batch *b)
{
	const struct pins_view v = gate_view(g);
	unsigned int granted = 0;

	if (!b->n)
		return;
	pins_request(g->pins, &v, clock_now_ms(), b->requests, b->n, b->replies, b->notes);
	for (size_t i = 0; i < b->n; i++)
		if (b->replies[i].reason == REASON_NONE && granted++ != i)
			b->notes[granted - 1] = b->notes[i];
	leave_notes(g, b->notes, granted); /* first: the packet may come as soon as the answer does */
	/* a resolver that does not read times out, and answers SERVFAIL */
	(void)!channel_send_many(&g->children.all[ROLE_RESOLVER].channel, MSG_PIN_REPLY, b->replies, (unsigned int)b->n);
	for (size_t i = 0; i < b->n; i++)
		gate_event_pin(g, &b->requests[i], &b->replies[i]);
	b->n = 0;
}

/* What only audit mode lets through: no pin, but the verdict loop is to know the name before its packets come. */
static void withheld(struct gate *g, const struct msg_pin_request *q)
{
	struct msg_pin_reply reply = {.h.seq = q->h.seq, .reason = REASON_BLOCKED_NAME};
	struct msg_pin_note note;

	if (admit_withheld(g->policy.image, g->policy.generation, sandboxes_get(g->sandboxes, q->slot), q, clock_now_ms(), &note) ==
		REASON_NONE)
		leave_notes(g, &note, 1);
	(void)!channel_send(&g->children.all[ROLE_RESOLVER].channel, MSG_PIN_REPLY, &reply, NULL, 0);
}

/* ---- verdicts ---- */

static void decisions(struct gate *g, const struct msg_decisions *m)
{
	struct nfq_entry entries[DECISIONS_MAX];
	int rc;

	if (m->n > DECISIONS_MAX) {
		gate_fail(g, "verdict: too many decisions", -EPROTO);
		return;
	}
	for (uint32_t i = 0; i < m->n; i++)
		entries[i] = (struct nfq_entry){m->entries[i].packet_id, m->entries[i].decision};
	rc = nfq_verdicts(g->kernel.queue_fd, g->options.queue, entries, m->n);
	g->counters[COUNTER_GATE_verdicts] += m->n;
	if (rc == -EINVAL)
		gate_fail(g, "verdict: a decision out of range", -EPROTO);
	else if (rc < 0) /* the packets stay held, and are dropped when the queue is full or closed */
		g->counters[COUNTER_GATE_verdict_errors]++;
}

/* ---- messages ---- */

static void pong(struct child *c, const struct msg_pong *m)
{
	memcpy(c->counters, m->counters, sizeof(c->counters));
}

static void upstreams(struct gate *g, const struct msg_upstreams *m)
{
	if (upstream_rows_valid(m->rows, m->n))
		g->upstreams = *m;
	else
		gate_fail(g, "resolver: an upstream out of range", -EPROTO);
}

static void dispatch(struct gate *g, enum role from, const union message_buffer *m, struct pin_batch *batch)
{
	struct child *c = &g->children.all[from];

	switch ((unsigned int)m->h.type) {
	case MSG_READY:
		c->ready = true;
		if (children_ready(&g->children) && !g->policy.image && gate_reload(g) < 0)
			gate_fail(g, "the first compile", -EIO);
		return;
	case MSG_PONG:
		pong(c, (const struct msg_pong *)m);
		return;
	case MSG_UPSTREAMS:
		upstreams(g, (const struct msg_upstreams *)m);
		return;
	case MSG_ANCHORS_SEEN:
		gate_anchors_seen(g, (const struct msg_anchors_seen *)m);
		return;
	case MSG_ANCHORS_KEPT:
		gate_anchors_kept(g, (const struct msg_anchors_kept *)m);
		return;
	case MSG_IMAGE_READY:
		c->generation = ((const struct msg_image *)m)->generation;
		/* its decisions by the old image came before this message */
		if (from == ROLE_VERDICT && c->generation == g->policy.generation)
			gate_cut(g, g->policy.changed, NULL, 0);
		gate_tls_settle(g);
		return;
	case MSG_STARTED:
		children_started(&g->children, ROLE_TLS, (const struct msg_started *)m);
		return;
	case MSG_COMPILED:
		gate_events_send(g); /* what was pinned by the old policy stands in the log before the new one */
		gate_compiled(g, (const struct msg_compiled *)m);
		return;
	case MSG_PIN_REQUEST:
		if (!g->policy.image) {
			gate_fail(g, "resolver: a request before there is a policy", -EPROTO);
			return;
		}
		if (((const struct msg_pin_request *)m)->would_block) {
			withheld(g, (const struct msg_pin_request *)m);
			return;
		}
		memcpy(&batch->requests[batch->n++], m, sizeof(batch->requests[0]));
		if (batch->n == PINS_BATCH_MAX)
			flush_pins(g, batch);
		return;
	case MSG_DECISIONS:
		decisions(g, (const struct msg_decisions *)m);
		return;
	default:
		gate_events_send(g); /* as what a command does stands behind what was before it */
		gate_control(g, m); /* message_allowed() lets only the control process get here */
	}
}

static void child_readable(struct gate *g, enum role from)
{
	static struct pin_batch batch; /* large, and only one is filled at a time */
	struct child *c = &g->children.all[from];
	POSTERN_UNINITIALIZED union message_buffer m;
	int fds[CHANNEL_FDS_MAX];
	int rc = 1;

	/* it may have been ended, by this message or by one of another child in the same turn */
	for (unsigned int i = 0; (i < MESSAGES_EACH_TURN || channel_waiting(&c->channel)) && c->channel.fd >= 0 && !g->stop; i++) {
		rc = channel_recv(&c->channel, &m, fds);
		if (rc <= 0)
			break;
		c->answered_ms = clock_now_ms();
		dispatch(g, from, &m, &batch); /* no child sends descriptors to the gate */
	}
	flush_pins(g, &batch);
	if (rc < 0 && !g->stop) {
		reap(g);
		gate_fail(g, role_text(from), rc);
	}
}

/* ---- time ---- */

/* The verdict loop hears of every pin again after a start or reload, as fast as it reads. */
static void tell_notes(struct gate *g)
{
	const struct pins_view v = gate_view(g);
	struct pinbook *book = pins_book(g->pins);
	struct msg_pin_note note;

	for (unsigned int i = 0; i < NOTES_EACH_TICK && g->note_cursor != PINBOOK_NONE; i++) {
		uint32_t pin = g->note_cursor ? g->note_cursor - 1 : pinbook_next(book, PINBOOK_NONE);

		if (pin != PINBOOK_NONE && pinbook_live(book, pin) && pins_note(g->pins, &v, pin, &note) &&
			channel_send(&g->children.all[ROLE_VERDICT].channel, MSG_PIN_NOTE, &note, NULL, 0) == -EAGAIN)
			return;
		pin = pin == PINBOOK_NONE ? PINBOOK_NONE : pinbook_next(book, pin);
		g->note_cursor = pin == PINBOOK_NONE ? PINBOOK_NONE : pin + 1;
	}
}

static void tick(struct gate *g, unsigned int n, uint64_t due_ms, uint64_t now_ms)
{
	enum role silent;

	if (now_ms > due_ms + LATE_MS)
		children_excuse(&g->children, now_ms);
	silent = children_silent(&g->children, now_ms, g->options.silence_ms);

	if (silent != ROLE_GATE) {
		log_err("%s has not answered for %u ms", role_text(silent), g->options.silence_ms);
		gate_fail(g, "a process is stuck", -ETIMEDOUT);
		return;
	}
	if (n % PING_EVERY_TICKS == 0)
		children_ping(&g->children);
	if (!g->policy.image)
		return;
	(void)pins_tick(g->pins, g->sandboxes, now_ms);
	tell_notes(g);
	gate_anchors_tick(g, now_ms);
	if (n % CGROUPS_EVERY_TICKS == 0)
		gate_cgroups_look(g);
	if (n % TABLE_EVERY_TICKS == 0)
		gate_look_at_table(g);
	if (g->notify.watchdog_us && n % PING_EVERY_TICKS == 0)
		notify_send(&g->notify, "WATCHDOG=1");
}

/* ---- signals ---- */

static void hang_up(struct gate *g)
{
	struct msg_plain m = {0};

	if (children_send(&g->children, ROLE_AUDIT, MSG_REOPEN, &m, NULL, 0) < 0)
		gate_fail(g, "audit does not read", -ETIMEDOUT);
	if (g->policy.image)
		(void)!gate_reload(g); /* it says why not */
}

static void signal_readable(struct gate *g, int fd)
{
	struct signalfd_siginfo si;

	while (read(fd, &si, sizeof(si)) == (ssize_t)sizeof(si)) {
		if (si.ssi_signo == SIGHUP) {
			hang_up(g);
		} else if (si.ssi_signo == SIGCHLD) {
			reap(g);
		} else {
			g->stop = true;
			notify_send(&g->notify, "STOPPING=1");
		}
	}
}

static int open_signals(struct gate *g)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return -errno;
	return loop_add(&g->loop, fd, EPOLLIN, (struct loop_ref){.kind = REF_SIGNAL, .index = (uint32_t)fd}) < 0 ? -EIO : fd;
}

/* ---- the loop ---- */

static void event(struct gate *g, const struct loop_event *e)
{
	if (e->ref.kind == REF_SIGNAL)
		signal_readable(g, (int)e->ref.index);
	else if (e->ref.kind == REF_WATCH)
		gate_guard(g);
	else if (e->ref.kind == REF_CGROUPS)
		gate_cgroups_noticed(g);
	else
		child_readable(g, (enum role)e->ref.kind);
}

/* Until what is due next. */
static int wait_ms(const struct gate *g, uint64_t next_tick_ms, uint64_t now_ms)
{
	uint64_t due_ms = g->pin_events.n && g->pin_events.due_ms < next_tick_ms ? g->pin_events.due_ms : next_tick_ms;

	return due_ms > now_ms ? (int)(due_ms - now_ms) : 0;
}

static void run(struct gate *g)
{
	struct loop_event events[16];
	uint64_t next_tick_ms = clock_now_ms();
	unsigned int n_ticks = 0;

	while (!g->stop) {
		uint64_t now_ms = clock_now_ms();
		int n;

		if (now_ms >= next_tick_ms) {
			tick(g, n_ticks++, next_tick_ms, now_ms);
			next_tick_ms = now_ms + TICK_MS;
		}
		if (g->pin_events.n && now_ms >= g->pin_events.due_ms)
			gate_events_send(g);
		n = loop_wait(&g->loop, events, ARRAY_LEN(events), wait_ms(g, next_tick_ms, now_ms));
		if (n < 0)
			gate_fail(g, "event loop", n);
		for (int i = 0; i < n && !g->stop; i++)
			event(g, &events[i]);
	}
}

/*
 * The lifeline is a SIGKILL, and what a process had still to say of packets it saw would go with it: so the others end in order,
 * audit last, behind the last line of its log.
 */
static void finish(struct gate *g)
{
	gate_events_send(g);
	children_finish(&g->children, ROLE_AUDIT, FINISH_MS);
	if (g->policy.image)
		gate_event_text(g, EVENT_STOP, NULL, "posternd %s", g->exit_code ? "failed" : "stopped");
	children_finish(&g->children, ROLE_GATE, g->exit_code ? FINISH_MS : FINISH_LOG_MS);
}

int main(int argc, char **argv)
{
	static struct gate g = {.policy.image_fd = -1, .kernel.queue_fd = -1, .kernel.cgroup_fd = -1, .kernel.cgroup_watch_fd = -1,
		.listener_fd = -1, .audit.channel.fd = -1};
	int rc = options_parse(argc, argv, &g.options);

	if (rc)
		return rc > 0 ? 0 : 2;
	log_init("posternd", g.options.verbose ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO);
	if (geteuid() != 0) {
		log_err("needs root to start: it drops to its own user before the first packet");
		return 1;
	}
	g.started_wall_us = clock_wall_us();
	children_init(&g.children);
	policy_load_init(&g.policy.load);
	if (loop_init(&g.loop) < 0 || open_signals(&g) < 0 || gate_start(&g) < 0)
		return 1;
	run(&g);
	finish(&g);
	log_notice("stopped; rules and pins stay in the kernel, the gate is shut");
	return g.exit_code;
}
