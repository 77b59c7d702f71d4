/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names against rules: the whole way from a policy's text to the rule that decides. */
#include "compile_kit.h"

#include "postern/match.h"

static const char policy[] =
	"name = \"p\";\n"
	"lists: {\n"
	"  web = [ \"example.com\", \"*.example.com\" ];\n"
	"  idn = [ \"bücher.example\", \"*.straße.example\", \"xn--mnchen-3ya.example\", \"ΣΊΣΥΦΟΣ.example\" ];\n"
	"  deep = [ \"a.b.c.d.e.f.example.org\", \"*.c.d.e.f.example.org\" ];\n"
	"};\n"
	"dns = (\n"
	"  { name = \"exact\"; priority = 100; action = \"ALLOW\"; domains = \"only.example.net\"; ports = \"tcp/443\"; },\n"
	"  { name = \"below\"; priority = 110; action = \"ALLOW\"; domains = \"*.wild.example.net\"; ports = \"tcp/443\"; },\n"
	"  { name = \"aaaa\"; priority = 120; action = \"BLOCK\"; domains = [ \"*.v4.example.net\", \"v4.example.net\" ]; qtype = \"AAAA\"; },\n"
	"  { name = \"v4\"; priority = 130; action = \"ALLOW\"; domains = [ \"*.v4.example.net\", \"v4.example.net\" ]; ports = []; },\n"
	/* not in the order of their priorities */
	"  { name = \"late\"; priority = 500; action = \"BLOCK\"; domains = [ \"*.order.example\" ]; },\n"
	"  { name = \"early\"; priority = 200; action = \"ALLOW\"; domains = [ \"good.order.example\" ]; ports = []; },\n"
	"  { name = \"web\"; priority = 210; action = \"ALLOW\"; domains = [ \"@web\" ]; ports = []; },\n"
	"  { name = \"idn\"; priority = 220; action = \"ALLOW\"; domains = [ \"@idn\" ]; ports = []; },\n"
	"  { name = \"deep\"; priority = 230; action = \"ALLOW\"; domains = [ \"@deep\" ]; ports = []; },\n"
	"  { name = \"tld\"; priority = 240; action = \"ALLOW\"; domains = [ \"*.test\" ]; ports = []; },\n"
	"  { name = \"alone\"; priority = 250; action = \"ALLOW\"; domains = [ \"localhost\" ]; ports = []; },\n"
	"  { name = \"service\"; priority = 260; action = \"ALLOW\"; domains = [ \"_sip._tcp.example.info\", \"UPPER.Example.INFO\" ]; ports = []; },\n"
	"  { name = \"txt\"; priority = 270; action = \"ALERT\"; domains = \"*\"; qtype = \"TXT\"; ports = []; },\n"
	"  { name = \"type\"; priority = 280; action = \"ALERT\"; domains = \"*.types.example\"; qtype = \"TYPE65\"; ports = []; },\n"
	"  { name = \"rest\"; priority = 9000; action = \"BLOCK\"; domains = [ \"*.com\", \"*.org\" ]; }\n"
	");\n";

static const char others[] =
	"name = \"others\";\n"
	"dns = ( { name = \"mine\"; priority = 1; action = \"ALLOW\"; domains = [ \"only.example.net\", \"*.com\" ]; ports = []; } );\n";

enum { A = 1, NS = 2, TXT = 16, AAAA = 28, HTTPS = 65 };

/* NULL: no rule, which denies. */
static const struct {
	const char *name;
	uint16_t qtype;
	const char *rule;
} rows[] = {
	/* exact */
	{"only.example.net", A, "exact"}, {"only.example.net.", A, "exact"}, {"only.example.net", AAAA, "exact"},
	{"only.example.net", NS, "exact"}, {"a.only.example.net", A, NULL}, {"example.net", A, NULL},
	{"xonly.example.net", A, NULL}, {"only-example.net", A, NULL}, {"only.example.net.com", A, "rest"},
	{"only.example.netx", A, NULL}, {"only.example", A, NULL}, {"nly.example.net", A, NULL},
	{"only.example.ne", A, NULL}, {"onlyxexample.net", A, NULL}, {"on.ly.example.net", A, NULL},
	/* suffix confusion: dots inside labels are not dots between them */
	{"only\\.example.net", A, NULL}, {"only.example\\.net", A, NULL}, {"a\\.wild.example.net", A, NULL},
	{"a.wild\\.example.net", A, NULL}, {"evil\\.example.com", A, "rest"}, {"evilexample.com", A, "rest"},
	{"example.com.evil.net", A, NULL}, {"example\\000.com", A, "rest"}, {"example.com\\000", A, NULL},
	/* wildcard: below, not the apex */
	{"a.wild.example.net", A, "below"}, {"a.b.wild.example.net", A, "below"}, {"wild.example.net", A, NULL},
	{"*.wild.example.net", A, "below"}, {"awild.example.net", A, NULL}, {"a.wild.example.org", A, "rest"},
	{"x.y.z.a.b.c.d.e.f.wild.example.net", A, "below"}, {"a.wild.example.net.", AAAA, "below"},
	{"\\000.wild.example.net", A, "below"}, {"\\255.wild.example.net", A, "below"}, {"-.wild.example.net", A, "below"},
	{"a.xwild.example.net", A, NULL}, {"a.wild.xexample.net", A, NULL}, {"a.wild.example.netx", A, NULL},
	{"wild.example.net.a", A, NULL}, {"a..b", A, "(no name)"},
	/* apex and below, by two patterns */
	{"example.com", A, "web"}, {"www.example.com", A, "web"}, {"a.b.c.example.com", A, "web"}, {"xexample.com", A, "rest"},
	{"com", A, NULL}, {"example.com", TXT, "web"}, {"www.example.com", HTTPS, "web"}, {"example.co", A, NULL},
	{"example.comm", A, NULL}, {"w.example.com.org", A, "rest"}, {"example.example.com", A, "web"},
	{"com.example.com", A, "web"}, {"example.com.example.com", A, "web"}, {"other.com", A, "rest"},
	/* letter case */
	{"ONLY.EXAMPLE.NET", A, "exact"}, {"oNlY.eXaMpLe.NeT", A, "exact"}, {"A.WILD.EXAMPLE.NET", A, "below"},
	{"eXAMPLE.cOM", A, "web"}, {"WWW.EXAMPLE.COM", A, "web"}, {"X.TEST", A, "tld"}, {"LOCALHOST", A, "alone"},
	{"upper.example.info", A, "service"}, {"UPPER.EXAMPLE.INFO", A, "service"}, {"uPPer.exAMple.iNFo", A, "service"},
	{"OTHER.COM", A, "rest"}, {"GOOD.Order.EXAMPLE", A, "early"}, {"XN--BCHER-KVA.EXAMPLE", A, "idn"},
	{"[nly.example.net", A, NULL}, {"{nly.example.net", A, NULL}, {"@only.example.net", A, NULL},
	/* only ASCII letters fold: byte 0xe4 is not 0xc4 */
	{"\\228.wild.example.net", A, "below"}, {"only.ex\\193mple.net", A, NULL}, {"only.ex\\001mple.net", A, NULL},
	/* qtype */
	{"v4.example.net", A, "v4"}, {"v4.example.net", AAAA, "aaaa"}, {"v4.example.net", TXT, "v4"},
	{"x.v4.example.net", A, "v4"}, {"x.v4.example.net", AAAA, "aaaa"}, {"x.y.v4.example.net", AAAA, "aaaa"},
	{"v4.example.net", HTTPS, "v4"}, {"xv4.example.net", AAAA, NULL}, {"nowhere.example", TXT, "txt"},
	{"nowhere.example", A, NULL}, {"nowhere.example", AAAA, NULL}, {"nowhere.example", 0, NULL}, {".", TXT, "txt"}, {".", A, NULL},
	{"com", TXT, "txt"}, {"x.com", TXT, "txt"}, {"x.com", A, "rest"}, {"only.example.net", TXT, "exact"},
	{"x.types.example", HTTPS, "type"}, {"x.types.example", A, NULL}, {"x.types.example", TXT, "txt"},
	{"types.example", HTTPS, NULL}, {"x.types.example", 64, NULL}, {"x.types.example", 65535, NULL},
	{"v4.example.net", 65535, "v4"}, {"v4.example.net", 255, "v4"}, {"only.example.net", 255, "exact"},
	/* priority, not the order in the file; nor how specific a pattern is */
	{"good.order.example", A, "early"}, {"bad.order.example", A, "late"}, {"order.example", A, NULL},
	{"x.good.order.example", A, "late"}, {"good.order.example", TXT, "early"}, {"bad.order.example", TXT, "txt"},
	{"example.org", A, "rest"}, {"a.b.c.d.e.f.example.org", A, "deep"}, {"example.com", NS, "web"},
	/* depth */
	{"x.c.d.e.f.example.org", A, "deep"}, {"b.c.d.e.f.example.org", A, "deep"}, {"c.d.e.f.example.org", A, "rest"},
	{"x.a.b.c.d.e.f.example.org", A, "deep"}, {"d.e.f.example.org", A, "rest"}, {"org", A, NULL}, {"x.org", A, "rest"},
	{"x.x.d.e.f.example.org", A, "rest"},
	/* one label */
	{"localhost", A, "alone"}, {"x.localhost", A, NULL}, {"localhos", A, NULL}, {"localhostx", A, NULL},
	{"localhost.com", A, "rest"}, {"test", A, NULL}, {"x.test", A, "tld"}, {"x.y.test", A, "tld"}, {"test.test", A, "tld"},
	{"xtest", A, NULL}, {"x.tes", A, NULL}, {"x.testx", A, NULL}, {".", NS, NULL},
	/* underscores */
	{"_sip._tcp.example.info", 33, "service"}, {"_sip._tcp.example.info", A, "service"}, {"sip.tcp.example.info", A, NULL},
	{"_SIP._TCP.EXAMPLE.INFO", 33, "service"}, {"_sip.tcp.example.info", 33, NULL}, {"_tcp.example.info", 33, NULL},
	{"x._sip._tcp.example.info", 33, NULL}, {"example.info", A, NULL},
	/* IDN: stored as A-labels */
	{"xn--bcher-kva.example", A, "idn"}, {"xn--Bcher-kva.example", A, "idn"}, {"bucher.example", A, NULL},
	{"bcher.example", A, NULL}, {"b\\195\\188cher.example", A, NULL}, {"www.xn--bcher-kva.example", A, NULL},
	{"x.xn--strae-oqa.example", A, "idn"}, {"xn--strae-oqa.example", A, NULL}, {"x.strasse.example", A, NULL},
	{"xn--mnchen-3ya.example", A, "idn"}, {"xn--mnchen-3yb.example", A, NULL}, {"munchen.example", A, NULL},
	{"xn--ypage1bccc8b.example", A, NULL}, {"XN--MNCHEN-3YA.EXAMPLE", AAAA, "idn"}, {"a.b.xn--strae-oqa.example", A, "idn"},
	{"xn--xn--bcher-kva-.example", A, NULL}, {"xn--bcher-kva.example.com", A, "web"},
	{"xn--bcher-kva", A, NULL}, {"xn--bcher-kva.examples", A, NULL},
};
static_assert(ARRAY_LEN(rows) >= 150, "the table test is over at least 150 pairs");

static void check_policy(const struct image *im, const struct image_policy *p)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct dns_name n;
		uint32_t rule;

		check_row(rows[i].name);
		if (dns_name_from_text(rows[i].name, &n) < 0) {
			CHECK_STR("(no name)", rows[i].rule);
			continue;
		}
		rule = match_name(im, p, &n, rows[i].qtype);
		CHECK_STR(rule == IMAGE_NONE ? "none" : image_string(im, image_rule(im, p, rule)->place.name),
			rows[i].rule ? rows[i].rule : "none");
	}
	check_row("");
}

/* Names at the limits: 127 labels, 255 bytes, labels of 63. */
static void check_limits(const struct image *im, const struct image_policy *p)
{
	char text[DNS_NAME_TEXT_MAX] = "";
	struct dns_name n;

	for (int i = 0; i < 125; i++)
		strcat(text, "a.");
	strcat(text, "test"); /* 250 + 5 + 1 is one byte too many: the first label goes */
	CHECK(dns_name_from_text(text, &n) < 0);
	CHECK(dns_name_from_text(text + 2, &n) == 0 && n.len == 254);
	CHECK_STR(image_string(im, image_rule(im, p, match_name(im, p, &n, A))->place.name), "tld");
	memset(text, 'x', 63);
	strcpy(text + 63, ".test");
	CHECK(dns_name_from_text(text, &n) == 0);
	CHECK_STR(image_string(im, image_rule(im, p, match_name(im, p, &n, A))->place.name), "tld");
}

static void check_order(const struct image *im, const struct image_policy *p)
{
	uint32_t last = 0;

	for (uint32_t i = 0; i < p->n_rules; i++) {
		CHECK(image_rule(im, p, i)->priority > last);
		last = image_rule(im, p, i)->priority;
	}
}

/* The same names in another policy of the same image decide nothing here. */
static void check_others(const struct image *im)
{
	const struct image_policy *p = image_policy(im, image_policy_find(im, "others"));
	struct dns_name n;

	CHECK(dns_name_from_text("only.example.net", &n) == 0 && match_name(im, p, &n, A) == 0);
	CHECK(dns_name_from_text("www.example.com", &n) == 0 && match_name(im, p, &n, A) == 0);
	CHECK(dns_name_from_text("x.test", &n) == 0 && match_name(im, p, &n, A) == IMAGE_NONE);
	CHECK(dns_name_from_text("localhost", &n) == 0 && match_name(im, p, &n, A) == IMAGE_NONE);
}

/* By which entry a rule holds a name: the name itself, or the longest wildcard. */
static void check_scope(const struct image *im)
{
	static const struct {
		const char *name;
		uint32_t scope;
	} names[] = {
		{"a.deep.example.org", 3}, {"deep.example.org", 2}, {"a.b.example.org", 2}, {"exact.example.org", MATCH_EXACT}, {"x.exact.example.org", 2},
		{"EXACT.example.org", MATCH_EXACT}, {"other.test", 0}, {"test", 0},
	};
	const struct image_policy *p = image_policy(im, image_policy_find(im, "scopes"));

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct dns_name n;
		uint32_t rule;

		check_row(names[i].name);
		CHECK(dns_name_from_text(names[i].name, &n) == 0);
		rule = match_name(im, p, &n, A);
		CHECK(rule != IMAGE_NONE && match_scope(im, p, &n, A, rule) == names[i].scope);
	}
	check_row("");
}

int main(void)
{
	struct image *im;
	struct kit k;

	kit_init(&k);
	kit_write("postern.conf", "policies = [ \"p.conf\", \"others.conf\", \"scopes.conf\" ]; upstreams = \"192.0.2.53\";\n");
	kit_write("p.conf", policy);
	kit_write("others.conf", others);
	kit_write("scopes.conf", "name = \"scopes\"; dns = ( { name = \"a\"; priority = 1; action = \"ALLOW\"; ports = []; domains = "
		"[ \"*.example.org\", \"*.deep.example.org\", \"exact.example.org\" ]; },\n"
		"{ name = \"b\"; priority = 2; action = \"ALLOW\"; ports = []; domains = [ \"*\", \"*.deep.example.org\" ]; } );\n");
	CHECK(kit_compile(&k) == 0);
	if (k.n_errors)
		fputs(k.output, stderr);
	if (image_map(k.image_fd, &im) == 0) {
		const struct image_policy *p = image_policy(im, image_policy_find(im, "p"));

		check_policy(im, p);
		check_limits(im, p);
		check_order(im, p);
		check_others(im);
		check_scope(im);
		image_unmap(im);
	}
	kit_fini(&k);
	return check_report();
}
