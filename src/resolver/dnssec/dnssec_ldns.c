/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * See the header. ldns does canonical forms, key tags and the arithmetic; who may sign what, when, and how often
 * something is tried is decided here. Called for uncached answers only; it allocates.
 */
#include "dnssec_ldns.h"

#include <errno.h>
#include <ldns/ldns.h>
#include <stdlib.h>
#include <string.h>

#include "postern/dns.h"

#define DIGEST_SHA256 2
#define DIGEST_SHA384 4
#define KEY_ZONE 0x0100
#define KEY_REVOKED 0x0080
#define KEY_SEP 0x0001
#define KEY_PROTOCOL 3
#define HASH_LABEL 33 /* length byte and 32 characters */

struct dnssec_message {
	ldns_pkt *pkt;
};

struct dnssec_keys {
	ldns_rr_list *list;
};

bool dnssec_algorithm_supported(uint8_t algorithm)
{
	return algorithm == LDNS_RSASHA256 || algorithm == LDNS_RSASHA512 || algorithm == LDNS_ECDSAP256SHA256 ||
		algorithm == LDNS_ECDSAP384SHA384 || algorithm == LDNS_ED25519 || algorithm == LDNS_ED448;
}

bool dnssec_ds_read(const uint8_t *rdata, size_t len, struct dnssec_ds *ret_ds)
{
	struct bytes_reader r;
	size_t digest_len;

	bytes_reader_init(&r, rdata, len);
	ret_ds->tag = bytes_read_u16(&r);
	ret_ds->algorithm = bytes_read_u8(&r);
	ret_ds->digest_type = bytes_read_u8(&r);
	digest_len = ret_ds->digest_type == DIGEST_SHA256 ? 32 : ret_ds->digest_type == DIGEST_SHA384 ? 48 : 0;
	if (!digest_len || bytes_left(&r) != digest_len)
		return false;
	ret_ds->digest_len = (uint8_t)digest_len;
	bytes_read_copy(&r, ret_ds->digest, digest_len);
	return !r.failed && dnssec_algorithm_supported(ret_ds->algorithm);
}

int dnssec_message_read(const uint8_t *data, size_t len, struct dnssec_message **ret_message)
{
	struct dnssec_message *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	if (ldns_wire2pkt(&m->pkt, data, len) != LDNS_STATUS_OK) {
		free(m);
		return -EBADMSG;
	}
	*ret_message = m;
	return 0;
}

void dnssec_message_free(struct dnssec_message *m)
{
	if (m)
		ldns_pkt_free(m->pkt);
	free(m);
}

void dnssec_keys_free(struct dnssec_keys *k)
{
	if (k)
		ldns_rr_list_deep_free(k->list);
	free(k);
}

static bool is_name(const ldns_rdf *rdf, const struct dns_name *name)
{
	struct dns_name have;

	return rdf && dns_name_from_wire(ldns_rdf_data(rdf), ldns_rdf_size(rdf), &have) == 0 && dns_name_equal(&have, name);
}

static const ldns_rr_list *section_of(const struct dnssec_message *m, bool authority)
{
	return authority ? ldns_pkt_authority(m->pkt) : ldns_pkt_answer(m->pkt);
}

static bool in_class(const ldns_rr *rr)
{
	return ldns_rr_get_class(rr) == LDNS_RR_CLASS_IN;
}

/* The records of the set; borrowed. NULL without memory, or where there are none. */
static ldns_rr_list *collect(const struct dnssec_message *m, const struct dnssec_rrset *set)
{
	const ldns_rr_list *section = section_of(m, set->authority);
	ldns_rr_list *found = ldns_rr_list_new();

	for (size_t i = 0; found && i < ldns_rr_list_rr_count(section); i++) {
		ldns_rr *rr = ldns_rr_list_rr(section, i);

		if (ldns_rr_get_type(rr) == (ldns_rr_type)set->type && in_class(rr) && is_name(ldns_rr_owner(rr), set->owner))
			ldns_rr_list_push_rr(found, rr);
	}
	if (found && ldns_rr_list_rr_count(found))
		return found;
	ldns_rr_list_free(found);
	return NULL;
}

/* An RRSIG over the set by @zone: all of RFC 4035 5.3.1 but the key. */
static bool is_signature(const ldns_rr *rr, const struct dnssec_rrset *set, const struct dns_name *zone)
{
	uint8_t at[DNS_LABELS_MAX];
	unsigned int labels = (unsigned int)dns_name_labels(set->owner, at);

	if (ldns_rr_get_type(rr) != LDNS_RR_TYPE_RRSIG || !in_class(rr) || ldns_rr_rd_count(rr) != 9 ||
		!is_name(ldns_rr_owner(rr), set->owner) || !is_name(ldns_rr_rrsig_signame(rr), zone))
		return false;
	if (set->owner->wire[0] == 1 && set->owner->wire[1] == '*')
		labels--;
	return ldns_rdf2native_int16(ldns_rr_rrsig_typecovered(rr)) == set->type &&
		ldns_rdf2native_int8(ldns_rr_rrsig_labels(rr)) <= labels && dns_name_within(set->owner, zone);
}

/* Serial arithmetic: RFC 4034 3.1.5. */
static int32_t seconds_from(uint32_t a, uint32_t b)
{
	return (int32_t)(b - a);
}

static enum dnssec_check check_time(const ldns_rr *sig, uint64_t wall_s, uint32_t *ret_left_s)
{
	uint32_t now = (uint32_t)wall_s;
	uint32_t inception = ldns_rdf2native_int32(ldns_rr_rrsig_inception(sig));
	uint32_t expiration = ldns_rdf2native_int32(ldns_rr_rrsig_expiration(sig));
	int32_t left = seconds_from(now, expiration);

	if (seconds_from(now, inception) > DNSSEC_SKEW_S)
		return DNSSEC_NOT_YET;
	if (left < -DNSSEC_SKEW_S || seconds_from(inception, expiration) < 0)
		return DNSSEC_EXPIRED;
	*ret_left_s = left > 0 ? (uint32_t)left : 0;
	return DNSSEC_GOOD;
}

/* A zone's key of a known algorithm, revoked or not: its flags; else 0. */
static uint16_t key_flags(const ldns_rr *key)
{
	uint16_t flags;

	if (ldns_rr_rd_count(key) != 4 || !in_class(key))
		return 0;
	flags = ldns_rdf2native_int16(ldns_rr_dnskey_flags(key));
	return (flags & KEY_ZONE) && ldns_rdf2native_int8(ldns_rr_dnskey_protocol(key)) == KEY_PROTOCOL &&
		dnssec_algorithm_supported(ldns_rdf2native_int8(ldns_rr_dnskey_algorithm(key))) ? flags : 0;
}

static bool usable(const ldns_rr *key)
{
	uint16_t flags = key_flags(key);

	return flags && !(flags & KEY_REVOKED);
}

static bool made_by(const ldns_rr *sig, const ldns_rr *key)
{
	return ldns_rdf2native_int8(ldns_rr_rrsig_algorithm(sig)) == ldns_rdf2native_int8(ldns_rr_dnskey_algorithm(key)) &&
		ldns_rdf2native_int16(ldns_rr_rrsig_keytag(sig)) == ldns_calc_keytag(key);
}

/* One verification. */
static bool verifies(const ldns_rr_list *set, const ldns_rr *sig, const ldns_rr *key)
{
	ldns_rr *lower_sig = ldns_rr_clone(sig), *lower_key = ldns_rr_clone(key); /* ldns compares the signer bytewise */
	ldns_rr_list *one = ldns_rr_list_new();
	bool good = false;

	if (lower_sig && lower_key && one) {
		ldns_dname2canonical(ldns_rr_rrsig_signame(lower_sig));
		ldns_dname2canonical(ldns_rr_owner(lower_key));
		good = ldns_rr_list_push_rr(one, lower_key) &&
			ldns_verify_rrsig_keylist_notime(set, lower_sig, one, NULL) == LDNS_STATUS_OK;
	}
	ldns_rr_list_free(one);
	ldns_rr_free(lower_sig);
	ldns_rr_free(lower_key);
	return good;
}

/* What is being tried for one RRset; the worst that was seen is what is said in the end. */
struct attempt {
	const ldns_rr_list *set, *keys;
	struct dnssec_means *means;
	unsigned int tries;
	bool revoked; /* keys are those with REVOKE, each asked for itself */
	enum dnssec_check worst;
};

static enum dnssec_check try_signature(struct attempt *t, const ldns_rr *sig, struct dnssec_signed *ret_signed)
{
	uint32_t left_s = 0, ttl_s = ldns_rdf2native_int32(ldns_rr_rrsig_origttl(sig));
	enum dnssec_check timely = check_time(sig, t->means->wall_s, &left_s);

	for (size_t i = 0; i < ldns_rr_list_rr_count(t->keys); i++) {
		const ldns_rr *key = ldns_rr_list_rr(t->keys, i);

		if ((!t->revoked && !usable(key)) || !made_by(sig, key))
			continue;
		if (timely != DNSSEC_GOOD)
			return timely;
		if (t->tries == DNSSEC_TRIES_MAX || t->means->verifications == 0)
			return DNSSEC_SPENT;
		t->tries++;
		t->means->verifications--;
		if (!verifies(t->set, sig, key)) {
			t->worst = DNSSEC_BAD;
			continue;
		}
		ret_signed->labels = ldns_rdf2native_int8(ldns_rr_rrsig_labels(sig));
		ret_signed->ttl_s = left_s < ttl_s ? left_s : ttl_s;
		ret_signed->original_ttl_s = ttl_s;
		ret_signed->left_s = left_s;
		return DNSSEC_GOOD;
	}
	return t->worst > DNSSEC_NO_KEY ? t->worst : DNSSEC_NO_KEY;
}

static enum dnssec_check verify_by(const struct dnssec_message *m, const struct dnssec_rrset *set, const struct dns_name *zone,
	struct attempt *t, struct dnssec_signed *ret_signed)
{
	const ldns_rr_list *section = section_of(m, set->authority);

	t->worst = DNSSEC_NO_SIGNATURE;
	for (size_t i = 0; i < ldns_rr_list_rr_count(section); i++) {
		const ldns_rr *sig = ldns_rr_list_rr(section, i);
		enum dnssec_check c;

		if (!is_signature(sig, set, zone))
			continue;
		c = try_signature(t, sig, ret_signed);
		if (c == DNSSEC_GOOD || c == DNSSEC_SPENT)
			return c;
		if (c > t->worst)
			t->worst = c;
	}
	return t->worst;
}

enum dnssec_check dnssec_verify(const struct dnssec_message *m, const struct dnssec_rrset *set, const struct dns_name *zone,
	const struct dnssec_keys *keys, struct dnssec_means *means, struct dnssec_signed *ret_signed)
{
	ldns_rr_list *records = collect(m, set);
	struct attempt t = {.set = records, .keys = keys->list, .means = means};
	enum dnssec_check c = records ? verify_by(m, set, zone, &t, ret_signed) : DNSSEC_NO_SIGNATURE;

	ldns_rr_list_free(records);
	return c;
}

/* Keys and DS records with one tag cost a digest for each pair: CVE-2023-50387. @means NULL: both are few. */
static bool named_by(const ldns_rr *key, uint16_t tag, const struct dnssec_ds *ds, struct dnssec_means *means)
{
	bool same = false;
	ldns_rr *made;

	if (ds->tag != tag || ds->algorithm != ldns_rdf2native_int8(ldns_rr_dnskey_algorithm(key)))
		return false;
	if (means && means->hashes == 0)
		return false;
	if (means)
		means->hashes--;
	made = ldns_key_rr2ds(key, ds->digest_type == DIGEST_SHA384 ? LDNS_SHA384 : LDNS_SHA256);
	if (made && ldns_rr_rd_count(made) == 4) {
		const ldns_rdf *digest = ldns_rr_rdf(made, 3);

		same = ldns_rdf_size(digest) == ds->digest_len && memcmp(ldns_rdf_data(digest), ds->digest, ds->digest_len) == 0;
	}
	ldns_rr_free(made);
	return same;
}

static bool trusted(const ldns_rr *key, const struct dnssec_trust *trust, struct dnssec_means *means)
{
	uint16_t tag = ldns_calc_keytag(key);

	for (unsigned int i = 0; i < trust->n_ds; i++)
		if (named_by(key, tag, &trust->ds[i], means))
			return true;
	return false;
}

/* Those of @all that are usable; trusted ones only where @trust is given. Borrowed. */
static ldns_rr_list *choose_keys(const ldns_rr_list *all, const struct dnssec_trust *trust, struct dnssec_means *means)
{
	ldns_rr_list *some = ldns_rr_list_new();

	for (size_t i = 0; some && i < ldns_rr_list_rr_count(all) && ldns_rr_list_rr_count(some) < DNSSEC_KEYS_MAX; i++) {
		ldns_rr *key = ldns_rr_list_rr(all, i);

		if (usable(key) && (!trust || trusted(key, trust, means)))
			ldns_rr_list_push_rr(some, key);
	}
	return some;
}

/* Copies of the usable keys. NULL without memory. */
static struct dnssec_keys *keep_keys(const ldns_rr_list *all)
{
	struct dnssec_keys *k = calloc(1, sizeof(*k));
	ldns_rr_list *some = choose_keys(all, NULL, NULL);

	if (k && some)
		k->list = ldns_rr_list_clone(some);
	ldns_rr_list_free(some);
	if (k && k->list)
		return k;
	free(k);
	return NULL;
}

enum dnssec_check dnssec_verify_keys(const struct dnssec_message *m, const struct dnssec_trust *trust,
	struct dnssec_means *means, struct dnssec_keys **ret_keys, struct dnssec_signed *ret_signed)
{
	const struct dnssec_rrset set = {.owner = trust->zone, .type = DNS_TYPE_DNSKEY};
	ldns_rr_list *all = collect(m, &set), *named = all ? choose_keys(all, trust, means) : NULL;
	struct attempt t = {.set = all, .keys = named, .means = means};
	enum dnssec_check c = means->hashes ? DNSSEC_NO_KEY : DNSSEC_SPENT;
	struct dnssec_keys *k;

	if (named && ldns_rr_list_rr_count(named))
		c = verify_by(m, &set, trust->zone, &t, ret_signed);
	if (c == DNSSEC_GOOD) {
		k = keep_keys(all);
		if (k)
			*ret_keys = k;
		else
			c = DNSSEC_SPENT;
	}
	ldns_rr_list_free(named);
	ldns_rr_list_free(all);
	return c;
}

/* Has the key, which is revoked, signed the set? */
static bool self_signed(const struct dnssec_message *m, const struct dnssec_rrset *set, const ldns_rr_list *all, ldns_rr *key,
	struct dnssec_means *means)
{
	ldns_rr_list *one = ldns_rr_list_new();
	struct attempt t = {.set = all, .keys = one, .means = means, .revoked = true};
	struct dnssec_signed ignored;
	bool good = one && ldns_rr_list_push_rr(one, key) && verify_by(m, set, set->owner, &t, &ignored) == DNSSEC_GOOD;

	ldns_rr_list_free(one);
	return good;
}

/* As it was before it was revoked. NULL without memory. */
static ldns_rr *unrevoked(const ldns_rr *key)
{
	ldns_rr *copy = ldns_rr_clone(key);
	ldns_rdf *flags = ldns_native2rdf_int16(LDNS_RDF_TYPE_INT16, (uint16_t)(key_flags(key) & ~KEY_REVOKED));

	if (copy && flags) {
		ldns_rdf_deep_free(ldns_rr_set_rdf(copy, flags, 0));
		return copy;
	}
	ldns_rr_free(copy);
	ldns_rdf_deep_free(flags);
	return NULL;
}

static bool digest_of(const ldns_rr *key, ldns_hash hash, uint8_t *out, size_t len)
{
	ldns_rr *ds = ldns_key_rr2ds(key, hash);
	bool good = ds && ldns_rr_rd_count(ds) == 4 && ldns_rdf_size(ldns_rr_rdf(ds, 3)) == len;

	if (good)
		memcpy(out, ldns_rdf_data(ldns_rr_rdf(ds, 3)), len);
	ldns_rr_free(ds);
	return good;
}

static bool note_key(const ldns_rr *plain, bool revoked, struct anchor_seen *seen)
{
	struct anchor_seen_key *k = &seen->keys[seen->n];

	*k = (struct anchor_seen_key){.tag = ldns_calc_keytag(plain), .revoked = revoked,
		.algorithm = ldns_rdf2native_int8(ldns_rr_dnskey_algorithm(plain))};
	if (!digest_of(plain, LDNS_SHA256, k->sha256, sizeof(k->sha256)) || !digest_of(plain, LDNS_SHA384, k->sha384, sizeof(k->sha384)))
		return false;
	seen->n++;
	return true;
}

struct look {
	const struct dnssec_message *m;
	const struct dnssec_trust *trust;
	const ldns_rr_list *all;
	struct dnssec_means *means;
	struct anchor_seen *seen;
};

/* False: there is no room for it, or no memory. */
static bool look_at_key(const struct look *l, ldns_rr *key)
{
	const struct dnssec_rrset set = {.owner = l->trust->zone, .type = DNS_TYPE_DNSKEY};
	ldns_rr *plain;
	uint16_t flags = key_flags(key);
	bool good = true;

	if (!(flags & KEY_SEP))
		return true;
	if (l->seen->n == ANCHOR_SEEN_MAX)
		return false;
	plain = unrevoked(key);
	if (!plain)
		return false;
	if (!(flags & KEY_REVOKED))
		good = note_key(plain, false, l->seen);
	else if (trusted(plain, l->trust, l->means) && self_signed(l->m, &set, l->all, key, l->means))
		good = note_key(plain, true, l->seen);
	ldns_rr_free(plain);
	return good;
}

enum dnssec_check dnssec_look(const struct dnssec_message *m, const struct dnssec_trust *trust, struct dnssec_means *means,
	struct anchor_seen *ret_seen, struct dnssec_signed *ret_signed)
{
	const struct dnssec_rrset set = {.owner = trust->zone, .type = DNS_TYPE_DNSKEY};
	ldns_rr_list *all = collect(m, &set), *named = all ? choose_keys(all, trust, means) : NULL;
	struct attempt t = {.set = all, .keys = named, .means = means};
	const struct look l = {m, trust, all, means, ret_seen};
	enum dnssec_check c = all ? DNSSEC_NO_KEY : DNSSEC_NO_SIGNATURE;

	*ret_seen = (struct anchor_seen){.zone = *trust->zone};
	if (named && ldns_rr_list_rr_count(named))
		c = verify_by(m, &set, trust->zone, &t, ret_signed);
	for (size_t i = 0; i < ldns_rr_list_rr_count(all); i++)
		if (!look_at_key(&l, ldns_rr_list_rr(all, i)))
			c = DNSSEC_SPENT;
	if (c == DNSSEC_GOOD)
		ret_seen->ttl_s = ret_signed->original_ttl_s;
	ret_seen->validated = c == DNSSEC_GOOD;
	ldns_rr_list_free(named);
	ldns_rr_list_free(all);
	return c;
}

void dnssec_keys_compare(const struct dnssec_keys *k, const struct dnssec_trust *anchors, unsigned int *ret_new,
	unsigned int *ret_gone)
{
	unsigned int n_new = 0, n_found = 0;

	for (size_t i = 0; i < ldns_rr_list_rr_count(k->list); i++) {
		const ldns_rr *key = ldns_rr_list_rr(k->list, i);

		n_new += (ldns_rdf2native_int16(ldns_rr_dnskey_flags(key)) & KEY_SEP) && !trusted(key, anchors, NULL);
	}
	for (unsigned int i = 0; i < anchors->n_ds; i++) {
		const struct dnssec_trust one = {anchors->zone, &anchors->ds[i], 1};
		bool found = false;

		for (size_t j = 0; j < ldns_rr_list_rr_count(k->list) && !found; j++)
			found = trusted(ldns_rr_list_rr(k->list, j), &one, NULL);
		n_found += found;
	}
	*ret_new = n_new;
	*ret_gone = anchors->n_ds - n_found;
}

int dnssec_nsec3_hash(const struct dns_name *name, uint16_t iterations, const uint8_t *salt, uint8_t salt_len,
	char *ret_hash)
{
	struct dns_name low = *name;
	ldns_rdf *in, *out;

	dns_name_lower(&low);
	in = ldns_rdf_new_frm_data(LDNS_RDF_TYPE_DNAME, low.len, low.wire);
	out = in ? ldns_nsec3_hash_name(in, LDNS_SHA1, iterations, salt_len, salt) : NULL;
	ldns_rdf_deep_free(in);
	if (!out || ldns_rdf_size(out) < HASH_LABEL) {
		ldns_rdf_deep_free(out);
		return -ENOMEM;
	}
	for (unsigned int i = 0; i < HASH_LABEL - 1; i++) {
		char c = (char)ldns_rdf_data(out)[1 + i];

		ret_hash[i] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
	}
	ldns_rdf_deep_free(out);
	return 0;
}

void dnssec_warm_up(void)
{
	static const char *const texts[] = { /* what is signed, a key, and a signature that it did not make */
		". 60 IN NS a.",
		/* the generator of P-256: a key as good as any */
		". 60 IN DNSKEY 256 3 13 axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9Q==",
		". 60 IN RRSIG NS 13 0 60 20300101000000 20200101000000 1 . "
		"AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAhIiMkJSYnKCkqKywtLi8wMTIzNDU2Nzg5Ojs8PT4/QA==",
	};
	ldns_rr *rr[3] = {0};
	ldns_rr_list *set = ldns_rr_list_new();

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (ldns_rr_new_frm_str(&rr[i], texts[i], 0, NULL, NULL) != LDNS_STATUS_OK)
			rr[i] = NULL;
	if (set && rr[0] && rr[1] && rr[2]) {
		ldns_rdf *tag = ldns_native2rdf_int16(LDNS_RDF_TYPE_INT16, ldns_calc_keytag(rr[1]));

		ldns_rdf_deep_free(ldns_rr_set_rdf(rr[2], tag, 6)); /* the key's own, or nothing would be computed */
		ldns_rr_list_push_rr(set, rr[0]);
		(void)verifies(set, rr[2], rr[1]); /* false */
	}
	ldns_rr_list_free(set);
	for (size_t i = 0; i < ARRAY_LEN(rr); i++)
		ldns_rr_free(rr[i]);
}
