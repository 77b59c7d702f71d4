/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The one rule that the daemon adds: the queue at the end of chain `miss`, in the encoding that
 * this kernel has: native expression, or the xtables NFQUEUE target (revision 3)
 * through nft_compat. Never with bypass.
 * folder: src/gate/kernel
 */
#ifndef POSTERN_GATE_QUEUE_RULE_H
#define POSTERN_GATE_QUEUE_RULE_H

#include "nft.h"

#define QUEUE_RULE_CHAIN "miss"

/*
 * Appends it, or finds it there (known by its comment). @ret_native: true for the native encoding. 0; -EEXIST where
 * ours is there with another queue number; -EOPNOTSUPP where the kernel has neither encoding; -ENOENT without table or
 * chain; -errno.
 */
POSTERN_MUST_CHECK int queue_rule_add(struct nft *n, uint16_t queue, bool *ret_native);

#endif
