/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Proofs of non-existence: see the header.
 *
 * A record of the parent's side of a zone cut (NS without SOA) says nothing of what is below, nor of
 * other types than DS; one of the child's side (SOA) says nothing of DS; one with DNAME nothing of what is below:
 * RFC 6840 4.1 and 4.4. The closest encloser of a name follows from the NSEC that covers it, and is looked for with
 * NSEC3; a wildcard is denied, or taken, exactly there.
 */
#include "dnssec_denial.h"

#include <string.h>

#include "dnssec_ldns.h"
#include "postern/dns.h"

#define NSEC3_SHA1 1
#define NSEC3_OPT_OUT 1
#define SHA1_SIZE 20

static uint8_t low(uint8_t b)
{
	return (uint8_t)(b | (uint8_t)((uint8_t)(b - 'A') < 26) << 5);
}

static int label_compare(const uint8_t *a, const uint8_t *b)
{
	unsigned int n = a[0] < b[0] ? a[0] : b[0];

	for (unsigned int i = 1; i <= n; i++)
		if (low(a[i]) != low(b[i]))
			return low(a[i]) < low(b[i]) ? -1 : 1;
	return (a[0] > b[0]) - (a[0] < b[0]);
}

int dnssec_name_compare(const struct dns_name *a, const struct dns_name *b)
{
	uint8_t at[DNS_LABELS_MAX], bt[DNS_LABELS_MAX];
	size_t n = dns_name_labels(a, at), m = dns_name_labels(b, bt);

	while (n && m) {
		int c = label_compare(a->wire + at[--n], b->wire + bt[--m]);

		if (c)
			return c;
	}
	return (n > 0) - (m > 0);
}

unsigned int dnssec_labels(const struct dns_name *n)
{
	uint8_t at[DNS_LABELS_MAX];

	return (unsigned int)dns_name_labels(n, at);
}

struct dns_name dnssec_suffix(const struct dns_name *n, unsigned int labels)
{
	struct dns_name s = {0};
	uint8_t at[DNS_LABELS_MAX];
	size_t have = dns_name_labels(n, at);
	size_t start = labels >= have ? 0 : labels == 0 ? n->len - 1u : at[have - labels];

	s.len = (uint8_t)(n->len - start);
	memcpy(s.wire, n->wire + start, s.len);
	return s;
}

/* Labels that both end with. */
static unsigned int common_labels(const struct dns_name *a, const struct dns_name *b)
{
	uint8_t at[DNS_LABELS_MAX], bt[DNS_LABELS_MAX];
	size_t n = dns_name_labels(a, at), m = dns_name_labels(b, bt);
	unsigned int same = 0;

	while (n && m && label_compare(a->wire + at[--n], b->wire + bt[--m]) == 0)
		same++;
	return same;
}

static bool has_type(const struct denial_record *r, uint16_t type)
{
	const uint8_t *p = r->types, *end = p + r->types_len;

	while (end - p >= 2 && end - p >= 2 + p[1]) { /* window, length, bits: RFC 4034 4.1.2 */
		if (p[0] == type >> 8)
			return (type & 0xff) / 8 < p[1] && (p[2 + (type & 0xff) / 8] & (0x80u >> (type & 7)));
		p += 2 + p[1];
	}
	return false;
}

static bool is_delegation(const struct denial_record *r)
{
	return has_type(r, DNS_TYPE_NS) && !has_type(r, DNS_TYPE_SOA);
}

void denial_init(struct denial *d, const struct dns_name *zone)
{
	d->zone = *zone;
	d->nsec3 = false;
	d->n_records = d->n_hashes = 0;
	d->means = NULL;
	d->spent = false;
}

static void add_nsec(struct denial *d, const struct dns_name *owner, const uint8_t *rdata, size_t len)
{
	struct denial_record *r = &d->records[d->n_records];
	struct bytes_reader b;

	bytes_reader_init(&b, rdata, len);
	if (dns_name_read(&b, false, &r->next) < 0 || !dns_name_within(owner, &d->zone))
		return;
	r->owner = *owner;
	r->types = rdata + b.pos;
	r->types_len = (uint16_t)(len - b.pos);
	d->n_records++;
}

static void base32hex(const uint8_t in[static SHA1_SIZE], char out[static NSEC3_HASH_TEXT])
{
	for (unsigned int i = 0; i < NSEC3_HASH_TEXT; i++) {
		unsigned int bit = i * 5, pair = (unsigned int)in[bit / 8] << 8;

		pair |= bit / 8 + 1 < SHA1_SIZE ? in[bit / 8 + 1] : 0;
		out[i] = "0123456789abcdefghijklmnopqrstuv"[pair >> (11 - bit % 8) & 31];
	}
}

/* The first record's parameters are those of all: a zone has one set in use. */
static bool same_parameters(struct denial *d, uint16_t iterations, const uint8_t *salt, uint8_t salt_len)
{
	if (d->n_records == 0) {
		d->iterations = iterations;
		d->salt_len = salt_len;
		memcpy(d->salt, salt, salt_len);
	}
	return d->iterations == iterations && d->salt_len == salt_len && memcmp(d->salt, salt, salt_len) == 0;
}

static void add_nsec3(struct denial *d, const struct dns_name *owner, const uint8_t *rdata, size_t len)
{
	struct denial_record *r = &d->records[d->n_records];
	struct dns_name above = dnssec_suffix(owner, dnssec_labels(owner) - 1);
	uint8_t algorithm, flags, salt_len;
	const uint8_t *salt, *next;
	struct bytes_reader b;
	uint16_t iterations;

	bytes_reader_init(&b, rdata, len);
	algorithm = bytes_read_u8(&b);
	flags = bytes_read_u8(&b);
	iterations = bytes_read_u16(&b);
	salt_len = bytes_read_u8(&b);
	salt = bytes_read_view(&b, salt_len);
	next = bytes_read_u8(&b) == SHA1_SIZE ? bytes_read_view(&b, SHA1_SIZE) : NULL;
	if (b.failed || !next || algorithm != NSEC3_SHA1 || (flags & ~NSEC3_OPT_OUT)) /* RFC 5155 8.1, 8.2 */
		return;
	if (owner->wire[0] != NSEC3_HASH_TEXT || !dns_name_equal(&above, &d->zone) || !same_parameters(d, iterations, salt, salt_len))
		return;
	for (unsigned int i = 0; i < NSEC3_HASH_TEXT; i++)
		r->hash[i] = (char)low(owner->wire[1 + i]);
	base32hex(next, r->next_hash);
	r->opt_out = flags & NSEC3_OPT_OUT;
	r->types = rdata + b.pos;
	r->types_len = (uint16_t)(len - b.pos);
	d->n_records++;
}

void denial_add(struct denial *d, const struct dns_name *owner, uint16_t type, const uint8_t *rdata, size_t len)
{
	bool nsec3 = type == DNS_TYPE_NSEC3;

	if (d->n_records == DENIAL_RECORDS_MAX || (d->n_records && d->nsec3 != nsec3) || (nsec3 && owner->len == 1))
		return;
	d->nsec3 = nsec3;
	if (d->nsec3)
		add_nsec3(d, owner, rdata, len);
	else
		add_nsec(d, owner, rdata, len);
}

/* NSEC3: the hash of @n; false beyond the limit of a proof, or of its message (CVE-2023-50868). */
static bool hash_of(struct denial *d, const struct dns_name *n, char ret_hash[static NSEC3_HASH_TEXT])
{
	unsigned int cost = d->iterations + 1u;

	if (d->n_hashes == DENIAL_HASHES_MAX || (d->means && d->means->hashes < cost)) {
		d->spent = true;
		return false;
	}
	d->n_hashes++;
	if (d->means)
		d->means->hashes -= cost;
	return dnssec_nsec3_hash(n, d->iterations, d->salt, d->salt_len, ret_hash) == 0;
}

/* The record that stands at @n. */
static const struct denial_record *match(struct denial *d, const struct dns_name *n)
{
	char hash[NSEC3_HASH_TEXT];

	if (d->nsec3 && !hash_of(d, n, hash))
		return NULL;
	for (unsigned int i = 0; i < d->n_records; i++) {
		const struct denial_record *r = &d->records[i];

		if (d->nsec3 ? memcmp(r->hash, hash, sizeof(hash)) == 0 : dns_name_equal(&r->owner, n))
			return r;
	}
	return NULL;
}

static bool between(int owner_to_name, int name_to_next, int owner_to_next)
{
	if (owner_to_next < 0)
		return owner_to_name < 0 && name_to_next < 0;
	return owner_to_name < 0 || name_to_next < 0; /* the last of the zone */
}

static bool covers(const struct denial *d, const struct denial_record *r, const struct dns_name *n, const char *hash)
{
	if (d->nsec3)
		return between(memcmp(r->hash, hash, NSEC3_HASH_TEXT), memcmp(hash, r->next_hash, NSEC3_HASH_TEXT),
			memcmp(r->hash, r->next_hash, NSEC3_HASH_TEXT));
	if (dns_name_within(n, &r->owner) && (is_delegation(r) || has_type(r, DNS_TYPE_DNAME)))
		return false;
	return between(dnssec_name_compare(&r->owner, n), dnssec_name_compare(n, &r->next),
		dnssec_name_compare(&r->owner, &r->next));
}

/* The record in whose gap @n would stand. */
static const struct denial_record *cover(struct denial *d, const struct dns_name *n)
{
	char hash[NSEC3_HASH_TEXT];

	if (!dns_name_within(n, &d->zone) || (d->nsec3 && !hash_of(d, n, hash)))
		return NULL;
	for (unsigned int i = 0; i < d->n_records; i++)
		if (covers(d, &d->records[i], n, hash))
			return &d->records[i];
	return NULL;
}

/*
 * The closest encloser of a name that does not exist: its labels, or -1. @ret_gap: the record that denies the name one
 * label longer. NSEC: both neighbours in the zone tell what is above the name.
 */
static int closest_encloser(struct denial *d, const struct dns_name *n, const struct denial_record **ret_gap)
{
	unsigned int zone_labels = dnssec_labels(&d->zone), labels = dnssec_labels(n);
	const struct denial_record *r;

	if (!d->nsec3) {
		unsigned int left, right;

		r = *ret_gap = cover(d, n);
		if (!r || dns_name_within(&r->next, n)) /* an empty non-terminal exists */
			return -1;
		left = common_labels(n, &r->owner);
		right = common_labels(n, &r->next);
		return (int)(left > right ? left : right);
	}
	while (labels-- > zone_labels) {
		struct dns_name above = dnssec_suffix(n, labels), nearer = dnssec_suffix(n, labels + 1);

		r = match(d, &above);
		if (!r)
			continue;
		if (is_delegation(r) || has_type(r, DNS_TYPE_DNAME))
			return -1;
		*ret_gap = cover(d, &nearer);
		return *ret_gap ? (int)labels : -1;
	}
	return -1;
}

/* "*" below the last @labels labels of @n; false where that is no name. */
static bool wildcard_at(const struct dns_name *n, unsigned int labels, struct dns_name *ret_name)
{
	struct dns_name above = dnssec_suffix(n, labels);

	if (above.len + 2 > DNS_NAME_MAX)
		return false;
	ret_name->wire[0] = 1;
	ret_name->wire[1] = '*';
	memcpy(ret_name->wire + 2, above.wire, above.len);
	ret_name->len = (uint8_t)(above.len + 2);
	return true;
}

/* Does the record at a name, or at the wildcard for it, prove that there is no @type? */
static bool lacks(const struct denial_record *r, uint16_t type)
{
	if (has_type(r, type) || has_type(r, DNS_TYPE_CNAME))
		return false;
	return type == DNS_TYPE_DS ? !has_type(r, DNS_TYPE_SOA) : !is_delegation(r);
}

static bool too_many_iterations(const struct denial *d)
{
	return d->nsec3 && d->n_records && d->iterations > DENIAL_ITERATIONS_MAX;
}

enum denial_proof denial_of_type(struct denial *d, const struct dns_name *name, uint16_t type, bool *ret_delegation)
{
	const struct denial_record *r, *gap = NULL;
	struct dns_name wildcard;
	int encloser;

	if (too_many_iterations(d))
		return DENIAL_ITERATIONS;
	r = match(d, name);
	if (r) {
		if (ret_delegation)
			*ret_delegation = is_delegation(r);
		return lacks(r, type) ? DENIAL_NODATA : DENIAL_NOTHING;
	}
	r = d->nsec3 ? NULL : cover(d, name);
	if (r && dns_name_within(&r->next, name))
		return DENIAL_NODATA;
	encloser = closest_encloser(d, name, &gap);
	if (encloser < 0)
		return DENIAL_NOTHING;
	r = wildcard_at(name, (unsigned int)encloser, &wildcard) ? match(d, &wildcard) : NULL;
	if (r && lacks(r, type))
		return DENIAL_NODATA;
	return d->nsec3 && gap->opt_out ? DENIAL_OPT_OUT : DENIAL_NOTHING;
}

enum denial_proof denial_of_name(struct denial *d, const struct dns_name *name)
{
	const struct denial_record *gap = NULL;
	struct dns_name wildcard;
	int encloser;

	if (too_many_iterations(d))
		return DENIAL_ITERATIONS;
	encloser = closest_encloser(d, name, &gap);
	if (encloser < 0 || !wildcard_at(name, (unsigned int)encloser, &wildcard) || !cover(d, &wildcard))
		return DENIAL_NOTHING;
	return d->nsec3 && gap->opt_out ? DENIAL_OPT_OUT : DENIAL_NXDOMAIN;
}

enum denial_proof denial_of_nearer(struct denial *d, const struct dns_name *name, unsigned int labels)
{
	const struct denial_record *gap = NULL;
	struct dns_name nearer = dnssec_suffix(name, labels + 1);

	if (too_many_iterations(d))
		return DENIAL_ITERATIONS;
	if (!d->nsec3)
		return closest_encloser(d, name, &gap) == (int)labels ? DENIAL_NXDOMAIN : DENIAL_NOTHING;
	gap = cover(d, &nearer); /* RFC 5155 8.8: the encloser is known by the signature */
	if (!gap)
		return DENIAL_NOTHING;
	return gap->opt_out ? DENIAL_OPT_OUT : DENIAL_NXDOMAIN;
}
