/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bounded cursors over bytes: the only way hostile bytes are read, and the way
 * wire messages are written.
 * folder: src/base
 *
 * Both cursors have a sticky error: a read past the end yields zeros and sets
 * it, a write past the end writes nothing and sets it. So a parser is
 * straight-line code with one check at its end.
 */
#ifndef POSTERN_BYTES_H
#define POSTERN_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/compiler.h"

struct bytes_reader {
	const uint8_t *data; /* the whole message: offsets count from here */
	size_t len;
	size_t pos;
	bool failed;
};

struct bytes_writer {
	uint8_t *data;
	size_t cap;
	size_t pos;
	bool failed;
};

void bytes_reader_init(struct bytes_reader *r, const void *data, size_t len);
/* Bytes not yet read; 0 once failed. */
size_t bytes_left(const struct bytes_reader *r) POSTERN_PURE;
/* Network byte order on the wire, host order returned. */
uint8_t bytes_read_u8(struct bytes_reader *r);
uint16_t bytes_read_u16(struct bytes_reader *r);
uint32_t bytes_read_u32(struct bytes_reader *r);
/* A view of @len bytes inside the message, or NULL (and failed). */
const uint8_t *bytes_read_view(struct bytes_reader *r, size_t len);
/* Copies @len bytes; zeros @dst on failure. */
void bytes_read_copy(struct bytes_reader *r, void *dst, size_t len);
void bytes_skip(struct bytes_reader *r, size_t len);
void bytes_seek(struct bytes_reader *r, size_t pos);

void bytes_writer_init(struct bytes_writer *w, void *data, size_t cap);
void bytes_write_u8(struct bytes_writer *w, uint8_t v);
void bytes_write_u16(struct bytes_writer *w, uint16_t v);
void bytes_write_u32(struct bytes_writer *w, uint32_t v);
void bytes_write(struct bytes_writer *w, const void *src, size_t len);
/* Overwrites two bytes already written at @pos (a length, a count). */
void bytes_patch_u16(struct bytes_writer *w, size_t pos, uint16_t v);

#endif
