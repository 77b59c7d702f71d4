/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Processes in /proc (proc(5)): which one holds a socket, and what it is. Looking into other users'
 * processes needs CAP_SYS_PTRACE. Bounded in processes, descriptors and time.
 */
#ifndef ATTRIBUTE_PROCS_H
#define ATTRIBUTE_PROCS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/event.h"

#define PROCS_PIDS_MAX 512   /* processes looked into for one question */
#define PROCS_FDS_MAX 4096   /* descriptors of one process */

struct procs;

/* One search: what is looked for, and until when. */
struct procs_search {
	uint32_t inode; /* of the socket */
	uint32_t uid;	/* of the socket: processes of this user are looked into first */
	uint64_t until_us;  /* clock_now_us() */
	uint32_t n_scanned; /* processes looked into so far */
};

POSTERN_MUST_CHECK int procs_new(struct procs **ret_procs); /* 0 or -errno */
void procs_free(struct procs *p);			      /* NULL is fine */
/* The pids of the whole machine, highest first; returns how many, at most @n (then the lowest ones), or -errno. */
POSTERN_MUST_CHECK int procs_list(struct procs *p, int32_t *ret_pids, size_t n);
/*
 * Looks for the first of @pids that holds the socket and fills pid, executable and command line of @by; where
 * @by->cgroup is not known also that (the process's, not the socket's), with unit and container; for a process at the root of
 * the cgroup v2 hierarchy (@by->cgroup "/") the container that its other cgroups name. False: none does, or the limits were reached.
 */
bool procs_find(struct procs *p, struct procs_search *s, const int32_t *pids, size_t n, struct attribution *by);

#endif
