/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rules that no name can reach, and names of a rule that an earlier rule decides.
 */
#ifndef POSTERN_COMPILE_REACH_H
#define POSTERN_COMPILE_REACH_H

#include "diag.h"

/* Maps the finished image in @fd and warns. 0, or -errno of mapping it. */
POSTERN_MUST_CHECK int reach_check(struct diagnostics *d, int fd);

#endif
