/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cgroup v2 directories, seen from their mount. Private to src/gate. */
#ifndef GATE_CGROUPS_H
#define GATE_CGROUPS_H

#include <stdbool.h>
#include <stdint.h>

/* The id that nf_tables and sock_diag know it by: the inode of the directory. 0: it does not exist. */
uint64_t cgroups_id(int mount_fd, const char *path);
/* Is the cgroup @id the one at @path or below it? Looks at a bounded number of directories; false beyond. */
bool cgroups_below(int mount_fd, const char *path, uint64_t id);
/*
 * Makes @inotify_fd readable when the cgroup @path below @mount, or the folder nearest to it that can exist before it, comes or
 * goes. To be called again after each such event, and before cgroups_id(); the same watch twice is one. Best effort: a cgroup
 * that is made in the middle of it is found by looking at times.
 */
void cgroups_watch(int inotify_fd, const char *mount, const char *path);

#endif
