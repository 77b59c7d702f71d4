/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Special-use names (https://www.iana.org/assignments/special-use-domain-names/) as far as a forwarder must not pass
 * them on, reverse zones, and the canary of application DNS. A rule that names such a zone itself (not just
 * "*") goes before: an administrator may have a real zone under "local"; and so does a forward zone or a local record.
 */
#include "special.h"

#include <string.h>

#include "postern/compiler.h"

struct zone {
	enum special answer;
	uint8_t len;
	const char *wire;
};

#define ZONE(answer, wire) {answer, sizeof(wire), wire} /* the literal's NUL is the root label */

static const struct zone zones[] = {
	/* RFC 6761 6.3 */
	ZONE(SPECIAL_LOOPBACK, "\11localhost"),
	ZONE(SPECIAL_LOOPBACK_PTR, "\0011\0010\0010\003127\7in-addr\4arpa"),
	ZONE(SPECIAL_LOOPBACK_PTR, "\0011\0010\0010\0010\0010\0010\0010\0010\0010\0010\0010\0010\0010\0010\0010\0010"
		"\0010\0010\0010\0010\0010\0010\0010\0010\0010\0010\0010\0010\0010\0010\0010\0010\3ip6\4arpa"),
	/* RFC 6761 6.4, 6762 12, 7686, 9476, 8375 */
	ZONE(SPECIAL_NXDOMAIN, "\7invalid"),
	ZONE(SPECIAL_NXDOMAIN, "\5local"),
	ZONE(SPECIAL_NXDOMAIN, "\5onion"),
	ZONE(SPECIAL_NXDOMAIN, "\3alt"),
	ZONE(SPECIAL_NXDOMAIN, "\4home\4arpa"),
	/* RFC 9462 4: discovery of encrypted resolvers; this one has none to offer */
	ZONE(SPECIAL_NODATA, "\10resolver\4arpa"),
	/* https://support.mozilla.org/kb/canary-domain-use-application-dnsnet */
	ZONE(SPECIAL_NXDOMAIN, "\23use-application-dns\3net"),
	/* addresses are asked for by whoever has them from us; PTR names would carry anything out */
	ZONE(SPECIAL_NXDOMAIN, "\7in-addr\4arpa"),
	ZONE(SPECIAL_NXDOMAIN, "\3ip6\4arpa"),
};

/* The row whose zone is exactly these bytes. */
static enum special zone_of(const uint8_t *wire, size_t len)
{
	for (size_t i = 0; i < ARRAY_LEN(zones); i++)
		if (zones[i].len == len && memcmp(zones[i].wire, wire, len) == 0)
			return zones[i].answer;
	return SPECIAL_NONE;
}

enum special special_of(const struct dns_name *name, size_t *ret_len)
{
	size_t at = 0;

	while (at < name->len && name->wire[at]) { /* the name itself first, then what is above it: the nearest zone wins */
		enum special s = zone_of(name->wire + at, name->len - at);

		*ret_len = name->len - at;
		if (s != SPECIAL_NONE)
			return s;
		at += 1u + name->wire[at];
	}
	return SPECIAL_NONE;
}

size_t special_rdata(enum special s, uint16_t qtype, const uint8_t **ret_rdata)
{
	static const struct {
		enum special s;
		uint16_t qtype;
		uint8_t len;
		const uint8_t rdata[16];
	} rows[] = {
		{SPECIAL_LOOPBACK, DNS_TYPE_A, 4, {127, 0, 0, 1}},
		{SPECIAL_LOOPBACK, DNS_TYPE_AAAA, 16, {[15] = 1}},
		{SPECIAL_LOOPBACK_PTR, DNS_TYPE_PTR, 11, "\11localhost"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (rows[i].s != s || rows[i].qtype != qtype)
			continue;
		*ret_rdata = rows[i].rdata;
		return rows[i].len;
	}
	return 0;
}
