/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Names and groups of interfaces by index, asked from rtnetlink(7) and remembered for a second, or until any interface
 * changes. The sockets are opened before the system call filter is on.
 */
#ifndef VERDICT_LINKS_H
#define VERDICT_LINKS_H

#include <stdbool.h>
#include <stdint.h>

#include "postern/compiler.h"
#include "postern/sandbox.h"

#define LINKS_MAX 1024	  /* remembered; two that fall on one place push each other out */
#define LINKS_KEEP_MS 1000

struct link {
	uint32_t index; /* 0: the place is empty */
	uint32_t group;
	uint64_t until_ms;
	char name[SELECTOR_IFNAME_MAX]; /* "" where the interface is gone */
};

struct links;

POSTERN_MUST_CHECK int links_new(struct links **ret_links); /* 0 or -errno */
void links_free(struct links *l);			     /* NULL is fine */
/* Between the receive of packets and links_find() of theirs: forgets all where an interface came, went, or got another name. */
void links_refresh(struct links *l);
/* Never NULL; index 0 and interfaces that cannot be found have the name "". Valid until the next call. */
const struct link *links_find(struct links *l, uint32_t index, uint64_t now_ms);

#endif
