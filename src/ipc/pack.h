/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Messages as they travel. Most of a fixed-size message is the unused rest of its names, texts and tables, all zero; so its header
 * goes as it is, with the size on the wire, and behind it runs: how many words of eight zero bytes to leave out, how many
 * follow, and those. The last word may be short; what is behind the last run is zero.
 */
#ifndef IPC_PACK_H
#define IPC_PACK_H

#include "postern/channel.h"

#define PACK_RUN_MAX 255 /* words */
/* At most this for a message of @size: a run costs two bytes and, but for those that only go on, saves a word. */
#define PACK_SIZE_MAX(size) ((size) + 2 * ((size) / (8 * PACK_RUN_MAX) + 2))

/* Writes @message, of @size bytes with its header filled in, to @out of PACK_SIZE_MAX(@size) bytes; how many were written. */
size_t message_pack(const void *message, size_t size, uint8_t *out);
/*
 * The message at @wire, of which @left bytes are there. On success *@ret_message is whole, its header says its full size, and *@ret_used is
 * how far it goes. -EPROTO.
 */
POSTERN_MUST_CHECK int message_unpack(const uint8_t *wire, size_t left, union message_buffer *ret_message, size_t *ret_used);

#endif
