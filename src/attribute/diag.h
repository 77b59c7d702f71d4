/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One socket by its addresses and ports, asked from the kernel (sock_diag(7)): no search, about 2 us. */
#ifndef ATTRIBUTE_DIAG_H
#define ATTRIBUTE_DIAG_H

#include <stdint.h>

#include "postern/message.h"

struct diag_socket {
	uint32_t uid;
	uint32_t inode;	    /* 0: no process holds it any more */
	uint64_t cgroup_id; /* cgroup v2 in which it was made; 0: the kernel did not say */
};

struct diag;

POSTERN_MUST_CHECK int diag_new(struct diag **ret_diag); /* 0 or -errno */
void diag_free(struct diag *d);				  /* NULL is fine */
/*
 * The local socket that sent a TCP segment or UDP datagram. An unconnected UDP socket is found by its port; a SYN-ACK
 * is its listening socket's.
 * -ENOENT: there is none (any more), or it is bound to an interface and the kernel does not tell; -EPROTONOSUPPORT
 * for other protocols.
 */
POSTERN_MUST_CHECK int diag_find(struct diag *d, const struct msg_attribute_ask *ask, struct diag_socket *ret_socket);

#endif
