/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * DNS cookies, the client's side: see the header. Pure; time and random numbers are the core's.
 *
 * A client cookie is random (RFC 9018 3), another for each upstream and each day, so that nobody can follow us by it. The server's part is
 * whatever it last gave, and kept until the client's part changes. Once an upstream has answered with our cookie it is known to do cookies, and an answer without is
 * forged, or from a server that has ceased to: the caller asks again over TCP, which tells the two apart. So a forger
 * gains nothing, and an upstream that was replaced costs one connection.
 *
 * A question that is answered late is checked against the cookie it went out with, not against the present one.
 */
#include "cookie_ask.h"

#include <string.h>

#define SERVER_MIN 8

bool upstream_cookie_due(const struct upstream_cookie *c, uint64_t now_ms)
{
	return c->roll_ms <= now_ms;
}

void upstream_cookie_draw(struct upstream_cookie *c, uint64_t random, uint64_t now_ms)
{
	for (unsigned int i = 0; i < DNS_COOKIE_CLIENT; i++)
		c->client[i] = (uint8_t)(random >> 8 * i);
	c->server_len = 0;
	c->roll_ms = now_ms + COOKIE_ROLL_MS;
}

void upstream_cookie_put(const struct upstream_cookie *c, struct dns_ask *a)
{
	memcpy(a->cookie, c->client, DNS_COOKIE_CLIENT);
	memcpy(a->cookie + DNS_COOKIE_CLIENT, c->server, c->server_len);
	a->cookie_len = (uint8_t)(DNS_COOKIE_CLIENT + c->server_len);
}

static bool is_ours(const struct dns_answer_opt *opt, const uint8_t *client)
{
	return opt->cookie_len >= DNS_COOKIE_CLIENT && opt->cookie_len <= DNS_COOKIE_MAX &&
		memcmp(opt->cookie, client, DNS_COOKIE_CLIENT) == 0;
}

enum cookie_verdict upstream_cookie_check(struct upstream_cookie *c, const struct dns_ask *a, const struct dns_answer_opt *opt,
	bool stream)
{
	size_t server_len = opt->cookie_len - (size_t)DNS_COOKIE_CLIENT;

	if (!a->cookie_len)
		return COOKIE_GOOD;
	if (opt->cookie_len && !is_ours(opt, a->cookie))
		return COOKIE_FORGED; /* RFC 7873 5.3 */
	if (opt->cookie_len <= DNS_COOKIE_CLIENT) { /* none, or our own option sent back by who does not know it */
		if (stream)
			c->known = false;
		return c->known ? COOKIE_FORGED : COOKIE_GOOD;
	}
	if (server_len < SERVER_MIN)
		return COOKIE_FORGED;
	c->known = true;
	if (memcmp(c->client, a->cookie, DNS_COOKIE_CLIENT) == 0) {
		memcpy(c->server, opt->cookie + DNS_COOKIE_CLIENT, server_len);
		c->server_len = (uint8_t)server_len;
	}
	return COOKIE_GOOD;
}
