/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SipHash-c-d, after the description in Aumasson and Bernstein, "SipHash: a
 * fast short-input PRF" (2012): c rounds a word, d at the end.
 */
#include "postern/hash.h"

#include <endian.h>
#include <string.h>
#include <sys/random.h>

#include "postern/compiler.h"

void hash_key_init(struct hash_key *ret_key)
{
	ASSERT(getrandom(ret_key, sizeof(*ret_key), 0) == (ssize_t)sizeof(*ret_key));
}

static inline uint64_t rotl(uint64_t x, unsigned int n)
{
	return x << n | x >> (64 - n);
}

static inline void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = rotl(v[1], 13) ^ v[0];
	v[0] = rotl(v[0], 32);
	v[2] += v[3];
	v[3] = rotl(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotl(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotl(v[1], 17) ^ v[2];
	v[2] = rotl(v[2], 32);
}

static inline void sip_word(uint64_t v[4], uint64_t m, unsigned int rounds)
{
	v[3] ^= m;
	while (rounds--)
		sip_round(v);
	v[0] ^= m;
}

static inline uint64_t sip(const struct hash_key *key, const void *data, size_t len, const unsigned int rounds[2])
{
	uint64_t v[4] = {key->k0 ^ 0x736f6d6570736575u, key->k1 ^ 0x646f72616e646f6du,
		key->k0 ^ 0x6c7967656e657261u, key->k1 ^ 0x7465646279746573u};
	const uint8_t *p = data;
	size_t left = len;
	uint64_t m;

	for (; left >= 8; left -= 8, p += 8) {
		memcpy(&m, p, 8);
		sip_word(v, le64toh(m), rounds[0]);
	}
	m = (uint64_t)len << 56;
	for (size_t i = 0; i < left; i++)
		m |= (uint64_t)p[i] << (8 * i);
	sip_word(v, m, rounds[0]);
	v[2] ^= 0xff;
	for (unsigned int i = 0; i < rounds[1]; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint64_t hash_bytes(const struct hash_key *key, const void *data, size_t len)
{
	return sip(key, data, len, (const unsigned int[]){1, 3});
}

uint64_t hash_siphash24(const struct hash_key *key, const void *data, size_t len)
{
	return sip(key, data, len, (const unsigned int[]){2, 4});
}
