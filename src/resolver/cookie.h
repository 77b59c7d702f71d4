/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Server cookies that other servers with the same key would make and accept: RFC 7873, RFC 9018.
 */
#ifndef POSTERN_RESOLVER_COOKIE_H
#define POSTERN_RESOLVER_COOKIE_H

#include <stdbool.h>
#include <stdint.h>

#include "postern/addr.h"
#include "postern/hash.h"

#define COOKIE_SIZE 24 /* the client's eight bytes, then version, reserved, time and hash: RFC 9018 4 */

/* All zero before the first use. */
struct cookie_key {
	struct hash_key key;
	uint64_t roll_ms; /* when the next is drawn */
};

struct resolver;
struct client;

/* Makes the server's part behind the client's in the first 8 bytes of @cookie. @now_s: since 1970. */
void cookie_make(const struct hash_key *key, const struct addr *client, uint32_t now_s, uint8_t cookie[static COOKIE_SIZE]);
/* Was it made with @key for @client, at most half an hour ago and not over five minutes ahead of @now_s (RFC 9018 4.3)? */
bool cookie_good(const struct hash_key *key, const struct addr *client, uint32_t now_s,
	const uint8_t cookie[static COOKIE_SIZE]) POSTERN_PURE;
/* Puts what is answered to the cookie of the query being looked at, if it has one, in its place. */
void cookie_answer(struct resolver *r, const struct client *c);

#endif
