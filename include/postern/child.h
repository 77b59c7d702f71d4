/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What every process that posternd starts has in common: how it is executed, and how it begins and ends.
 * folder: src/jail
 *
 * After execve(2) it finds its standard descriptors as they were, its channel to the gate on CHANNEL_FD, its lifeline behind it, and
 * nothing else open.
 */
#ifndef POSTERN_CHILD_H
#define POSTERN_CHILD_H

#include "postern/channel.h"
#include "postern/loop.h"

/*
 * Executes @argv[0] in this process, which has its user, its limits and its privileges by now. @lifeline_fd is the read end of a
 * pipe: when its last write end closes, which is in the gate, the kernel sends SIGKILL, stopped or not. Returns only on failure: -errno.
 */
POSTERN_MUST_CHECK int child_exec(const char *const argv[], int channel_fd, int lifeline_fd);

struct child_program {
	enum role role;
	/* Opens and makes what the role's filter does not permit any more; 0 or -errno. */
	int (*prepare)(void *shell);
	/* Serves until there is a reason to end: -EPIPE, the gate's end is the orderly one. */
	int (*run)(void *shell);
	/* Says what is left to be said once run() has ended; NULL: nothing. */
	void (*finish)(void *shell);
};

/*
 * The process, from its first to its last line: log, signals (ignored: a terminal or a supervisor sends them to the whole group, and the
 * gate says when it is over), @gate and @loop (may be NULL: none), prepare(), the filter, the gate's channel in the loop under a reference
 * of zeros, MSG_READY, run(), finish(). Returns the exit status.
 */
int child_main(const struct child_program *p, void *shell, struct channel *gate, struct loop *loop);

#endif
