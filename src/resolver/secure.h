/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Validation of a task's answers: see secure.c. */
#ifndef POSTERN_RESOLVER_SECURE_H
#define POSTERN_RESOLVER_SECURE_H

#include "state.h"

/* The anchors of r->im. What was known is forgotten. */
void secure_set_image(struct resolver *r);
/* The same as the validator has it. */
struct dnssec_ds secure_ds(const struct anchor_ds *a);
/* Are answers about the task's current name validated? */
bool secure_wanted(const struct resolver *r, const struct task *task);
/* An answer to what the task asked, read into r->answer: to its own question, or to one of the validator's. */
void secure_answer(struct resolver *r, struct task *task, const uint8_t *data, size_t len);
/* The task ends, or begins anew. */
void secure_forget(struct resolver *r, struct task *task);

#endif
