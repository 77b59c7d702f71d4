/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The state file on disk. It is believed where nobody but the owner of its folder, and root, can have written it; it is
 * replaced whole (write, fsync(2), rename(2), fsync(2) of the folder), so that a crash leaves the old one or the new one.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "anchor_state.h"

#define NEW ANCHOR_FILE ".new"
#define BAD ANCHOR_FILE ".bad"

static int open_directory(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* NULL, or why what is open must not be believed. */
static const char *untrusted(int directory, int fd)
{
	struct stat folder, st;

	if (fstat(directory, &folder) < 0 || fstat(fd, &st) < 0)
		return "it cannot be looked at";
	if (!S_ISREG(st.st_mode))
		return "it is no regular file";
	if ((folder.st_mode | st.st_mode) & (S_IWGRP | S_IWOTH))
		return "its group, or everybody, may write it or its folder";
	if (st.st_uid != 0 && st.st_uid != folder.st_uid)
		return "it belongs to somebody else than its folder";
	return NULL;
}

static const char *read_open(int fd, struct anchors *a)
{
	char text[ANCHOR_TEXT_MAX + 1];
	size_t len = 0;
	ssize_t n;

	while (len < sizeof(text) && (n = read(fd, text + len, sizeof(text) - len)) != 0) {
		if (n < 0 && errno != EINTR)
			return "it cannot be read";
		len += n > 0 ? (size_t)n : 0;
	}
	return anchor_state_read(text, len, a);
}

static enum anchor_file load_at(int directory, struct anchors *a, const char **ret_why)
{
	int fd = openat(directory, ANCHOR_FILE, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT)
		return ANCHOR_FILE_NONE;
	*ret_why = fd < 0 ? "it cannot be opened" : untrusted(directory, fd);
	if (fd >= 0 && !*ret_why)
		*ret_why = read_open(fd, a);
	if (fd >= 0)
		close(fd);
	return *ret_why ? ANCHOR_FILE_BAD : ANCHOR_FILE_GOOD;
}

enum anchor_file anchor_file_load(const char *directory, struct anchors *ret_anchors, const char **ret_why)
{
	int fd = open_directory(directory);
	enum anchor_file found = ANCHOR_FILE_NONE;

	if (fd == -ENOENT || fd == -ENOTDIR)
		return ANCHOR_FILE_NONE;
	if (fd < 0) {
		*ret_why = "its folder cannot be opened";
		return ANCHOR_FILE_BAD;
	}
	found = load_at(fd, ret_anchors, ret_why);
	close(fd);
	return found;
}

static int write_all(int fd, const char *text, size_t len)
{
	while (len) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno != EINTR)
			return -errno;
		text += n > 0 ? n : 0;
		len -= n > 0 ? (size_t)n : 0;
	}
	return fchmod(fd, 0644) < 0 || fsync(fd) < 0 ? -errno : 0; /* public keys: everybody may read them */
}

static int write_new(int directory, const struct anchors *a)
{
	static char text[ANCHOR_TEXT_MAX];
	size_t len = anchor_state_write(a, text);
	int fd, rc;

	if (unlinkat(directory, NEW, 0) < 0 && errno != ENOENT) /* of a crash */
		return -errno;
	fd = openat(directory, NEW, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	rc = write_all(fd, text, len);
	close(fd);
	return rc;
}

int anchor_file_store(const char *directory, const struct anchors *a)
{
	static struct anchors before;
	const char *why;
	int fd = open_directory(directory), rc;

	if (fd < 0)
		return fd;
	if (load_at(fd, &before, &why) == ANCHOR_FILE_BAD && renameat(fd, ANCHOR_FILE, fd, BAD) < 0) {
		rc = -errno;
		close(fd);
		return rc;
	}
	rc = write_new(fd, a);
	if (rc == 0 && (renameat(fd, NEW, fd, ANCHOR_FILE) < 0 || fsync(fd) < 0))
		rc = -errno;
	close(fd);
	return rc;
}
