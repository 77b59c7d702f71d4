/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any bytes as a packet. What has to hold: no read outside; the result depends on the bytes only; bytes
 * behind what a good packet needed change nothing; every cut gives the same packet or a malformed one.
 */
#include <string.h>

#include "postern/packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct packet whole, again, cut;
	int rc = packet_parse(data, size, size, &whole);

	ASSERT(packet_parse(data, size, size, &again) == rc && memcmp(&whole, &again, sizeof(whole)) == 0);
	if (rc < 0)
		return 0;
	ASSERT(whole.source.family == whole.destination.family && whole.source.family != ADDR_NONE);
	ASSERT(whole.has_ports == packet_protocol_has_ports(whole.protocol));
	if (size && packet_parse(data, size - 1, size, &cut) == 0)
		ASSERT(memcmp(&cut, &whole, sizeof(cut)) == 0);
	if (packet_parse(data, size / 2, size, &cut) == 0)
		ASSERT(memcmp(&cut, &whole, sizeof(cut)) == 0);
	return 0;
}
