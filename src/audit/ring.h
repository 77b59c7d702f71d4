/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bounded queue of whole lines between the receiver and the writer. A line never wraps, so
 * the reader gets it in one piece. No locking: the owner has it (writer.c).
 */
#ifndef AUDIT_RING_H
#define AUDIT_RING_H

#include <stdbool.h>
#include <stddef.h>

struct ring {
	char *data;
	size_t cap;
	size_t head; /* next byte to write */
	size_t tail; /* first byte not consumed; head == tail: empty */
	size_t end;  /* valid bytes end here when head has wrapped */
};

void ring_init(struct ring *r, char *data, size_t cap);
/* Appends @len bytes as one piece; false where there is no room. */
bool ring_push(struct ring *r, const char *line, size_t len);
/* The longest piece of whole lines ('\n') of at most @max bytes; at least one line. Returns its length, 0: empty. */
size_t ring_peek(struct ring *r, size_t max, const char **ret_lines);
/* Gives up the first @len bytes of what ring_peek() showed. */
void ring_consume(struct ring *r, size_t len);

#endif
