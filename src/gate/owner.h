/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whose is this end of a flow? Asked of the kernel when flows are judged anew (reload, tampering): the route to the address tells interface or
 * "this machine" (rtnetlink(7)), and for this machine the socket tells uid and cgroup (sock_diag(7)).
 * Private to src/gate.
 */
#ifndef GATE_OWNER_H
#define GATE_OWNER_H

#include <stdbool.h>
#include <stdint.h>

#include "postern/addr.h"
#include "postern/sandbox.h"

struct owners;

struct owner {
	bool local;	     /* the address is this machine's */
	char interface[SELECTOR_IFNAME_MAX]; /* not local: where it is reached */
	bool has_socket;     /* local, and a socket has the flow */
	uint32_t uid;
	uint64_t cgroup_id;  /* 0: the kernel does not tell */
};

struct owner_query {
	struct addr near, far; /* @near is the end that is asked about */
	uint16_t near_port, far_port;
	uint8_t protocol;
};

/* Opens its two sockets, at start. */
POSTERN_MUST_CHECK int owners_open(struct owners **ret_owners);
/* Routes and names of interfaces are remembered until this is called: before each look at all flows. */
void owners_forget(struct owners *o);
/* 0, or -errno where the kernel has no answer (no route). */
POSTERN_MUST_CHECK int owner_find(struct owners *o, const struct owner_query *q, struct owner *ret_owner);

#endif
