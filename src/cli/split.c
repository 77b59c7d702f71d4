/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Split horizon in words, for `postern explain`: what postern/forward.h says of a name. */
#include "split.h"

#include <stdio.h>

#include "postern/forward.h"

const char *split_text(const struct image *im, const struct dns_name *name, char text[static SPLIT_TEXT_MAX])
{
	char zone_text[DNS_NAME_TEXT_MAX];
	struct dns_name zone_name;
	uint32_t zone = forward_zone(im, name), first;

	if (forward_records(im, name, &first))
		return "local records";
	if (zone == IMAGE_NONE || !image_wire(im, image_zone(im, zone)->name, &zone_name))
		return NULL;
	snprintf(text, SPLIT_TEXT_MAX, "zone %s", dns_name_to_text(&zone_name, zone_text));
	return text;
}
