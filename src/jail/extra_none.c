/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An ordinary build needs nothing beside the table. */
#include "roles.h"

const struct call calls_extra[] = {ANY("exit_group")};
const size_t n_calls_extra = 1;
