/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SHA-256 (FIPS 180-4) of a file's bytes, by nettle: the adapter to that library. */
#ifndef POSTERN_COMPILE_DIGEST_H
#define POSTERN_COMPILE_DIGEST_H

#include <stddef.h>
#include <stdint.h>

void digest_sha256(const void *data, size_t len, uint8_t ret_digest[static 32]);

#endif
