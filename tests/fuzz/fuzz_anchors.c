/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any bytes as the file of managed trust anchors. What is accepted is a valid table whose file is read as the same table; and
 * since no fuzzer finds a digest, the bytes are read with the right last line behind them, too. Then they are looks at the
 * table's zones, which stays valid whatever they show.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "anchor_state.h"
#include "digest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const char *text, size_t len, struct anchors *a)
{
	static char written[ANCHOR_TEXT_MAX];
	static struct anchors again;
	size_t n;

	if (anchor_state_read(text, len, a) != NULL)
		return;
	ASSERT(anchors_valid(a));
	n = anchor_state_write(a, written);
	ASSERT(anchor_state_read(written, n, &again) == NULL);
	ASSERT(again.n_zones == a->n_zones && again.n_keys == a->n_keys && memcmp(again.zones, a->zones, sizeof(a->zones)) == 0);
}

static void look(struct anchors *a, const uint8_t *data, size_t size)
{
	static struct anchor_change changes[ANCHOR_CHANGES_MAX];
	struct anchor_seen s = {.validated = 1};

	if (a->n_zones == 0)
		return;
	for (size_t i = 0; i + 4 <= size && i < 400; i += 4) {
		s.zone = a->zones[data[i] % a->n_zones].name;
		s.validated = data[i] >> 7;
		s.n = data[i + 1] % (ANCHOR_SEEN_MAX + 1);
		for (unsigned int k = 0; k < s.n; k++) {
			s.keys[k].tag = (uint16_t)(data[i + 2] + k);
			s.keys[k].revoked = data[i + 3] >> (k % 8) & 1;
		}
		ASSERT(anchors_observe(a, &s, (uint64_t)data[i + 3] << (data[i + 2] % 20), changes) <= ANCHOR_CHANGES_MAX);
		ASSERT(anchors_valid(a));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char text[ANCHOR_TEXT_MAX];
	static struct anchors a;
	uint8_t sum[32];

	if (size + 80 > sizeof(text))
		return 0;
	check((const char *)data, size, &a);
	memcpy(text, data, size);
	digest_sha256(data, size, sum);
	memcpy(text + size, "sha256 ", 7);
	for (size_t i = 0; i < sizeof(sum); i++)
		snprintf(text + size + 7 + 2 * i, 3, "%02x", sum[i]);
	text[size + 71] = '\n';
	check(text, size + 72, &a);
	if (anchors_valid(&a))
		look(&a, data, size);
	return 0;
}
