/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Starts a process of postern as the gate would: its own uid, its capabilities, the channel on fd 3; the
 * other end stays here, in the place of the gate.
 */
#ifndef TEST_SPAWN_H
#define TEST_SPAWN_H

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "postern/channel.h"
#include "postern/role.h"

#define SPAWN_UID_BASE 64200
#define SPAWN_WAIT_MS 10000

static inline void spawn_fail(const char *what)
{
	fprintf(stderr, "rig: %s: %s\n", what, strerror(errno));
	exit(1);
}

static inline void spawn_child(enum role r, const char *path, int fd)
{
	struct role_ids ids;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	fd = fcntl(fd, F_DUPFD, 10);
	if (dup2(fd, CHANNEL_FD) < 0 || role_ids(r, SPAWN_UID_BASE, &ids) < 0 || role_drop(r, &ids) < 0)
		spawn_fail("drop");
	close_range(CHANNEL_FD + 1, ~0u, 0);
	execl(path, path, (char *)NULL);
	spawn_fail(path);
}

/* Waits for the next message of @c; its fds are not wanted. */
static inline void spawn_recv(struct channel *c, union message_buffer *ret_message)
{
	struct pollfd fd = {.fd = c->fd, .events = POLLIN};
	int fds[CHANNEL_FDS_MAX];
	int rc;

	while ((rc = channel_recv(c, ret_message, fds)) == 0)
		if (poll(&fd, 1, SPAWN_WAIT_MS) <= 0)
			spawn_fail("no message");
	if (rc < 0)
		spawn_fail("channel");
}

/* Returns when it is ready: filter on, waiting. */
static inline pid_t spawn(enum role r, const char *path, struct channel *ret_channel)
{
	union message_buffer m;
	int fds[2];
	pid_t pid;

	if (channel_pair(fds) < 0)
		spawn_fail("channel");
	pid = fork();
	if (pid == 0)
		spawn_child(r, path, fds[1]);
	close(fds[1]);
	channel_init(ret_channel, fds[0], ROLE_GATE, r);
	spawn_recv(ret_channel, &m);
	if (m.h.type != MSG_READY)
		spawn_fail("not ready");
	return pid;
}

static inline void spawn_peer(struct channel *c, enum role other, int fd)
{
	struct msg_peer m = {.role = (uint8_t)other};

	if (channel_send(c, MSG_PEER, &m, &fd, 1) < 0)
		spawn_fail("peer");
	close(fd);
}

#endif
