/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A gate for tests: starts a real child process of the daemon on a channel and speaks its messages,
 * driven by lines on standard input. What it prints is for the Python test above it.
 */
#ifndef TESTS_FAKEGATE_H
#define TESTS_FAKEGATE_H

#include <sys/types.h>

#include "postern/channel.h"

struct fakegate {
	struct channel channel;
	pid_t pid;
};

/* Starts @exe with its channel on fd 3 and waits for MSG_READY. Ends the program on failure. */
void fakegate_start(struct fakegate *g, const char *exe, enum role role);
/* The next message within five seconds; ends the program otherwise, or where its type is not @want. */
void fakegate_wait(struct fakegate *g, enum message_type want, union message_buffer *ret_message);
/* A channel from @from to the child, handed over with MSG_PEER; this side's end is returned. */
int fakegate_peer(struct fakegate *g, enum role from);
/* Sends; ends the program on failure. */
void fakegate_send(struct fakegate *g, enum message_type type, void *message, int fd);
/* Closes the channel and returns the child's exit code, 128 + signal, or -1 where it does not end within ten seconds. */
int fakegate_end(struct fakegate *g);

#endif
