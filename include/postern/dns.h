/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * DNS messages (RFC 1035, EDNS RFC 6891, extended errors RFC 8914): reading what a client
 * asks, writing what it gets.
 * folder: src/dns
 */
#ifndef POSTERN_DNS_H
#define POSTERN_DNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/bytes.h"
#include "postern/name.h"

#define DNS_HEADER_SIZE 12
#define DNS_OPT_SIZE 11		/* an OPT record without options */
#define DNS_COOKIE_CLIENT 8	/* the client's part of a cookie, RFC 7873 4.1 */
#define DNS_COOKIE_MAX 40
#define DNS_PLAIN_MAX 512	/* a datagram without EDNS */
#define DNS_DATAGRAM_MAX 1232	/* ours, with EDNS: fits every path without fragments */
#define DNS_MESSAGE_MAX 65535
#define DNS_CLASS_IN 1
#define DNS_POINTER 0xc000	/* compression: two high bits of an offset */

enum dns_type {
	DNS_TYPE_A = 1,
	DNS_TYPE_NS = 2,
	DNS_TYPE_CNAME = 5,
	DNS_TYPE_SOA = 6,
	DNS_TYPE_PTR = 12,
	DNS_TYPE_HINFO = 13,
	DNS_TYPE_MX = 15,
	DNS_TYPE_TXT = 16,
	DNS_TYPE_AAAA = 28,
	DNS_TYPE_SRV = 33,
	DNS_TYPE_DNAME = 39,
	DNS_TYPE_OPT = 41,
	DNS_TYPE_DS = 43,
	DNS_TYPE_RRSIG = 46,
	DNS_TYPE_NSEC = 47,
	DNS_TYPE_DNSKEY = 48,
	DNS_TYPE_NSEC3 = 50,
	DNS_TYPE_SVCB = 64,
	DNS_TYPE_HTTPS = 65,
	DNS_TYPE_TKEY = 249, /* first of the types that are not data */
	DNS_TYPE_ANY = 255,
};

enum dns_rcode {
	DNS_NOERROR = 0,
	DNS_FORMERR = 1,
	DNS_SERVFAIL = 2,
	DNS_NXDOMAIN = 3,
	DNS_NOTIMP = 4,
	DNS_REFUSED = 5,
	DNS_BADVERS = 16,
	DNS_BADCOOKIE = 23,
};

/* Bits of the second 16-bit word of the header. */
enum dns_flag {
	DNS_QR = 0x8000,
	DNS_AA = 0x0400,
	DNS_TC = 0x0200,
	DNS_RD = 0x0100,
	DNS_RA = 0x0080,
	DNS_Z = 0x0040,
	DNS_AD = 0x0020,
	DNS_CD = 0x0010,
};

/* What we say, of the registry of RFC 8914. */
enum dns_ede_code {
	DNS_EDE_OTHER = 0,
	DNS_EDE_STALE = 3,	    /* past its end, as no upstream answers: RFC 8767 */
	DNS_EDE_FORGED = 4,	    /* an answer of ours instead of theirs: OVERRIDE */
	DNS_EDE_INDETERMINATE = 5,  /* validation (RFC 8914 4.6 to 4.13): it can be neither proven nor refuted */
	DNS_EDE_BOGUS = 6,
	DNS_EDE_EXPIRED = 7,	    /* every signature is */
	DNS_EDE_NOT_YET_VALID = 8,
	DNS_EDE_NO_DNSKEY = 9,	    /* no key that is trusted */
	DNS_EDE_NO_RRSIG = 10,
	DNS_EDE_NO_NSEC = 12,	    /* nothing proves that it does not exist */
	DNS_EDE_CACHED_ERROR = 13,  /* it failed a moment ago, and was not asked again: RFC 9520 */
	DNS_EDE_NOT_READY = 14,
	DNS_EDE_BLOCKED = 15,	    /* the policy of this sandbox */
	DNS_EDE_PROHIBITED = 18,    /* a kind of query we answer nobody */
	DNS_EDE_NOT_SUPPORTED = 21,
	DNS_EDE_NO_REACHABLE = 22,  /* every upstream failed or refused */
	DNS_EDE_NETWORK = 23,	    /* no upstream could be spoken to */
	DNS_EDE_SYNTHESIZED = 29,   /* an answer of ours where nobody else has one: special-use names */
};

struct dns_query {
	uint16_t id;
	uint16_t flags;	   /* as received */
	uint16_t qtype;
	uint16_t qclass;
	uint16_t udp_size; /* what the client's EDNS says, raw */
	bool edns;
	bool dnssec_ok;
	uint8_t cookie_len; /* 0: none; else 8, or 16 to DNS_COOKIE_MAX with the server's part */
	uint8_t cookie[DNS_COOKIE_MAX]; /* as received; what stands here when a reply is finished is sent with it */
	struct dns_name name;
};

/*
 * Reads a query strictly: one question, nothing else but one OPT, nothing behind. Returns the RCODE with which
 * to refuse it (DNS_NOERROR: it is good), or -EBADMSG: too short or a response, send nothing.
 * On a refusal id, flags and edns of @ret_query are those that could be read, and name is empty (len 0).
 */
int dns_query_parse(const void *data, size_t len, struct dns_query *ret_query);

struct dns_ede {
	bool present;
	uint16_t code;	  /* enum dns_ede_code */
	const char *text; /* EXTRA-TEXT, or NULL */
};

/* The most bytes a client takes: @stream 65535; else 512 without EDNS, and at most DNS_DATAGRAM_MAX with. */
size_t dns_query_limit(const struct dns_query *q, bool stream) POSTERN_PURE;

/*
 * A reply without id, client flags and OPT: what one client of several gets of it is made by
 * dns_reply_finish(). Sections are filled in order; owners and rdata are written uncompressed unless given as
 * an offset.
 */
struct dns_reply {
	struct bytes_writer w;
	uint16_t n_answers, n_authority;
	uint16_t rcode;
	bool authentic; /* AD, for those who ask for it */
};

/* Header and question into @buf. */
void dns_reply_init(struct dns_reply *r, void *buf, size_t cap, const struct dns_name *name, uint16_t qtype);
/* A whole record, owner written in full where it is not NULL, else at @owner_at. */
struct dns_rr {
	const struct dns_name *owner;
	uint16_t owner_at;
	uint16_t type;
	uint32_t ttl_s;
	const uint8_t *rdata;
	uint16_t rdata_len;
};
void dns_reply_answer(struct dns_reply *r, const struct dns_rr *rr);
void dns_reply_authority(struct dns_reply *r, const struct dns_rr *rr);
/* Fills the counts; the message's length, or 0 where it did not fit. */
size_t dns_reply_close(struct dns_reply *r);

/*
 * Offsets of the TTLs of a closed reply of ours, up to @n. Their number, or -E2BIG where there are more, -EBADMSG
 * where it is no reply.
 */
int dns_reply_ttls(const uint8_t *wire, size_t len, uint16_t *ret_at, size_t n);

/*
 * The answer section of a closed reply of ours for the record: of each record its type, the length of its rdata (16 bits
 * each) and the rdata, without compression; whole records, at most @max and as many as fit in @cap. Returns the bytes
 * written; *ret_cut: there were more.
 */
size_t dns_reply_answers(const struct bytes_reader *reply, unsigned int max, uint8_t *out, size_t cap, bool *ret_cut);

#define DNS_QUESTION_AT DNS_HEADER_SIZE /* offset of QNAME in a message */

/*
 * What @q's asker gets of the closed reply @reply: its id, flags and case of name, EDNS if it spoke EDNS, with
 * its cookie, @ede (its text left out where a record needs the room) and its DO (RFC 3225); AD only if it asked with AD or DO
 * (RFC 6840 5.7); TC and no records where @limit is exceeded. @out has room for @limit bytes, at
 * least DNS_PLAIN_MAX. Returns the length.
 */
struct dns_finish {
	const uint8_t *reply;
	size_t len;
	size_t limit;
	struct dns_ede ede;
};
size_t dns_reply_finish(const struct dns_finish *f, const struct dns_query *q, uint8_t *out);
/* A reply that is only a header (and OPT): FORMERR and its kin, also where no question could be read. */
size_t dns_reply_error(const struct dns_query *q, int rcode, struct dns_ede ede, uint8_t out[static DNS_PLAIN_MAX]);

/*
 * The message with which we ask: RD, one question with the case of @name, an OPT of ours if @edns, in which DO
 * stands if @dnssec_ok; AD and CD as told. Where it is also @padded the OPT holds options that make its length a multiple
 * of DNS_PAD_BLOCK (RFC 7830, RFC 8467 4.1) and ask how long the connection may stay (RFC 7828). A cookie goes with @edns only.
 * Room for DNS_ASK_MAX. Returns the length.
 */
#define DNS_PAD_BLOCK 128
#define DNS_OPTION_SIZE 4 /* code and length */
#define DNS_ASK_PLAIN_MAX (DNS_HEADER_SIZE + DNS_NAME_MAX + 4 + DNS_OPT_SIZE + 3 * DNS_OPTION_SIZE + DNS_COOKIE_MAX)
#define DNS_ASK_MAX ((DNS_ASK_PLAIN_MAX + DNS_PAD_BLOCK - 1) / DNS_PAD_BLOCK * DNS_PAD_BLOCK)
struct dns_ask {
	uint16_t id;
	uint16_t qtype;
	bool edns, dnssec_ok;
	bool ask_authentic;
	bool checking_disabled;
	bool padded;
	uint8_t cookie_len; /* 0: none; else as in struct dns_query */
	uint8_t cookie[DNS_COOKIE_MAX];
	struct dns_name name;
};
size_t dns_ask_write(const struct dns_ask *a, uint8_t out[static DNS_ASK_MAX]);

/*
 * Is the message the answer to @a? Id, QR, opcode, one question, and its very bytes, case included.
 */
enum dns_check {
	DNS_CHECK_GOOD,
	DNS_CHECK_CASE,  /* all but the case: a server that does not keep it, or somebody guessing */
	DNS_CHECK_BARE,  /* FORMERR without a question: from who could not read ours */
	DNS_CHECK_WRONG,
};
enum dns_check dns_ask_check(const struct dns_ask *a, const void *data, size_t len);
/* What the OPT record of an answer says, a message of a header or more; nothing, where it has none. */
struct dns_answer_opt {
	uint16_t rcode; /* with the upper bits */
	uint16_t cookie_len; /* of the first cookie; 0: none; what is no length of one is as it stands there */
	uint8_t cookie[DNS_COOKIE_MAX];
	bool keepalive; /* edns-tcp-keepalive, RFC 7828: */
	uint32_t keepalive_ms; /* how long the server keeps an idle connection */
};
void dns_answer_opt(const uint8_t *data, size_t len, struct dns_answer_opt *ret_opt);
/* TC and RCODE of a message that passed. */
bool dns_answer_truncated(const uint8_t *data) POSTERN_PURE;

#endif
