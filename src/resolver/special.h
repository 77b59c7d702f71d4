/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names that have no business upstream, answered here. */
#ifndef POSTERN_RESOLVER_SPECIAL_H
#define POSTERN_RESOLVER_SPECIAL_H

#include "postern/dns.h"

enum special {
	SPECIAL_NONE,
	SPECIAL_NXDOMAIN,
	SPECIAL_NODATA,
	SPECIAL_LOOPBACK,     /* localhost: 127.0.0.1, ::1 */
	SPECIAL_LOOPBACK_PTR, /* their reverse names: localhost */
};

/* @name is in lower case. *ret_len: wire bytes of the special-use zone that holds it. */
enum special special_of(const struct dns_name *name, size_t *ret_len);
static inline bool special_is_loopback(enum special s)
{
	return s == SPECIAL_LOOPBACK || s == SPECIAL_LOOPBACK_PTR;
}

/*
 * Rdata of the loopback answer for @qtype: its length, 0 where the type has no data.
 * *ret_rdata points to static bytes.
 */
size_t special_rdata(enum special s, uint16_t qtype, const uint8_t **ret_rdata);

#endif
