/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The table of sandboxes: slots, stub ports, lookups. Private to src/gate. Pure.
 *
 * A slot number names a sandbox in every process and in the book of pins; it is not given again
 * before its pins and flows are gone.
 */
#ifndef GATE_SANDBOXES_H
#define GATE_SANDBOXES_H

#include <stdbool.h>
#include <stdint.h>

#include "postern/image.h"
#include "postern/sandbox.h"

/* Not a sandbox's: what postern's own resolver sends. Nobody may find a flow of its by using its port again. */
#define ZONE_RESOLVER UINT16_MAX

struct sandboxes;

POSTERN_MUST_CHECK int sandboxes_new(struct sandboxes **ret_table);
void sandboxes_free(struct sandboxes *t);

/* The next used slot from @from on, or SANDBOX_NONE. */
uint16_t sandboxes_next(const struct sandboxes *t, uint32_t from);
uint32_t sandboxes_count(const struct sandboxes *t);
/* NULL for an unused slot. */
const struct sandbox *sandboxes_get(const struct sandboxes *t, uint32_t slot);
const struct sandbox *sandboxes_find(const struct sandboxes *t, const char *name);
/* Which sandbox has this very selector (of @kind)? */
const struct sandbox *sandboxes_find_selector(const struct sandboxes *t, enum sandbox_kind kind,
	const struct selector *sel);
/* The sandbox with this conntrack zone; NULL. */
const struct sandbox *sandboxes_find_zone(const struct sandboxes *t, uint16_t zone);
/* The sandbox whose source prefix holds @a, longest first; NULL. */
const struct sandbox *sandboxes_find_source(const struct sandboxes *t, const struct addr *a);

/*
 * Checks @s against the table: -EEXIST (name), -EADDRINUSE (selector taken, or source prefixes that overlap),
 * -ENOSPC (no slot, or no stub port for a local sandbox).
 */
POSTERN_MUST_CHECK int sandboxes_check(const struct sandboxes *t, const struct sandbox *s);
/* Adds a checked sandbox; gives slot, stub port and zone (that of @s, if it has one and it is free). Returns the stored one. */
struct sandbox *sandboxes_add(struct sandboxes *t, const struct sandbox *s, const struct image_settings *settings);
/* Sandboxes that are added to @t get no slot that one of @before has, kept or not, nor one that had just become free. */
void sandboxes_follow(struct sandboxes *t, const struct sandboxes *before);
/* Takes over a sandbox of another table with its slot, port and zone, which have to be free here. */
struct sandbox *sandboxes_keep(struct sandboxes *t, const struct sandbox *s, const struct image_settings *settings);
void sandboxes_remove(struct sandboxes *t, uint16_t slot);
/* Writable, for the cgroup ids that appear and disappear. */
struct sandbox *sandboxes_edit(struct sandboxes *t, uint32_t slot);

#endif
