/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A compile: memory files out to postern-policy, a sealed and checked image back. Private to src/gate.
 */
#ifndef GATE_POLICY_LOAD_H
#define GATE_POLICY_LOAD_H

#include "children.h"
#include "postern/image.h"

struct policy_load {
	int image_fd, diagnostics_fd; /* -1: no compile under way */
	uint32_t seq;
	uint64_t started_ms;
};

void policy_load_init(struct policy_load *l);
/* Asks for a compile. -EBUSY while one is under way. */
POSTERN_MUST_CHECK int policy_load_start(struct policy_load *l, struct children *c);
/*
 * On MSG_COMPILED: seals, maps and checks. 0 with @ret_image and @ret_fd (the caller's), -EINVAL where the compiler found
 * errors, -EBADMSG for an image that does not hold water, -EPROTO for an answer nobody asked for. In every case but
 * -EPROTO @ret_diagnostics_fd is the caller's.
 */
POSTERN_MUST_CHECK int policy_load_finish(struct policy_load *l, const struct msg_compiled *m, struct image **ret_image,
	int *ret_fd, int *ret_diagnostics_fd);

#endif
