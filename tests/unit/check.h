/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The whole unit test harness: CHECK() counts and goes on, check_report() ends
 * the program. Table tests name the row with check_row().
 */
#ifndef POSTERN_TEST_CHECK_H
#define POSTERN_TEST_CHECK_H

#include <stdio.h>
#include <string.h>

static unsigned int check_failed, check_passed;
static const char *check_row_name = "";

static inline void check_row(const char *name)
{
	check_row_name = name;
}

static inline void check_result(int ok, const char *what, const char *file, int line)
{
	if (ok) {
		check_passed++;
		return;
	}
	check_failed++;
	fprintf(stderr, "%s:%d: failed: %s [%s]\n", file, line, what, check_row_name);
}

#define CHECK(cond) check_result(!!(cond), #cond, __FILE__, __LINE__)
#define CHECK_STR(a, b) check_str(a, b, #a, __FILE__, __LINE__)

static inline void check_str(const char *got, const char *want, const char *what, const char *file, int line)
{
	int ok = got && want && strcmp(got, want) == 0;

	check_result(ok, what, file, line);
	if (!ok)
		fprintf(stderr, "  got  %s\n  want %s\n", got ? got : "(null)", want ? want : "(null)");
}

static inline int check_report(void)
{
	printf("%u checks passed, %u failed\n", check_passed, check_failed);
	return check_failed || !check_passed ? 1 : 0;
}

#endif
