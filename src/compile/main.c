/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * postern-policy: compiles postern.conf and its policies to an image. By hand (and for `postern check`) it compiles
 * once and exits; with --channel it serves posternd.
 *
 * Privileges: none. It reads the administrator's files and writes to what it is given.
 * Exit status: 0 good, 1 errors in the files (on standard error), 2 wrong usage.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "compile.h"
#include "config.h"
#include "service.h"

struct options {
	const char *config;
	const char *output;
	int output_fd; /* -1: none */
	bool channel;
};

static const char usage_text[] =
	"usage: postern-policy [--config FILE] [--check | --output IMAGE | --output-fd N]\n"
	"Compiles FILE (default " POSTERN_SYSCONFDIR "/postern.conf) and the policies that it names, and says everything that is\n"
	"wrong with them on standard error: FILE:LINE: what is wrong: what to do.\n"
	"  --check          write no image (this is the default)\n"
	"  --output IMAGE   write the image to the file IMAGE, which is replaced only if there was no error\n"
	"  --output-fd N    write it to the open file descriptor N\n"
	"  --channel        serve posternd on file descriptor 3\n"
	"Exit status: 0 no error, 1 errors, 2 wrong usage. See postern-policy(5), postern.conf(5).\n";

enum { OPT_CONFIG = 256, OPT_OUTPUT, OPT_OUTPUT_FD, OPT_CHECK, OPT_CHANNEL, OPT_HELP, OPT_VERSION };

static const struct option long_options[] = {
	{"config", required_argument, NULL, OPT_CONFIG}, {"output", required_argument, NULL, OPT_OUTPUT},
	{"output-fd", required_argument, NULL, OPT_OUTPUT_FD}, {"check", no_argument, NULL, OPT_CHECK},
	{"channel", no_argument, NULL, OPT_CHANNEL}, {"help", no_argument, NULL, OPT_HELP},
	{"version", no_argument, NULL, OPT_VERSION}, {0},
};

/* -1 to go on, else the exit status. */
static int take_option(struct options *o, int option)
{
	char *end;

	switch (option) {
	case OPT_CONFIG:
		o->config = optarg;
		return -1;
	case OPT_OUTPUT:
		o->output = optarg;
		return -1;
	case OPT_OUTPUT_FD:
		o->output_fd = (int)strtol(optarg, &end, 10);
		return *optarg && !*end && fcntl(o->output_fd, F_GETFD) >= 0 ? -1 : 2;
	case OPT_CHECK:
		return -1;
	case OPT_CHANNEL:
		o->channel = true;
		return -1;
	case OPT_HELP:
		fputs(usage_text, stdout);
		return 0;
	case OPT_VERSION:
		puts("postern-policy " POSTERN_VERSION);
		return 0;
	default:
		return 2;
	}
}

static int parse_options(int argc, char **argv, struct options *o)
{
	int option, status;

	while ((option = getopt_long(argc, argv, "", long_options, NULL)) >= 0) {
		status = take_option(o, option);
		if (status == 2)
			fputs(usage_text, stderr);
		if (status >= 0)
			return status;
	}
	if (optind < argc || (o->output && o->output_fd >= 0) || (o->channel && (o->output || o->output_fd >= 0))) {
		fputs(usage_text, stderr);
		return 2;
	}
	return -1;
}

static int finish(const char *config, int fd)
{
	struct diagnostics diag = {.out = stderr};
	int rc = compile_run(config, fd, &diag);

	diag_finish(&diag);
	return rc;
}

/* Writes beside the file and renames, so that there is always a whole image, the old one or the new. */
static int compile_to_file(const char *config, const char *output)
{
	char *temporary;
	int fd, rc;

	if (asprintf(&temporary, "%s.%d.new", output, getpid()) < 0)
		return -ENOMEM;
	fd = open(temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	rc = fd < 0 ? -errno : finish(config, fd);
	if (fd >= 0)
		close(fd);
	if (rc == 0 && rename(temporary, output) < 0)
		rc = -errno;
	if (rc < 0 && fd >= 0)
		unlink(temporary);
	if (rc < 0 && rc != -EINVAL)
		fprintf(stderr, "%s: cannot be written (%s): choose another --output\n", output, strerror(-rc));
	free(temporary);
	return rc;
}

static int compile_to_nowhere(const char *config)
{
	int fd = memfd_create("postern-image", MFD_CLOEXEC);
	int rc = fd < 0 ? -errno : finish(config, fd);

	if (fd < 0)
		fprintf(stderr, "postern-policy: no memory file (%s): free memory\n", strerror(-rc));
	else
		close(fd);
	return rc;
}

int main(int argc, char **argv)
{
	struct options o = {.config = POSTERN_SYSCONFDIR "/postern.conf", .output_fd = -1};
	int status = parse_options(argc, argv, &o), rc;

	if (status >= 0)
		return status;
	if (o.channel)
		return service_run(o.config);
	if (o.output_fd >= 0)
		rc = finish(o.config, o.output_fd);
	else if (o.output)
		rc = compile_to_file(o.config, o.output);
	else
		rc = compile_to_nowhere(o.config);
	return rc < 0 ? 1 : 0;
}
