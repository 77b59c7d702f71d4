/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sockets that sock_diag does not know everywhere: ping sockets (icmp(7), which have none) and raw sockets (raw(7); a kernel
 * without CONFIG_INET_RAW_DIAG). They stand in /proc/net/icmp, icmp6, raw and raw6 of this network namespace (proc(5)).
 */
#ifndef ATTRIBUTE_TABLES_H
#define ATTRIBUTE_TABLES_H

#include "diag.h"

#define TABLES_BYTES_MAX 65536 /* of one table, about 400 sockets: what is beyond is not looked at */

/* One line. Addresses of a socket that is not bound or connected are zero. */
struct table_row {
	struct addr local, remote;
	uint16_t port; /* ping socket: identifier; raw socket: protocol */
	bool sending;  /* something that it sent is still in this machine */
	uint32_t uid;
	uint32_t inode;
};

struct tables;

POSTERN_MUST_CHECK int tables_new(struct tables **ret_tables); /* 0 or -errno */
void tables_free(struct tables *t);			       /* NULL is fine */
/* One line without its newline, of a table of @family (enum of postern/addr.h). False: it is none, as the heading. Pure. */
bool tables_row(const char *line, uint8_t family, struct table_row *ret_row);
/*
 * The socket that sent a packet: of its protocol, addresses and (ping) identifier, with a packet still on its way, as the held
 * one is. -ENOENT: none; -ENOTUNIQ: several raw sockets may have.
 */
POSTERN_MUST_CHECK int tables_find(struct tables *t, const struct msg_attribute_ask *ask, struct diag_socket *ret_socket);

#endif
