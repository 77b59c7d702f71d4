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

static int read_options(struct bytes_reader *r, size_t len)
{
	size_t end = r->pos + len;

	if (len > bytes_left(r))
		return DNS_FORMERR;
	while (!r->failed && r->pos < end) {
		(void)bytes_read_u16(r); /* the code: whatever it is, it has no effect */
		bytes_skip(r, bytes_read_u16(r));
	}
	return r->failed || r->pos != end ? DNS_FORMERR : DNS_NOERROR;
}

/* The one additional record a query may have. RFC 6891 6.1. */
static int read_opt(struct bytes_reader *r, struct dns_query *q)
{
	uint8_t extended, version;
	uint16_t flags;

	if (bytes_read_u8(r) != 0 || bytes_read_u16(r) != DNS_TYPE_OPT || r->failed)
		return DNS_FORMERR;
	q->udp_size = bytes_read_u16(r);
	extended = bytes_read_u8(r);
	version = bytes_read_u8(r);
	flags = bytes_read_u16(r);
	if (read_options(r, bytes_read_u16(r)) != DNS_NOERROR || extended)
		return DNS_FORMERR;
	q->edns = true;
	q->dnssec_ok = flags & EDNS_DO;
	return version ? DNS_BADVERS : DNS_NOERROR;
}

static int read_question(struct bytes_reader *r, struct dns_query *q)
{
	struct dns_name name;

	if (dns_name_read(r, false, &name) < 0)
		return DNS_FORMERR;
	q->qtype = bytes_read_u16(r);
	q->qclass = bytes_read_u16(r);
	if (r->failed || q->qtype == 0 || q->qtype == DNS_TYPE_OPT)
		return DNS_FORMERR;
	q->name = name;
	return DNS_NOERROR;
}

static int read_sections(struct bytes_reader *r, struct dns_query *q)
{
	uint16_t questions = bytes_read_u16(r);
	uint16_t answers = bytes_read_u16(r);
	uint16_t authority = bytes_read_u16(r);
	uint16_t additional = bytes_read_u16(r);
	int rcode;

	if (q->flags & OPCODE_MASK)
		return DNS_NOTIMP;
	if (q->flags & FLAGS_OF_ANSWERS)
		return DNS_FORMERR;
	if (questions != 1 || answers != 0 || authority != 0 || additional > 1)
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
	struct bytes_reader r;
	int rcode;

	bytes_reader_init(&r, data, len);
	ret_query->id = bytes_read_u16(&r);
	ret_query->flags = bytes_read_u16(&r);
	ret_query->udp_size = 0;
	ret_query->edns = ret_query->dnssec_ok = false;
	ret_query->name.len = 0;
	if (len < DNS_HEADER_SIZE || (ret_query->flags & DNS_QR))
		return -EBADMSG;
	rcode = read_sections(&r, ret_query);
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

size_t dns_ask_write(const struct dns_ask *a, uint8_t out[static DNS_ASK_MAX])
{
	static const uint8_t opt[DNS_OPT_SIZE] = {
		0, 0, DNS_TYPE_OPT, DNS_DATAGRAM_MAX >> 8, DNS_DATAGRAM_MAX & 0xff};
	struct bytes_writer w;

	bytes_writer_init(&w, out, DNS_ASK_MAX);
	bytes_write_u16(&w, a->id);
	bytes_write_u16(&w, DNS_RD);
	bytes_write_u16(&w, 1);
	bytes_write_u16(&w, 0);
	bytes_write_u16(&w, 0);
	bytes_write_u16(&w, a->edns ? 1 : 0);
	bytes_write(&w, a->name.wire, a->name.len);
	bytes_write_u16(&w, a->qtype);
	bytes_write_u16(&w, DNS_CLASS_IN);
	if (a->edns)
		bytes_write(&w, opt, sizeof(opt));
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
	if (r.failed || id != a->id || !(flags & DNS_QR) || (flags & OPCODE_MASK) || questions != 1)
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
