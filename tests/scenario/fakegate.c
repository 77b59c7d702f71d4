/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See the header. The child is not dropped to its user: that is the gate's part, and tested there. */
#include "fakegate.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void fail(const char *what, int error)
{
	fprintf(stderr, "fakegate: %s: %s\n", what, strerror(error));
	exit(3);
}

void fakegate_start(struct fakegate *g, const char *exe, enum role role)
{
	union message_buffer m;
	int fds[2];
	int rc = channel_pair(fds);

	if (rc < 0)
		fail("channel_pair", -rc);
	g->pid = fork();
	if (g->pid < 0)
		fail("fork", errno);
	if (g->pid == 0) {
		/* by way of another number: dup2() to itself would leave close-on-exec on */
		if (dup2(fds[1], 100) < 0 || dup2(100, CHANNEL_FD) < 0)
			_exit(126);
		close(100);
		execl(exe, exe, (char *)NULL);
		_exit(127);
	}
	close(fds[1]);
	channel_init(&g->channel, fds[0], ROLE_GATE, role);
	fakegate_wait(g, MSG_READY, &m);
}

void fakegate_wait(struct fakegate *g, enum message_type want, union message_buffer *ret_message)
{
	struct pollfd p = {.fd = g->channel.fd, .events = POLLIN};
	int fds[CHANNEL_FDS_MAX];
	int rc = channel_waiting(&g->channel) || poll(&p, 1, 5000) == 1 ? channel_recv(&g->channel, ret_message, fds) : -ETIMEDOUT;

	if (rc <= 0)
		fail(message_text(want), rc ? -rc : EAGAIN);
	if (ret_message->h.type != want)
		fail(message_text((enum message_type)ret_message->h.type), EPROTO);
}

void fakegate_send(struct fakegate *g, enum message_type type, void *message, int fd)
{
	int rc = channel_send(&g->channel, type, message, &fd, fd >= 0 ? 1 : 0);

	if (rc < 0)
		fail(message_text(type), -rc);
}

int fakegate_peer(struct fakegate *g, enum role from)
{
	struct msg_peer m = {.role = (uint8_t)from};
	int fds[2];
	int rc = channel_pair(fds);

	if (rc < 0)
		fail("channel_pair", -rc);
	fakegate_send(g, MSG_PEER, &m, fds[1]);
	close(fds[1]);
	return fds[0];
}

int fakegate_end(struct fakegate *g)
{
	int status;

	channel_fini(&g->channel);
	for (unsigned int i = 0; i < 1000; i++) {
		if (waitpid(g->pid, &status, WNOHANG) == g->pid)
			return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
		usleep(10000);
	}
	kill(g->pid, SIGKILL);
	return -1;
}
