/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The builder's part for zones and local records. Records are sorted when the image is finished, so that readers can
 * search; names that several records share stand in the strings once.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "build.h"
#include "postern/image_build.h"

static uint32_t lower_wire(struct image_builder *b, const struct dns_name *name)
{
	struct dns_name lower = *name;

	dns_name_lower(&lower);
	return build_wire(b, &lower);
}

void image_build_zone(struct image_builder *b, const struct build_zone *z)
{
	struct image_zone zone = {.n_upstreams = (uint32_t)z->n_upstreams, .n_prefixes = (uint32_t)z->n_prefixes};

	zone.name = lower_wire(b, z->name);
	zone.first_upstream = build_append(b, SECTION_UPSTREAMS, z->upstreams, z->n_upstreams);
	zone.first_prefix = build_append(b, SECTION_PREFIXES, z->prefixes, z->n_prefixes);
	build_append(b, SECTION_ZONES, &zone, 1);
}

void image_build_record(struct image_builder *b, const struct build_record *r)
{
	struct pending_record *p = b->error ? NULL : build_array_add(&b->pending_records, 1);

	if (!p) {
		b->error = b->error ? b->error : -ENOMEM;
		return;
	}
	memset(p, 0, sizeof(*p)); /* records are compared whole */
	p->name = *r->name;
	dns_name_lower(&p->name);
	p->record.ttl_s = r->ttl_s;
	p->record.target = r->target ? lower_wire(b, r->target) : IMAGE_NONE;
	if (!r->target) {
		p->record.addr.family = r->addr.family;
		memcpy(p->record.addr.bytes, r->addr.bytes, sizeof(r->addr.bytes));
	}
}

static int compare(const void *a, const void *b)
{
	const struct pending_record *x = a, *y = b;
	int order = dns_name_order(&x->name, &y->name);

	if (order)
		return order;
	if (x->record.target != y->record.target)
		return x->record.target < y->record.target ? -1 : 1;
	return memcmp(&x->record.addr, &y->record.addr, sizeof(x->record.addr));
}

void build_end_records(struct image_builder *b)
{
	struct pending_record *v = (struct pending_record *)(void *)b->pending_records.data;
	size_t n = b->pending_records.n;

	if (n)
		qsort(v, n, sizeof(*v), compare);
	for (size_t i = 0; i < n && !b->error; i++) {
		bool same_name = i && dns_name_order(&v[i - 1].name, &v[i].name) == 0;

		v[i].record.name = same_name ? v[i - 1].record.name : build_wire(b, &v[i].name);
		if (!same_name || compare(&v[i - 1], &v[i]) != 0)
			build_append(b, SECTION_RECORDS, &v[i].record, 1);
	}
	b->pending_records.n = 0;
}
