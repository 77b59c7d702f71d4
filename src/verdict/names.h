/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names held once and counted: many pins share a name. Pure; equal means equal but for case. */
#ifndef VERDICT_NAMES_H
#define VERDICT_NAMES_H

#include <stdint.h>

#include "postern/compiler.h"
#include "postern/name.h"

#define NAMES_NONE 0

struct names;

POSTERN_MUST_CHECK int names_new(struct names **ret_names); /* 0 or -ENOMEM */
void names_free(struct names *t);			     /* NULL is fine */
/* The number of @name, held once more; NAMES_NONE where PIN_NAMES_MAX others are held. */
uint32_t names_take(struct names *t, const struct dns_name *name);
/* Held once less; at zero the number is free. */
void names_put(struct names *t, uint32_t n);
const struct dns_name *names_get(const struct names *t, uint32_t n);

#endif
