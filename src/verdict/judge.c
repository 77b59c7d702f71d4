/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The judgement of one packet: see the header.
 *
 * A packet gets here because no set element of rules/postern.nft let it through, so the usual outcome
 * is a refusal, and the work is to say whose it is and why. The order of the questions is
 * that of the ruleset: who (interface, source, cgroup, uid, host), cloud metadata, static rules, private and own
 * addresses, pins. Four things are let through, and only where the sender is known for certain:
 *   - what an ALERT rule covers, or an ALLOW rule that stands behind one: such rules are not in the kernel's sets;
 *   - a pinned destination: the lookup in the kernel raced a renewal of the pin;
 *   - what both such a rule of the receiver and the sender's own policy allow;
 *   - what a policy in audit mode refuses, recorded as that refusal. Not what no policy can allow: metadata, stub ports,
 *     forged and malformed packets; and not for a sandbox whose policy is missing.
 * Other ALLOW rules are not in this list: the kernel's sets know them, and where it
 * disagrees with the image (a reload is under way), the kernel is right.
 */
#include "judge.h"

#include <string.h>

#include "postern/forward.h"
#include "postern/match.h"

#define QTYPE_A 1
#define QTYPE_AAAA 28

struct sender {
	uint16_t slot;
	bool certain;
};

/* A local socket's answer to a flow that came in; of a SYN-ACK the queue does not tell the owner. */
static bool is_reply(const struct verdict_packet *m)
{
	return m->hook == HOOK_OUTPUT && m->mark == VERDICT_MARK_REPLY;
}

/* The uid of a reply's socket may have to be asked for. */
static bool is_told(const struct verdict_packet *m)
{
	return m->told && (m->zone || m->has_uid || !is_reply(m));
}

/* The ruleset saw the socket, whatever has become of it since. A sandbox that we do not know yet is not passed over. */
static struct sender find_told(const struct judge *j, const struct verdict_packet *m)
{
	struct sender s = {SANDBOX_NONE, m->zone || m->has_uid};

	if (m->zone)
		s.slot = boxes_by_cgroup_zone(j->boxes, m->zone);
	else if (m->has_uid)
		s.slot = boxes_by_uid(j->boxes, m->uid);
	if (s.slot == SANDBOX_NONE && !m->zone)
		s.slot = boxes_host(j->boxes);
	return s;
}

static struct sender find_local(const struct judge *j, const struct verdict_packet *m, const struct attribution *by)
{
	bool cgroup_known = by && by->cgroup[0], uid_known = m->has_uid || (by && by->found && is_reply(m));
	/* A socket that is gone may have been anybody's. */
	struct sender s = {SANDBOX_NONE, uid_known && (cgroup_known || !boxes_any_cgroup(j->boxes))};

	if (cgroup_known)
		s.slot = boxes_by_cgroup(j->boxes, by->cgroup);
	if (s.slot == SANDBOX_NONE && uid_known)
		s.slot = boxes_by_uid(j->boxes, m->has_uid ? m->uid : by->uid);
	if (s.slot == SANDBOX_NONE)
		s.slot = boxes_host(j->boxes);
	return s;
}

static struct sender find_sender(const struct judge *j, const struct verdict_packet *m, const struct packet *p,
	const struct attribution *by)
{
	struct sender s = {SANDBOX_NONE, true};

	if (m->hook == HOOK_OUTPUT)
		return is_told(m) ? find_told(j, m) : find_local(j, m, by);
	s.slot = boxes_by_interface(j->boxes, m->in);
	if (s.slot == SANDBOX_NONE)
		s.slot = boxes_by_source(j->boxes, &p->source);
	return s;
}

static uint16_t find_receiver(const struct judge *j, const struct verdict_packet *m, const struct packet *p)
{
	uint16_t slot;

	if (m->hook == HOOK_INPUT)
		return boxes_host(j->boxes);
	slot = boxes_by_interface(j->boxes, m->out);
	return slot == SANDBOX_NONE ? boxes_by_source(j->boxes, &p->destination) : slot;
}

bool judge_needs_sender(const struct judge *j, const struct verdict_packet *m)
{
	if (m->hook == HOOK_OUTPUT && is_told(m))
		return false;
	if (m->hook == HOOK_OUTPUT && !m->has_uid)
		return is_reply(m);
	return m->hook == HOOK_OUTPUT && boxes_any_cgroup(j->boxes);
}

/* A refusal in the name of @slot, decided by its policy as a whole. */
static struct judgement refuse(const struct judge *j, uint16_t slot, enum reason reason)
{
	const struct image_policy *policy = boxes_policy(j->boxes, slot);
	struct judgement r = {.slot = slot, .decision = DECISION_REFUSE, .reason = reason};

	if (policy) {
		r.place = &policy->place;
		r.decision = policy->refusal == REFUSAL_DROP ? DECISION_DROP : DECISION_REFUSE;
	}
	return r;
}

static struct judgement refuse_by(const struct judge *j, uint16_t slot, enum reason reason,
	const struct image_place *place)
{
	struct judgement r = refuse(j, slot, reason);

	r.place = place ? place : r.place;
	return r;
}

static bool is_audit(const struct judge *j, uint16_t slot)
{
	const struct sandbox *s = boxes_get(j->boxes, slot);

	return s && s->mode == SANDBOX_AUDIT && boxes_policy(j->boxes, slot);
}

/* @r, and in audit mode @decision instead of the refusal. */
static struct judgement spare(const struct judge *j, struct judgement r, enum decision decision)
{
	bool refused = r.decision == DECISION_REFUSE || r.decision == DECISION_DROP;

	if (refused && r.reason != REASON_ALWAYS_DENIED && is_audit(j, r.slot)) {
		r.decision = decision;
		r.would_block = 1;
	}
	return r;
}

/* The DNS rule under which this sandbox may resolve @name, or NULL. */
static const struct image_rule *rule_of_name(const struct judge *j, const struct image_policy *policy,
	const struct dns_name *name, uint8_t family)
{
	uint32_t i = match_name(j->image, policy, name, family == ADDR_V4 ? QTYPE_A : QTYPE_AAAA);

	return i == IMAGE_NONE ? NULL : image_rule(j->image, policy, i);
}

static bool rule_opens(const struct judge *j, const struct image_rule *rule, const struct service *s)
{
	const struct image_service *services = image_services(j->image, rule->first_service);

	if (rule->action == ACTION_BLOCK)
		return false;
	for (uint32_t i = 0; i < rule->n_services; i++)
		if (services[i].protocol == s->protocol && s->first_port >= services[i].first &&
			s->first_port <= services[i].last)
			return true;
	return false;
}

typedef const struct image_static *static_at(const struct image *im, const struct image_policy *p, uint32_t i);

/*
 * Is the static rule @i ours to apply? ALERT rules are; of ALLOW rules the gate keeps those out of the kernel that
 * overlap an ALERT rule before them, or the kernel would let pass what has to be recorded.
 */
static bool static_is_ours(const struct image *im, const struct image_policy *p, static_at *at, uint32_t i)
{
	if (i == IMAGE_NONE)
		return false;
	for (uint32_t k = 0; k <= i; k++)
		if (at(im, p, k)->action == ACTION_ALERT)
			return true;
	return false;
}

/* What rule @i does with a packet that came to us. */
static struct judgement accept_by(uint16_t slot, enum decision decision, const struct image_static *rule)
{
	return (struct judgement){.slot = slot, .decision = decision,
		.reason = rule->action == ACTION_ALERT ? REASON_ALERT : REASON_NONE, .place = &rule->place};
}

/* Does any service of the static rule speak @protocol? 0 is every protocol. */
static bool static_speaks(const struct judge *j, const struct image_static *rule, uint8_t protocol)
{
	const struct image_service *services = image_services(j->image, rule->first_service);

	for (uint32_t i = 0; i < rule->n_services; i++)
		if (services[i].protocol == protocol || services[i].protocol == 0)
			return true;
	return false;
}

static bool policy_speaks(const struct judge *j, const struct image_policy *policy, uint8_t protocol)
{
	for (uint32_t i = 0; i < policy->n_egress; i++)
		if (static_speaks(j, image_egress(j->image, policy, i), protocol))
			return true;
	return protocol == PROTOCOL_TCP || protocol == PROTOCOL_UDP;
}

/* A static rule that names the address (the whole internet is not a name), for other services. */
static const struct image_static *static_near(const struct judge *j, const struct image_policy *policy,
	const struct addr *a)
{
	for (uint32_t i = 0; i < policy->n_egress; i++) {
		const struct image_static *rule = image_egress(j->image, policy, i);
		const struct prefix *prefixes = image_prefixes(j->image, rule->first_prefix);

		for (uint32_t k = 0; k < rule->n_prefixes; k++)
			if (prefixes[k].len > 0 && prefix_contains(&prefixes[k], a))
				return rule;
	}
	return NULL;
}

/* Why a destination is closed of which no pin knows anything. */
static struct judgement refuse_unknown(const struct judge *j, const struct image_policy *policy, uint16_t slot,
	const struct packet *p, bool local)
{
	const struct image_static *near = static_near(j, policy, &p->destination);

	if (near)
		return refuse_by(j, slot, static_speaks(j, near, p->protocol) ? REASON_PORT_NOT_ALLOWED :
			REASON_PROTOCOL_NOT_ALLOWED, &near->place);
	if (local || addr_is_private(&p->destination))
		return refuse(j, slot, REASON_PRIVATE_ADDRESS);
	return refuse(j, slot, policy_speaks(j, policy, p->protocol) ? REASON_NEVER_RESOLVED :
		REASON_PROTOCOL_NOT_ALLOWED);
}

static enum reason reason_of_pin(const struct pin_answer *pin)
{
	switch (pin->state) {
	case PIN_WITHHELD:
		return pin->reason;
	case PIN_OTHER_PROTOCOL:
		return REASON_PROTOCOL_NOT_ALLOWED;
	case PIN_OTHER_PORT:
		return REASON_PORT_NOT_ALLOWED;
	case PIN_OVER:
		return REASON_PIN_EXPIRED;
	case PIN_LIVE: /* and yet not allowed: the policy has changed since */
		return REASON_BLOCKED_NAME;
	case PIN_UNKNOWN:
		break;
	}
	return REASON_NEVER_RESOLVED;
}

/* A destination that is, or was, reached by a name. */
static struct judgement by_pin(const struct judge *j, const struct image_policy *policy, uint16_t slot,
	const struct packet *p, const struct pin_answer *pin)
{
	const struct service s = {p->protocol, p->destination_port, p->destination_port};
	const struct image_rule *rule = rule_of_name(j, policy, pin->name, p->destination.family);

	if (pin->state == PIN_LIVE && rule && rule_opens(j, rule, &s))
		return (struct judgement){.slot = slot, .decision = DECISION_ACCEPT, .place = &rule->place};
	return refuse_by(j, slot, reason_of_pin(pin), rule ? &rule->place : NULL);
}

/* The resolver's own ports: reached by the redirect of port 53 only, whatever a rule says. */
static bool is_stub(const struct judge *j, const struct verdict_packet *m, const struct packet *p)
{
	const struct image_settings *s = j->image ? image_settings(j->image) : NULL;

	if (!s || m->hook != HOOK_INPUT || !p->has_ports)
		return false;
	return p->destination_port == s->stub_port || (p->destination_port >= s->local_stub_port &&
		p->destination_port - s->local_stub_port < SANDBOX_LOCAL_MAX);
}

/* What the sender's policy says of the destination, the sender being known for certain. */
static struct judgement egress_certain(const struct judge *j, const struct verdict_packet *m,
	const struct packet *p, uint16_t slot)
{
	const struct image_policy *policy = boxes_policy(j->boxes, slot);
	const struct service s = {p->protocol, p->destination_port, p->destination_port};
	bool local = m->hook == HOOK_INPUT || (m->hook == HOOK_OUTPUT && strcmp(m->out, "lo") == 0);
	struct pin_answer pin;
	uint32_t i;

	if (!policy)
		return refuse(j, slot, REASON_NO_RULE);
	if (addr_is_never(&p->destination) || is_stub(j, m, p))
		return refuse(j, slot, REASON_ALWAYS_DENIED);
	i = match_egress(j->image, policy, &p->destination, p->protocol, p->destination_port);
	if (static_is_ours(j->image, policy, image_egress, i))
		return accept_by(slot, DECISION_ACCEPT, image_egress(j->image, policy, i));
	pin = pins_ask(j->pins, slot, &p->destination, &s, j->now_ms);
	if (pin.state == PIN_UNKNOWN || local || !forward_permits(j->image, pin.name, &p->destination))
		return refuse_unknown(j, policy, slot, p, local);
	return by_pin(j, policy, slot, p, &pin);
}

static struct judgement egress(const struct judge *j, const struct verdict_packet *m, const struct packet *p,
	struct sender sender)
{
	struct judgement r = egress_certain(j, m, p, sender.slot);

	if (sender.certain)
		return spare(j, r, DECISION_ACCEPT);
	if (r.decision != DECISION_ACCEPT)
		return r;
	return refuse(j, sender.slot, m->has_uid ? REASON_OVERLOAD : REASON_NO_SANDBOX);
}

/* A packet that the receiver's policy has to agree to, and the sender's as well where it has one. */
static struct judgement inbound(const struct judge *j, const struct verdict_packet *m, const struct packet *p,
	struct sender sender)
{
	uint16_t slot = find_receiver(j, m, p);
	const struct image_policy *policy = boxes_policy(j->boxes, slot);
	struct judgement r = refuse(j, slot, slot == SANDBOX_NONE ? REASON_NO_SANDBOX : REASON_INGRESS);
	bool granted;
	uint32_t i;

	r.inbound = 1;
	if (!policy || (m->in_confined && sender.slot == SANDBOX_NONE))
		return r;
	i = match_ingress(j->image, policy, &p->source, p->protocol, p->destination_port);
	granted = static_is_ours(j->image, policy, image_ingress, i);
	if (is_stub(j, m, p) || (!granted && !is_audit(j, slot)))
		return r;
	if (sender.slot != SANDBOX_NONE) {
		struct judgement s = egress(j, m, p, sender);

		if (s.decision != DECISION_ACCEPT)
			return s;
		if (s.would_block) {
			s.decision = DECISION_ADMIT;
			return s;
		}
	}
	if (!granted)
		return spare(j, r, DECISION_ADMIT);
	r = accept_by(slot, DECISION_ADMIT, image_ingress(j->image, policy, i));
	r.inbound = 1;
	return r;
}

/*
 * A reply of a local sandbox's socket: may the client speak to it? Of a policy without ingress section: anybody.
 */
static struct judgement reply(const struct judge *j, const struct packet *p, struct sender sender)
{
	const struct image_policy *policy = boxes_policy(j->boxes, sender.slot);
	struct judgement r = refuse(j, sender.slot, REASON_INGRESS);
	uint32_t i;

	if (policy && sender.certain && !policy->has_ingress) {
		r = (struct judgement){.slot = sender.slot, .decision = DECISION_ADMIT, .place = &policy->place};
	} else if (policy && sender.certain) {
		i = match_ingress(j->image, policy, &p->destination, p->protocol, p->source_port);
		if (static_is_ours(j->image, policy, image_ingress, i))
			r = accept_by(sender.slot, DECISION_ADMIT, image_ingress(j->image, policy, i));
		else
			r = spare(j, r, DECISION_ADMIT);
	}
	r.inbound = r.turned = 1;
	return r;
}

/* Dropped, whatever the policy does with refusals: nobody is there to be told. */
static struct judgement forged(const struct judge *j, uint16_t slot)
{
	struct judgement r = refuse(j, slot, REASON_FORGED_SOURCE);

	r.decision = DECISION_DROP;
	return r;
}

struct judgement judge_packet(const struct judge *j, const struct verdict_packet *m, const struct packet *p,
	bool well_formed, const struct attribution *by)
{
	struct sender sender = find_sender(j, m, p, by);

	if (m->hook == HOOK_PREROUTING || (m->hook != HOOK_OUTPUT && m->mark == VERDICT_MARK_FORGED))
		return forged(j, sender.slot);
	if (!well_formed) {
		struct judgement r = refuse(j, sender.slot, REASON_MALFORMED);

		if (p->source.family == ADDR_NONE) /* nobody to tell */
			r.decision = DECISION_DROP;
		return r;
	}
	if (m->hook == HOOK_INPUT && sender.slot != SANDBOX_NONE)
		return egress(j, m, p, sender);
	if (m->hook == HOOK_INPUT || m->mark == VERDICT_MARK_INBOUND)
		return inbound(j, m, p, sender);
	if (sender.slot == SANDBOX_NONE)
		return refuse(j, SANDBOX_NONE, REASON_NO_SANDBOX);
	if (is_reply(m))
		return reply(j, p, sender);
	return egress(j, m, p, sender);
}
