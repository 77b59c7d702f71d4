/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ends established flows that the new policy no longer allows, and only those.
 *
 * Whose a flow is says its conntrack zone; where it has none, owner.h. A flow may stay where a static rule covers it, or
 * where a pin of its destination, live or remembered, is still held by a permitted name. Where nothing is
 * remembered, of a sandbox whose policy did change, the answer to doubt is: shut.
 * Of a sandbox in audit mode every flow stays: it was, or would be, let through.
 * An inbound flow is one that ends at the sandbox; it is held against the ingress rules.
 * Of a sandbox that is gone all flows end, but where nothing confines such traffic any more.
 *
 * A flow that is in another zone than its sandbox's packets are looked up in now (the sandbox is new, or gone) is
 * deleted without a word: its next packet is judged, and begins it anew in its place. Left there, it would keep its port from
 * the new one, or be found by whoever gets the zone next.
 */
#include <errno.h>
#include <string.h>

#include "cgroups.h"
#include "gate.h"
#include "postern/log.h"
#include "postern/match.h"

#define CUT_BATCH 512 /* flows of one pass: the dump's socket cannot delete while it reads */
#define CUT_PASSES 256

struct cut {
	struct gate *gate;
	const bool *changed;
	const struct sandbox *gone;
	size_t n_gone;
	size_t n;
	struct flow doomed[CUT_BATCH];
	const struct sandbox *owners[CUT_BATCH]; /* NULL: misplaced */
};

/* The deepest cgroup sandbox that holds @id: the longest path, since nested ones share their beginning. */
static const struct sandbox *cgroup_sandbox(const struct gate *g, uint64_t id)
{
	const struct sandbox *best = NULL;
	size_t best_len = 0;

	for (uint16_t i = sandboxes_next(g->sandboxes, 0); id && i != SANDBOX_NONE; i = sandboxes_next(g->sandboxes, i + 1u)) {
		const struct sandbox *s = sandboxes_get(g->sandboxes, i);

		for (unsigned int k = 0; s->kind == SANDBOX_CGROUP && k < s->n_selectors; k++) {
			const char *path = s->selectors[k].cgroup;

			if (strlen(path) <= best_len || !cgroups_below(g->kernel.cgroup_fd, path, id))
				continue;
			best = s;
			best_len = strlen(path);
		}
	}
	return best;
}

static const struct sandbox *owner_in_table(const struct gate *g, const struct owner *o, const struct addr *near)
{
	struct selector sel = {0};
	const struct sandbox *s;

	if (!o->local) {
		event_set_text(sel.ifname, sizeof(sel.ifname), o->interface);
		s = sandboxes_find_selector(g->sandboxes, SANDBOX_INTERFACE, &sel);
		return s ? s : sandboxes_find_source(g->sandboxes, near);
	}
	sel.uid = o->uid;
	s = cgroup_sandbox(g, o->cgroup_id);
	if (!s && o->has_socket)
		s = sandboxes_find_selector(g->sandboxes, SANDBOX_UID, &sel);
	return s ? s : sandboxes_find_selector(g->sandboxes, SANDBOX_HOST, &sel);
}

static bool selects(const struct gate *g, const struct sandbox *s, const struct selector *sel, const struct owner *o,
	const struct addr *near)
{
	switch ((enum sandbox_kind)s->kind) {
	case SANDBOX_INTERFACE:
		return !o->local && strcmp(sel->ifname, o->interface) == 0;
	case SANDBOX_SOURCE:
		return !o->local && prefix_contains(&sel->source, near);
	case SANDBOX_CGROUP:
		return o->local && o->cgroup_id &&
			(o->cgroup_id == sel->cgroup_id || cgroups_below(g->kernel.cgroup_fd, sel->cgroup, o->cgroup_id));
	case SANDBOX_UID:
		return o->local && o->has_socket && sel->uid == o->uid;
	case SANDBOX_HOST:
		return o->local;
	case SANDBOX_KIND_COUNT:
		break;
	}
	return false;
}

struct whose {
	const struct sandbox *s; /* NULL: nobody's */
	bool gone;		 /* it is in no table any more, and nobody has taken its place */
};

static struct whose whose(const struct cut *c, const struct owner_query *q)
{
	struct whose w = {0};
	struct owner o;

	if (owner_find(c->gate->kernel.owners, q, &o) < 0)
		return w;
	w.s = owner_in_table(c->gate, &o, &q->near);
	for (size_t i = 0; !w.s && i < c->n_gone; i++)
		for (unsigned int k = 0; k < c->gone[i].n_selectors; k++)
			if (selects(c->gate, &c->gone[i], &c->gone[i].selectors[k], &o, &q->near))
				w = (struct whose){&c->gone[i], true};
	return w;
}

/* The same of an outbound flow. */
static struct whose whose_flow(const struct cut *c, const struct flow *f, const struct owner_query *q)
{
	const struct sandbox *s = f->original_zone ? sandboxes_find_zone(c->gate->sandboxes, f->original_zone) : NULL;

	return s ? (struct whose){s, false} : whose(c, q);
}

/* Does rules/postern.nft put what @s sends by @protocol in its zone? (map zone_*, set zoned) */
static bool zoned(const struct sandbox *s, uint8_t protocol)
{
	static const uint8_t protocols[] = {1, 17, 33, 58, 132, 136};

	return (s->kind == SANDBOX_INTERFACE || s->kind == SANDBOX_CGROUP || s->kind == SANDBOX_UID) &&
		memchr(protocols, protocol, sizeof(protocols));
}

static bool misplaced(const struct whose *w, const struct flow *f)
{
	uint16_t zone = w->s && !w->gone && zoned(w->s, f->protocol) ? w->s->zone : 0;

	return f->original_zone != zone;
}

/* Without its sandbox, is this traffic confined by nothing? (elements_settings() opens it.) */
static bool left_open(const struct gate *g, const struct sandbox *gone)
{
	const struct selector none = {0};

	if (sandbox_is_local(gone))
		return !sandboxes_find_selector(g->sandboxes, SANDBOX_HOST, &none);
	return image_settings(g->policy.image)->forward_others;
}

static bool icmp(uint8_t protocol)
{
	return protocol == 1 || protocol == 58;
}

static bool egress_allowed(const struct gate *g, const struct sandbox *s, const struct owner_query *q)
{
	const struct image *im = g->policy.image;
	uint32_t policy = image_policy_find(im, s->policy);
	const struct pin_key key = {s->slot, q->far_port, q->protocol, q->far};
	uint32_t pin;

	if (policy == IMAGE_NONE)
		return false;
	if (match_egress(im, image_policy(im, policy), &q->far, q->protocol,
		    icmp(q->protocol) ? (uint16_t)(q->far_port >> 8) : q->far_port) != IMAGE_NONE)
		return true;
	pin = pinbook_find_any(pins_book(g->pins), &key);
	return pin != PINBOOK_NONE && pinbook_held(pins_book(g->pins), pin);
}

static bool ingress_allowed(const struct gate *g, const struct sandbox *s, const struct owner_query *q)
{
	const struct image *im = g->policy.image;
	uint32_t policy = image_policy_find(im, s->policy);

	if (policy == IMAGE_NONE)
		return false;
	/* a local sandbox without the section takes what comes */
	if (!image_policy(im, policy)->has_ingress)
		return sandbox_is_local(s);
	return match_ingress(im, image_policy(im, policy), &q->far, q->protocol, q->near_port) != IMAGE_NONE;
}

static void doom(struct cut *c, const struct flow *f, const struct sandbox *s)
{
	if (c->n == CUT_BATCH)
		return;
	c->owners[c->n] = s;
	c->doomed[c->n++] = *f;
}

typedef bool allowed_fn(const struct gate *g, const struct sandbox *s, const struct owner_query *q);

static bool stays(const struct cut *c, const struct whose *w, const struct owner_query *q, allowed_fn *allowed)
{
	if (!w->s)
		return true;
	if (w->gone)
		return left_open(c->gate, w->s);
	if (w->s->mode == SANDBOX_AUDIT && !addr_is_never(&q->far))
		return true;
	return !c->changed[w->s->slot] || allowed(c->gate, w->s, q);
}

static int judge(void *context, const struct flow *f)
{
	struct cut *c = context;
	/* DNAT: the far end as the sandbox's packets meet it in the filter is the replying one */
	const struct owner_query out = {f->original.source, f->reply.source, f->original.source_port,
		f->reply.source_port, f->protocol};
	const struct owner_query in = {f->reply.source, f->original.source, f->reply.source_port,
		f->original.source_port, f->protocol};
	struct whose w;

	if (f->original_zone == ZONE_RESOLVER)
		return 0; /* postern's own questions */
	/* DNS to the stub is the daemon's own; but the next owner of a zone may have another stub */
	if (f->reply.source_port != f->original.destination_port && f->original.destination_port == 53) {
		if (f->original_zone && !sandboxes_find_zone(c->gate->sandboxes, f->original_zone))
			doom(c, f, NULL);
		return 0;
	}
	w = whose_flow(c, f, &out);
	if (!stays(c, &w, &out, egress_allowed)) {
		doom(c, f, w.s);
		return 0;
	}
	if (misplaced(&w, f)) {
		doom(c, f, NULL);
		return 0;
	}
	w = whose(c, &in);
	if (!stays(c, &w, &in, ingress_allowed))
		doom(c, f, w.s);
	return 0;
}

static void end_flow(struct gate *g, const struct flow *f, const struct sandbox *s)
{
	struct event e = event_new(EVENT_CUT);
	int rc = flows_delete(g->kernel.flows, f);

	if (rc < 0 && rc != -ENOENT) {
		log_warning("cut: %s", strerror(-rc));
		return;
	}
	if (!s)
		return;
	g->counters[COUNTER_GATE_flows_cut]++;
	e.slot = s->slot;
	event_set_text(e.sandbox, sizeof(e.sandbox), s->name);
	e.reason = REASON_NO_RULE;
	e.protocol = f->protocol;
	e.source = f->original.source;
	e.destination = f->original.destination;
	e.source_port = f->original.source_port;
	e.destination_port = f->original.destination_port;
	event_send(&g->audit, &e);
}

void gate_cut(struct gate *g, const bool *changed, const struct sandbox *gone, size_t n_gone)
{
	static struct cut c; /* 60 kB, and one reload at a time */

	/* finding the owner of every flow takes seconds where there are many: not after a mere restart */
	if (!n_gone && !memchr(changed, true, SANDBOX_MAX))
		return;
	c = (struct cut){.gate = g, .changed = changed, .gone = gone, .n_gone = n_gone};
	owners_forget(g->kernel.owners);
	for (unsigned int pass = 0; pass < CUT_PASSES; pass++) {
		int rc;

		c.n = 0;
		rc = flows_dump(g->kernel.flows, judge, &c);
		if (rc < 0)
			log_err("cut: conntrack cannot be read: %s", strerror(-rc));
		for (size_t i = 0; i < c.n; i++)
			end_flow(g, &c.doomed[i], c.owners[i]);
		if (rc < 0 || c.n < CUT_BATCH)
			return;
	}
}
