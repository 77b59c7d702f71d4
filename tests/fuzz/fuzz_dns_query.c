/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any bytes as a client's query. What has to hold: a good query has a name; what we would ask for it depends on name and
 * type alone, is itself a good query, and is never accepted as its own answer; a refusal is never larger than a
 * plain datagram, nor sent to a response.
 */
#include <string.h>

#include "postern/dns.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_ask(const struct dns_query *q)
{
	struct dns_ask a = {.id = 7, .qtype = q->qtype, .edns = true, .name = q->name};
	uint8_t wire[DNS_ASK_MAX];
	size_t len = dns_ask_write(&a, wire);
	struct dns_query again;

	ASSERT(dns_query_parse(wire, len, &again) == DNS_NOERROR && again.qtype == q->qtype);
	ASSERT(dns_name_equal(&again.name, &q->name));
	ASSERT(dns_ask_check(&a, wire, len) == DNS_CHECK_WRONG);
	wire[2] |= DNS_QR >> 8;
	ASSERT(dns_ask_check(&a, wire, len) == DNS_CHECK_GOOD);
}

static void check_reply(const struct dns_query *q)
{
	uint8_t built[DNS_DATAGRAM_MAX], out[DNS_DATAGRAM_MAX];
	struct dns_finish f = {.reply = built, .limit = dns_query_limit(q, false),
		.ede = {.present = true, .code = DNS_EDE_BLOCKED, .text = "rule-block"}};
	struct dns_reply r;

	dns_reply_init(&r, built, sizeof(built), &q->name, q->qtype);
	for (int i = 0; i < 20; i++)
		dns_reply_answer(&r, &(struct dns_rr){.owner = &q->name, .type = DNS_TYPE_TXT,
			.rdata = (const uint8_t *)"\1a", .rdata_len = 2});
	f.len = dns_reply_close(&r);
	ASSERT(!f.len || dns_reply_finish(&f, q, out) <= f.limit);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t out[DNS_PLAIN_MAX];
	struct dns_query q;
	int rcode = dns_query_parse(data, size, &q);

	if (rcode < 0) {
		ASSERT(size < DNS_HEADER_SIZE || (data[2] & 0x80));
		return 0;
	}
	ASSERT((rcode == DNS_NOERROR) == (q.name.len > 0));
	ASSERT(q.cookie_len == 0 || q.cookie_len == 8 || (q.cookie_len >= 16 && q.cookie_len <= DNS_COOKIE_MAX));
	if (rcode == DNS_NOERROR) {
		check_ask(&q);
		check_reply(&q);
	}
	ASSERT(dns_reply_error(&q, rcode, (struct dns_ede){.present = true}, out) <= sizeof(out));
	return 0;
}
