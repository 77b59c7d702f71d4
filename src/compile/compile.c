/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The order of a compile, and what all its stages share. Errors are not returned from stage to stage: each
 * stage reports to the diagnostics and goes on with what it can still check, so that all errors come out
 * in one run; whether the image may be used is decided once, by their number.
 */
#include "compile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "reach.h"

int compile_init(struct compile *c, struct diagnostics *diag)
{
	struct hash_key key;

	*c = (struct compile){.diag = diag, .builder = image_builder_new(), .owner = geteuid()};
	if (!c->builder)
		return -ENOMEM;
	hash_key_init(&key);
	image_build_key(c->builder, &key);
	return 0;
}

void compile_fini(struct compile *c)
{
	image_builder_free(c->builder);
	for (size_t i = 0; i < c->n_kept; i++)
		free(c->kept[i]);
	free(c->kept);
	free(c->list_files);
	free(c->policies);
}

void *compile_grow(void *array, size_t n, size_t size)
{
	/* doubles at each power of two */
	if (n & (n - 1))
		return array;
	array = reallocarray(array, n ? n * 2 : 1, size);
	ASSERT(array);
	return array;
}

const char *compile_keep(struct compile *c, const char *text)
{
	char *copy = strdup(text);

	ASSERT(copy);
	c->kept = compile_grow(c->kept, c->n_kept, sizeof(*c->kept));
	c->kept[c->n_kept++] = copy;
	return copy;
}

const char *compile_path(struct compile *c, const char *file, const char *name)
{
	const char *slash = strrchr(file, '/');
	char *path;
	const char *kept;

	if (name[0] == '/' || !slash)
		return compile_keep(c, name);
	ASSERT(asprintf(&path, "%.*s/%s", (int)(slash - file), file, name) >= 0);
	kept = compile_keep(c, path);
	free(path);
	return kept;
}

int compile_run(const char *path, int image_fd, struct diagnostics *diag)
{
	struct compile c;
	int rc = compile_init(&c, diag);

	if (rc < 0)
		return rc;
	compile_config(&c, path);
	if (diag->n_errors == 0)
		rc = image_builder_write(c.builder, image_fd);
	if (rc < 0)
		diag_error(diag, (struct spot){path, 0}, "the image cannot be written (%s): free memory or space",
			strerror(-rc));
	else if (diag->n_errors == 0)
		rc = reach_check(diag, image_fd);
	compile_fini(&c);
	return rc < 0 ? rc : diag->n_errors ? -EINVAL : 0;
}
