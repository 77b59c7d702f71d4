/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line as a table: name, where it goes, what it means. */
#include "options.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"

enum option_kind { OPTION_TEXT, OPTION_U32, OPTION_U16, OPTION_FLAG };

static const struct {
	const char *name, *argument, *help;
	enum option_kind kind;
	size_t offset;
} rows[] = {
	{"--config", "FILE", "settings, see postern.conf(5)", OPTION_TEXT, offsetof(struct options, config)},
	{"--rules", "FILE", "the ruleset", OPTION_TEXT, offsetof(struct options, rules)},
	{"--runtime-dir", "DIR", "where the control socket is made", OPTION_TEXT, offsetof(struct options, runtime_dir)},
	{"--libexec-dir", "DIR", "where the other programs are", OPTION_TEXT, offsetof(struct options, libexec_dir)},
	{"--group", "NAME", "group that may use the control socket", OPTION_TEXT, offsetof(struct options, group)},
	{"--uid-base", "N", "run as uids N.. instead of the system users", OPTION_U32, offsetof(struct options, uid_base)},
	{"--queue", "N", "packet queue number", OPTION_U16, offsetof(struct options, queue)},
	{"--silence", "MS", "a process silent for so long is taken for dead", OPTION_U32,
		offsetof(struct options, silence_ms)},
	{"--verbose", NULL, "say more", OPTION_FLAG, offsetof(struct options, verbose)},
};

static void usage(FILE *to)
{
	fprintf(to, "usage: posternd [--config FILE] [OPTION]...\n"
		    "Runs in the foreground; needs root, and leaves it before the first packet.\n");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		fprintf(to, "  %-14s %-5s %s\n", rows[i].name, rows[i].argument ? rows[i].argument : "", rows[i].help);
	fprintf(to, "  %-14s %-5s %s\n  %-14s %-5s %s\n", "--help", "", "this", "--version", "", "the version");
}

static int parse_number(const char *text, uint64_t max, uint64_t *ret_v)
{
	char *end;

	errno = 0;
	*ret_v = strtoull(text, &end, 10);
	return errno || end == text || *end || *text == '-' || *ret_v > max ? -EINVAL : 0;
}

static int store(enum option_kind kind, char *at, const char *value)
{
	uint64_t v = 0;

	switch (kind) {
	case OPTION_TEXT:
		memcpy(at, &value, sizeof(value));
		return 0;
	case OPTION_U32:
		if (parse_number(value, UINT32_MAX, &v) < 0)
			return -EINVAL;
		memcpy(at, &(uint32_t){(uint32_t)v}, sizeof(uint32_t));
		return 0;
	case OPTION_U16:
		if (parse_number(value, UINT16_MAX, &v) < 0)
			return -EINVAL;
		memcpy(at, &(uint16_t){(uint16_t)v}, sizeof(uint16_t));
		return 0;
	case OPTION_FLAG:
		memcpy(at, &(bool){true}, sizeof(bool));
		return 0;
	}
	return -EINVAL;
}

static int parse_one(char **argv, int argc, int *i, struct options *o)
{
	for (size_t r = 0; r < ARRAY_LEN(rows); r++) {
		if (strcmp(argv[*i], rows[r].name) != 0)
			continue;
		if (rows[r].argument && *i + 1 == argc) {
			fprintf(stderr, "posternd: %s needs %s\n", rows[r].name, rows[r].argument);
			return -EINVAL;
		}
		if (store(rows[r].kind, (char *)o + rows[r].offset, rows[r].argument ? argv[++*i] : NULL) == 0)
			return 0;
		fprintf(stderr, "posternd: %s %s: not a number in range\n", rows[r].name, argv[*i]);
		return -EINVAL;
	}
	fprintf(stderr, "posternd: unknown option %s: see posternd --help\n", argv[*i]);
	return -EINVAL;
}

int options_parse(int argc, char **argv, struct options *ret_options)
{
	struct options o = {
		.config = POSTERN_SYSCONFDIR "/postern.conf",
		.rules = POSTERN_DATADIR "/postern.nft",
		.runtime_dir = "/run/postern",
		.libexec_dir = POSTERN_LIBEXECDIR,
		.group = "postern",
		.queue = 7077,
		.silence_ms = 3000,
	};

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--help") == 0) {
			usage(stdout);
			return 1;
		}
		if (strcmp(argv[i], "--version") == 0) {
			printf("posternd " POSTERN_VERSION "\n");
			return 1;
		}
		if (parse_one(argv, argc, &i, &o) < 0)
			return -EINVAL;
	}
	*ret_options = o;
	return 0;
}
