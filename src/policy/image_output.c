/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The builder's end: the sections in the order of the file, to memory or to a descriptor.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "build.h"
#include "postern/image_build.h"

/* The parts of the file in order, padding included. */
struct layout {
	struct image_header header;
	const void *data[SECTION_COUNT];
	size_t len[SECTION_COUNT];
	size_t total;
};

static int lay_out(struct image_builder *b, struct layout *l)
{
	const struct build_names *t = &b->names;
	int rc;

	build_end_policy(b);
	build_end_records(b);
	rc = b->error ? b->error : build_names_finish(&b->names);
	if (rc < 0)
		return rc;
	*l = (struct layout){.header = {.magic = IMAGE_MAGIC, .n_names = t->n_names, .key = t->key},
		.total = sizeof(l->header)};
	for (unsigned int s = 0; s < SECTION_COUNT; s++) {
		size_t n = s == SECTION_SETS ? t->sets.n : s == SECTION_NAMES ? t->names.n :
			s == SECTION_SLOTS ? t->n_slots : b->sections[s].n;

		l->data[s] = s == SECTION_SETS ? (void *)t->sets.data : s == SECTION_NAMES ? t->names.data :
			s == SECTION_SLOTS ? (void *)t->slots : b->sections[s].data;
		l->len[s] = n * image_element_size((enum image_section)s);
		l->header.sections[s] = (struct image_extent){.offset = l->total, .count = n};
		l->total += (l->len[s] + IMAGE_ALIGN - 1) / IMAGE_ALIGN * IMAGE_ALIGN;
	}
	l->header.size = l->total;
	return 0;
}

int image_builder_finish(struct image_builder *b, void **ret_data, size_t *ret_len)
{
	struct layout l;
	uint8_t *data;
	int rc = lay_out(b, &l);

	if (rc < 0)
		return rc;
	data = calloc(1, l.total);
	if (!data)
		return -ENOMEM;
	memcpy(data, &l.header, sizeof(l.header));
	for (unsigned int s = 0; s < SECTION_COUNT; s++)
		if (l.len[s])
			memcpy(data + l.header.sections[s].offset, l.data[s], l.len[s]);
	*ret_data = data;
	*ret_len = l.total;
	return 0;
}

static int write_at(int fd, const void *data, size_t len, uint64_t offset)
{
	const uint8_t *p = data;

	while (len) {
		ssize_t n = pwrite(fd, p, len, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		p += n;
		len -= (size_t)n;
		offset += (uint64_t)n;
	}
	return 0;
}

int image_builder_write(struct image_builder *b, int fd)
{
	struct layout l;
	int rc = lay_out(b, &l);

	if (rc < 0)
		return rc;
	if (ftruncate(fd, (off_t)l.total) < 0)
		return -errno;
	rc = write_at(fd, &l.header, sizeof(l.header), 0);
	for (unsigned int s = 0; s < SECTION_COUNT && rc == 0; s++) {
		rc = write_at(fd, l.data[s], l.len[s], l.header.sections[s].offset);
		if (s == SECTION_NAMES)
			build_array_fini(&b->names.names); /* its pages serve for the slots in the file */
	}
	return rc;
}
