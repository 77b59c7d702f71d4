/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Queries, from either side: reading what a client asks and making what we ask.
 *
 * A client's query is read to its last byte and then forgotten but for name and type: what goes
 * upstream is written anew, so bits, options, padding and case of the client's message
 * have nowhere to travel. So that a strange message is seen as strange, every header field has
 * one line here and one row in tests/unit/test_dns_query.c.
 */
#include "postern/dns.h"

#include <errno.h>
#include <string.h>

#define OPCODE_MASK 0x7800
#define RCODE_MASK 0x000f
#define EDNS_DO 0x8000

/* The flags a query must not have; AD and CD are questions in themselves. */
#define FLAGS_OF_ANSWERS (DNS_AA | DNS_TC | DNS_Z | RCODE_MASK)

#define OPTION_COOKIE 10

/* Eight bytes of the client's, and none or 8 to 32 of the server's: RFC 7873 4. */
static bool good_cookie(size_t len)
{
	return len == DNS_COOKIE_CLIENT || (len >= 2 * DNS_COOKIE_CLIENT && len <= DNS_COOKIE_MAX);
}

/* The only option that has an effect. Of several the first counts: RFC 7873 4. */
static int read_cookie(struct bytes_reader *r, uint16_t len, struct dns_query *q)
{
	const uint8_t *p = bytes_read_view(r, len);

	if (!p || !good_cookie(len))
		return DNS_FORMERR;
	q->cookie_len = (uint8_t)len;
	memcpy(q->cookie, p, len);
	return DNS_NOERROR;
}

static int read_options(struct bytes_reader *r, size_t len, struct dns_query *q)
{
	size_t end = r->pos + len;

	if (len > bytes_left(r))
		return DNS_FORMERR;
	while (!r->failed && r->pos < end) {
		uint16_t code = bytes_read_u16(r), option = bytes_read_u16(r);

		if (code != OPTION_COOKIE || q->cookie_len || r->failed)
			bytes_skip(r, option);
		else if (read_cookie(r, option, q) != DNS_NOERROR)
			return DNS_FORMERR;
	}
	return r->failed || r->pos != end ? DNS_FORMERR : DNS_NOERROR;
}

static uint16_t get_u16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

/* The one additional record a query may have. RFC 6891 6.1. */
static int read_opt(struct bytes_reader *r, struct dns_query *q)
{
	const uint8_t *p = bytes_read_view(r, DNS_OPT_SIZE);
	uint16_t options;

	if (!p || p[0] != 0 || get_u16(p + 1) != DNS_TYPE_OPT)
		return DNS_FORMERR;
	options = get_u16(p + 9);
	if (p[5] != 0 || (options && read_options(r, options, q) != DNS_NOERROR)) /* p[5]: extended RCODE */
		return DNS_FORMERR;
	q->udp_size = get_u16(p + 3);
	q->edns = true;
	q->dnssec_ok = get_u16(p + 7) & EDNS_DO;
	return p[6] ? DNS_BADVERS : DNS_NOERROR;
}

static int read_question(struct bytes_reader *r, struct dns_query *q)
{
	const uint8_t *p;

	if (dns_name_read(r, false, &q->name) < 0)
		return DNS_FORMERR;
	p = bytes_read_view(r, 4);
	if (!p)
		return DNS_FORMERR;
	q->qtype = get_u16(p);
	q->qclass = get_u16(p + 2);
	return q->qtype == 0 || q->qtype == DNS_TYPE_OPT ? DNS_FORMERR : DNS_NOERROR;
}

static int read_sections(struct bytes_reader *r, const uint8_t *header, struct dns_query *q)
{
	uint16_t additional = get_u16(header + 10);
	int rcode;

	if (q->flags & OPCODE_MASK)
		return DNS_NOTIMP;
	if (q->flags & FLAGS_OF_ANSWERS)
		return DNS_FORMERR;
	if (get_u16(header + 4) != 1 || get_u16(header + 6) != 0 || get_u16(header + 8) != 0 || additional > 1)
		return DNS_FORMERR;
	rcode = read_question(r, q);
	if (rcode == DNS_NOERROR && additional)
		rcode = read_opt(r, q);
	if (rcode == DNS_NOERROR && bytes_left(r))
		rcode = DNS_FORMERR;
	return rcode;
}

int dns_query_parse(const void *data, size_t len, struct dns_query *ret_query)
{
	const uint8_t *header;
	struct bytes_reader r;
	int rcode;

	bytes_reader_init(&r, data, len);
	ret_query->udp_size = 0;
	ret_query->edns = ret_query->dnssec_ok = false;
	ret_query->cookie_len = 0;
	ret_query->name.len = 0;
	header = bytes_read_view(&r, DNS_HEADER_SIZE);
	if (!header)
		return -EBADMSG;
	ret_query->id = get_u16(header);
	ret_query->flags = get_u16(header + 2);
	if (ret_query->flags & DNS_QR)
		return -EBADMSG;
	rcode = read_sections(&r, header, ret_query);
	if (rcode != DNS_NOERROR)
		ret_query->name.len = 0;
	return rcode;
}

size_t dns_query_limit(const struct dns_query *q, bool stream)
{
	if (stream)
		return DNS_MESSAGE_MAX;
	if (!q->edns || q->udp_size < DNS_PLAIN_MAX)
		return DNS_PLAIN_MAX;
	return q->udp_size < DNS_DATAGRAM_MAX ? q->udp_size : DNS_DATAGRAM_MAX;
}

#define OPTION_KEEPALIVE 11
#define OPTION_PADDING 12

/* The OPT record, up to the end of the message: with a cookie, and with options where it is padded. */
static void write_opt(struct bytes_writer *w, const struct dns_ask *a)
{
	const uint8_t opt[DNS_OPT_SIZE - 2] = {0, 0, DNS_TYPE_OPT, DNS_DATAGRAM_MAX >> 8, DNS_DATAGRAM_MAX & 0xff,
		[7] = a->dnssec_ok ? EDNS_DO >> 8 : 0};
	static const uint8_t zeros[DNS_PAD_BLOCK];
	size_t cookie = a->cookie_len ? DNS_OPTION_SIZE + (size_t)a->cookie_len : 0;
	size_t len = w->pos + DNS_OPT_SIZE + cookie + 2 * DNS_OPTION_SIZE;
	size_t padding = (DNS_PAD_BLOCK - len % DNS_PAD_BLOCK) % DNS_PAD_BLOCK;

	bytes_write(w, opt, sizeof(opt));
	bytes_write_u16(w, (uint16_t)(cookie + (a->padded ? 2 * DNS_OPTION_SIZE + padding : 0)));
	if (cookie) {
		bytes_write_u16(w, OPTION_COOKIE);
		bytes_write_u16(w, a->cookie_len);
		bytes_write(w, a->cookie, a->cookie_len);
	}
	if (!a->padded)
		return;
	bytes_write_u16(w, OPTION_KEEPALIVE);
	bytes_write_u16(w, 0);
	bytes_write_u16(w, OPTION_PADDING);
	bytes_write_u16(w, (uint16_t)padding);
	bytes_write(w, zeros, padding);
}

size_t dns_ask_write(const struct dns_ask *a, uint8_t out[static DNS_ASK_MAX])
{
	struct bytes_writer w;

	bytes_writer_init(&w, out, DNS_ASK_MAX);
	bytes_write_u16(&w, a->id);
	bytes_write_u16(&w, (uint16_t)(DNS_RD | (a->ask_authentic ? DNS_AD : 0) | (a->checking_disabled ? DNS_CD : 0)));
	bytes_write_u16(&w, 1);
	bytes_write_u16(&w, 0);
	bytes_write_u16(&w, 0);
	bytes_write_u16(&w, a->edns ? 1 : 0);
	bytes_write(&w, a->name.wire, a->name.len);
	bytes_write_u16(&w, a->qtype);
	bytes_write_u16(&w, DNS_CLASS_IN);
	if (a->edns)
		write_opt(&w, a);
	ASSERT(!w.failed);
	return w.pos;
}

enum dns_check dns_ask_check(const struct dns_ask *a, const void *data, size_t len)
{
	struct bytes_reader r;
	struct dns_name name;
	uint16_t id, flags, questions;

	bytes_reader_init(&r, data, len);
	id = bytes_read_u16(&r);
	flags = bytes_read_u16(&r);
	questions = bytes_read_u16(&r);
	bytes_skip(&r, 6);
	if (r.failed || id != a->id || !(flags & DNS_QR) || (flags & OPCODE_MASK))
		return DNS_CHECK_WRONG;
	if (questions == 0 && (flags & RCODE_MASK) == DNS_FORMERR && !bytes_left(&r))
		return DNS_CHECK_BARE;
	if (questions != 1)
		return DNS_CHECK_WRONG;
	if (dns_name_read(&r, false, &name) < 0 || !dns_name_equal(&name, &a->name))
		return DNS_CHECK_WRONG;
	if (bytes_read_u16(&r) != a->qtype || bytes_read_u16(&r) != DNS_CLASS_IN || r.failed)
		return DNS_CHECK_WRONG;
	return memcmp(name.wire, a->name.wire, name.len) == 0 ? DNS_CHECK_GOOD : DNS_CHECK_CASE;
}

bool dns_answer_truncated(const uint8_t *data)
{
	return data[2] & (DNS_TC >> 8);
}
