/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The section `negative_trust_anchors` (RFC 7646): zones that are not validated until a given time, because they are known to
 * be broken. Each has to have an end; one that has passed is not in the image.
 */
#include <stdio.h>
#include <string.h>

#include "anchors.h"
#include "forward.h"
#include "policy.h"
#include "postern/clock.h"

#define WEEK_S (7u * 86400) /* RFC 7646 2: no longer */

static const struct member members[] = {{"zone", NODE_STRING, true}, {"until", NODE_STRING, true}, {0}};

/* Days from 1970 on; the Gregorian calendar counted in years that begin in March. */
static uint64_t days_of(unsigned int year, unsigned int month, unsigned int day)
{
	uint64_t y = month > 2 ? year : year - 1u;
	unsigned int m = month > 2 ? month - 3 : month + 9;

	return y * 365 + y / 4 - y / 100 + y / 400 + (153u * m + 2) / 5 + day - 1 - 719468;
}

static bool day_exists(unsigned int year, unsigned int month, unsigned int day)
{
	static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return month >= 1 && month <= 12 && day >= 1 && day <= days[month - 1] + (month == 2 && leap ? 1u : 0u);
}

/* "2026-12-01T00:00:00Z", in seconds since 1970; false where it is none. */
static bool parse_time(const char *text, uint64_t *ret_s)
{
	unsigned int year, month, day, hour, minute, second;
	char again[32];

	if (strlen(text) != 20 || sscanf(text, "%4u-%2u-%2uT%2u:%2u:%2uZ", &year, &month, &day, &hour, &minute, &second) != 6)
		return false;
	if (year < 1970 || !day_exists(year, month, day) || hour > 23 || minute > 59 || second > 59)
		return false;
	snprintf(again, sizeof(again), "%04u-%02u-%02uT%02u:%02u:%02uZ", year, month, day, hour, minute, second);
	*ret_s = ((days_of(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
	return strcmp(again, text) == 0;
}

static void read_one(struct compile *c, const struct node *n)
{
	const struct node *zone = node_member(n, "zone", NODE_STRING), *until = node_member(n, "until", NODE_STRING);
	uint64_t now_s = clock_wall_us() / 1000000u, until_s;
	struct dns_name name;

	node_check_members(c, n, "a negative trust anchor", members);
	if (!zone || !until || !forward_name(c, zone, "zone", &name))
		return;
	if (!parse_time(node_string(until), &until_s)) {
		diag_error(c->diag, node_spot(until), "until = \"%s\" is no time: write it in UTC, like \"2026-12-01T00:00:00Z\"",
			node_string(until));
	} else if (until_s <= now_s) {
		diag_warning(c->diag, node_spot(n), "the negative trust anchor for %s ended at %s, and the zone is validated: remove it",
			node_string(zone), node_string(until));
	} else {
		if (until_s - now_s > WEEK_S)
			diag_warning(c->diag, node_spot(until), "%s is more than a week from now: give a broken zone no longer, and look again "
				"(RFC 7646 2)", node_string(until));
		image_build_negative(c->builder, &name, until_s);
	}
}

void config_negative(struct compile *c, const struct node *root)
{
	const struct node *list = node_member(root, "negative_trust_anchors", NODE_LIST);

	if (list && node_count(list) > IMAGE_NEGATIVE_MAX) {
		diag_error(c->diag, node_spot(list), "more than %d negative trust anchors: remove old ones", IMAGE_NEGATIVE_MAX);
		return;
	}
	for (size_t i = 0; list && i < node_count(list); i++) {
		const struct node *n = node_at(list, i);

		if (node_kind(n) == NODE_GROUP)
			read_one(c, n);
		else
			diag_error(c->diag, node_spot(n), "a negative trust anchor is written as { zone = \"...\"; until = \"...\"; }");
	}
}
