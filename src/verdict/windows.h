/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From packets to events: one event for each (sandbox, destination, reason) and window, with a count.
 * A scan cannot flood the log: tables are bounded, each sandbox has a share, and what
 * found no room is counted and said. Pure: time comes in.
 */
#ifndef VERDICT_WINDOWS_H
#define VERDICT_WINDOWS_H

#include <stdbool.h>
#include <stdint.h>

#include "postern/event.h"

#define WINDOWS_MAX 4096
#define WINDOWS_SHARE 512 /* of one sandbox, and of the packets that no sandbox owns */

struct window_key {
	uint16_t slot;	 /* or SANDBOX_NONE */
	uint16_t reason; /* enum reason */
	uint16_t port;
	uint8_t protocol;
	bool inbound;
	bool would_block; /* let through in audit mode: never counted together with refusals */
	struct addr destination;
};

struct windows;

POSTERN_MUST_CHECK int windows_new(struct windows **ret_windows); /* 0 or -ENOMEM */
void windows_free(struct windows *w);				    /* NULL is fine */

/*
 * The event of an open window, or NULL. The caller adds to it; it is valid until the next call.
 */
struct event *windows_find(struct windows *w, const struct window_key *key);
/*
 * Opens a window that ends at @end_ms; the ends of successive calls may not decrease. NULL where the table or the
 * sandbox's share is full: the packet is counted as suppressed. The event is zeroed.
 */
struct event *windows_open(struct windows *w, const struct window_key *key, uint64_t end_ms);

/* When the next window or the next report of suppressed packets is due; UINT64_MAX: nothing is open. */
uint64_t windows_due_ms(const struct windows *w);
/*
 * Takes one event out that is due at @now_ms (UINT64_MAX: whatever is open). Of suppressed packets only
 * kind, slot, reason and count are filled.
 */
bool windows_take(struct windows *w, uint64_t now_ms, struct event *ret_event);
/* The sandbox is gone: its windows end now. */
void windows_end(struct windows *w, uint16_t slot);
/* Packets that found no room since the start. */
uint64_t windows_suppressed(const struct windows *w);

#endif
