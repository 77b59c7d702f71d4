/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * DNS cookies, the client's side: one for each upstream, so that who does not see our questions cannot answer them. RFC 7873, RFC 9018.
 */
#ifndef POSTERN_RESOLVER_COOKIE_ASK_H
#define POSTERN_RESOLVER_COOKIE_ASK_H

#include <stdbool.h>
#include <stdint.h>

#include "postern/dns.h"

/* What is known of one upstream; all zero before the first question. */
struct upstream_cookie {
	bool known; /* it answers with cookies: what comes without one is not from there */
	uint8_t server_len; /* 0: it has given us none under this client cookie */
	uint8_t client[DNS_COOKIE_CLIENT];
	uint8_t server[DNS_COOKIE_MAX - DNS_COOKIE_CLIENT];
	uint64_t roll_ms; /* when another client cookie is drawn */
};

#define COOKIE_ROLL_MS (24u * 3600 * 1000)

/* GOOD: it may be read on. FORGED: not from the upstream, or without what it is known to send. */
enum cookie_verdict { COOKIE_GOOD, COOKIE_FORGED };

/* Is it time for another? Then to be drawn with upstream_cookie_draw(). */
bool upstream_cookie_due(const struct upstream_cookie *c, uint64_t now_ms) POSTERN_PURE;
void upstream_cookie_draw(struct upstream_cookie *c, uint64_t random, uint64_t now_ms);
/* Puts it into the question. */
void upstream_cookie_put(const struct upstream_cookie *c, struct dns_ask *a);
/*
 * What @opt of an answer to @a says, where @a has a cookie; learns from it. Over a @stream, which nobody can write to, an answer
 * without a cookie means that the upstream does them no more.
 */
enum cookie_verdict upstream_cookie_check(struct upstream_cookie *c, const struct dns_ask *a, const struct dns_answer_opt *opt,
	bool stream);

#endif
