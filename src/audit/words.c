/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tables of words, and rdata as text. Rdata is what some server on the internet wrote: it is read through the bounded cursor,
 * to its last byte or not at all, and leaves as printable ASCII.
 */
#include "words.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "postern/dns.h"
#include "postern/escape.h"

struct word {
	unsigned int number;
	const char *text;
};

/* IANA protocol numbers, in the words of /etc/protocols. */
static const struct word protocols[] = {
	{IPPROTO_ICMP, "icmp"}, {IPPROTO_IGMP, "igmp"}, {IPPROTO_IPIP, "ipip"}, {IPPROTO_TCP, "tcp"},
	{IPPROTO_UDP, "udp"}, {IPPROTO_DCCP, "dccp"}, {IPPROTO_IPV6, "ipv6"}, {IPPROTO_GRE, "gre"},
	{IPPROTO_ESP, "esp"}, {IPPROTO_AH, "ah"}, {IPPROTO_ICMPV6, "icmpv6"}, {IPPROTO_SCTP, "sctp"},
	{IPPROTO_UDPLITE, "udplite"},
};

/* IANA "Resource Record (RR) TYPEs". */
static const struct word types[] = {
	{1, "A"}, {2, "NS"}, {5, "CNAME"}, {6, "SOA"}, {12, "PTR"}, {13, "HINFO"}, {15, "MX"}, {16, "TXT"},
	{28, "AAAA"}, {33, "SRV"}, {35, "NAPTR"}, {39, "DNAME"}, {43, "DS"}, {44, "SSHFP"}, {46, "RRSIG"},
	{47, "NSEC"}, {48, "DNSKEY"}, {52, "TLSA"}, {64, "SVCB"}, {65, "HTTPS"}, {99, "SPF"}, {251, "IXFR"}, {252, "AXFR"},
	{255, "ANY"}, {257, "CAA"},
};

/* IANA "DNS RCODEs". */
static const struct word rcodes[] = {
	{0, "NOERROR"}, {1, "FORMERR"}, {2, "SERVFAIL"}, {3, "NXDOMAIN"}, {4, "NOTIMP"}, {5, "REFUSED"},
	{6, "YXDOMAIN"}, {9, "NOTAUTH"}, {16, "BADVERS"}, {23, "BADCOOKIE"},
};

static const char *word(const struct word *words, size_t n, unsigned int number, const char *prefix,
	char text[static WORD_MAX])
{
	for (size_t i = 0; i < n; i++)
		if (words[i].number == number)
			return words[i].text;
	snprintf(text, WORD_MAX, "%s%u", prefix, number);
	return text;
}

const char *word_protocol(unsigned int protocol, char text[static WORD_MAX])
{
	return word(protocols, ARRAY_LEN(protocols), protocol, "", text);
}

const char *word_type(unsigned int type, char text[static WORD_MAX])
{
	return word(types, ARRAY_LEN(types), type, "TYPE", text);
}

const char *word_rcode(unsigned int rcode, char text[static WORD_MAX])
{
	return word(rcodes, ARRAY_LEN(rcodes), rcode, "RCODE", text);
}

bool has_ports(uint8_t protocol)
{
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_SCTP ||
		protocol == IPPROTO_DCCP || protocol == IPPROTO_UDPLITE;
}

void answers_init(struct bytes_reader *r, const struct event *e)
{
	bytes_reader_init(r, e->answers, e->answers_len);
}

bool answers_next(struct bytes_reader *r, struct answer_view *ret_answer)
{
	if (!bytes_left(r))
		return false;
	ret_answer->type = bytes_read_u16(r);
	ret_answer->len = bytes_read_u16(r);
	ret_answer->rdata = bytes_read_view(r, ret_answer->len);
	return ret_answer->rdata != NULL;
}

const char *absolute_name(const struct dns_name *n, char text[static DNS_NAME_TEXT_MAX + 1])
{
	size_t len = strlen(dns_name_to_text(n, text));

	if (n->len > 1) {
		text[len] = '.';
		text[len + 1] = '\0';
	}
	return text;
}

/* The text so far: what does not fit is no rdata of ours. */
struct out {
	char *text;
	size_t len;
	bool failed;
};

static void put(struct out *o, const char *text)
{
	size_t n = strlen(text);

	if (o->failed || o->len + n + 1 > RDATA_TEXT_MAX) {
		o->failed = true;
		return;
	}
	memcpy(o->text + o->len, text, n + 1);
	o->len += n;
}

static void put_number(struct out *o, unsigned long v)
{
	char text[24];

	snprintf(text, sizeof(text), "%lu", v);
	put(o, text);
}

static void put_name(struct out *o, struct bytes_reader *r)
{
	char text[DNS_NAME_TEXT_MAX + 1];
	struct dns_name name;

	if (dns_name_read(r, false, &name) < 0)
		o->failed = true;
	else
		put(o, absolute_name(&name, text));
}

/* Bytes in quotes. */
static void put_bytes(struct out *o, const uint8_t *bytes, size_t len)
{
	char text[4 * UINT8_MAX + 1];

	if (!bytes || len > UINT8_MAX) {
		o->failed = true;
		return;
	}
	escape_bytes(text, sizeof(text), bytes, len);
	put(o, "\"");
	put(o, text);
	put(o, "\"");
}

static void put_string(struct out *o, struct bytes_reader *r)
{
	uint8_t len = bytes_read_u8(r);

	put_bytes(o, bytes_read_view(r, len), len);
}

static void put_address(struct out *o, struct bytes_reader *r, enum addr_family family, size_t len)
{
	struct addr a = {.family = (uint8_t)family};
	char text[ADDR_TEXT_MAX];

	bytes_read_copy(r, a.bytes, len);
	put(o, addr_format(&a, text));
}

/* 'T': to the end, at least one. */
static void put_strings(struct out *o, struct bytes_reader *r)
{
	put_string(o, r);
	while (bytes_left(r) && !o->failed) {
		put(o, " ");
		put_string(o, r);
	}
}

/* 'a': all that is left, the value of CAA. */
static void put_rest(struct out *o, struct bytes_reader *r)
{
	size_t len = bytes_left(r);

	put_bytes(o, bytes_read_view(r, len), len);
}

/* What rdata of a type is made of, a letter each. */
static const struct {
	uint16_t type;
	const char *parts;
} shapes[] = {
	{DNS_TYPE_A, "4"}, {DNS_TYPE_AAAA, "6"}, {DNS_TYPE_NS, "n"}, {DNS_TYPE_CNAME, "n"}, {DNS_TYPE_PTR, "n"},
	{DNS_TYPE_DNAME, "n"}, {DNS_TYPE_MX, "sn"}, {DNS_TYPE_SRV, "sssn"}, {DNS_TYPE_SOA, "nnlllll"}, {DNS_TYPE_HINFO, "tt"},
	{DNS_TYPE_TXT, "T"}, {99, "T"}, {35, "sstttn"}, {257, "bta"},
};

static void put_part(struct out *o, struct bytes_reader *r, char part)
{
	if (part == '4')
		put_address(o, r, ADDR_V4, 4);
	else if (part == '6')
		put_address(o, r, ADDR_V6, 16);
	else if (part == 'n')
		put_name(o, r);
	else if (part == 'b')
		put_number(o, bytes_read_u8(r));
	else if (part == 's')
		put_number(o, bytes_read_u16(r));
	else if (part == 'l')
		put_number(o, bytes_read_u32(r));
	else if (part == 't')
		put_string(o, r);
	else if (part == 'a')
		put_rest(o, r);
	else
		put_strings(o, r);
}

/* RFC 3597 5. */
static void put_generic(struct out *o, const struct answer_view *a)
{
	char digits[3];

	put(o, "\\# ");
	put_number(o, a->len);
	for (unsigned int i = 0; i < a->len; i++) {
		snprintf(digits, sizeof(digits), "%02x", a->rdata[i]);
		put(o, i ? digits : " ");
		if (i == 0)
			put(o, digits);
	}
}

const char *rdata_text(const struct answer_view *a, char text[static RDATA_TEXT_MAX])
{
	const char *parts = "";
	struct out o = {.text = text};
	struct bytes_reader r;

	for (size_t i = 0; i < ARRAY_LEN(shapes); i++)
		if (shapes[i].type == a->type)
			parts = shapes[i].parts;
	bytes_reader_init(&r, a->rdata, a->len);
	for (const char *p = parts; *p; p++) {
		if (p != parts)
			put(&o, " ");
		put_part(&o, &r, *p);
	}
	if (parts[0] && !o.failed && !r.failed && bytes_left(&r) == 0)
		return text;
	o = (struct out){.text = text};
	put_generic(&o, a);
	return text;
}
