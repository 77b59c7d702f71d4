/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The gate's own judgement of a pin request: what the resolver says is asked again of
 * the policy. Private to src/gate. Pure.
 */
#ifndef GATE_ADMIT_H
#define GATE_ADMIT_H

#include "pinbook.h"
#include "postern/image.h"
#include "postern/message.h"

#define ADMIT_PINS_MAX (PIN_ADDRS_MAX * PIN_SERVICES_MAX)

struct admission {
	enum reason reason;	/* REASON_NONE: @granted is not 0 */
	uint32_t granted;	/* bit i: every pin of addrs[i] is in @pins */
	uint32_t lifetime_ms;
	uint32_t rule;
	struct dns_name name;	/* checked */
	size_t n_pins;
	struct pin_key pins[ADMIT_PINS_MAX];
};

/*
 * @s: the sandbox of request->slot (NULL: none). @generation: of @im. Addresses that do not fit a quota are left
 * out of @granted; where none is left the reason is REASON_QUOTA.
 */
void admit(const struct image *im, uint32_t generation, const struct sandbox *s, const struct pinbook *book,
	const struct msg_pin_request *request, struct admission *ret_admission);

/*
 * A request that says would_block: the note for the verdict loop, with the reason blocked-name. Nothing is pinned, and only of a sandbox in
 * audit mode is it believed that the name would be blocked: REASON_NONE, else why not.
 */
enum reason admit_withheld(const struct image *im, uint32_t generation, const struct sandbox *s,
	const struct msg_pin_request *request, uint64_t now_ms, struct msg_pin_note *ret_note);

/* Does rule @rule of @p open protocol and port? */
bool admit_service(const struct image *im, const struct image_policy *p, uint32_t rule, uint8_t protocol, uint16_t port);
/* The rule under which @name may hold a pin of this key now, or IMAGE_NONE. */
uint32_t admit_again(const struct image *im, const struct sandbox *s, const struct pin_key *key,
	const struct dns_name *name);

#endif
