/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Names by family (0: IPv4, 1: IPv6) and kind, for writing keys and reading them.
 */
#ifndef POSTERN_GATE_KEYS_PRIVATE_H
#define POSTERN_GATE_KEYS_PRIVATE_H

#include "keys.h"

extern const char *const keys_pin[2][KEY_KIND_COUNT];
extern const char *const keys_sandbox[2][KEY_KIND_COUNT];

#endif
