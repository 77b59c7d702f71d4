/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How each reason is said to clients (RFC 8914), and that nothing cuts it off. What rcode goes with it: scenario ede.txt. */
#include "check.h"

#include "../../src/resolver/ede.h"

#define NOT_SAID -1

/* Those of names, each; those of packets are never said to a client. */
static const struct {
	enum reason reason;
	int code;
	const char *text;
} rows[] = {
	{REASON_NONE, NOT_SAID, NULL},
	{REASON_NO_RULE, DNS_EDE_BLOCKED, "no-rule"},
	{REASON_RULE_BLOCK, DNS_EDE_BLOCKED, "rule"},
	{REASON_REDIRECTION, DNS_EDE_BLOCKED, "redirection"},
	{REASON_REBINDING, DNS_EDE_BLOCKED, "rebinding"},
	{REASON_QTYPE, DNS_EDE_BLOCKED, "qtype"},
	{REASON_SPECIAL_NAME, DNS_EDE_SYNTHESIZED, "special-name"},
	{REASON_UPSTREAM, DNS_EDE_NO_REACHABLE, "upstream"},
	{REASON_UPSTREAM_TLS, DNS_EDE_NETWORK, "upstream-tls"},
	{REASON_PIN_FAILED, DNS_EDE_OTHER, "pin-failed"},
	{REASON_QUOTA, DNS_EDE_OTHER, "quota"},
	{REASON_ALERT, NOT_SAID, NULL},
	{REASON_OVERLOAD, DNS_EDE_OTHER, "overload"},
	{REASON_DNS_TUNNELING, DNS_EDE_BLOCKED, "dns-tunneling"},
	{REASON_DGA, DNS_EDE_BLOCKED, "dga"},
	{REASON_DICTIONARY_DGA, DNS_EDE_BLOCKED, "dictionary-dga"},
	{REASON_BOGUS, DNS_EDE_BOGUS, "bogus"},
};

static bool has_row(unsigned int reason)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (rows[i].reason == reason)
			return true;
	return false;
}

static void test_reasons(void)
{
	for (unsigned int reason = REASON_NO_RULE; reason < REASON_COUNT; reason++) {
		check_row(reason_text((enum reason)reason));
		CHECK(has_row(reason)); /* a new one has to say how it is said */
	}
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct dns_ede ede = ede_of(rows[i].reason, false);

		check_row(reason_text(rows[i].reason));
		CHECK(ede.present == (rows[i].code != NOT_SAID));
		if (!ede.present)
			continue;
		CHECK(ede.code == rows[i].code);
		CHECK_STR(ede.text, rows[i].text);
		CHECK(ede_of(rows[i].reason, true).code == DNS_EDE_FORGED);
	}
}

static void test_refusals(void)
{
	check_row("refused kinds");
	CHECK(ede_of_refusal(DNS_REFUSED).code == DNS_EDE_PROHIBITED && ede_of_refusal(DNS_REFUSED).present);
	CHECK(ede_of_refusal(DNS_NOTIMP).code == DNS_EDE_NOT_SUPPORTED && ede_of_refusal(DNS_NOTIMP).present);
	CHECK(ede_of_refusal(DNS_FORMERR).code == DNS_EDE_OTHER && ede_of_refusal(DNS_FORMERR).present);
	CHECK(!ede_of_refusal(DNS_BADVERS).present);
}

/* The EDE option at the end of a message: its code, or NOT_SAID; *ret_text: the length of its text. */
static int said(const uint8_t *out, size_t len, size_t text_len, const char *text)
{
	const uint8_t *option = out + len - text_len - 6;

	if (option[0] != 0 || option[1] != 15 || memcmp(option + 6, text, text_len) != 0)
		return NOT_SAID;
	return option[4] << 8 | option[5];
}

/* The longest name there is and an OVERRIDE to another: more than a client without a buffer takes. */
static void test_truncated(void)
{
	uint8_t wire[1024], out[DNS_MESSAGE_MAX];
	struct dns_query q = {.edns = true, .udp_size = 512, .qtype = 1, .qclass = 1};
	struct dns_finish f = {.reply = wire, .ede = ede_of(REASON_RULE_BLOCK, true)};
	struct dns_reply reply;
	size_t n;

	check_row("truncated");
	q.name.len = 255;
	memset(q.name.wire, 'a', sizeof(q.name.wire));
	q.name.wire[0] = q.name.wire[64] = q.name.wire[128] = 63;
	q.name.wire[192] = 61;
	q.name.wire[254] = 0;
	dns_reply_init(&reply, wire, sizeof(wire), &q.name, 1);
	dns_reply_answer(&reply, &(struct dns_rr){.owner_at = DNS_QUESTION_AT, .type = DNS_TYPE_CNAME, .rdata = q.name.wire,
		.rdata_len = 255});
	f.len = dns_reply_close(&reply);
	for (f.limit = 512; f.limit < 600; f.limit++) {
		n = dns_reply_finish(&f, &q, out);
		CHECK(n <= f.limit);
		if (dns_answer_truncated(out) || f.limit >= f.len + DNS_OPT_SIZE + 10) {
			CHECK(said(out, n, 4, "rule") == DNS_EDE_FORGED);
		} else { /* no room for the text */
			CHECK(f.limit >= f.len + DNS_OPT_SIZE + 6 && said(out, n, 0, "") == DNS_EDE_FORGED);
		}
	}
	check_row("without EDNS there is no place for it");
	q.edns = false;
	f.limit = 512;
	n = dns_reply_finish(&f, &q, out);
	CHECK(dns_answer_truncated(out) && n == DNS_HEADER_SIZE + 255 + 4 && out[11] == 0);
}

int main(void)
{
	test_reasons();
	test_refusals();
	test_truncated();
	return check_report();
}
