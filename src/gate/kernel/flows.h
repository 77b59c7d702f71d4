/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Established flows that are ours (conntrack entries with bit FLOW_MARK), listed and ended one by one.
 * folder: src/gate/kernel
 *
 * conntrack knows no sandbox and no hook. Flows that came in to this machine carry FLOW_MARK_ARRIVED; for the rest the
 * original direction's source tells outbound (a sandbox's or this machine's address) from inbound: the caller
 * knows these.
 */
#ifndef POSTERN_GATE_FLOWS_H
#define POSTERN_GATE_FLOWS_H

#include <stdbool.h>
#include <stdint.h>

#include "postern/addr.h"

#define FLOW_MARK 0x00100000u /* set by rules/postern.nft on every flow it let through */
#define FLOW_MARK_ARRIVED 0x00200000u /* the flow came in to this machine */

struct flow_tuple {
	struct addr source, destination;
	uint16_t source_port, destination_port; /* host order; ICMP: id, and type << 8 | code */
};

struct flow {
	struct flow_tuple original;
	struct flow_tuple reply; /* differs from the original turned round where NAT took part */
	uint8_t protocol;
	uint16_t zone;		/* of both directions */
	uint16_t original_zone; /* of the original direction alone: the sandbox's, see rules/postern.nft */
	uint32_t id;
	uint32_t mark;
};

struct flows;

/* Opens the socket once, at start: closing one stalls others' commits. */
POSTERN_MUST_CHECK int flows_open(struct flows **ret_flows);
void flows_close(struct flows *f); /* NULL is fine */

/*
 * Calls @each for every flow with the bit, IPv4 and IPv6; a non-zero return ends the calls and is returned.
 * A flow may come twice, and one that begins meanwhile may be missed. @each must not use @f.
 */
typedef int flows_each_fn(void *context, const struct flow *flow);
POSTERN_MUST_CHECK int flows_dump(struct flows *f, flows_each_fn *each, void *context);

/* Ends exactly this one: tuple, zone and id. -ENOENT: it is gone already (fine). */
POSTERN_MUST_CHECK int flows_delete(struct flows *f, const struct flow *flow);

struct flows_stats { /* of the connection table of this network namespace */
	uint32_t entries, max;
	uint32_t dropped; /* packets dropped for want of an entry, since the namespace began; wraps round */
};

/* 0 or -errno. */
POSTERN_MUST_CHECK int flows_stats(struct flows *f, struct flows_stats *ret_stats);

#endif
