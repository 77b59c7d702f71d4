/* SPDX-License-Identifier: GPL-2.0-or-later */
/* posternd's command line; posternd(8). Private to src/gate. */
#ifndef GATE_OPTIONS_H
#define GATE_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "postern/compiler.h"

struct options {
	const char *config;
	const char *rules;	 /* ruleset file for nft -f */
	const char *runtime_dir; /* control socket */
	const char *libexec_dir;
	const char *group;	 /* of the control socket */
	uid_t uid_base;		 /* 0: system users */
	uint32_t silence_ms;	 /* a child that does not answer for so long is dead */
	uint16_t queue;
	bool verbose;
};

/* 0, -EINVAL (said on standard error), or 1 where help or version was asked for and printed. */
POSTERN_MUST_CHECK int options_parse(int argc, char **argv, struct options *ret_options);

#endif
