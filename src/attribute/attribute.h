/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who sent a packet: socket, cgroup, process. Every question gets an answer; what could not be found is
 * left empty (pid 0: only the user is known).
 */
#ifndef ATTRIBUTE_ATTRIBUTE_H
#define ATTRIBUTE_ATTRIBUTE_H

#include <stdint.h>

#include "postern/counters.h"
#include "postern/message.h"

#define ATTRIBUTE_BUDGET_US 5000 /* for all questions of one turn; postern-verdict waits VERDICT_HOLD_MS */

struct attribute;

/* Opens what is needed: before the system call filter. 0 or -errno; without a cgroup v2 mount it works without cgroups. */
POSTERN_MUST_CHECK int attribute_new(struct attribute **ret_attribute);
void attribute_free(struct attribute *a); /* NULL is fine */
/* Works at most about @budget_us. */
void attribute_answer(struct attribute *a, const struct msg_attribute_ask *ask, uint64_t budget_us,
	struct attribution *ret_by);
/* Indexed by the COUNTER_ATTRIBUTE_* of postern/counters.h. */
void attribute_counters(const struct attribute *a, uint64_t ret_counters[static COUNTER_ATTRIBUTE_COUNT]);

#endif
