/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tasks whose answers are validated (`dnssec = "validate"`): the bridge between the core and the validator.
 *
 * An upstream's answer is set aside until the validator has said what it is; what the validator wants to know is asked
 * by the same task, one question after the other, within its deadline. Such questions are for DS and DNSKEY of the
 * names on the chain that the policy permits and of names above them, so no other name leaves the host.
 * Only what was found secure, or proven insecure, is resolved, pinned and answered; bogus is SERVFAIL with its EDE, whatever
 * CD says: a sandbox must not be able to have an address opened by switching the validation off.
 * Forward zones and local records are not validated: they are not in the public tree.
 */
#include "secure.h"

#include <stdlib.h>
#include <string.h>

#include "answer_ldns.h"
#include "dnssec/dnssec_denial.h"

#define ASKS_MAX 48	    /* of one answer: a chain of three zones of three labels in each of its hops */
#define VALIDATIONS_MAX 512 /* answers set aside */
#define BOGUS_TTL_S 5	    /* how long the failure is remembered: RFC 4035 4.7, RFC 9520 */

struct validation {
	unsigned int n_asks;
	size_t len;
	uint8_t wire[];
};

struct dnssec_ds secure_ds(const struct anchor_ds *a)
{
	struct dnssec_ds ds = {a->tag, a->algorithm, a->digest_type, a->digest_len, {0}};

	memcpy(ds.digest, a->digest, sizeof(ds.digest));
	return ds;
}

static void add_configured(struct resolver *r)
{
	for (uint32_t i = 0; i < image_n_anchors(r->im); i++) {
		const struct image_anchor *a = image_anchor(r->im, i);
		struct dnssec_ds ds = {a->tag, a->algorithm, a->digest_type, a->digest_len, {0}};
		struct dns_name zone;

		memcpy(ds.digest, a->digest, sizeof(ds.digest));
		if (image_wire(r->im, a->zone, &zone))
			(void)validator_add_anchor(r->validator, &zone, &ds); /* an image has no more than it takes */
	}
}

/* A zone of which nothing is believed stays a zone with anchors: what is below it is bogus, not insecure. */
static void add_managed(struct resolver *r)
{
	const struct anchors *a = &r->anchors;
	const struct dnssec_ds nothing = {0};

	for (uint32_t z = 0; z < a->n_zones; z++) {
		bool any = false;

		for (uint32_t i = 0; i < a->n_keys; i++) {
			const struct anchor_key *k = &a->keys[i];
			const struct dnssec_ds ds = secure_ds(&k->ds);

			if (k->zone == z && anchor_trusted(k) && dnssec_algorithm_supported(ds.algorithm))
				any |= validator_add_anchor(r->validator, &a->zones[z].name, &ds);
		}
		if (!any)
			(void)validator_add_anchor(r->validator, &a->zones[z].name, &nothing); /* there is room for one a zone */
	}
}

/* Is what is believed the gate's table, and not the image? */
static bool secure_managed(const struct resolver *r)
{
	return r->settings.anchors_managed && r->anchors.n_zones;
}

void secure_set_image(struct resolver *r)
{
	validator_reset(r->validator);
	if (!r->im)
		return;
	if (secure_managed(r))
		add_managed(r);
	else
		add_configured(r);
	for (uint32_t i = 0; i < image_n_negative(r->im); i++) {
		const struct image_negative *n = image_negative(r->im, i);
		struct dns_name zone;

		if (image_wire(r->im, n->zone, &zone))
			(void)validator_add_negative(r->validator, &zone, n->until_s); /* an image has no more than it takes */
	}
}

static bool believes(const struct anchors *a, const struct dns_name *zone, const struct anchor_ds *ds)
{
	for (uint32_t i = 0; i < a->n_keys; i++)
		if (anchor_trusted(&a->keys[i]) && anchor_ds_equal(&a->keys[i].ds, ds) &&
			dns_name_equal(&a->zones[a->keys[i].zone].name, zone))
			return true;
	return false;
}

/* Is every key that @a believes believed by @b too? */
static bool within(const struct anchors *a, const struct anchors *b)
{
	for (uint32_t i = 0; i < a->n_keys; i++)
		if (anchor_trusted(&a->keys[i]) && !believes(b, &a->zones[a->keys[i].zone].name, &a->keys[i].ds))
			return false;
	return true;
}

void resolver_set_anchors(struct resolver *r, const struct anchors *a)
{
	bool fewer = !within(&r->anchors, a), more = !within(a, &r->anchors) || a->n_zones != r->anchors.n_zones;

	r->anchors = *a;
	if (fewer || more)
		secure_set_image(r);
	looks_set(r, false);
	if (!fewer)
		return;
	owners_set_image(r->owners, r->im); /* what a key proved that is not believed any more is not served */
	restart_tasks(r, SANDBOX_NONE);
}

bool secure_wanted(const struct resolver *r, const struct task *task)
{
	return r->settings.dnssec && task->zone == IMAGE_NONE;
}

void secure_forget(struct resolver *r, struct task *task)
{
	if (task->validation)
		r->n_validations--;
	free(task->validation);
	task->validation = NULL;
	task->fetch_type = 0;
}

static void fail(struct resolver *r, struct task *task, uint16_t ede)
{
	struct outcome o;

	secure_forget(r, task);
	count(r, COUNTER_RESOLVER_bogus);
	empty_outcome(r, &task->key, DNS_SERVFAIL, &o);
	o.reason = REASON_BOGUS;
	o.action = EVENT_REFUSED;
	o.rule = task->rule;
	o.ttl_s = BOGUS_TTL_S;
	o.ede = ede;
	outcome_keep(r, task, &o);
	task_end(r, task, &o);
}

/*
 * The RRsets that the walk reaches, as resolve_answer() will: up to the first alias that the policy
 * refuses, or that somebody else answers for.
 */
static void list_items(struct resolver *r, struct task *task, struct validator_item items[static VALIDATOR_ITEMS_MAX + 1])
{
	struct dns_name name = task->current;
	struct answer_hop hop;
	enum answer_step step;
	unsigned int n = 0;
	uint32_t ignored;

	memset(items, 0, (VALIDATOR_ITEMS_MAX + 1) * sizeof(*items));
	while ((step = answer_walk(r->answer, &name, task->key.qtype, &hop)) == ANSWER_HOP && n < VALIDATOR_ITEMS_MAX - 1) {
		items[n++] = (struct validator_item){hop.dname ? *answer_owner(r->answer, hop.dname) : name,
			hop.dname ? DNS_TYPE_DNAME : DNS_TYPE_CNAME, false};
		if ((!name_allowed(r, task, &hop.target, &ignored) && !in_audit(r, task)) || zone_left(r, task, &hop.target))
			return;
		name = hop.target;
	}
	if (step == ANSWER_END)
		items[n] = (struct validator_item){name, task->key.qtype, false};
	else if (step == ANSWER_NONE && (n == 0 || r->answer->rcode == DNS_NXDOMAIN || answer_soa(r->answer, &name, &ignored)))
		items[n] = (struct validator_item){name, task->key.qtype, true};
}

static struct validator_moment moment_of(const struct resolver *r, const struct task *task)
{
	return (struct validator_moment){r->now_ms, r->wall_ms / 1000, task->key.slot};
}

static void ask(struct resolver *r, struct task *task, const struct validator_result *res)
{
	if (task->validation->n_asks++ == ASKS_MAX) {
		fail(r, task, DNS_EDE_INDETERMINATE);
		return;
	}
	task->fetch_name = res->name;
	task->fetch_type = res->type;
	ask_start(r, task);
}

/* The answer that was set aside, judged with what is known now. */
static void judge(struct resolver *r, struct task *task)
{
	struct validator_item items[VALIDATOR_ITEMS_MAX + 1];
	const struct validator_message m = {r->answer, task->validation->wire, task->validation->len};
	const struct validator_moment now = moment_of(r, task);
	struct validator_result res = {.verdict = VALIDATOR_INSECURE};

	if (answer_read(m.data, m.len, r->answer) < 0) {
		task_fail(r, task, REASON_UPSTREAM);
		return;
	}
	list_items(r, task, items);
	if (task->key.qtype != DNS_TYPE_RRSIG) /* signatures are not signed */
		validator_judge(r->validator, &now, &m, items, &res);
	switch (res.verdict) {
	case VALIDATOR_ASK:
		ask(r, task, &res);
		return;
	case VALIDATOR_BOGUS:
		fail(r, task, res.ede);
		return;
	case VALIDATOR_SPENT:
		task_fail(r, task, REASON_OVERLOAD);
		return;
	case VALIDATOR_SECURE:
	case VALIDATOR_INSECURE:
		break;
	}
	secure_forget(r, task);
	r->answer->authentic = res.verdict == VALIDATOR_SECURE;
	resolve_answer(r, task);
}

/* @data stands in r->answer too. */
static bool set_aside(struct resolver *r, struct task *task, const uint8_t *data, size_t len)
{
	if (r->n_validations == VALIDATIONS_MAX)
		return false;
	task->validation = malloc(sizeof(*task->validation) + len);
	if (!task->validation)
		return false;
	r->n_validations++;
	task->validation->n_asks = 0;
	task->validation->len = len;
	memcpy(task->validation->wire, data, len);
	return true;
}

void secure_answer(struct resolver *r, struct task *task, const uint8_t *data, size_t len)
{
	const struct validator_message m = {r->answer, data, len};
	const struct validator_moment now = moment_of(r, task);

	if (task->fetch_type) {
		validator_learn(r->validator, &now, &m, &task->fetch_name, task->fetch_type);
		r->counters[COUNTER_RESOLVER_anchors_new] = secure_managed(r) ? 0 : validator_new_keys(r->validator);
		r->counters[COUNTER_RESOLVER_anchors_gone] = secure_managed(r) ? 0 : validator_gone_anchors(r->validator);
		task->fetch_type = 0;
	} else if (!set_aside(r, task, data, len)) {
		count(r, COUNTER_RESOLVER_table_full);
		task_fail(r, task, REASON_OVERLOAD);
		return;
	}
	judge(r, task);
}
