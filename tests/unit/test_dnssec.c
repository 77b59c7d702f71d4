/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What NSEC and NSEC3 records prove, and what they do not. Signatures and the whole way: tests/truth/test_dnssec.py. */
#include <stdlib.h>
#include <string.h>

#include "check.h"

#include "../../src/resolver/dnssec/dnssec_denial.h"
#include "../../src/resolver/dnssec/dnssec_ldns.h"
#include "postern/dns.h"

static struct dns_name name_of(const char *text)
{
	struct dns_name n = {.len = 1};

	if (strcmp(text, ".") != 0 && dns_name_from_text(text, &n) < 0)
		abort();
	return n;
}

/* The order of RFC 4034 6.1, with names of its own. */
static void test_order(void)
{
	static const char *const sorted[] = {"zone", "a.zone", "m.a.zone", "Q.a.zone", "z.A.zone", "b.zone", "\\001.b.zone",
		"*.b.zone", "\\200.b.zone", "zonf"};

	for (size_t i = 0; i < ARRAY_LEN(sorted); i++)
		for (size_t j = 0; j < ARRAY_LEN(sorted); j++) {
			struct dns_name a = name_of(sorted[i]), b = name_of(sorted[j]);
			int c = dnssec_name_compare(&a, &b);

			check_row(sorted[i]);
			CHECK((c > 0) - (c < 0) == (i > j) - (i < j));
		}
	check_row("");
	struct dns_name n = name_of("a.b.zone"), none = dnssec_suffix(&n, 0), one = dnssec_suffix(&n, 1), all = dnssec_suffix(&n, 9);

	CHECK(none.len == 1 && one.len == 6 && dns_name_equal(&all, &n) && dnssec_labels(&n) == 3);
}

/* Type bitmaps: RFC 4034 4.1.2. */
#define NS_DS "\0\6\x20\0\0\0\0\x10"
#define NS "\0\1\x20"
#define APEX "\0\1\x22" /* NS SOA */
#define A "\0\1\x40"
#define CNAME "\0\1\x04"
#define DNAME "\0\5\0\0\0\0\1"

struct nsec {
	const char *owner, *next, *types;
	uint8_t types_len;
};
#define NSEC(owner, next, types) {owner, next, types, sizeof(types) - 1}

/* The zone "zone": apex, *.wild, a.b (so that b is empty), cut (a delegation), alias, below (a DNAME). */
static const struct nsec zone[] = {
	NSEC("zone", "a.b.zone", APEX), NSEC("a.b.zone", "below.zone", A), NSEC("below.zone", "cut.zone", DNAME),
	NSEC("cut.zone", "secure.zone", NS), NSEC("secure.zone", "*.wild.zone", NS_DS), NSEC("*.wild.zone", "zone", A),
};

enum question { OF_TYPE, OF_NAME, OF_NEARER };

static const struct {
	const char *what, *name;
	enum question question;
	unsigned int argument; /* type, or labels */
	uint32_t records; /* a bit for each of the zone's */
	enum denial_proof proof;
	bool delegation;
} rows[] = {
	{"a type that is not there", "a.b.zone", OF_TYPE, DNS_TYPE_AAAA, 0x02, DENIAL_NODATA, false},
	{"one that is", "a.b.zone", OF_TYPE, DNS_TYPE_A, 0x02, DENIAL_NOTHING, false},
	{"an empty name exists", "b.zone", OF_TYPE, DNS_TYPE_A, 0x01, DENIAL_NODATA, false},
	{"and is not denied", "b.zone", OF_NAME, 0, 0x3f, DENIAL_NOTHING, false},
	{"a cut has no DS", "cut.zone", OF_TYPE, DNS_TYPE_DS, 0x08, DENIAL_NODATA, true},
	{"a cut says nothing of other types", "cut.zone", OF_TYPE, DNS_TYPE_A, 0x08, DENIAL_NOTHING, true},
	{"a secure cut has a DS", "secure.zone", OF_TYPE, DNS_TYPE_DS, 0x10, DENIAL_NOTHING, true},
	{"no cut", "a.b.zone", OF_TYPE, DNS_TYPE_DS, 0x02, DENIAL_NODATA, false},
	{"the child's apex says nothing of its DS", "zone", OF_TYPE, DNS_TYPE_DS, 0x01, DENIAL_NOTHING, false},
	{"no name", "c.zone", OF_NAME, 0, 0x05, DENIAL_NXDOMAIN, false},
	{"no name, the wildcard is not denied", "c.zone", OF_NAME, 0, 0x04, DENIAL_NOTHING, false},
	{"no name, only the wildcard is denied", "c.zone", OF_NAME, 0, 0x01, DENIAL_NOTHING, false},
	{"another gap", "c.zone", OF_NAME, 0, 0x12, DENIAL_NOTHING, false},
	{"below a cut nothing is known", "x.cut.zone", OF_NAME, 0, 0x3f, DENIAL_NOTHING, false},
	{"nor below a DNAME", "x.below.zone", OF_NAME, 0, 0x3f, DENIAL_NOTHING, false},
	{"a name below which there is a wildcard", "x.wild.zone", OF_NAME, 0, 0x3f, DENIAL_NOTHING, false},
	{"a type that the wildcard has not", "x.wild.zone", OF_TYPE, DNS_TYPE_AAAA, 0x20, DENIAL_NODATA, false},
	{"one that it has", "x.wild.zone", OF_TYPE, DNS_TYPE_A, 0x20, DENIAL_NOTHING, false},
	{"a wildcard was right", "x.wild.zone", OF_NEARER, 2, 0x20, DENIAL_NXDOMAIN, false},
	{"a wildcard above what exists", "x.wild.zone", OF_NEARER, 1, 0x20, DENIAL_NOTHING, false},
	{"the last gap of the zone", "zz.zone", OF_NAME, 0, 0x21, DENIAL_NXDOMAIN, false},
	{"another zone", "c.other", OF_NAME, 0, 0x3f, DENIAL_NOTHING, false},
	{"nothing at all", "c.zone", OF_NAME, 0, 0, DENIAL_NOTHING, false},
};

static void add_nsec(struct denial *d, const struct nsec *n, uint8_t rdata[static 300])
{
	struct dns_name owner = name_of(n->owner), next = name_of(n->next);

	memcpy(rdata, next.wire, next.len);
	memcpy(rdata + next.len, n->types, n->types_len);
	denial_add(d, &owner, DNS_TYPE_NSEC, rdata, (size_t)next.len + n->types_len);
}

static void test_nsec(void)
{
	static uint8_t rdata[ARRAY_LEN(zone)][300];
	static struct denial d;
	struct dns_name apex = name_of("zone");

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct dns_name n = name_of(rows[i].name);
		enum denial_proof p = DENIAL_NOTHING;
		bool delegation = false;

		check_row(rows[i].what);
		denial_init(&d, &apex);
		for (size_t j = 0; j < ARRAY_LEN(zone); j++)
			if (rows[i].records >> j & 1)
				add_nsec(&d, &zone[j], rdata[j]);
		if (rows[i].question == OF_TYPE)
			p = denial_of_type(&d, &n, (uint16_t)rows[i].argument, &delegation);
		else
			p = rows[i].question == OF_NAME ? denial_of_name(&d, &n) : denial_of_nearer(&d, &n, rows[i].argument);
		CHECK(p == rows[i].proof && delegation == rows[i].delegation);
	}
	check_row("");
}

/* RFC 5155 appendix A: hashes of "example" and "a.example" with salt aabbccdd and 12 iterations. */
static void test_nsec3(void)
{
	static const uint8_t salt[] = {0xaa, 0xbb, 0xcc, 0xdd};
	struct dns_name example = name_of("Example"), a = name_of("a.example");
	char hash[NSEC3_HASH_TEXT];

	CHECK(dnssec_nsec3_hash(&example, 12, salt, 4, hash) == 0 && memcmp(hash, "0p9mhaveqvm6t7vbl5lop2u3t2rp3tom", 32) == 0);
	CHECK(dnssec_nsec3_hash(&a, 12, salt, 4, hash) == 0 && memcmp(hash, "35mthgpgcu1qg68fab165klnsnk3dpvl", 32) == 0);
}

static void test_ds(void)
{
	uint8_t rdata[4 + 48] = {0x12, 0x34, 13, 2};
	struct dnssec_ds ds;

	CHECK(dnssec_ds_read(rdata, 36, &ds) && ds.tag == 0x1234 && ds.algorithm == 13 && ds.digest_len == 32);
	CHECK(!dnssec_ds_read(rdata, 35, &ds) && !dnssec_ds_read(rdata, 37, &ds) && !dnssec_ds_read(rdata, 3, &ds));
	rdata[3] = 4;
	CHECK(dnssec_ds_read(rdata, 52, &ds) && ds.digest_len == 48);
	rdata[3] = 1; /* SHA-1 */
	CHECK(!dnssec_ds_read(rdata, 24, &ds));
	for (unsigned int algorithm = 0; algorithm < 256; algorithm++)
		CHECK(dnssec_algorithm_supported((uint8_t)algorithm) ==
			(algorithm == 8 || algorithm == 10 || (algorithm >= 13 && algorithm <= 16)));
}

int main(void)
{
	test_order();
	test_nsec();
	test_nsec3();
	test_ds();
	return check_report();
}
