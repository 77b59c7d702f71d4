/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * postern-audit: receives the events of every process and writes them down (postern-audit(5)).
 *
 * Started by posternd as the user postern-audit, without capabilities, the channel to the gate on fd 3. It parses
 * only fixed-size messages; it may open, rename and delete files, nothing else. Two threads: this
 * one receives and never waits for the disk, the other (writer.c) writes.
 *
 * The end: when the gate closes its channel, what the others still sent is read, the writer gets
 * two seconds (twice where events were lost, for the line that says so), and the process leaves. Signals
 * that a terminal or a supervisor sends to the whole group are ignored: the last events have to be written.
 */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "postern/channel.h"
#include "postern/child.h"
#include "postern/image.h"
#include "postern/log.h"

#include "record.h"

#define BURST_MAX 64 /* messages of one channel before the next gets its turn */
#define FINISH_MS 2000
#define SETTLE_MS 1000

struct audit {
	struct loop loop;
	struct channel channels[ROLE_COUNT]; /* by the role at the other end; fd -1: none */
	struct record record;
};

static struct audit the_audit;

static int add_channel(struct audit *a, int fd, enum role peer)
{
	struct loop_ref ref = {.index = (uint32_t)peer};

	if (a->channels[peer].fd >= 0)
		loop_remove(&a->loop, a->channels[peer].fd);
	channel_fini(&a->channels[peer]);
	channel_init(&a->channels[peer], fd, ROLE_AUDIT, peer);
	return loop_add(&a->loop, fd, EPOLLIN, ref);
}

static int on_peer(struct audit *a, const struct msg_peer *m, int fd)
{
	if (m->role >= ROLE_COUNT || !message_allowed(MSG_EVENT, (enum role)m->role, ROLE_AUDIT) || m->role == ROLE_GATE) {
		close(fd);
		return -EPROTO;
	}
	return add_channel(a, fd, (enum role)m->role);
}

static int on_image(struct audit *a, struct msg_image *m, int fd)
{
	struct image *im;
	int rc = image_map(fd, &im);

	close(fd);
	if (rc < 0)
		return rc;
	record_configure(&a->record, im);
	image_unmap(im);
	return channel_send(&a->channels[ROLE_GATE], MSG_IMAGE_READY, m, NULL, 0);
}

static int on_ping(struct audit *a, const struct message_header *h)
{
	struct msg_pong pong = {.h.seq = h->seq};

	record_counters(&a->record, pong.counters);
	return channel_send(&a->channels[ROLE_GATE], MSG_PONG, &pong, NULL, 0);
}

/* What the table of messages lets reach this process. */
static int on_message(struct audit *a, enum role from, union message_buffer *m, int fd)
{
	if (m->h.type == MSG_EVENT)
		return record_event(&a->record, from, (const struct msg_event *)m);
	if (m->h.type == MSG_PING)
		return on_ping(a, &m->h);
	if (m->h.type == MSG_PEER)
		return on_peer(a, (const struct msg_peer *)m, fd);
	if (m->h.type == MSG_IMAGE)
		return on_image(a, (struct msg_image *)m, fd);
	if (m->h.type == MSG_REOPEN) {
		writer_reopen(a->record.writer);
		return 0;
	}
	return -EPROTO;
}

/* 0, or why the process has to end; the end of a channel other than the gate's is none. */
static int on_channel(struct audit *a, enum role from)
{
	POSTERN_UNINITIALIZED union message_buffer m;
	int fds[CHANNEL_FDS_MAX];
	int rc = 1;

	for (unsigned int i = 0; (i < BURST_MAX || channel_waiting(&a->channels[from])) && a->channels[from].fd >= 0; i++) {
		rc = channel_recv(&a->channels[from], &m, fds);
		if (rc <= 0)
			break;
		rc = on_message(a, from, &m, fds[0]);
		if (rc < 0)
			break;
	}
	if (rc == -EPIPE && from != ROLE_GATE) {
		loop_remove(&a->loop, a->channels[from].fd);
		channel_fini(&a->channels[from]);
		return 0;
	}
	if (rc < 0 && rc != -EPIPE)
		log_err("channel broken peer=%s error=\"%s\"", role_text(from), strerror(-rc));
	return rc < 0 ? rc : 0;
}

static int run(void *shell)
{
	struct audit *a = shell;
	struct loop_event events[ROLE_COUNT];
	int rc = 0;

	while (rc == 0) {
		int n = loop_wait(&a->loop, events, ARRAY_LEN(events), record_waits(&a->record) ? SETTLE_MS : -1);

		if (n < 0)
			return n;
		for (int i = 0; i < n && rc == 0; i++)
			rc = on_channel(a, (enum role)events[i].ref.index);
		record_settle(&a->record);
	}
	return rc;
}

/* The gate is gone: take what the others had sent, as far as it is there. */
static void drain(void *shell)
{
	struct audit *a = shell;

	for (unsigned int role = 0; role < ROLE_COUNT; role++) {
		POSTERN_UNINITIALIZED union message_buffer m;
		int fds[CHANNEL_FDS_MAX];

		while (role != ROLE_GATE && a->channels[role].fd >= 0 &&
			channel_recv(&a->channels[role], &m, fds) > 0)
			if (m.h.type != MSG_EVENT || record_event(&a->record, (enum role)role, (struct msg_event *)&m) < 0)
				break;
	}
	if (record_waits(&a->record) && writer_finish(a->record.writer, FINISH_MS))
		record_settle(&a->record); /* there is room for it now */
	if (!writer_finish(a->record.writer, FINISH_MS) || record_waits(&a->record))
		log_err("audit log: the last events could not be written");
}

static int prepare(void *shell)
{
	struct audit *a = shell;
	struct writer *writer = NULL;
	int rc;

	umask(027);
	for (unsigned int i = ROLE_GATE + 1; i < ROLE_COUNT; i++)
		a->channels[i].fd = -1;
	rc = writer_start(&writer);
	record_init(&a->record, writer);
	return rc;
}

int main(void)
{
	static const struct child_program program = {.role = ROLE_AUDIT, .prepare = prepare, .run = run, .finish = drain};

	return child_main(&program, &the_audit, &the_audit.channels[ROLE_GATE], &the_audit.loop);
}
