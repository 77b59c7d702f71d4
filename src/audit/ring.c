/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Two regions in one buffer: [tail, end) and, once the head has wrapped, [0, head). See the header. */
#include "ring.h"

#include <string.h>

void ring_init(struct ring *r, char *data, size_t cap)
{
	*r = (struct ring){.data = data, .cap = cap, .end = cap};
}

bool ring_push(struct ring *r, const char *line, size_t len)
{
	if (r->head >= r->tail) {
		if (r->cap - r->head < len) {
			if (len >= r->tail)
				return false;
			r->end = r->head;
			r->head = 0;
		}
	} else if (r->tail - r->head <= len) { /* one byte stays free: full is not empty */
		return false;
	}
	memcpy(r->data + r->head, line, len);
	r->head += len;
	return true;
}

static void unwrap(struct ring *r)
{
	if (r->head < r->tail && r->tail == r->end) {
		r->tail = 0;
		r->end = r->cap;
	}
}

size_t ring_peek(struct ring *r, size_t max, const char **ret_lines)
{
	const char *last, *from;
	size_t n;

	unwrap(r);
	n = (r->head >= r->tail ? r->head : r->end) - r->tail;
	from = r->data + r->tail;
	if (n > max) {
		last = memrchr(from, '\n', max);
		if (!last)
			last = memchr(from, '\n', n);
		n = (size_t)(last - from) + 1;
	}
	*ret_lines = from;
	return n;
}

void ring_consume(struct ring *r, size_t len)
{
	r->tail += len;
	unwrap(r);
}
