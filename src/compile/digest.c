/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The only file that knows nettle. */
#include "digest.h"

#include <nettle/sha2.h>

void digest_sha256(const void *data, size_t len, uint8_t ret_digest[static 32])
{
	struct sha256_ctx ctx;

	sha256_init(&ctx);
	sha256_update(&ctx, len, data);
	sha256_digest(&ctx, SHA256_DIGEST_SIZE, ret_digest);
}
