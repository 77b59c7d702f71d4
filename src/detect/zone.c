/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Registrable domains by rule of thumb: two labels, or three where a country's suffix has the usual second level below it.
 *
 * The resolver does not read the public suffix list: it is a file of others that changes, in a process that opens
 * none. What a wrong guess costs is small on either side: a suffix taken for a domain (pvt.k12.ma.us) is one budget for
 * all below it, so it is used up earlier; never is one domain taken for many, which is what somebody could gain from.
 */
#include "zone.h"

#include <string.h>

#include "postern/compiler.h"

#define SECOND_LEVEL_MAX 6

static const char second_level[][SECOND_LEVEL_MAX + 1] = {
	"ac", "co", "com", "edu", "gen", "go", "gob", "gouv", "gov", "govt", "id", "ind", "info", "ltd", "me", "mil", "muni", "ne",
	"net", "nic", "nom", "nsw", "or", "org", "plc", "sch", "school", "web",
};

void zone_cut(const struct dns_name *name, struct zone_labels *ret_labels)
{
	ret_labels->name = name;
	ret_labels->n = (unsigned int)dns_name_labels(name, ret_labels->at);
}

const uint8_t *zone_label(const struct zone_labels *l, unsigned int labels, size_t *ret_len)
{
	const uint8_t *p = l->name->wire + l->at[l->n - labels];

	*ret_len = p[0];
	return p + 1;
}

static bool is_second_level(const uint8_t *label, size_t len)
{
	for (size_t i = 0; i < ARRAY_LEN(second_level); i++)
		if (strlen(second_level[i]) == len && memcmp(second_level[i], label, len) == 0)
			return true;
	return false;
}

unsigned int zone_registrable(const struct zone_labels *l)
{
	size_t top_len, second_len;
	const uint8_t *second;

	if (l->n < 3)
		return l->n;
	(void)zone_label(l, 1, &top_len);
	second = zone_label(l, 2, &second_len);
	return top_len == 2 && is_second_level(second, second_len) ? 3 : 2;
}
