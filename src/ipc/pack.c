/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See pack.h. Writing trusts its caller; reading trusts nothing: every run is held against what is left of datagram and message. */
#include "pack.h"

#include <errno.h>
#include <string.h>

#define WORD sizeof(uint64_t)
#define AHEAD 4 /* words of a gap that are looked at together */

struct words {
	const uint8_t *bytes;
	size_t len;
};

static bool zero(const struct words *w, size_t at)
{
	uint64_t word = 0;

	memcpy(&word, w->bytes + at, w->len - at < WORD ? w->len - at : WORD);
	return word == 0;
}

/* As many words as one run may leave out, from @at on. */
static size_t skip(const struct words *w, size_t at, size_t *ret_gap)
{
	size_t gap = 0;
	uint64_t few[AHEAD];

	for (; gap + AHEAD <= PACK_RUN_MAX && at + sizeof(few) <= w->len; gap += AHEAD, at += sizeof(few)) {
		memcpy(few, w->bytes + at, sizeof(few));
		if (few[0] | few[1] | few[2] | few[3])
			break;
	}
	for (; gap < PACK_RUN_MAX && at < w->len && zero(w, at); gap++)
		at += WORD;
	*ret_gap = gap;
	return at < w->len ? at : w->len;
}

size_t message_pack(const void *message, size_t size, uint8_t *out)
{
	const struct words w = {(const uint8_t *)message + sizeof(struct message_header), size - sizeof(struct message_header)};
	struct message_header h;
	uint8_t *p = out + sizeof(h), *end = p;
	size_t at = 0;

	while (at < w.len) {
		size_t gap, run = 0, from = skip(&w, at, &gap), len;

		for (at = from; run < PACK_RUN_MAX && at < w.len && !zero(&w, at); run++)
			at += WORD;
		len = (at < w.len ? at : w.len) - from;
		*p++ = (uint8_t)gap;
		*p++ = (uint8_t)run;
		memcpy(p, w.bytes + from, len);
		p += len;
		end = run ? p : end; /* behind it all is zero */
	}
	memcpy(&h, message, sizeof(h));
	h.size = (uint16_t)(end - out);
	memcpy(out, &h, sizeof(h));
	return h.size;
}

/* The runs of @wire into a body of zeros. */
static int unpack_runs(const uint8_t *wire, size_t len, uint8_t *body, size_t body_len)
{
	size_t pos = 0, at = 0;

	while (pos < len) {
		size_t n;

		if (len - pos < 2)
			return -EPROTO;
		at += wire[pos] * WORD;
		n = wire[pos + 1] * WORD;
		pos += 2;
		if (at > body_len)
			return -EPROTO;
		if (n > body_len - at && n - (body_len - at) < WORD)
			n = body_len - at; /* the short word */
		if (n > body_len - at || n > len - pos)
			return -EPROTO;
		memcpy(body + at, wire + pos, n);
		pos += n;
		at += n;
	}
	return 0;
}

int message_unpack(const uint8_t *wire, size_t left, union message_buffer *ret_message, size_t *ret_used)
{
	struct message_header *h = &ret_message->h;
	size_t used, size;

	if (left < sizeof(*h))
		return -EPROTO;
	memcpy(h, wire, sizeof(*h));
	used = h->size;
	if (used < sizeof(*h) || used > left || h->type >= MSG_TYPE_COUNT)
		return -EPROTO;
	size = message_size((enum message_type)h->type);
	h->size = (uint16_t)size;
	memset(ret_message->bytes + sizeof(*h), 0, size - sizeof(*h));
	*ret_used = used;
	return unpack_runs(wire + sizeof(*h), used - sizeof(*h), ret_message->bytes + sizeof(*h), size - sizeof(*h));
}
