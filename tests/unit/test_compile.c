/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bad policy files and bad configurations: each row is a file and the diagnostic it must get, with its line. Then the
 * files themselves (modes, bytes, includes), warnings, settings, and what may not be lost: all errors of a run.
 */
#include "compile_kit.h"

#include <errno.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "compile_rows.h"
#include "postern/flow.h"
#include "postern/match.h"
#include "syntax.h"

static const char good_policy[] = "name = \"p\";\ndns = ( { name = \"r\"; priority = 1; action = \"ALLOW\"; "
	"domains = \"example.com\"; ports = \"tcp/443\"; } );\n";
static const char good_config[] = "policies = \"p.conf\";\nupstreams = \"192.0.2.53\";\n";

static void good_files(void)
{
	kit_write("postern.conf", good_config);
	kit_write("p.conf", good_policy);
	kit_write("ca.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n");
}

/* The output holds @want; and nothing was written to the image where an error was wanted. */
static void expect(struct kit *k, const char *want, bool error)
{
	struct stat st;
	int rc = kit_compile(k);

	CHECK((rc < 0) == error && (k->n_errors > 0) == error);
	if (!strstr(k->output, want)) {
		CHECK(!"the diagnostic is there");
		fprintf(stderr, "  got  %s  want %s\n", k->output, want);
	}
	CHECK(strstr(k->output, want) != NULL);
	CHECK(fstat(k->image_fd, &st) == 0 && (st.st_size == 0) == error);
}

static void test_rows(struct kit *k)
{
	CHECK(ARRAY_LEN(bad_rows) >= 60);
	for (size_t i = 0; i < ARRAY_LEN(bad_rows); i++) {
		const struct bad_row *r = &bad_rows[i];

		check_row(r->want);
		good_files();
		kit_write(r->file, r->text);
		if (strcmp(r->file, "list.txt") == 0)
			kit_write("p.conf", "name = \"p\"; lists: { l = { file = \"list.txt\"; }; };\ndns = ( { name = \"r\"; "
				"priority = 1; action = \"BLOCK\"; domains = \"@l\"; } );\n");
		expect(k, r->want, true);
		/* file:line: what is wrong: what to do */
		CHECK(strstr(strstr(k->output, ": ") + 2, ": ") != NULL || strstr(k->output, "did you mean") != NULL);
	}
	check_row("");
}

static void test_many(struct kit *k)
{
	char text[2048] = "name = \"p\";\n";

	for (size_t i = 0; i < ARRAY_LEN(many_rows); i++) {
		check_row(many_rows[i].want);
		good_files();
		kit_write("p.conf", many_rows[i].text);
		CHECK(kit_compile(k) < 0);
		CHECK_STR(k->output, many_rows[i].want);
	}
	check_row("too many");
	good_files();
	for (unsigned int i = 0; i < 50; i++)
		strcat(text, "= 1;\n");
	kit_write("p.conf", text);
	CHECK(kit_compile(k) < 0 && k->n_errors == SYNTAX_ERRORS_MAX + 1);
	CHECK(strstr(k->output, "p.conf:21: 20 errors up to here: correct them, what is behind was not read\n") != NULL);
	check_row("");
}

static void test_warnings(struct kit *k)
{
	for (size_t i = 0; i < ARRAY_LEN(warning_rows); i++) {
		const struct bad_row *r = &warning_rows[i];

		check_row(r->want);
		good_files();
		kit_write(r->file, r->text);
		if (strcmp(r->file, "list.txt") == 0)
			kit_write("p.conf", "name = \"p\"; lists: { l = { file = \"list.txt\"; }; };\ndns = ( { name = \"r\"; "
				"priority = 1; action = \"BLOCK\"; domains = \"@l\"; } );\n");
		expect(k, r->want, false);
	}
	good_files();
	CHECK(kit_compile(k) == 0 && k->n_warnings == 0);
	CHECK_STR(k->output, "");
	check_row("");
}

/* Names are put into the table some lines behind where they are read: what is said comes in the order of the lines. */
static void test_order(struct kit *k)
{
	char text[16384], want[8192];
	size_t n = 0, w = 0;

	good_files();
	for (int i = 1; i <= 200; i++) {
		const char *line = i % 40 == 13 ? "bad name" : i % 40 == 12 || i % 40 == 30 ? "n1.example" : i % 40 == 14 ? "*.com" : NULL;

		n += (size_t)(line ? snprintf(text + n, sizeof(text) - n, "%s\n", line) :
			snprintf(text + n, sizeof(text) - n, "n%d.example\n", i));
		if (i % 40 == 13)
			w += (size_t)snprintf(want + w, sizeof(want) - w, "list.txt:%d: \"bad name\" has a space: write one name without "
				"spaces\n", i);
		if (i % 40 == 14)
			w += (size_t)snprintf(want + w, sizeof(want) - w, "list.txt:%d: warning: \"*.com\": it is a public suffix, anybody "
				"can register a name below it: list the names that are needed\n", i);
		if ((i % 40 == 14 && i > 14) || i % 40 == 12 || i % 40 == 30)
			w += (size_t)snprintf(want + w, sizeof(want) - w, "list.txt:%d: warning: \"%s\" stands in this list twice: remove "
				"one\n", i, line);
	}
	kit_write("list.txt", text);
	kit_write("p.conf", "name = \"p\"; lists: { l = { file = \"list.txt\"; }; };\ndns = ( { name = \"r\"; "
		"priority = 1; action = \"BLOCK\"; domains = \"@l\"; } );\n");
	CHECK(kit_compile(k) < 0 && k->n_errors == 5);
	CHECK_STR(k->output, want);
}

static void test_modes(struct kit *k)
{
	static const struct {
		mode_t mode;
		const char *want;
	} rows[] = {
		{0664, "p.conf: its group may write it: run chmod go-w p.conf"},
		{0646, "p.conf: everybody may write it: run chmod go-w p.conf"},
		{0666, "p.conf: everybody may write it: run chmod go-w p.conf"},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		check_row(rows[i].want);
		good_files();
		CHECK(chmod("p.conf", rows[i].mode) == 0);
		expect(k, rows[i].want, true);
		CHECK(chmod("p.conf", 0644) == 0 && chmod("postern.conf", rows[i].mode) == 0);
		CHECK(kit_compile(k) < 0 && strstr(k->output, "postern.conf: ") == k->output);
		CHECK(chmod("postern.conf", 0644) == 0);
	}
	check_row("owner");
	good_files();
	if (geteuid() == 0) {
		CHECK(chown("p.conf", 12345, 0) == 0);
		expect(k, "p.conf: it belongs to user 12345, who could change it: run chown root p.conf", true);
		CHECK(chown("p.conf", 0, 0) == 0);
	}
	CHECK(kit_compile(k) == 0);
	check_row("");
}

static void test_kinds_of_files(struct kit *k)
{
	good_files();
	CHECK(unlink("p.conf") == 0);
	expect(k, "postern.conf:1: the file p.conf does not exist: create it or correct the path", true);
	CHECK(mkdir("p.conf", 0755) == 0);
	expect(k, "p.conf: it is a folder: name the files in it, for example p.conf/*.conf", true);
	CHECK(rmdir("p.conf") == 0 && mkfifo("p.conf", 0644) == 0);
	expect(k, "p.conf: it is not a regular file: give the path of one", true);
	CHECK(unlink("p.conf") == 0 && symlink("p.conf", "p.conf") == 0);
	expect(k, "postern.conf:1: the file p.conf is a loop of symbolic links: correct them", true);
	CHECK(unlink("p.conf") == 0 && symlink("real.conf", "p.conf") == 0);
	kit_write("real.conf", good_policy);
	CHECK(kit_compile(k) == 0); /* a link is fine: what it leads to is checked */
	CHECK(unlink("p.conf") == 0);
	good_files();
	CHECK(truncate("p.conf", (off_t)(16 << 20) + 1) == 0);
	expect(k, "p.conf: it has 16777217 bytes, more than the 16777216 that are read: divide it", true);
	CHECK(truncate("p.conf", 0) == 0);
	expect(k, "p.conf: it is empty: write the policy into it or remove the reference to it", true);
	CHECK(unlink("postern.conf") == 0);
	expect(k, "postern.conf: the file postern.conf does not exist: create it or correct the path", true);
}

/* Root reads everything, so another user compiles; without root the file is closed to ourselves. */
static void test_unreadable(struct kit *k)
{
	int status;
	pid_t pid;

	good_files();
	CHECK(chmod("p.conf", 0) == 0 && chmod(".", 0755) == 0);
	pid = fork();
	if (pid == 0) {
		if (geteuid() == 0 && setuid(65534) < 0)
			_exit(2);
		_exit(kit_compile(k) == -EINVAL && strstr(k->output, "postern.conf:1: the file p.conf cannot be read by user ") ? 0 : 1);
	}
	CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0);
	CHECK(unlink("p.conf") == 0);
}

static void test_bytes(struct kit *k)
{
	static const struct {
		const char *bytes;
		size_t len;
		const char *want;
	} rows[] = {
		{"name = \"p\";\n\0\n", 14, "p.conf:2: a NUL byte: the file is damaged or no text: write it anew"},
		{"\xef\xbb\xbfname = \"p\";\n", 15, "p.conf:1: it begins with a byte order mark: save it as UTF-8 without BOM"},
		{"\xff\xfen\0a\0", 6, "p.conf:1: a NUL byte: "},
		{"\xfe\xffnnn", 5, "p.conf:1: it is UTF-16: save it as UTF-8 without BOM"},
		{"name = \"p\";\n\x1b[2J\n", 17, "p.conf:2: a control character: remove it"},
		{"name = \"p\x07\";\n", 13, "p.conf:1: a control character in a string: remove it"},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		check_row(rows[i].want);
		good_files();
		kit_write_bytes("p.conf", rows[i].bytes, rows[i].len);
		expect(k, rows[i].want, true);
		for (const char *p = k->output; *p; p++)
			CHECK(*p == '\n' || (unsigned char)*p >= ' ');
	}
	check_row("CRLF");
	kit_write("p.conf", "name = \"p\";\r\nlists: { l = { file = \"list.txt\"; }; };\r\ndns = ( { name = \"r\"; priority = 1; "
		"action = \"BLOCK\"; domains = \"@l\"; } );\r\n");
	kit_write("list.txt", "# names\r\n\r\na.example\r\n  *.b.example\t# below\r\n");
	CHECK(kit_compile(k) == 0 && k->n_warnings == 0);
	check_row("");
}

static void test_includes(struct kit *k)
{
	good_files();
	CHECK(mkdir("inc", 0755) == 0);
	kit_write("p.conf", "name = \"p\";\n@include \"inc/rules.conf\"\n");
	kit_write("inc/rules.conf", "// the file beside this one\n@include \"more.conf\"\nrefusal = \"drop\";\n");
	kit_write("inc/more.conf", "dns = (\n { name = \"r\"; priority = 1;\n   action = \"ALLW\"; domains = \"a.example\" } );\n");
	expect(k, "inc/more.conf:3: action \"ALLW\" is unknown: did you mean \"ALLOW\"?", true);
	kit_write("inc/more.conf", "dns = ( { name = \"r\"; priority = 1; action = \"BLOCK\"; domains = \"a.example\" } );\n");
	CHECK(kit_compile(k) == 0);
	kit_write("inc/more.conf", "@include \"rules.conf\"\n");
	expect(k, "inc/more.conf:1: inc/rules.conf includes itself, directly or through others: remove one @include", true);
	kit_write("inc/more.conf", "\n@include \"none.conf\"\n");
	expect(k, "inc/more.conf:2: the file inc/none.conf does not exist: create it or correct the path", true);
	kit_write("inc/more.conf", "\n@include none.conf\n");
	expect(k, "inc/more.conf:2: @include without a file: write @include \"FILE\"", true);
	kit_write("inc/more.conf", "dns = ( {\n");
	expect(k, "inc/more.conf:1: \"(\" is never closed: the file ends before: complete it", true);
	kit_write("inc/more.conf", " # @include \"rules.conf\"\n/* @include \"rules.conf\"\n */ // @include \"x\"\n");
	CHECK(kit_compile(k) == 0);
	CHECK(chmod("inc/more.conf", 0666) == 0);
	expect(k, "inc/more.conf: everybody may write it: run chmod go-w inc/more.conf", true);
}

/* Every error of every file comes out in one run. */
static void test_all(struct kit *k)
{
	char text[64 * 1024] = "";
	size_t n = 0;

	kit_write("postern.conf", "policies = [ \"p.conf\", \"q.conf\", \"none.conf\" ];\nupstreams = \"x\";\nstub_prt = 1;\n"
		"pins = { min_s = 0; };\nsandboxes = ( { name = \"-\"; policy = \"nope\"; } );\n");
	kit_write("p.conf", "name = \"p\";\ndns = ( { name = \"r\"; action = \"ALLOW\"; domains = [ \"http://a.b\", \"c d\" ]; } );\n");
	kit_write("q.conf", "name = \"q\";\negress = ( { name = \"e\"; to = \"192.0.2.1/24\"; ports = \"443\"; } );\n");
	CHECK(kit_compile(k) < 0);
	CHECK(k->n_errors == 12);
	CHECK(strstr(k->output, "p.conf:2: ") && strstr(k->output, "q.conf:2: ") && strstr(k->output, "none.conf"));
	CHECK(strstr(k->output, "postern.conf:3: ") && strstr(k->output, "postern.conf:5: "));
	good_files();
	n = (size_t)sprintf(text, "name = \"p\";\nlists: {\n");
	for (int i = 0; i < 4097; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "l%d=[];\n", i);
	kit_write("p.conf", text);
	expect(k, "p.conf:4099: more than 4096 settings in one group: put names into one list", true);
	n = 0;
	for (int i = 0; i < 1000; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "bad name %d\n", i);
	kit_write("list.txt", text);
	kit_write("p.conf", "name = \"p\"; lists: { l = { file = \"list.txt\"; }; };\n");
	CHECK(kit_compile(k) < 0 && k->n_errors == 1000);
	CHECK(strstr(k->output, "list.txt:200: ") && !strstr(k->output, "list.txt:201: "));
	CHECK(strstr(k->output, "and 800 more errors\n") != NULL);
}

static const struct image_settings *settings(struct kit *k, struct image **ret_im)
{
	if (kit_compile(k) < 0 || image_map(k->image_fd, ret_im) < 0) {
		fprintf(stderr, "no image: %s", k->output);
		exit(1);
	}
	return image_settings(*ret_im);
}

static void test_settings(struct kit *k)
{
	struct image_settings d;
	const struct image_settings *s;
	struct image *im;

	good_files();
	image_settings_default(&d);
	s = settings(k, &im);
	CHECK_STR(image_string(im, s->audit_directory), "/var/log/postern");
	CHECK_STR(image_string(im, s->anchor_directory), "/var/lib/postern");
	d.audit_directory = s->audit_directory;
	d.anchor_directory = s->anchor_directory;
	CHECK(memcmp(s, &d, offsetof(struct image_settings, forward_others) + 1) == 0); /* without the padding */
	image_unmap(im);
	kit_write("postern.conf", "policies = [ \"policies/*.conf\", \"none*.conf\" ];\nupstreams = [ \"192.0.2.1\", \"192.0.2.2:5353\", "
		"\"2001:db8::53\", \"[2001:db8::54]:54\" ];\nforward_others = true; confined_group = 7; stub_port = 1000;\n"
		"local_stub_port = 2000; answer_ttl_max_s = 9; upstream_timeout_ms = 100; upstream_tries = 2;\n"
		"pins = { min_s = 1; max_s = 2; grace_s = 1; margin_s = 0; per_name = 3; per_rule = 4; per_sandbox = 5; };\n"
		"limits = { queries_per_s = 50; queries_burst = 70; client_queries_per_s = 5; client_queries_burst = 7; client_prefix6 = 56; };\n"
		"audit = { directory = \"/x\"; rotate_bytes = 100000; keep = 1; window_ms = 500; all_queries = false; per_sandbox = 1000;\n"
		"outputs = ( { format = \"vpc-flow\"; account_id = \"111122223333\"; fields = [ \"srcaddr\", \"type\" ]; },\n"
		"{ format = \"route53\"; directory = \"/y\"; region = \"eu-central-1\"; vpc_id = \"vpc-7\"; instance = \"i-1\"; } ); };\n"
		"@include \"boxes.inc\"\n");
	kit_write("boxes.inc", "sandboxes = ( { name = \"a\"; policy = \"p\"; interface = [ \"veth1\", \"veth2\" ]; },\n"
		"{ name = \"b\"; policy = \"p\"; source = \"192.0.2.0/24\"; }, { name = \"c\"; policy = \"p\"; cgroup = \"/a.slice/b/\"; },\n"
		"{ name = \"d\"; policy = \"p\"; uid = [ 1000, 4000000000 ]; }, { name = \"e\"; policy = \"p\"; host = true; }, );\n");
	CHECK(mkdir("policies", 0755) == 0);
	kit_write("policies/p.conf", good_policy);
	s = settings(k, &im);
	CHECK(k->n_warnings == 1 && strstr(k->output, "postern.conf:1: warning: no file matches none*.conf") == k->output);
	CHECK(s->forward_others == 1 && s->confined_group == 7 && s->stub_port == 1000 && s->local_stub_port == 2000);
	CHECK(s->answer_ttl_max_s == 9 && s->upstream_timeout_ms == 100 && s->upstream_tries == 2);
	CHECK(s->pin_min_s == 1 && s->pin_max_s == 2 && s->pin_grace_s == 1 && s->pin_margin_s == 0);
	CHECK(s->pins_per_name == 3 && s->pins_per_rule == 4 && s->pins_per_sandbox == 5);
	CHECK(s->audit_rotate_bytes == 100000 && s->audit_keep == 1 && s->audit_window_ms == 500 && !s->audit_all_queries);
	CHECK(s->queries_per_s == 50 && s->queries_burst == 70);
	CHECK(s->client_queries_per_s == 5 && s->client_queries_burst == 7 && s->client_prefix6 == 56);
	CHECK_STR(image_string(im, s->audit_directory), "/x");
	CHECK(s->audit_per_sandbox == 1000 && s->audit_outputs[AUDIT_OCSF].directory == IMAGE_NONE);
	CHECK_STR(image_string(im, s->audit_outputs[AUDIT_VPC_FLOW].directory), "/x");
	CHECK_STR(image_string(im, s->audit_outputs[AUDIT_VPC_FLOW].account_id), "111122223333");
	CHECK(s->audit_outputs[AUDIT_VPC_FLOW].n_fields == 2 && s->audit_outputs[AUDIT_VPC_FLOW].fields[1] == FLOW_TYPE);
	CHECK_STR(image_string(im, s->audit_outputs[AUDIT_ROUTE53].directory), "/y");
	CHECK_STR(image_string(im, s->audit_outputs[AUDIT_ROUTE53].instance), "i-1");
	CHECK(image_n_upstreams(im) == 4 && image_upstream(im, 1)->port == 5353 && image_upstream(im, 3)->port == 54);
	CHECK(image_n_sandboxes(im) == 5);
	CHECK_STR(image_sandbox(im, 0)->selectors[1].ifname, "veth2");
	CHECK_STR(image_sandbox(im, 2)->selectors[0].cgroup, "a.slice/b");
	CHECK(image_sandbox(im, 3)->selectors[1].uid == 4000000000u && image_sandbox(im, 4)->kind == SANDBOX_HOST);
	CHECK(image_n_files(im) == 3); /* postern.conf, what it includes, the policy */
	CHECK(!image_upstream_tls(im, 0));
	image_unmap(im);
}

static void test_tls(struct kit *k)
{
	struct image *im = NULL;

	kit_write("policies/p.conf", good_policy);
	kit_write("ca.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n");
	kit_write("postern.conf", "policies = \"policies/p.conf\";\nupstreams = ( { address = \"192.0.2.1\"; tls = \"dns.example\"; ca = \"ca.pem\"; },\n"
		"{ address = \"2001:db8::1\"; tls = \"dns.example\"; ca = \"ca.pem\"; port = 8853; } );\n");
	(void)settings(k, &im);
	CHECK(image_n_upstreams(im) == 2 && image_upstream_tls(im, 0) && image_upstream_tls(im, 1));
	CHECK(image_upstream(im, 0)->port == 853 && image_upstream(im, 1)->port == 8853 && image_upstream(im, 1)->addr.family == ADDR_V6);
	CHECK_STR(image_string(im, image_upstream(im, 1)->tls), "dns.example");
	CHECK_STR(image_string(im, image_upstream(im, 1)->ca), "-----BEGIN CERTIFICATE-----\nAAAA\n");
	image_unmap(im);
}

static const struct image_rule *rule(const struct image *im, uint32_t i)
{
	return image_rule(im, image_policy(im, 0), i);
}

static bool has_service(const struct image *im, const struct image_static *s, uint8_t protocol, unsigned int first, unsigned int last)
{
	for (uint32_t i = 0; i < s->n_services; i++) {
		const struct image_service *v = image_services(im, s->first_service + i);

		if (v->protocol == protocol && v->first == first && v->last == last)
			return true;
	}
	return false;
}

/* Every setting of a rule arrives in the image, under both of Route 53's spellings. */
static void test_fields(struct kit *k)
{
	char text[DNS_NAME_TEXT_MAX];
	const struct image_static *e;
	struct dns_name target;
	struct image *im;

	good_files();
	kit_write("p.conf", "name = \"p\"; refusal = \"drop\"; ingress = ( );\ndns = (\n"
		"{ name = \"a\"; priority = 1; action = \"ALLOW\"; domains = \"a.example\"; ports = [ \"tcp/443\", \"udp/443\" ]; "
		"redirection = \"TRUST_REDIRECTION_DOMAIN\"; https_records = \"strip\"; qtype = \"type28\"; },\n"
		"{ name = \"b\"; priority = 2; action = \"BLOCK\"; domains = \"b.example\"; response = \"OVERRIDE\"; "
		"override_domain = \"Sink.Example.\"; override_ttl = 7; redirection = \"INSPECT_REDIRECTION_DOMAIN\"; },\n"
		"{ name = \"c\"; priority = 3; action = \"BLOCK\"; domains = \"c.example\"; response = \"NXDOMAIN\"; redirection = \"TRUST\"; },\n"
		"{ name = \"d\"; priority = 4; action = \"ALERT\"; domains = \"d.example\"; ports = []; qtype = \"HTTPS\"; } );\n"
		"egress = ( { name = \"e\"; to = [ \"192.0.2.0/24\", \"2001:db8::1\" ]; action = \"ALERT\"; ports = [ \"tcp/1-9\", \"udp\", "
		"\"icmp/8\", \"icmpv6\", \"proto/47\", \"all\" ]; } );\n");
	(void)settings(k, &im);
	CHECK(image_policy(im, 0)->refusal == REFUSAL_DROP && image_policy(im, 0)->has_ingress && !image_policy(im, 0)->n_ingress);
	CHECK(rule(im, 0)->redirection == REDIRECTION_TRUST && rule(im, 0)->https_records == HTTPS_STRIP && rule(im, 0)->qtype == 28);
	CHECK(rule(im, 0)->n_services == 2 && image_services(im, rule(im, 0)->first_service + 1)->protocol == 17);
	CHECK(rule(im, 0)->place.line == 3 && rule(im, 3)->place.line == 6);
	CHECK(rule(im, 1)->response == RESPONSE_OVERRIDE && rule(im, 1)->override_ttl_s == 7 && rule(im, 1)->redirection == REDIRECTION_INSPECT);
	CHECK(image_wire(im, rule(im, 1)->override_wire, &target));
	CHECK_STR(dns_name_to_text(&target, text), "sink.example");
	CHECK(rule(im, 2)->response == RESPONSE_NXDOMAIN && rule(im, 2)->redirection == REDIRECTION_TRUST);
	CHECK(rule(im, 2)->override_wire == IMAGE_NONE && rule(im, 3)->qtype == 65 && rule(im, 3)->action == ACTION_ALERT);
	e = image_egress(im, image_policy(im, 0), 0);
	CHECK(e->action == ACTION_ALERT && e->n_prefixes == 2 && e->n_services == 6);
	CHECK(has_service(im, e, 6, 1, 9) && has_service(im, e, 17, 0, 65535) && has_service(im, e, 1, 8, 8));
	CHECK(has_service(im, e, 58, 0, 65535) && has_service(im, e, 47, 0, 65535) && has_service(im, e, 0, 0, 65535));
	image_unmap(im);
}

/* Rules with a protection are numbered among the others, and said to be useless where they are. */
static void test_protection(struct kit *k)
{
	static const char text[] = "name = \"p\"; dns = (\n"
		"{ name = \"a\"; priority = 30; action = \"ALLOW\"; domains = \"*.a.example\"; ports = []; },\n"
		"{ name = \"t\"; priority = 20; action = \"BLOCK\"; protection = \"DNS_TUNNELING\"; confidence = \"MEDIUM\"; qtype = \"TXT\"; "
		"response = \"NXDOMAIN\"; },\n"
		"{ name = \"b\"; priority = 10; action = \"BLOCK\"; domains = \"b.example\"; },\n"
		"{ name = \"w\"; priority = 40; action = \"ALERT\"; protection = \"DICTIONARY_DGA\"; confidence = \"LOW\"; } );\n";
	struct image *im;

	good_files();
	kit_write("p.conf", text);
	(void)settings(k, &im);
	CHECK(strstr(k->output, "p.conf:5: warning: rule \"w\" guards nothing: no rule behind it allows a name"));
	CHECK(!strstr(k->output, "\"t\""));
	CHECK(image_policy(im, 0)->n_protections == 2 && image_protection(im, image_policy(im, 0), 0) == 1);
	CHECK(image_protection(im, image_policy(im, 0), 1) == 3);
	CHECK(rule(im, 1)->protection == PROTECTION_DNS_TUNNELING && rule(im, 1)->confidence == CONFIDENCE_MEDIUM && rule(im, 1)->qtype == 16);
	CHECK(rule(im, 1)->action == ACTION_BLOCK && rule(im, 1)->response == RESPONSE_NXDOMAIN);
	CHECK(rule(im, 3)->protection == PROTECTION_DICTIONARY_DGA && rule(im, 3)->confidence == CONFIDENCE_LOW);
	CHECK(rule(im, 2)->protection == PROTECTION_NONE && rule(im, 2)->confidence == CONFIDENCE_NONE);
	image_unmap(im);
}

/* A list that two policies name is read once, and each has its own rules for it. */
static void test_shared_list(struct kit *k)
{
	static const char format[] = "name = \"%s\"; lists: { l = { file = \"list.txt\"; }; }; dns = ( { name = \"%s\"; priority = 1; "
		"action = \"ALLOW\"; domains = \"@l\"; ports = \"tcp/%u\"; } );\n";
	char text[512];
	struct dns_name n;
	struct image *im;

	kit_write("postern.conf", "policies = [ \"p.conf\", \"q.conf\" ]; upstreams = \"192.0.2.53\";\n");
	snprintf(text, sizeof(text), format, "p", "r", 80);
	kit_write("p.conf", text);
	snprintf(text, sizeof(text), format, "q", "s", 443);
	kit_write("q.conf", text);
	kit_write("list.txt", "a.example\n");
	(void)settings(k, &im);
	CHECK(dns_name_from_text("a.example", &n) == 0);
	CHECK(match_name(im, image_policy(im, 0), &n, 1) == 0 && match_name(im, image_policy(im, 1), &n, 1) == 0);
	CHECK(image_services(im, image_rule(im, image_policy(im, 1), 0)->first_service)->first == 443);
	CHECK(image_n_files(im) == 5); /* the list is a part of both */
	image_unmap(im);
}

int main(void)
{
	struct kit k;

	kit_init(&k);
	test_rows(&k);
	test_many(&k);
	test_warnings(&k);
	test_order(&k);
	test_modes(&k);
	test_kinds_of_files(&k);
	test_unreadable(&k);
	test_bytes(&k);
	test_includes(&k);
	test_all(&k);
	test_settings(&k);
	test_tls(&k);
	test_fields(&k);
	test_protection(&k);
	test_shared_list(&k);
	kit_fini(&k);
	return check_report();
}
