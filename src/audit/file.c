/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Opening, appending, rotating. What the disk may do to us, and the answer:
 *
 * - a write is cut short (disk full): the half line is cut off again with ftruncate(2), and the caller keeps it for
 *   later. Where even that fails, or a crash left a half line, the next write begins with a newline:
 *   a reader loses one line, never two;
 * - the file was deleted under us: noticed by its link count before each write, and made anew;
 * - the name is no regular file: refused, so that a pipe cannot stall us or a link lead us elsewhere;
 * - rotation fails: the old file goes on growing, which loses nothing.
 *
 * No fsync(2): a record that survives a power cut is bought with a journal, not with a stalled gate.
 */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOG_MODE 0640
#define NAME_BYTES (LOG_NAME_MAX + 12)

void log_file_init(struct log_file *f)
{
	*f = (struct log_file){.fd = -1};
}

void log_file_close(struct log_file *f)
{
	if (f->fd > STDERR_FILENO)
		close(f->fd);
	f->fd = -1;
}

static int open_directory(const struct log_file *f)
{
	int fd = open(f->settings.directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* Does the file end inside a line? */
static bool is_torn(int fd, uint64_t size)
{
	char last = '\n';

	if (size == 0 || lseek(fd, -1, SEEK_END) < 0)
		return false;
	return read(fd, &last, 1) == 1 && last != '\n';
}

static int log_file_open(struct log_file *f)
{
	struct stat st;
	int dir, fd;

	if (f->settings.directory[0] == '\0') {
		f->fd = STDERR_FILENO;
		return 0;
	}
	dir = open_directory(f);
	if (dir < 0)
		return dir;
	fd = openat(dir, f->settings.name, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, LOG_MODE);
	if (fd < 0)
		fd = -errno;
	close(dir);
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return -ENOTSUP;
	}
	f->fd = fd;
	f->size = (uint64_t)st.st_size;
	f->torn = is_torn(fd, f->size);
	return 0;
}

static int rename_files(int dir, const char *name, uint32_t keep)
{
	char from[NAME_BYTES], to[NAME_BYTES];

	if (keep == 0)
		return unlinkat(dir, name, 0) < 0 ? -errno : 0;
	for (uint32_t i = keep; i > 1; i--) {
		snprintf(from, sizeof(from), "%s.%u", name, i - 1);
		snprintf(to, sizeof(to), "%s.%u", name, i);
		if (renameat(dir, from, dir, to) < 0 && errno != ENOENT)
			return -errno;
	}
	snprintf(to, sizeof(to), "%s.1", name);
	return renameat(dir, name, dir, to) < 0 ? -errno : 0;
}

static int log_file_rotate(struct log_file *f)
{
	uint32_t keep = f->settings.keep < LOG_KEEP_MAX ? f->settings.keep : LOG_KEEP_MAX;
	int dir = open_directory(f);
	int rc;

	if (dir < 0)
		return dir;
	rc = rename_files(dir, f->settings.name, keep);
	close(dir);
	if (rc < 0)
		return rc;
	f->rotations++;
	log_file_close(f);
	return log_file_open(f);
}

/* Ready to append: open, not deleted. */
static int log_file_ready(struct log_file *f)
{
	struct stat st;

	if (f->fd > STDERR_FILENO && (fstat(f->fd, &st) < 0 || st.st_nlink == 0))
		log_file_close(f);
	return f->fd < 0 ? log_file_open(f) : 0;
}

static bool rotates(const struct log_file *f)
{
	return f->fd != STDERR_FILENO && f->settings.rotate_bytes != 0;
}

/* Length of the whole lines within the first @max bytes, newlines included. */
static size_t whole_lines(const char *lines, size_t max)
{
	while (max > 0 && lines[max - 1] != '\n')
		max--;
	return max;
}

static size_t first_line(const char *lines, size_t len)
{
	const char *end = memchr(lines, '\n', len);

	return end ? (size_t)(end - lines) + 1 : len;
}

/* How many bytes of whole lines still fit below the limit; at least the first line. */
static size_t fitting(const struct log_file *f, const char *lines, size_t len)
{
	uint64_t room = rotates(f) && f->size < f->settings.rotate_bytes ? f->settings.rotate_bytes - f->size : len;
	size_t n;

	if (room >= len)
		return len;
	n = whole_lines(lines, room);
	return n ? n : first_line(lines, len);
}

/* Appends all or nothing: what was written of a last half line is cut off. */
static int append(struct log_file *f, const char *lines, size_t len)
{
	ssize_t n = write(f->fd, lines, len);
	size_t whole;

	if (n < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	if ((size_t)n == len) {
		f->size += len;
		return (int)len;
	}
	whole = whole_lines(lines, (size_t)n);
	if (whole < (size_t)n && ftruncate(f->fd, (off_t)(f->size + whole)) < 0)
		f->torn = true;
	f->size += f->torn ? (size_t)n : whole;
	return whole ? (int)whole : -ENOSPC;
}

int log_file_write(struct log_file *f, const char *lines, size_t len)
{
	int rc = log_file_ready(f);

	if (rc < 0)
		return rc;
	if (f->torn) {
		if (write(f->fd, "\n", 1) != 1)
			return -errno;
		f->torn = false;
		f->size++;
	}
	if (rotates(f) && f->size > 0 && f->size + first_line(lines, len) > f->settings.rotate_bytes)
		rc = log_file_rotate(f);
	if (f->fd < 0)
		return rc;
	return append(f, lines, fitting(f, lines, len));
}
