/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What `postern explain` is asked about: a name or an address, with a service or without. */
#ifndef CLI_TARGET_H
#define CLI_TARGET_H

#include <stdbool.h>
#include <stdint.h>

#include "postern/addr.h"
#include "postern/compiler.h"
#include "postern/name.h"

struct target {
	bool is_address;
	struct dns_name name;
	struct addr addr;
	bool has_service;
	uint8_t protocol;
	uint16_t port; /* type for icmp and icmpv6 */
};

/*
 * "example.com", "example.com:443", "example.com:udp/53", "192.0.2.1:443", "[2001:db8::1]:443", "192.0.2.1:icmp/8". A bare port
 * is TCP's. -EINVAL.
 */
POSTERN_MUST_CHECK int target_parse(const char *text, struct target *ret_target);
/* Type by its word or as TYPE123; 0 where unknown. */
uint16_t qtype_parse(const char *text);
/* "tcp", "udp", "icmp", "icmpv6" or "protocol N". */
const char *protocol_word(uint8_t protocol, char buf[static 16]);

#endif
