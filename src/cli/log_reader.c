/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rotation renames audit.jsonl to audit.jsonl.1 and so on. A file is known by its inode: at the end of one, its
 * present number K is looked up, and the next to read is K - 1; number 0 is the youngest, which grows. So
 * nothing is read twice and nothing is passed over, however often it rotates between two looks, as long as the file is still
 * there; where it is not, the reader says so.
 */
#include "log_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME "audit.jsonl"
#define FILES_MAX 1001
#define LINE_BYTES_MAX (1u << 20)

static void name_of(unsigned int number, char name[static 32])
{
	if (number)
		snprintf(name, 32, NAME ".%u", number);
	else
		snprintf(name, 32, NAME);
}

static bool stat_number(const struct log_reader *r, unsigned int number, struct stat *ret_st)
{
	char name[32];

	name_of(number, name);
	return fstatat(r->dir, name, ret_st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(ret_st->st_mode);
}

static void close_file(struct log_reader *r)
{
	if (r->file)
		fclose(r->file);
	r->file = NULL;
	r->partial = 0;
}

static int open_number(struct log_reader *r, unsigned int number)
{
	char name[32];
	struct stat st;
	int fd;

	name_of(number, name);
	fd = openat(r->dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || !(r->file = fdopen(fd, "r"))) {
		close(fd);
		return -EINVAL;
	}
	r->inode = st.st_ino;
	r->device = st.st_dev;
	return 0;
}

static bool before(struct timespec a, struct timespec b)
{
	return a.tv_sec != b.tv_sec ? a.tv_sec < b.tv_sec : a.tv_nsec < b.tv_nsec;
}

/* Number of the oldest file written at or after @since: the first gap, or the first that is too old, ends the search. */
static unsigned int oldest(const struct log_reader *r, struct timespec since)
{
	unsigned int number = 0;
	struct stat st;

	while (number + 1 < FILES_MAX && stat_number(r, number + 1, &st) && !before(st.st_mtim, since))
		number++;
	return number;
}

int log_reader_open(struct log_reader *r, const char *directory, int64_t since_s)
{
	int rc;

	*r = (struct log_reader){.dir = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
	if (r->dir < 0)
		return -errno;
	rc = open_number(r, oldest(r, (struct timespec){.tv_sec = since_s}));
	if (rc < 0 && rc != -ENOENT) {
		close(r->dir);
		return rc;
	}
	return 0;
}

void log_reader_close(struct log_reader *r)
{
	close_file(r);
	close(r->dir);
	free(r->line);
}

/* Present number of the file being read, or FILES_MAX where it is gone. */
static unsigned int present_number(const struct log_reader *r)
{
	struct stat st;
	unsigned int number = 0;

	while (number < FILES_MAX && stat_number(r, number, &st)) {
		if (st.st_ino == r->inode && st.st_dev == r->device)
			return number;
		number++;
	}
	return FILES_MAX;
}

/*
 * The file at hand is at its end: is there a younger one? 1 yes, and it is open; 0 no. Between the end of file
 * and the look at its number it may have grown and been rotated: @again asks the caller to read it once more first.
 */
static int next_file(struct log_reader *r, bool *again)
{
	unsigned int number;
	struct stat st;
	bool lost = false;
	int rc;

	if (!r->file) {
		rc = open_number(r, 0);
		return rc == 0 ? 1 : rc == -ENOENT ? 0 : rc;
	}
	number = present_number(r);
	if (number == 0)
		return 0;
	if (!*again) {
		*again = true;
		return 1;
	}
	if (number == FILES_MAX) { /* gone: what was written after it is younger, and not read yet */
		number = fstat(fileno(r->file), &st) == 0 ? oldest(r, st.st_mtim) + 1 : 1;
		lost = number > 1 && !stat_number(r, number, &st); /* nothing older is left: others may have gone too */
	}
	close_file(r);
	rc = open_number(r, number - 1);
	if (rc == 0 && lost)
		return -ESTALE;
	return rc == 0 ? 1 : rc == -ENOENT ? 0 : rc;
}

/* A whole line without its newline; NULL at the end. A line still being written stays for later. */
static const char *read_line(struct log_reader *r)
{
	for (;;) {
		int byte = fgetc(r->file);

		if (byte == EOF) {
			clearerr(r->file);
			return NULL;
		}
		if (r->partial + 1 >= r->cap) {
			char *grown = realloc(r->line, r->cap ? 2 * r->cap : 4096);

			if (!grown)
				return NULL;
			r->line = grown;
			r->cap = r->cap ? 2 * r->cap : 4096;
		}
		if (byte == '\n') {
			r->line[r->partial] = '\0';
			r->partial = 0;
			return r->line;
		}
		if (r->partial < LINE_BYTES_MAX) /* what is longer was not written by postern-audit: it will not parse */
			r->line[r->partial++] = (char)byte;
	}
}

int log_reader_next(struct log_reader *r, json_t **ret_event)
{
	bool again = false;

	for (;;) {
		const char *line = r->file ? read_line(r) : NULL;
		json_t *event;
		int rc;

		if (!line) {
			rc = next_file(r, &again);
			if (rc <= 0)
				return rc;
			continue;
		}
		event = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
		if (json_is_object(event)) {
			*ret_event = event;
			return 1;
		}
		json_decref(event);
		if (line[0])
			r->n_broken++;
	}
}
