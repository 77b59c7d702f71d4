/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The section `forward` of postern.conf: zones, the upstreams that are asked for them, and the private addresses that
 * they may answer with.
 */
#include "forward.h"

#include <stdlib.h>
#include <string.h>

#include "policy.h"
#include "postern/forward.h"
#include "upstreams.h"

#define ZONE_PREFIXES_MAX 64

static const struct member members[] = {
	{"zone", NODE_STRING, true}, {"to", NODE_STRING | NODE_LIST | NODE_GROUP, true},
	{"private", NODE_BOOLEAN | NODE_STRING | NODE_LIST, false}, {0},
};

struct zone_reader {
	struct compile *c;
	struct dns_name names[ZONES_MAX];
	struct spot at[ZONES_MAX];
	size_t n_zones;
};

/* The zone under construction. */
struct zone {
	struct dns_name name;
	struct upstream_list upstreams;
	struct prefix prefixes[ZONE_PREFIXES_MAX];
	size_t n_prefixes;
};

/* RFC 6761 6.3 and 6.4, RFC 7686 2: no resolver may ask for these. */
static bool never_forwarded(const struct dns_name *name)
{
	static const char *const zones[] = {"localhost", "invalid", "onion"};
	struct dns_name zone;

	for (size_t i = 0; i < ARRAY_LEN(zones); i++)
		if (dns_name_from_text(zones[i], &zone) == 0 && dns_name_within(name, &zone))
			return true;
	return false;
}

bool forward_name(struct compile *c, const struct node *n, const char *what, struct dns_name *ret_name)
{
	const char *text = node_string(n);
	char complaint[COMPLAINT_MAX];
	struct pattern p;

	if (strcmp(text, ".") == 0 || strcmp(text, "*") == 0)
		diag_error(c->diag, node_spot(n), "%s \"%s\" would be every name: write one name (what is asked for all other names "
			"stands in `upstreams`)", what, text);
	else if (!pattern_parse(text, strlen(text), &p, complaint))
		diag_error(c->diag, node_spot(n), "%s", complaint);
	else if (p.wildcard)
		diag_error(c->diag, node_spot(n), "%s \"%s\" has a \"*\": write \"%s\"", what, text, text + 2);
	else if (never_forwarded(&p.name))
		diag_error(c->diag, node_spot(n), "%s \"%s\": names of localhost, invalid and onion are answered by no server: remove it",
			what, text);
	else {
		*ret_name = p.name;
		return true;
	}
	return false;
}

const char *forward_refused(const struct prefix *p)
{
	if (p->len == addr_bits(&p->addr) && addr_is_never(&p->addr))
		return "is a metadata service, which is always denied";
	if (prefix_is_site(p))
		return NULL;
	return prefix_is_private(p) ? "is loopback, link-local, multicast, reserved or carries another address" : NULL;
}

static void take_name(struct zone_reader *r, const struct node *n, struct zone *z)
{
	if (!forward_name(r->c, n, "zone", &z->name))
		return;
	for (size_t i = 0; i < r->n_zones; i++)
		if (dns_name_equal(&r->names[i], &z->name))
			diag_error(r->c->diag, node_spot(n), "zone \"%s\" stands in line %u already: write all its upstreams there",
				node_string(n), r->at[i].line);
	if (r->n_zones == ZONES_MAX)
		return; /* which was reported */
	r->names[r->n_zones] = z->name;
	r->at[r->n_zones++] = node_spot(n);
}

static void take_upstreams(struct zone_reader *r, const struct node *n, struct zone *z)
{
	if (node_kind(n) == NODE_LIST && node_count(n) == 0)
		diag_error(r->c->diag, node_spot(n), "`to` is empty: write the addresses of the zone's servers");
	config_upstreams(r->c, n, &z->upstreams);
}

static void take_prefix(struct zone_reader *r, const struct node *n, struct zone *z)
{
	const char *refused;
	struct prefix p;

	if (prefix_parse(node_string(n), &p) < 0) {
		diag_error(r->c->diag, node_spot(n), "\"%s\" is no prefix: write one without bits behind its length, such as "
			"\"10.0.0.0/8\"", node_string(n));
		return;
	}
	refused = forward_refused(&p);
	if (refused)
		diag_error(r->c->diag, node_spot(n), "\"%s\" %s: no zone may answer with it: remove it", node_string(n), refused);
	else if (!prefix_is_site(&p))
		diag_error(r->c->diag, node_spot(n), "\"%s\" is not private: public addresses need no permission: remove it, or write "
			"the private part of it", node_string(n));
	else if (z->n_prefixes == ZONE_PREFIXES_MAX)
		diag_error(r->c->diag, node_spot(n), "more than %d prefixes in `private`: write wider ones", ZONE_PREFIXES_MAX);
	else
		z->prefixes[z->n_prefixes++] = p;
}

/* RFC 1918, RFC 4193 */
static void take_every_private(struct zone *z)
{
	static const char *const every[] = {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"};

	for (size_t i = 0; i < ARRAY_LEN(every); i++)
		if (prefix_parse(every[i], &z->prefixes[z->n_prefixes]) == 0)
			z->n_prefixes++;
}

static void take_private(struct zone_reader *r, const struct node *n, struct zone *z)
{
	if (node_kind(n) == NODE_BOOLEAN) {
		if (node_boolean(n))
			take_every_private(z);
		return;
	}
	if (policy_strings(n) == 0)
		diag_error(r->c->diag, node_spot(n), "`private` is empty: write prefixes, or true for every private address");
	for (size_t i = 0; i < policy_strings(n); i++) {
		const struct node *entry = policy_string_at(r->c, n, i);

		if (entry)
			take_prefix(r, entry, z);
	}
}

static void read_zone(struct zone_reader *r, const struct node *n)
{
	const struct node *name = node_member(n, "zone", NODE_STRING), *to = node_member(n, "to", NODE_STRING | NODE_LIST | NODE_GROUP);
	const struct node *private = node_member(n, "private", NODE_BOOLEAN | NODE_STRING | NODE_LIST);
	struct zone *z = calloc(1, sizeof(*z));

	ASSERT(z);
	node_check_members(r->c, n, "a forward zone", members);
	if (name)
		take_name(r, name, z);
	if (to)
		take_upstreams(r, to, z);
	if (private)
		take_private(r, private, z);
	if (!r->c->diag->n_errors)
		image_build_zone(r->c->builder, &(struct build_zone){.name = &z->name, .upstreams = z->upstreams.all,
			.n_upstreams = z->upstreams.n, .prefixes = z->prefixes, .n_prefixes = z->n_prefixes});
	free(z);
}

void config_forward(struct compile *c, const struct node *list)
{
	struct zone_reader *r = calloc(1, sizeof(*r));

	ASSERT(r);
	r->c = c;
	if (node_count(list) > ZONES_MAX)
		diag_error(c->diag, node_spot(list), "more than %d zones: forward a zone above some of them", ZONES_MAX);
	for (size_t i = 0; i < node_count(list) && i <= ZONES_MAX; i++) {
		const struct node *n = node_at(list, i);

		if (node_kind(n) == NODE_GROUP)
			read_zone(r, n);
		else
			diag_error(c->diag, node_spot(n), "an entry of `forward` that is no zone: write { zone = ...; to = ...; }");
	}
	free(r);
}
