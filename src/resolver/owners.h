/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The sandboxes as the resolver needs them: policy by slot, and the slot of a forwarded packet.
 */
#ifndef POSTERN_RESOLVER_OWNERS_H
#define POSTERN_RESOLVER_OWNERS_H

#include <stdbool.h>
#include <stdint.h>

#include "postern/image.h"
#include "postern/sandbox.h"

struct owner {
	const struct image_policy *policy; /* of the image in force; NULL: deny all */
	uint32_t epoch;	   /* changes with everything that may change a decision; 0: never used */
	bool present;
	bool one_client;   /* processes of this machine, or a single address: nobody in it to be fair to */
	bool audit;	   /* mode: what is blocked is resolved all the same, and recorded */
	bool fail_open;	   /* what cannot be pinned is answered all the same */
	uint16_t n_tasks;  /* questions under way */
	uint16_t n_ahead;  /* of them: asked for nobody */
};

struct owners;

struct owners *owners_new(void);
void owners_free(struct owners *o);
POSTERN_MUST_CHECK int owners_set(struct owners *o, const struct sandbox *s, const struct image *im);
void owners_remove(struct owners *o, uint16_t slot);
/* Finds every sandbox's policy in @im (NULL: none) and starts a new epoch for all. */
void owners_set_image(struct owners *o, const struct image *im);
/* NULL where there is no such sandbox. */
struct owner *owners_get(struct owners *o, uint16_t slot);
const char *owners_name(const struct owners *o, uint16_t slot);
uint16_t owners_find(struct owners *o, const char *ifname, const struct addr *source);

#endif
