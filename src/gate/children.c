/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Children. Each is fork + exec, so that nothing of the gate's memory, and none of its libraries, is
 * in it. After exec it finds fd 0-2 as they were, fd 3 its channel, fd 4 its lifeline, and nothing else.
 *
 * The lifeline: the gate has neither the uid of its children nor CAP_KILL, and a stopped child would keep
 * the stub ports and the packet queue from the next start. So each child owns the read end of a pipe
 * whose owner and signal (fcntl(2) F_SETOWN, F_SETSIG) are itself and SIGKILL; when the last write end
 * closes, which is in the gate, the kernel sends it.
 */
#include "children.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "postern/clock.h"
#include "postern/log.h"

#define LIFELINE_FD 4
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

static int hang_on_lifeline(int fd)
{
	if (dup2(fd, LIFELINE_FD) < 0)
		return -errno;
	if (fcntl(LIFELINE_FD, F_SETSIG, SIGKILL) < 0 || fcntl(LIFELINE_FD, F_SETOWN, getpid()) < 0 ||
		fcntl(LIFELINE_FD, F_SETFL, O_ASYNC | O_NONBLOCK) < 0)
		return -errno;
	return 0;
}

/* Runs in the child; returns only on failure. */
static void become(enum role r, const struct spawn *how, int channel_fd, int lifeline_fd)
{
	struct role_ids ids;
	char path[512];
	const char *argv_policy[] = {path, "--config", how->config, "--channel", NULL};
	const char *argv_plain[] = {path, "--channel", NULL};
	const char *envp[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", NULL};
	sigset_t none;

	snprintf(path, sizeof(path), "%s/%s", how->libexec_dir, role_executable(r));
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL); /* cannot fail with a valid set */
	if (role_ids(r, how->uid_base, &ids) < 0) {
		log_err("no user for %s: create the users with systemd-sysusers, or use --uid-base", role_text(r));
		return;
	}
	/* both fds may sit where the other belongs: move them out of the way first */
	channel_fd = fcntl(channel_fd, F_DUPFD, 10);
	lifeline_fd = fcntl(lifeline_fd, F_DUPFD, 10);
	if (channel_fd < 0 || lifeline_fd < 0 || dup2(channel_fd, CHANNEL_FD) < 0)
		return;
	if (role_drop(r, &ids) < 0) {
		log_err("cannot become %s: %s", role_text(r), strerror(errno));
		return;
	}
	if (hang_on_lifeline(lifeline_fd) < 0 || syscall(SYS_close_range, LIFELINE_FD + 1, ~0u, 0) < 0)
		return;
	/* execve(2) changes none of the strings; its prototype is older than const */
	execve(path, (char *const *)(r == ROLE_POLICY ? argv_policy : argv_plain), (char *const *)envp);
	log_err("cannot execute %s: %s", path, strerror(errno));
}

int children_start(struct children *c, enum role r, const struct spawn *how)
{
	struct child *child = &c->all[r];
	int channel[2], lifeline[2], rc;
	pid_t pid;

	rc = channel_pair(channel);
	if (rc < 0)
		return rc;
	if (pipe2(lifeline, O_CLOEXEC) < 0) {
		rc = -errno;
		goto out_channel;
	}
	pid = fork();
	if (pid < 0) {
		rc = -errno;
		close(lifeline[0]);
		close(lifeline[1]);
		goto out_channel;
	}
	if (pid == 0) {
		become(r, how, channel[1], lifeline[0]);
		_exit(126);
	}
	close(channel[1]);
	close(lifeline[0]);
	channel_init(&child->channel, channel[0], ROLE_GATE, r);
	child->pid = pid;
	child->lifeline = lifeline[1];
	child->answered_ms = clock_now_ms();
	return 0;
out_channel:
	close(channel[0]);
	close(channel[1]);
	return rc;
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
