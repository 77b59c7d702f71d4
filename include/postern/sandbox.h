/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A sandbox: a named scope of traffic with one policy, and what selects it.
 * folder: src/policy
 *
 * Fixed-size, without pointers: it crosses process borders inside messages and is
 * part of the compiled image.
 */
#ifndef POSTERN_SANDBOX_H
#define POSTERN_SANDBOX_H

#include <stdbool.h>
#include <stdint.h>

#include "postern/addr.h"

#define SANDBOX_NAME_MAX 64 /* with the NUL; [A-Za-z0-9._-], starts with a letter or digit */
#define SANDBOX_MAX 16384   /* slots: static and runtime together */
#define SANDBOX_LOCAL_MAX 256 /* uid, cgroup and host sandboxes: each has its stub port */
#define SANDBOX_NONE UINT16_MAX
#define SELECTORS_MAX 4
#define SELECTOR_IFNAME_MAX 16 /* IFNAMSIZ */
#define SELECTOR_CGROUP_MAX 192

/* In order of precedence: a packet that two sandboxes select belongs to the first. */
enum sandbox_kind {
	SANDBOX_INTERFACE,
	SANDBOX_SOURCE,
	SANDBOX_CGROUP,
	SANDBOX_UID,
	SANDBOX_HOST,
	SANDBOX_KIND_COUNT
};

/*
 * What is done with what the policy does not allow. Audit: it is let through and recorded as "would-block"; what is always
 * denied, malformed or forged is not. 0, and so every doubt, is enforce.
 */
enum sandbox_mode { SANDBOX_ENFORCE, SANDBOX_AUDIT, SANDBOX_MODE_COUNT };

struct selector {
	char ifname[SELECTOR_IFNAME_MAX];   /* interface */
	struct prefix source;		    /* source */
	uint32_t uid;			    /* uid */
	char cgroup[SELECTOR_CGROUP_MAX];   /* path below the cgroup2 mount, no leading slash */
	uint64_t cgroup_id;		    /* inode of its directory; 0: does not exist (yet) */
};

struct sandbox {
	char name[SANDBOX_NAME_MAX];
	char policy[SANDBOX_NAME_MAX];
	uint16_t slot;	    /* the sandbox's number in every process, until it is removed */
	uint16_t stub_port; /* where its DNS arrives: shared for interface and source */
	uint16_t zone;	    /* conntrack zone of what it sends; 0: not given yet. Of interface, cgroup, uid */
	uint8_t kind;	    /* enum sandbox_kind */
	uint8_t n_selectors;
	bool runtime;	    /* added through the control socket, not by postern.conf */
	uint8_t mode;	    /* enum sandbox_mode */
	uint8_t fail_open;  /* 1: a permitted name whose pins cannot be had is answered all the same; opens no packet */
	struct selector selectors[SELECTORS_MAX];
};

/* "interface", "source", "cgroup", "uid", "host" */
const char *sandbox_kind_text(enum sandbox_kind kind);
/* The inverse; SANDBOX_KIND_COUNT where unknown. */
enum sandbox_kind sandbox_kind_parse(const char *text);
/* "enforce", "audit" */
const char *sandbox_mode_text(enum sandbox_mode mode);
/* The inverse; SANDBOX_MODE_COUNT where unknown. */
enum sandbox_mode sandbox_mode_parse(const char *text);
bool sandbox_name_valid(const char *name);
/* Every field of a sandbox that came from another process: strings end, kinds and counts in range. */
bool sandbox_valid(const struct sandbox *s);
/* A forwarded sandbox is reached through an interface; a local one is processes of this machine. */
bool sandbox_is_local(const struct sandbox *s);

#endif
