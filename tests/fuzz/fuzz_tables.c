/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as a line of /proc/net/icmp and its like. What has to hold: no read outside; the result depends on the line only. */
#include <string.h>

#include "tables.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t families[] = {ADDR_V4, ADDR_V6};
	char line[512];

	if (size >= sizeof(line))
		size = sizeof(line) - 1;
	memcpy(line, data, size);
	line[size] = '\0';
	for (size_t i = 0; i < ARRAY_LEN(families); i++) {
		struct table_row a, b;

		if (!tables_row(line, families[i], &a))
			continue;
		ASSERT(tables_row(line, families[i], &b) && a.inode == b.inode && a.uid == b.uid && a.port == b.port);
		ASSERT(addr_equal(&a.local, &b.local) && addr_equal(&a.remote, &b.remote) && a.local.family == families[i]);
	}
	return 0;
}
