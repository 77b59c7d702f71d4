/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The policies that are shipped, and the examples of the man pages: they compile, and say what they are to say.
 * usage: test_policies SOURCE_FOLDER
 */
#include "compile_kit.h"

#include "postern/match.h"

#define TCP 6
#define UDP 17
#define ICMP 1

static const struct {
	const char *policy, *name, *rule;
	enum rule_action action;
} names[] = {
	{"openhands", "api.openai.com", "llm", ACTION_ALLOW}, {"openhands", "openai.com", "rest", ACTION_BLOCK},
	{"openhands", "x.api.openai.com", "rest", ACTION_BLOCK}, {"openhands", "google.com", "rest", ACTION_BLOCK},
	{"openhands", "github.com", "rest", ACTION_BLOCK}, {"deny-all", "example.com", "rest", ACTION_BLOCK},
	{"computer-use", "s3.amazonaws.com", "services", ACTION_ALLOW}, {"computer-use", "amazonaws.com", "rest", ACTION_BLOCK},
	{"computer-use", "x.aws.dev", "services", ACTION_ALLOW}, {"computer-use", "aws.dev", "rest", ACTION_BLOCK},
	{"computer-use", "amazon.com", "services", ACTION_ALLOW}, {"computer-use", "www.amazon.com", "services", ACTION_ALLOW},
	{"computer-use", "a2z.com", "services", ACTION_ALLOW}, {"computer-use", "x.a2z.com", "services", ACTION_ALLOW},
	{"computer-use", "anthropic.com", "services", ACTION_ALLOW}, {"computer-use", "api.anthropic.com", "services", ACTION_ALLOW},
	{"computer-use", "claude.ai", "services", ACTION_ALLOW}, {"computer-use", "x.claude.ai", "services", ACTION_ALLOW},
	{"computer-use", "github.com", "services", ACTION_ALLOW}, {"computer-use", "api.github.com", "services", ACTION_ALLOW},
	{"computer-use", "github.githubassets.com", "services", ACTION_ALLOW},
	{"computer-use", "githubassets.com", "rest", ACTION_BLOCK}, {"computer-use", "google.com", "services", ACTION_ALLOW},
	{"computer-use", "www.google.com", "services", ACTION_ALLOW}, {"computer-use", "x.googleapis.com", "services", ACTION_ALLOW},
	{"computer-use", "googleapis.com", "rest", ACTION_BLOCK}, {"computer-use", "pypi.org", "services", ACTION_ALLOW},
	{"computer-use", "x.pypi.org", "services", ACTION_ALLOW}, {"computer-use", "pythonhosted.org", "services", ACTION_ALLOW},
	{"computer-use", "files.pythonhosted.org", "services", ACTION_ALLOW},
	{"computer-use", "x.computer-use.local", "services", ACTION_ALLOW},
	{"computer-use", "computer-use.local", "rest", ACTION_BLOCK}, {"computer-use", "example.com", "rest", ACTION_BLOCK},
	{"computer-use", "notgoogle.com", "rest", ACTION_BLOCK}, {"osworld", "example.com", "names", ACTION_ALERT},
};

static const struct {
	const char *policy, *addr;
	uint8_t protocol;
	uint16_t port;
	bool egress, ingress;
} addresses[] = {
	{"openhands", "192.0.2.1", UDP, 123, true, false}, {"openhands", "2001:db8::1", UDP, 123, true, false},
	{"openhands", "192.0.2.1", TCP, 123, false, false}, {"openhands", "192.0.2.1", TCP, 443, false, false},
	{"openhands", "192.0.2.1", UDP, 53, false, false}, {"openhands", "192.0.2.1", ICMP, 8, false, false},
	{"openhands", "10.0.0.7", TCP, 22, false, true}, {"openhands", "10.0.0.255", TCP, 3000, false, true},
	{"openhands", "10.0.1.0", TCP, 3000, false, false}, {"openhands", "10.0.0.7", TCP, 3001, false, false},
	{"openhands", "2001:db8::1", TCP, 22, false, false}, {"openhands", "10.0.0.7", UDP, 22, false, false},
	{"deny-all", "192.0.2.1", UDP, 123, false, false}, {"computer-use", "192.0.2.1", TCP, 443, false, false},
	{"osworld", "192.0.2.1", TCP, 443, true, false}, {"osworld", "2001:db8::1", ICMP, 8, true, false},
	{"osworld", "192.0.2.1", 47, 0, true, false}, {"osworld", "192.0.2.1", TCP, 22, true, true},
	{"osworld", "2001:db8::1", TCP, 5910, true, true}, {"osworld", "172.31.255.1", TCP, 80, true, true},
	{"osworld", "172.31.0.1", TCP, 5000, true, true}, {"osworld", "172.31.0.1", TCP, 8006, true, true},
	{"osworld", "172.31.0.1", TCP, 8080, true, true}, {"osworld", "172.31.0.1", TCP, 8081, true, true},
	{"osworld", "172.31.0.1", TCP, 9222, true, true}, {"osworld", "172.32.0.1", TCP, 9222, true, false},
	{"osworld", "192.0.2.1", TCP, 80, true, false},
};

static const struct image_policy *policy(const struct image *im, const char *name)
{
	uint32_t i = image_policy_find(im, name);

	check_row(name);
	CHECK(i != IMAGE_NONE);
	if (i == IMAGE_NONE)
		exit(check_report());
	return image_policy(im, i);
}

static void test_shipped(const struct image *im)
{
	const struct image_policy *p;

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct dns_name n;
		uint32_t r;

		p = policy(im, names[i].policy);
		check_row(names[i].name);
		CHECK(dns_name_from_text(names[i].name, &n) == 0);
		r = match_name(im, p, &n, 1);
		CHECK(r != IMAGE_NONE && image_rule(im, p, r)->action == names[i].action);
		CHECK_STR(r == IMAGE_NONE ? "none" : image_string(im, image_rule(im, p, r)->place.name), names[i].rule);
	}
	for (size_t i = 0; i < ARRAY_LEN(addresses); i++) {
		struct addr a;

		p = policy(im, addresses[i].policy);
		check_row(addresses[i].addr);
		CHECK(addr_parse(addresses[i].addr, &a) == 0);
		CHECK((match_egress(im, p, &a, addresses[i].protocol, addresses[i].port) != IMAGE_NONE) == addresses[i].egress);
		CHECK((match_ingress(im, p, &a, addresses[i].protocol, addresses[i].port) != IMAGE_NONE) == addresses[i].ingress);
	}
	p = policy(im, "openhands");
	CHECK(image_rule(im, p, 0)->n_services == 1 && image_rule(im, p, 0)->redirection == REDIRECTION_TRUST);
	CHECK(image_services(im, image_rule(im, p, 0)->first_service)->first == 443 && p->refusal == REFUSAL_REJECT);
	p = policy(im, "osworld");
	CHECK(image_egress(im, p, 0)->action == ACTION_ALERT && image_rule(im, p, 0)->n_services == 0);
	p = policy(im, "deny-all");
	CHECK(p->has_ingress && p->n_egress == 0 && p->n_ingress == 0);
	check_row("");
}

/* The first literal block of a man page, without roff's escapes. */
static void extract(const char *folder, const char *page, const char *to)
{
	char command[4096];

	snprintf(command, sizeof(command), "sed -n '/^.Bd -literal/,/^.Ed/{//!p};/^.Ed/q' %s/man/%s | sed 's/\\\\&//g' >%s", folder,
		page, to);
	CHECK(system(command) == 0);
}

static void test_manuals(struct kit *k, const char *folder)
{
	struct image *im;

	CHECK(system("rm -r policies && mkdir policies") == 0);
	extract(folder, "postern-policy.5", "policies/ci.conf");
	extract(folder, "postern.conf.5", "postern.conf");
	kit_write("policies/blocked.txt", "blocked.example\n");
	CHECK(kit_compile(k) == 0 && k->n_warnings == 0);
	if (image_map(k->image_fd, &im) < 0) {
		fputs(k->output, stderr);
		return;
	}
	CHECK(policy(im, "ci")->n_rules == 3 && image_n_sandboxes(im) == 1);
	check_row("");
	image_unmap(im);
}

int main(int argc, char **argv)
{
	char folder[4096], command[8192];
	struct image *im;
	struct kit k;

	if (argc != 2 || !realpath(argv[1], folder)) {
		fprintf(stderr, "usage: %s SOURCE_FOLDER\n", argv[0]);
		return 2;
	}
	kit_init(&k);
	/* copies, since the modes of a checkout are the user's */
	snprintf(command, sizeof(command), "mkdir policies && cp %s/policies/*.conf policies && chmod 644 policies/*", folder);
	CHECK(system(command) == 0);
	kit_write("postern.conf", "policies = \"policies/*.conf\";\nupstreams = \"192.0.2.53\";\n");
	CHECK(kit_compile(&k) == 0 && k.n_warnings == 2); /* *.amazonaws.com, *.googleapis.com */
	if (image_map(k.image_fd, &im) == 0) {
		test_shipped(im);
		image_unmap(im);
	} else {
		fputs(k.output, stderr);
	}
	test_manuals(&k, folder);
	kit_fini(&k);
	return check_report();
}
