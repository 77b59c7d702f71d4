/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An answer of postern-tls that comes in parts. */
#ifndef POSTERN_RESOLVER_PARTS_H
#define POSTERN_RESOLVER_PARTS_H

#include "postern/message.h"

struct parts {
	uint32_t ref, total, have;
	uint8_t bytes[DNS_MESSAGE_MAX];
};

/*
 * The next part: 1 where the answer is whole now (@p->ref, @p->bytes, @p->total), 0 where more is to come, -EPROTO where it is not
 * the next: parts come in order, with nothing between them.
 */
POSTERN_MUST_CHECK int parts_take(struct parts *p, const struct msg_tls_answer *m);

#endif
