/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pauses of the queue's reader: see the header. No clock, no descriptor. */
#include "pace.h"

bool pace_wait(struct pace *p, uint64_t now_ms, uint32_t n)
{
	if (now_ms != p->now_ms) {
		p->before = now_ms == p->now_ms + 1 ? p->now : 0;
		p->now = 0;
		p->now_ms = now_ms;
	}
	p->now = n < UINT32_MAX - p->now ? p->now + n : UINT32_MAX;
	return (uint64_t)p->before + p->now >= PACE_MANY;
}
