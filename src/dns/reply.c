/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Replies. A reply is built once, without what is peculiar to one asker, so that it can be kept
 * in the cache and given to several: finishing it is one copy, four patches and an OPT.
 * QNAME stands at a fixed offset, so owners that are QNAME are pointers to it and follow each
 * asker's case by themselves.
 */
#include "postern/dns.h"

#include <errno.h>
#include <string.h>

#define FLAGS_OF_CLIENTS (DNS_RD | DNS_CD)
#define OPTION_COOKIE 10
#define OPTION_EDE 15
#define OPT_RCODE_SHIFT 4
#define OPT_DO 0x8000

enum { AT_ID = 0, AT_FLAGS = 2, AT_QUESTIONS = 4, AT_ANSWERS = 6, AT_AUTHORITY = 8, AT_ADDITIONAL = 10 };

static void put_u16(uint8_t *p, unsigned int v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static unsigned int get_u16(const uint8_t *p)
{
	return (unsigned int)p[0] << 8 | p[1];
}

void dns_reply_init(struct dns_reply *r, void *buf, size_t cap, const struct dns_name *name, uint16_t qtype)
{
	static const uint8_t header[DNS_HEADER_SIZE] = {[5] = 1};

	*r = (struct dns_reply){0};
	bytes_writer_init(&r->w, buf, cap);
	bytes_write(&r->w, header, sizeof(header));
	bytes_write(&r->w, name->wire, name->len);
	bytes_write_u16(&r->w, qtype);
	bytes_write_u16(&r->w, DNS_CLASS_IN);
}

static void write_record(struct bytes_writer *w, const struct dns_rr *rr)
{
	if (rr->owner)
		bytes_write(w, rr->owner->wire, rr->owner->len);
	else
		bytes_write_u16(w, (uint16_t)(DNS_POINTER | rr->owner_at));
	bytes_write_u16(w, rr->type);
	bytes_write_u16(w, DNS_CLASS_IN);
	bytes_write_u32(w, rr->ttl_s);
	bytes_write_u16(w, rr->rdata_len);
	bytes_write(w, rr->rdata, rr->rdata_len);
}

void dns_reply_answer(struct dns_reply *r, const struct dns_rr *rr)
{
	write_record(&r->w, rr);
	r->n_answers++;
}

void dns_reply_authority(struct dns_reply *r, const struct dns_rr *rr)
{
	write_record(&r->w, rr);
	r->n_authority++;
}

size_t dns_reply_close(struct dns_reply *r)
{
	bytes_patch_u16(&r->w, AT_FLAGS, (uint16_t)(DNS_QR | DNS_RA | (r->authentic ? DNS_AD : 0) | r->rcode));
	bytes_patch_u16(&r->w, AT_ANSWERS, r->n_answers);
	bytes_patch_u16(&r->w, AT_AUTHORITY, r->n_authority);
	return r->w.failed ? 0 : r->w.pos;
}

static size_t ede_size(const struct dns_ede *ede)
{
	return ede->present ? 6 + (ede->text ? strlen(ede->text) : 0) : 0;
}

static size_t cookie_size(const struct dns_query *q)
{
	return q->cookie_len ? DNS_OPTION_SIZE + q->cookie_len : 0;
}

/* DO is repeated: RFC 3225 3. */
static size_t write_opt(uint8_t *out, const struct dns_query *q, int rcode, const struct dns_ede *ede)
{
	size_t said = ede_size(ede), options = said + cookie_size(q);
	uint8_t *p = out;

	*p++ = 0;
	put_u16(p, DNS_TYPE_OPT);
	put_u16(p + 2, DNS_DATAGRAM_MAX);
	p[4] = (uint8_t)(rcode >> OPT_RCODE_SHIFT);
	p[5] = 0;
	put_u16(p + 6, q->dnssec_ok ? OPT_DO : 0);
	put_u16(p + 8, (unsigned int)options);
	p += 10;
	if (said) {
		put_u16(p, OPTION_EDE);
		put_u16(p + 2, (unsigned int)said - DNS_OPTION_SIZE);
		put_u16(p + 4, ede->code);
		if (ede->text)
			memcpy(p + 6, ede->text, said - 6);
	}
	if (q->cookie_len) {
		put_u16(p + said, OPTION_COOKIE);
		put_u16(p + said + 2, q->cookie_len);
		memcpy(p + said + DNS_OPTION_SIZE, q->cookie, q->cookie_len);
	}
	return DNS_OPT_SIZE + options;
}

static size_t opt_size(const struct dns_query *q, const struct dns_ede *ede)
{
	return q->edns ? DNS_OPT_SIZE + ede_size(ede) + cookie_size(q) : 0;
}

size_t dns_reply_finish(const struct dns_finish *f, const struct dns_query *q, uint8_t *out)
{
	struct dns_ede ede = f->ede;
	size_t question = DNS_QUESTION_AT + q->name.len + 4u;
	size_t len = f->len, opt = opt_size(q, &ede);
	unsigned int flags = get_u16(f->reply + AT_FLAGS) | (q->flags & FLAGS_OF_CLIENTS);

	if (len + opt > f->limit) { /* the text is worth less than a record, the code is not */
		ede.text = NULL;
		opt = opt_size(q, &ede);
	}
	if (len + opt > f->limit) { /* a cut answer has room for both */
		ede = f->ede;
		opt = opt_size(q, &ede);
		len = question;
	}
	memcpy(out, f->reply, len);
	if (len < f->len) {
		flags = (flags | DNS_TC) & ~(unsigned int)DNS_AD;
		memset(out + AT_ANSWERS, 0, 6);
	}
	if (!q->dnssec_ok && !(q->flags & DNS_AD))
		flags &= ~(unsigned int)DNS_AD;
	put_u16(out + AT_ID, q->id);
	put_u16(out + AT_FLAGS, flags);
	memcpy(out + DNS_QUESTION_AT, q->name.wire, q->name.len);
	if (opt) {
		put_u16(out + AT_ADDITIONAL, 1);
		(void)write_opt(out + len, q, 0, &ede);
	}
	return len + opt;
}

size_t dns_reply_error(const struct dns_query *q, int rcode, struct dns_ede ede, uint8_t out[static DNS_PLAIN_MAX])
{
	/* the opcode is echoed, RFC 1035 4.1.1 */
	unsigned int keep = q->flags & (0x7800 | FLAGS_OF_CLIENTS);
	size_t len = DNS_HEADER_SIZE;

	memset(out, 0, len);
	put_u16(out + AT_ID, q->id);
	put_u16(out + AT_FLAGS, DNS_QR | DNS_RA | keep | ((unsigned int)rcode & 0xf));
	if (q->name.len) {
		put_u16(out + AT_QUESTIONS, 1);
		memcpy(out + len, q->name.wire, q->name.len);
		len += q->name.len;
		put_u16(out + len, q->qtype);
		put_u16(out + len + 2, q->qclass);
		len += 4;
	}
	if (q->edns || rcode > 0xf) { /* BADVERS has no other place */
		put_u16(out + AT_ADDITIONAL, 1);
		len += write_opt(out + len, q, rcode, &ede);
	}
	return len;
}

int dns_reply_ttls(const uint8_t *wire, size_t len, uint16_t *ret_at, size_t n)
{
	struct bytes_reader r;
	struct dns_name owner;
	int found = 0;

	bytes_reader_init(&r, wire, len);
	bytes_skip(&r, DNS_HEADER_SIZE);
	if (dns_name_read(&r, false, &owner) < 0)
		return -EBADMSG;
	bytes_skip(&r, 4);
	while (bytes_left(&r)) {
		if (dns_name_read(&r, true, &owner) < 0)
			return -EBADMSG;
		bytes_skip(&r, 4);
		if ((size_t)found == n || r.pos > UINT16_MAX)
			return -E2BIG;
		ret_at[found++] = (uint16_t)r.pos;
		bytes_skip(&r, 4);
		bytes_skip(&r, bytes_read_u16(&r));
	}
	return r.failed ? -EBADMSG : found;
}

size_t dns_reply_answers(const struct bytes_reader *reply, unsigned int max, uint8_t *out, size_t cap, bool *ret_cut)
{
	struct bytes_reader r = *reply;
	struct bytes_writer w;
	struct dns_name owner;
	unsigned int n;

	bytes_writer_init(&w, out, cap);
	bytes_seek(&r, AT_ANSWERS);
	n = bytes_read_u16(&r);
	bytes_seek(&r, DNS_HEADER_SIZE);
	*ret_cut = false;
	if (dns_name_read(&r, false, &owner) < 0)
		return 0;
	bytes_skip(&r, 4);
	for (unsigned int i = 0; i < n && !r.failed && dns_name_read(&r, true, &owner) == 0; i++) {
		uint16_t type = bytes_read_u16(&r), len;
		const uint8_t *rdata;

		bytes_skip(&r, 6);
		len = bytes_read_u16(&r);
		rdata = bytes_read_view(&r, len);
		*ret_cut = i == max || w.cap - w.pos < len + 4u;
		if (!rdata || *ret_cut)
			break;
		bytes_write_u16(&w, type);
		bytes_write_u16(&w, len);
		bytes_write(&w, rdata, len);
	}
	return w.pos;
}
