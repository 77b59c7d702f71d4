/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An upstream's message into flat records. The only file that knows ldns is the .c. */
#ifndef POSTERN_RESOLVER_ANSWER_LDNS_H
#define POSTERN_RESOLVER_ANSWER_LDNS_H

#include "postern/answer.h"

/*
 * Answer and authority sections, class IN; rdata with names uncompressed. -EBADMSG where the message is malformed,
 * -E2BIG where it holds more than struct answer.
 */
POSTERN_MUST_CHECK int answer_read(const uint8_t *data, size_t len, struct answer *ret_answer);

#endif
