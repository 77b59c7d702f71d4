/* SPDX-License-Identifier: GPL-2.0-or-later */
/* When a full connection table is put on record: src/gate/fullness.h, in virtual time. */
#include "check.h"
#include "fullness.h"
#include "postern/compiler.h"

static const struct {
	const char *what;
	uint32_t entries, max, dropped; /* at a look */
	uint64_t after_ms;
	uint32_t said;
} looks[] = {
	{"what was before the start", 400, 400, 70, 0, 0},
	{"nothing more", 400, 400, 70, 1000, 0},
	{"the first drop", 400, 400, 73, 1000, 3},
	{"more, too soon", 400, 400, 80, 1000, 0},
	{"and more", 399, 400, 90, 1000, 0},
	{"the table has room again, what was dropped is still said", 10, 400, 90, FULLNESS_SAY_MS, 17},
	{"a drop of another kind", 359, 400, 95, FULLNESS_SAY_MS, 0},
	{"nine tenths", 360, 400, 96, 1000, 1},
	{"no limit is told", 360, 0, 99, FULLNESS_SAY_MS, 0},
	{"the count wraps round", 400, 400, 4, FULLNESS_SAY_MS, UINT32_MAX - 99 + 5},
	{"nothing lasts", 400, 400, 4, 2 * FULLNESS_SAY_MS, 0},
};

int main(void)
{
	struct fullness f = {0};
	uint64_t now_ms = 5000;

	for (size_t i = 0; i < ARRAY_LEN(looks); i++) {
		check_row(looks[i].what);
		now_ms += looks[i].after_ms;
		CHECK(fullness_look(&f, looks[i].entries, looks[i].max, looks[i].dropped, now_ms) == looks[i].said);
	}
	return check_report();
}
