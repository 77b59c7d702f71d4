/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Domain names as label arrays (RFC 1035 3.1), never as strings.
 * folder: src/dns
 *
 * Only the parsers below make a struct dns_name, so one that exists is valid:
 * labels of 1..63 bytes, at most 255 bytes with the root label, no compression.
 * The bytes keep the case they came with; comparing and hashing fold ASCII case.
 */
#ifndef POSTERN_NAME_H
#define POSTERN_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/bytes.h"

#define DNS_NAME_MAX 255
#define DNS_LABEL_MAX 63
#define DNS_LABELS_MAX 127	/* without the root */
#define DNS_NAME_TEXT_MAX 1025	/* every byte as \DDD, dots, NUL */

struct dns_name {
	uint8_t len; /* bytes used in wire, root label included: 1..255 */
	uint8_t wire[DNS_NAME_MAX];
};

/*
 * Reads a name at the cursor; follows compression pointers (strictly backwards, so
 * loops end) where @compressed, refuses them otherwise. -EBADMSG.
 */
POSTERN_MUST_CHECK int dns_name_read(struct bytes_reader *r, bool compressed, struct dns_name *ret_name);
/* Presentation form with \DDD and \X; a final dot is optional. "" and bad escapes: -EINVAL. */
POSTERN_MUST_CHECK int dns_name_from_text(const char *text, struct dns_name *ret_name);
/* A name held as wire bytes elsewhere (a message between processes): checked anew, and zero behind its end. -EBADMSG. */
POSTERN_MUST_CHECK int dns_name_from_wire(const uint8_t *wire, size_t len, struct dns_name *ret_name);
/* Without the final dot ("." for the root), hostile bytes as \DDD. Returns @text. */
const char *dns_name_to_text(const struct dns_name *n, char text[static DNS_NAME_TEXT_MAX]);
/* With zeros behind its end: for messages between processes, which say nothing of what was in memory before. */
void dns_name_copy(struct dns_name *dst, const struct dns_name *src);
void dns_name_lower(struct dns_name *n);
bool dns_name_equal(const struct dns_name *a, const struct dns_name *b) POSTERN_PURE;
/* A total order of names, whatever their case: <0, 0 (equal), >0. Not the canonical one of RFC 4034. */
int dns_name_order(const struct dns_name *a, const struct dns_name *b) POSTERN_PURE;
/* @n is @zone or below it. */
bool dns_name_within(const struct dns_name *n, const struct dns_name *zone) POSTERN_PURE;
/* Fills the start of each label, first label first; returns their number without the root. */
size_t dns_name_labels(const struct dns_name *n, uint8_t ret_offsets[static DNS_LABELS_MAX]);

#endif
