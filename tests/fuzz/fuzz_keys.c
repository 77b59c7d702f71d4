/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any bytes as the key of an element that the kernel listed. What has to hold: no read outside; what is taken for a
 * pin, or for a sandbox, gives the same bytes again when it is made from what was read.
 *
 * Input: which set, shape, length, then key and end of key.
 */
#include <string.h>

#include "keys.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct sandbox sandbox_of(const struct key_pin *p)
{
	static const enum sandbox_kind kinds[KEY_KIND_COUNT] = {
		[KEY_IFACE] = SANDBOX_INTERFACE, [KEY_SOURCE] = SANDBOX_SOURCE, [KEY_PREFIX] = SANDBOX_SOURCE,
		[KEY_CGROUP] = SANDBOX_CGROUP, [KEY_UID] = SANDBOX_UID, [KEY_HOST] = SANDBOX_HOST,
	};

	return (struct sandbox){ .kind = (uint8_t)kinds[p->kind], .n_selectors = 1, .selectors = { p->selector } };
}

static void check_same(const struct nft_key *got, const struct nft_key *want)
{
	ASSERT(got->len == want->len && strcmp(got->set, want->set) == 0);
	ASSERT(memcmp(got->key, want->key, got->len) == 0);
	ASSERT(want->shape == NFT_POINT || memcmp(got->key_end, want->key_end, got->len) == 0);
}

/* A cgroup without an id, a prefix of full length, a port of a protocol without: readable, but none that we make. */
static void try_pin(const struct nft_key *key)
{
	struct key_pin p;
	struct sandbox s;
	struct nft_key again;

	if (key_pin_decode(key, &p))
		return;
	s = sandbox_of(&p);
	if (key_kind(&s, 0) == (enum key_kind)p.kind &&
		key_pin(&s, 0, &p.to, &(struct service){ p.protocol, p.port, p.port }, &again) == 0)
		check_same(&again, key);
}

static void try_sandbox(const struct nft_key *key)
{
	struct key_pin p;
	struct sandbox s;
	struct nft_key again;

	if (key_sandbox_decode(key, &p))
		return;
	s = sandbox_of(&p);
	if (key_kind(&s, 0) == (enum key_kind)p.kind &&
		key_sandbox(&s, 0, p.family == ADDR_NONE ? ADDR_V4 : p.family, &again) == 0)
		check_same(&again, key);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nft_key key = { .set = NULL };

	if (size < 3)
		return 0;
	key.set = key_set(data[0] & 1 ? KEYS_PINS : KEYS_SANDBOXES, data[0] >> 1);
	key.shape = data[1] % 3;
	key.len = data[2];
	data += 3;
	size -= 3;
	memcpy(key.key, data, size < NFT_KEY_SIZE_MAX ? size : NFT_KEY_SIZE_MAX);
	memcpy(key.key_end, key.key, sizeof(key.key_end));
	if (size > NFT_KEY_SIZE_MAX)
		memcpy(key.key_end, data + NFT_KEY_SIZE_MAX,
			size - NFT_KEY_SIZE_MAX < NFT_KEY_SIZE_MAX ? size - NFT_KEY_SIZE_MAX : NFT_KEY_SIZE_MAX);
	if (key.set) {
		try_pin(&key);
		try_sandbox(&key);
	}
	return 0;
}
