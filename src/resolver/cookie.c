/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * DNS cookies, the server's side: see cookie.h. Pure; time and random numbers are the core's.
 *
 * A client that sends a cookie gets it back with ours, so that it can tell our answers from those of somebody who does not see its
 * questions. We demand none: of RFC 7873 5.2.3 and 5.2.4 the third choice, a query without a good server cookie is answered
 * as any other, and never BADCOOKIE. What a cookie would prove to us, that the source is true, the interface or port of each sandbox
 * proves already, and who is over the allowance is not answered at all (rate.c), as silence is the only answer a flood cannot use.
 *
 * A cookie of ours that is younger than half an hour is repeated, others are made anew: older, foreign, or of another key. So a key
 * needs no time after its end. It is random, of this process and never written, and each day another is drawn.
 */
#include "cookie.h"

#include <string.h>

#include "state.h"

#define VERSION 1
#define AT_VERSION 8
#define AT_TIME 12
#define AT_HASH 16
#define KEY_MS (24u * 3600 * 1000)
#define AHEAD_S 300
#define RENEW_S 1800

static uint64_t hash(const struct hash_key *key, const struct addr *client, const uint8_t *cookie)
{
	uint8_t input[AT_HASH + sizeof(client->bytes)];
	size_t len = addr_bits(client) / 8u;

	memcpy(input, cookie, AT_HASH);
	memcpy(input + AT_HASH, client->bytes, len);
	return hash_siphash24(key, input, AT_HASH + len);
}

static uint64_t get_hash(const uint8_t *p)
{
	uint64_t value = 0;

	for (unsigned int i = 0; i < 8; i++)
		value |= (uint64_t)p[i] << (8 * i);
	return value;
}

static uint32_t get_time(const uint8_t *cookie)
{
	const uint8_t *p = cookie + AT_TIME;

	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

void cookie_make(const struct hash_key *key, const struct addr *client, uint32_t now_s, uint8_t cookie[static COOKIE_SIZE])
{
	uint64_t value;

	memset(cookie + AT_VERSION, 0, AT_TIME - AT_VERSION);
	cookie[AT_VERSION] = VERSION;
	for (unsigned int i = 0; i < 4; i++)
		cookie[AT_TIME + i] = (uint8_t)(now_s >> (24 - 8 * i));
	value = hash(key, client, cookie);
	for (unsigned int i = 0; i < 8; i++)
		cookie[AT_HASH + i] = (uint8_t)(value >> (8 * i));
}

bool cookie_good(const struct hash_key *key, const struct addr *client, uint32_t now_s,
	const uint8_t cookie[static COOKIE_SIZE])
{
	int32_t age_s = (int32_t)(now_s - get_time(cookie)); /* serial numbers: RFC 1982 */

	return cookie[AT_VERSION] == VERSION && age_s <= RENEW_S && age_s >= -AHEAD_S &&
		hash(key, client, cookie) == get_hash(cookie + AT_HASH);
}

static uint64_t random_u64(struct resolver *r)
{
	return (uint64_t)r->ports->random(r->ctx) << 32 | r->ports->random(r->ctx);
}

void cookie_answer(struct resolver *r, const struct client *c)
{
	struct cookie_key *key = &r->cookie_key;
	uint32_t now_s = (uint32_t)(r->wall_ms / 1000);
	struct dns_query *q = &r->query;

	if (!q->cookie_len)
		return;
	if (key->roll_ms <= r->now_ms)
		*key = (struct cookie_key){{random_u64(r), random_u64(r)}, r->now_ms + KEY_MS};
	if (q->cookie_len != COOKIE_SIZE || !cookie_good(&key->key, &c->peer, now_s, q->cookie))
		cookie_make(&key->key, &c->peer, now_s, q->cookie);
	q->cookie_len = COOKIE_SIZE;
}
