/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who answers for a name: local records, the upstreams of its forward zone, or those of all other names.
 *
 * A chain of aliases may lead from one to another. Each name on it is asked of who answers for that name, and what
 * another one says of it is not looked at. A private address is taken only from who may answer with it, for a
 * question whose own name permits it: see postern/forward.h.
 */
#include <string.h>

#include "state.h"

#define ZONE_LOCAL (IMAGE_NONE - 1) /* a task's zone: local records */

/* A local record as a record of an answer. */
static int add_record(struct resolver *r, const struct dns_name *name, const struct image_record *rec)
{
	struct answer_record like = {.ttl_s = rec->ttl_s, .type = DNS_TYPE_CNAME};
	struct dns_name target;

	if (image_wire(r->im, rec->target, &target)) {
		like.rdata_len = target.len;
		return answer_add(r->answer, name, &like, target.wire);
	}
	like.type = rec->addr.family == ADDR_V4 ? DNS_TYPE_A : DNS_TYPE_AAAA;
	like.rdata_len = addr_bits(&rec->addr) / 8;
	return answer_add(r->answer, name, &like, rec->addr.bytes);
}

static void answer_locally(struct resolver *r, struct task *task, uint32_t first, uint32_t n)
{
	answer_init(r->answer, DNS_NOERROR);
	for (uint32_t i = 0; i < n; i++)
		if (add_record(r, &task->current, image_record(r->im, first + i)) < 0)
			break; /* more than an answer holds: the rest is left out */
	task->zone = ZONE_LOCAL;
	resolve_answer(r, task);
}

void resolve_name(struct resolver *r, struct task *task, const struct dns_name *name)
{
	uint32_t first = 0, n = r->im ? forward_records(r->im, name, &first) : 0;

	task->current = *name;
	if (n) {
		answer_locally(r, task, first, n);
		return;
	}
	task->zone = r->im ? forward_zone(r->im, name) : IMAGE_NONE;
	task->n_upstreams = r->im ? (uint8_t)forward_upstreams(r->im, task->zone, &task->first_upstream) : 0;
	ask_start(r, task);
}

bool zone_left(const struct resolver *r, const struct task *task, const struct dns_name *name)
{
	uint32_t first;

	return task->zone == ZONE_LOCAL || forward_records(r->im, name, &first) || forward_zone(r->im, name) != task->zone;
}

bool zone_permits(const struct resolver *r, const struct task *task, const struct addr *a)
{
	if (!forward_permits(r->im, &task->key.name, a))
		return false;
	return !addr_is_private(a) || task->zone == ZONE_LOCAL || forward_zone_permits(r->im, task->zone, a);
}

bool zone_covers(const struct resolver *r, const struct dns_name *name, size_t special_len)
{
	struct dns_name zone_name;
	uint32_t first, zone;

	if (!r->im)
		return false;
	if (forward_records(r->im, name, &first))
		return true;
	zone = forward_zone(r->im, name);
	return zone != IMAGE_NONE && image_wire(r->im, image_zone(r->im, zone)->name, &zone_name) && zone_name.len >= special_len;
}
