/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Our table as it was at start, for putting it back after someone else's change: the table, its
 * sets, maps, objects, chains and rules, as the kernel itself described them.
 * folder: src/gate/kernel
 *
 * Elements are kept only of sets that neither the gate fills (keys.h) nor packets (dynamic sets): lists of
 * the ruleset file. Handles and counters are no part of it.
 */
#ifndef POSTERN_GATE_SNAPSHOT_H
#define POSTERN_GATE_SNAPSHOT_H

#include "nft.h"

struct snapshot;

/* Take it once the ruleset is loaded and the queue rule is in. -ENOENT: there is no table. Free with snapshot_free(). */
POSTERN_MUST_CHECK int snapshot_take(struct nft *n, struct snapshot **ret_snapshot);
void snapshot_free(struct snapshot *s); /* NULL is fine */

/* Does the kernel's table still say the same? Elements of the gate's own sets are not looked at. */
POSTERN_MUST_CHECK int snapshot_intact(struct nft *n, const struct snapshot *s, bool *ret_intact);

/*
 * Deletes what is left of the table and builds all of it anew, with @changes (NFT_ADD of the gate's elements), in
 * one transaction: there is no moment without it. But the kernel gives a new base chain its policy `drop` only after the
 * rules are in force (nf_tables_commit), so for some microseconds a packet that falls off the last rule is accepted: the
 * snapshot has to have the queue rule, with which chain `miss` ends every packet itself. Errors as nft_commit().
 */
POSTERN_MUST_CHECK int snapshot_restore(struct nft *n, const struct snapshot *s, const struct nft_change *changes,
	size_t n_changes);

#endif
