/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any names as questions of three sandboxes. Input: records of slot and flags, seconds that pass, labels of the permitted zone, type, then
 * a name in wire form. What has to hold: a name is charged at most with what its bytes can carry; what was sent is not new; what was not sent is;
 * confidence in a budget never falls while nothing passes; a sandbox that asks nothing is found to do nothing.
 */
#include <stdlib.h>
#include <string.h>

#include "postern/compiler.h"
#include "postern/detect.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define RECORDS_MAX 400

static void question(struct detect *d, struct detect_question *q, unsigned int flags)
{
	struct detect_finding f, again;

	detect_judge(d, q, &f);
	ASSERT(f.trace.bits <= 2 * 8 * q->name->len);
	for (unsigned int p = 0; p < PROTECTION_COUNT; p++)
		ASSERT(f.confidence[p] < CONFIDENCE_COUNT);
	ASSERT(f.confidence[PROTECTION_NONE] == CONFIDENCE_NONE);
	ASSERT(f.trace.novel || f.confidence[PROTECTION_DNS_TUNNELING] == CONFIDENCE_NONE);
	if (!(flags & 1)) {
		detect_judge(d, q, &again);
		ASSERT(again.trace.novel == f.trace.novel);
		ASSERT(again.confidence[PROTECTION_DNS_TUNNELING] >= f.confidence[PROTECTION_DNS_TUNNELING]);
		return;
	}
	detect_sent(d, q);
	if (flags & 2)
		detect_nxdomain(d, q, &f.trace);
	detect_judge(d, q, &again);
	ASSERT(!again.trace.novel && again.trace.bits == 0);
	ASSERT(again.confidence[PROTECTION_DNS_TUNNELING] == CONFIDENCE_NONE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct detect *d;
	struct detect_question q = {.now_ms = 1000000};
	struct detect_finding quiet;
	struct bytes_reader r;
	struct dns_name name;

	if (!d)
		d = detect_new();
	ASSERT(d);
	bytes_reader_init(&r, data, size);
	q.name = &name;
	for (unsigned int i = 0; i < RECORDS_MAX && bytes_left(&r) > 5; i++) {
		unsigned int head = bytes_read_u8(&r);

		q.slot = head & 3;
		q.slot = q.slot == 3 ? SANDBOX_MAX - 1 : q.slot;
		q.now_ms += bytes_read_u8(&r) * 1000ull * (head & 0x80 ? 3600 : 1);
		q.zone_labels = bytes_read_u8(&r);
		q.qtype = bytes_read_u16(&r);
		if (dns_name_read(&r, false, &name) < 0)
			break;
		dns_name_lower(&name);
		question(d, &q, head >> 2);
	}
	name = (struct dns_name){.len = 9, .wire = "\3www\3foo"};
	q.slot = 4;
	detect_judge(d, &q, &quiet);
	ASSERT(quiet.confidence[PROTECTION_DNS_TUNNELING] == CONFIDENCE_NONE && quiet.confidence[PROTECTION_DGA] == CONFIDENCE_NONE);
	for (unsigned int slot = 0; slot < 5; slot++)
		detect_forget(d, (uint16_t)slot);
	detect_forget(d, SANDBOX_MAX - 1);
	return 0;
}
