/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Flat answers and their chain: see the header.
 *
 * The walk is a function of one name, so that the caller decides between two steps whether
 * the policy allows the next name; loops end by the caller's limit of hops, which also covers
 * chains that several answers make together.
 * A DNAME wins over a CNAME below it: the CNAME is only its consequence, and we draw it ourselves.
 */
#include "postern/answer.h"

#include <errno.h>
#include <string.h>

#define OWNERS_COMPARED 4 /* how far back an equal owner is looked for: RRsets stand together */
#define SVCB_KEY_ALPN 1
#define SVCB_KEY_NO_DEFAULT_ALPN 2
#define SVCB_KEY_PORT 3

void answer_init(struct answer *a, uint16_t rcode)
{
	a->rcode = rcode;
	a->authentic = false;
	a->n_records = a->n_names = 0;
	a->n_bytes = 0;
}

static int owner_index(struct answer *a, const struct dns_name *owner)
{
	for (unsigned int i = a->n_names; i-- > 0 && i + OWNERS_COMPARED >= a->n_names;)
		if (dns_name_equal(&a->names[i], owner))
			return (int)i;
	if (a->n_names == ANSWER_NAMES_MAX)
		return -E2BIG;
	a->names[a->n_names] = *owner;
	return a->n_names++;
}

int answer_add(struct answer *a, const struct dns_name *owner, const struct answer_record *like, const uint8_t *rdata)
{
	struct answer_record *rec;
	int index;

	if (a->n_records == ANSWER_RECORDS_MAX || ANSWER_BYTES_MAX - a->n_bytes < like->rdata_len)
		return -E2BIG;
	index = owner_index(a, owner);
	if (index < 0)
		return index;
	rec = &a->records[a->n_records++];
	*rec = *like;
	rec->owner = (uint16_t)index;
	rec->rdata = a->n_bytes;
	if (rec->ttl_s > INT32_MAX)
		rec->ttl_s = 0;
	if (like->rdata_len)
		memcpy(a->bytes + a->n_bytes, rdata, like->rdata_len);
	a->n_bytes += like->rdata_len;
	return 0;
}

const struct dns_name *answer_owner(const struct answer *a, const struct answer_record *rec)
{
	return &a->names[rec->owner];
}

const uint8_t *answer_rdata(const struct answer *a, const struct answer_record *rec)
{
	return a->bytes + rec->rdata;
}

const struct answer_record *answer_next(const struct answer *a, const struct dns_name *name, uint16_t type,
	unsigned int *at)
{
	while (*at < a->n_records) {
		const struct answer_record *rec = &a->records[(*at)++];

		if (!rec->authority && rec->type == type && dns_name_equal(answer_owner(a, rec), name))
			return rec;
	}
	return NULL;
}

static int rdata_name(const struct answer *a, const struct answer_record *rec, struct dns_name *ret_name)
{
	return dns_name_from_wire(answer_rdata(a, rec), rec->rdata_len, ret_name);
}

const struct answer_record *answer_dname(const struct answer *a, const struct dns_name *name)
{
	const struct answer_record *best = NULL;

	for (unsigned int i = 0; i < a->n_records; i++) {
		const struct answer_record *rec = &a->records[i];
		const struct dns_name *owner = answer_owner(a, rec);

		if (rec->authority || rec->type != DNS_TYPE_DNAME || owner->len >= name->len)
			continue;
		if (dns_name_within(name, owner) && (!best || owner->len > answer_owner(a, best)->len))
			best = rec;
	}
	return best;
}

/* RFC 6672 2.2: the labels in front of the owner stay, the owner becomes the target. */
static int substitute(const struct dns_name *name, size_t owner_len, const struct dns_name *target,
	struct dns_name *ret_name)
{
	size_t kept = name->len - owner_len;

	if (kept + target->len > DNS_NAME_MAX)
		return -EBADMSG;
	memcpy(ret_name->wire, name->wire, kept);
	memcpy(ret_name->wire + kept, target->wire, target->len);
	ret_name->len = (uint8_t)(kept + target->len);
	return 0;
}

enum answer_step answer_walk(const struct answer *a, const struct dns_name *name, uint16_t qtype,
	struct answer_hop *ret_hop)
{
	const struct answer_record *rec;
	struct dns_name target;
	unsigned int at = 0;

	if (answer_next(a, name, qtype, &at))
		return ANSWER_END;
	rec = answer_dname(a, name);
	if (rec) {
		if (rdata_name(a, rec, &target) < 0 ||
			substitute(name, answer_owner(a, rec)->len, &target, &ret_hop->target) < 0)
			return ANSWER_BAD;
		ret_hop->dname = rec;
		ret_hop->ttl_s = rec->ttl_s;
		return ANSWER_HOP;
	}
	at = 0;
	rec = answer_next(a, name, DNS_TYPE_CNAME, &at);
	if (!rec)
		return ANSWER_NONE;
	if (rdata_name(a, rec, &ret_hop->target) < 0)
		return ANSWER_BAD;
	ret_hop->dname = NULL;
	ret_hop->ttl_s = rec->ttl_s;
	return ANSWER_HOP;
}

/* Rdata: two names, then five 32-bit numbers, the last of which is MINIMUM. */
static int soa_minimum(const struct answer *a, const struct answer_record *rec, uint32_t *ret_s)
{
	struct bytes_reader r;
	struct dns_name name;

	bytes_reader_init(&r, answer_rdata(a, rec), rec->rdata_len);
	if (dns_name_read(&r, false, &name) < 0 || dns_name_read(&r, false, &name) < 0)
		return -EBADMSG;
	bytes_skip(&r, 16);
	*ret_s = bytes_read_u32(&r);
	return r.failed || bytes_left(&r) ? -EBADMSG : 0;
}

const struct answer_record *answer_soa(const struct answer *a, const struct dns_name *name, uint32_t *ret_ttl_s)
{
	uint32_t minimum;

	for (unsigned int i = 0; i < a->n_records; i++) {
		const struct answer_record *rec = &a->records[i];

		if (!rec->authority || rec->type != DNS_TYPE_SOA || !dns_name_within(name, answer_owner(a, rec)))
			continue;
		if (soa_minimum(a, rec, &minimum) < 0)
			continue;
		*ret_ttl_s = minimum < rec->ttl_s ? minimum : rec->ttl_s;
		return rec;
	}
	return NULL;
}

bool answer_is_referral(const struct answer *a)
{
	bool servers = false;

	for (unsigned int i = 0; i < a->n_records; i++) {
		if (!a->records[i].authority || a->records[i].type == DNS_TYPE_SOA)
			return false;
		servers |= a->records[i].type == DNS_TYPE_NS;
	}
	return servers && a->rcode == DNS_NOERROR;
}

static bool svcb_keep(uint16_t key)
{
	return key == SVCB_KEY_ALPN || key == SVCB_KEY_NO_DEFAULT_ALPN || key == SVCB_KEY_PORT;
}

/* Keys in rising order, as the format demands; "mandatory" goes too, as it may name what was removed. */
int svcb_strip(const uint8_t *rdata, size_t len, uint8_t *out, size_t *ret_len, struct dns_name *ret_target)
{
	struct bytes_reader r;
	struct bytes_writer w;
	struct dns_name target;
	int last = -1;

	bytes_reader_init(&r, rdata, len);
	bytes_writer_init(&w, out, len);
	bytes_write_u16(&w, bytes_read_u16(&r)); /* SvcPriority */
	if (dns_name_read(&r, false, &target) < 0)
		return -EBADMSG;
	bytes_write(&w, target.wire, target.len);
	while (bytes_left(&r)) {
		uint16_t key = bytes_read_u16(&r), value_len = bytes_read_u16(&r);
		const uint8_t *value = bytes_read_view(&r, value_len);

		if (r.failed || key <= last)
			return -EBADMSG;
		last = key;
		if (!svcb_keep(key))
			continue;
		bytes_write_u16(&w, key);
		bytes_write_u16(&w, value_len);
		bytes_write(&w, value, value_len);
	}
	if (r.failed || w.failed)
		return -EBADMSG;
	*ret_len = w.pos;
	*ret_target = target;
	return 0;
}
