/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What one client of a sandbox may take while the sandbox is short of something: buckets by source address, in a table of fixed size.
 */
#ifndef POSTERN_RESOLVER_CLIENTS_H
#define POSTERN_RESOLVER_CLIENTS_H

#include <stdint.h>

#include "record.h"

#define CLIENTS_PER_SANDBOX 64	/* that are told apart; those beyond share one allowance */
#define CLIENTS_TOLD_MAX 256	/* of all sandboxes, with a record of their own in a window */
#define CLIENTS_TOLD_PER_SANDBOX 8
#define CLIENT_TASKS 16		/* questions under way that are counted against a client */
#define CLIENT_NO_PLACE UINT16_MAX

struct clients;

enum client_kind { CLIENT_QUERY, CLIENT_CONNECTION, CLIENT_KINDS };

/* CLIENT_UNTOLD: over, and the caller has to count it, as there is no record of the client's own. */
enum client_verdict { CLIENT_GOOD, CLIENT_OVER, CLIENT_UNTOLD };

struct client_allowance {
	uint64_t interval_ns; /* of one */
	uint64_t depth_ns;    /* of a whole bucket; at least one interval */
};

/* NULL without memory. Until clients_set() and clients_set_prefix6() nobody is over. */
struct clients *clients_new(void);
void clients_free(struct clients *c);
void clients_set(struct clients *c, enum client_kind kind, const struct client_allowance *allowance);
/* How many bits of an IPv6 address are one client. */
void clients_set_prefix6(struct clients *c, uint8_t bits);
/* Takes one of the allowance of @peer, a client of @slot (below SANDBOX_MAX). Over, it costs nothing. */
enum client_verdict clients_take(struct clients *c, uint16_t slot, const struct addr *peer, enum client_kind kind, uint64_t now_ms);
/*
 * A question of @peer's begins, which is counted until clients_end() of *ret_place. Over CLIENT_TASKS: it does not (and the place is
 * CLIENT_NO_PLACE).
 */
enum client_verdict clients_begin(struct clients *c, uint16_t slot, const struct addr *peer, uint64_t now_ms, uint16_t *ret_place);
void clients_end(struct clients *c, uint16_t slot, uint16_t place);
/* The slot has another owner: nothing is known of its clients. */
void clients_forget(struct clients *c, uint16_t slot);
/* How often a client was one of those who share an allowance, as the sandbox's places were taken. */
uint64_t clients_shared(const struct clients *c) POSTERN_PURE;
/* Hands out a record for each client of @slot (SANDBOX_NONE: of all) that went over. False: there was no room for all, call again. */
bool clients_flush(struct clients *c, uint16_t slot, const struct record_out *out);

#endif
