/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Searching /proc: see the header.
 *
 * A process is held by its directory's descriptor while it is looked at: if it ends meanwhile, further reads fail
 * instead of reading another process that got its number.
 */
#include "procs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "identity.h"
#include "postern/clock.h"

#define DENTS_BYTES 32768
#define FDS_BETWEEN_CLOCKS 64

struct procs {
	int proc_fd;
	uint64_t dents[DENTS_BYTES / sizeof(uint64_t)];
};

/* What getdents64(2) returns. */
struct entry {
	uint64_t ino;
	int64_t off;
	uint16_t reclen;
	uint8_t type;
	char name[];
};

int procs_new(struct procs **ret_procs)
{
	struct procs *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (p->proc_fd < 0) {
		free(p);
		return -errno;
	}
	*ret_procs = p;
	return 0;
}

void procs_free(struct procs *p)
{
	if (p)
		close(p->proc_fd);
	free(p);
}

/* One buffer of entries of /proc. */
static size_t take_pids(const struct procs *p, long len, int32_t *ret_pids, size_t n)
{
	size_t count = 0;

	for (long at = 0; at < len && count < n;) {
		const struct entry *e = (const void *)((const char *)p->dents + at);
		long pid = strtol(e->name, NULL, 10);

		if (pid > 0 && pid <= INT32_MAX)
			ret_pids[count++] = (int32_t)pid;
		at += e->reclen;
	}
	return count;
}

int procs_list(struct procs *p, int32_t *ret_pids, size_t n)
{
	int fd = openat(p->proc_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	size_t count = 0;
	long len;

	if (fd < 0)
		return -errno;
	while (count < n && (len = syscall(SYS_getdents64, fd, p->dents, DENTS_BYTES)) > 0)
		count += take_pids(p, len, ret_pids + count, n - count);
	close(fd);
	for (size_t i = 0; i < count / 2; i++) { /* the kernel counts upwards */
		int32_t pid = ret_pids[i];

		ret_pids[i] = ret_pids[count - 1 - i];
		ret_pids[count - 1 - i] = pid;
	}
	return (int)count;
}

static int open_process(const struct procs *p, int32_t pid)
{
	char name[16];

	snprintf(name, sizeof(name), "%d", pid);
	return openat(p->proc_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static bool is_socket(int fds, const char *name, const char *want)
{
	char link[64];
	ssize_t n = readlinkat(fds, name, link, sizeof(link) - 1);

	if (n <= 0)
		return false;
	link[n] = '\0';
	return strcmp(link, want) == 0;
}

/* Does the process behind @dir hold the socket? */
static bool holds(struct procs *p, const struct procs_search *s, int dir)
{
	int fds = openat(dir, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	unsigned int looked = 0;
	bool found = false;
	char want[32];
	long n = 0;

	if (fds < 0)
		return false;
	snprintf(want, sizeof(want), "socket:[%u]", s->inode);
	while (!found && looked < PROCS_FDS_MAX && (n = syscall(SYS_getdents64, fds, p->dents, DENTS_BYTES)) > 0) {
		for (long at = 0; at < n && !found && looked < PROCS_FDS_MAX; looked++) {
			/* the kernel aligns each entry to 8 bytes, and the buffer is (getdents(2)) */
			const struct entry *e = (const void *)((const char *)p->dents + at);

			if (looked % FDS_BETWEEN_CLOCKS == FDS_BETWEEN_CLOCKS - 1 && clock_now_us() > s->until_us)
				looked = PROCS_FDS_MAX;
			found = e->name[0] != '.' && is_socket(fds, e->name, want);
			at += e->reclen;
		}
	}
	close(fds);
	return found;
}

static bool looks_promising(int dir, const struct procs_search *s)
{
	struct stat st;

	return fstat(dir, &st) == 0 && st.st_uid == s->uid;
}

static size_t read_file(int dir, const char *name, char *buf, size_t cap)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return 0;
	n = read(fd, buf, cap - 1);
	close(fd);
	buf[n > 0 ? n : 0] = '\0';
	return n > 0 ? (size_t)n : 0;
}

/* Arguments end with NUL each; in the event they are separated by spaces. */
static void read_command(int dir, struct attribution *by)
{
	size_t n = read_file(dir, "cmdline", by->command, sizeof(by->command));

	while (n && by->command[n - 1] == '\0')
		n--;
	for (size_t i = 0; i < n; i++)
		if (by->command[i] == '\0')
			by->command[i] = ' ';
	by->command[n] = '\0';
}

static void read_exe(int dir, struct attribution *by)
{
	ssize_t n = readlinkat(dir, "exe", by->exe, sizeof(by->exe) - 1);

	by->exe[n > 0 ? n : 0] = '\0';
}

/* The line "0::/PATH" of /proc/PID/cgroup (cgroups(7)). */
static void read_cgroup_v2(const char *lines, struct attribution *by)
{
	const char *at = strncmp(lines, "0::/", 4) == 0 ? lines : strstr(lines, "\n0::/");
	size_t len;

	if (!at)
		return;
	at = strchr(at, '/') + 1;
	len = strcspn(at, "\n");
	if (len >= sizeof(by->cgroup))
		len = sizeof(by->cgroup) - 1;
	memcpy(by->cgroup, at, len);
	by->cgroup[len] = '\0';
	if (len)
		identity_from_path(by->cgroup, by);
	else
		by->cgroup[0] = '/';
}

static void read_cgroups(int dir, struct attribution *by)
{
	char lines[2048];

	if (by->container[0] || (by->cgroup[0] && strcmp(by->cgroup, "/") != 0) ||
		!read_file(dir, "cgroup", lines, sizeof(lines)))
		return;
	if (!by->cgroup[0])
		read_cgroup_v2(lines, by);
	if (strcmp(by->cgroup, "/") == 0)
		identity_from_lines(lines, by);
}

static void describe(int dir, int32_t pid, struct attribution *by)
{
	by->pid = pid;
	read_exe(dir, by);
	read_command(dir, by);
	read_cgroups(dir, by);
}

/* Looks into one process where its user is the socket's (@same_user) or is not. */
static bool try_process(struct procs *p, struct procs_search *s, int32_t pid, bool same_user, struct attribution *by)
{
	int dir = open_process(p, pid);
	bool found = false;

	if (dir < 0)
		return false;
	if (looks_promising(dir, s) == same_user) {
		s->n_scanned++;
		found = holds(p, s, dir);
		if (found)
			describe(dir, pid, by);
	}
	close(dir);
	return found;
}

bool procs_find(struct procs *p, struct procs_search *s, const int32_t *pids, size_t n, struct attribution *by)
{
	for (int pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < n; i++) {
			if (s->n_scanned >= PROCS_PIDS_MAX || clock_now_us() > s->until_us)
				return false;
			if (try_process(p, s, pids[i], pass == 0, by))
				return true;
		}
	return false;
}
