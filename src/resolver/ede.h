/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How a reason is said to clients: as an Extended DNS Error (RFC 8914), so that a block can be told from a name
 * that does not exist.
 */
#ifndef POSTERN_RESOLVER_EDE_H
#define POSTERN_RESOLVER_EDE_H

#include "postern/dns.h"
#include "postern/reason.h"

/* Of an answer that was decided for @reason; @forged: it holds the CNAME of OVERRIDE. Not present for the plain truth. */
struct dns_ede ede_of(enum reason reason, bool forged);
/* Of a query that is refused with @rcode before its name is looked at. */
struct dns_ede ede_of_refusal(int rcode);

#endif
