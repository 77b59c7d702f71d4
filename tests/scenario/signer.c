/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See the header. A key's secret is its name, repeated. */
#include "signer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SECRET_BYTES 32
#define REVOKED 0x0080

static ldns_key *make_key(const char *name)
{
	uint8_t secret[SECRET_BYTES];
	char *base64, text[256];
	ldns_key *key = NULL;
	ldns_rdf *rdf;
	FILE *f;

	for (size_t i = 0; i < sizeof(secret); i++)
		secret[i] = (uint8_t)(name[i % strlen(name)] + (int)i);
	rdf = ldns_rdf_new_frm_data(LDNS_RDF_TYPE_B64, sizeof(secret), secret);
	base64 = ldns_rdf2str(rdf);
	snprintf(text, sizeof(text), "Private-key-format: v1.2\nAlgorithm: 15 (ED25519)\nPrivateKey: %s\n", base64);
	ldns_rdf_deep_free(rdf);
	free(base64);
	f = fmemopen(text, strlen(text), "r");
	if (ldns_key_new_frm_fp(&key, f) != LDNS_STATUS_OK)
		key = NULL;
	fclose(f);
	return key;
}

bool signer_add(struct signer *s, char *args)
{
	struct signer_key *k = &s->keys[s->n];
	char flags[8] = "";

	if (s->n == SIGNER_KEYS_MAX || sscanf(args, "%15s %63s %7s", k->name, k->zone, flags) < 2)
		return false;
	k->key = make_key(k->name);
	if (!k->key)
		return false;
	ldns_key_set_pubkey_owner(k->key, ldns_dname_new_frm_str(k->zone));
	ldns_key_set_flags(k->key, LDNS_KEY_ZONE_KEY | (strcmp(flags, "sep") == 0 ? LDNS_KEY_SEP_KEY : 0));
	k->rr = ldns_key2rr(k->key);
	s->n++;
	return k->rr != NULL;
}

void signer_free(struct signer *s)
{
	for (unsigned int i = 0; i < s->n; i++) {
		ldns_rr_free(s->keys[i].rr);
		ldns_key_deep_free(s->keys[i].key);
	}
	s->n = 0;
}

const struct signer_key *signer_find(const struct signer *s, const char *name)
{
	size_t len = strcspn(name, "! ");

	for (unsigned int i = 0; i < s->n; i++)
		if (strlen(s->keys[i].name) == len && strncmp(s->keys[i].name, name, len) == 0)
			return &s->keys[i];
	return NULL;
}

const char *signer_name(const struct signer *s, const struct dns_name *zone, uint16_t tag)
{
	char text[DNS_NAME_TEXT_MAX];

	dns_name_to_text(zone, text);
	for (unsigned int i = 0; i < s->n; i++) {
		size_t len = strlen(s->keys[i].zone);

		len -= len > 1 && s->keys[i].zone[len - 1] == '.';
		if (ldns_calc_keytag(s->keys[i].rr) == tag && strlen(text) == len && strncasecmp(text, s->keys[i].zone, len) == 0)
			return s->keys[i].name;
	}
	return "?";
}

bool signer_ds(const struct signer *s, const char *name, struct anchor_configured *ret)
{
	const struct signer_key *k = signer_find(s, name);
	ldns_rr *ds = k ? ldns_key_rr2ds(k->rr, LDNS_SHA256) : NULL;

	if (!ds)
		return false;
	ret->zone = (struct dns_name){.len = 1};
	if (strcmp(k->zone, ".") != 0 && dns_name_from_text(k->zone, &ret->zone) < 0)
		abort();
	ret->ds = (struct anchor_ds){ldns_calc_keytag(k->rr), LDNS_ED25519, 2, 32, {0}};
	memcpy(ret->ds.digest, ldns_rdf_data(ldns_rr_rdf(ds, 3)), 32);
	ldns_rr_free(ds);
	return true;
}

/* The record's data as text, in @out. */
static void data_text(const ldns_rr *rr, char *out, size_t cap)
{
	size_t n = 0;

	out[0] = '\0';
	for (size_t i = 0; i < ldns_rr_rd_count(rr) && n < cap; i++) {
		char *text = ldns_rdf2str(ldns_rr_rdf(rr, i));

		n += (size_t)snprintf(out + n, cap - n, "%s%s", i ? " " : "", text);
		free(text);
	}
}

static ldns_rr *with_flags(const struct signer_key *k, bool revoked)
{
	ldns_rr *rr = ldns_rr_clone(k->rr);
	uint16_t flags = (uint16_t)(ldns_key_flags(k->key) | (revoked ? REVOKED : 0));

	ldns_rdf_deep_free(ldns_rr_set_rdf(rr, ldns_native2rdf_int16(LDNS_RDF_TYPE_INT16, flags), 0));
	return rr;
}

bool signer_expand(const struct signer *s, const char *text, char *out, size_t cap)
{
	const char *at = strchr(text, '@');
	const struct signer_key *k = at ? signer_find(s, at + 1) : NULL;
	char data[512];
	ldns_rr *rr;

	if (!at) {
		snprintf(out, cap, "%s", text);
		return true;
	}
	if (!k)
		return false;
	rr = with_flags(k, at[1 + strlen(k->name)] == '!');
	if (strstr(text, " DS ")) {
		ldns_rr *ds = ldns_key_rr2ds(rr, LDNS_SHA256);

		data_text(ds, data, sizeof(data));
		ldns_rr_free(ds);
	} else {
		data_text(rr, data, sizeof(data));
	}
	ldns_rr_free(rr);
	snprintf(out, cap, "%.*s%s", (int)(at - text), text, data);
	return true;
}

/* Flips a bit of it. */
static void spoil(ldns_rr *sig)
{
	ldns_rdf_data(ldns_rr_rdf(sig, 8))[5] ^= 1;
}

ldns_rr *signer_sign(const struct signer_order *o, char *args)
{
	char type[16], owner[64], name[20];
	int used = 0;
	long from = -3600, to = 1209600;

	if (sscanf(args, "%15s %63s %19s%n", type, owner, name, &used) != 3)
		return NULL;
	const struct signer_key *k = signer_find(o->signer, name);
	const char *f = strstr(args + used, "from="), *t = strstr(args + used, "to=");
	ldns_rdf *dname = ldns_dname_new_frm_str(owner);
	ldns_rr_list *set = ldns_rr_list_new(), *sigs = NULL;
	ldns_key_list *keys = ldns_key_list_new();

	for (size_t i = 0; i < ldns_rr_list_rr_count(o->section); i++) {
		ldns_rr *rr = ldns_rr_list_rr(o->section, i);

		if (ldns_rr_get_type(rr) == ldns_get_rr_type_by_name(type) && ldns_dname_compare(ldns_rr_owner(rr), dname) == 0)
			ldns_rr_list_push_rr(set, rr);
	}
	if (k && ldns_rr_list_rr_count(set)) {
		ldns_rr *rr = with_flags(k, strchr(name, '!') != NULL);

		ldns_key_set_keytag(k->key, ldns_calc_keytag(rr));
		ldns_rr_free(rr);
		ldns_key_set_inception(k->key, (uint32_t)((long)o->wall_s + (f ? strtol(f + 5, NULL, 10) : from)));
		ldns_key_set_expiration(k->key, (uint32_t)((long)o->wall_s + (t ? strtol(t + 3, NULL, 10) : to)));
		ldns_key_list_push_key(keys, k->key);
		sigs = ldns_sign_public(set, keys);
		ldns_key_list_set_key_count(keys, 0); /* the list would free it */
	}
	ldns_rr *sig = sigs ? ldns_rr_list_pop_rr(sigs) : NULL;

	if (sig && strstr(args + used, "bad"))
		spoil(sig);
	ldns_rr_list_deep_free(sigs);
	ldns_rr_list_free(set);
	ldns_key_list_free(keys);
	ldns_rdf_deep_free(dname);
	return sig;
}
