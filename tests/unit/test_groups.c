/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rule groups, from the files to the decision: which rule decides among groups and priorities, lists and names of a group,
 * groups shared by @include; and the words of `qtype`, which are Route 53's.
 */
#include "compile_kit.h"

#include <string.h>

#include "ports.h"
#include "postern/image.h"
#include "postern/match.h"

static struct image *compiled(struct kit *k)
{
	struct image *im = NULL;

	kit_write("postern.conf", "policies = [ \"p.conf\", \"q.conf\" ]; upstreams = \"192.0.2.53\";\n");
	CHECK(kit_compile(k) == 0 && k->n_errors == 0);
	if (k->n_errors)
		fprintf(stderr, "%s", k->output);
	CHECK(image_map(k->image_fd, &im) == 0);
	return im;
}

#define RULE(name, priority, action, domains) \
	"{ name = \"" name "\"; priority = " priority "; action = \"" action "\"; domains = " domains "; }"
#define ALLOW(name, priority, domains) \
	"{ name = \"" name "\"; priority = " priority "; action = \"ALLOW\"; domains = " domains "; ports = \"tcp/443\"; }"

static const char shared[] =
	"name = \"corp\";\n"
	"lists: { bad = [ \"evil.example\", \"*.evil.example\" ]; };\n"
	"dns = (\n"
	RULE("never", "2", "BLOCK", "\"@bad\"") ",\n"
	ALLOW("intranet", "1", "[ \"wiki.example\", \"@common\" ]") "\n"
	");\n";
static const char p[] =
	"name = \"p\";\n"
	"lists: { common = [ \"time.example\" ]; bad = [ \"p-bad.example\" ]; };\n"
	"rule_groups = (\n"
	"  { priority = 300; name = \"late\"; dns = ( " RULE("never", "1", "BLOCK", "[ \"wiki.example\", \"*.late.example\" ]") " ); },\n"
	"  { priority = 200;\n"
	"@include \"corp.conf\"\n"
	"  }\n"
	");\n"
	"dns = (\n"
	ALLOW("ok", "1", "[ \"*.late.example\", \"evil.example\", \"own.example\" ]") ",\n"
	RULE("never", "2", "BLOCK", "\"@bad\"") ",\n"
	RULE("rest", "3", "BLOCK", "\"*\"") "\n"
	");\n"
	"egress = ( { name = \"ok2\"; to = \"192.0.2.7\"; ports = \"tcp/22\"; } );\n";
static const char q[] =
	"name = \"q\";\n"
	"lists: { common = [ \"q.example\" ]; };\n"
	"rule_groups = (\n"
	"  { priority = 9898;\n"
	"@include \"corp.conf\"\n"
	"  }\n"
	");\n"
	"dns = ( " ALLOW("first", "77", "\"wiki.example\"") " );\n";

/* Which group and rule decides. */
static const struct {
	const char *policy, *name, *group, *rule;
} rows[] = {
	/* the group with the lower priority, wherever it stands in the file */
	{"p", "wiki.example", "corp", "intranet"},
	{"p", "evil.example", "corp", "never"}, {"p", "x.evil.example", "corp", "never"},
	/* the policy's lists are seen in a group, its own before those */
	{"p", "time.example", "corp", "intranet"},
	{"p", "p-bad.example", "", "never"},
	/* a group before the policy's own section, whatever the priorities of the rules */
	{"p", "a.late.example", "late", "never"},
	{"p", "late.example", "", "rest"}, {"p", "own.example", "", "ok"}, {"p", "other.example", "", "rest"},
	/* the same group in another policy: with the lists of that one, and its own place */
	{"q", "wiki.example", "corp", "intranet"}, {"q", "q.example", "corp", "intranet"},
	{"q", "time.example", NULL, NULL}, {"q", "evil.example", "corp", "never"},
};

static void test_order(struct kit *k)
{
	struct image *im;

	kit_write("corp.conf", shared);
	kit_write("p.conf", p);
	kit_write("q.conf", q);
	im = compiled(k);
	CHECK(k->n_warnings == 3);
	CHECK(strstr(k->output, "p.conf:4: warning: rule \"never\" never decides 1 of its names, such as \"wiki.example\": "
		"rule \"intranet\" of group \"corp\" (corp.conf:5) comes first") != NULL);
	CHECK(strstr(k->output, "p.conf:10: warning: rule \"ok\" never decides 2 of its names, such as ") != NULL); /* any */
	CHECK(strstr(k->output, "q.conf:8: warning: rule \"first\" is never reached: rules before it, such as \"intranet\" "
		"of group \"corp\" (corp.conf:5), decide every name") != NULL);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct image_policy *policy = image_policy(im, image_policy_find(im, rows[i].policy));
		struct dns_name n;
		uint32_t rule;

		check_row(rows[i].name);
		CHECK(dns_name_from_text(rows[i].name, &n) == 0);
		rule = match_name(im, policy, &n, 1);
		CHECK((rule == IMAGE_NONE) == !rows[i].rule);
		if (rule == IMAGE_NONE || !rows[i].rule)
			continue;
		CHECK_STR(image_string(im, image_rule(im, policy, rule)->place.name), rows[i].rule);
		CHECK_STR(image_string(im, image_rule(im, policy, rule)->place.group), rows[i].group);
	}
	check_row("");
	image_unmap(im);
}

static void test_places(struct kit *k)
{
	const struct image_policy *policy;
	struct image *im;

	im = compiled(k);
	policy = image_policy(im, 0);
	CHECK(policy->n_rules == 6);
	for (uint32_t i = 1; i < policy->n_rules; i++) {
		const struct image_rule *a = image_rule(im, policy, i - 1), *b = image_rule(im, policy, i);

		CHECK(a->group_priority < b->group_priority || (a->group_priority == b->group_priority && a->priority < b->priority));
	}
	CHECK(image_rule(im, policy, 0)->group_priority == 200 && image_rule(im, policy, 2)->group_priority == 300);
	CHECK(image_rule(im, policy, 5)->group_priority == GROUP_PRIORITY_OWN && image_rule(im, policy, 5)->place.group == IMAGE_NONE);
	/* the place is that of the file which was included */
	CHECK_STR(image_string(im, image_rule(im, policy, 0)->place.file), "corp.conf");
	CHECK(image_rule(im, policy, 0)->place.line == 5);
	CHECK(image_egress(im, policy, 0)->place.group == IMAGE_NONE);
	image_unmap(im);
}

/* Route 53's names, and the numbers that IANA gave them; then ours; then numbers. */
static const struct {
	const char *text;
	uint16_t qtype;
} qtype_rows[] = {
	{"A", 1}, {"AAAA", 28}, {"CAA", 257}, {"CNAME", 5}, {"DS", 43}, {"MX", 15}, {"NAPTR", 35}, {"NS", 2}, {"PTR", 12},
	{"SOA", 6}, {"SPF", 99}, {"SRV", 33}, {"TXT", 16},
	{"HTTPS", 65}, {"SVCB", 64}, {"ANY", 255}, {"DNAME", 39}, {"DNSKEY", 48}, {"TLSA", 52}, {"SSHFP", 44},
	{"aaaa", 28}, {"Https", 65}, {"type28", 28}, {"Type65", 65},
	{"TYPE1", 1}, {"TYPE01", 1}, {"TYPE64", 64}, {"TYPE65", 65}, {"TYPE255", 255}, {"TYPE65334", 65334}, {"TYPE65534", 65534},
	{"TYPE0", 0}, {"TYPE65535", 0}, {"TYPE65536", 0}, {"TYPE4294967297", 0}, {"TYPE", 0}, {"TYPE-1", 0}, {"TYPE+1", 0},
	{"TYPE1 ", 0}, {" TYPE1", 0}, {"TYPE1x", 0}, {"TYPE0x1", 0}, {"1", 0}, {"", 0}, {"*", 0}, {"ALL", 0}, {"A A", 0},
};

static void test_qtypes(void)
{
	for (size_t i = 0; i < ARRAY_LEN(qtype_rows); i++) {
		check_row(qtype_rows[i].text);
		CHECK(qtype_parse(qtype_rows[i].text) == qtype_rows[i].qtype);
	}
	check_row("");
}

/* More rules in a group than Route 53 takes: said, and loaded. */
static void test_many_rules(struct kit *k)
{
	size_t len;
	char *text;
	FILE *f = open_memstream(&text, &len);

	fprintf(f, "name = \"p\"; rule_groups = ( { name = \"g\"; priority = 200; dns = (\n");
	for (unsigned int i = 0; i <= 100; i++)
		fprintf(f, "%s{ name = \"r%u\"; priority = %u; action = \"BLOCK\"; domains = \"n%u.example\"; }", i ? ",\n" : "", i, i + 1, i);
	fprintf(f, " ); } );\n");
	fclose(f);
	kit_write("p.conf", text);
	free(text);
	image_unmap(compiled(k));
	CHECK(strstr(k->output, "p.conf:1: warning: 101 DNS rules in one group: Route 53 takes 100 unless AWS raises it") != NULL);
}

int main(void)
{
	struct kit k;

	kit_init(&k);
	test_order(&k);
	test_places(&k);
	test_many_rules(&k);
	test_qtypes();
	kit_fini(&k);
	return check_report();
}
