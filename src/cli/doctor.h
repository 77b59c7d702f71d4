/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * postern doctor: findings about this machine, each with its cure. Only looks; the one thing it loads is the ruleset
 * into a network namespace of its own that ends with the probe.
 */
#ifndef CLI_DOCTOR_H
#define CLI_DOCTOR_H

#include <jansson.h>

#include "cli.h"

enum finding_weight { FINDING_NOTE, FINDING_WARNING, FINDING_PROBLEM, FINDING_WEIGHTS };

struct doctor {
	const struct cli *c;
	json_t *findings;
	json_t *status; /* the daemon's, or NULL */
	unsigned int counts[FINDING_WEIGHTS];
	bool root;
};

/* @cure says what to do, as a command or a place. */
void doctor_find(struct doctor *d, enum finding_weight weight, const char *cure, const char *fmt, ...) POSTERN_PRINTF(4, 5);
/*
 * Runs a program with fixed PATH, its standard error thrown away. Returns its exit status, or -errno where it could not be
 * run (-ENOENT: not installed). @ret_out (may be NULL): what it printed, to be freed. @own_network: in a new network namespace.
 */
int doctor_run(const char *const argv[], bool own_network, char **ret_out);
/* The first bytes of a file as text; false where it cannot be read. */
bool doctor_read(const char *path, char *text, size_t cap);

void doctor_kernel(struct doctor *d);
void doctor_firewalls(struct doctor *d);
void doctor_resolvers(struct doctor *d);
void doctor_users(struct doctor *d);
void doctor_config(struct doctor *d);
void doctor_log(struct doctor *d);
void doctor_daemon(struct doctor *d);
void doctor_sandboxes(struct doctor *d);
void doctor_clock(struct doctor *d);

#endif
