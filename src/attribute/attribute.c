/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From a 5-tuple to a process: see the header.
 *
 *   socket   exact lookup in the kernel: uid, inode, id of the cgroup it was made in; of ping and raw sockets by their
 *            tables, without cgroup
 *   cgroup   id to path; unit and container from the path
 *   process  only those of that cgroup (where it is not known: all), newest first, those of the socket's user before others
 *
 * The cost of the last step is what others pay for one sandbox's scan, so it is bounded, and the processes
 * that were found lately are tried before a list is read: who scans is found at once. Where everything
 * runs in the root cgroup the list is the whole machine's; then the bound decides, and pid 0 says so.
 */
#include "attribute.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cgroups.h"
#include "diag.h"
#include "identity.h"
#include "postern/clock.h"
#include "procs.h"
#include "tables.h"

#define RECENT_MAX 16

struct recent {
	int32_t pid;
	uint32_t uid;
	uint64_t cgroup_id;
};

struct attribute {
	struct diag *diag;
	struct cgroups *cgroups; /* NULL: no cgroup v2 here */
	struct procs *procs;
	struct tables *tables;
	uint64_t counters[COUNTER_ATTRIBUTE_COUNT];
	struct recent recent[RECENT_MAX]; /* newest first */
	int32_t pids[CGROUPS_PIDS_MAX];
};

int attribute_new(struct attribute **ret_attribute)
{
	struct attribute *a = calloc(1, sizeof(*a));
	int rc;

	if (!a)
		return -ENOMEM;
	rc = diag_new(&a->diag);
	if (rc == 0)
		rc = procs_new(&a->procs);
	if (rc == 0)
		rc = tables_new(&a->tables);
	if (rc == 0)
		rc = cgroups_new(&a->cgroups);
	if (rc < 0 && rc != -ENOENT) {
		attribute_free(a);
		return rc;
	}
	*ret_attribute = a;
	return 0;
}

void attribute_free(struct attribute *a)
{
	if (!a)
		return;
	diag_free(a->diag);
	procs_free(a->procs);
	tables_free(a->tables);
	cgroups_free(a->cgroups);
	free(a);
}

static size_t recent_pids(const struct attribute *a, const struct diag_socket *s, int32_t ret_pids[static RECENT_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < RECENT_MAX; i++)
		if (a->recent[i].pid && a->recent[i].uid == s->uid && a->recent[i].cgroup_id == s->cgroup_id)
			ret_pids[n++] = a->recent[i].pid;
	return n;
}

/* To the front; the one that was found longest ago falls out. */
static void remember(struct attribute *a, const struct diag_socket *s, int32_t pid)
{
	size_t at = 0;

	while (at < RECENT_MAX - 1 && a->recent[at].pid != pid)
		at++;
	memmove(&a->recent[1], &a->recent[0], at * sizeof(a->recent[0]));
	a->recent[0] = (struct recent){pid, s->uid, s->cgroup_id};
}

/* The cgroup's path and what it tells; returns its directory, or a negative number. */
static int look_at_cgroup(struct attribute *a, uint64_t id, struct attribution *by)
{
	int fd;

	if (!a->cgroups || id == 0)
		return -ENOENT;
	fd = cgroups_open(a->cgroups, id, by->cgroup, sizeof(by->cgroup));
	if (fd >= 0)
		identity_from_path(by->cgroup, by);
	return fd;
}

static bool find_process(struct attribute *a, const struct diag_socket *s, int cgroup_fd, struct procs_search *search,
	struct attribution *by)
{
	int32_t recent[RECENT_MAX];
	int n;

	if (procs_find(a->procs, search, recent, recent_pids(a, s, recent), by))
		return true;
	if (cgroup_fd >= 0)
		n = cgroups_pids(a->cgroups, cgroup_fd, a->pids, CGROUPS_PIDS_MAX);
	else
		n = procs_list(a->procs, a->pids, CGROUPS_PIDS_MAX);
	return n > 0 && procs_find(a->procs, search, a->pids, (size_t)n, by);
}

void attribute_answer(struct attribute *a, const struct msg_attribute_ask *ask, uint64_t budget_us,
	struct attribution *ret_by)
{
	struct attribution by = {0};
	struct procs_search search = {.until_us = clock_now_us() + budget_us};
	struct diag_socket s;
	int fd;

	a->counters[COUNTER_ATTRIBUTE_asked]++;
	*ret_by = by;
	if (diag_find(a->diag, ask, &s) < 0 && tables_find(a->tables, ask, &s) < 0)
		return;
	a->counters[COUNTER_ATTRIBUTE_sockets_found]++;
	by.found = true;
	by.uid = search.uid = s.uid;
	search.inode = s.inode;
	fd = look_at_cgroup(a, s.cgroup_id, &by);
	if (s.inode && find_process(a, &s, fd, &search, &by)) {
		a->counters[COUNTER_ATTRIBUTE_processes_found]++;
		remember(a, &s, by.pid);
	}
	if (fd >= 0)
		close(fd);
	a->counters[COUNTER_ATTRIBUTE_pids_scanned] += search.n_scanned;
	*ret_by = by;
}

void attribute_counters(const struct attribute *a, uint64_t ret_counters[static COUNTER_ATTRIBUTE_COUNT])
{
	memcpy(ret_counters, a->counters, sizeof(a->counters));
}
