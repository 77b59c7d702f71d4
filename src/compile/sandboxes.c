/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The section `sandboxes` of postern.conf. A packet belongs to one sandbox, so no two may select the same thing;
 * that they overlap in kind (an interface and a source behind it) is allowed and decided by the order of enum
 * sandbox_kind.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sandboxes.h"
#include "policy.h"

#define CGROUP_MOUNT "/sys/fs/cgroup/"

static const struct member members[] = {
	{"name", NODE_STRING, true}, {"policy", NODE_STRING, true}, {"interface", NODE_STRING | NODE_LIST, false},
	{"source", NODE_STRING | NODE_LIST, false}, {"cgroup", NODE_STRING | NODE_LIST, false},
	{"uid", NODE_INTEGER | NODE_LIST, false}, {"host", NODE_BOOLEAN, false}, {"mode", NODE_STRING, false},
	{"fail_open", NODE_BOOLEAN, false}, {0},
};

/* What is taken: names of sandboxes and, by kind, their selectors; sorted to find what stands twice. */
struct claim {
	unsigned int kind; /* enum sandbox_kind, or SANDBOX_KIND_COUNT for the name itself */
	struct selector selector;
	char name[SANDBOX_NAME_MAX];
	struct spot at;
};

struct sandbox_reader {
	struct compile *c;
	struct claim *claims;
	size_t n_claims;
	unsigned int n_local;
};

static void claim(struct sandbox_reader *r, unsigned int kind, const struct selector *s, const char *name, struct spot at)
{
	struct claim *cl;

	r->claims = compile_grow(r->claims, r->n_claims, sizeof(*r->claims));
	cl = &r->claims[r->n_claims++];
	*cl = (struct claim){.kind = kind, .selector = *s, .at = at};
	snprintf(cl->name, sizeof(cl->name), "%s", name);
}

/* Of two claims of the same kind; prefixes sort by family, address, length, and have no padding. */
static int compare_what(const struct claim *x, const struct claim *y)
{
	switch (x->kind) {
	case SANDBOX_INTERFACE:
		return strcmp(x->selector.ifname, y->selector.ifname);
	case SANDBOX_SOURCE:
		return memcmp(&x->selector.source, &y->selector.source, sizeof(x->selector.source));
	case SANDBOX_CGROUP:
		return strcmp(x->selector.cgroup, y->selector.cgroup);
	case SANDBOX_UID:
		return (x->selector.uid > y->selector.uid) - (x->selector.uid < y->selector.uid);
	case SANDBOX_KIND_COUNT:
		return strcmp(x->name, y->name);
	default:
		return 0; /* there is one host */
	}
}

static int compare_claims(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;
	int order;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	order = compare_what(x, y);
	return order ? order : (x->at.line > y->at.line) - (x->at.line < y->at.line);
}

static bool same_claim(const struct claim *a, const struct claim *b)
{
	if (a->kind != b->kind)
		return false;
	if (a->kind == SANDBOX_SOURCE)
		return prefix_contains(&a->selector.source, &b->selector.source.addr) &&
			a->selector.source.len <= b->selector.source.len;
	return compare_what(a, b) == 0;
}

static void complain_twice(struct sandbox_reader *r, const struct claim *first, const struct claim *second)
{
	/* the one that stands later in the file is at fault */
	const struct claim *late = second->at.line >= first->at.line ? second : first;
	const struct claim *early = late == second ? first : second;

	if (late->kind == SANDBOX_KIND_COUNT)
		diag_error(r->c->diag, late->at, "a sandbox \"%s\" stands in line %u already: give each its own name", late->name,
			early->at.line);
	else if (late->kind == SANDBOX_SOURCE)
		diag_error(r->c->diag, late->at, "sandbox \"%s\": its source overlaps with that of \"%s\" in line %u: write prefixes "
			"that do not overlap", late->name, early->name, early->at.line);
	else
		diag_error(r->c->diag, late->at, "sandbox \"%s\" selects the same %s as \"%s\" in line %u: remove one",
			late->name, sandbox_kind_text((enum sandbox_kind)late->kind), early->name, early->at.line);
}

/* In sorted order a prefix stands right before those inside it, so the last one that was not inside is enough. */
static void check_claims(struct sandbox_reader *r)
{
	size_t outer = 0;

	if (r->n_claims)
		qsort(r->claims, r->n_claims, sizeof(*r->claims), compare_claims);
	for (size_t i = 1; i < r->n_claims; i++) {
		if (same_claim(&r->claims[outer], &r->claims[i]))
			complain_twice(r, &r->claims[outer], &r->claims[i]);
		else
			outer = i;
	}
}

static bool take_interface(struct sandbox_reader *r, const struct node *n, struct selector *s)
{
	const char *text = node_string(n);

	if (text[0] && strlen(text) < sizeof(s->ifname)) {
		memcpy(s->ifname, text, strlen(text));
		return true;
	}
	diag_error(r->c->diag, node_spot(n), "\"%s\" is no interface name: write 1 to %zu characters, as `ip link` shows it", text,
		sizeof(s->ifname) - 1);
	return false;
}

static bool take_source(struct sandbox_reader *r, const struct node *n, struct selector *s)
{
	if (prefix_parse(node_string(n), &s->source) < 0) {
		diag_error(r->c->diag, node_spot(n), "\"%s\" is no source: write an address, or a prefix without bits behind its "
			"length: \"10.0.0.0/24\"", node_string(n));
		return false;
	}
	if (s->source.len == 0) {
		diag_error(r->c->diag, node_spot(n), "\"%s\" selects everybody: write a longer prefix, or an interface",
			node_string(n));
		return false;
	}
	return true;
}

static bool take_cgroup(struct sandbox_reader *r, const struct node *n, struct selector *s)
{
	const char *text = node_string(n);
	size_t len;

	if (strncmp(text, CGROUP_MOUNT, strlen(CGROUP_MOUNT)) == 0)
		text += strlen(CGROUP_MOUNT);
	while (*text == '/')
		text++;
	len = strlen(text);
	while (len && text[len - 1] == '/')
		len--;
	if (len == 0 || len >= sizeof(s->cgroup) || strstr(text, "..") || strstr(text, "//")) {
		diag_error(r->c->diag, node_spot(n), "\"%s\" is no cgroup: write its path below /sys/fs/cgroup, at most %zu bytes: "
			"\"user.slice/agent.slice\"", node_string(n), sizeof(s->cgroup) - 1);
		return false;
	}
	memcpy(s->cgroup, text, len);
	return true;
}

static bool take_uid(struct sandbox_reader *r, const struct node *n, struct selector *s)
{
	long long uid = node_integer(n);

	if (uid < 0 || uid >= UINT32_MAX) {
		diag_error(r->c->diag, node_spot(n), "uid %lld is out of range: write 0 to %u", uid, UINT32_MAX - 1);
		return false;
	}
	s->uid = (uint32_t)uid;
	return true;
}

/* One value of a selector setting. */
static bool take_selector(struct sandbox_reader *r, enum sandbox_kind kind, const struct node *n, struct selector *s)
{
	unsigned int wanted = kind == SANDBOX_UID ? NODE_INTEGER : NODE_STRING;

	if (!(node_kind(n) & wanted)) {
		diag_error(r->c->diag, node_spot(n), kind == SANDBOX_UID ?
			"a uid is a number: write what `id -u USER` prints, without quotes" :
			"a selector that is no string: put it into quotes");
		return false;
	}
	switch (kind) {
	case SANDBOX_INTERFACE:
		return take_interface(r, n, s);
	case SANDBOX_SOURCE:
		return take_source(r, n, s);
	case SANDBOX_CGROUP:
		return take_cgroup(r, n, s);
	case SANDBOX_UID:
		return take_uid(r, n, s);
	case SANDBOX_HOST:
	case SANDBOX_KIND_COUNT:
		break;
	}
	return false;
}

static void take_selectors(struct sandbox_reader *r, const struct node *n, struct sandbox *s)
{
	size_t count = node_kind(n) == NODE_LIST ? node_count(n) : 1;

	if (count == 0 || count > SELECTORS_MAX) {
		diag_error(r->c->diag, node_spot(n), "%zu values of `%s`: write 1 to %d", count, node_name(n), SELECTORS_MAX);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		const struct node *entry = node_kind(n) == NODE_LIST ? node_at(n, i) : n;
		struct selector *sel = &s->selectors[s->n_selectors];

		memset(sel, 0, sizeof(*sel));
		if (!take_selector(r, (enum sandbox_kind)s->kind, entry, sel))
			continue;
		claim(r, s->kind, sel, s->name, node_spot(entry));
		s->n_selectors++;
	}
}

/* Exactly one of the five settings that select. */
static const struct node *find_kind(struct sandbox_reader *r, const struct node *n, struct sandbox *s)
{
	const struct node *found = NULL;

	for (unsigned int kind = 0; kind < SANDBOX_KIND_COUNT; kind++) {
		const struct node *m = node_member(n, sandbox_kind_text((enum sandbox_kind)kind), ~(unsigned int)NODE_GROUP);

		if (!m)
			continue;
		if (found) {
			diag_error(r->c->diag, node_spot(m), "sandbox \"%s\" has `%s` and `%s`: write one of them, and a second "
				"sandbox for the other", s->name, node_name(found), node_name(m));
			return NULL;
		}
		found = m;
		s->kind = (uint8_t)kind;
	}
	if (!found)
		diag_error(r->c->diag, node_spot(n), "sandbox \"%s\" selects nothing: write interface, source, cgroup, uid or "
			"host = true", s->name);
	return found;
}

static void take_names(struct sandbox_reader *r, const struct node *n, struct sandbox *s)
{
	const struct node *name = node_member(n, "name", NODE_STRING), *policy = node_member(n, "policy", NODE_STRING);
	const char **words = calloc(r->c->n_policies + 1, sizeof(*words)), *near;
	size_t i;

	ASSERT(words);
	if (name && !sandbox_name_valid(node_string(name)))
		diag_error(r->c->diag, node_spot(name), "\"%s\" cannot name a sandbox: write 1 to %d letters, digits, \".\", \"_\" or "
			"\"-\", the first a letter or digit", node_string(name), SANDBOX_NAME_MAX - 1);
	else if (name) {
		snprintf(s->name, sizeof(s->name), "%s", node_string(name));
		claim(r, SANDBOX_KIND_COUNT, &(struct selector){0}, s->name, node_spot(name));
	}
	for (i = 0; i < r->c->n_policies; i++)
		words[i] = r->c->policies[i].name;
	for (i = 0; policy && i < r->c->n_policies && strcmp(words[i], node_string(policy)) != 0; i++)
		;
	if (i == r->c->n_policies && r->c->n_nameless) /* it may be one of those, which have their own errors */
		policy = NULL;
	near = policy && i == r->c->n_policies ? diag_nearest(node_string(policy), words) : NULL;
	if (near)
		diag_error(r->c->diag, node_spot(policy), "there is no policy \"%s\": did you mean \"%s\"?", node_string(policy), near);
	else if (policy && i == r->c->n_policies)
		diag_error(r->c->diag, node_spot(policy), "there is no policy \"%s\": name its file in `policies`, or correct the "
			"name", node_string(policy));
	else if (policy)
		snprintf(s->policy, sizeof(s->policy), "%s", node_string(policy));
	free(words);
}

static void take_host(struct sandbox_reader *r, const struct node *n, struct sandbox *s)
{
	if (!node_boolean(n))
		diag_error(r->c->diag, node_spot(n), "host = false selects nothing: remove the sandbox, or write true");
	s->n_selectors = 1;
	claim(r, SANDBOX_HOST, &(struct selector){0}, s->name, node_spot(n));
}

static void take_modes(struct sandbox_reader *r, const struct node *n, struct sandbox *s)
{
	static const char *const words[] = {[SANDBOX_ENFORCE] = "enforce", [SANDBOX_AUDIT] = "audit", NULL};
	const struct node *open = node_member(n, "fail_open", NODE_BOOLEAN);

	s->mode = (uint8_t)policy_word(r->c, n, "mode", words, SANDBOX_ENFORCE);
	s->fail_open = open && node_boolean(open);
	if (s->fail_open)
		diag_warning(r->c->diag, node_spot(open), "sandbox \"%s\": with fail_open a name is answered even when its addresses "
			"could not be pinned, so that the client's connections are refused instead: remove it unless you need the answers",
			s->name);
}

static void read_sandbox(struct sandbox_reader *r, const struct node *n)
{
	struct sandbox s;
	const struct node *selector;

	memset(&s, 0, sizeof(s)); /* padding too: it is compared and stored */
	node_check_members(r->c, n, "a sandbox", members);
	take_names(r, n, &s);
	take_modes(r, n, &s);
	selector = find_kind(r, n, &s);
	if (selector && s.kind == SANDBOX_HOST && node_kind(selector) == NODE_BOOLEAN)
		take_host(r, selector, &s);
	else if (selector && s.kind != SANDBOX_HOST)
		take_selectors(r, selector, &s);
	if (selector && sandbox_is_local(&s) && r->n_local++ == SANDBOX_LOCAL_MAX)
		diag_error(r->c->diag, node_spot(n), "more than %d sandboxes of uid, cgroup and host: use fewer", SANDBOX_LOCAL_MAX);
	if (r->c->diag->n_errors)
		return;
	if (!sandbox_valid(&s))
		diag_error(r->c->diag, node_spot(selector), "`%s` of sandbox \"%s\" holds a character that cannot occur there: "
			"correct it", node_name(selector), s.name);
	else
		image_build_sandbox(r->c->builder, &s);
}

void config_sandboxes(struct compile *c, const struct node *list)
{
	struct sandbox_reader r = {.c = c};

	if (node_count(list) > SANDBOX_MAX)
		diag_error(c->diag, node_spot(list), "more than %d sandboxes: remove some", SANDBOX_MAX);
	for (size_t i = 0; i < node_count(list) && i < SANDBOX_MAX; i++) {
		const struct node *n = node_at(list, i);

		if (node_kind(n) == NODE_GROUP)
			read_sandbox(&r, n);
		else
			diag_error(c->diag, node_spot(n), "an entry of `sandboxes` that is no sandbox: write { name = ...; }");
	}
	check_claims(&r);
	free(r.claims);
}
