/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The parts of postern.conf about names that are answered otherwise: `forward` (forward.c), `records` (records.c) and
 * `hosts_file` (hosts.c).
 */
#ifndef POSTERN_COMPILE_FORWARD_H
#define POSTERN_COMPILE_FORWARD_H

#include "pattern.h"
#include "tree.h"

#define CONFIG_RECORDS_MAX 1024 /* written in postern.conf, each address one */
#define LOCAL_TTL_S 60	       /* of a local record that says none */

/* One local record that was read. */
struct local_record {
	struct dns_name name, target; /* target.len 0: an address */
	struct spot at;
};

struct local_records {
	struct local_record *all;
	size_t n;
	size_t n_built; /* with those of a hosts file */
};

/* The section `forward`; the upstreams of no zone have been read. */
void config_forward(struct compile *c, const struct node *list);
/* The section `records`. Free l->all. */
void config_records(struct compile *c, const struct node *list, struct local_records *l);
/* A hosts file, hosts(5): names that @l has already keep what is written there. */
void config_hosts(struct compile *c, const struct node *n, struct local_records *l);
void hosts_file(struct compile *c, struct spot from, const char *path, struct local_records *l);

/* The name of a zone or record: no wildcard, and none that always means this machine, or nothing. False after an error. */
bool forward_name(struct compile *c, const struct node *n, const char *what, struct dns_name *ret_name);
/* Why no answer can hold @p: a sentence, or NULL where a record (a zone) may hold it. Public ones may. */
const char *forward_refused(const struct prefix *p);

#endif
