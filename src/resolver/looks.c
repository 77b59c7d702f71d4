/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Looks at the keys of anchored zones, as RFC 5011 2.3 wants them: asked for nobody, of the upstreams, at times that follow from
 * the TTL and the signature of the last look. What was seen, with its signatures verified by the anchors of now, goes to the gate,
 * which decides what is believed and says so (resolver_set_anchors()).
 *
 * A look is a task without a sandbox: asked, hedged and repeated like any other, cached and recorded by nobody.
 */
#include "looks.h"

#include <string.h>

#include "secure.h"

#define SOON_MS 1000	 /* clients' questions of a new image come first */
#define LATER_MS 60000	 /* where there was no room */
#define HASHES_MAX 4096
#define TRIES_MAX 16	 /* verifications of a look: its signatures, and one for each revoked key */

static bool managed(const struct resolver *r)
{
	return r->im && r->settings.dnssec && r->settings.anchors_managed;
}

static struct look_zone *zone_of(struct resolver *r, const struct dns_name *name)
{
	for (unsigned int i = 0; i < r->looks.n; i++)
		if (dns_name_equal(&r->looks.zones[i].name, name))
			return &r->looks.zones[i];
	return NULL;
}

void looks_set(struct resolver *r, bool soon)
{
	struct looks next = {0};

	for (uint32_t i = 0; managed(r) && i < r->anchors.n_zones; i++) {
		const struct dns_name *name = &r->anchors.zones[i].name;
		const struct look_zone *known = soon ? NULL : zone_of(r, name);

		next.zones[next.n++] = (struct look_zone){*name, known ? known->due_ms : r->now_ms + SOON_MS};
	}
	r->looks = next;
}

uint64_t looks_next(const struct resolver *r)
{
	uint64_t due_ms = UINT64_MAX;

	for (unsigned int i = 0; i < r->looks.n; i++)
		if (r->looks.zones[i].due_ms < due_ms)
			due_ms = r->looks.zones[i].due_ms;
	return due_ms;
}

static void begin(struct resolver *r, struct look_zone *z)
{
	struct cache_key key;
	struct task *task;

	cache_key_make(r->cache, &z->name, SANDBOX_NONE, DNS_TYPE_DNSKEY, &key);
	task = tasks_find(r->tasks, &key) ? NULL : tasks_add(r->tasks, &key);
	z->due_ms = task ? UINT64_MAX : r->now_ms + LATER_MS;
	if (!task)
		return;
	count(r, COUNTER_RESOLVER_anchor_looks);
	task->look = true;
	task->client_place = CLIENT_NO_PLACE; /* nobody asked */
	task->state = TASK_ASKING;
	task->deadline_ms = r->now_ms + RESOLVER_DEADLINE_MS;
	task->current = z->name;
	task->zone = IMAGE_NONE;
	task->n_upstreams = (uint8_t)forward_upstreams(r->im, IMAGE_NONE, &task->first_upstream);
	ask_start(r, task);
}

void looks_run(struct resolver *r)
{
	for (unsigned int i = 0; i < r->looks.n; i++)
		if (r->looks.zones[i].due_ms <= r->now_ms)
			begin(r, &r->looks.zones[i]);
}

/* The task ends; the zone, where it is one still, is looked at again then. */
static void end(struct resolver *r, struct task *task, uint64_t in_ms)
{
	struct look_zone *z = zone_of(r, &task->key.name);

	if (z)
		z->due_ms = r->now_ms + in_ms;
	task_remove(r, task);
}

void looks_again(struct resolver *r, struct task *task)
{
	end(r, task, SOON_MS);
}

void looks_failed(struct resolver *r, struct task *task)
{
	count(r, COUNTER_RESOLVER_anchor_looks_failed);
	end(r, task, anchor_interval_s(0, 0, true) * 1000ull);
}

static uint32_t trust_of(const struct resolver *r, const struct dns_name *zone, struct dnssec_ds list[static ANCHOR_KEYS_MAX])
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < r->anchors.n_keys; i++) {
		const struct anchor_key *k = &r->anchors.keys[i];

		if (anchor_trusted(k) && dns_name_equal(&r->anchors.zones[k->zone].name, zone))
			list[n++] = secure_ds(&k->ds);
	}
	return n;
}

static bool shows_revocation(const struct anchor_seen *s)
{
	for (unsigned int i = 0; i < s->n; i++)
		if (s->keys[i].revoked)
			return true;
	return false;
}

void looks_answer(struct resolver *r, struct task *task, const uint8_t *data, size_t len)
{
	struct dnssec_means means = {r->wall_ms / 1000, TRIES_MAX, HASHES_MAX};
	struct dnssec_ds list[ANCHOR_KEYS_MAX];
	const struct dnssec_trust trust = {&task->key.name, list, trust_of(r, &task->key.name, list)};
	struct dnssec_signed how = {0};
	struct dnssec_message *m;
	struct anchor_seen seen;
	enum dnssec_check c;
	int rc = 0;

	if (dnssec_message_read(data, len, &m) < 0) {
		looks_failed(r, task);
		return;
	}
	c = dnssec_look(m, &trust, &means, &seen, &how);
	dnssec_message_free(m);
	if (c == DNSSEC_GOOD || shows_revocation(&seen))
		rc = r->ports->seen(r->ctx, &seen);
	if (c != DNSSEC_GOOD)
		looks_failed(r, task);
	else
		end(r, task, rc < 0 ? LATER_MS : anchor_interval_s(how.original_ttl_s, how.left_s, false) * 1000ull);
}
