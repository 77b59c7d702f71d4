/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * postern.conf: settings with their limits, the policies it names. Upstreams are in upstreams.c, sandboxes in sandboxes.c, zones and
 * local records in forward.c, records.c and hosts.c.
 */
#include <glob.h>
#include <stdlib.h>
#include <string.h>

#include "anchors.h"
#include "forward.h"
#include "policy.h"
#include "sandboxes.h"
#include "upstreams.h"

#define POLICIES_MAX 4096
#define SECONDS_MAX IMAGE_PIN_MAX_S
#define PINS_MAX 1000000

/* A number: its group (NULL: the top), its limits, and where it goes. */
struct number {
	const char *group, *name;
	uint32_t min, max;
	size_t offset, size;
};

#define AT(field) offsetof(struct image_settings, field), sizeof(((struct image_settings *)0)->field)

static const struct number numbers[] = {
	{NULL, "answer_ttl_max_s", 1, SECONDS_MAX, AT(answer_ttl_max_s)},
	{NULL, "stale_max_s", 0, SECONDS_MAX, AT(stale_max_s)},
	{NULL, "upstream_timeout_ms", 50, 60000, AT(upstream_timeout_ms)},
	{NULL, "upstream_tries", 1, 10, AT(upstream_tries)},
	{NULL, "confined_group", 0, INT32_MAX, AT(confined_group)},
	{NULL, "stub_port", 1, 65535, AT(stub_port)},
	{NULL, "local_stub_port", 1, 65536 - SANDBOX_LOCAL_MAX, AT(local_stub_port)},
	{"pins", "min_s", 1, SECONDS_MAX, AT(pin_min_s)},
	{"pins", "max_s", 1, SECONDS_MAX, AT(pin_max_s)},
	{"pins", "grace_s", 1, SECONDS_MAX, AT(pin_grace_s)},
	{"pins", "margin_s", 0, 3600, AT(pin_margin_s)},
	{"pins", "per_name", 1, PINS_MAX, AT(pins_per_name)},
	{"pins", "per_rule", 1, PINS_MAX, AT(pins_per_rule)},
	{"pins", "per_sandbox", 1, PINS_MAX, AT(pins_per_sandbox)},
	{"limits", "queries_per_s", 1, IMAGE_QUERIES_MAX, AT(queries_per_s)},
	{"limits", "queries_burst", 1, IMAGE_QUERIES_MAX, AT(queries_burst)},
	{"limits", "client_queries_per_s", 1, IMAGE_QUERIES_MAX, AT(client_queries_per_s)},
	{"limits", "client_queries_burst", 1, IMAGE_QUERIES_MAX, AT(client_queries_burst)},
	{"limits", "client_prefix6", IMAGE_CLIENT_PREFIX6_MIN, 128, AT(client_prefix6)},
	{"audit", "rotate_bytes", 65536, INT32_MAX, AT(audit_rotate_bytes)},
	{"audit", "keep", 0, 1000, AT(audit_keep)},
	{"audit", "window_ms", 100, 3600000, AT(audit_window_ms)},
	{"audit", "per_sandbox", 2, IMAGE_RECORDS_MAX, AT(audit_per_sandbox)},
};

static const struct member members[] = {
	{"policies", NODE_STRING | NODE_LIST, true}, {"upstreams", NODE_STRING | NODE_LIST | NODE_GROUP, false},
	{"sandboxes", NODE_LIST, false}, {"pins", NODE_GROUP, false}, {"limits", NODE_GROUP, false},
	{"audit", NODE_GROUP, false},
	{"forward_others", NODE_BOOLEAN, false}, {"trust_ad", NODE_BOOLEAN, false}, {"confined_group", NODE_INTEGER, false}, {"stub_port", NODE_INTEGER, false},
	{"local_stub_port", NODE_INTEGER, false}, {"answer_ttl_max_s", NODE_INTEGER, false},
	{"upstream_timeout_ms", NODE_INTEGER, false}, {"upstream_tries", NODE_INTEGER, false},
	{"forward", NODE_LIST, false}, {"records", NODE_LIST, false}, {"hosts_file", NODE_STRING, false},
	{"dnssec", NODE_STRING, false}, {"trust_anchors", NODE_STRING, false}, {"manage_trust_anchors", NODE_BOOLEAN, false},
	{"trust_anchor_directory", NODE_STRING, false}, {"negative_trust_anchors", NODE_LIST, false},
	{"stale_max_s", NODE_INTEGER, false}, {"prefetch", NODE_BOOLEAN, false},
	{"upstream_cookies", NODE_BOOLEAN, false}, {0},
};
static const struct member pins_members[] = {
	{"min_s", NODE_INTEGER, false}, {"max_s", NODE_INTEGER, false}, {"grace_s", NODE_INTEGER, false},
	{"margin_s", NODE_INTEGER, false}, {"per_name", NODE_INTEGER, false}, {"per_rule", NODE_INTEGER, false},
	{"per_sandbox", NODE_INTEGER, false}, {0},
};
static const struct member limits_members[] = {
	{"queries_per_s", NODE_INTEGER, false}, {"queries_burst", NODE_INTEGER, false},
	{"client_queries_per_s", NODE_INTEGER, false}, {"client_queries_burst", NODE_INTEGER, false},
	{"client_prefix6", NODE_INTEGER, false}, {0},
};
static const struct member audit_members[] = {
	{"directory", NODE_STRING, false}, {"rotate_bytes", NODE_INTEGER, false}, {"keep", NODE_INTEGER, false},
	{"outputs", NODE_LIST, false}, {"window_ms", NODE_INTEGER, false}, {"per_sandbox", NODE_INTEGER, false}, {"all_queries", NODE_BOOLEAN, false}, {0},
};

static void store(struct image_settings *s, const struct number *n, uint32_t value)
{
	uint16_t narrow = (uint16_t)value;
	uint8_t byte = (uint8_t)value;

	memcpy((uint8_t *)s + n->offset,
		n->size == sizeof(byte) ? (void *)&byte : n->size == sizeof(narrow) ? (void *)&narrow : (void *)&value, n->size);
}

static void read_number(struct compile *c, const struct node *root, const struct number *n, struct image_settings *s)
{
	const struct node *group = n->group ? node_member(root, n->group, NODE_GROUP) : root;
	const struct node *v = group ? node_member(group, n->name, NODE_INTEGER) : NULL;

	if (!v)
		return;
	if (node_integer(v) < n->min || node_integer(v) > n->max)
		diag_error(c->diag, node_spot(v), "%s%s%s = %lld is out of range: write %u to %u", n->group ? n->group : "",
			n->group ? "." : "", n->name, node_integer(v), n->min, n->max);
	else
		store(s, n, (uint32_t)node_integer(v));
}

static void read_flag(const struct node *group, const char *name, uint8_t *flag)
{
	const struct node *n = group ? node_member(group, name, NODE_BOOLEAN) : NULL;

	if (n)
		*flag = node_boolean(n);
}

/* Where the log goes, and in what other formats. */
static void read_audit(struct compile *c, const struct node *audit, struct image_settings *s)
{
	const struct node *n = audit ? node_member(audit, "directory", NODE_STRING) : NULL;
	const struct node *outputs = audit ? node_member(audit, "outputs", NODE_LIST) : NULL;
	const char *path = n ? node_string(n) : AUDIT_DIRECTORY;

	if (path[0] && path[0] != '/')
		diag_error(c->diag, node_spot(n), "audit.directory \"%s\" is no absolute path: begin it with \"/\", or write \"\" for "
			"standard error", path);
	s->audit_directory = image_build_string(c->builder, path);
	if (outputs)
		config_outputs(c, outputs, path, s);
}

/* What two settings have to be to each other. */
static void check_together(struct compile *c, const struct node *root, const struct image_settings *s)
{
	const struct node *pins = node_member(root, "pins", NODE_GROUP);
	struct spot at = pins ? node_spot(pins) : node_spot(root);
	uint32_t stub = s->stub_port, local = s->local_stub_port;

	if (s->pin_min_s > s->pin_max_s)
		diag_error(c->diag, at, "pins.min_s = %u is more than pins.max_s = %u: lower it, or raise the other",
			s->pin_min_s, s->pin_max_s);
	if (s->pin_margin_s >= s->pin_min_s + s->pin_grace_s)
		diag_error(c->diag, at, "pins.margin_s = %u leaves no time of the shortest pin (min_s + grace_s = %u): lower it",
			s->pin_margin_s, s->pin_min_s + s->pin_grace_s);
	if (stub >= local && stub < local + SANDBOX_LOCAL_MAX)
		diag_error(c->diag, node_spot(root), "stub_port = %u lies among the %u ports from local_stub_port = %u on: move "
			"one of them", stub, SANDBOX_LOCAL_MAX, local);
}

static void read_settings(struct compile *c, const struct node *root)
{
	const struct node *pins = node_member(root, "pins", NODE_GROUP), *audit = node_member(root, "audit", NODE_GROUP);
	const struct node *limits = node_member(root, "limits", NODE_GROUP);
	struct image_settings s;

	image_settings_default(&s);
	node_check_members(c, root, "postern.conf", members);
	if (pins)
		node_check_members(c, pins, "`pins`", pins_members);
	if (limits)
		node_check_members(c, limits, "`limits`", limits_members);
	if (audit)
		node_check_members(c, audit, "`audit`", audit_members);
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
		read_number(c, root, &numbers[i], &s);
	read_flag(root, "forward_others", &s.forward_others);
	read_flag(root, "trust_ad", &s.trust_ad);
	config_anchors(c, root, &s.dnssec);
	read_flag(root, "manage_trust_anchors", &s.anchors_managed);
	config_anchor_state(c, root, &s);
	config_negative(c, root);
	read_flag(root, "prefetch", &s.prefetch);
	read_flag(root, "upstream_cookies", &s.upstream_cookies);
	read_flag(audit, "all_queries", &s.audit_all_queries);
	read_audit(c, audit, &s);
	check_together(c, root, &s);
	image_build_settings(c->builder, &s);
}

/* One entry of `policies`: a path, or a glob(7) pattern, which may match nothing. */
static void read_policies(struct compile *c, const struct node *n)
{
	const char *path = compile_path(c, node_spot(n).file, node_string(n));
	glob_t found = {0};

	if (!node_string(n)[0]) {
		diag_error(c->diag, node_spot(n), "an empty path in `policies`: remove it");
		return;
	}
	if (!strpbrk(node_string(n), "*?[")) {
		compile_policy(c, node_spot(n), path);
		return;
	}
	if (glob(path, 0, NULL, &found) != 0)
		diag_warning(c->diag, node_spot(n), "no file matches %s: put a policy there or remove the entry", path);
	for (size_t i = 0; i < found.gl_pathc && i < POLICIES_MAX; i++)
		compile_policy(c, node_spot(n), compile_keep(c, found.gl_pathv[i]));
	globfree(&found);
}

static void for_each_string(struct compile *c, const struct node *n, void (*read)(struct compile *, const struct node *))
{
	for (size_t i = 0; i < policy_strings(n); i++) {
		const struct node *entry = policy_string_at(c, n, i);

		if (entry)
			read(c, entry);
	}
}

static void read_upstreams(struct compile *c, const struct node *n)
{
	struct upstream_list list;

	config_upstreams(c, n, &list);
	c->n_upstreams = (uint32_t)list.n;
	for (size_t i = 0; i < list.n && !c->diag->n_errors; i++)
		image_build_upstream(c->builder, &list.all[i]);
}

/* Behind the upstreams of no zone: an image holds those of the zones behind them. */
static void read_split(struct compile *c, const struct node *root)
{
	const struct node *forward = node_member(root, "forward", NODE_LIST), *records = node_member(root, "records", NODE_LIST);
	const struct node *hosts = node_member(root, "hosts_file", NODE_STRING);
	struct local_records l = {0};

	if (forward)
		config_forward(c, forward);
	if (records)
		config_records(c, records, &l);
	if (hosts)
		config_hosts(c, hosts, &l);
	free(l.all);
}

static void read_config(struct compile *c, const struct tree *t, const char *path)
{
	const struct node *root = tree_root(t), *policies, *upstreams, *sandboxes;

	text_record(tree_text(t), c, IMAGE_NONE);
	read_settings(c, root);
	policies = node_member(root, "policies", NODE_STRING | NODE_LIST);
	upstreams = node_member(root, "upstreams", NODE_STRING | NODE_LIST | NODE_GROUP);
	sandboxes = node_member(root, "sandboxes", NODE_LIST);
	if (policies)
		for_each_string(c, policies, read_policies);
	if (upstreams)
		read_upstreams(c, upstreams);
	if (c->n_upstreams == 0 && !node_member(root, "forward", NODE_LIST))
		diag_warning(c->diag, (struct spot){path, 0}, "no upstream, so no name can be resolved: write "
			"upstreams = [ \"ADDRESS\" ];");
	read_split(c, root);
	if (sandboxes)
		config_sandboxes(c, sandboxes);
}

void compile_config(struct compile *c, const char *path)
{
	struct tree *t = tree_load(c, (struct spot){0}, compile_keep(c, path));

	if (t)
		read_config(c, t, compile_keep(c, path));
	tree_free(t);
}
