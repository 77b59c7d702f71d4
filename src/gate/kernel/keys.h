/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which set of rules/postern.nft holds what, and how its key is laid out: the one
 * place where set names and key bytes are made and read back.
 * folder: src/gate/kernel
 *
 * Set names are WHAT FAMILY _ KIND, as in pin4_iface. Keys are fields padded to 4 bytes; addresses and ports in
 * network order, uid and cgroup id in host order, interface names 16 bytes with NULs.
 */
#ifndef POSTERN_GATE_KEYS_H
#define POSTERN_GATE_KEYS_H

#include "nft.h"
#include "postern/addr.h"
#include "postern/sandbox.h"

/* How the kernel sees a selector. A source prefix that is not one address needs interval sets. */
enum key_kind { KEY_IFACE, KEY_SOURCE, KEY_PREFIX, KEY_CGROUP, KEY_UID, KEY_HOST, KEY_KIND_COUNT };

/* Of selector @i of @s; KEY_HOST has no selector (use i = 0). */
enum key_kind key_kind(const struct sandbox *s, unsigned int i);
/* How often a sandbox appears in the kernel: its selectors, or 1 for the host. */
unsigned int key_selectors(const struct sandbox *s);

/*
 * All of them: 0; -EAFNOSUPPORT where the selector is a source of the other family (nothing to do);
 * -ENOENT where the cgroup does not exist yet; -EINVAL.
 */

/* selector . daddr . protocol . dport; a dynamic pin. */
POSTERN_MUST_CHECK int key_pin(const struct sandbox *s, unsigned int i, const struct addr *to,
	const struct service *service, struct nft_key *ret_key);

enum key_static { KEY_EGRESS, KEY_INGRESS };
/*
 * A static rule: the set is chosen by @service: ports (TCP, UDP, SCTP, DCCP, UDP-Lite), ICMP types, or
 * other protocols by number (protocol 0: all of them).
 */
POSTERN_MUST_CHECK int key_rule(enum key_static way, const struct sandbox *s, unsigned int i,
	const struct prefix *peer, const struct service *service, struct nft_key *ret_key);

/* The selector alone: traffic of a sandbox. Its comment is "name policy". */
POSTERN_MUST_CHECK int key_sandbox(const struct sandbox *s, unsigned int i, uint8_t family, struct nft_key *ret_key);
/* The selector, to which inbound policy applies. */
POSTERN_MUST_CHECK int key_inbound(const struct sandbox *s, unsigned int i, uint8_t family, struct nft_key *ret_key);
/* Map selector -> stub port (nft_change.has_port). */
POSTERN_MUST_CHECK int key_dns(const struct sandbox *s, unsigned int i, uint8_t family, struct nft_key *ret_key);

/* What a dumped pin says. */
struct key_pin {
	uint8_t kind; /* enum key_kind */
	struct selector selector; /* the member of the kind is set */
	struct addr to;
	uint8_t protocol;
	uint16_t port;
};
/* 0, or -EBADMSG where @key is no pin of ours. */
POSTERN_MUST_CHECK int key_pin_decode(const struct nft_key *key, struct key_pin *ret_pin);
/* The same for an element of the sets of key_sandbox(): only kind and selector are filled. */
POSTERN_MUST_CHECK int key_sandbox_decode(const struct nft_key *key, struct key_pin *ret_pin);

/* The sets whose elements the gate makes, for dumps and flushes: names until NULL. */
enum key_group { KEYS_PINS, KEYS_RULES, KEYS_SANDBOXES, KEYS_INBOUND, KEYS_DNS, KEYS_SETTINGS, KEY_GROUP_COUNT };
const char *key_set(enum key_group g, unsigned int i);
/* Is @set one of them? */
bool key_set_is_ours(const char *set);

#endif
