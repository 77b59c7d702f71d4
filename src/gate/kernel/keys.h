/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which set of rules/postern.nft holds what, and how its key is laid out: the one
 * place where set names and key bytes are made and read back.
 * folder: src/gate/kernel
 *
 * What a sandbox may reach is in sets named WHAT FAMILY _ KIND (pin4_iface), keyed by the sandbox's own selector;
 * who it is, in sandbox_KIND. Fields of a concatenation are padded to 4 bytes; addresses and ports in network
 * order, uid, cgroup id, interface group and conntrack zone in host order (in network order in sets with intervals),
 * interface names 16 bytes with NULs.
 */
#ifndef POSTERN_GATE_KEYS_H
#define POSTERN_GATE_KEYS_H

#include "nft.h"
#include "postern/addr.h"
#include "postern/sandbox.h"

#define KEY_WHOSE(zone) (0x706f0000u | (zone)) /* see chain miss_cgroup of rules/postern.nft */

/* How the kernel sees a selector. A source prefix that is not one address needs interval sets. */
enum key_kind { KEY_IFACE, KEY_SOURCE, KEY_PREFIX, KEY_CGROUP, KEY_UID, KEY_HOST, KEY_KIND_COUNT };

/* Of selector @i of @s. */
enum key_kind key_kind(const struct sandbox *s, unsigned int i);
/* How often a sandbox appears in the kernel: its selectors, or 1 for the host (which has none: i = 0). */
unsigned int key_selectors(const struct sandbox *s);

/*
 * The functions below return 0; -EAFNOSUPPORT where the families cannot meet (a source selector of the other
 * family, ICMP in IPv6), and there is nothing to do; -ENOENT where the cgroup does not exist yet; -EINVAL for
 * what no set can hold. @family is ADDR_V4 or ADDR_V6; interface, cgroup and uid are the same in both: the function
 * gives the same element for both families, and adding it twice in a batch is harmless.
 */

/* selector . @to . protocol . port: a pin, in a set with timeouts. Port protocols and single ports only. */
POSTERN_MUST_CHECK int key_pin(const struct sandbox *s, unsigned int i, const struct addr *to,
	const struct service *service, struct nft_key *ret_key);

enum key_way { KEY_EGRESS, KEY_INGRESS };
/*
 * A static rule: selector . @peer . @service. The set is chosen by the service: protocols with ports (TCP, UDP,
 * UDP-Lite, SCTP, DCCP), ICMP by type, others by number; protocol 0 is all of them. -EOPNOTSUPP: ingress of cgroup
 * and uid sandboxes other than ports is the host's business. Two elements of one set must not overlap.
 */
POSTERN_MUST_CHECK int key_rule(enum key_way way, const struct sandbox *s, unsigned int i, const struct prefix *peer,
	const struct service *service, struct nft_key *ret_key);
/* The same for a range of addresses. */
POSTERN_MUST_CHECK int key_rule_range(enum key_way way, const struct sandbox *s, unsigned int i,
	const struct addr_range *peer, const struct service *service, struct nft_key *ret_key);

/* The selector alone: confined. Its comment is "NAME POLICY". */
POSTERN_MUST_CHECK int key_sandbox(const struct sandbox *s, unsigned int i, uint8_t family, struct nft_key *ret_key);
/* Maps from the selector: to the stub port, and to the conntrack zone (-EOPNOTSUPP: this kind uses none). */
POSTERN_MUST_CHECK int key_dns(const struct sandbox *s, unsigned int i, uint8_t family, struct nft_key *ret_key,
	struct nft_data *ret_port);
POSTERN_MUST_CHECK int key_zone(const struct sandbox *s, unsigned int i, struct nft_key *ret_key,
	struct nft_data *ret_zone);
/* Map from the selector of a cgroup sandbox (else -EOPNOTSUPP) to the packet priority that tells the verdict loop whose it is. */
POSTERN_MUST_CHECK int key_whose(const struct sandbox *s, unsigned int i, struct nft_key *ret_key,
	struct nft_data *ret_priority);

/* Settings. */
enum key_open { KEY_OPEN_OUTPUT, KEY_OPEN_INPUT, KEY_OPEN_FORWARD };
POSTERN_MUST_CHECK int key_open(enum key_open which, uint8_t family, struct nft_key *ret_key);
POSTERN_MUST_CHECK int key_upstream(uint32_t resolver_uid, const struct addr *to, uint8_t protocol, uint16_t port,
	struct nft_key *ret_key);
/* Private addresses that a pin may open; two elements must not overlap. */
POSTERN_MUST_CHECK int key_private_answer(const struct prefix *p, struct nft_key *ret_key);
POSTERN_MUST_CHECK int key_confined_group(uint32_t group, struct nft_key *ret_key);
POSTERN_MUST_CHECK int key_stub_port(uint16_t port, struct nft_key *ret_key);
/* Map from the resolver's uid to its conntrack zone. */
POSTERN_MUST_CHECK int key_zone_resolver(uint32_t uid, uint16_t zone, struct nft_key *ret_key, struct nft_data *ret_zone);

/* What a dumped element says of its sandbox, and, for a pin, of its peer. */
struct key_pin {
	uint8_t kind;		  /* enum key_kind */
	struct selector selector; /* only the member of the kind is set */
	uint8_t family;		  /* host: which of the two; else of @to or of the source, or ADDR_NONE */
	struct addr to;
	uint8_t protocol;
	uint16_t port;
};
/* 0, or -EBADMSG where @key is not one that key_pin() (key_sandbox()) makes. */
POSTERN_MUST_CHECK int key_pin_decode(const struct nft_key *key, struct key_pin *ret_pin);
POSTERN_MUST_CHECK int key_sandbox_decode(const struct nft_key *key, struct key_pin *ret_pin);

/* The sets that the gate fills, for dumps and flushes: names of group @g until NULL. */
enum key_group { KEYS_PINS, KEYS_RULES, KEYS_SANDBOXES, KEYS_DNS, KEYS_ZONES, KEYS_WHOSE, KEYS_SETTINGS, KEY_GROUP_COUNT };
const char *key_set(enum key_group g, unsigned int i);
/* Is @set one of them? */
bool key_set_is_ours(const char *set);

#endif
