/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Keyed hashing for tables whose keys come from outside: SipHash-1-3 with a
 * key drawn at start (https://131002.net/siphash/), so that a sandbox cannot aim collisions.
 * folder: src/base
 */
#ifndef POSTERN_HASH_H
#define POSTERN_HASH_H

#include <stddef.h>
#include <stdint.h>

#include "postern/compiler.h"

struct hash_key {
	uint64_t k0, k1;
};

/* Draws a key with getrandom(2); ends the process where the kernel has none. */
void hash_key_init(struct hash_key *ret_key);
uint64_t hash_bytes(const struct hash_key *key, const void *data, size_t len) POSTERN_PURE;
/* SipHash-2-4, for what others compute too (DNS cookies, RFC 9018): its eight bytes are the result's, lowest first. */
uint64_t hash_siphash24(const struct hash_key *key, const void *data, size_t len) POSTERN_PURE;

#endif
