/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The end of a process that found a bug of its own. */
#include "postern/compiler.h"

#include <stdlib.h>

#include "postern/log.h"

void postern_assert_failed(const char *cond, const char *file, int line)
{
	log_err("assertion failed: %s at %s:%d", cond, file, line);
	abort();
}
