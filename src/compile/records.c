/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The section `records` of postern.conf: names that are answered here. A name has addresses, or one alias; aliases may lead
 * to other local names, a few times.
 */
#include "forward.h"

#include <stdlib.h>
#include <string.h>

#include "policy.h"
#include "postern/forward.h"

#define TTL_MAX_S 604800

static const struct member members[] = {
	{"name", NODE_STRING, true}, {"address", NODE_STRING | NODE_LIST, false}, {"cname", NODE_STRING, false},
	{"ttl", NODE_INTEGER, false}, {0},
};

static void take_name(struct compile *c, const struct node *n, struct local_records *l, struct local_record *rec)
{
	if (!forward_name(c, n, "record", &rec->name))
		return;
	for (size_t i = 0; i < l->n; i++)
		if (dns_name_equal(&l->all[i].name, &rec->name))
			diag_error(c->diag, node_spot(n), "a record \"%s\" stands in line %u already: write all its addresses there",
				node_string(n), l->all[i].at.line);
}

static void build(struct compile *c, struct local_records *l, const struct build_record *r, struct spot at)
{
	if (l->n_built++ == CONFIG_RECORDS_MAX)
		diag_error(c->diag, at, "more than %d local records: write them into a hosts file", CONFIG_RECORDS_MAX);
	else if (!c->diag->n_errors)
		image_build_record(c->builder, r);
}

static void take_address(struct compile *c, const struct node *n, struct local_records *l, struct build_record *r)
{
	struct prefix p = {0};
	const char *refused;

	if (addr_parse(node_string(n), &p.addr) < 0) {
		diag_error(c->diag, node_spot(n), "\"%s\" is no address: write one such as \"10.0.0.9\", and names as `cname`",
			node_string(n));
		return;
	}
	p.len = addr_bits(&p.addr);
	refused = forward_refused(&p);
	if (refused) {
		diag_error(c->diag, node_spot(n), "\"%s\" %s: no record may hold it: remove it", node_string(n), refused);
		return;
	}
	r->addr = p.addr;
	build(c, l, r, node_spot(n));
}

static void take_addresses(struct compile *c, const struct node *n, struct local_records *l, struct build_record *r)
{
	if (policy_strings(n) == 0)
		diag_error(c->diag, node_spot(n), "`address` is empty: write addresses");
	for (size_t i = 0; i < policy_strings(n); i++) {
		const struct node *entry = policy_string_at(c, n, i);

		if (entry)
			take_address(c, entry, l, r);
	}
}

static void take_alias(struct compile *c, const struct node *n, struct local_records *l, struct build_record *r,
	struct local_record *rec)
{
	if (!forward_name(c, n, "cname", &rec->target))
		return;
	r->target = &rec->target;
	build(c, l, r, node_spot(n));
}

static void take_ttl(struct compile *c, const struct node *n, struct build_record *r)
{
	r->ttl_s = LOCAL_TTL_S;
	if (!n)
		return;
	if (node_integer(n) < 1 || node_integer(n) > TTL_MAX_S)
		diag_error(c->diag, node_spot(n), "ttl %lld is out of range: write 1 to %d", node_integer(n), TTL_MAX_S);
	else
		r->ttl_s = (uint32_t)node_integer(n);
}

static void read_record(struct compile *c, const struct node *n, struct local_records *l)
{
	const struct node *name = node_member(n, "name", NODE_STRING), *cname = node_member(n, "cname", NODE_STRING);
	const struct node *address = node_member(n, "address", NODE_STRING | NODE_LIST);
	struct local_record rec = {.at = node_spot(n)};
	struct build_record r = {.name = &rec.name};

	node_check_members(c, n, "a record", members);
	if (name)
		take_name(c, name, l, &rec);
	take_ttl(c, node_member(n, "ttl", NODE_INTEGER), &r);
	if (address && cname)
		diag_error(c->diag, node_spot(cname), "a record with `address` and `cname`: an alias has nothing else: remove one");
	else if (!address && !cname)
		diag_error(c->diag, node_spot(n), "a record that holds nothing: write address = [ \"10.0.0.9\" ]; or cname = \"NAME\";");
	else if (address)
		take_addresses(c, address, l, &r);
	else
		take_alias(c, cname, l, &r, &rec);
	if (rec.name.len == 0)
		return;
	l->all = compile_grow(l->all, l->n, sizeof(*l->all));
	l->all[l->n++] = rec;
}

static const struct local_record *find(const struct local_records *l, const struct dns_name *name)
{
	for (size_t i = 0; i < l->n; i++)
		if (dns_name_equal(&l->all[i].name, name))
			return &l->all[i];
	return NULL;
}

static void check_alias(struct compile *c, const struct local_records *l, const struct local_record *rec)
{
	const struct local_record *at = rec;
	unsigned int hops = 0;

	while (at && at->target.len && hops++ <= LOCAL_ALIASES_MAX)
		at = find(l, &at->target);
	if (hops > LOCAL_ALIASES_MAX)
		diag_error(c->diag, rec->at, "aliases lead from here to each other more than %d times: let this one lead to the last name",
			LOCAL_ALIASES_MAX);
}

void config_records(struct compile *c, const struct node *list, struct local_records *l)
{
	for (size_t i = 0; i < node_count(list) && l->n_built <= CONFIG_RECORDS_MAX; i++) {
		const struct node *n = node_at(list, i);

		if (node_kind(n) == NODE_GROUP)
			read_record(c, n, l);
		else
			diag_error(c->diag, node_spot(n), "an entry of `records` that is no record: write { name = ...; address = ...; }");
	}
	for (size_t i = 0; i < l->n; i++)
		if (l->all[i].target.len)
			check_alias(c, l, &l->all[i]);
}
