/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From the policy to set elements: settings, sandboxes, static rules. Private to src/gate. Pure:
 * it fills lists of changes, somebody else commits them.
 */
#ifndef GATE_ELEMENTS_H
#define GATE_ELEMENTS_H

#include "changes.h"
#include "sandboxes.h"

/* Whose sockets may go to upstreams. */
struct asking_uids {
	uint32_t resolver, tls;
};

/* What does not belong to one sandbox: upstreams, stub ports, what is open. */
void elements_settings(struct changes *c, const struct image *im, const struct sandboxes *t,
	const struct asking_uids *uids);
/* Membership, stub port and static rules of one sandbox, with NFT_ADD or NFT_DESTROY. */
void elements_sandbox(struct changes *c, enum nft_op op, const struct image *im, const struct sandbox *s);
/* Of the files that make up policy @name, so that it changes with any of them; 0: there is none. */
uint32_t elements_digest(const struct image *im, const char *name);
/*
 * The comment of a membership element: "NAME POLICY DIGEST ZONE", then elements_words() if there are any, for a runtime
 * sandbox of a cgroup the path after it: all that a later start needs to adopt it, and to know whether its policy is another now.
 * Returns the length it would have: from NFT_COMMENT_MAX on it is cut.
 */
size_t elements_comment(const struct sandbox *s, uint32_t digest, unsigned int i, char *text, size_t cap);
/* "runtime", "audit", "fail-open", joined by commas; "" for none. Reading passes over words it does not know, and cuts @text up. */
#define ELEMENTS_WORDS_MAX 32
const char *elements_words(const struct sandbox *s, char text[static ELEMENTS_WORDS_MAX]);
void elements_read_words(char *text, struct sandbox *s);
/* Empties every set of these groups (not the pins), as the start of a transaction that fills them anew. */
void elements_flush(struct changes *c);

#endif
