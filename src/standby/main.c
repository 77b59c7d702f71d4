/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * postern-standby: starts postern-tls when the gate says that the policy has use for it.
 *
 * The gate executes nothing once it has dropped its privileges, and a policy that asks upstreams over TLS may come into force at any
 * reload. So this process waits for that day as the user postern-tls, without capabilities, and holds none of the memory that a TLS
 * library takes. It reads fixed-size messages of the gate and nothing else. The program to be executed is its first argument.
 *
 * What it starts is a child of the gate (clone(2) CLONE_PARENT) with a channel and a lifeline of its own, like all others:
 * the gate sees its end, and how it ended.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "postern/child.h"
#include "postern/log.h"
#include "postern/role.h"

#define STACK_BYTES (256 * 1024)

struct standby {
	struct channel gate;
	struct loop loop;
	const char *program;
	int fds[2]; /* for what is being started: channel, lifeline */
};

/* In the new process; returns only on failure. */
static int become(void *context)
{
	const struct standby *s = context;
	const char *const argv[] = {s->program, "--channel", NULL};
	int rc = role_limit(ROLE_TLS);

	if (rc == 0)
		rc = child_exec(argv, s->fds[0], s->fds[1]);
	log_err("cannot execute %s: %s", s->program, strerror(-rc));
	return 126;
}

static int on_start(struct standby *s, const struct message_header *h, const int fds[static 2])
{
	static _Alignas(16) char stack[STACK_BYTES]; /* of the new process: it has a copy */
	struct msg_started started = {.h.seq = h->seq};
	int rc;

	memcpy(s->fds, fds, sizeof(s->fds));
	/* not clone3(2): systemd's RestrictNamespaces, which cannot look into its argument, refuses it */
	started.pid = clone(become, stack + sizeof(stack), CLONE_PARENT | SIGCHLD, s);
	rc = -errno;
	close(fds[0]);
	close(fds[1]);
	return started.pid < 0 ? rc : channel_send(&s->gate, MSG_STARTED, &started, NULL, 0);
}

static int on_gate(struct standby *s)
{
	union message_buffer m;
	struct msg_pong pong = {0};
	int fds[CHANNEL_FDS_MAX];
	int rc = channel_recv(&s->gate, &m, fds);

	if (rc <= 0)
		return rc;
	if (m.h.type == MSG_START)
		return on_start(s, &m.h, fds);
	if (m.h.type != MSG_PING)
		return -EPROTO;
	pong.h.seq = m.h.seq;
	return channel_send(&s->gate, MSG_PONG, &pong, NULL, 0);
}

static int prepare(void *shell)
{
	const struct standby *s = shell;

	return s->program ? 0 : -EINVAL;
}

static int run(void *shell)
{
	struct standby *s = shell;
	struct loop_event event;
	int rc = 0;

	while (rc == 0) {
		rc = loop_wait(&s->loop, &event, 1, -1);
		if (rc > 0)
			rc = on_gate(s);
	}
	return rc;
}

int main(int argc, char **argv)
{
	static const struct child_program program = {.role = ROLE_STANDBY, .prepare = prepare, .run = run};
	struct standby s = {.program = argc == 2 ? argv[1] : NULL};

	return child_main(&program, &s, &s.gate, &s.loop);
}
