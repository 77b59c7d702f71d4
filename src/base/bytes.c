/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bounded cursors: see the header. Invariant: pos <= len (cap) always holds,
 * so every check is one subtraction that cannot wrap.
 */
#include "postern/bytes.h"

#include <string.h>

void bytes_reader_init(struct bytes_reader *r, const void *data, size_t len)
{
	*r = (struct bytes_reader){.data = data, .len = len};
}

size_t bytes_left(const struct bytes_reader *r)
{
	return r->failed ? 0 : r->len - r->pos;
}

const uint8_t *bytes_read_view(struct bytes_reader *r, size_t len)
{
	const uint8_t *view;

	if (r->failed || r->len - r->pos < len) {
		r->failed = true;
		return NULL;
	}
	view = r->data + r->pos;
	r->pos += len;
	return view;
}

uint8_t bytes_read_u8(struct bytes_reader *r)
{
	const uint8_t *p = bytes_read_view(r, 1);

	return p ? p[0] : 0;
}

uint16_t bytes_read_u16(struct bytes_reader *r)
{
	const uint8_t *p = bytes_read_view(r, 2);

	return p ? (uint16_t)(p[0] << 8 | p[1]) : 0;
}

uint32_t bytes_read_u32(struct bytes_reader *r)
{
	const uint8_t *p = bytes_read_view(r, 4);

	if (!p)
		return 0;
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

void bytes_read_copy(struct bytes_reader *r, void *dst, size_t len)
{
	const uint8_t *p = bytes_read_view(r, len);

	if (p)
		memcpy(dst, p, len);
	else
		memset(dst, 0, len);
}

void bytes_skip(struct bytes_reader *r, size_t len)
{
	(void)bytes_read_view(r, len); /* only the position and the error are wanted */
}

void bytes_seek(struct bytes_reader *r, size_t pos)
{
	if (pos > r->len)
		r->failed = true;
	else
		r->pos = pos;
}

void bytes_writer_init(struct bytes_writer *w, void *data, size_t cap)
{
	*w = (struct bytes_writer){.data = data, .cap = cap};
}

void bytes_write(struct bytes_writer *w, const void *src, size_t len)
{
	if (w->failed || w->cap - w->pos < len) {
		w->failed = true;
		return;
	}
	if (len)
		memcpy(w->data + w->pos, src, len);
	w->pos += len;
}

void bytes_write_u8(struct bytes_writer *w, uint8_t v)
{
	bytes_write(w, &v, 1);
}

void bytes_write_u16(struct bytes_writer *w, uint16_t v)
{
	const uint8_t b[2] = {(uint8_t)(v >> 8), (uint8_t)v};

	bytes_write(w, b, sizeof(b));
}

void bytes_write_u32(struct bytes_writer *w, uint32_t v)
{
	const uint8_t b[4] = {(uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v};

	bytes_write(w, b, sizeof(b));
}

void bytes_patch_u16(struct bytes_writer *w, size_t pos, uint16_t v)
{
	if (w->failed || pos > w->pos || w->pos - pos < 2) {
		w->failed = true;
		return;
	}
	w->data[pos] = (uint8_t)(v >> 8);
	w->data[pos + 1] = (uint8_t)v;
}
