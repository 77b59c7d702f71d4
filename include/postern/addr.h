/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * IP addresses, prefixes and services (protocol and port) in one form for both
 * families, with the classes of addresses that a name must never lead to.
 * folder: src/base
 */
#ifndef POSTERN_ADDR_H
#define POSTERN_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "postern/compiler.h"

enum addr_family {
	ADDR_NONE = 0,
	ADDR_V4 = 4,
	ADDR_V6 = 6,
};

/* Network order; an IPv4 address in the first four bytes, the rest zero. */
struct addr {
	uint8_t family; /* enum addr_family */
	uint8_t bytes[16];
};

struct prefix {
	struct addr addr; /* host bits are zero */
	uint8_t len;	  /* bits */
};

/* IANA protocol number with a port range; first == last for one port. */
struct service {
	uint8_t protocol;
	uint16_t first_port; /* host order */
	uint16_t last_port;
};

#define ADDR_TEXT_MAX 46 /* INET6_ADDRSTRLEN */

/* inet_pton(3) forms only: no shorthand, no zone. 0 or -EINVAL. */
POSTERN_MUST_CHECK int addr_parse(const char *text, struct addr *ret_addr);
/* "192.0.2.0/24", "2001:db8::/32", or a bare address. -EINVAL also where host bits are set. */
POSTERN_MUST_CHECK int prefix_parse(const char *text, struct prefix *ret_prefix);
/* Writes at most ADDR_TEXT_MAX bytes with the NUL; returns @text. */
const char *addr_format(const struct addr *a, char text[static ADDR_TEXT_MAX]);
/* Writes at most ADDR_TEXT_MAX + 4 bytes; returns @text. */
const char *prefix_format(const struct prefix *p, char text[static ADDR_TEXT_MAX + 4]);
bool addr_equal(const struct addr *a, const struct addr *b) POSTERN_PURE;
bool prefix_contains(const struct prefix *p, const struct addr *a) POSTERN_PURE;
/* Address bits of the family: 32 or 128. */
uint8_t addr_bits(const struct addr *a) POSTERN_PURE;

/* An IPv4-mapped address becomes its IPv4 form. */
struct addr addr_from_sockaddr(const struct sockaddr_storage *sa, uint16_t *ret_port);
/* Returns the length for bind(2)/sendto(2). */
socklen_t addr_to_sockaddr(const struct addr *a, uint16_t port, struct sockaddr_storage *ret_sa);

/* Cloud metadata and its like: no rule opens these (rules/postern.nft, set never4/never6). */
bool addr_is_never(const struct addr *a) POSTERN_PURE;
/*
 * Addresses that an answer must not contain (rebinding) and that only a static
 * rule may open: private, loopback, link-local, multicast, shared, reserved,
 * and IPv6 forms that embed IPv4 (mapped, NAT64, 6to4, Teredo).
 */
bool addr_is_private(const struct addr *a) POSTERN_PURE;
/* The whole prefix lies inside one of those classes: a rule with it names them. */
bool prefix_is_private(const struct prefix *p) POSTERN_PURE;
/*
 * Does an egress rule with @p open @a? A prefix that is wider than the private classes ("anywhere") does not reach
 * into them: only a rule that names them does.
 */
bool prefix_opens(const struct prefix *p, const struct addr *a) POSTERN_PURE;

/*
 * The whole prefix lies in what a forward zone or a local record may answer with, where the administrator says so:
 * private (RFC 1918), unique local (RFC 4193), shared (RFC 6598), benchmarking (RFC 2544). Never loopback, link-local,
 * multicast, or a form that carries an IPv4 address.
 */
bool prefix_is_site(const struct prefix *p) POSTERN_PURE;

struct addr_range {
	struct addr first, last; /* inclusive, of one family */
};

#define ADDR_RANGES_MAX 32
/* The addresses that prefix_opens() says yes to, as ranges in ascending order. Returns their number. */
size_t prefix_ranges(const struct prefix *p, struct addr_range ret_ranges[static ADDR_RANGES_MAX]);
/* All of it, as one range. */
struct addr_range prefix_whole(const struct prefix *p);

#endif
