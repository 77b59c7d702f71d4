/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cgroup directories. Turning an id into a path takes a capability that the gate does not have, so
 * "below" is found by walking down: at a reload only, for flows of local processes in nested cgroups.
 */
#include "cgroups.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIRECTORIES_MAX 4096
#define DEPTH_MAX 16

static uint64_t directory_id(int at_fd, const char *name)
{
	struct stat st;

	if (fstatat(at_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(st.st_mode))
		return 0;
	return st.st_ino;
}

uint64_t cgroups_id(int mount_fd, const char *path)
{
	return mount_fd < 0 ? 0 : directory_id(mount_fd, path);
}

/* Takes @fd over. */
static bool walk(int fd, uint64_t id, unsigned int depth, unsigned int *budget)
{
	DIR *dir = fdopendir(fd);
	struct dirent *e;
	bool found = false;

	if (!dir) {
		close(fd);
		return false;
	}
	while (!found && *budget && (e = readdir(dir))) {
		if (e->d_type != DT_DIR || e->d_name[0] == '.')
			continue;
		(*budget)--;
		found = e->d_ino == id;
		if (!found && depth < DEPTH_MAX) {
			int sub = openat(dirfd(dir), e->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

			found = sub >= 0 && walk(sub, id, depth + 1, budget);
		}
	}
	closedir(dir);
	return found;
}

bool cgroups_below(int mount_fd, const char *path, uint64_t id)
{
	unsigned int budget = DIRECTORIES_MAX;
	int fd;

	if (mount_fd < 0 || !id)
		return false;
	if (directory_id(mount_fd, path) == id)
		return true;
	fd = openat(mount_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return fd >= 0 && walk(fd, id, 0, &budget);
}

void cgroups_watch(int inotify_fd, const char *mount, const char *path)
{
	char folder[PATH_MAX];
	size_t root = strlen(mount);
	int n = snprintf(folder, sizeof(folder), "%s/%s", mount, path);
	char *slash;

	if (inotify_fd < 0 || n < 0 || (size_t)n >= sizeof(folder))
		return;
	/* upwards, from the folder in which it is to appear */
	while ((slash = strrchr(folder + root, '/'))) {
		*slash = '\0';
		if (inotify_add_watch(inotify_fd, folder, IN_CREATE | IN_DELETE | IN_ONLYDIR | IN_DONT_FOLLOW) >= 0)
			return;
	}
}
