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

struct date {
	unsigned int year; /* six digits hold every 64-bit time in microseconds */
	unsigned int month, day; /* from 1 */
};

/*
 * Not gmtime(3): it opens the time zone's file at its first call, which no process behind a
 * system call filter may. Years begin in March here, so that the leap day is the last of its year.
 */
static struct date date_of(uint64_t days_since_1970)
{
	uint64_t days = days_since_1970 + 719468; /* since 0000-03-01 */
	uint64_t era = days / 146097;		  /* of 400 years */
	unsigned int day = (unsigned int)(days % 146097);
	unsigned int year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
	unsigned int in_year = day - (365 * year + year / 4 - year / 100);
	unsigned int march_month = (5 * in_year + 2) / 153;
	struct date d = {.year = (unsigned int)(era * 400 + year), .day = in_year - (153 * march_month + 2) / 5 + 1};

	d.month = march_month < 10 ? march_month + 3 : march_month - 9;
	d.year += d.month <= 2;
	return d;
}

/* The lowest @n digits, and what stands behind them; where it ends. snprintf(3) took a third of a line of the log. */
static char *put_digits(char *p, unsigned int value, unsigned int n, char behind)
{
	for (unsigned int i = n; i > 0; i--, value /= 10)
		p[i - 1] = (char)('0' + value % 10);
	p[n] = behind;
	return p + n + 1;
}

const char *clock_format(uint64_t wall_us, char text[static CLOCK_TEXT_MAX])
{
	uint64_t s = wall_us / 1000000u;
	struct date d = date_of(s / 86400);
	char *p = put_digits(text, d.year, d.year < 10000 ? 4 : 6, '-');

	p = put_digits(p, d.month, 2, '-');
	p = put_digits(p, d.day, 2, 'T');
	p = put_digits(p, (unsigned int)(s / 3600 % 24), 2, ':');
	p = put_digits(p, (unsigned int)(s / 60 % 60), 2, ':');
	p = put_digits(p, (unsigned int)(s % 60), 2, '.');
	p = put_digits(p, (unsigned int)(wall_us / 1000u % 1000u), 3, 'Z');
	*p = '\0';
	return text;
}
