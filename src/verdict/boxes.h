/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The sandboxes as the verdict loop knows them, and whose a packet is. Pure: no fd, no clock.
 * Tables are reserved once and touched only when used.
 */
#ifndef VERDICT_BOXES_H
#define VERDICT_BOXES_H

#include <stdbool.h>
#include <stdint.h>

#include "postern/addr.h"
#include "postern/compiler.h"
#include "postern/image.h"
#include "postern/sandbox.h"

struct boxes;

POSTERN_MUST_CHECK int boxes_new(struct boxes **ret_boxes); /* 0 or -ENOMEM */
void boxes_free(struct boxes *b);			     /* NULL is fine */

/* Adds or changes. -EINVAL where the sandbox is not valid or its slot out of range: nothing changes. */
POSTERN_MUST_CHECK int boxes_set(struct boxes *b, const struct sandbox *s);
void boxes_unset(struct boxes *b, uint16_t slot); /* an unused slot is fine */
/* NULL where there is none. */
const struct sandbox *boxes_get(const struct boxes *b, uint16_t slot);

/* From now on policies are those of @im, which has to outlive its use here; NULL: none. */
void boxes_use_image(struct boxes *b, const struct image *im);
/* The sandbox's policy, or NULL: no such sandbox, no image, or no policy of that name in it. */
const struct image_policy *boxes_policy(struct boxes *b, uint16_t slot);

/* Whose: each returns a slot or SANDBOX_NONE. */
uint16_t boxes_by_interface(const struct boxes *b, const char *ifname);
uint16_t boxes_by_source(const struct boxes *b, const struct addr *a); /* longest prefix */
uint16_t boxes_by_cgroup(const struct boxes *b, const char *path);     /* deepest; @path without leading slash */
uint16_t boxes_by_cgroup_zone(const struct boxes *b, uint16_t zone);   /* the cgroup sandbox with that zone */
uint16_t boxes_by_uid(const struct boxes *b, uint32_t uid);
uint16_t boxes_host(const struct boxes *b);
/* Is there any sandbox that is selected by cgroup? */
bool boxes_any_cgroup(const struct boxes *b);

#endif
