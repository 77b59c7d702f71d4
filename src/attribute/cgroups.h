/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The cgroup v2 hierarchy: from a cgroup's id to its path and to the processes in it
 * (cgroups(7), open_by_handle_at(2): needs CAP_DAC_READ_SEARCH).
 */
#ifndef ATTRIBUTE_CGROUPS_H
#define ATTRIBUTE_CGROUPS_H

#include <stddef.h>
#include <stdint.h>

#include "postern/compiler.h"

#define CGROUPS_PIDS_MAX 16384 /* of one cgroup; what is beyond is not looked at */

struct cgroups;

/* Finds the mount in /proc/self/mountinfo and opens it. 0, -ENOENT where there is none, or -errno. */
POSTERN_MUST_CHECK int cgroups_new(struct cgroups **ret_cgroups);
void cgroups_free(struct cgroups *c); /* NULL is fine */
/*
 * Opens the directory of cgroup @id; its path below the mount, without leading slash, "/" for the root,
 * cut to @cap. Returns an fd for cgroups_pids(), or -errno (-ESTALE: the cgroup is gone).
 */
POSTERN_MUST_CHECK int cgroups_open(struct cgroups *c, uint64_t id, char *ret_path, size_t cap);
/* The pids in the directory @fd, newest first as far as the kernel keeps the order; returns how many, at most @n, or -errno. */
POSTERN_MUST_CHECK int cgroups_pids(struct cgroups *c, int fd, int32_t *ret_pids, size_t n);

#endif
