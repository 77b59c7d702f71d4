/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a hostile zone can make a validator compute for one message (KeyTrap, CVE-2023-50387; NSEC3, CVE-2023-50868), counted: many keys
 * with one tag, many signatures that name it, many DS records, long names under many iterations.
 */
#include <ldns/ldns.h>
#include <stdlib.h>

#include "check.h"

#include "../../src/resolver/dnssec/dnssec_denial.h"
#include "../../src/resolver/dnssec/dnssec_ldns.h"
#include "../../src/resolver/dnssec/validator.h"
#include "postern/dns.h"

#define KEYS 60
#define SIGNATURES 60

static const struct dns_name root = {.len = 1};
static uint8_t wire[DNS_MESSAGE_MAX];
static size_t wire_len;

static void put(const void *data, size_t len)
{
	memcpy(wire + wire_len, data, len);
	wire_len += len;
}

/* A record of the root; its data follows. */
static void put_head(uint16_t type, size_t rdata_len)
{
	put((uint8_t[]){0, (uint8_t)(type >> 8), (uint8_t)type, 0, 1, 0, 0, 1, 0, (uint8_t)(rdata_len >> 8), (uint8_t)rdata_len}, 11);
}

/* The i-th key: words of 16 bits in another order, which have one sum, and so one tag (RFC 4034 appendix B). */
static void put_key(unsigned int i)
{
	uint8_t rdata[4 + 32] = {1, 1, 3, 15};

	for (unsigned int w = 0; w < 16; w++)
		rdata[4 + 2 * w + 1] = (uint8_t)(w + 1);
	for (unsigned int w = 15; w > 0; w--) { /* the i-th permutation */
		unsigned int other = i % (w + 1);
		uint8_t b = rdata[5 + 2 * w];

		i /= w + 1;
		rdata[5 + 2 * w] = rdata[5 + 2 * other];
		rdata[5 + 2 * other] = b;
	}
	put_head(DNS_TYPE_DNSKEY, sizeof(rdata));
	put(rdata, sizeof(rdata));
}

static void put_signature(uint16_t tag, unsigned int i)
{
	uint8_t rdata[18 + 1 + 64] = {0, DNS_TYPE_DNSKEY, 15, 0, 0, 0, 1, 0, 0x7f, 0xff, 0xff, 0xff, 0x10, 0, 0, 0, (uint8_t)(tag >> 8), (uint8_t)tag};

	rdata[19] = (uint8_t)(i + 1);
	put_head(DNS_TYPE_RRSIG, sizeof(rdata));
	put(rdata, sizeof(rdata));
}

static struct dnssec_message *keys_message(uint16_t tag, unsigned int n_signatures)
{
	struct dnssec_message *m = NULL;

	wire_len = 0;
	put((uint8_t[]){0, 7, 0x81, 0x80, 0, 1, 0, (uint8_t)(KEYS + n_signatures), 0, 0, 0, 0, 0, 0, DNS_TYPE_DNSKEY, 0, 1}, 17);
	for (unsigned int i = 0; i < KEYS; i++)
		put_key(i);
	for (unsigned int i = 0; i < n_signatures; i++)
		put_signature(tag, i);
	CHECK(dnssec_message_read(wire, wire_len, &m) == 0);
	return m;
}

/* DS records of the first keys of the message; all have one tag, which must be so for the test to mean anything. */
static uint16_t read_ds(struct dnssec_ds *list, unsigned int n)
{
	uint16_t tag = 0;
	ldns_pkt *pkt;

	CHECK(ldns_wire2pkt(&pkt, wire, wire_len) == LDNS_STATUS_OK);
	for (unsigned int i = 0; i < KEYS; i++) {
		const ldns_rr *key = ldns_rr_list_rr(ldns_pkt_answer(pkt), i);

		CHECK(i == 0 || ldns_calc_keytag(key) == tag);
		tag = ldns_calc_keytag(key);
		if (i >= n)
			continue;
		ldns_rr *ds = ldns_key_rr2ds(key, LDNS_SHA256);

		list[i] = (struct dnssec_ds){tag, 15, 2, 32, {0}};
		memcpy(list[i].digest, ldns_rdf_data(ldns_rr_rdf(ds, 3)), 32);
		CHECK(i == 0 || memcmp(list[i].digest, list[i - 1].digest, 32) != 0);
		ldns_rr_free(ds);
	}
	ldns_pkt_free(pkt);
	return tag;
}

/* Every key is named by a DS, every signature names every key: 60 times 8 verifications, were there no bound. */
static void test_signatures(uint16_t tag, const struct dnssec_ds *list)
{
	struct dnssec_message *m = keys_message(tag, SIGNATURES);
	const struct dnssec_trust trust = {&root, list, DNSSEC_DS_MAX};
	struct dnssec_means means = {0x20000000, VALIDATOR_MESSAGE_TRIES, VALIDATOR_MESSAGE_HASHES};
	struct dnssec_signed how;
	struct dnssec_keys *keys = NULL;

	CHECK(dnssec_verify_keys(m, &trust, &means, &keys, &how) == DNSSEC_SPENT && !keys);
	CHECK(VALIDATOR_MESSAGE_TRIES - means.verifications == DNSSEC_TRIES_MAX);
	CHECK(VALIDATOR_MESSAGE_HASHES - means.hashes <= KEYS * DNSSEC_DS_MAX);
	means.verifications = 2; /* less is left than for one RRset */
	CHECK(dnssec_verify_keys(m, &trust, &means, &keys, &how) == DNSSEC_SPENT && means.verifications == 0);
	CHECK(dnssec_verify_keys(m, &trust, &means, &keys, &how) == DNSSEC_SPENT && means.verifications == 0);
	dnssec_message_free(m);
}

/* DS records with the keys' tag and other digests: 60 times 8 digests, were there no bound. */
static void test_digests(uint16_t tag, const struct dnssec_ds *named)
{
	struct dnssec_message *m = keys_message(tag, 1);
	struct dnssec_ds list[DNSSEC_DS_MAX];
	const struct dnssec_trust trust = {&root, list, DNSSEC_DS_MAX};
	struct dnssec_means means = {0x20000000, VALIDATOR_MESSAGE_TRIES, VALIDATOR_MESSAGE_HASHES};
	struct anchor_seen seen;
	struct dnssec_signed how;
	struct dnssec_keys *keys = NULL;

	memcpy(list, named, sizeof(list));
	for (unsigned int i = 0; i < DNSSEC_DS_MAX; i++)
		list[i].digest[31] ^= 0xff;
	CHECK(dnssec_verify_keys(m, &trust, &means, &keys, &how) == DNSSEC_NO_KEY);
	CHECK(VALIDATOR_MESSAGE_HASHES - means.hashes == KEYS * DNSSEC_DS_MAX && means.verifications == VALIDATOR_MESSAGE_TRIES);
	means.hashes = 100;
	CHECK(dnssec_verify_keys(m, &trust, &means, &keys, &how) == DNSSEC_SPENT && means.hashes == 0);
	means.hashes = 100; /* a look at an anchored zone: more keys than it holds are no look */
	CHECK(dnssec_look(m, &trust, &means, &seen, &how) == DNSSEC_SPENT && !seen.validated && seen.n <= ANCHOR_SEEN_MAX);
	dnssec_message_free(m);
}

/* A name of 120 labels below a zone with 100 iterations: 120 times 101 computations, were there no bound. */
static void test_nsec3(void)
{
	static struct denial d;
	struct dnssec_means means = {0, 0, VALIDATOR_MESSAGE_HASHES};
	const uint8_t rdata[] = {1, 0, 0, 100, 0, 20, 0xff, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 0, 1, 0x40};
	struct dns_name owner = {.wire = {32}}, zone = {.len = 3, .wire = {1, 'z', 0}}, name = {0};

	memset(owner.wire + 1, '0', 32);
	memcpy(owner.wire + 33, zone.wire, 3);
	owner.len = 36;
	for (unsigned int i = 0; i < 120; i++) {
		name.wire[name.len++] = 1;
		name.wire[name.len++] = 'a';
	}
	memcpy(name.wire + name.len, zone.wire, 3);
	name.len = (uint8_t)(name.len + 3);
	denial_init(&d, &zone);
	d.means = &means;
	denial_add(&d, &owner, DNS_TYPE_NSEC3, rdata, sizeof(rdata));
	CHECK(d.n_records == 1 && denial_of_name(&d, &name) == DENIAL_NOTHING && d.spent);
	CHECK(means.hashes < 101 && d.n_hashes == VALIDATOR_MESSAGE_HASHES / 101);
	/* what is left is for all proofs of the message */
	denial_init(&d, &zone);
	d.means = &means;
	denial_add(&d, &owner, DNS_TYPE_NSEC3, rdata, sizeof(rdata));
	CHECK(denial_of_type(&d, &name, DNS_TYPE_A, NULL) == DENIAL_NOTHING && d.spent && d.n_hashes == 0);
	/* without iterations the number of names is the bound */
	means.hashes = VALIDATOR_MESSAGE_HASHES;
	denial_init(&d, &zone);
	d.means = &means;
	uint8_t none[sizeof(rdata)];

	memcpy(none, rdata, sizeof(none));
	none[3] = 0;
	denial_add(&d, &owner, DNS_TYPE_NSEC3, none, sizeof(none));
	CHECK(denial_of_name(&d, &name) == DENIAL_NOTHING && d.spent && d.n_hashes == DENIAL_HASHES_MAX);
	CHECK(VALIDATOR_MESSAGE_HASHES - means.hashes == DENIAL_HASHES_MAX);
}

int main(void)
{
	struct dnssec_ds list[DNSSEC_DS_MAX];
	struct dnssec_message *m = keys_message(0, 0);
	uint16_t tag = read_ds(list, DNSSEC_DS_MAX);

	dnssec_message_free(m);
	test_signatures(tag, list);
	test_digests(tag, list);
	test_nsec3();
	return check_report();
}
