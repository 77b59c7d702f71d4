/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of what each role may do; private to src/jail. */
#ifndef JAIL_ROLES_H
#define JAIL_ROLES_H

#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>

#include "postern/message.h"

/* One system call, with at most one argument that has to have a given value. */
struct call {
	const char *name;
	int arg;	/* which argument is compared, or -1: none */
	uint64_t value;
};

#define ANY(name) {name, -1, 0}
#define WHEN(name, arg, value) {name, arg, value}

struct role_row {
	const char *executable;
	const char *user;
	uint64_t capabilities;	/* 1 << CAP_* */
	const struct call *calls;
	size_t n_calls;
	rlim_t nofile;
	rlim_t nproc;		/* further processes of this uid; 0: cannot fork */
	uint64_t slice_ns;	/* what it asks the scheduler for (slice.c); 0: what all have */
};

const struct role_row *role_row(enum role r);

/* limits.c: 0 or -errno. As many descriptors as the row says, or as few as a supervisor allows: full tables are refusals, not ends. */
POSTERN_MUST_CHECK int limit_descriptors(const struct role_row *row);
POSTERN_MUST_CHECK int limit_core(void);
POSTERN_MUST_CHECK int limit_processes(const struct role_row *row);

/* Asks for slices of @ns. What the kernel says does not matter: it is a wish. */
void slice_ask(uint64_t ns);

/* Calls that every role needs: its channel, its loop, memory, clocks, the end. */
extern const struct call calls_common[];
extern const size_t n_calls_common;
/* Calls that the build itself needs (extra_none.c, extra_sanitizer.c). */
extern const struct call calls_extra[];
extern const size_t n_calls_extra;

#endif
