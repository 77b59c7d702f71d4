/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One NETLINK_NETFILTER socket: a "do" that ends with an acknowledgement, and a "for each" over what
 * the kernel answers. Private to this folder; on libmnl.
 *
 * Nothing here waits: the kernel works in our sendmsg(2), and its answer is in our queue when that
 * returns (nf_tables, ctnetlink). What is not there then is a protocol error, as is a message
 * that does not answer the request's sequence number, or that no kernel sent.
 */
#ifndef POSTERN_GATE_NETLINK_H
#define POSTERN_GATE_NETLINK_H

#include <libmnl/libmnl.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/compiler.h"

#define NETLINK_RECV_SIZE 32768 /* the kernel's own bound for a dump's message */
#define NETLINK_TEXT_MAX 256

/* The kernel's refusal: of which message, at which byte of it, in its words. */
struct netlink_error {
	int error;	 /* negative errno, 0: none */
	uint32_t seq;
	uint32_t offset; /* of the attribute that it did not like, 0: not told */
	char text[NETLINK_TEXT_MAX]; /* "" where it said nothing */
};

struct netlink {
	struct mnl_socket *socket;
	uint32_t seq;	 /* the last one used */
	struct netlink_error error; /* of the last request */
	_Alignas(8) uint8_t received[NETLINK_RECV_SIZE];
};

/* @buffer_size: send and receive buffer, beyond the system's limits; charged only while in use. */
POSTERN_MUST_CHECK int netlink_open(struct netlink *nl, int buffer_size);
void netlink_close(struct netlink *nl);
int netlink_fd(const struct netlink *nl);
uint32_t netlink_portid(const struct netlink *nl);

/* Starts a message at @buf: type with subsystem, NLM_F_REQUEST | @flags, nfgenmsg. */
struct nlmsghdr *netlink_message(void *buf, uint16_t type, uint16_t flags, uint8_t family);

/*
 * Sends @len bytes of messages numbered from @first_seq to @last_seq and reads the
 * acknowledgement of @last_seq, which the caller asked for (NLM_F_ACK). 0 or -errno; details in nl->error.
 */
POSTERN_MUST_CHECK int netlink_do(struct netlink *nl, const void *messages, size_t len, uint32_t first_seq,
	uint32_t last_seq);

/* Return 0 to go on; anything else ends the calls (the rest is read and thrown away). */
typedef int netlink_each_fn(void *context, const struct nlmsghdr *answer);
/*
 * Sends one request (its sequence number is filled in) and calls @each for every message of the answer. For a dump set
 * NLM_F_DUMP, for a single object NLM_F_ACK. -EINTR: changed while it was dumped.
 */
POSTERN_MUST_CHECK int netlink_each(struct netlink *nl, struct nlmsghdr *request, netlink_each_fn *each, void *context);

#endif
