/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Trust anchors into an image. */
#include <string.h>

#include "build.h"
#include "postern/anchor.h"
#include "postern/image_build.h"

void image_build_anchor(struct image_builder *b, const struct dns_name *zone, const struct image_anchor *anchor)
{
	struct image_anchor copy;

	memset(&copy, 0, sizeof(copy)); /* padding too: equal policies are equal images */
	copy.zone = build_wire(b, zone);
	copy.tag = anchor->tag;
	copy.algorithm = anchor->algorithm;
	copy.digest_type = anchor->digest_type;
	copy.digest_len = anchor->digest_len;
	memcpy(copy.digest, anchor->digest, anchor->digest_len);
	build_append(b, SECTION_ANCHORS, &copy, 1);
}

void image_build_anchor_state(struct image_builder *b, const struct anchors *a)
{
	build_append(b, SECTION_ANCHOR_STATE, a, 1);
}

void image_build_negative(struct image_builder *b, const struct dns_name *zone, uint64_t until_s)
{
	const struct image_negative n = {.zone = build_wire(b, zone), .until_s = until_s};

	build_append(b, SECTION_NEGATIVE, &n, 1);
}
