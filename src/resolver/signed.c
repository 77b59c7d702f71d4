/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Signatures and proofs for those who ask with DO (RFC 4035 3.2.1): they go where what they cover goes, with its TTL at most.
 *
 * The RRSIGs of an RRset stand with it; over addresses they stand in front, so that addresses
 * remain the last of a reply's answer section (pins.c). NSEC and NSEC3 records of the authority section, with their
 * RRSIGs, are kept for all answers of a chain, and end its reply. Nothing else of the authority section is passed on.
 * What postern says itself (blocked, OVERRIDE, stripped records) has no signatures.
 */
#include <errno.h>
#include <string.h>

#include "state.h"

static uint32_t capped(const struct resolver *r, uint32_t ttl_s)
{
	return ttl_s < r->settings.answer_ttl_max_s ? ttl_s : r->settings.answer_ttl_max_s;
}

/* The type that an RRSIG covers: RFC 4034 3.1. */
static uint16_t covered(const struct answer *a, const struct answer_record *rec)
{
	const uint8_t *rdata = answer_rdata(a, rec);

	return rec->rdata_len < 2 ? 0 : (uint16_t)(rdata[0] << 8 | rdata[1]);
}

/* The next RRSIG over @name's @type from *@at on, in the section. */
static const struct answer_record *next_signature(const struct answer *a, const struct dns_name *name, uint16_t type,
	bool authority, unsigned int *at)
{
	while (*at < a->n_records) {
		const struct answer_record *rec = &a->records[(*at)++];

		if (rec->type == DNS_TYPE_RRSIG && rec->authority == authority && covered(a, rec) == type &&
			dns_name_equal(answer_owner(a, rec), name))
			return rec;
	}
	return NULL;
}

void signed_answer(struct resolver *r, struct task *task, struct dns_reply *reply, const struct dns_name *name,
	uint16_t type)
{
	const struct answer *a = r->answer;
	struct draft *d = &task->draft;
	const struct answer_record *rec;
	unsigned int at = 0;

	while (task->key.dnssec_ok && (rec = next_signature(a, name, type, false, &at))) {
		struct dns_rr rr = {.owner = type == DNS_TYPE_DNAME ? name : NULL, .owner_at = d->owner_at, .type = DNS_TYPE_RRSIG,
			.ttl_s = capped(r, rec->ttl_s), .rdata = answer_rdata(a, rec), .rdata_len = rec->rdata_len};

		dns_reply_answer(reply, &rr);
		if (rr.ttl_s < d->ttl_s)
			d->ttl_s = rr.ttl_s;
	}
}

int signed_addresses(struct resolver *r, struct task *task, const struct dns_name *name)
{
	struct draft *d = &task->draft;
	struct dns_reply reply = {.n_answers = d->n_answers};

	bytes_writer_init(&reply.w, d->wire, sizeof(d->wire));
	reply.w.pos = d->len;
	signed_answer(r, task, &reply, name, task->key.qtype);
	if (reply.w.failed)
		return -E2BIG;
	d->is_signed = reply.n_answers > d->n_answers;
	d->n_answers = reply.n_answers;
	d->len = (uint16_t)reply.w.pos;
	return 0;
}

void signed_soa(struct resolver *r, struct dns_reply *reply, const struct answer_record *soa, uint32_t ttl_s)
{
	const struct answer *a = r->answer;
	const struct dns_name *owner = answer_owner(a, soa);
	const struct answer_record *rec;
	unsigned int at = 0;

	while ((rec = next_signature(a, owner, DNS_TYPE_SOA, true, &at)))
		dns_reply_authority(reply, &(struct dns_rr){.owner = owner, .type = DNS_TYPE_RRSIG, .ttl_s = ttl_s,
			.rdata = answer_rdata(a, rec), .rdata_len = rec->rdata_len});
}

static bool is_proof(const struct answer *a, const struct answer_record *rec)
{
	uint16_t type = rec->type == DNS_TYPE_RRSIG ? covered(a, rec) : rec->type;

	return rec->authority && (type == DNS_TYPE_NSEC || type == DNS_TYPE_NSEC3);
}

void signed_proofs(struct resolver *r, struct task *task)
{
	const struct answer *a = r->answer;
	struct draft *d = &task->draft;
	struct dns_reply reply = {0};

	bytes_writer_init(&reply.w, d->proofs, sizeof(d->proofs));
	reply.w.pos = d->proofs_len;
	for (unsigned int i = 0; task->key.dnssec_ok && i < a->n_records && !reply.w.failed; i++) {
		const struct answer_record *rec = &a->records[i];
		uint32_t ttl_s = capped(r, rec->ttl_s);

		if (!is_proof(a, rec))
			continue;
		dns_reply_authority(&reply, &(struct dns_rr){.owner = answer_owner(a, rec), .type = rec->type, .ttl_s = ttl_s,
			.rdata = answer_rdata(a, rec), .rdata_len = rec->rdata_len});
		if (ttl_s < d->ttl_s)
			d->ttl_s = ttl_s;
	}
	if (reply.w.failed) /* no proof is better than half of one */
		return;
	d->proofs_len = (uint16_t)reply.w.pos;
	d->n_proofs = (uint16_t)(d->n_proofs + reply.n_authority);
}

void signed_append(const struct draft *d, struct dns_reply *reply)
{
	bytes_write(&reply->w, d->proofs, d->proofs_len);
	reply->n_authority = (uint16_t)(reply->n_authority + d->n_proofs);
}
