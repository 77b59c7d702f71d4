/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who is at the other end of a connection, and may they speak to us?
 */
#ifndef CONTROL_PEER_H
#define CONTROL_PEER_H

#include <stdbool.h>
#include <sys/types.h>

#include "postern/compiler.h"

#define GID_NONE ((gid_t)-1)

struct peer {
	uid_t uid;
	gid_t gid;
	pid_t pid;
};

/* The group of the listening socket's file, GID_NONE where it cannot be found or is root's. */
gid_t peer_group(int listener);
/* The credentials of connect(2), from unix(7). 0 or -errno. */
POSTERN_MUST_CHECK int peer_get(int fd, struct peer *ret_peer);
/* root, or a member of @group by primary or supplementary group. */
bool peer_allowed(int fd, const struct peer *p, gid_t group);

#endif
