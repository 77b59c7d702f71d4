/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Children: see the header. The order in begin() is the point of it: nothing hostile is read before the filter is on, and the gate does
 * not hear MSG_READY before.
 */
#include "postern/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "postern/log.h"
#include "postern/role.h"

#define LIFELINE_FD (CHANNEL_FD + 1)

/*
 * The gate has neither the uid of its children nor CAP_KILL, and a stopped child would keep the stub ports and the packet queue from
 * the next start. So owner and signal of the pipe (fcntl(2) F_SETOWN, F_SETSIG) are the child itself and SIGKILL.
 */
static int hang_on_lifeline(int fd)
{
	if (dup2(fd, LIFELINE_FD) < 0)
		return -errno;
	if (fcntl(LIFELINE_FD, F_SETSIG, SIGKILL) < 0 || fcntl(LIFELINE_FD, F_SETOWN, getpid()) < 0 ||
		fcntl(LIFELINE_FD, F_SETFL, O_ASYNC | O_NONBLOCK) < 0)
		return -errno;
	return 0;
}

int child_exec(const char *const argv[], int channel_fd, int lifeline_fd)
{
	static const char *const envp[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", NULL};
	int rc;

	/* both may sit where the other belongs: out of the way first */
	channel_fd = fcntl(channel_fd, F_DUPFD, 10);
	lifeline_fd = fcntl(lifeline_fd, F_DUPFD, 10);
	if (channel_fd < 0 || lifeline_fd < 0 || dup2(channel_fd, CHANNEL_FD) < 0)
		return -errno;
	rc = hang_on_lifeline(lifeline_fd);
	if (rc < 0)
		return rc;
	if (syscall(SYS_close_range, LIFELINE_FD + 1, ~0u, 0) < 0)
		return -errno;
	/* execve(2) changes none of the strings; its prototype is older than const */
	execve(argv[0], (char *const *)argv, (char *const *)envp);
	return -errno;
}

static int begin(const struct child_program *p, void *shell, struct channel *gate, struct loop *loop)
{
	static const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE};
	struct msg_plain ready = {0};
	int rc = 0;

	for (size_t i = 0; i < ARRAY_LEN(ignored); i++)
		signal(ignored[i], SIG_IGN);
	channel_init(gate, CHANNEL_FD, p->role, ROLE_GATE);
	if (loop)
		rc = loop_init(loop);
	if (rc == 0)
		rc = p->prepare(shell);
	if (rc == 0)
		rc = role_filter(p->role);
	if (rc == 0 && loop)
		rc = loop_add(loop, gate->fd, EPOLLIN, (struct loop_ref){0});
	return rc < 0 ? rc : channel_send(gate, MSG_READY, &ready, NULL, 0);
}

int child_main(const struct child_program *p, void *shell, struct channel *gate, struct loop *loop)
{
	int rc;

	log_init(role_executable(p->role), LOG_LEVEL_INFO);
	rc = begin(p, shell, gate, loop);
	if (rc == 0) {
		rc = p->run(shell);
		if (p->finish)
			p->finish(shell);
	}
	if (rc < 0 && rc != -EPIPE)
		log_err("ends error=\"%s\"", strerror(-rc));
	return rc == -EPIPE ? 0 : 1;
}
