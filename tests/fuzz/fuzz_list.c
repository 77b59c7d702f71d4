/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Text lists: any bytes are a list or get errors; a list without errors makes an image. */
#include "compile_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct diagnostics d = {0};
	struct compile c;
	struct image *im;
	void *image;
	size_t size;
	uint32_t list;

	d.out = (input_write(data, len), input_null);
	if (compile_init(&c, &d) < 0)
		abort();
	list = compile_list_file(&c, (struct spot){0}, input_path);
	if (d.n_errors == 0) {
		if (list == IMAGE_NONE || image_builder_finish(c.builder, &image, &size) < 0 ||
			image_view(image, size, &im) < 0)
			abort();
		image_unmap(im);
		free(image);
	}
	compile_fini(&c);
	return 0;
}
