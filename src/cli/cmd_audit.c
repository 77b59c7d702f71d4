/* SPDX-License-Identifier: GPL-2.0-or-later */
/* postern audit: the log, filtered, as lines for people or as it is; with --follow, on and on. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "log_filter.h"
#include "log_reader.h"
#include "policy_image.h"
#include "print.h"

#define DEFAULT_DIRECTORY "/var/log/postern"
#define FOLLOW_LINES 10
#define LINES_MAX 1000000
#define POLL_MS 200

/* The last @cap events, kept until it is known that they are the last. */
struct tail {
	json_t **events;
	size_t cap, at, n;
};

static void show(const struct cli *c, const json_t *event)
{
	if (c->json)
		print_json(event);
	else
		log_print(event);
}

static void tail_add(struct tail *t, json_t *event)
{
	json_decref(t->events[t->at]);
	t->events[t->at] = event;
	t->at = (t->at + 1) % t->cap;
	t->n += t->n < t->cap;
}

static void tail_show(const struct cli *c, struct tail *t)
{
	for (size_t i = 0; i < t->n; i++) {
		json_t **event = &t->events[(t->at + t->cap - t->n + i) % t->cap];

		show(c, *event);
		json_decref(*event);
		*event = NULL;
	}
	free(t->events);
	*t = (struct tail){0};
}

static int tail_init(const struct cli *c, struct tail *t)
{
	unsigned long n = c->follow && !c->since ? FOLLOW_LINES : 0;
	char *end;

	if (c->lines) {
		n = strtoul(c->lines, &end, 10);
		if (!*c->lines || *end || *c->lines == '-' || n == 0 || n > LINES_MAX) {
			fprintf(stderr, "postern: --lines: a number from 1 to %d\n", LINES_MAX);
			return -EINVAL;
		}
	}
	*t = (struct tail){.cap = n, .events = n ? calloc(n, sizeof(*t->events)) : NULL};
	return n && !t->events ? -ENOMEM : 0;
}

/* All there is now. 0 or -errno. */
static int read_all(const struct cli *c, struct log_reader *r, const struct log_filter *f, struct tail *t)
{
	json_t *event;
	int rc;

	while ((rc = log_reader_next(r, &event)) != 0) {
		if (rc == -ESTALE) {
			fprintf(stderr, "postern: files were rotated away before they were read: keep more of them, or larger ones\n");
			continue;
		}
		if (rc < 0)
			return rc;
		if (!log_filter_matches(f, event)) {
			json_decref(event);
		} else if (t->cap) {
			tail_add(t, event);
		} else {
			show(c, event);
			json_decref(event);
		}
	}
	return 0;
}

static int follow(const struct cli *c, struct log_reader *r, const struct log_filter *f)
{
	struct tail none = {0};
	int rc = 0;

	while (rc == 0) {
		if (fflush(stdout) != 0)
			return -errno;
		(void)poll(NULL, 0, POLL_MS); /* only a pause */
		rc = read_all(c, r, f, &none);
	}
	return rc;
}

static enum cli_status failed(const char *directory, int error)
{
	fprintf(stderr, "postern: audit log in ");
	print_safe(stderr, directory);
	if (error == -EACCES)
		fprintf(stderr, ": permission denied: become root, or a member of group postern\n");
	else if (error == -ENOENT)
		fprintf(stderr, ": no such directory: `postern doctor` says what is missing\n");
	else
		fprintf(stderr, ": %s\n", strerror(-error));
	return CLI_FAILED;
}

/* From the option, from the configuration where it can be compiled, or the default. */
static const char *find_directory(const struct cli *c, struct log_directories *buf)
{
	if (c->directory)
		return c->directory;
	return policy_log_directories(c, buf) == 0 ? buf->log : DEFAULT_DIRECTORY;
}

enum cli_status cmd_audit(struct cli *c)
{
	struct log_directories buf;
	struct log_filter filter;
	struct log_reader reader;
	struct tail tail;
	const char *directory;
	int rc;

	if (log_filter_parse(c, &filter) < 0 || tail_init(c, &tail) < 0)
		return CLI_USAGE;
	directory = find_directory(c, &buf);
	if (!*directory) {
		fprintf(stderr, "postern: this configuration writes events to the daemon's standard error: journalctl -u posternd\n");
		return CLI_FAILED;
	}
	rc = log_reader_open(&reader, directory, filter.since_s);
	if (rc < 0)
		return failed(directory, rc);
	rc = read_all(c, &reader, &filter, &tail);
	tail_show(c, &tail);
	if (rc == 0 && c->follow)
		rc = follow(c, &reader, &filter);
	if (reader.n_broken)
		fprintf(stderr, "postern: %llu broken lines were passed over\n", (unsigned long long)reader.n_broken);
	log_reader_close(&reader);
	return rc < 0 ? failed(directory, rc) : CLI_OK;
}
