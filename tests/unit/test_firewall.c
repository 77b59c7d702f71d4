/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * DNS Firewall as a table: a policy as an administrator writes it, questions, and of each the rule that decides and every
 * byte of the reply: header, question, the CNAME of an OVERRIDE, OPT with the extended error. What is allowed has to be asked
 * upstream, and nothing that is blocked may be.
 */
#include "compile_kit.h"

#include <string.h>

#include "ports.h"
#include "postern/dns.h"
#include "postern/image.h"
#include "postern/match.h"
#include "postern/resolver.h"

#define RULE(name, priority, more) "{ name = \"" name "\"; priority = " priority "; " more " },\n"
#define BLOCK(name, priority, more) RULE(name, priority, "action = \"BLOCK\"; " more)
#define T(qtype, priority, response) BLOCK("t " qtype, priority, "domains = \"t.example\"; qtype = \"" qtype "\"; " response)
#define NODATA "response = \"NODATA\";"
#define NXDOMAIN "response = \"NXDOMAIN\";"
#define OVERRIDE(ttl) "response = \"OVERRIDE\"; override_domain = \"Sink.Example\"; override_ttl = " ttl ";"

static const char groups[] =
	"rule_groups = (\n"
	"{ name = \"late\"; priority = 9898; dns = (\n"
	BLOCK("over", "1", "domains = \"over.example\"; response = \"OVERRIDE\"; override_domain = \"sink.example\";")
	BLOCK("over below", "2", "domains = \"*.over.example\"; " OVERRIDE("604800"))
	BLOCK("itself", "3", "domains = \"loop.example\"; response = \"OVERRIDE\"; override_domain = \"loop.example\";")
	RULE("watch", "4", "action = \"ALERT\"; domains = \"watch.example\"; ports = \"tcp/443\";")
	BLOCK("never here", "5", "domains = [ \"ok.nx.example\", \"own.example\" ]; " NODATA)
	"); },\n"
	"{ name = \"early\"; priority = 101; dns = (\n"
	BLOCK("nx", "20", "domains = [ \"nx.example\", \"*.nx.example\" ]; " NXDOMAIN)
	RULE("exception", "10", "action = \"ALLOW\"; domains = \"ok.nx.example\"; ports = [];")
	BLOCK("no v6", "30", "domains = [ \"v4.example\", \"*.v4.example\" ]; qtype = \"AAAA\"; " NODATA)
	BLOCK("no https", "40", "domains = \"plain.example\"; qtype = \"TYPE65\"; " NXDOMAIN)
	"); } );\n";
static const char policy[] =
	"name = \"p\";\n"
	"@include \"groups.conf\"\n"
	"dns = (\n"
	T("A", "1", NODATA) T("AAAA", "2", NXDOMAIN) T("CAA", "3", OVERRIDE("1")) T("CNAME", "4", NODATA) T("DS", "5", NXDOMAIN)
	T("MX", "6", OVERRIDE("2")) T("NAPTR", "7", NODATA) T("NS", "8", NXDOMAIN) T("PTR", "9", OVERRIDE("3"))
	T("SOA", "10", NODATA) T("SPF", "11", NXDOMAIN) T("SRV", "12", OVERRIDE("4")) T("TXT", "13", NODATA)
	T("TYPE64", "14", NXDOMAIN) T("TYPE65", "15", OVERRIDE("5")) T("TYPE255", "16", NODATA) T("TYPE65534", "17", NXDOMAIN)
	T("TYPE52", "18", OVERRIDE("6"))
	RULE("t rest", "30", "action = \"ALLOW\"; domains = \"t.example\"; ports = \"tcp/443\"; https_records = \"strip\";")
	RULE("only a", "40", "action = \"ALLOW\"; domains = \"a.example\"; qtype = \"A\"; ports = \"tcp/443\";")
	RULE("only txt", "50", "action = \"ALLOW\"; domains = \"*.txt.example\"; qtype = \"TXT\"; ports = [];")
	RULE("own", "60", "action = \"ALLOW\"; domains = [ \"own.example\", \"v4.example\", \"*.v4.example\", \"plain.example\" ]; ports = \"tcp/443\"; ")
	RULE("strip", "70", "action = \"ALLOW\"; domains = \"strip.example\"; ports = \"tcp/443\"; https_records = \"strip\";")
	BLOCK("rest", "2147483647", "domains = \"*.example\"; " NXDOMAIN)
	");\n";

enum kind { ASKED, BLOCKED, LOCAL };

static const struct row {
	const char *name, *qtype;
	const char *rule; /* "group/rule", or "/rule"; NULL: none matches */
	enum kind kind;
	uint16_t rcode;
	int64_t ttl_s; /* of the CNAME to sink.example; NONE: there is none */
} rows[] = {
#define NONE (-1)
#define NODATA_BY(rule) rule, BLOCKED, DNS_NOERROR, NONE
#define NX_BY(rule) rule, BLOCKED, DNS_NXDOMAIN, NONE
#define CNAME_BY(rule, ttl) rule, BLOCKED, DNS_NOERROR, ttl
#define ASKED_BY(rule) rule, ASKED, DNS_NOERROR, NONE
#define LOCAL_BY(rule) rule, LOCAL, DNS_NOERROR, NONE
#define NOBODY NULL, BLOCKED, DNS_NOERROR, NONE
	/* every name of Route 53's Qtype, and TYPEn, by name and by number */
	{"t.example", "A", NODATA_BY("/t A")}, {"t.example", "TYPE1", NODATA_BY("/t A")},
	{"t.example", "AAAA", NX_BY("/t AAAA")}, {"t.example", "TYPE28", NX_BY("/t AAAA")},
	{"t.example", "CAA", CNAME_BY("/t CAA", 1)}, {"t.example", "TYPE257", CNAME_BY("/t CAA", 1)},
	{"t.example", "CNAME", NODATA_BY("/t CNAME")}, {"t.example", "TYPE5", NODATA_BY("/t CNAME")},
	{"t.example", "DS", NX_BY("/t DS")}, {"t.example", "TYPE43", NX_BY("/t DS")},
	{"t.example", "MX", CNAME_BY("/t MX", 2)}, {"t.example", "TYPE15", CNAME_BY("/t MX", 2)},
	{"t.example", "NAPTR", NODATA_BY("/t NAPTR")}, {"t.example", "TYPE35", NODATA_BY("/t NAPTR")},
	{"t.example", "NS", NX_BY("/t NS")}, {"t.example", "TYPE2", NX_BY("/t NS")},
	{"t.example", "PTR", CNAME_BY("/t PTR", 3)}, {"t.example", "TYPE12", CNAME_BY("/t PTR", 3)},
	{"t.example", "SOA", NODATA_BY("/t SOA")}, {"t.example", "TYPE6", NODATA_BY("/t SOA")},
	{"t.example", "SPF", NX_BY("/t SPF")}, {"t.example", "TYPE99", NX_BY("/t SPF")},
	{"t.example", "SRV", CNAME_BY("/t SRV", 4)}, {"t.example", "TYPE33", CNAME_BY("/t SRV", 4)},
	{"t.example", "TXT", NODATA_BY("/t TXT")}, {"t.example", "TYPE16", NODATA_BY("/t TXT")},
	{"t.example", "SVCB", NX_BY("/t TYPE64")}, {"t.example", "TYPE64", NX_BY("/t TYPE64")},
	{"t.example", "HTTPS", CNAME_BY("/t TYPE65", 5)}, {"t.example", "TYPE65", CNAME_BY("/t TYPE65", 5)},
	{"t.example", "ANY", NODATA_BY("/t TYPE255")}, {"t.example", "TYPE255", NODATA_BY("/t TYPE255")},
	{"t.example", "TYPE65534", NX_BY("/t TYPE65534")},
	{"t.example", "TLSA", CNAME_BY("/t TYPE52", 6)}, {"t.example", "TYPE52", CNAME_BY("/t TYPE52", 6)},
	/* the same name for any other type */
	{"t.example", "HINFO", ASKED_BY("/t rest")}, {"t.example", "DNSKEY", ASKED_BY("/t rest")},
	{"t.example", "LOC", ASKED_BY("/t rest")}, {"t.example", "SSHFP", ASKED_BY("/t rest")}, {"t.example", "URI", ASKED_BY("/t rest")},
	{"t.example", "DNAME", ASKED_BY("/t rest")}, {"t.example", "TYPE3", ASKED_BY("/t rest")},
	{"t.example", "TYPE256", ASKED_BY("/t rest")}, {"t.example", "TYPE65533", ASKED_BY("/t rest")},
	{"T.Example", "A", NODATA_BY("/t A")}, {"T.EXAMPLE", "LOC", ASKED_BY("/t rest")},
	{"x.t.example", "A", NX_BY("/rest")}, {"tt.example", "A", NX_BY("/rest")},
	/* a rule for one type allows that type only */
	{"a.example", "A", ASKED_BY("/only a")}, {"A.eXAMPLE", "A", ASKED_BY("/only a")},
	{"a.example", "AAAA", NX_BY("/rest")}, {"a.example", "MX", NX_BY("/rest")}, {"a.example", "TXT", NX_BY("/rest")},
	{"a.example", "HTTPS", NX_BY("/rest")}, {"a.example", "SVCB", NX_BY("/rest")}, {"a.example", "ANY", NX_BY("/rest")},
	{"a.example", "TYPE4", NX_BY("/rest")}, {"b.a.example", "A", NX_BY("/rest")},
	{"x.txt.example", "TXT", ASKED_BY("/only txt")}, {"y.x.txt.example", "TXT", ASKED_BY("/only txt")},
	{"x.txt.example", "A", NX_BY("/rest")}, {"x.txt.example", "SPF", NX_BY("/rest")}, {"txt.example", "TXT", NX_BY("/rest")},
	/* groups: lowest association first, and in it lowest priority; order in the file means nothing */
	{"nx.example", "A", NX_BY("early/nx")}, {"nx.example", "TXT", NX_BY("early/nx")}, {"nx.example", "ANY", NX_BY("early/nx")},
	{"nx.example", "HTTPS", NX_BY("early/nx")}, {"a.nx.example", "A", NX_BY("early/nx")}, {"b.a.nx.example", "AAAA", NX_BY("early/nx")},
	{"ok.nx.example", "A", ASKED_BY("early/exception")}, {"ok.nx.example", "AAAA", ASKED_BY("early/exception")},
	{"ok.nx.example", "MX", ASKED_BY("early/exception")}, {"OK.NX.example", "SRV", ASKED_BY("early/exception")},
	{"x.ok.nx.example", "A", NX_BY("early/nx")}, {"nxx.example", "A", NX_BY("/rest")},
	{"own.example", "A", NODATA_BY("late/never here")}, {"own.example", "AAAA", NODATA_BY("late/never here")},
	{"over.example", "A", CNAME_BY("late/over", 0)}, {"over.example", "AAAA", CNAME_BY("late/over", 0)},
	{"over.example", "MX", CNAME_BY("late/over", 0)}, {"over.example", "HTTPS", CNAME_BY("late/over", 0)},
	{"over.example", "ANY", CNAME_BY("late/over", 0)}, {"over.example", "CNAME", CNAME_BY("late/over", 0)},
	{"oVer.Example", "TXT", CNAME_BY("late/over", 0)},
	{"x.over.example", "A", CNAME_BY("late/over below", 604800)}, {"y.x.over.example", "TYPE300", CNAME_BY("late/over below", 604800)},
	{"loop.example", "A", NODATA_BY("late/itself")}, {"loop.example", "CNAME", NODATA_BY("late/itself")},
	{"watch.example", "A", ASKED_BY("late/watch")}, {"watch.example", "MX", ASKED_BY("late/watch")},
	{"x.watch.example", "A", NX_BY("/rest")},
	/* a blocked type of an allowed name: evaluation goes on for the others */
	{"v4.example", "A", ASKED_BY("/own")}, {"v4.example", "AAAA", NODATA_BY("early/no v6")}, {"v4.example", "MX", ASKED_BY("/own")},
	{"x.v4.example", "A", ASKED_BY("/own")}, {"x.v4.example", "AAAA", NODATA_BY("early/no v6")},
	{"y.x.v4.example", "AAAA", NODATA_BY("early/no v6")}, {"x.v4.example", "TXT", ASKED_BY("/own")},
	{"plain.example", "A", ASKED_BY("/own")}, {"plain.example", "HTTPS", NX_BY("early/no https")},
	{"plain.example", "TYPE65", NX_BY("early/no https")},
	/* types that are answered here though the name is allowed */
	{"plain.example", "SVCB", LOCAL_BY("/own")}, {"v4.example", "HTTPS", LOCAL_BY("/own")}, {"watch.example", "HTTPS", LOCAL_BY("late/watch")},
	{"strip.example", "HTTPS", ASKED_BY("/strip")}, {"strip.example", "SVCB", ASKED_BY("/strip")}, {"strip.example", "A", ASKED_BY("/strip")},
	/* the last rule, and nobody */
	{"x.example", "A", NX_BY("/rest")}, {"a.b.c.d.example", "TYPE65280", NX_BY("/rest")}, {"xn--bcher-kva.example", "A", NX_BY("/rest")},
	{"_dmarc.x.example", "TXT", NX_BY("/rest")},
	{"example", "A", NOBODY}, {"example", "SOA", NOBODY}, {"examplee", "A", NOBODY}, {"x.test", "A", NOBODY}, {"x.test", "MX", NOBODY},
	{".", "NS", NOBODY}, {"t.example.test", "A", NOBODY}, {"com", "DS", NOBODY}, {"x.test", "HTTPS", NOBODY}, {"x.test", "ANY", NOBODY},
};
static_assert(ARRAY_LEN(rows) >= 100, "at least a hundred questions");

/* What the core did with one question. */
struct seen {
	unsigned int asks, pins, answers, records;
	struct decision_record record;
};

static struct seen seen;

static void on_answer(void *ctx, const struct client *c, const uint8_t *data, size_t len)
{
	(void)ctx, (void)c, (void)data, (void)len;
	seen.answers++;
}

static int on_ask(void *ctx, const struct upstream_ask *ask)
{
	(void)ctx, (void)ask;
	seen.asks++;
	return 0;
}

static void on_forget(void *ctx, uint32_t ref)
{
	(void)ctx, (void)ref;
}

static int on_pin(void *ctx, struct msg_pin_request *m)
{
	(void)ctx, (void)m;
	seen.pins++;
	return 0;
}

static int on_record(void *ctx, const struct decision_record *d, bool last_chance)
{
	(void)ctx, (void)last_chance;
	seen.records++;
	seen.record = *d;
	return 0;
}

static uint32_t on_random(void *ctx)
{
	(void)ctx;
	return 4; /* which source ports and ids are drawn is tested elsewhere */
}

static const struct resolver_ports ports = {
	.answer = on_answer, .ask = on_ask, .forget = on_forget, .pin = on_pin, .record = on_record, .random = on_random,
};

static size_t put16(uint8_t *out, size_t at, unsigned int v)
{
	out[at] = (uint8_t)(v >> 8);
	out[at + 1] = (uint8_t)v;
	return at + 2;
}

/* The query: RD, and EDNS with 1232 bytes where @edns. */
static size_t make_query(const struct row *row, bool edns, uint8_t out[static DNS_ASK_MAX])
{
	struct dns_ask a = {.id = 0xbeef, .qtype = qtype_parse(row->qtype), .edns = edns};

	CHECK(a.qtype != 0 && dns_name_from_text(row->name, &a.name) == 0);
	return dns_ask_write(&a, out);
}

/* The whole reply to a blocked question, by the letter of RFC 1035, 6891 and 8914. */
static size_t expected(const struct row *row, const uint8_t *query, size_t query_len, bool edns, uint8_t *out)
{
	static const uint8_t sink[] = "\4sink\7example"; /* with its NUL: 14 bytes */
	const char *text = row->kind == LOCAL ? "qtype" : row->rule ? "rule" : "no-rule";
	size_t question = query_len - (edns ? DNS_OPT_SIZE : 0), n = question;
	bool cname = row->ttl_s != NONE;

	memcpy(out, query, question);
	put16(out, 2, 0x8180u | row->rcode); /* QR RD RA; not AA, TC, AD, CD */
	put16(out, 6, cname);
	put16(out, 8, 0);
	put16(out, 10, edns);
	if (cname) {
		n = put16(out, n, 0xc00c);
		n = put16(out, n, DNS_TYPE_CNAME);
		n = put16(out, n, DNS_CLASS_IN);
		n = put16(out, n, (unsigned int)(row->ttl_s >> 16));
		n = put16(out, n, (unsigned int)(row->ttl_s & 0xffff));
		n = put16(out, n, sizeof(sink));
		memcpy(out + n, sink, sizeof(sink));
		n += sizeof(sink);
	}
	if (!edns)
		return n;
	out[n++] = 0; /* OPT: root, our size, no extended rcode, version 0, no DO */
	n = put16(out, n, DNS_TYPE_OPT);
	n = put16(out, n, DNS_DATAGRAM_MAX);
	n = put16(out, n, 0);
	n = put16(out, n, 0);
	n = put16(out, n, (unsigned int)(6 + strlen(text)));
	n = put16(out, n, 15);
	n = put16(out, n, (unsigned int)(2 + strlen(text)));
	n = put16(out, n, cname ? DNS_EDE_FORGED : DNS_EDE_BLOCKED);
	memcpy(out + n, text, strlen(text));
	return n + strlen(text);
}

/* The rule that decides, as "group/rule". */
static void check_rule(const struct image *im, const struct row *row)
{
	const struct image_policy *p = image_policy(im, 0);
	char text[2 * RULE_NAME_MAX];
	struct dns_name name;
	uint32_t rule;

	CHECK(dns_name_from_text(row->name, &name) == 0);
	rule = match_name(im, p, &name, qtype_parse(row->qtype));
	CHECK((rule == IMAGE_NONE) == (row->rule == NULL));
	if (rule == IMAGE_NONE || !row->rule)
		return;
	snprintf(text, sizeof(text), "%s/%s", image_string(im, image_rule(im, p, rule)->place.group),
		image_string(im, image_rule(im, p, rule)->place.name));
	CHECK_STR(text, row->rule);
}

static void check_record(struct resolver *r, const struct image *im, const struct row *row)
{
	const struct decision_record *d = &seen.record;

	resolver_flush(r);
	CHECK(seen.records == (row->kind == BLOCKED));
	if (!seen.records)
		return;
	CHECK_STR(image_string(im, d->place.name), row->rule ? strchr(row->rule, '/') + 1 : "");
	CHECK(d->action == EVENT_BLOCKED && d->reason == (row->rule ? REASON_RULE_BLOCK : REASON_NO_RULE));
	CHECK(d->rcode == row->rcode && d->qtype == qtype_parse(row->qtype) && d->count == 1);
}

static void check_reply(struct resolver *r, const struct row *row, bool edns)
{
	struct client c = {.slot = 1, .port = 4000, .peer = {.family = ADDR_V4, .bytes = {192, 0, 2, 2}}};
	uint8_t query[DNS_ASK_MAX], out[RESOLVER_ANSWER_MAX], want[RESOLVER_ANSWER_MAX];
	size_t query_len = make_query(row, edns, query), len;
	int n = resolver_query(r, &c, query, query_len, out);

	if (row->kind == ASKED) {
		CHECK(n == 0 && seen.asks == 1);
		return;
	}
	len = expected(row, query, query_len, edns, want);
	CHECK(n == (int)len && seen.asks == 0);
	CHECK(n == (int)len && memcmp(out, want, len) == 0);
}

static void test_rows(const struct image *im)
{
	struct sandbox box = {.kind = SANDBOX_UID, .n_selectors = 1, .slot = 1, .name = "box", .policy = "p"};

	for (size_t i = 0; i < 2 * ARRAY_LEN(rows); i++) {
		const struct row *row = &rows[i / 2];
		struct resolver *r = resolver_new(&ports, NULL);
		char label[128];

		snprintf(label, sizeof(label), "%s %s%s", row->name, row->qtype, i & 1 ? " EDNS" : "");
		check_row(label);
		seen = (struct seen){0};
		resolver_advance(r, 1000000);
		resolver_set_image(r, im, 1);
		CHECK(resolver_set_sandbox(r, &box) == 0);
		check_rule(im, row);
		check_reply(r, row, i & 1);
		check_record(r, im, row);
		CHECK(seen.answers == 0 && seen.pins == 0);
		resolver_free(r);
	}
	check_row("");
}

int main(void)
{
	struct image *im = NULL;
	struct kit k;

	kit_init(&k);
	kit_write("postern.conf", "policies = \"p.conf\"; upstreams = \"192.0.2.53\"; audit = { all_queries = false; };\n");
	kit_write("p.conf", policy);
	kit_write("groups.conf", groups);
	CHECK(kit_compile(&k) == 0);
	if (k.n_errors)
		fprintf(stderr, "%s", k.output);
	CHECK(image_map(k.image_fd, &im) == 0);
	if (im)
		test_rows(im);
	image_unmap(im);
	kit_fini(&k);
	return check_report();
}
