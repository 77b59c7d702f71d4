/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * postern explain: what would happen, and which line says so. The policy is compiled from the files as they are
 * now; pins and sandboxes that were added at run time come from the daemon, where it runs. One answer a sandbox (or policy), in order
 * of precedence, because a packet that several select belongs to the first.
 */
#include <string.h>

#include "postern/match.h"
#include "postern/reason.h"

#include "client.h"
#include "policy_image.h"
#include "print.h"
#include "protections.h"
#include "split.h"
#include "target.h"

#define QTYPE_A 1

/* One sandbox, or one policy without a sandbox. */
struct subject {
	const char *sandbox, *policy; /* sandbox NULL: only the policy */
	const char *kind, *mode;
	unsigned int order;
};

struct explain {
	struct cli *c;
	const struct image *im;
	struct target target;
	uint16_t qtype;
	json_t *boxes; /* array of objects: name, policy, kind */
	json_t *pins;  /* array of pin objects; NULL: no daemon */
};

struct answer {
	bool allowed;
	enum reason reason;
	const struct image_place *place; /* NULL: no rule decides */
	const char *action;		 /* of the rule */
	const char *text;		 /* more, for people */
	json_t *protections;		 /* that it has to pass too; NULL: none */
	json_t *pins;			 /* that concern the target; borrowed rows */
};

static const char *const actions[] = {[ACTION_ALLOW] = "ALLOW", [ACTION_ALERT] = "ALERT", [ACTION_BLOCK] = "BLOCK"};
static const char *const responses[] = {[RESPONSE_NODATA] = "answered NODATA", [RESPONSE_NXDOMAIN] = "answered NXDOMAIN",
	[RESPONSE_OVERRIDE] = "answered with another name (OVERRIDE)"};

static bool pin_concerns(const struct explain *x, const struct subject *s, const json_t *pin)
{
	struct dns_name name;
	struct addr addr;

	if (!s->sandbox || strcmp(member_text(pin, "sandbox"), s->sandbox) != 0)
		return false;
	if (x->target.is_address)
		return addr_parse(member_text(pin, "address"), &addr) == 0 && addr_equal(&addr, &x->target.addr);
	return dns_name_from_text(member_text(pin, "name"), &name) == 0 && dns_name_equal(&name, &x->target.name);
}

static bool pin_opens(const struct explain *x, const json_t *pin)
{
	char buf[16];

	return !x->target.has_service || (member_number(pin, "port") == x->target.port &&
		strcmp(member_text(pin, "protocol"), protocol_word(x->target.protocol, buf)) == 0);
}

static json_t *pins_of(const struct explain *x, const struct subject *s)
{
	json_t *found = json_array(), *pin;
	size_t i;

	json_array_foreach(x->pins, i, pin)
		if (pin_concerns(x, s, pin))
			json_array_append(found, pin);
	return found;
}

static bool service_open(const struct explain *x, const struct image_rule *r)
{
	const struct image_service *v = image_services(x->im, r->first_service);

	for (uint32_t i = 0; i < r->n_services; i++)
		if (v[i].protocol == x->target.protocol && v[i].first <= x->target.port && x->target.port <= v[i].last)
			return true;
	return false;
}

static struct answer explain_name(const struct explain *x, const struct image_policy *p)
{
	uint32_t n = match_name(x->im, p, &x->target.name, x->qtype);
	struct answer a = {.reason = REASON_NO_RULE, .text = "no rule holds the name: answered NODATA, and nothing is asked upstream"};
	const struct image_rule *r;

	if (n == IMAGE_NONE)
		return a;
	r = image_rule(x->im, p, n);
	a.place = &r->place;
	a.action = actions[r->action];
	if (r->action == ACTION_BLOCK) {
		a.reason = REASON_RULE_BLOCK;
		a.text = responses[r->response];
	} else if (x->target.has_service && !service_open(x, r)) {
		a.reason = REASON_PORT_NOT_ALLOWED;
		a.text = "the name resolves, but this rule opens other ports";
	} else {
		a.allowed = true;
		a.reason = REASON_NONE;
		a.protections = protections_of(&(struct protections_ask){x->im, p, &x->target.name, x->qtype, n});
		a.text = r->redirection == REDIRECTION_TRUST ? "aliases behind it are trusted" : "each alias on the way has to be allowed too";
	}
	return a;
}

static struct answer explain_pins(const struct explain *x, const json_t *pins)
{
	struct answer a = {.reason = REASON_NEVER_RESOLVED, .text = "no static rule, and no answer of postern's resolver holds it now"};
	json_t *pin;
	size_t i;

	if (addr_is_private(&x->target.addr))
		a = (struct answer){.reason = REASON_PRIVATE_ADDRESS, .text = "only a static egress rule opens it, or a name of a forward "
			"zone or local record that may have private addresses"};
	json_array_foreach((json_t *)pins, i, pin) {
		a.reason = REASON_PORT_NOT_ALLOWED;
		a.text = "it is open for a name, but not this port";
		if (pin_opens(x, pin))
			return (struct answer){.allowed = true, .text = "open for a name that was resolved"};
	}
	if (!x->pins && !addr_is_private(&x->target.addr))
		a.text = "no static rule; whether a name opens it now only the daemon knows, and it was not reached";
	return a;
}

static struct answer explain_address(const struct explain *x, const struct image_policy *p, const json_t *pins)
{
	const struct target *t = &x->target;
	const struct image_static *s;
	uint32_t n;

	if (addr_is_never(&t->addr))
		return (struct answer){.reason = REASON_ALWAYS_DENIED, .text = "cloud metadata and its like: no rule opens these"};
	n = match_egress(x->im, p, &t->addr, t->protocol, t->port);
	if (n == IMAGE_NONE)
		return explain_pins(x, pins);
	s = image_egress(x->im, p, n);
	return (struct answer){.allowed = true, .place = &s->place, .action = actions[s->action], .text = "static egress rule"};
}

/* Who answers for a permitted name; NULL: the upstreams. */
static const char *from_of(const struct explain *x, const struct answer *a, char buf[static SPLIT_TEXT_MAX])
{
	return a->allowed && !x->target.is_address ? split_text(x->im, &x->target.name, buf) : NULL;
}

static void print_place(const struct explain *x, const struct answer *a)
{
	if (!a->place)
		return;
	printf("  rule    ");
	print_safe(stdout, image_string(x->im, a->place->name));
	if (a->place->group != IMAGE_NONE) {
		printf(" of group ");
		print_safe(stdout, image_string(x->im, a->place->group));
	}
	printf(" (%s)  ", a->action);
	print_safe(stdout, image_string(x->im, a->place->file));
	printf(":%u\n", a->place->line);
}

static void print_pins(const json_t *pins)
{
	json_t *pin;
	size_t i;

	json_array_foreach((json_t *)pins, i, pin) {
		printf("  pin     ");
		print_safe(stdout, member_text(pin, "address"));
		putchar(' ');
		print_safe(stdout, member_text(pin, "protocol"));
		printf("/%lld for %llds: ", (long long)member_number(pin, "port"), (long long)(member_number(pin, "expires_in_ms") / 1000));
		print_safe(stdout, member_text(pin, "name"));
		putchar('\n');
	}
}

static bool in_audit(const struct subject *s)
{
	return s->sandbox && strcmp(s->mode, sandbox_mode_text(SANDBOX_AUDIT)) == 0;
}

static void print_answer(const struct explain *x, const struct subject *s, const struct answer *a)
{
	char buf[SPLIT_TEXT_MAX];
	const char *from = from_of(x, a, buf);

	if (s->sandbox) {
		printf("%u. sandbox ", s->order);
		print_safe(stdout, s->sandbox);
		printf(" (%s), policy ", s->kind);
	} else {
		printf("policy ");
	}
	print_safe(stdout, s->policy);
	printf(": ");
	print_word(a->allowed ? COLOUR_GOOD : COLOUR_BAD, a->allowed ? "allowed" : "denied");
	if (a->reason != REASON_NONE)
		printf(", %s", reason_text(a->reason));
	putchar('\n');
	print_place(x, a);
	protections_print(a->protections);
	if (from)
		printf("  from    %s\n", from);
	if (a->text)
		printf("  note    %s\n", a->text);
	if (!a->allowed && in_audit(s))
		printf("  mode    audit: %s\n", a->reason == REASON_ALWAYS_DENIED ? "refused all the same" :
			"let through, and recorded as would-block");
	print_pins(a->pins);
}

static json_t *answer_json(const struct explain *x, const struct subject *s, const struct answer *a)
{
	json_t *o = json_pack("{s:b}", "allowed", a->allowed);
	char buf[SPLIT_TEXT_MAX];
	const char *from = from_of(x, a, buf);

	if (s->sandbox) {
		json_object_set_new(o, "sandbox", json_string(s->sandbox));
		json_object_set_new(o, "kind", json_string(s->kind));
		json_object_set_new(o, "precedence", json_integer(s->order));
		json_object_set_new(o, "mode", json_string(s->mode));
	}
	json_object_set_new(o, "policy", json_string(s->policy));
	if (a->reason != REASON_NONE)
		json_object_set_new(o, "reason", json_string(reason_text(a->reason)));
	if (a->place) {
		json_object_set_new(o, "rule", json_string(image_string(x->im, a->place->name)));
		if (a->place->group != IMAGE_NONE)
			json_object_set_new(o, "group", json_string(image_string(x->im, a->place->group)));
		json_object_set_new(o, "action", json_string(a->action));
		json_object_set_new(o, "file", json_string(image_string(x->im, a->place->file)));
		json_object_set_new(o, "line", json_integer(a->place->line));
	}
	if (a->protections)
		json_object_set(o, "protections", a->protections);
	if (from)
		json_object_set_new(o, "from", json_string(from));
	if (a->text)
		json_object_set_new(o, "text", json_string(a->text));
	json_object_set(o, "pins", a->pins);
	return o;
}

/* Says what happens to @s. False where its policy is not in the files. */
static bool explain_subject(struct explain *x, const struct subject *s, bool *all_allowed)
{
	uint32_t policy = image_policy_find(x->im, s->policy);
	struct answer a;
	json_t *pins, *o;

	if (policy == IMAGE_NONE) {
		fprintf(stderr, "postern: policy ");
		print_safe(stderr, s->policy);
		fprintf(stderr, " is not in the configuration\n");
		return false;
	}
	pins = pins_of(x, s);
	a = x->target.is_address ? explain_address(x, image_policy(x->im, policy), pins)
				 : explain_name(x, image_policy(x->im, policy));
	a.pins = pins;
	*all_allowed &= a.allowed;
	if (x->c->json) {
		o = answer_json(x, s, &a);
		print_json(o);
		json_decref(o);
	} else {
		print_answer(x, s, &a);
	}
	json_decref(pins);
	json_decref(a.protections);
	return true;
}

static void add_box(struct explain *x, const struct subject *s)
{
	json_t *box;
	size_t i;

	json_array_foreach(x->boxes, i, box)
		if (strcmp(member_text(box, "name"), s->sandbox) == 0)
			return;
	json_array_append_new(x->boxes, json_pack("{s:s,s:s,s:s,s:s}", "name", s->sandbox, "policy", s->policy, "kind", s->kind,
		"mode", s->mode));
}

static void take_box(const json_t *box, void *arg)
{
	const struct subject s = {member_text(box, "name"), member_text(box, "policy"), member_text(box, "kind"),
		member_text(box, "mode"), 0};

	add_box(arg, &s);
}

static void take_pin(const json_t *pin, void *arg)
{
	json_array_append(((struct explain *)arg)->pins, (json_t *)pin);
}

/* Says where the answers are those of files that the daemon has not loaded yet. */
static enum cli_status compare_age(const struct explain *x)
{
	json_t *reply;
	enum cli_status status = client_ask(x->c, json_pack("{s:s}", "op", "status"), &reply);
	const char *path;

	if (status != CLI_OK)
		return status;
	path = policy_changed_since(x->im, member_text(reply, "policy_loaded"));
	if (path) {
		fprintf(stderr, "postern: ");
		print_safe(stderr, path);
		fprintf(stderr, " was changed after the daemon loaded its policy: this is how it will be after postern reload\n");
	}
	json_decref(reply);
	return CLI_OK;
}

/* Sandboxes and pins of the daemon, where there is one; then the sandboxes of the files. */
static enum cli_status gather(struct explain *x)
{
	struct client probe;
	enum cli_status status = CLI_OK;

	x->boxes = json_array();
	if (client_open(x->c, true, &probe) == CLI_OK) {
		client_close(&probe);
		x->pins = json_array();
		status = compare_age(x);
		if (status == CLI_OK)
			status = client_rows(x->c, json_pack("{s:s}", "op", "sandboxes"), "sandbox", take_box, x);
		if (status == CLI_OK)
			status = client_rows(x->c, json_pack("{s:s}", "op", "pins"), "pin", take_pin, x);
	}
	for (uint32_t i = 0; i < image_n_sandboxes(x->im); i++) {
		const struct sandbox *s = image_sandbox(x->im, i);

		const struct subject of_file = {s->name, s->policy, sandbox_kind_text((enum sandbox_kind)s->kind),
			sandbox_mode_text((enum sandbox_mode)s->mode), 0};

		add_box(x, &of_file);
	}
	return status;
}

static enum cli_status explain_boxes(struct explain *x)
{
	bool all_allowed = true, known = true;
	unsigned int order = 0;
	json_t *box;
	size_t i;

	for (unsigned int kind = 0; kind < SANDBOX_KIND_COUNT; kind++) {
		const char *word = sandbox_kind_text((enum sandbox_kind)kind);

		json_array_foreach(x->boxes, i, box) {
			struct subject s = {member_text(box, "name"), member_text(box, "policy"), word,
				member_text(box, "mode"), order + 1};

			if (strcmp(member_text(box, "kind"), word) != 0)
				continue;
			order++;
			if (!x->c->sandbox || strcmp(x->c->sandbox, s.sandbox) == 0)
				known &= explain_subject(x, &s, &all_allowed);
		}
	}
	if (!x->c->json && !x->c->sandbox && order > 1)
		printf("A packet that several sandboxes select belongs to the first: interface, source, cgroup, uid, host.\n");
	return !known ? CLI_FAILED : all_allowed ? CLI_OK : CLI_NO;
}

static bool sandbox_known(const struct explain *x)
{
	json_t *box;
	size_t i;

	json_array_foreach(x->boxes, i, box)
		if (!x->c->sandbox || strcmp(member_text(box, "name"), x->c->sandbox) == 0)
			return true;
	return false;
}

static enum cli_status explain_all(struct explain *x)
{
	bool all_allowed = true;
	enum cli_status status = CLI_OK;

	if (x->c->policy) {
		struct subject s = {.policy = x->c->policy};

		if (!explain_subject(x, &s, &all_allowed))
			return CLI_FAILED;
		return all_allowed ? CLI_OK : CLI_NO;
	}
	status = gather(x);
	if (status == CLI_OK && !sandbox_known(x)) {
		fprintf(stderr, x->c->sandbox ? "postern: no such sandbox: see postern sandbox list\n"
					      : "postern: no sandbox: everything is denied; ask about a policy with --policy\n");
		return CLI_NO;
	}
	if (status == CLI_OK)
		status = explain_boxes(x);
	json_decref(x->boxes);
	json_decref(x->pins);
	return status;
}

enum cli_status cmd_explain(struct cli *c)
{
	struct explain x = {.c = c, .qtype = QTYPE_A};
	enum cli_status status;
	struct image *im;

	if (target_parse(c->words[0], &x.target) < 0 || (x.target.is_address && !x.target.has_service)) {
		fprintf(stderr, "postern: give NAME, NAME:PORT, ADDRESS:PORT or [ADDRESS]:PORT; PORT is 443, udp/123 or icmp/8\n");
		return CLI_USAGE;
	}
	if (c->qtype)
		x.qtype = qtype_parse(c->qtype);
	if (x.qtype == 0) {
		fprintf(stderr, "postern: --qtype: A, AAAA, MX, ... or TYPE123\n");
		return CLI_USAGE;
	}
	im = policy_image(c, false, &status);
	if (!im)
		return status;
	x.im = im;
	status = explain_all(&x);
	image_unmap(im);
	return status;
}
