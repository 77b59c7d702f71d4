/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Children. Each is fork + exec, so that nothing of the gate's memory, and none of its libraries, is
 * in it (postern/child.h). A child started later, by postern-standby, is a child of the gate's all the same.
 */
#include "children.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "postern/child.h"
#include "postern/clock.h"
#include "postern/log.h"

#define SEND_WAIT_MS 2000
#define FINISH_POLL_MS 5

void children_init(struct children *c)
{
	memset(c, 0, sizeof(*c));
	for (unsigned int r = 0; r < ROLE_COUNT; r++) {
		c->all[r].channel.fd = -1;
		c->all[r].lifeline = -1;
	}
}

/* Runs in the child; returns only on failure. */
static void become(enum role r, const struct spawn *how, const int fds[static 2])
{
	struct role_ids ids;
	char path[512], tls[512];
	const char *argv[] = {path, "--channel", NULL, NULL, NULL};
	sigset_t none;

	snprintf(path, sizeof(path), "%s/%s", how->libexec_dir, role_executable(r));
	snprintf(tls, sizeof(tls), "%s/%s", how->libexec_dir, role_executable(ROLE_TLS));
	if (r == ROLE_POLICY) {
		argv[2] = "--config";
		argv[3] = how->config;
	} else if (r == ROLE_STANDBY) {
		argv[1] = tls;
	}
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL); /* cannot fail with a valid set */
	if (role_ids(r, how->uid_base, &ids) < 0)
		log_err("no user for %s: create the users with systemd-sysusers, or use --uid-base", role_text(r));
	else if (role_drop(r, &ids) < 0)
		log_err("cannot become %s: %s", role_text(r), strerror(errno));
	else
		log_err("cannot execute %s: %s", path, strerror(-child_exec(argv, fds[0], fds[1])));
}

/* The gate's ends of a channel and a lifeline are @child's; the others are the caller's. */
static int open_child(struct child *child, enum role r, int ret_fds[static 2])
{
	int channel[2], lifeline[2];
	int rc = channel_pair(channel);

	if (rc < 0)
		return rc;
	if (pipe2(lifeline, O_CLOEXEC) < 0) {
		rc = -errno;
		close(channel[0]);
		close(channel[1]);
		return rc;
	}
	channel_init(&child->channel, channel[0], ROLE_GATE, r);
	child->lifeline = lifeline[1];
	child->answered_ms = clock_now_ms();
	ret_fds[0] = channel[1];
	ret_fds[1] = lifeline[0];
	return 0;
}

int children_start(struct children *c, enum role r, const struct spawn *how)
{
	struct child *child = &c->all[r];
	int fds[2];
	int rc = open_child(child, r, fds);

	if (rc < 0)
		return rc;
	child->pid = fork();
	if (child->pid == 0) {
		become(r, how, fds);
		_exit(126);
	}
	rc = child->pid < 0 ? -errno : 0;
	close(fds[0]);
	close(fds[1]);
	return rc; /* the caller of one that failed exits */
}

int children_start_later(struct children *c, enum role r)
{
	struct msg_plain m = {.h.seq = ++c->n_later};
	int fds[2];
	int rc = open_child(&c->all[r], r, fds);

	if (rc < 0)
		return rc;
	rc = children_send(c, ROLE_STANDBY, MSG_START, &m, fds, 2);
	close(fds[0]);
	close(fds[1]);
	return rc;
}

void children_started(struct children *c, enum role r, const struct msg_started *m)
{
	if (m->h.seq == c->n_later && c->all[r].channel.fd >= 0) /* else it was ended meanwhile */
		c->all[r].pid = m->pid;
}

void children_end(struct children *c, enum role r)
{
	struct child *child = &c->all[r];

	channel_fini(&child->channel);
	close(child->lifeline);
	*child = (struct child){.channel.fd = -1, .lifeline = -1};
}

int children_send(struct children *c, enum role to, enum message_type type, void *message, const int *fds,
	unsigned int n_fds)
{
	struct channel *ch = &c->all[to].channel;
	uint64_t deadline_ms = clock_now_ms() + SEND_WAIT_MS;

	for (;;) {
		int rc = channel_send(ch, type, message, fds, n_fds);
		struct pollfd p = {.fd = ch->fd, .events = POLLOUT};

		if (rc != -EAGAIN)
			return rc;
		if (clock_now_ms() >= deadline_ms)
			return -ETIMEDOUT;
		(void)poll(&p, 1, 50); /* the deadline bounds the loop */
	}
}

int children_connect(struct children *c, enum role a, enum role b)
{
	struct msg_peer to_a = {.role = (uint8_t)b}, to_b = {.role = (uint8_t)a};
	int fds[2];
	int rc = channel_pair(fds);

	if (rc < 0)
		return rc;
	rc = children_send(c, a, MSG_PEER, &to_a, &fds[0], 1);
	if (rc == 0)
		rc = children_send(c, b, MSG_PEER, &to_b, &fds[1], 1);
	close(fds[0]);
	close(fds[1]);
	return rc;
}

void children_ping(struct children *c)
{
	struct msg_plain ping = {0};

	for (unsigned int r = 0; r < ROLE_COUNT; r++)
		if (c->all[r].channel.fd >= 0)
			(void)!channel_send(&c->all[r].channel, MSG_PING, &ping, NULL, 0); /* silence is noticed */
}

enum role children_silent(const struct children *c, uint64_t now_ms, uint64_t limit_ms)
{
	for (unsigned int r = 0; r < ROLE_COUNT; r++)
		if (c->all[r].channel.fd >= 0 && now_ms - c->all[r].answered_ms > limit_ms)
			return (enum role)r;
	return ROLE_GATE;
}

void children_excuse(struct children *c, uint64_t now_ms)
{
	for (unsigned int r = 0; r < ROLE_COUNT; r++)
		c->all[r].answered_ms = now_ms;
}

bool children_ready(const struct children *c)
{
	for (unsigned int r = 0; r < ROLE_COUNT; r++)
		if (c->all[r].channel.fd >= 0 && !c->all[r].ready)
			return false;
	return true;
}

static bool ended(const struct child *child)
{
	/* -1: reaped before */
	return child->pid <= 0 || waitpid(child->pid, NULL, WNOHANG) != 0;
}

void children_finish(struct children *c, enum role but, unsigned int limit_ms)
{
	uint64_t deadline_ms = clock_now_ms() + limit_ms;

	for (unsigned int r = 0; r < ROLE_COUNT; r++)
		if (r != but)
			channel_fini(&c->all[r].channel);
	for (unsigned int r = 0; r < ROLE_COUNT; r++)
		while (r != but && !ended(&c->all[r]) && clock_now_ms() < deadline_ms)
			(void)poll(NULL, 0, FINISH_POLL_MS); /* the deadline bounds the loop */
}
