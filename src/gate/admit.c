/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Admission of pins. The resolver parses hostile bytes, so nothing it says is believed: the name
 * is matched again, the addresses are held against the never and private tables (private ones need a forward zone or a local
 * record of that very name), caps and lifetimes come from the image. A resolver that was taken over can at most pin
 * public addresses under existing rules, and such private ones, within the caps, and visibly.
 */
#include "admit.h"

#include <errno.h>

#include "postern/forward.h"
#include "postern/match.h"

#define QTYPE_A 1
#define QTYPE_AAAA 28

bool admit_service(const struct image *im, const struct image_policy *p, uint32_t rule, uint8_t protocol, uint16_t port)
{
	const struct image_rule *r = image_rule(im, p, rule);
	const struct image_service *services = image_services(im, r->first_service);

	for (uint32_t i = 0; i < r->n_services; i++)
		if (services[i].protocol == protocol && services[i].first <= port && port <= services[i].last)
			return true;
	return false;
}

static const struct image_policy *policy_of(const struct image *im, const struct sandbox *s)
{
	uint32_t policy = image_policy_find(im, s->policy);

	return policy == IMAGE_NONE ? NULL : image_policy(im, policy);
}

uint32_t admit_again(const struct image *im, const struct sandbox *s, const struct pin_key *key,
	const struct dns_name *name)
{
	const struct image_policy *p = policy_of(im, s);
	uint32_t rule;

	if (!p || !forward_permits(im, name, &key->addr))
		return IMAGE_NONE;
	rule = match_name(im, p, name, key->addr.family == ADDR_V4 ? QTYPE_A : QTYPE_AAAA);
	if (rule == IMAGE_NONE || image_rule(im, p, rule)->action == ACTION_BLOCK)
		return IMAGE_NONE;
	return admit_service(im, p, rule, key->protocol, key->port) ? rule : IMAGE_NONE;
}

/* Is the request one that this policy permits? */
static enum reason judge(const struct image *im, uint32_t generation, const struct sandbox *s,
	const struct msg_pin_request *q, struct admission *a)
{
	const struct image_policy *p = s ? policy_of(im, s) : NULL;
	const struct image_rule *r;

	if (!s)
		return REASON_NO_SANDBOX;
	if (!p || q->generation != generation)
		return REASON_NO_RULE;
	if (q->n_addrs == 0 || q->n_addrs > PIN_ADDRS_MAX)
		return REASON_MALFORMED;
	/* Only these have addresses; a rule for another type must not open any. */
	if (q->qtype != QTYPE_A && q->qtype != QTYPE_AAAA)
		return REASON_QTYPE;
	if (dns_name_from_wire(q->name.wire, q->name.len, &a->name) < 0)
		return REASON_MALFORMED;
	a->rule = match_name(im, p, &a->name, q->qtype);
	if (a->rule == IMAGE_NONE || a->rule != q->rule)
		return REASON_NO_RULE;
	r = image_rule(im, p, a->rule);
	if (r->action == ACTION_BLOCK || r->n_services == 0 || r->n_services > PIN_SERVICES_MAX)
		return REASON_RULE_BLOCK;
	return REASON_NONE;
}

static enum reason judge_address(const struct image *im, const struct dns_name *name, const struct addr *a, uint16_t qtype)
{
	if (a->family != ADDR_V4 && a->family != ADDR_V6)
		return REASON_MALFORMED;
	if (a->family != (qtype == QTYPE_A ? ADDR_V4 : ADDR_V6))
		return REASON_MALFORMED;
	if (!forward_permits(im, name, a))
		return REASON_REBINDING;
	return REASON_NONE;
}

static uint32_t lifetime_ms(const struct image_settings *set, uint32_t ttl_s)
{
	uint32_t s = ttl_s;

	if (s < set->pin_min_s)
		s = set->pin_min_s;
	if (s > set->pin_max_s)
		s = set->pin_max_s;
	return (s + set->pin_grace_s) * 1000u;
}

enum reason admit_withheld(const struct image *im, uint32_t generation, const struct sandbox *s,
	const struct msg_pin_request *q, uint64_t now_ms, struct msg_pin_note *ret_note)
{
	*ret_note = (struct msg_pin_note){.slot = q->slot, .reason = REASON_BLOCKED_NAME, .rule = IMAGE_NONE};
	if (!s)
		return REASON_NO_SANDBOX;
	if (s->mode != SANDBOX_AUDIT || !policy_of(im, s) || q->generation != generation)
		return REASON_NO_RULE;
	if (q->n_addrs == 0 || q->n_addrs > PIN_ADDRS_MAX ||
		dns_name_from_wire(q->name.wire, q->name.len, &ret_note->name) < 0)
		return REASON_MALFORMED;
	for (unsigned int i = 0; i < q->n_addrs; i++) {
		if (q->addrs[i].family != ADDR_V4 && q->addrs[i].family != ADDR_V6)
			return REASON_MALFORMED;
		ret_note->addrs[ret_note->n_addrs++] = q->addrs[i];
	}
	ret_note->expires_ms = now_ms + lifetime_ms(image_settings(im), q->ttl_s);
	return REASON_NONE;
}

struct room {
	uint32_t name, rule, sandbox; /* new holds or pins that still fit */
};

static uint32_t left(uint32_t cap, uint32_t used)
{
	return used < cap ? cap - used : 0;
}

/* Appends the pins of one address if all of them fit. */
static bool take_address(const struct image *im, const struct image_rule *r, const struct pinbook *book,
	const struct addr *addr, struct room *room, uint16_t slot, struct admission *a)
{
	const struct image_service *services = image_services(im, r->first_service);
	uint32_t new_holds = 0, new_pins = 0;

	for (uint32_t i = 0; i < r->n_services; i++) {
		struct pin_key *key = &a->pins[a->n_pins + i];

		*key = (struct pin_key){slot, services[i].first, services[i].protocol, *addr};
		new_pins += pinbook_find(book, key) == PINBOOK_NONE;
		new_holds += !pinbook_holds(book, key, &a->name);
	}
	if (new_holds > room->name || new_holds > room->rule || new_pins > room->sandbox)
		return false;
	room->name -= new_holds;
	room->rule -= new_holds;
	room->sandbox -= new_pins;
	a->n_pins += r->n_services;
	return true;
}

static struct room room_left(const struct image_settings *set, const struct pinbook *book, uint16_t slot,
	const struct admission *a)
{
	return (struct room){
		.name = left(set->pins_per_name, pinbook_count_name(book, slot, &a->name)),
		.rule = left(set->pins_per_rule, pinbook_count_rule(book, slot, a->rule)),
		.sandbox = left(set->pins_per_sandbox, pinbook_count(book, slot)),
	};
}

void admit(const struct image *im, uint32_t generation, const struct sandbox *s, const struct pinbook *book,
	const struct msg_pin_request *q, struct admission *a)
{
	const struct image_settings *set = image_settings(im);
	const struct image_rule *r;
	struct room room;

	a->n_pins = 0;
	a->granted = 0;
	a->reason = judge(im, generation, s, q, a);
	for (unsigned int i = 0; a->reason == REASON_NONE && i < q->n_addrs; i++)
		a->reason = judge_address(im, &a->name, &q->addrs[i], q->qtype);
	if (a->reason != REASON_NONE)
		return;
	r = image_rule(im, policy_of(im, s), a->rule);
	room = room_left(set, book, q->slot, a);
	for (unsigned int i = 0; i < q->n_addrs; i++)
		if (take_address(im, r, book, &q->addrs[i], &room, q->slot, a))
			a->granted |= 1u << i;
	a->lifetime_ms = lifetime_ms(set, q->ttl_s);
	if (!a->granted)
		a->reason = REASON_QUOTA;
}
