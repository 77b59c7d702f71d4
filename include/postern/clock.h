/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Time. Deadlines are CLOCK_BOOTTIME milliseconds: the wall clock may jump, and a
 * suspended machine must not keep pins alive. The wall clock is for logs only.
 * folder: src/base
 */
#ifndef POSTERN_CLOCK_H
#define POSTERN_CLOCK_H

#include <stddef.h>
#include <stdint.h>

uint64_t clock_now_ms(void);	 /* CLOCK_BOOTTIME */
uint64_t clock_now_us(void);	 /* CLOCK_BOOTTIME */
uint64_t clock_wall_us(void);	 /* CLOCK_REALTIME since 1970 */

#define CLOCK_TEXT_MAX 32
/* RFC 3339 in UTC with milliseconds: 2026-11-20T08:04:37.123Z */
const char *clock_format(uint64_t wall_us, char text[static CLOCK_TEXT_MAX]);

#endif
