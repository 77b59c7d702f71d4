/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files: see the header. What is checked is what is read: everything is asked of the open descriptor, and a
 * file that changes its size meanwhile is refused, since it may be half of what was meant.
 */
#include "source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "digest.h"

static bool fail_open(struct diagnostics *d, const struct source_request *r, int error)
{
	const char *path = r->path;
	struct spot at = r->from.file ? r->from : (struct spot){path, 0};

	switch (error) {
	case ENOENT:
	case ENOTDIR:
		diag_error(d, at, "the file %s does not exist: create it or correct the path", path);
		break;
	case EACCES:
	case EPERM:
		diag_error(d, at, "the file %s cannot be read by user %u: make it and its folders readable "
			"(chmod 644 for the file, 755 for folders)", path, geteuid());
		break;
	case ELOOP:
		diag_error(d, at, "the file %s is a loop of symbolic links: correct them", path);
		break;
	default:
		diag_error(d, at, "the file %s cannot be opened (%s): correct that", path, strerror(error));
		break;
	}
	return false;
}

static bool mode_ok(struct diagnostics *d, const char *path, const struct stat *st, uid_t owner)
{
	struct spot at = {path, 0};

	if (st->st_mode & S_IWOTH)
		diag_error(d, at, "everybody may write it: run chmod go-w %s", path);
	else if (st->st_mode & S_IWGRP)
		diag_error(d, at, "its group may write it: run chmod go-w %s", path);
	else if (st->st_uid != 0 && st->st_uid != owner)
		diag_error(d, at, "it belongs to user %u, who could change it: run chown root %s", st->st_uid, path);
	else
		return true;
	return false;
}

static bool stat_ok(struct diagnostics *d, const struct source_request *r, const struct stat *st)
{
	const char *path = r->path;
	struct spot at = {path, 0};

	if (S_ISDIR(st->st_mode))
		diag_error(d, at, "it is a folder: name the files in it, for example %s/*.conf", path);
	else if (!S_ISREG(st->st_mode))
		diag_error(d, at, "it is not a regular file: give the path of one");
	else if (st->st_size == 0)
		diag_error(d, at, "it is empty: write the policy into it or remove the reference to it");
	else if ((uint64_t)st->st_size > r->max)
		diag_error(d, at, "it has %lld bytes, more than the %zu that are read: divide it",
			(long long)st->st_size, r->max);
	else
		return mode_ok(d, path, st, r->owner);
	return false;
}

/* Reads exactly @len bytes and sees that no more follow. */
static bool read_all(int fd, char *text, size_t len)
{
	size_t have = 0;

	while (have <= len) {
		ssize_t n = read(fd, text + have, len + 1 - have);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		have += (size_t)n;
	}
	text[len] = '\0';
	return have == len;
}

static bool content_ok(struct diagnostics *d, const char *path, const struct source *s)
{
	const char *nul = memchr(s->text, '\0', s->len);
	uint32_t line = 1;

	if (nul) {
		for (const char *p = s->text; p < nul; p++)
			line += *p == '\n';
		diag_error(d, (struct spot){path, line}, "a NUL byte: the file is damaged or no text: write it anew");
		return false;
	}
	if (s->len >= 3 && memcmp(s->text, "\xef\xbb\xbf", 3) == 0)
		diag_error(d, (struct spot){path, 1}, "it begins with a byte order mark: save it as UTF-8 without BOM");
	else if (s->len >= 2 && (memcmp(s->text, "\xff\xfe", 2) == 0 || memcmp(s->text, "\xfe\xff", 2) == 0))
		diag_error(d, (struct spot){path, 1}, "it is UTF-16: save it as UTF-8 without BOM");
	else
		return true;
	return false;
}

static bool read_open(struct diagnostics *d, const char *path, int fd, const struct stat *st, struct source *s)
{
	*s = (struct source){.len = (size_t)st->st_size, .device = st->st_dev, .inode = st->st_ino};
	s->text = malloc(s->len + 1);
	if (!s->text) {
		diag_error(d, (struct spot){path, 0}, "no memory for its %zu bytes: divide it", s->len);
		return false;
	}
	if (!read_all(fd, s->text, s->len)) {
		diag_error(d, (struct spot){path, 0}, "it changed while it was read: write a new file and rename it");
		return false;
	}
	digest_sha256(s->text, s->len, s->sha256);
	return content_ok(d, path, s);
}

bool source_read(struct diagnostics *d, const struct source_request *r, struct source *ret_source)
{
	struct source s = {0};
	struct stat st;
	bool ok = false;
	/* O_NONBLOCK: a FIFO must not stop us before we see that it is one */
	int fd = open(r->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return fail_open(d, r, errno);
	if (fstat(fd, &st) < 0)
		fail_open(d, r, errno);
	else if (stat_ok(d, r, &st))
		ok = read_open(d, r->path, fd, &st, &s);
	close(fd);
	if (ok)
		*ret_source = s;
	else
		source_free(&s);
	return ok;
}

void source_free(struct source *s)
{
	free(s->text);
	s->text = NULL;
}
