/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A fuzz input as a file of the compiler's: in a folder of its own, which goes when the program ends. Inputs that name
 * absolute paths or ".." are passed over, so that no run touches another file of the machine.
 */
#ifndef POSTERN_FUZZ_COMPILE_INPUT_H
#define POSTERN_FUZZ_COMPILE_INPUT_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "compile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static char input_folder[64];
static char input_path[96];
static FILE *input_null;

static void input_remove(void)
{
	unlink(input_path);
	rmdir(input_folder);
}

static inline bool input_outside(const uint8_t *data, size_t len)
{
	return memmem(data, len, "\"/", 2) || memmem(data, len, "..", 2);
}

static inline const char *input_write(const uint8_t *data, size_t len)
{
	FILE *f;

	if (!input_null) {
		umask(022);
		strcpy(input_folder, "/dev/shm/postern-fuzz-XXXXXX");
		input_null = fopen("/dev/null", "w");
		if (!input_null || !mkdtemp(input_folder))
			abort();
		snprintf(input_path, sizeof(input_path), "%s/in.conf", input_folder);
		atexit(input_remove);
	}
	f = fopen(input_path, "w");
	if (!f || fwrite(data, 1, len, f) != len || fclose(f) != 0)
		abort();
	return input_path;
}

#endif
