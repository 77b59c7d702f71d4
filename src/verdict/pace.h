/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How often the packet queue is read. Every look at it wakes this process and then the gate, which costs more than judging and
 * refusing a packet; so while many packets come, what comes within PACE_PAUSE_US is taken together. A packet that
 * comes alone, or as one of a few, never waits; one that comes during another sandbox's scan waits no longer than the pause.
 */
#ifndef VERDICT_PACE_H
#define VERDICT_PACE_H

#include <stdbool.h>
#include <stdint.h>

#define PACE_MANY 16	  /* packets in this millisecond and the one before */
#define PACE_PAUSE_US 100	  /* and the kernel's timer slack, 50 us */

/* All zero before the first packet. */
struct pace {
	uint64_t now_ms;
	uint32_t now, before; /* packets of this millisecond, and of the one before */
};

/*
 * @n packets, fewer than there is room for, came at @now_ms (clock_now_ms()). True: wait for PACE_PAUSE_US before the next look. A
 * clock that goes back starts anew.
 */
bool pace_wait(struct pace *p, uint64_t now_ms, uint32_t n);

#endif
