/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Has any interface come, gone, or changed its name or group? For those who remember what the number of an interface means: the
 * kernel tells so (rtnetlink(7), RTMGRP_LINK) before a packet of the new interface can arrive, and numbers are given
 * away again. Ask behind the receive and before the lookup, and nothing remembered is another interface's.
 * folder: src/base
 */
#ifndef POSTERN_LINKWATCH_H
#define POSTERN_LINKWATCH_H

#include <stdbool.h>

#include "postern/compiler.h"

/* Before the system call filter. A descriptor to be closed by the caller, or -errno. */
POSTERN_MUST_CHECK int linkwatch_open(void);
/* Since the last call, or since the open. Never waits; true in doubt, for example where notices were lost. */
bool linkwatch_changed(int fd);

#endif
