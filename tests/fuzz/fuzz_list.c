/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Text lists and hosts files: any bytes are a list (a hosts file) or get errors; without errors they make an image.
 */
#include "compile_input.h"
#include "forward.h"

static void read_as(bool hosts)
{
	struct diagnostics d = {.out = input_null};
	struct local_records records = {0};
	struct compile c;
	struct image *im;
	uint32_t list = 0;
	void *image;
	size_t size;

	if (compile_init(&c, &d) < 0)
		abort();
	if (hosts)
		hosts_file(&c, (struct spot){0}, input_path, &records);
	else
		list = compile_list_file(&c, (struct spot){0}, input_path, IMAGE_NONE);
	if (d.n_errors == 0) {
		if (list == IMAGE_NONE || image_builder_finish(c.builder, &image, &size) < 0 ||
			image_view(image, size, &im) < 0)
			abort();
		image_unmap(im);
		free(image);
	}
	compile_fini(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	input_write(data, len);
	read_as(false);
	read_as(true);
	return 0;
}
