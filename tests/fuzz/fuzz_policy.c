/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Policy and configuration text. An input that begins with "policies" is a postern.conf, any other a policy. Without
 * errors it has to make an image that its reader accepts; with errors, each has a place.
 */
#include "compile_input.h"
#include "postern/image_reach.h"

/* What was accepted must be an image. */
static void check_image(struct compile *c)
{
	struct image_reach *rules;
	struct image *im;
	void *data;
	size_t len, n;

	if (image_builder_finish(c->builder, &data, &len) < 0 || image_view(data, len, &im) < 0)
		abort();
	if (image_reach(im, &rules, &n) < 0)
		abort();
	free(rules);
	image_unmap(im);
	free(data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct diagnostics d = {0};
	struct compile c;
	const char *path;

	if (input_outside(data, len))
		return 0;
	path = input_write(data, len);
	d.out = input_null;
	if (compile_init(&c, &d) < 0)
		abort();
	if (len >= 8 && memcmp(data, "policies", 8) == 0)
		compile_config(&c, path);
	else
		compile_policy(&c, (struct spot){0}, path);
	if (d.n_errors == 0)
		check_image(&c);
	compile_fini(&c);
	return 0;
}
