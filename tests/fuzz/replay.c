/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs a fuzz harness once over each file of its corpus, for compilers without libFuzzer.
 * usage: replay_NAME FOLDER. Fails where the folder is empty: a corpus that is gone tests nothing.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define INPUT_MAX (1 << 20)

static int replay(const char *folder, const char *name)
{
	uint8_t *data = malloc(INPUT_MAX), *exact;
	char path[4096];
	size_t len;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "rb");
	if (!f || !data) {
		perror(path);
		exit(1);
	}
	len = fread(data, 1, INPUT_MAX, f);
	fclose(f);
	/* a copy of the exact size, so that the sanitizer sees a read behind the end */
	exact = realloc(data, len ? len : 1);
	LLVMFuzzerTestOneInput(exact, len);
	free(exact);
	return 1;
}

int main(int argc, char **argv)
{
	DIR *d = argc == 2 ? opendir(argv[1]) : NULL;
	struct dirent *e;
	int n = 0;

	if (!d) {
		fprintf(stderr, "usage: %s FOLDER (which has to exist)\n", argv[0]);
		return 2;
	}
	while ((e = readdir(d)))
		if (e->d_name[0] != '.')
			n += replay(argv[1], e->d_name);
	closedir(d);
	printf("%d inputs\n", n);
	return n ? 0 : 1;
}
