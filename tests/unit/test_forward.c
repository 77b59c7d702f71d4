/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Split horizon: `forward`, `records` and `hosts_file` of postern.conf become the zones and records of the image, bad ones
 * are refused with a place and what to do, and what the image says of private addresses is what the gate admits.
 */
#include <stdlib.h>
#include <string.h>

#include "admit.h"
#include "compile_kit.h"
#include "postern/forward.h"

#define C "policies = \"p.conf\"; upstreams = [ \"192.0.2.53\", \"192.0.2.54\" ];\n"
#define ZONE(members) C "forward = (\n { " members " } );\n"
#define PRIVATE(value) ZONE("zone = \"a.local\"; to = \"10.0.0.2\"; private = " value ";")
#define RECORD(members) C "records = (\n { " members " } );\n"
#define HOSTS C "hosts_file = \"hosts\";\n"

struct bad_row {
	const char *config, *hosts; /* NULL: none */
	const char *want;
};

static const struct bad_row bad_rows[] = {
	/* zones */
	{C "forward = \"x\";\n", NULL, "postern.conf:2: \"forward\" is of the wrong kind: write a list ( ... )"},
	{C "forward = ( \"x\" );\n", NULL, "postern.conf:2: an entry of `forward` that is no zone: write { zone = ...; to = ...; }"},
	{ZONE("to = \"10.0.0.2\";"), NULL, "postern.conf:3: a forward zone without \"zone\": write zone = ...;"},
	{ZONE("zone = \"a.local\";"), NULL, "postern.conf:3: a forward zone without \"to\": write to = ...;"},
	{ZONE("zone = 3; to = \"10.0.0.2\";"), NULL, "postern.conf:3: \"zone\" is of the wrong kind"},
	{ZONE("zone = \"a.local\"; to = \"10.0.0.2\"; privat = true;"), NULL, "has no setting \"privat\": did you mean \"private\"?"},
	{ZONE("zone = \"*.a.local\"; to = \"10.0.0.2\";"), NULL, "postern.conf:3: zone \"*.a.local\" has a \"*\": write \"a.local\""},
	{ZONE("zone = \"*\"; to = \"10.0.0.2\";"), NULL, "postern.conf:3: zone \"*\" would be every name: write one name"},
	{ZONE("zone = \".\"; to = \"10.0.0.2\";"), NULL, "postern.conf:3: zone \".\" would be every name: write one name"},
	{ZONE("zone = \"\"; to = \"10.0.0.2\";"), NULL, "postern.conf:3: an empty name: remove it, or write a name"},
	{ZONE("zone = \"http://a.local/\"; to = \"10.0.0.2\";"), NULL, "is a URL: write only the host name, \"a.local\""},
	{ZONE("zone = \"10.0.0.0/8\"; to = \"10.0.0.2\";"), NULL, "\"10.0.0.0/8\" is an address: domains are names"},
	{ZONE("zone = \"localhost\"; to = \"10.0.0.2\";"), NULL, "names of localhost, invalid and onion are answered by no server: remove it"},
	{ZONE("zone = \"b.onion\"; to = \"10.0.0.2\";"), NULL, "zone \"b.onion\": names of localhost, invalid and onion are answered"},
	{C "forward = ( { zone = \"a.local\"; to = \"10.0.0.2\"; },\n { zone = \"A.local\"; to = \"10.0.0.3\"; } );\n", NULL,
		"postern.conf:3: zone \"A.local\" stands in line 2 already: write all its upstreams there"},
	{ZONE("zone = \"a.local\"; to = [];"), NULL, "postern.conf:3: `to` is empty: write the addresses of the zone's servers"},
	{ZONE("zone = \"a.local\"; to = \"ns.a.local\";"), NULL, "postern.conf:3: \"ns.a.local\" is no upstream: write an address"},
	{ZONE("zone = \"a.local\"; to = [ \"10.0.0.2\", \"10.0.0.2:0\" ];"), NULL, "\"10.0.0.2:0\" is no upstream"},
	{ZONE("zone = \"a.local\"; to = [ 3 ];"), NULL, "postern.conf:3: an upstream that is neither a string nor a group"},
	{ZONE("zone = \"a.local\"; to = ( { address = \"10.0.0.2\"; }, );"), NULL, "postern.conf:3: an upstream without \"tls\""},
	{ZONE("zone = \"a.local\"; to = ( \"10.0.0.2\", { address = \"10.0.0.3\"; tls = \"ns.a.local\"; ca = \"ca.pem\"; } );"), NULL,
		"postern.conf:3: some upstreams have `tls` and some have not"},
	{ZONE("zone = \"a.local\"; to = [ \"10.0.0.1\", \"10.0.0.2\", \"10.0.0.3\", \"10.0.0.4\", \"10.0.0.5\", \"10.0.0.6\", "
		"\"10.0.0.7\", \"10.0.0.8\", \"10.0.0.9\" ];"), NULL, "postern.conf:3: more than 8 upstreams: remove some"},
	{PRIVATE("3"), NULL, "postern.conf:3: \"private\" is of the wrong kind"},
	{PRIVATE("[]"), NULL, "postern.conf:3: `private` is empty: write prefixes, or true for every private address"},
	{PRIVATE("\"10.0.0.1/8\""), NULL, "postern.conf:3: \"10.0.0.1/8\" is no prefix: write one without bits behind its length"},
	{PRIVATE("\"yes\""), NULL, "postern.conf:3: \"yes\" is no prefix"},
	{PRIVATE("\"192.0.2.0/24\""), NULL, "\"192.0.2.0/24\" is not private: public addresses need no permission: remove it"},
	{PRIVATE("\"0.0.0.0/0\""), NULL, "postern.conf:3: \"0.0.0.0/0\" is not private"},
	{PRIVATE("\"8.0.0.0/5\""), NULL, "postern.conf:3: \"8.0.0.0/5\" is not private"},
	{PRIVATE("\"127.0.0.0/8\""), NULL, "\"127.0.0.0/8\" is loopback, link-local, multicast, reserved or carries another address: no zone"},
	{PRIVATE("\"169.254.0.0/16\""), NULL, "\"169.254.0.0/16\" is loopback, link-local, multicast"},
	{PRIVATE("\"169.254.169.254\""), NULL, "\"169.254.169.254\" is a metadata service, which is always denied: no zone may answer"},
	{PRIVATE("\"fd00:ec2::254\""), NULL, "\"fd00:ec2::254\" is a metadata service, which is always denied"},
	{PRIVATE("\"100.100.100.200\""), NULL, "\"100.100.100.200\" is a metadata service, which is always denied"},
	{PRIVATE("[ \"fe80::/10\", \"::ffff:10.0.0.0/104\" ]"), NULL, "\"::ffff:10.0.0.0/104\" is loopback, link-local, multicast"},
	/* records */
	{C "records = ( 3 );\n", NULL, "postern.conf:2: an entry of `records` that is no record: write { name = ...; address = ...; }"},
	{RECORD("address = \"10.0.0.9\";"), NULL, "postern.conf:3: a record without \"name\": write name = ...;"},
	{RECORD("name = \"a.internal\";"), NULL, "postern.conf:3: a record that holds nothing: write address = [ \"10.0.0.9\" ]; or cname"},
	{RECORD("name = \"a.internal\"; address = \"10.0.0.9\"; cname = \"b.example\";"), NULL, "an alias has nothing else: remove one"},
	{RECORD("name = \"a.internal\"; address = [];"), NULL, "postern.conf:3: `address` is empty: write addresses"},
	{RECORD("name = \"a.internal\"; address = \"b.example\";"), NULL, "\"b.example\" is no address: write one such as \"10.0.0.9\""},
	{RECORD("name = \"a.internal\"; address = \"127.0.0.1\";"), NULL, "\"127.0.0.1\" is loopback, link-local, multicast, reserved"},
	{RECORD("name = \"a.internal\"; address = \"169.254.170.2\";"), NULL, "\"169.254.170.2\" is a metadata service, which is always denied"},
	{RECORD("name = \"a.internal\"; address = \"::ffff:10.0.0.1\";"), NULL, "carries another address: no record may hold it"},
	{RECORD("name = \"*.internal\"; address = \"10.0.0.9\";"), NULL, "record \"*.internal\" has a \"*\": write \"internal\""},
	{RECORD("name = \"localhost\"; address = \"10.0.0.9\";"), NULL, "record \"localhost\": names of localhost, invalid and onion"},
	{RECORD("name = \"a.internal\"; address = \"10.0.0.9\"; ttl = 0;"), NULL, "postern.conf:3: ttl 0 is out of range: write 1 to 604800"},
	{RECORD("name = \"a.internal\"; adress = \"10.0.0.9\";"), NULL, "a record has no setting \"adress\": did you mean \"address\"?"},
	{RECORD("name = \"a.internal\"; cname = \"10.0.0.9\";"), NULL, "postern.conf:3: \"10.0.0.9\" is an address: domains are names"},
	{RECORD("name = \"a.internal\"; cname = \"a.internal\";"), NULL, "postern.conf:3: aliases lead from here to each other more than 8"},
	{C "records = ( { name = \"a.internal\"; address = \"10.0.0.9\"; },\n { name = \"A.internal\"; cname = \"b.example\"; } );\n", NULL,
		"postern.conf:3: a record \"A.internal\" stands in line 2 already: write all its addresses there"},
	{C "records = ( { name = \"a.internal\"; cname = \"b.internal\"; },\n { name = \"b.internal\"; cname = \"a.internal\"; } );\n", NULL,
		"postern.conf:3: aliases lead from here to each other more than 8 times"},
	/* hosts files */
	{C "hosts_file = \"\";\n", NULL, "postern.conf:2: hosts_file is empty: write a path, or remove it"},
	{C "hosts_file = true;\n", NULL, "postern.conf:2: \"hosts_file\" is of the wrong kind"},
	{C "hosts_file = \"none\";\n", NULL, "postern.conf:2: the file none does not exist"},
	{HOSTS, "# x\n\n10.0.0 a.internal\n", "hosts:3: \"10.0.0\" is no address: write one before the names"},
	{HOSTS, "a.internal 10.0.0.9\n", "hosts:1: \"a.internal\" is no address"},
	{HOSTS, "10.0.0.9\n", "hosts:1: an address without a name: write names behind it"},
	{HOSTS, "10.0.0.9 # a\n", "hosts:1: an address without a name"},
	{HOSTS, "10.0.0.9 a b..c\n", "hosts:1: \"b..c\" has an empty label: remove one of the dots"},
	{HOSTS, "10.0.0.9 *.a.internal\n", "hosts:1: \"*.a.internal\": a hosts file has no \"*\": write whole names"},
	{HOSTS, "10.0.0.9 10.0.0.8\n", "hosts:1: \"10.0.0.8\" is an address: domains are names"},
	/* settings */
	{C "stale_max_s = -1;\n", NULL, "postern.conf:2: stale_max_s = -1 is out of range: write 0 to 604800"},
	{C "prefetch = 1;\n", NULL, "postern.conf:2: \"prefetch\" is of the wrong kind"},
	{"policies = \"p.conf\"; upstreams = [ \"10.0.0.1\", \"10.0.0.2\", \"10.0.0.3\", \"10.0.0.4\", \"10.0.0.5\", \"10.0.0.6\", \"10.0.0.7\", "
		"\"10.0.0.8\",\n \"10.0.0.9\" ];\n", NULL, "postern.conf:2: more than 8 upstreams: remove some"},
};

static void write_policy(void)
{
	kit_write("p.conf", "name = \"p\"; dns = ( { name = \"all\"; priority = 1; action = \"ALLOW\"; domains = \"*\"; ports = \"tcp/443\"; } );\n");
}

static void test_bad(struct kit *k)
{
	for (size_t i = 0; i < ARRAY_LEN(bad_rows); i++) {
		const struct bad_row *row = &bad_rows[i];

		check_row(row->want);
		kit_write("postern.conf", row->config);
		if (row->hosts)
			kit_write("hosts", row->hosts);
		CHECK(kit_compile(k) < 0 && k->n_errors > 0);
		CHECK(strstr(k->output, row->want) != NULL);
		if (!strstr(k->output, row->want))
			fprintf(stderr, "  said: %s", k->output);
	}
}

static void test_limits(struct kit *k)
{
	static char text[256 * 1024];
	size_t n = (size_t)sprintf(text, C "forward = (\n");

	check_row("limits");
	for (int i = 0; i < 65; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "{ zone = \"z%d.local\"; to = \"10.0.0.2\"; },\n", i);
	snprintf(text + n, sizeof(text) - n, ");\n");
	kit_write("postern.conf", text);
	CHECK(kit_compile(k) < 0 && strstr(k->output, "more than 64 zones: forward a zone above some of them"));
	n = (size_t)sprintf(text, C "records = (\n");
	for (int i = 0; i < 1025; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "{ name = \"r%d.internal\"; address = \"10.0.0.2\"; },\n", i);
	snprintf(text + n, sizeof(text) - n, ");\n");
	kit_write("postern.conf", text);
	CHECK(kit_compile(k) < 0 && strstr(k->output, "postern.conf:1027: more than 1024 local records: write them into a hosts file"));
}

static const char good_config[] = C
	"forward = (\n"
	" { zone = \"local\"; to = \"10.0.0.2\"; },\n"
	" { zone = \"Computer-Use.local\"; to = [ \"10.0.0.3:5353\", \"2001:db8::3\" ]; private = true; },\n"
	" { zone = \"corp.example\"; to = \"10.0.0.4\"; private = [ \"10.1.0.0/16\", \"100.64.0.0/10\" ]; },\n"
	" { zone = \"10.in-addr.arpa\"; to = { address = \"10.0.0.5\"; tls = \"ns.corp.example\"; ca = \"ca.pem\"; }; private = false; },\n"
	" { zone = \"in-addr.arpa\"; to = \"10.0.0.6\"; }\n" /* longer and shorter zones in either order */
	");\n"
	"records = (\n"
	" { name = \"build-cache.internal\"; address = [ \"10.0.0.9\", \"2001:db8::9\" ]; ttl = 30; },\n"
	" { name = \"cache.example\"; cname = \"build-cache.internal\"; },\n"
	" { name = \"desk.example\"; cname = \"a.computer-use.local\"; },\n"
	" { name = \"web.example\"; cname = \"www.example.com\"; }\n"
	");\n"
	"hosts_file = \"hosts\"; stale_max_s = 0; prefetch = false;\n";
static const char good_hosts[] = "127.0.0.1 localhost\n::1 ip6-localhost\nff02::1 ip6-allnodes\nfe80::1%lo0 x\n"
	"10.0.0.7\tone.internal two.internal # both\n192.0.2.7 one.internal\n10.9.9.9 build-cache.internal\n10.0.0.7 one.internal\n"
	"169.254.169.254 metadata.internal\n";

static struct dns_name name_of(const char *text)
{
	struct dns_name n = {0};

	CHECK(dns_name_from_text(text, &n) == 0);
	return n;
}

static struct image *compiled(struct kit *k)
{
	struct image *im;

	kit_write("postern.conf", good_config);
	kit_write("hosts", good_hosts);
	kit_write("ca.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n");
	if (kit_compile(k) < 0 || image_map(k->image_fd, &im) < 0) {
		fprintf(stderr, "no image: %s", k->output);
		exit(1);
	}
	return im;
}

static void test_zones(const struct image *im)
{
	static const struct {
		const char *name;
		uint32_t zone, first, n; /* 9: none */
	} rows[] = {
		{"example.com", 9, 0, 2}, {"local", 0, 2, 1}, {"printer.LOCAL", 0, 2, 1}, {"computer-use.local", 1, 3, 2},
		{"a.b.computer-use.local", 1, 3, 2}, {"xcomputer-use.local", 0, 2, 1}, {"corp.example", 2, 5, 1},
		{"1.0.0.10.in-addr.arpa", 3, 6, 1}, {"1.0.0.11.in-addr.arpa", 4, 7, 1}, {"arpa", 9, 0, 2}, {".", 9, 0, 2},
	};

	CHECK(image_n_zones(im) == 5 && image_n_upstreams(im) == 8 && image_upstream(im, 3)->port == 5353);
	CHECK(image_upstream_tls(im, 6) && image_upstream(im, 6)->port == 853 && !image_upstream_tls(im, 5));
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct dns_name n = name_of(rows[i].name);
		uint32_t zone = forward_zone(im, &n), first;

		check_row(rows[i].name);
		CHECK(zone == (rows[i].zone == 9 ? IMAGE_NONE : rows[i].zone));
		CHECK(forward_upstreams(im, zone, &first) == rows[i].n && first == rows[i].first);
	}
}

static void test_records(const struct kit *k, const struct image *im)
{
	struct dns_name one = name_of("ONE.internal"), both = name_of("build-cache.internal"), none = name_of("three.internal");
	uint32_t first;

	check_row("records");
	CHECK(image_n_records(im) == 8); /* 2 + 3 aliases + one.internal twice + two.internal */
	CHECK(forward_records(im, &one, &first) == 2 && image_record(im, first)->ttl_s == 60);
	CHECK(forward_records(im, &both, &first) == 2 && image_record(im, first)->ttl_s == 30); /* not the hosts file's */
	CHECK(forward_records(im, &none, &first) == 0);
	CHECK(k->n_warnings == 1 && strstr(k->output, "hosts:9: warning: \"169.254.169.254\" is a metadata service"));
	CHECK(image_settings(im)->stale_max_s == 0 && image_settings(im)->prefetch == 0);
}

/* What an answer may hold, and what the gate says to a request for it. */
static const struct permit_row {
	const char *name, *addr;
	bool permitted;
} permit_rows[] = {
	{"www.example.com", "192.0.2.1", true}, {"www.example.com", "10.0.0.1", false}, {"www.example.com", "fd00::1", false},
	{"a.computer-use.local", "10.0.0.9", true}, {"computer-use.local", "172.31.255.1", true},
	{"a.computer-use.local", "192.168.1.1", true}, {"a.computer-use.local", "fd12::1", true},
	{"a.computer-use.local", "192.0.2.1", true}, {"a.computer-use.local", "169.254.169.254", false},
	{"a.computer-use.local", "fd00:ec2::254", false}, {"a.computer-use.local", "fd20:ce::254", false},
	{"a.computer-use.local", "127.0.0.1", false}, {"a.computer-use.local", "::1", false},
	{"a.computer-use.local", "169.254.1.1", false}, {"a.computer-use.local", "fe80::1", false},
	{"a.computer-use.local", "::ffff:10.0.0.1", false}, {"a.computer-use.local", "224.0.0.1", false},
	{"a.computer-use.local", "100.64.0.1", false}, {"a.computer-use.local", "0.0.0.0", false},
	{"b.local", "10.0.0.9", false}, /* the zone above, without private addresses */
	{"xcomputer-use.local", "10.0.0.9", false}, {"computer-use.local.example", "10.0.0.9", false},
	{"corp.example", "10.1.2.3", true}, {"corp.example", "10.2.0.1", false}, {"corp.example", "100.100.100.200", false},
	{"corp.example", "100.100.100.201", true},
	{"build-cache.internal", "10.0.0.9", true}, {"build-cache.internal", "10.0.0.8", false},
	{"cache.example", "10.0.0.9", true}, {"cache.example", "10.0.0.7", false}, /* by local aliases */
	{"desk.example", "10.5.5.5", true}, {"desk.example", "169.254.169.254", false}, {"web.example", "10.0.0.9", false},
	{"one.internal", "10.0.0.7", true}, {"two.internal", "10.0.0.7", true}, {"one.internal", "10.0.0.9", false},
};

static void test_permits(const struct image *im)
{
	const struct sandbox box = {.name = "box", .policy = "p", .kind = SANDBOX_HOST, .n_selectors = 1};
	static struct admission a;
	struct pinbook *book;

	CHECK(pinbook_new(1000, &book) == 0);
	for (size_t i = 0; i < ARRAY_LEN(permit_rows); i++) {
		const struct permit_row *row = &permit_rows[i];
		struct msg_pin_request q = {.rule = 0, .generation = 1, .ttl_s = 60, .n_addrs = 1, .name = name_of(row->name)};
		struct pin_key key = {.port = 443, .protocol = 6};

		check_row(row->name);
		CHECK(addr_parse(row->addr, &q.addrs[0]) == 0);
		key.addr = q.addrs[0];
		q.qtype = key.addr.family == ADDR_V4 ? 1 : 28;
		CHECK(forward_permits(im, &q.name, &key.addr) == row->permitted);
		admit(im, 1, &box, book, &q, &a);
		CHECK(a.reason == (row->permitted ? REASON_NONE : REASON_REBINDING));
		CHECK((admit_again(im, &box, &key, &q.name) != IMAGE_NONE) == row->permitted);
	}
	pinbook_free(book);
}

/* What the compiler would not write, the reader of an image does not take. */
static const struct image_row {
	const char *what, *zone, *prefix, *name, *addr, *target; /* NULL: left out */
	unsigned int n_upstreams;
	bool good;
} image_rows[] = {
	{"as it should be", "a.local", "10.0.0.0/8", "b.local", "10.0.0.9", NULL, 8, true},
	{"no prefix, an alias", "a.local", NULL, "b.local", NULL, "c.local", 1, true},
	{"a public record", "a.local", NULL, "b.local", "192.0.2.1", NULL, 1, true},
	{"the root as a zone", ".", NULL, NULL, NULL, NULL, 1, false},
	{"nine upstreams", "a.local", NULL, NULL, NULL, NULL, 9, false},
	{"a public prefix", "a.local", "192.0.2.0/24", NULL, NULL, NULL, 1, false},
	{"everything", "a.local", "0.0.0.0/0", NULL, NULL, NULL, 1, false},
	{"loopback", "a.local", "127.0.0.0/8", NULL, NULL, NULL, 1, false},
	{"link-local", "a.local", "169.254.0.0/16", NULL, NULL, NULL, 1, false},
	{"metadata", "a.local", "100.100.100.200", NULL, NULL, NULL, 1, false},
	{"mapped", "a.local", "::ffff:10.0.0.0/104", NULL, NULL, NULL, 1, false},
	{"a loopback record", "a.local", NULL, "b.local", "127.0.0.1", NULL, 1, false},
	{"a metadata record", "a.local", NULL, "b.local", "169.254.169.254", NULL, 1, false},
	{"a record of the root", "a.local", NULL, ".", "10.0.0.9", NULL, 1, false},
	{"an alias of the root", "a.local", NULL, "b.local", NULL, ".", 1, false},
	{"an alias with an address beside it", "a.local", NULL, "b.local", "10.0.0.9", "c.local", 1, false},
};

static void add_records(struct image_builder *b, const struct image_row *row)
{
	struct dns_name name = name_of(row->name), target;
	struct build_record r = {.name = &name, .ttl_s = 60};

	if (row->addr) {
		CHECK(addr_parse(row->addr, &r.addr) == 0);
		image_build_record(b, &r);
	}
	if (row->target) {
		target = name_of(row->target);
		r.target = &target;
		image_build_record(b, &r);
	}
}

static void test_images(void)
{
	for (size_t i = 0; i < ARRAY_LEN(image_rows); i++) {
		const struct image_row *row = &image_rows[i];
		struct image_builder *b = image_builder_new();
		struct image_upstream upstreams[9];
		struct dns_name zone = name_of(row->zone);
		struct prefix p;
		struct image *im = NULL;
		void *data;
		size_t len;

		check_row(row->what);
		memset(upstreams, 0, sizeof(upstreams));
		for (size_t k = 0; k < ARRAY_LEN(upstreams); k++)
			upstreams[k] = (struct image_upstream){.addr = {.family = ADDR_V4, .bytes = {10, 0, 0, (uint8_t)k}}, .port = 53};
		CHECK(!row->prefix || prefix_parse(row->prefix, &p) == 0);
		image_build_zone(b, &(struct build_zone){.name = &zone, .upstreams = upstreams, .n_upstreams = row->n_upstreams,
			.prefixes = &p, .n_prefixes = row->prefix ? 1 : 0});
		if (row->name)
			add_records(b, row);
		CHECK(image_builder_finish(b, &data, &len) == 0);
		CHECK((image_view(data, len, &im) == 0) == row->good);
		image_unmap(im);
		free(data);
		image_builder_free(b);
	}
}

int main(void)
{
	struct kit k;
	struct image *im;

	kit_init(&k);
	write_policy();
	test_bad(&k);
	test_limits(&k);
	test_images();
	im = compiled(&k);
	test_zones(im);
	test_records(&k, im);
	test_permits(im);
	image_unmap(im);
	kit_fini(&k);
	return check_report();
}
