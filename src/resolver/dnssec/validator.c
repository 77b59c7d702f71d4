/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Judging messages, and learning from the answers to the validator's own questions: see the header.
 *
 * A zone signs what is in it, and its parent signs its DS. An unsigned item is insecure only where a proof of the zone above
 * says that there is no security; otherwise it is bogus. What a proof does not say is not assumed: without one the answer is bogus.
 * Opt-out and too many iterations make an answer insecure, never secure.
 * Bogus is remembered for some seconds, so that a broken zone costs little (RFC 4035 4.7).
 */
#include <string.h>

#include "postern/dns.h"
#include "validator_parts.h"

#define KEPT_MIN_S 5
#define KEPT_MAX_S 3600
#define BOGUS_S 10

static uint16_t ede_of_check(enum dnssec_check c)
{
	switch (c) {
	case DNSSEC_NO_SIGNATURE:
		return DNS_EDE_NO_RRSIG;
	case DNSSEC_NO_KEY:
		return DNS_EDE_NO_DNSKEY;
	case DNSSEC_EXPIRED:
		return DNS_EDE_EXPIRED;
	case DNSSEC_NOT_YET:
		return DNS_EDE_NOT_YET_VALID;
	case DNSSEC_GOOD:
	case DNSSEC_BAD:
	case DNSSEC_SPENT:
		break;
	}
	return DNS_EDE_BOGUS;
}

/* What may be spent on one message at this moment. */
static struct dnssec_means means_of(struct validator *v, const struct validator_moment *now)
{
	uint32_t left, hashes;

	if (now->now_ms - v->spent[now->slot].at_ms >= 1000) {
		v->spent[now->slot].at_ms = now->now_ms;
		v->spent[now->slot].tries = v->spent[now->slot].hashes = 0;
	}
	left = VALIDATOR_TRIES_PER_S - v->spent[now->slot].tries;
	hashes = VALIDATOR_HASHES_PER_S - v->spent[now->slot].hashes;
	return (struct dnssec_means){now->wall_s, left < VALIDATOR_MESSAGE_TRIES ? left : VALIDATOR_MESSAGE_TRIES,
		hashes < VALIDATOR_MESSAGE_HASHES ? hashes : VALIDATOR_MESSAGE_HASHES};
}

static void means_end(struct validator *v, const struct validator_moment *now, const struct dnssec_means *before,
	const struct dnssec_means *after)
{
	v->spent[now->slot].tries += before->verifications - after->verifications;
	v->spent[now->slot].hashes += before->hashes - after->hashes;
}

/* What a judgement needs at hand. */
struct trial {
	struct validator *v;
	const struct validator_message *m;
	struct dnssec_message *parsed;
	struct dnssec_means means;
};

/* The signer of the first RRSIG over @types (0-ended) that is within reach of @name; in a negative answer of any owner. */
static bool signer_of(const struct answer *a, const struct dns_name *name, const uint16_t *types, bool authority,
	struct dns_name *ret_signer)
{
	for (unsigned int i = 0; i < a->n_records; i++) {
		const struct answer_record *rec = &a->records[i];
		const uint8_t *rdata = answer_rdata(a, rec);
		struct bytes_reader r;
		uint16_t covered;

		if (rec->type != DNS_TYPE_RRSIG || rec->authority != authority)
			continue;
		bytes_reader_init(&r, rdata, rec->rdata_len);
		covered = bytes_read_u16(&r);
		bytes_skip(&r, 16);
		if (dns_name_read(&r, false, ret_signer) < 0 || !dns_name_within(name, ret_signer))
			continue;
		for (const uint16_t *t = types; *t; t++)
			if (*t == covered && (authority || dns_name_equal(answer_owner(a, rec), name)))
				return true;
	}
	return false;
}

static const uint16_t denial_types[] = {DNS_TYPE_NSEC, DNS_TYPE_NSEC3, DNS_TYPE_SOA, 0};

static bool item_signer(const struct answer *a, const struct validator_item *item, struct dns_name *ret_signer)
{
	const uint16_t types[] = {item->type, 0};
	bool found = item->negative ? signer_of(a, &item->name, denial_types, true, ret_signer) :
		signer_of(a, &item->name, types, false, ret_signer);

	return found && (item->type != DNS_TYPE_DS || !dns_name_equal(ret_signer, &item->name));
}

/* Where an item without signer belongs: DS to the parent's side. */
static struct dns_name item_home(const struct validator_item *item)
{
	unsigned int labels = dnssec_labels(&item->name);

	return dnssec_suffix(&item->name, item->type == DNS_TYPE_DS && labels ? labels - 1 : labels);
}

/* What an RRSIG says where nothing was expanded: RFC 4034 3.1.3. */
static unsigned int labels_signed(const struct dns_name *owner)
{
	return dnssec_labels(owner) - (owner->wire[0] == 1 && owner->wire[1] == '*');
}

/* The NSEC and NSEC3 records of the authority section that the zone has signed. The worst of what they were. */
static enum dnssec_check gather_denial(struct trial *t, const struct dnssec_zone *z)
{
	const struct answer *a = t->m->answer;
	enum dnssec_check worst = DNSSEC_GOOD;
	unsigned int n = 0;

	denial_init(&t->v->denial, &z->name);
	t->v->denial.means = &t->means;
	for (unsigned int i = 0; i < a->n_records && n < DENIAL_RECORDS_MAX; i++) {
		const struct answer_record *rec = &a->records[i];
		const struct dnssec_rrset set = {answer_owner(a, rec), rec->type, true};
		struct dnssec_signed ignored;
		enum dnssec_check c;

		if (!rec->authority || (rec->type != DNS_TYPE_NSEC && rec->type != DNS_TYPE_NSEC3))
			continue;
		n++;
		c = dnssec_verify(t->parsed, &set, &z->name, z->keys, &t->means, &ignored);
		if (c == DNSSEC_GOOD && ignored.labels == labels_signed(set.owner)) /* none of a wildcard: RFC 4035 5.3.4 */
			denial_add(&t->v->denial, set.owner, rec->type, answer_rdata(a, rec), rec->rdata_len);
		else if (c > worst)
			worst = c;
	}
	return worst;
}

static enum validator_verdict verdict_of(const struct trial *t, enum denial_proof p, enum dnssec_check gathered,
	uint16_t *ret_ede)
{
	if (p == DENIAL_OPT_OUT || p == DENIAL_ITERATIONS)
		return VALIDATOR_INSECURE;
	if (p != DENIAL_NOTHING)
		return VALIDATOR_SECURE;
	*ret_ede = gathered == DNSSEC_GOOD ? DNS_EDE_NO_NSEC : ede_of_check(gathered);
	return gathered == DNSSEC_SPENT || t->v->denial.spent ? VALIDATOR_SPENT : VALIDATOR_BOGUS;
}

static enum validator_verdict judge_negative(struct trial *t, const struct validator_item *item, const struct dnssec_zone *z,
	uint16_t *ret_ede)
{
	enum dnssec_check gathered = gather_denial(t, z);
	enum denial_proof p = t->m->answer->rcode == DNS_NXDOMAIN ? denial_of_name(&t->v->denial, &item->name) :
		denial_of_type(&t->v->denial, &item->name, item->type, NULL);

	return verdict_of(t, p, gathered, ret_ede);
}

/* No record of it is kept for longer than its signature says. */
static void lower_ttls(struct answer *a, const struct validator_item *item, uint32_t ttl_s)
{
	for (unsigned int i = 0; i < a->n_records; i++) {
		struct answer_record *rec = &a->records[i];

		if (!rec->authority && rec->type == item->type && rec->ttl_s > ttl_s && dns_name_equal(answer_owner(a, rec), &item->name))
			rec->ttl_s = ttl_s;
	}
}

static enum validator_verdict judge_positive(struct trial *t, const struct validator_item *item, const struct dnssec_zone *z,
	uint16_t *ret_ede)
{
	const struct dnssec_rrset set = {&item->name, item->type, false};
	struct dnssec_signed how;
	enum dnssec_check c = dnssec_verify(t->parsed, &set, &z->name, z->keys, &t->means, &how);

	if (c != DNSSEC_GOOD) {
		*ret_ede = ede_of_check(c);
		return c == DNSSEC_SPENT ? VALIDATOR_SPENT : VALIDATOR_BOGUS;
	}
	lower_ttls(t->m->answer, item, how.ttl_s);
	if (how.labels == labels_signed(&item->name))
		return VALIDATOR_SECURE;
	c = gather_denial(t, z); /* from a wildcard: nothing nearer may exist */
	return verdict_of(t, denial_of_nearer(&t->v->denial, &item->name, how.labels), c, ret_ede);
}

static enum validator_verdict judge_item(struct trial *t, const struct validator_item *item, const struct dnssec_zone *z,
	uint16_t *ret_ede)
{
	struct dns_name signer;

	*ret_ede = DNS_EDE_NO_RRSIG;
	if (!item_signer(t->m->answer, item, &signer))
		return VALIDATOR_BOGUS;
	*ret_ede = DNS_EDE_BOGUS;
	if (!dns_name_equal(&signer, &z->name)) /* signed by what is no zone */
		return VALIDATOR_BOGUS;
	return item->negative ? judge_negative(t, item, z, ret_ede) : judge_positive(t, item, z, ret_ede);
}

/* Until its negative anchor ends. */
static void lower_all(struct answer *a, uint32_t ttl_s)
{
	for (unsigned int i = 0; i < a->n_records; i++)
		if (a->records[i].ttl_s > ttl_s)
			a->records[i].ttl_s = ttl_s;
}

/* The places of all items first, so that no signature is looked at twice. False: a question, or a verdict. */
static bool find_places(struct validator *v, const struct validator_moment *now, const struct validator_message *m,
	const struct validator_item *items, struct validator_place *places)
{
	for (unsigned int i = 0; i < VALIDATOR_ITEMS_MAX && items[i].name.len; i++) {
		struct dns_name at = item_home(&items[i]), signer;

		/* a negative anchor is about names, whoever signs them */
		if (!validator_negative_left_s(v, now, &at) && item_signer(m->answer, &items[i], &signer))
			at = signer;
		validator_find_place(v, now, &at, &places[i]);
		if (places[i].verdict == VALIDATOR_ASK || places[i].verdict == VALIDATOR_BOGUS) {
			places[0] = places[i];
			return false;
		}
		if (places[i].left_s)
			lower_all(m->answer, places[i].left_s);
	}
	return true;
}

void validator_judge(struct validator *v, const struct validator_moment *now, const struct validator_message *m,
	const struct validator_item *items, struct validator_result *ret_result)
{
	struct validator_place places[VALIDATOR_ITEMS_MAX];
	struct trial t = {.v = v, .m = m, .means = means_of(v, now)};
	const struct dnssec_means before = t.means;

	*ret_result = (struct validator_result){.verdict = items[0].name.len ? VALIDATOR_SECURE : VALIDATOR_INSECURE};
	if (!find_places(v, now, m, items, places)) {
		*ret_result = places[0].ask;
		ret_result->verdict = places[0].verdict;
		return;
	}
	if (dnssec_message_read(m->data, m->len, &t.parsed) < 0) {
		ret_result->verdict = VALIDATOR_SPENT;
		return;
	}
	for (unsigned int i = 0; i < VALIDATOR_ITEMS_MAX && items[i].name.len; i++) {
		enum validator_verdict one = places[i].verdict;

		if (one == VALIDATOR_SECURE)
			one = judge_item(&t, &items[i], places[i].zone, &ret_result->ede);
		if (one > ret_result->verdict)
			ret_result->verdict = one;
		if (one >= VALIDATOR_BOGUS)
			break;
	}
	dnssec_message_free(t.parsed);
	means_end(v, now, &before, &t.means);
}

/* One thing learnt of a name. */
struct lesson {
	enum dnssec_state state;
	uint16_t ede;
	uint32_t ttl_s;
	unsigned int n_ds;
	struct dnssec_ds ds[DNSSEC_DS_MAX];
	struct dnssec_keys *keys;
};

static void remember(struct validator *v, const struct validator_moment *now, const struct dns_name *name,
	const struct lesson *l)
{
	uint32_t kept_s = l->ttl_s < KEPT_MIN_S ? KEPT_MIN_S : l->ttl_s > KEPT_MAX_S ? KEPT_MAX_S : l->ttl_s;
	struct dnssec_zone *z;

	if (l->state == DNSSEC_BOGUS)
		kept_s = BOGUS_S;
	z = dnssec_zones_put(v->zones, now->slot, name, now->now_ms + kept_s * 1000ull);
	z->state = l->state;
	z->ede = l->ede;
	z->n_ds = l->n_ds;
	memcpy(z->ds, l->ds, sizeof(z->ds));
	z->keys = l->keys;
}

/* The lowest TTL of the answer: all of it was asked for. */
static uint32_t lowest_ttl(const struct answer *a)
{
	uint32_t ttl_s = KEPT_MAX_S;

	for (unsigned int i = 0; i < a->n_records; i++)
		if (a->records[i].ttl_s < ttl_s)
			ttl_s = a->records[i].ttl_s;
	return ttl_s;
}

static void learn_ds_set(struct trial *t, const struct dns_name *name, struct lesson *l)
{
	const struct answer *a = t->m->answer;
	const struct answer_record *rec;
	unsigned int at = 0;

	while (l->n_ds < DNSSEC_DS_MAX && (rec = answer_next(a, name, DNS_TYPE_DS, &at)))
		l->n_ds += dnssec_ds_read(answer_rdata(a, rec), rec->rdata_len, &l->ds[l->n_ds]);
	l->state = l->n_ds ? DNSSEC_CUT : DNSSEC_INSECURE; /* RFC 4035 5.2: no algorithm that is known */
}

static void learn_no_ds(struct trial *t, const struct dns_name *name, const struct dnssec_zone *z, struct lesson *l)
{
	bool nxdomain = t->m->answer->rcode == DNS_NXDOMAIN, delegation = false;
	enum dnssec_check gathered = gather_denial(t, z);
	enum denial_proof p = nxdomain ? denial_of_name(&t->v->denial, name) :
		denial_of_type(&t->v->denial, name, DNS_TYPE_DS, &delegation);
	enum validator_verdict v = verdict_of(t, p, gathered, &l->ede);

	if (v == VALIDATOR_SECURE)
		l->state = nxdomain ? DNSSEC_ABSENT : delegation ? DNSSEC_INSECURE : DNSSEC_WITHIN;
	else
		l->state = v == VALIDATOR_INSECURE ? DNSSEC_INSECURE : DNSSEC_BOGUS;
}

static void learn_ds(struct trial *t, const struct dns_name *name, const struct dnssec_zone *z, struct lesson *l)
{
	static const uint16_t types[] = {DNS_TYPE_DS, DNS_TYPE_CNAME};

	for (unsigned int i = 0; i < ARRAY_LEN(types); i++) {
		const struct validator_item item = {*name, types[i], false};
		unsigned int at = 0;

		if (!answer_next(t->m->answer, name, types[i], &at))
			continue;
		l->state = DNSSEC_BOGUS;
		if (judge_positive(t, &item, z, &l->ede) != VALIDATOR_SECURE)
			return;
		l->state = DNSSEC_WITHIN; /* an alias is no zone */
		if (types[i] == DNS_TYPE_DS)
			learn_ds_set(t, name, l);
		return;
	}
	learn_no_ds(t, name, z, l);
}

static void learn_keys(struct trial *t, const struct dns_name *name, const struct dnssec_zone *cut, struct lesson *l)
{
	struct dnssec_ds anchors[VALIDATOR_ANCHORS_MAX];
	struct dnssec_trust trust = {name, anchors, validator_anchors_of(t->v, name, anchors)};
	bool anchored = trust.n_ds > 0;
	struct dnssec_signed how = {0};
	enum dnssec_check c;

	if (!anchored)
		trust = (struct dnssec_trust){name, cut->ds, cut->n_ds};
	c = dnssec_verify_keys(t->parsed, &trust, &t->means, &l->keys, &how);
	l->state = c == DNSSEC_GOOD ? DNSSEC_SECURE : DNSSEC_BOGUS;
	l->ede = ede_of_check(c);
	if (c == DNSSEC_GOOD && how.ttl_s < l->ttl_s)
		l->ttl_s = how.ttl_s;
	if (c == DNSSEC_GOOD && anchored)
		dnssec_keys_compare(l->keys, &trust, &t->v->n_new, &t->v->n_gone);
}

static void learn(struct trial *t, const struct validator_moment *now, const struct dns_name *name, uint16_t type)
{
	struct lesson l = {.ttl_s = lowest_ttl(t->m->answer)};

	if (type == DNS_TYPE_DS) {
		struct dns_name above = dnssec_suffix(name, dnssec_labels(name) - 1);
		struct validator_place parent;

		validator_find_place(t->v, now, &above, &parent);
		if (parent.verdict != VALIDATOR_SECURE || !parent.zone)
			return; /* forgotten meanwhile: asked again */
		learn_ds(t, name, parent.zone, &l);
		l.ttl_s = lowest_ttl(t->m->answer); /* lowered by the signatures */
	} else {
		const struct dnssec_zone *cut = dnssec_zones_find(t->v->zones, now->slot, name, now->now_ms);
		struct dnssec_ds anchors[VALIDATOR_ANCHORS_MAX];

		if (!validator_anchors_of(t->v, name, anchors) && (!cut || cut->state != DNSSEC_CUT))
			return;
		learn_keys(t, name, cut, &l);
	}
	remember(t->v, now, name, &l);
}

void validator_learn(struct validator *v, const struct validator_moment *now, const struct validator_message *m,
	const struct dns_name *name, uint16_t type)
{
	struct trial t = {.v = v, .m = m, .means = means_of(v, now)};
	const struct dnssec_means before = t.means;

	if (dnssec_message_read(m->data, m->len, &t.parsed) < 0)
		return;
	learn(&t, now, name, type);
	dnssec_message_free(t.parsed);
	means_end(v, now, &before, &t.means);
}
