/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Time: see the header. clock_gettime(2) cannot fail for these clocks. */
#include "postern/clock.h"

#include <stdio.h>
#include <time.h>

static uint64_t now_us(clockid_t id)
{
	struct timespec ts;

	(void)clock_gettime(id, &ts); /* both clocks exist on every supported kernel */
	return (uint64_t)ts.tv_sec * 1000000u + (uint64_t)ts.tv_nsec / 1000u;
}

uint64_t clock_now_ms(void)
{
	return now_us(CLOCK_BOOTTIME) / 1000u;
}

uint64_t clock_now_us(void)
{
	return now_us(CLOCK_BOOTTIME);
}

uint64_t clock_wall_us(void)
{
	return now_us(CLOCK_REALTIME);
}

const char *clock_format(uint64_t wall_us, char text[static CLOCK_TEXT_MAX])
{
	time_t s = (time_t)(wall_us / 1000000u);
	struct tm tm;
	size_t n;

	gmtime_r(&s, &tm);
	n = strftime(text, CLOCK_TEXT_MAX, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text + n, CLOCK_TEXT_MAX - n, ".%03uZ", (unsigned int)(wall_us / 1000u % 1000u));
	return text;
}
