/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Upstreams: a string is an address that is asked in clear text; a group is one that is asked over TLS, with the name that its
 * certificate has to carry and the certificates that may vouch for it. These are read here and travel in the image, so that the process
 * that speaks TLS opens no file, and a file that is missing is an error of the check and not of the night.
 *
 * There is no mixture among them: where one upstream fails the next is asked, which would be in clear text.
 */
#include "upstreams.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "postern/forward.h"
#include "source.h"

#define DNS_PORT 53
#define TLS_PORT 853 /* RFC 7858 3.1 */
#define CA_MAX (4u << 20)
#define PEM_BEGIN "-----BEGIN CERTIFICATE-----"

static const struct member members[] = {
	{"address", NODE_STRING, true}, {"tls", NODE_STRING, true}, {"ca", NODE_STRING, false}, {"port", NODE_INTEGER, false}, {0},
};

/* Where distributions keep the authorities that they trust, as one file. */
static const char *const system_stores[] = {
	"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem",
};

/* "192.0.2.53", "192.0.2.53:5353", "2001:db8::53", "[2001:db8::53]:53" */
static bool parse_upstream(const char *text, struct image_upstream *ret_upstream)
{
	struct image_upstream u = {.port = DNS_PORT};
	char host[ADDR_TEXT_MAX];
	const char *bracket = text[0] == '[' ? strchr(text, ']') : NULL, *colon = strrchr(text, ':');
	const char *start = bracket ? text + 1 : text, *end;
	long port;
	char *rest;

	if (addr_parse(text, &u.addr) == 0) {
		*ret_upstream = u;
		return true;
	}
	end = bracket ? bracket : colon;
	if (!colon || !end || (bracket && bracket + 1 != colon) || (size_t)(end - start) >= sizeof(host))
		return false;
	memcpy(host, start, (size_t)(end - start));
	host[end - start] = '\0';
	port = strtol(colon + 1, &rest, 10);
	if (colon[1] < '0' || colon[1] > '9' || *rest || port < 1 || port > 65535 || addr_parse(host, &u.addr) < 0)
		return false;
	if (u.addr.family == ADDR_V6 && !bracket)
		return false;
	u.port = (uint16_t)port;
	*ret_upstream = u;
	return true;
}

static void read_plain(struct compile *c, const struct node *n, struct image_upstream *u)
{
	if (!parse_upstream(node_string(n), u))
		diag_error(c->diag, node_spot(n), "\"%s\" is no upstream: write an address, with a port where it is not 53: "
			"\"192.0.2.53\", \"192.0.2.53:5353\", \"[2001:db8::53]:53\"", node_string(n));
}

/* A file of certificates into the image. */
static uint32_t read_ca(struct compile *c, struct spot from, const char *path)
{
	const struct source_request request = {.path = path, .from = from, .max = CA_MAX, .owner = c->owner};
	uint32_t at = IMAGE_NONE;
	struct source s;

	if (!source_read(c->diag, &request, &s))
		return IMAGE_NONE;
	if (strstr(s.text, PEM_BEGIN))
		at = image_build_string(c->builder, s.text);
	else
		diag_error(c->diag, (struct spot){path, 0}, "it holds no certificate: give a file with \"%s\" in it (PEM)", PEM_BEGIN);
	source_free(&s);
	return at;
}

static uint32_t system_ca(struct compile *c, const struct node *n)
{
	for (size_t i = 0; i < ARRAY_LEN(system_stores); i++)
		if (access(system_stores[i], F_OK) == 0)
			return read_ca(c, node_spot(n), system_stores[i]);
	diag_error(c->diag, node_spot(n), "this machine has no file of trusted authorities: install ca-certificates, or write "
		"ca = \"FILE\"");
	return IMAGE_NONE;
}

/* The name of a host, as a certificate carries it: no address, no wildcard. */
static bool is_host_name(const char *text)
{
	struct dns_name name;
	struct addr addr;

	if (addr_parse(text, &addr) == 0 || dns_name_from_text(text, &name) < 0 || name.len < 3)
		return false;
	return strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.") == strlen(text);
}

static void read_tls(struct compile *c, const struct node *n, struct image_upstream *u)
{
	const struct node *address = node_member(n, "address", NODE_STRING), *tls = node_member(n, "tls", NODE_STRING);
	const struct node *ca = node_member(n, "ca", NODE_STRING), *port = node_member(n, "port", NODE_INTEGER);

	u->port = TLS_PORT;
	node_check_members(c, n, "an upstream", members);
	if (address && addr_parse(node_string(address), &u->addr) < 0)
		diag_error(c->diag, node_spot(address), "\"%s\" is no address: write one, and `port` beside it where it is not %d",
			node_string(address), TLS_PORT);
	if (tls && !is_host_name(node_string(tls)))
		diag_error(c->diag, node_spot(tls), "\"%s\" is no name that a certificate could carry: write the upstream's host name",
			node_string(tls));
	if (port && (node_integer(port) < 1 || node_integer(port) > UINT16_MAX))
		diag_error(c->diag, node_spot(port), "%lld is no port: write 1 to 65535", node_integer(port));
	else if (port)
		u->port = (uint16_t)node_integer(port);
	u->tls = tls ? image_build_string(c->builder, node_string(tls)) : 0;
	u->ca = ca ? read_ca(c, node_spot(ca), compile_path(c, node_spot(ca).file, node_string(ca))) : system_ca(c, n);
}

static void read_one(struct compile *c, const struct node *n, struct image_upstream *u)
{
	if (node_kind(n) == NODE_STRING)
		read_plain(c, n, u);
	else if (node_kind(n) == NODE_GROUP)
		read_tls(c, n, u);
	else
		diag_error(c->diag, node_spot(n), "an upstream that is neither a string nor a group: write \"ADDRESS\", or "
			"{ address = \"ADDRESS\"; tls = \"NAME\"; }");
}

void config_upstreams(struct compile *c, const struct node *n, struct upstream_list *ret_list)
{
	size_t count = node_kind(n) == NODE_LIST ? node_count(n) : 1, n_tls = 0;

	memset(ret_list, 0, sizeof(*ret_list));
	if (count > ZONE_UPSTREAMS_MAX)
		diag_error(c->diag, node_spot(node_at(n, ZONE_UPSTREAMS_MAX)), "more than %d upstreams: remove some", ZONE_UPSTREAMS_MAX);
	for (size_t i = 0; i < count && i < ZONE_UPSTREAMS_MAX; i++) {
		const struct node *entry = node_kind(n) == NODE_LIST ? node_at(n, i) : n;

		read_one(c, entry, &ret_list->all[ret_list->n++]);
		n_tls += node_kind(entry) == NODE_GROUP;
	}
	if (n_tls && n_tls < ret_list->n)
		diag_error(c->diag, node_spot(n), "some upstreams have `tls` and some have not: names would go out in clear text whenever "
			"TLS fails: give all of them a `tls` name, or none");
}
