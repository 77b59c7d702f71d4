/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Trust anchors of an image: the accessors, and what is checked before they may be used. */
#include "image_format.h"

uint32_t image_n_anchors(const struct image *im)
{
	return (uint32_t)im->count[SECTION_ANCHORS];
}

const struct image_anchor *image_anchor(const struct image *im, uint32_t i)
{
	return (const struct image_anchor *)im->section[SECTION_ANCHORS] + i;
}

bool image_anchors_ok(const struct image *im)
{
	const struct image_settings *s = im->section[SECTION_SETTINGS];
	struct dns_name zone;

	if (im->count[SECTION_ANCHORS] > IMAGE_ANCHORS_MAX || s->dnssec > 1)
		return false;
	for (uint32_t i = 0; i < image_n_anchors(im); i++) {
		const struct image_anchor *a = image_anchor(im, i);

		if (a->digest_len > sizeof(a->digest) || !image_wire(im, a->zone, &zone))
			return false;
	}
	return !s->dnssec || im->count[SECTION_ANCHORS] > 0; /* validating against nothing would find all insecure */
}
