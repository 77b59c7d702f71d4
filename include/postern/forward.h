/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Split horizon: which upstreams are asked for a name, which names are answered here, and which private addresses an
 * answer may hold. Pure functions of the image, shared by the resolver and the gate, which asks again.
 * folder: src/policy
 *
 * None of this permits a name: the policy's rules do. What a private address needs beside such a rule is that the
 * name *asked for* lies in a zone that may answer with it, or has it in a local record. Where a chain of aliases leads
 * does not count: else any name outside could be aliased into the zone, and rebind.
 */
#ifndef POSTERN_FORWARD_H
#define POSTERN_FORWARD_H

#include <stdbool.h>
#include <stdint.h>

#include "postern/image.h"

#define ZONES_MAX 64
#define ZONE_UPSTREAMS_MAX 8 /* of one zone, and of the names of no zone */
#define LOCAL_RECORDS_MAX 65536
#define LOCAL_ALIASES_MAX 8 /* local records that lead to each other */

/* The zone of @name: the longest that is @name or above it; IMAGE_NONE. */
uint32_t forward_zone(const struct image *im, const struct dns_name *name);
/* The upstreams to ask for names of @zone (IMAGE_NONE: of no zone): @ret_first and their number. */
uint32_t forward_upstreams(const struct image *im, uint32_t zone, uint32_t *ret_first);
/* May @zone (IMAGE_NONE: no) answer with the private address @a? Never with an always denied one. */
bool forward_zone_permits(const struct image *im, uint32_t zone, const struct addr *a);

/* The local records of @name: @ret_first and their number, 0 where there are none. */
uint32_t forward_records(const struct image *im, const struct dns_name *name, uint32_t *ret_first);

/*
 * May an answer to the question for @asked hold the address @a? A public one may; an always denied one may not; a private
 * one may where local records (aliases among them are followed) or the zone of the name permit it.
 */
bool forward_permits(const struct image *im, const struct dns_name *asked, const struct addr *a);

#endif
