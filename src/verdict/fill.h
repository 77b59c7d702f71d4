/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From a judgement to what is told of it: under which key packets are counted together, and the event. Pure. */
#ifndef VERDICT_FILL_H
#define VERDICT_FILL_H

#include "judge.h"
#include "windows.h"

/* Packets of one key and window are one event. A reply counts under the flow that it belongs to. */
struct window_key fill_key(const struct judgement *r, const struct packet *p);
/* Everything but count, times and sender into a zeroed event; @r is of @j. */
void fill_event(struct event *e, const struct judge *j, const struct judgement *r, const struct verdict_packet *m,
	const struct packet *p);
/*
 * Who sent it: the first full answer stays. The user of the socket is known from the queue even where nothing more
 * could be found (@by NULL).
 */
void fill_sender(struct event *e, const struct verdict_packet *m, const struct attribution *by);
/* The number and, if it is still there, the name of the sandbox. */
void fill_sandbox(struct event *e, const struct boxes *boxes, uint16_t slot);

#endif
