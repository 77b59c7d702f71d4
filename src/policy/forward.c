/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Zones and local records of the image: see postern/forward.h. Zones are few and looked through; records are sorted.
 * The checks at the end are part of image_view(): every name can be read, ranges lie inside their sections, upstreams
 * follow one another zone by zone, prefixes and addresses are such as may be answered with, records are in order.
 */
#include "postern/forward.h"

#include <string.h>

#include "image_format.h"

uint32_t image_n_zones(const struct image *im)
{
	return (uint32_t)im->count[SECTION_ZONES];
}

const struct image_zone *image_zone(const struct image *im, uint32_t i)
{
	return (const struct image_zone *)im->section[SECTION_ZONES] + i;
}

uint32_t image_n_records(const struct image *im)
{
	return (uint32_t)im->count[SECTION_RECORDS];
}

const struct image_record *image_record(const struct image *im, uint32_t i)
{
	return (const struct image_record *)im->section[SECTION_RECORDS] + i;
}

uint32_t forward_zone(const struct image *im, const struct dns_name *name)
{
	uint32_t best = IMAGE_NONE;
	uint8_t best_len = 0;
	struct dns_name zone;

	for (uint32_t i = 0; i < image_n_zones(im); i++) {
		if (!image_wire(im, image_zone(im, i)->name, &zone) || zone.len <= best_len || !dns_name_within(name, &zone))
			continue;
		best = i;
		best_len = zone.len;
	}
	return best;
}

uint32_t forward_upstreams(const struct image *im, uint32_t zone, uint32_t *ret_first)
{
	uint32_t n = image_n_zones(im) ? image_zone(im, 0)->first_upstream : image_n_upstreams(im);

	*ret_first = 0;
	if (zone != IMAGE_NONE) {
		*ret_first = image_zone(im, zone)->first_upstream;
		n = image_zone(im, zone)->n_upstreams;
	}
	return n < ZONE_UPSTREAMS_MAX ? n : ZONE_UPSTREAMS_MAX;
}

bool forward_zone_permits(const struct image *im, uint32_t zone, const struct addr *a)
{
	const struct image_zone *z;

	if (zone == IMAGE_NONE || addr_is_never(a))
		return false;
	z = image_zone(im, zone);
	for (uint32_t i = 0; i < z->n_prefixes; i++)
		if (prefix_contains(image_prefixes(im, z->first_prefix + i), a))
			return true;
	return false;
}

static int order_at(const struct image *im, uint32_t i, const struct dns_name *name)
{
	struct dns_name have;

	return image_wire(im, image_record(im, i)->name, &have) ? dns_name_order(&have, name) : 1;
}

uint32_t forward_records(const struct image *im, const struct dns_name *name, uint32_t *ret_first)
{
	uint32_t low = 0, high = image_n_records(im), n = 0;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (order_at(im, mid, name) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	while (low + n < image_n_records(im) && order_at(im, low + n, name) == 0)
		n++;
	*ret_first = low;
	return n;
}

static bool record_holds(const struct image *im, uint32_t first, uint32_t n, const struct addr *a)
{
	for (uint32_t i = 0; i < n; i++)
		if (addr_equal(&image_record(im, first + i)->addr, a))
			return true;
	return false;
}

bool forward_permits(const struct image *im, const struct dns_name *asked, const struct addr *a)
{
	struct dns_name name = *asked;
	uint32_t first, n;

	if (addr_is_never(a))
		return false;
	if (!addr_is_private(a))
		return true;
	for (unsigned int hops = 0; hops <= LOCAL_ALIASES_MAX; hops++) {
		n = forward_records(im, &name, &first);
		if (n == 0)
			return forward_zone_permits(im, forward_zone(im, &name), a);
		if (!image_wire(im, image_record(im, first)->target, &name))
			return record_holds(im, first, n, a);
	}
	return false;
}

/* ---- checks ---- */

static bool name_ok(const struct image *im, uint32_t wire)
{
	struct dns_name n;

	return image_wire(im, wire, &n) && n.len > 1;
}

static bool site_ok(const struct prefix *p)
{
	return prefix_is_site(p) && !(p->len == addr_bits(&p->addr) && addr_is_never(&p->addr));
}

static bool zone_ok(const struct image *im, const struct image_zone *z)
{
	if (!name_ok(im, z->name) || z->n_upstreams > ZONE_UPSTREAMS_MAX ||
		(uint64_t)z->first_prefix + z->n_prefixes > im->count[SECTION_PREFIXES])
		return false;
	for (uint32_t i = 0; i < z->n_prefixes; i++)
		if (!site_ok(image_prefixes(im, z->first_prefix + i)))
			return false;
	return true;
}

static bool zones_ok(const struct image *im)
{
	uint64_t at = im->count[SECTION_ZONES] ? image_zone(im, 0)->first_upstream : im->count[SECTION_UPSTREAMS];

	if (im->count[SECTION_ZONES] > ZONES_MAX || at > ZONE_UPSTREAMS_MAX)
		return false;
	for (uint32_t i = 0; i < im->count[SECTION_ZONES]; i++) {
		const struct image_zone *z = image_zone(im, i);

		if (z->first_upstream != at || !zone_ok(im, z))
			return false;
		at += z->n_upstreams;
	}
	return at == im->count[SECTION_UPSTREAMS];
}

static bool record_ok(const struct image *im, const struct image_record *rec)
{
	const struct prefix p = {rec->addr, addr_bits(&rec->addr)};

	if (!name_ok(im, rec->name))
		return false;
	if (rec->target != IMAGE_NONE)
		return rec->addr.family == ADDR_NONE && name_ok(im, rec->target);
	if (rec->addr.family != ADDR_V4 && rec->addr.family != ADDR_V6)
		return false;
	return site_ok(&p) || !(addr_is_never(&rec->addr) || addr_is_private(&rec->addr));
}

/* Two records of one name are both addresses. */
static bool neighbours_ok(const struct image *im, uint32_t i)
{
	const struct image_record *rec = image_record(im, i);
	struct dns_name next;
	int order;

	if (!image_wire(im, image_record(im, i + 1)->name, &next))
		return false;
	order = order_at(im, i, &next);
	return order < 0 || (order == 0 && rec->target == IMAGE_NONE && image_record(im, i + 1)->target == IMAGE_NONE);
}

bool image_forward_ok(const struct image *im)
{
	if (im->count[SECTION_RECORDS] > LOCAL_RECORDS_MAX)
		return false;
	for (uint32_t i = 0; i < im->count[SECTION_RECORDS]; i++)
		if (!record_ok(im, image_record(im, i)))
			return false;
	for (uint32_t i = 1; i < im->count[SECTION_RECORDS]; i++)
		if (!neighbours_ok(im, i - 1))
			return false;
	return zones_ok(im);
}
