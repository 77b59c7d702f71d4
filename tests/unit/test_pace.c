/* SPDX-License-Identifier: GPL-2.0-or-later */
/* When the reader of the packet queue pauses: src/verdict/pace.h, in virtual time. */
#include "check.h"
#include "pace.h"
#include "postern/compiler.h"

struct row {
	const char *what;
	uint32_t per_ms;    /* packets of each millisecond, one look at the queue each */
	uint32_t every_ms;  /* a millisecond with packets in so many */
	bool waits;	    /* from the third such millisecond on */
};

static const struct row rows[] = {
	{"one alone in a while", 1, 1000, false},
	{"the flood meter's rate of one sandbox", 1, 1, false},
	{"seven a millisecond", 7, 1, false},
	{"eight a millisecond", 8, 1, true},
	{"a scan", 60, 1, true},
	{"a few after a pause", 15, 50, false},
	{"many at once", 16, 50, true},
};

static void test_rates(void)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct pace p = {0};
		uint64_t now_ms = 1000;

		check_row(rows[i].what);
		for (unsigned int k = 0; k < 100; k++, now_ms += rows[i].every_ms) {
			bool waits = false;

			for (uint32_t n = 0; n < rows[i].per_ms; n++)
				waits = pace_wait(&p, now_ms, 1);
			if (k >= 2)
				CHECK(waits == rows[i].waits);
		}
	}
}

static void test_edges(void)
{
	struct pace p = {0};

	check_row("ends with the burst");
	CHECK(pace_wait(&p, 5, 40) && pace_wait(&p, 6, 1) && !pace_wait(&p, 7, 1));
	check_row("a clock that goes back");
	CHECK(pace_wait(&p, 8, 40) && !pace_wait(&p, 2, 1));
	check_row("more packets than are counted");
	CHECK(pace_wait(&p, 9, UINT32_MAX) && pace_wait(&p, 9, UINT32_MAX) && p.now == UINT32_MAX);
}

int main(void)
{
	test_rates();
	test_edges();
	return check_report();
}
