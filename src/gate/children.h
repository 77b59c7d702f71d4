/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The gate's children: started once and watched for ever, but for postern-tls, which is there while the policy has use for it.
 * Private to src/gate.
 */
#ifndef GATE_CHILDREN_H
#define GATE_CHILDREN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "postern/channel.h"
#include "postern/role.h"

struct child {
	struct channel channel; /* fd -1: not started */
	pid_t pid; /* 0: not started, or postern-standby has not said it yet */
	int lifeline; /* write end, never written: its close kills the child, stopped or not */
	uint64_t answered_ms;
	uint64_t counters[COUNTERS_MAX];
	bool ready;
	uint32_t generation; /* of the image that it has in force */
};

struct children {
	struct child all[ROLE_COUNT]; /* [ROLE_GATE] is unused */
	uint32_t n_later;	      /* started by postern-standby so far */
};

struct spawn {
	const char *libexec_dir;
	const char *config; /* for postern-policy */
	uid_t uid_base;
};

void children_init(struct children *c);
/*
 * Forks, drops to @r, executes its program with the channel on fd 3. As root, before the gate drops.
 * 0 or -errno; failures after the fork show as a child that ends.
 */
POSTERN_MUST_CHECK int children_start(struct children *c, enum role r, const struct spawn *how);
/*
 * The same for one that is not there yet, at any time: postern-standby forks and executes it. Its pid comes with MSG_STARTED, its channel
 * can be written to at once. After an error the daemon has to stop.
 */
POSTERN_MUST_CHECK int children_start_later(struct children *c, enum role r);
/* On MSG_STARTED: what postern-standby says of the last one. */
void children_started(struct children *c, enum role r, const struct msg_started *m);
/* Ends one that was started later; it has no say in it. Its channel is in no loop any more. */
void children_end(struct children *c, enum role r);
/* A channel between two children: both get MSG_PEER. */
POSTERN_MUST_CHECK int children_connect(struct children *c, enum role a, enum role b);

/*
 * Sends, waiting at most 2 s for room: for what must arrive (images, sandboxes). -ETIMEDOUT: stop the daemon.
 */
POSTERN_MUST_CHECK int children_send(struct children *c, enum role to, enum message_type type, void *message,
	const int *fds, unsigned int n_fds);
void children_ping(struct children *c);
/* The first child that has not answered for @limit_ms, or ROLE_GATE for none. */
enum role children_silent(const struct children *c, uint64_t now_ms, uint64_t limit_ms);
/* Silence counts from now on: it was the gate that did not run (stopped, or the machine was). */
void children_excuse(struct children *c, uint64_t now_ms);
bool children_ready(const struct children *c);
/*
 * The orderly end of all but @but (ROLE_GATE: of all): their channels close, which they take for the word to say what is left and
 * exit; waits until they have, at most @limit_ms. What does not end is for the lifeline.
 */
void children_finish(struct children *c, enum role but, unsigned int limit_ms);

#endif
