/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * See keys.h: names by table, keys field by field. keys_decode.c reads them back.
 */
#include "keys.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "keys_private.h"

/* WHAT4_KIND and WHAT6_KIND in the order of enum key_kind */
#define BY_KIND(what, f) \
	{ what f "_iface", what f "_source", what f "_prefix", what f "_cgroup", what f "_uid", what f "_host" }
/* whoever is known by a local socket has ports only */
#define BY_KIND_FORWARDED(what, f) { what f "_iface", what f "_source", what f "_prefix", NULL, NULL, what f "_host" }
#define BOTH(rows, what) { rows(what, "4"), rows(what, "6") }
#define SELECTORS(what, f) \
	{ what "_iface", what "_source" f, what "_prefix" f, what "_cgroup", what "_uid", what "_host" }

const char *const keys_pin[2][KEY_KIND_COUNT] = BOTH(BY_KIND, "pin");
const char *const keys_sandbox[2][KEY_KIND_COUNT] = BOTH(SELECTORS, "sandbox");
static const char *const keys_dns[2][KEY_KIND_COUNT] = BOTH(SELECTORS, "dns");
/* A source needs none: whoever uses it is the sandbox. The host's is 0. */
static const char *const keys_zone[KEY_KIND_COUNT] = {
	[KEY_IFACE] = "zone_iface", [KEY_CGROUP] = "zone_cgroup", [KEY_UID] = "zone_uid",
};
#define WHOSE_CGROUP "whose_cgroup"

enum service_class { CLASS_PORTS, CLASS_ICMP, CLASS_PROTOCOL, CLASS_COUNT };

static const char *const keys_rule[2][CLASS_COUNT][2][KEY_KIND_COUNT] = {
	[KEY_EGRESS] = {
		[CLASS_PORTS] = BOTH(BY_KIND, "allow"),
		[CLASS_ICMP] = BOTH(BY_KIND, "icmp"),
		[CLASS_PROTOCOL] = BOTH(BY_KIND, "proto"),
	},
	[KEY_INGRESS] = {
		[CLASS_PORTS] = BOTH(BY_KIND, "ingress"),
		[CLASS_ICMP] = BOTH(BY_KIND_FORWARDED, "ingress_icmp"),
		[CLASS_PROTOCOL] = BOTH(BY_KIND_FORWARDED, "ingress_proto"),
	},
};

static const char *const keys_settings[] = {
	"open_output", "open_input", "open_forward", "upstream4", "upstream6", "private_answer4", "private_answer6", "confined_group",
	"stub_port", "zone_resolver",
};

enum key_kind key_kind(const struct sandbox *s, unsigned int i)
{
	static const enum key_kind kinds[SANDBOX_KIND_COUNT] = {
		[SANDBOX_INTERFACE] = KEY_IFACE, [SANDBOX_SOURCE] = KEY_SOURCE, [SANDBOX_CGROUP] = KEY_CGROUP,
		[SANDBOX_UID] = KEY_UID, [SANDBOX_HOST] = KEY_HOST,
	};

	if (s->kind == SANDBOX_SOURCE && s->selectors[i].source.len != addr_bits(&s->selectors[i].source.addr))
		return KEY_PREFIX;
	return kinds[s->kind];
}

unsigned int key_selectors(const struct sandbox *s)
{
	return s->kind == SANDBOX_HOST ? 1 : s->n_selectors;
}

static void put_range(struct nft_key *k, const void *first, const void *last, size_t len)
{
	ASSERT(k->len + ((len + 3) & ~3u) <= NFT_KEY_SIZE_MAX);
	memcpy(k->key + k->len, first, len);
	memcpy(k->key_end + k->len, last, len);
	k->len = (uint8_t)(k->len + ((len + 3) & ~3u));
}

static void put(struct nft_key *k, const void *field, size_t len)
{
	put_range(k, field, field, len);
}

static void put_byte_range(struct nft_key *k, uint8_t first, uint8_t last)
{
	put_range(k, &first, &last, 1);
}

static void put_port_range(struct nft_key *k, uint16_t first, uint16_t last)
{
	uint16_t lo = htons(first), hi = htons(last);

	put_range(k, &lo, &hi, 2);
}

static size_t addr_size(uint8_t family)
{
	return family == ADDR_V4 ? 4 : 16;
}

static void put_prefix(struct nft_key *k, const struct prefix *p)
{
	struct addr_range range = prefix_whole(p);

	put_range(k, range.first.bytes, range.last.bytes, addr_size(p->addr.family));
}

static int put_ifname(struct nft_key *k, const char *name)
{
	char padded[SELECTOR_IFNAME_MAX] = { 0 };
	size_t len = strnlen(name, sizeof(padded));

	if (len == 0 || len == sizeof(padded))
		return -EINVAL;
	memcpy(padded, name, len);
	put(k, padded, sizeof(padded));
	return 0;
}

static bool family_valid(uint8_t family)
{
	return family == ADDR_V4 || family == ADDR_V6;
}

/*
 * Fields that the kernel has in host order. nft(8) loads them into sets with intervals in network order, with a byteorder
 * expression in the rule, so that ranges compare rightly; into hash sets as they are.
 */
static void put_number(struct nft_key *k, const void *value, size_t len, bool interval)
{
	uint8_t bytes[8];

	ASSERT(len <= sizeof(bytes));
	memcpy(bytes, value, len);
	if (interval && htons(1) != 1)
		for (size_t i = 0; i < len; i++)
			bytes[i] = ((const uint8_t *)value)[len - 1 - i];
	put(k, bytes, len);
}

/* @k->shape is set already. @family: that of the traffic. Writes nothing for the host. */
static int put_selector(struct nft_key *k, const struct sandbox *s, unsigned int i, uint8_t family)
{
	const struct selector *sel = &s->selectors[i];

	switch (key_kind(s, i)) {
	case KEY_IFACE:
		return put_ifname(k, sel->ifname);
	case KEY_SOURCE:
	case KEY_PREFIX:
		if (sel->source.addr.family != family)
			return -EAFNOSUPPORT;
		put_prefix(k, &sel->source);
		return 0;
	case KEY_CGROUP:
		if (sel->cgroup_id == 0)
			return -ENOENT;
		put_number(k, &sel->cgroup_id, sizeof(sel->cgroup_id), k->shape != NFT_POINT);
		return 0;
	case KEY_UID:
		put_number(k, &sel->uid, sizeof(sel->uid), k->shape != NFT_POINT);
		return 0;
	case KEY_HOST:
		return 0;
	case KEY_KIND_COUNT:
		break;
	}
	return -EINVAL;
}

/* Checks what every function below is given, and starts the key. */
static int start(struct nft_key *k, const struct sandbox *s, unsigned int i, uint8_t family)
{
	memset(k, 0, sizeof(*k));
	if (s->kind >= SANDBOX_KIND_COUNT || i >= key_selectors(s) || i >= SELECTORS_MAX)
		return -EINVAL;
	return family_valid(family) ? 0 : -EINVAL;
}

static bool has_ports(uint8_t protocol)
{
	switch (protocol) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
	case IPPROTO_DCCP:
	case IPPROTO_SCTP:
	case IPPROTO_UDPLITE:
		return true;
	default: /* a byte of the wire, not an enum of ours */
		return false;
	}
}

int key_pin(const struct sandbox *s, unsigned int i, const struct addr *to, const struct service *service,
	struct nft_key *ret_key)
{
	int rc = start(ret_key, s, i, to->family);

	if (rc)
		return rc;
	if (!has_ports(service->protocol) || service->first_port != service->last_port)
		return -EINVAL;
	ret_key->set = keys_pin[to->family == ADDR_V6][key_kind(s, i)];
	ret_key->shape = key_kind(s, i) == KEY_PREFIX ? NFT_CONCAT_RANGE : NFT_POINT;
	rc = put_selector(ret_key, s, i, to->family);
	if (rc)
		return rc;
	put(ret_key, to->bytes, addr_size(to->family));
	put(ret_key, &service->protocol, 1);
	put_port_range(ret_key, service->first_port, service->last_port);
	return 0;
}

/* The last fields, and which set has them. */
static int put_service(struct nft_key *k, const struct service *v, uint8_t family, enum service_class *ret_class)
{
	bool icmp = v->protocol == (family == ADDR_V4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);
	bool others_icmp = !icmp && (v->protocol == IPPROTO_ICMP || v->protocol == IPPROTO_ICMPV6);

	if (v->first_port > v->last_port)
		return -EINVAL;
	if (others_icmp)
		return -EAFNOSUPPORT;
	if (has_ports(v->protocol)) {
		put_byte_range(k, v->protocol, v->protocol);
		put_port_range(k, v->first_port, v->last_port);
		*ret_class = CLASS_PORTS;
	} else if (icmp) {
		if (v->first_port > UINT8_MAX)
			return -EINVAL;
		put_byte_range(k, (uint8_t)v->first_port, v->last_port > UINT8_MAX ? UINT8_MAX : (uint8_t)v->last_port);
		*ret_class = CLASS_ICMP;
	} else {
		put_byte_range(k, v->protocol, v->protocol ? v->protocol : UINT8_MAX);
		*ret_class = CLASS_PROTOCOL;
	}
	return 0;
}

int key_rule_range(enum key_way way, const struct sandbox *s, unsigned int i, const struct addr_range *peer,
	const struct service *service, struct nft_key *ret_key)
{
	uint8_t family = peer->first.family;
	enum service_class class;
	int rc = start(ret_key, s, i, family);

	ret_key->shape = NFT_CONCAT_RANGE;
	if (rc == 0)
		rc = put_selector(ret_key, s, i, family);
	if (rc)
		return rc;
	put_range(ret_key, peer->first.bytes, peer->last.bytes, addr_size(family));
	rc = put_service(ret_key, service, family, &class);
	if (rc)
		return rc;
	ret_key->set = keys_rule[way][class][family == ADDR_V6][key_kind(s, i)];
	return ret_key->set ? 0 : -EOPNOTSUPP;
}

int key_rule(enum key_way way, const struct sandbox *s, unsigned int i, const struct prefix *peer,
	const struct service *service, struct nft_key *ret_key)
{
	struct addr_range range = prefix_whole(peer);

	return key_rule_range(way, s, i, &range, service, ret_key);
}

static void put_family(struct nft_key *k, uint8_t family)
{
	uint8_t nfproto = family == ADDR_V4 ? AF_INET : AF_INET6; /* NFPROTO_IPV4, NFPROTO_IPV6 */

	put(k, &nfproto, 1);
	k->len = 1; /* a single field is not padded */
}

static int selector_alone(const char *const sets[2][KEY_KIND_COUNT], const struct sandbox *s, unsigned int i,
	uint8_t family, struct nft_key *ret_key)
{
	int rc = start(ret_key, s, i, family);

	if (rc)
		return rc;
	ret_key->set = sets[family == ADDR_V6][key_kind(s, i)];
	ret_key->shape = key_kind(s, i) == KEY_PREFIX ? NFT_RANGE : NFT_POINT;
	if (s->kind == SANDBOX_HOST)
		put_family(ret_key, family);
	return put_selector(ret_key, s, i, family);
}

int key_sandbox(const struct sandbox *s, unsigned int i, uint8_t family, struct nft_key *ret_key)
{
	return selector_alone(keys_sandbox, s, i, family, ret_key);
}

static void put_data(struct nft_data *d, const void *bytes, uint8_t len)
{
	ASSERT(len <= sizeof(d->bytes));
	memcpy(d->bytes, bytes, len);
	d->len = len;
}

int key_dns(const struct sandbox *s, unsigned int i, uint8_t family, struct nft_key *ret_key, struct nft_data *ret_port)
{
	uint16_t port = htons(s->stub_port);

	put_data(ret_port, &port, sizeof(port));
	return selector_alone(keys_dns, s, i, family, ret_key);
}

int key_zone(const struct sandbox *s, unsigned int i, struct nft_key *ret_key, struct nft_data *ret_zone)
{
	int rc = start(ret_key, s, i, ADDR_V4); /* the selectors that have a zone are alike in both families */

	if (rc)
		return rc;
	ret_key->set = keys_zone[key_kind(s, i)];
	if (!ret_key->set)
		return -EOPNOTSUPP;
	put_data(ret_zone, &s->zone, sizeof(s->zone));
	return put_selector(ret_key, s, i, ADDR_V4);
}

int key_whose(const struct sandbox *s, unsigned int i, struct nft_key *ret_key, struct nft_data *ret_priority)
{
	uint32_t priority = KEY_WHOSE(s->zone);
	int rc = start(ret_key, s, i, ADDR_V4);

	if (rc)
		return rc;
	if (key_kind(s, i) != KEY_CGROUP)
		return -EOPNOTSUPP;
	ret_key->set = WHOSE_CGROUP;
	put_data(ret_priority, &priority, sizeof(priority));
	return put_selector(ret_key, s, i, ADDR_V4);
}

int key_open(enum key_open which, uint8_t family, struct nft_key *ret_key)
{
	if (!family_valid(family))
		return -EINVAL;
	*ret_key = (struct nft_key){ .set = keys_settings[which] };
	put_family(ret_key, family);
	return 0;
}

int key_upstream(uint32_t resolver_uid, const struct addr *to, uint8_t protocol, uint16_t port,
	struct nft_key *ret_key)
{
	if (!family_valid(to->family) || !has_ports(protocol))
		return -EINVAL;
	*ret_key = (struct nft_key){ .set = to->family == ADDR_V4 ? "upstream4" : "upstream6" };
	put(ret_key, &resolver_uid, sizeof(resolver_uid));
	put(ret_key, to->bytes, addr_size(to->family));
	put(ret_key, &protocol, 1);
	put_port_range(ret_key, port, port);
	return 0;
}

int key_private_answer(const struct prefix *p, struct nft_key *ret_key)
{
	if (!family_valid(p->addr.family))
		return -EINVAL;
	*ret_key = (struct nft_key){ .set = p->addr.family == ADDR_V4 ? "private_answer4" : "private_answer6" };
	ret_key->shape = NFT_RANGE;
	put_prefix(ret_key, p);
	return 0;
}

int key_confined_group(uint32_t group, struct nft_key *ret_key)
{
	*ret_key = (struct nft_key){ .set = "confined_group" };
	put(ret_key, &group, sizeof(group));
	return 0;
}

int key_stub_port(uint16_t port, struct nft_key *ret_key)
{
	*ret_key = (struct nft_key){ .set = "stub_port" };
	put_port_range(ret_key, port, port);
	ret_key->len = sizeof(port);
	return 0;
}

int key_zone_resolver(uint32_t uid, uint16_t zone, struct nft_key *ret_key, struct nft_data *ret_zone)
{
	*ret_key = (struct nft_key){ .set = "zone_resolver" };
	put(ret_key, &uid, sizeof(uid));
	put_data(ret_zone, &zone, sizeof(zone));
	return 0;
}

/* The @i-th name that is there, among @n; the kinds without families stand in both halves. */
static const char *pick(const char *const *names, size_t n, unsigned int i)
{
	for (size_t at = 0; at < n; at++) {
		bool again = at >= KEY_KIND_COUNT && names[at] && names[at - KEY_KIND_COUNT] &&
			strcmp(names[at], names[at - KEY_KIND_COUNT]) == 0;

		if (names[at] && !again && i-- == 0)
			return names[at];
	}
	return NULL;
}

#define PICK(table, i) pick((const char *const *)(table), sizeof(table) / sizeof(const char *), i)

const char *key_set(enum key_group g, unsigned int i)
{
	switch (g) {
	case KEYS_PINS:
		return PICK(keys_pin, i);
	case KEYS_RULES:
		return PICK(keys_rule, i);
	case KEYS_SANDBOXES:
		return PICK(keys_sandbox, i);
	case KEYS_DNS:
		return PICK(keys_dns, i);
	case KEYS_ZONES:
		return PICK(keys_zone, i);
	case KEYS_WHOSE:
		return i == 0 ? WHOSE_CGROUP : NULL;
	case KEYS_SETTINGS:
		return i < ARRAY_LEN(keys_settings) ? keys_settings[i] : NULL;
	case KEY_GROUP_COUNT:
		break;
	}
	return NULL;
}

bool key_set_is_ours(const char *set)
{
	const char *name;

	for (unsigned int g = 0; g < KEY_GROUP_COUNT; g++)
		for (unsigned int i = 0; (name = key_set((enum key_group)g, i)); i++)
			if (strcmp(name, set) == 0)
				return true;
	return false;
}
