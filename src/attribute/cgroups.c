/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cgroup ids, paths, processes: see the header. A cgroup's id is the inode number of its
 * directory, and the kernel takes it as a file handle (kernfs), so there is no search.
 */
#include "cgroups.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MOUNT_MAX 256
#define HANDLE_KERNFS 0xfe /* FILEID_KERNFS, linux/exportfs.h */
#define PROCS_BYTES (CGROUPS_PIDS_MAX * 8)

struct cgroups {
	int mount_fd;
	int self_fds; /* /proc/self/fd */
	char mount[MOUNT_MAX];
	char text[PROCS_BYTES];
};

/* mountinfo writes space, tab, newline and backslash as \OOO (proc(5)). */
static void unescape(char *s)
{
	char *out = s;

	for (; *s; s++) {
		if (s[0] == '\\' && s[1] && s[2] && s[3]) {
			*out++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
			s += 3;
		} else {
			*out++ = *s;
		}
	}
	*out = '\0';
}

static bool find_mount(char ret_mount[static MOUNT_MAX])
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	char line[1024], mount[MOUNT_MAX];
	bool found = false;

	if (!f)
		return false;
	while (!found && fgets(line, sizeof(line), f)) {
		const char *type = strstr(line, " - ");

		found = type && strncmp(type, " - cgroup2 ", 11) == 0 &&
			sscanf(line, "%*s %*s %*s %*s %255s", mount) == 1;
	}
	fclose(f);
	if (found) {
		unescape(mount);
		memcpy(ret_mount, mount, sizeof(mount));
	}
	return found;
}

int cgroups_new(struct cgroups **ret_cgroups)
{
	struct cgroups *c = calloc(1, sizeof(*c));
	int rc = 0;

	if (!c)
		return -ENOMEM;
	c->mount_fd = c->self_fds = -1;
	if (!find_mount(c->mount))
		rc = -ENOENT;
	if (rc == 0)
		c->mount_fd = open(c->mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (rc == 0)
		c->self_fds = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (rc == 0 && (c->mount_fd < 0 || c->self_fds < 0))
		rc = -errno;
	if (rc < 0) {
		cgroups_free(c);
		return rc;
	}
	*ret_cgroups = c;
	return 0;
}

void cgroups_free(struct cgroups *c)
{
	if (!c)
		return;
	if (c->mount_fd >= 0)
		close(c->mount_fd);
	if (c->self_fds >= 0)
		close(c->self_fds);
	free(c);
}

static int path_of(struct cgroups *c, int fd, char *ret_path, size_t cap)
{
	char link[4096], number[16];
	size_t mount = strlen(c->mount), len;
	ssize_t n;

	snprintf(number, sizeof(number), "%d", fd);
	n = readlinkat(c->self_fds, number, link, sizeof(link) - 1);
	if (n < 0)
		return -errno;
	link[n] = '\0';
	if (strncmp(link, c->mount, mount) != 0 || (link[mount] != '/' && link[mount] != '\0'))
		return -ENOENT;
	if (link[mount] == '\0' || strcmp(link + mount, "/") == 0) {
		snprintf(ret_path, cap, "/");
		return 0;
	}
	len = strlen(link + mount + 1);
	if (len >= cap)
		len = cap - 1;
	memcpy(ret_path, link + mount + 1, len);
	ret_path[len] = '\0';
	return 0;
}

int cgroups_open(struct cgroups *c, uint64_t id, char *ret_path, size_t cap)
{
	union {
		struct file_handle h;
		char bytes[sizeof(struct file_handle) + sizeof(id)];
	} handle = {.h = {.handle_bytes = sizeof(id), .handle_type = HANDLE_KERNFS}};
	int fd, rc;

	memcpy(handle.bytes + sizeof(struct file_handle), &id, sizeof(id));
	fd = open_by_handle_at(c->mount_fd, &handle.h, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	rc = path_of(c, fd, ret_path, cap);
	if (rc < 0) {
		close(fd);
		return rc;
	}
	return fd;
}

static size_t read_text(struct cgroups *c, int fd)
{
	size_t len = 0;

	while (len < sizeof(c->text) - 1) {
		ssize_t n = read(fd, c->text + len, sizeof(c->text) - 1 - len);

		if (n <= 0)
			break;
		len += (size_t)n;
	}
	return len;
}

int cgroups_pids(struct cgroups *c, int fd, int32_t *ret_pids, size_t n)
{
	int procs = openat(fd, "cgroup.procs", O_RDONLY | O_CLOEXEC);
	char *at = c->text, *end;
	size_t count = 0;

	if (procs < 0)
		return -errno;
	c->text[read_text(c, procs)] = '\0';
	close(procs);
	while (*at && count < n) {
		long pid = strtol(at, &end, 10);

		if (end == at)
			break;
		if (pid > 0 && pid <= INT32_MAX)
			ret_pids[count++] = (int32_t)pid;
		at = end + (*end == '\n');
	}
	for (size_t i = 0; i < count / 2; i++) { /* the kernel appends new processes */
		int32_t pid = ret_pids[i];

		ret_pids[i] = ret_pids[count - 1 - i];
		ret_pids[count - 1 - i] = pid;
	}
	return (int)count;
}
