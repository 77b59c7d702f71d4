/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Words of the IANA registries and the text of answers, for every format of the log.
 */
#ifndef AUDIT_WORDS_H
#define AUDIT_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/bytes.h"
#include "postern/event.h"

#define WORD_MAX 16
/* rdata at its dearest: every byte as \DDD, or as two hexadecimal digits behind "\# 512 " */
#define RDATA_TEXT_MAX (4 * EVENT_ANSWER_BYTES + 64)

/* "tcp", or the number; @text is used where there is no word. */
const char *word_protocol(unsigned int protocol, char text[static WORD_MAX]);
/* "AAAA", or "TYPE731" (RFC 3597 5). */
const char *word_type(unsigned int type, char text[static WORD_MAX]);
/* "NXDOMAIN", or "RCODE30". */
const char *word_rcode(unsigned int rcode, char text[static WORD_MAX]);
/* Does the protocol have ports? */
bool has_ports(uint8_t protocol);

/* A record of an event's answers. */
struct answer_view {
	uint16_t type, len;
	const uint8_t *rdata;
};

/* A cursor over the answers of @e, which has passed event_valid(). */
void answers_init(struct bytes_reader *r, const struct event *e);
/* The next one; false behind the last, or where the rest makes no sense. */
bool answers_next(struct bytes_reader *r, struct answer_view *ret_answer);
/*
 * Presentation form (RFC 1035 5.1): addresses, names with their final dot, strings in quotes; what has no form of its own here,
 * or does not hold what its type says, as RFC 3597 5 ("\# 3 010203"). Returns @text.
 */
const char *rdata_text(const struct answer_view *a, char text[static RDATA_TEXT_MAX]);
/* A name with its final dot. Returns @text. */
const char *absolute_name(const struct dns_name *n, char text[static DNS_NAME_TEXT_MAX + 1]);

#endif
