/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any bytes as a message that is validated, below a root whose key is fixed and signs nothing of it. What has to hold: without a
 * good signature nothing is secure, and nothing is insecure either, as that needs a proof. Then the same bytes as NSEC and
 * NSEC3 records that are believed: proofs are looked for within their limit of hashes.
 */
#include <ldns/ldns.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/resolver/answer_ldns.h"
#include "../../src/resolver/dnssec/dnssec_denial.h"
#include "../../src/resolver/dnssec/validator.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define WALL_S 1800000000u

static const struct dns_name root = {.len = 1};
static const struct validator_moment now = {.now_ms = 1000, .wall_s = WALL_S, .slot = 1};
static struct answer answer;

/* The root's DNSKEY RRset, signed with a private key of the bytes 1 to 32 (Ed25519). */
static ldns_pkt *signed_root(struct dnssec_ds *ret_ds)
{
	static char text[] = "Private-key-format: v1.2\nAlgorithm: 15 (ED25519)\n"
		"PrivateKey: AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=\n";
	FILE *f = fmemopen(text, strlen(text), "r");
	ldns_pkt *pkt = ldns_pkt_query_new(ldns_dname_new_frm_str("."), LDNS_RR_TYPE_DNSKEY, LDNS_RR_CLASS_IN, 0);
	ldns_key_list *keys = ldns_key_list_new();
	ldns_rr_list *set = ldns_rr_list_new();
	ldns_key *key = NULL;
	ldns_rr *rr, *ds;

	ASSERT(f && ldns_key_new_frm_fp(&key, f) == LDNS_STATUS_OK);
	fclose(f);
	ldns_key_set_pubkey_owner(key, ldns_dname_new_frm_str("."));
	ldns_key_set_flags(key, LDNS_KEY_ZONE_KEY | LDNS_KEY_SEP_KEY);
	ldns_key_set_inception(key, WALL_S - 1000);
	ldns_key_set_expiration(key, WALL_S + 1000000);
	ldns_key_list_push_key(keys, key);
	rr = ldns_key2rr(key);
	ldns_key_set_keytag(key, ldns_calc_keytag(rr));
	ldns_rr_list_push_rr(set, rr);
	ds = ldns_key_rr2ds(rr, LDNS_SHA256);
	*ret_ds = (struct dnssec_ds){ldns_calc_keytag(rr), LDNS_ED25519, 2, 32, {0}};
	memcpy(ret_ds->digest, ldns_rdf_data(ldns_rr_rdf(ds, 3)), 32);
	ldns_rr_free(ds);
	ldns_pkt_push_rr_list(pkt, LDNS_SECTION_ANSWER, set);
	rr = ldns_rr_list_rr(set, 0);
	ldns_rr_list *sigs = ldns_sign_public(set, keys);

	ASSERT(sigs && ldns_pkt_push_rr_list(pkt, LDNS_SECTION_ANSWER, sigs));
	ldns_rr_list_free(sigs);
	ldns_rr_list_free(set);
	ldns_key_list_free(keys);
	return pkt;
}

static struct validator *set_up(void)
{
	struct validator *v = validator_new();
	struct validator_result res;
	struct validator_item items[2] = {{root, DNS_TYPE_DNSKEY, false}, {{0}, 0, false}};
	struct dnssec_ds ds;
	ldns_pkt *pkt = signed_root(&ds);
	uint8_t *wire = NULL;
	size_t len;

	ASSERT(v && validator_add_anchor(v, &root, &ds));
	ASSERT(ldns_pkt2wire(&wire, pkt, &len) == LDNS_STATUS_OK && answer_read(wire, len, &answer) == 0);
	const struct validator_message m = {&answer, wire, len};

	validator_judge(v, &now, &m, items, &res);
	ASSERT(res.verdict == VALIDATOR_ASK && res.type == DNS_TYPE_DNSKEY);
	validator_learn(v, &now, &m, &root, DNS_TYPE_DNSKEY);
	validator_judge(v, &now, &m, items, &res);
	ASSERT(res.verdict == VALIDATOR_SECURE && validator_new_keys(v) == 0 && validator_gone_anchors(v) == 0);
	free(wire);
	ldns_pkt_free(pkt);
	return v;
}

static void judge(struct validator *v, const uint8_t *data, size_t size, unsigned int how)
{
	static const uint16_t types[] = {DNS_TYPE_A, DNS_TYPE_DS, DNS_TYPE_CNAME, DNS_TYPE_DNSKEY};
	const struct dns_name a = {.len = 3, .wire = {1, 'a', 0}};
	const struct validator_item items[2] = {{a, types[how & 3], (how & 4) != 0}, {{0}, 0, false}};
	const struct validator_message m = {&answer, data, size};
	struct validator_result res;

	validator_forget(v, 1); /* what may be spent, too */
	for (unsigned int i = 0; i < 4; i++) {
		if (answer_read(data, size, &answer) < 0)
			return;
		validator_judge(v, &now, &m, items, &res);
		ASSERT(res.verdict != VALIDATOR_SECURE && res.verdict != VALIDATOR_INSECURE);
		if (res.verdict != VALIDATOR_ASK)
			return;
		ASSERT(dns_name_within(&a, &res.name));
		validator_learn(v, &now, &m, &res.name, res.type);
	}
}

static void believe(const uint8_t *data, size_t size)
{
	static struct denial d;
	const struct dns_name names[] = {{.len = 3, .wire = {1, 'a', 0}}, {.len = 5, .wire = {1, 'b', 1, 'a', 0}}, {.len = 1}};

	if (answer_read(data, size, &answer) < 0)
		return;
	for (unsigned int i = 0; i < ARRAY_LEN(names); i++) {
		denial_init(&d, &root);
		for (unsigned int j = 0; j < answer.n_records; j++) {
			const struct answer_record *rec = &answer.records[j];

			if (rec->type == DNS_TYPE_NSEC || rec->type == DNS_TYPE_NSEC3)
				denial_add(&d, answer_owner(&answer, rec), rec->type, answer_rdata(&answer, rec), rec->rdata_len);
		}
		ASSERT(d.n_records <= DENIAL_RECORDS_MAX);
		(void)denial_of_type(&d, &names[i], DNS_TYPE_DS, NULL);
		(void)denial_of_name(&d, &names[i]);
		(void)denial_of_nearer(&d, &names[i], 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct validator *v;

	if (!v)
		v = set_up();
	if (size < 1 || size > DNS_MESSAGE_MAX)
		return 0;
	judge(v, data + 1, size - 1, data[0]);
	believe(data + 1, size - 1);
	return 0;
}
