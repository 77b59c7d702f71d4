/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files in a folder of the test's own, and a compile of them: the diagnostics as text, the image in memory.
 */
#ifndef POSTERN_TEST_COMPILE_KIT_H
#define POSTERN_TEST_COMPILE_KIT_H

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "compile.h"

struct kit {
	char folder[64];
	char *output; /* of the last compile */
	uint32_t n_errors, n_warnings;
	int image_fd;
};

static inline void kit_init(struct kit *k)
{
	*k = (struct kit){.folder = "/tmp/postern-test-XXXXXX", .image_fd = -1};
	umask(022);
	if (!mkdtemp(k->folder) || chdir(k->folder) < 0) {
		perror(k->folder);
		exit(1);
	}
}

/* Writes @len bytes, making folders as needed is not: the path lies in the folder. */
static inline void kit_write_bytes(const char *name, const void *data, size_t len)
{
	FILE *f = fopen(name, "w");

	if (!f || fwrite(data, 1, len, f) != len || fclose(f) != 0) {
		perror(name);
		exit(1);
	}
}

static inline void kit_write(const char *name, const char *text)
{
	kit_write_bytes(name, text, strlen(text));
}

/* Compiles ./postern.conf. */
static inline int kit_compile(struct kit *k)
{
	struct diagnostics d = {0};
	size_t len;
	int rc;

	free(k->output);
	if (k->image_fd >= 0)
		close(k->image_fd);
	k->image_fd = memfd_create("image", MFD_CLOEXEC);
	d.out = open_memstream(&k->output, &len);
	rc = compile_run("postern.conf", k->image_fd, &d);
	diag_finish(&d);
	fclose(d.out);
	k->n_errors = d.n_errors;
	k->n_warnings = d.n_warnings;
	return rc;
}

static inline void kit_fini(struct kit *k)
{
	char command[128];

	free(k->output);
	if (k->image_fd >= 0)
		close(k->image_fd);
	snprintf(command, sizeof(command), "rm -r %s", k->folder);
	if (chdir("/") < 0 || system(command) != 0)
		fprintf(stderr, "%s is left behind\n", k->folder);
}

#endif
