/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Loads a ruleset file with nft(8), once, at start, as root: what it says goes to our log.
 * folder: src/gate/kernel
 */
#ifndef POSTERN_GATE_LOAD_H
#define POSTERN_GATE_LOAD_H

#include "postern/compiler.h"

/*
 * Runs `@nft -f @path` (@nft: absolute path, or NULL for the usual places) and waits for it at most 30 s. 0;
 * -ENOENT where there is no nft; -ETIMEDOUT; -EBADMSG where it failed.
 */
POSTERN_MUST_CHECK int load_ruleset(const char *nft, const char *path);

#endif
