/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ends established flows that the new policy no longer allows, and only those.
 *
 * conntrack does not say whose a flow is: owner.h does. A flow may stay where a static rule covers it, or
 * where a pin of its destination, live or remembered, is still held by a permitted name. Where nothing is
 * remembered, of a sandbox whose policy did change, the answer to doubt is: shut.
 * An inbound flow is one that ends at the sandbox; it is held against the ingress rules.
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
	size_t n;
	struct flow doomed[CUT_BATCH];
	uint16_t slots[CUT_BATCH];
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

/* A removed sandbox is in no table: its flows are nobody's, and are found by the interface or address all the same. */
static const struct sandbox *whose(struct gate *g, const struct owner_query *q)
{
	struct selector sel = {0};
	const struct sandbox *s;
	struct owner o;

	if (owner_find(g->kernel.owners, q, &o) < 0)
		return NULL;
	if (!o.local) {
		event_set_text(sel.ifname, sizeof(sel.ifname), o.interface);
		s = sandboxes_find_selector(g->sandboxes, SANDBOX_INTERFACE, &sel);
		return s ? s : sandboxes_find_source(g->sandboxes, &q->near);
	}
	sel.uid = o.uid;
	s = cgroup_sandbox(g, o.cgroup_id);
	if (!s && o.has_socket)
		s = sandboxes_find_selector(g->sandboxes, SANDBOX_UID, &sel);
	return s ? s : sandboxes_find_selector(g->sandboxes, SANDBOX_HOST, &sel);
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
	c->slots[c->n] = s->slot;
	c->doomed[c->n++] = *f;
}

static int judge(void *context, const struct flow *f)
{
	struct cut *c = context;
	/* DNAT: the far end as the sandbox's packets meet it in the filter is the replying one */
	const struct owner_query out = {f->original.source, f->reply.source, f->original.source_port,
		f->reply.source_port, f->protocol};
	const struct owner_query in = {f->reply.source, f->original.source, f->reply.source_port,
		f->original.source_port, f->protocol};
	const struct sandbox *s;

	/* DNS to the stub is the daemon's own */
	if (f->reply.source_port != f->original.destination_port && f->original.destination_port == 53)
		return 0;
	s = whose(c->gate, &out);
	if (s && c->changed[s->slot] && !egress_allowed(c->gate, s, &out)) {
		doom(c, f, s);
		return 0;
	}
	s = whose(c->gate, &in);
	if (s && c->changed[s->slot] && !ingress_allowed(c->gate, s, &in))
		doom(c, f, s);
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

void gate_cut(struct gate *g, const bool *changed)
{
	static struct cut c; /* 60 kB, and one reload at a time */

	/* finding the owner of every flow takes seconds where there are many: not after a mere restart */
	if (!memchr(changed, true, SANDBOX_MAX))
		return;
	c = (struct cut){.gate = g, .changed = changed};
	owners_forget(g->kernel.owners);
	for (unsigned int pass = 0; pass < CUT_PASSES; pass++) {
		int rc;

		c.n = 0;
		rc = flows_dump(g->kernel.flows, judge, &c);
		if (rc < 0)
			log_err("cut: conntrack cannot be read: %s", strerror(-rc));
		for (size_t i = 0; i < c.n; i++)
			end_flow(g, &c.doomed[i], sandboxes_get(g->sandboxes, c.slots[i]));
		if (rc < 0 || c.n < CUT_BATCH)
			return;
	}
}
