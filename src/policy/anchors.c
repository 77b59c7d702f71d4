/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Trust anchors of an image: the accessors, and what is checked before they may be used. */
#include "image_format.h"
#include "postern/anchor.h"

static_assert(ANCHOR_CONFIGURED_MAX == IMAGE_ANCHORS_MAX, "as many as a table has to take");

uint32_t image_n_anchors(const struct image *im)
{
	return (uint32_t)im->count[SECTION_ANCHORS];
}

const struct image_anchor *image_anchor(const struct image *im, uint32_t i)
{
	return (const struct image_anchor *)im->section[SECTION_ANCHORS] + i;
}

const struct anchors *image_anchor_state(const struct image *im)
{
	return im->count[SECTION_ANCHOR_STATE] ? im->section[SECTION_ANCHOR_STATE] : NULL;
}

uint32_t image_n_negative(const struct image *im)
{
	return (uint32_t)im->count[SECTION_NEGATIVE];
}

const struct image_negative *image_negative(const struct image *im, uint32_t i)
{
	return (const struct image_negative *)im->section[SECTION_NEGATIVE] + i;
}

static bool negative_ok(const struct image *im)
{
	struct dns_name zone;

	if (im->count[SECTION_NEGATIVE] > IMAGE_NEGATIVE_MAX)
		return false;
	for (uint32_t i = 0; i < image_n_negative(im); i++)
		if (!image_wire(im, image_negative(im, i)->zone, &zone) || zone.len == 1)
			return false;
	return true;
}

static bool state_ok(const struct image *im)
{
	const struct image_settings *s = im->section[SECTION_SETTINGS];

	if (im->count[SECTION_ANCHOR_STATE] > 1 || s->anchors_managed > 1 || s->anchor_file > IMAGE_ANCHORS_BAD)
		return false;
	return !im->count[SECTION_ANCHOR_STATE] || anchors_valid(im->section[SECTION_ANCHOR_STATE]);
}

static bool ds_ok(const struct image_anchor *a)
{
	return (a->digest_type == 2 && a->digest_len == 32) || (a->digest_type == 4 && a->digest_len == 48);
}

bool image_anchors_ok(const struct image *im)
{
	const struct image_settings *s = im->section[SECTION_SETTINGS];
	struct dns_name zone;

	if (im->count[SECTION_ANCHORS] > IMAGE_ANCHORS_MAX || s->dnssec > 1 || !state_ok(im) || !negative_ok(im))
		return false;
	for (uint32_t i = 0; i < image_n_anchors(im); i++) {
		const struct image_anchor *a = image_anchor(im, i);

		if (!ds_ok(a) || !image_wire(im, a->zone, &zone))
			return false;
	}
	return !s->dnssec || im->count[SECTION_ANCHORS] > 0; /* validating against nothing would find all insecure */
}
