/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What each process may do: one row a role (src/jail/roles.c): uid, capabilities, system
 * calls, resource limits. Entered once, before the first hostile byte.
 * folder: src/jail
 */
#ifndef POSTERN_ROLE_H
#define POSTERN_ROLE_H

#include <stdint.h>
#include <sys/types.h>

#include "postern/message.h"

struct role_ids {
	uid_t uid;
	gid_t gid;
};

/*
 * The role's user: postern-gate, postern-resolver, ... by name (sysusers), or @uid_base + role (the first role of that user)
 * where @uid_base is not 0. -ENOENT where the user does not exist.
 */
POSTERN_MUST_CHECK int role_ids(enum role r, uid_t uid_base, struct role_ids *ret_ids);
/* File name of the role's executable: "posternd", "postern-resolver", ... */
const char *role_executable(enum role r);
/* Capabilities kept, as a mask of 1 << CAP_*. */
uint64_t role_capabilities(enum role r);

/*
 * Drops to @ids with the role's capabilities only, no groups, no-new-privs, not dumpable, resource
 * limits. Has to be called as root (or with the capabilities of posternd.service). Any error: -errno, and
 * the caller exits.
 */
POSTERN_MUST_CHECK int role_drop(enum role r, const struct role_ids *ids);
/* Descriptors and further processes of another role of the same user, which are no more than ours. 0 or -errno. */
POSTERN_MUST_CHECK int role_limit(enum role r);
/* Loads the role's system call filter: what is not in its row kills the process. After everything is opened. */
POSTERN_MUST_CHECK int role_filter(enum role r);

#endif
