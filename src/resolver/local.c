/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Answers that need nobody. The order of decisions about a name:
 *   1. a special-use or reverse name that no rule but a catch-all ("*") covers, nor a forward zone or a local record:
 *      answered here;
 *   2. no rule, or a BLOCK rule: its response, with EDE 15 (OVERRIDE: 4); in audit mode it is only noted;
 *   3. an allowed name, asked for a type that is not passed on: ANY (RFC 8482), HTTPS and SVCB unless the rule strips;
 *   4. a protection that stands before the rule that allows it blocks the name (protect.c);
 *   5. everything else is asked upstream.
 * A blocked reply has no SOA: nobody is told to remember it, so a reloaded policy acts at once.
 */
#include <string.h>

#include "special.h"
#include "state.h"

#define LOOPBACK_TTL_S 86400
#define ANY_TTL_S 3600

static void begin(struct resolver *r, struct dns_reply *reply, const struct cache_key *key)
{
	dns_reply_init(reply, r->draft, RESOLVER_ANSWER_MAX, &key->name, key->qtype);
}

static void end(struct resolver *r, struct dns_reply *reply, struct outcome *o)
{
	o->wire = r->draft;
	o->len = dns_reply_close(reply);
	o->rcode = reply->rcode;
	ASSERT(o->len); /* one record at most behind the question */
}

void empty_outcome(struct resolver *r, const struct cache_key *key, uint16_t rcode, struct outcome *ret_outcome)
{
	struct dns_reply reply;

	*ret_outcome = (struct outcome){.rule = IMAGE_NONE};
	begin(r, &reply, key);
	reply.rcode = rcode;
	end(r, &reply, ret_outcome);
}

static void override(struct resolver *r, struct dns_reply *reply, const struct cache_key *key,
	const struct image_rule *rule)
{
	struct dns_name target;

	if (!image_wire(r->im, rule->override_wire, &target) || dns_name_equal(&target, &key->name))
		return; /* to itself: a loop; NODATA instead */
	dns_reply_answer(reply, &(struct dns_rr){.owner_at = DNS_QUESTION_AT, .type = DNS_TYPE_CNAME,
		.ttl_s = rule->override_ttl_s, .rdata = target.wire, .rdata_len = target.len});
}

void blocked_outcome(struct resolver *r, const struct cache_key *key, uint32_t rule, enum reason reason,
	struct outcome *ret_outcome)
{
	const struct image_rule *ir = rule_of(r, key->slot, rule);
	struct dns_reply reply;

	*ret_outcome = (struct outcome){.rule = rule, .reason = (uint16_t)reason, .action = EVENT_BLOCKED};
	begin(r, &reply, key);
	if (ir && ir->action == ACTION_BLOCK && ir->response == RESPONSE_NXDOMAIN)
		reply.rcode = DNS_NXDOMAIN;
	if (ir && ir->action == ACTION_BLOCK && ir->response == RESPONSE_OVERRIDE)
		override(r, &reply, key, ir);
	ret_outcome->forged = reply.n_answers > 0;
	end(r, &reply, ret_outcome);
}

static void special_outcome(struct resolver *r, const struct cache_key *key, enum special s, struct outcome *o)
{
	struct dns_reply reply;
	const uint8_t *rdata;
	size_t len = special_rdata(s, key->qtype, &rdata);

	*o = (struct outcome){.rule = IMAGE_NONE, .reason = REASON_SPECIAL_NAME};
	begin(r, &reply, key);
	if (s == SPECIAL_NXDOMAIN)
		reply.rcode = DNS_NXDOMAIN;
	if (len)
		dns_reply_answer(&reply, &(struct dns_rr){.owner_at = DNS_QUESTION_AT, .type = key->qtype,
			.ttl_s = LOOPBACK_TTL_S, .rdata = rdata, .rdata_len = (uint16_t)len});
	end(r, &reply, o);
}

/*
 * Does the rule hold every name? Asked with a name that no list holds but by "*": one label of a single
 * zero byte.
 */
static bool catches_all(const struct resolver *r, const struct owner *owner, uint32_t rule, uint16_t qtype)
{
	static const struct dns_name nobody = {.len = 3, .wire = {1, 0, 0}};

	return match_name_from(r->im, owner->policy, &nobody, qtype, rule) == rule;
}

static void any_outcome(struct resolver *r, const struct cache_key *key, struct outcome *o)
{
	static const uint8_t rdata[] = "\7RFC8482"; /* CPU; the literal's NUL is an empty OS */
	struct dns_reply reply;

	*o = (struct outcome){.rule = o->rule, .reason = REASON_QTYPE};
	begin(r, &reply, key);
	dns_reply_answer(&reply, &(struct dns_rr){.owner_at = DNS_QUESTION_AT, .type = DNS_TYPE_HINFO,
		.ttl_s = ANY_TTL_S, .rdata = rdata, .rdata_len = sizeof(rdata)});
	end(r, &reply, o);
}

/* The types of an allowed name that are not passed on. @rule: NULL where only audit mode lets the name through. */
static bool type_outcome(struct resolver *r, const struct cache_key *key, const struct image_rule *rule,
	struct outcome *o)
{
	const struct outcome before = *o;

	if (key->qtype == DNS_TYPE_ANY) {
		any_outcome(r, key, o);
	} else if ((key->qtype == DNS_TYPE_HTTPS || key->qtype == DNS_TYPE_SVCB) &&
		!(rule && rule->https_records == HTTPS_STRIP)) {
		empty_outcome(r, key, DNS_NOERROR, o);
		o->reason = REASON_QTYPE;
	} else {
		return false;
	}
	o->rule = before.rule;
	if (before.action == EVENT_WOULD_BLOCK) {
		o->action = before.action;
		o->reason = before.reason;
	}
	return true;
}

bool local_outcome(struct resolver *r, const struct cache_key *key, const struct owner *owner, struct outcome *ret_outcome)
{
	size_t special_len = 0;
	enum special special = special_of(&key->name, &special_len);
	uint32_t rule = owner->policy ? match_name(r->im, owner->policy, &key->name, key->qtype) : IMAGE_NONE;
	const struct image_rule *ir = rule_of(r, key->slot, rule);

	if (special != SPECIAL_NONE && (!ir || catches_all(r, owner, rule, key->qtype)) &&
		(special_is_loopback(special) || !zone_covers(r, &key->name, special_len))) {
		special_outcome(r, key, special, ret_outcome);
		return true;
	}
	*ret_outcome = (struct outcome){.rule = rule};
	if (!ir || ir->action == ACTION_BLOCK) {
		enum reason reason = ir ? REASON_RULE_BLOCK : REASON_NO_RULE;

		if (!owner->audit || !owner->policy) {
			blocked_outcome(r, key, rule, reason, ret_outcome);
			return true;
		}
		ret_outcome->action = EVENT_WOULD_BLOCK;
		ret_outcome->reason = (uint16_t)reason;
		ret_outcome->found = rule;
	}
	return type_outcome(r, key, ir, ret_outcome) || protect_outcome(r, key, ret_outcome);
}
