/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Records of a full connection table: see the header. */
#include "fullness.h"

uint32_t fullness_look(struct fullness *f, uint32_t entries, uint32_t max, uint32_t dropped, uint64_t now_ms)
{
	uint32_t more = f->seen ? dropped - f->dropped : 0; /* what was before us is not ours to tell */
	uint32_t say;

	f->seen = true;
	f->dropped = dropped;
	if (max && (uint64_t)entries * 100 >= (uint64_t)max * FULLNESS_PERCENT)
		f->unsaid = more < UINT32_MAX - f->unsaid ? f->unsaid + more : UINT32_MAX;
	if (!f->unsaid || now_ms < f->quiet_until_ms)
		return 0;
	say = f->unsaid;
	f->unsaid = 0;
	f->quiet_until_ms = now_ms + FULLNESS_SAY_MS;
	return say;
}
