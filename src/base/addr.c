/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Addresses and prefixes. The two class tables at the end say which addresses
 * no name may lead to; rules/postern.nft holds the same prefixes, and a test
 * compares the two.
 */
#include "postern/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint8_t addr_bits(const struct addr *a)
{
	return a->family == ADDR_V4 ? 32 : 128;
}

int addr_parse(const char *text, struct addr *ret_addr)
{
	struct addr a = {0};

	if (inet_pton(AF_INET, text, a.bytes) == 1)
		a.family = ADDR_V4;
	else if (inet_pton(AF_INET6, text, a.bytes) == 1)
		a.family = ADDR_V6;
	else
		return -EINVAL;
	*ret_addr = a;
	return 0;
}

static bool host_bits_clear(const struct prefix *p)
{
	for (unsigned int bit = p->len; bit < addr_bits(&p->addr); bit++)
		if (p->addr.bytes[bit / 8] & (0x80u >> bit % 8))
			return false;
	return true;
}

static int parse_prefix_len(const char *text, unsigned int max, uint8_t *ret_len)
{
	unsigned int v = 0;

	if (!*text || strlen(text) > 3)
		return -EINVAL;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return -EINVAL;
		v = v * 10 + (unsigned int)(*text - '0');
	}
	if (v > max)
		return -EINVAL;
	*ret_len = (uint8_t)v;
	return 0;
}

int prefix_parse(const char *text, struct prefix *ret_prefix)
{
	char host[ADDR_TEXT_MAX];
	const char *slash = strchr(text, '/');
	size_t n = slash ? (size_t)(slash - text) : strlen(text);
	struct prefix p = {0};

	if (n >= sizeof(host))
		return -EINVAL;
	memcpy(host, text, n);
	host[n] = '\0';
	if (addr_parse(host, &p.addr) < 0)
		return -EINVAL;
	p.len = addr_bits(&p.addr);
	if (slash && parse_prefix_len(slash + 1, p.len, &p.len) < 0)
		return -EINVAL;
	if (!host_bits_clear(&p))
		return -EINVAL;
	*ret_prefix = p;
	return 0;
}

const char *addr_format(const struct addr *a, char text[static ADDR_TEXT_MAX])
{
	int af = a->family == ADDR_V4 ? AF_INET : AF_INET6;

	if (a->family == ADDR_NONE || !inet_ntop(af, a->bytes, text, ADDR_TEXT_MAX))
		memcpy(text, "-", sizeof("-"));
	return text;
}

const char *prefix_format(const struct prefix *p, char text[static ADDR_TEXT_MAX + 4])
{
	addr_format(&p->addr, text);
	if (p->len != addr_bits(&p->addr)) {
		size_t len = strlen(text);

		snprintf(text + len, ADDR_TEXT_MAX + 4 - len, "/%u", p->len);
	}
	return text;
}

bool addr_equal(const struct addr *a, const struct addr *b)
{
	return a->family == b->family && memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

bool prefix_contains(const struct prefix *p, const struct addr *a)
{
	unsigned int whole = p->len / 8, rest = p->len % 8;
	uint8_t mask = (uint8_t)(0xff00u >> rest);

	if (p->addr.family != a->family || memcmp(p->addr.bytes, a->bytes, whole) != 0)
		return false;
	return rest == 0 || ((p->addr.bytes[whole] ^ a->bytes[whole]) & mask) == 0;
}

struct addr addr_from_sockaddr(const struct sockaddr_storage *sa, uint16_t *ret_port)
{
	struct addr a = {0};
	struct sockaddr_in in;
	struct sockaddr_in6 in6;

	*ret_port = 0;
	if (sa->ss_family == AF_INET) {
		memcpy(&in, sa, sizeof(in));
		a.family = ADDR_V4;
		memcpy(a.bytes, &in.sin_addr, 4);
		*ret_port = ntohs(in.sin_port);
	} else if (sa->ss_family == AF_INET6) {
		memcpy(&in6, sa, sizeof(in6));
		*ret_port = ntohs(in6.sin6_port);
		if (IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr)) {
			a.family = ADDR_V4;
			memcpy(a.bytes, in6.sin6_addr.s6_addr + 12, 4);
		} else {
			a.family = ADDR_V6;
			memcpy(a.bytes, &in6.sin6_addr, 16);
		}
	}
	return a;
}

socklen_t addr_to_sockaddr(const struct addr *a, uint16_t port, struct sockaddr_storage *ret_sa)
{
	memset(ret_sa, 0, sizeof(*ret_sa));
	if (a->family == ADDR_V4) {
		struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};

		memcpy(&in.sin_addr, a->bytes, 4);
		memcpy(ret_sa, &in, sizeof(in));
		return sizeof(in);
	}
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};

	memcpy(&in6.sin6_addr, a->bytes, 16);
	memcpy(ret_sa, &in6, sizeof(in6));
	return sizeof(in6);
}

#define V4(a, b, c, d, bits) {{ADDR_V4, {a, b, c, d}}, bits}
#define V6(bits, ...) {{ADDR_V6, {__VA_ARGS__}}, bits}

/* Metadata and credentials: AWS, Azure, Alibaba, Oracle, GCP, OpenStack; and through NAT64. As never4, never6. */
static const struct prefix never[] = {
	V4(169, 254, 169, 254, 32),
	V4(169, 254, 170, 2, 32),
	V4(169, 254, 170, 23, 32),
	V4(168, 63, 129, 16, 32),
	V4(100, 100, 100, 200, 32),
	V4(192, 0, 0, 192, 32),
	V6(128, 0xfd, 0x00, 0x0e, 0xc2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x02, 0x54),
	V6(128, 0xfd, 0x00, 0x0e, 0xc2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x00, 0x23),
	V6(128, 0xfd, 0x20, 0x00, 0xce, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x02, 0x54),
	V6(128, 0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xa9, 0xfe, 0xa9, 0xfe),
	V6(128, 0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0, 0xa9, 0xfe, 0xa9, 0xfe),
	V6(128, 0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0, 0xa9, 0xfe, 0xaa, 0x02),
	V6(128, 0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0, 0xa9, 0xfe, 0xaa, 0x17),
	V6(128, 0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0, 0xa8, 0x3f, 0x81, 0x10),
	V6(128, 0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0, 0x64, 0x64, 0x64, 0xc8),
	V6(128, 0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0, 0xc0, 0x00, 0x00, 0xc0),
};

/* IANA special-purpose registries (RFC 6890) without the documentation ranges. */
static const struct prefix private[] = {
	V4(0, 0, 0, 0, 8),
	V4(10, 0, 0, 0, 8),
	V4(100, 64, 0, 0, 10),
	V4(127, 0, 0, 0, 8),
	V4(168, 63, 129, 16, 32),
	V4(169, 254, 0, 0, 16),
	V4(172, 16, 0, 0, 12),
	V4(192, 0, 0, 0, 24),
	V4(192, 168, 0, 0, 16),
	V4(198, 18, 0, 0, 15),
	V4(224, 0, 0, 0, 3), /* multicast, reserved, broadcast */
	V6(96, 0),	     /* ::, ::1, IPv4-compatible */
	V6(96, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff),  /* IPv4-mapped */
	V6(96, 0, 0x64, 0xff, 0x9b),			      /* NAT64 */
	V6(48, 0, 0x64, 0xff, 0x9b, 0, 1),		      /* local NAT64 */
	V6(64, 0x01, 0x00),				      /* discard-only */
	V6(32, 0x20, 0x01, 0, 0),			      /* Teredo */
	V6(16, 0x20, 0x02),				      /* 6to4 */
	V6(7, 0xfc),					      /* unique local */
	V6(10, 0xfe, 0x80),				      /* link-local */
	V6(10, 0xfe, 0xc0),				      /* site-local, deprecated */
	V6(8, 0xff),					      /* multicast */
};

static bool in_table(const struct prefix *table, size_t n, const struct addr *a)
{
	for (size_t i = 0; i < n; i++)
		if (prefix_contains(&table[i], a))
			return true;
	return false;
}

bool addr_is_never(const struct addr *a)
{
	return in_table(never, ARRAY_LEN(never), a);
}

bool addr_is_private(const struct addr *a)
{
	return in_table(private, ARRAY_LEN(private), a);
}

static bool prefix_within(const struct prefix *p, const struct prefix *outer)
{
	return p->len >= outer->len && prefix_contains(outer, &p->addr);
}

bool prefix_is_private(const struct prefix *p)
{
	for (size_t i = 0; i < ARRAY_LEN(private); i++)
		if (prefix_within(p, &private[i]))
			return true;
	return false;
}

bool prefix_is_site(const struct prefix *p)
{
	static const struct prefix site[] = {
		V4(10, 0, 0, 0, 8), V4(100, 64, 0, 0, 10), V4(172, 16, 0, 0, 12), V4(192, 168, 0, 0, 16),
		V4(198, 18, 0, 0, 15), V6(7, 0xfc),
	};
	for (size_t i = 0; i < ARRAY_LEN(site); i++)
		if (prefix_within(p, &site[i]))
			return true;
	return false;
}

bool prefix_opens(const struct prefix *p, const struct addr *a)
{
	return prefix_contains(p, a) && (!addr_is_private(a) || prefix_is_private(p));
}

struct addr_range prefix_whole(const struct prefix *p)
{
	struct addr_range r = {p->addr, p->addr};

	for (unsigned int bit = p->len; bit < addr_bits(&p->addr); bit++)
		r.last.bytes[bit / 8] |= (uint8_t)(0x80u >> bit % 8);
	return r;
}

/* @a + @step, of one family; the caller knows that it does not wrap. */
static struct addr stepped(const struct addr *a, int step)
{
	struct addr r = *a;

	for (int i = addr_bits(a) / 8 - 1; i >= 0; i--) {
		r.bytes[i] = (uint8_t)(r.bytes[i] + step);
		if (r.bytes[i] != (step > 0 ? 0 : 0xff))
			break;
	}
	return r;
}

size_t prefix_ranges(const struct prefix *p, struct addr_range ret_ranges[static ADDR_RANGES_MAX])
{
	struct addr_range rest = prefix_whole(p);
	size_t n = 0;

	if (prefix_is_private(p)) {
		ret_ranges[0] = rest;
		return 1;
	}
	/* the table is in ascending order within a family, and its prefixes do not overlap */
	for (size_t i = 0; i < ARRAY_LEN(private); i++) {
		struct addr_range hole = prefix_whole(&private[i]);

		if (!prefix_within(&private[i], p))
			continue;
		if (memcmp(hole.first.bytes, rest.first.bytes, 16) > 0)
			ret_ranges[n++] = (struct addr_range){rest.first, stepped(&hole.first, -1)};
		if (memcmp(hole.last.bytes, rest.last.bytes, 16) == 0)
			return n;
		rest.first = stepped(&hole.last, 1);
	}
	ret_ranges[n++] = rest;
	return n;
}
