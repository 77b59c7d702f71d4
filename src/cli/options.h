/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line: options may stand before and after the command's name. */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdio.h>

#include "cli.h"

/* Fills @ret_cli. -EINVAL where it makes no sense; that is said on standard error. */
POSTERN_MUST_CHECK int options_parse(int argc, char **argv, struct cli *ret_cli);
/* All commands, or what the command of @c takes. */
void options_help(const struct cli *c, FILE *to);

#endif
