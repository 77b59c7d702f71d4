/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The OPT record of an upstream's answer: the two things that have to be known before anything in the answer is believed, and how
 * long the server keeps the connection.
 *
 * Whether it is there at all decides about forgeries (RFC 7873 5.3), so it is looked for before the message is parsed as a whole, by
 * stepping over all records in front of it. Nothing is followed: a compression pointer ends a name. A message in which it cannot
 * be found, or whose options are cut short, has none.
 */
#include "postern/dns.h"

#include <string.h>

#define OPTION_COOKIE 10
#define OPTION_KEEPALIVE 11
#define KEEPALIVE_UNIT_MS 100
#define POINTER 0xc0
#define RECORD_FIXED 10 /* type, class, TTL, length of data */

static void skip_name(struct bytes_reader *r)
{
	uint8_t len;

	do {
		len = bytes_read_u8(r);
		if ((len & POINTER) == POINTER) {
			bytes_skip(r, 1);
			return;
		}
		bytes_skip(r, len);
	} while (len && !r->failed);
}

/* The first cookie among the options, and the last keepalive that is one (RFC 7828 3.1: of two bytes in an answer). */
static void read_options(struct bytes_reader *r, struct dns_answer_opt *opt)
{
	while (bytes_left(r) && !r->failed) {
		uint16_t code = bytes_read_u16(r), len = bytes_read_u16(r);
		const uint8_t *p = bytes_read_view(r, len);

		if (code == OPTION_KEEPALIVE && p && len == 2) {
			opt->keepalive = true;
			opt->keepalive_ms = (uint32_t)(p[0] << 8 | p[1]) * KEEPALIVE_UNIT_MS;
		}
		if (code != OPTION_COOKIE || opt->cookie_len || !p)
			continue;
		opt->cookie_len = len ? len : UINT16_MAX; /* none of these is a cookie */
		if (len <= DNS_COOKIE_MAX)
			memcpy(opt->cookie, p, len);
	}
	if (r->failed) {
		opt->cookie_len = 0;
		opt->keepalive = false;
	}
}

void dns_answer_opt(const uint8_t *data, size_t len, struct dns_answer_opt *ret_opt)
{
	struct bytes_reader r, options;
	uint32_t n, n_before;

	ret_opt->rcode = data[3] & 0xf;
	ret_opt->cookie_len = 0;
	ret_opt->keepalive = false;
	ret_opt->keepalive_ms = 0;
	bytes_reader_init(&r, data, len);
	bytes_skip(&r, 6);
	n_before = bytes_read_u16(&r);
	n_before += bytes_read_u16(&r);
	n = n_before + bytes_read_u16(&r);
	skip_name(&r);
	bytes_skip(&r, 4);
	for (uint32_t i = 0; i < n && !r.failed; i++) {
		uint16_t type, size;
		const uint8_t *p;

		skip_name(&r);
		type = bytes_read_u16(&r);
		p = bytes_read_view(&r, RECORD_FIXED - 2);
		if (!p)
			return;
		size = (uint16_t)(p[6] << 8 | p[7]);
		if (type != DNS_TYPE_OPT || i < n_before) {
			bytes_skip(&r, size);
			continue;
		}
		ret_opt->rcode = (uint16_t)(ret_opt->rcode | p[2] << 4); /* RFC 6891 6.1.3 */
		p = bytes_read_view(&r, size);
		bytes_reader_init(&options, p, p ? size : 0);
		read_options(&options, ret_opt);
		return;
	}
}
