/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From the nearest anchor down to a name, label by label: each is a zone of its own with keys, a zone without
 * security, or no zone; what is not known is asked. Nothing here believes a message: what the table says was proven
 * when it was learnt.
 */
#include <stdlib.h>
#include <string.h>

#include "postern/dns.h"
#include "validator_parts.h"

struct validator *validator_new(void)
{
	struct validator *v = calloc(1, sizeof(*v));

	if (!v)
		return NULL;
	v->zones = dnssec_zones_new();
	if (v->zones)
		return v;
	free(v);
	return NULL;
}

void validator_free(struct validator *v)
{
	if (v)
		dnssec_zones_free(v->zones);
	free(v);
}

void validator_reset(struct validator *v)
{
	v->n_anchors = v->n_negative = v->n_new = v->n_gone = 0;
	dnssec_zones_forget(v->zones, SANDBOX_NONE);
}

void validator_forget(struct validator *v, uint16_t slot)
{
	dnssec_zones_forget(v->zones, slot);
	v->spent[slot].tries = v->spent[slot].hashes = 0;
}

bool validator_add_anchor(struct validator *v, const struct dns_name *zone, const struct dnssec_ds *ds)
{
	if (v->n_anchors == VALIDATOR_ANCHORS_MAX)
		return false;
	v->anchors[v->n_anchors++] = (struct validator_anchor){*zone, *ds};
	return true;
}

bool validator_add_negative(struct validator *v, const struct dns_name *zone, uint64_t until_s)
{
	if (v->n_negative == VALIDATOR_NEGATIVE_MAX)
		return false;
	v->negative[v->n_negative++] = (struct validator_negative){*zone, until_s};
	return true;
}

unsigned int validator_new_keys(const struct validator *v)
{
	return v->n_new;
}

unsigned int validator_gone_anchors(const struct validator *v)
{
	return v->n_gone;
}

unsigned int validator_anchors_of(const struct validator *v, const struct dns_name *zone,
	struct dnssec_ds ret_ds[static VALIDATOR_ANCHORS_MAX])
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < v->n_anchors; i++)
		if (dns_name_equal(&v->anchors[i].zone, zone))
			ret_ds[n++] = v->anchors[i].ds;
	return n;
}

/* Labels of the nearest anchored zone that holds @name, or -1. */
static int anchor_labels(const struct validator *v, const struct dns_name *name)
{
	int best = -1;

	for (unsigned int i = 0; i < v->n_anchors; i++) {
		int labels = (int)dnssec_labels(&v->anchors[i].zone);

		if (labels > best && dns_name_within(name, &v->anchors[i].zone))
			best = labels;
	}
	return best;
}

uint32_t validator_negative_left_s(const struct validator *v, const struct validator_moment *now, const struct dns_name *name)
{
	int labels = anchor_labels(v, name);
	uint64_t left_s = 0, wall_s = now->wall_s;

	for (unsigned int i = 0; i < v->n_negative; i++) {
		const struct validator_negative *n = &v->negative[i];

		if (n->until_s > wall_s && n->until_s - wall_s > left_s && (int)dnssec_labels(&n->zone) >= labels &&
			dns_name_within(name, &n->zone))
			left_s = n->until_s - wall_s;
	}
	return left_s < UINT32_MAX ? (uint32_t)left_s : UINT32_MAX;
}

static void ask(struct validator_place *p, const struct dns_name *name, uint16_t type)
{
	p->verdict = VALIDATOR_ASK;
	p->ask = (struct validator_result){.verdict = VALIDATOR_ASK, .name = *name, .type = type};
}

/* One name on the way. False: the way ends here. */
static bool step(struct validator *v, const struct validator_moment *now, const struct dns_name *name, bool anchor,
	struct validator_place *p)
{
	struct dnssec_zone *e = dnssec_zones_find(v->zones, now->slot, name, now->now_ms);

	if (!e) {
		ask(p, name, anchor ? DNS_TYPE_DNSKEY : DNS_TYPE_DS);
		return false;
	}
	switch (e->state) {
	case DNSSEC_CUT:
		ask(p, name, DNS_TYPE_DNSKEY);
		return false;
	case DNSSEC_SECURE:
		p->zone = e;
		return true;
	case DNSSEC_WITHIN:
		return true;
	case DNSSEC_ABSENT:
		return false;
	case DNSSEC_INSECURE:
		p->verdict = VALIDATOR_INSECURE;
		return false;
	case DNSSEC_BOGUS:
		p->verdict = VALIDATOR_BOGUS;
		p->ask.ede = e->ede;
		return false;
	}
	return false;
}

void validator_find_place(struct validator *v, const struct validator_moment *now, const struct dns_name *name,
	struct validator_place *ret_place)
{
	int labels = anchor_labels(v, name);
	bool anchor = true;

	*ret_place = (struct validator_place){.verdict = VALIDATOR_SECURE};
	ret_place->left_s = validator_negative_left_s(v, now, name);
	if (labels < 0 || ret_place->left_s) { /* nothing is said of it */
		ret_place->verdict = VALIDATOR_INSECURE;
		return;
	}
	for (int end = (int)dnssec_labels(name); labels <= end; labels++, anchor = false) {
		struct dns_name above = dnssec_suffix(name, (unsigned int)labels);

		if (!step(v, now, &above, anchor, ret_place))
			break;
	}
	if (ret_place->verdict == VALIDATOR_SECURE && !ret_place->zone) { /* an anchor that is no zone */
		ret_place->verdict = VALIDATOR_BOGUS;
		ret_place->ask.ede = DNS_EDE_INDETERMINATE;
	}
}
