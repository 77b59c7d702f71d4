/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Trust anchor files: a DNSKEY becomes the DS that ldns-key2ds makes of it, and what is no anchor is said with its line. */
#include <string.h>

#include "anchor_state.h"
#include "compile_kit.h"
#include "postern/image.h"

#define CONFIG "policies = \"p.conf\"; upstreams = \"192.0.2.53\"; dnssec = \"validate\";\ntrust_anchors = \"anchors\";\n"
#define KEY "zone.test. IN DNSKEY 257 3 15 nAyJBd/Hx2OaAwwUQj9GXvbOhlIO24w10BajmGHPuOM=\n"
#define DS "zone.test. 3600 IN DS 42391 15 2 27fe642fef55f4f11a9f82666151ae8f3c87601856698679225830df3ab14875\n"

static const struct {
	const char *anchors, *want; /* a part of what is said */
	uint32_t n_errors, n_warnings;
} rows[] = {
	{DS, "", 0, 0},
	{"; a comment\n\n" KEY, "", 0, 0},
	{". DS 1 8 4 00\n", "anchors:1: a digest of type 4 is not 1 bytes long: copy the record whole", 1, 0},
	{". IN A 192.0.2.1\n", "anchors:1: this is no trust anchor: write a DS or a DNSKEY record on one line", 1, 0},
	{".\n", "anchors:1: this is no trust anchor", 1, 0},
	{DS ". IN DS x 8 2 00\n", "anchors:2: this is no trust anchor", 1, 0},
	{". IN DS 70000 8 2 00\n", "anchors:1: this is no trust anchor", 1, 0},
	{". IN DS 1 8 2 0\n", "anchors:1: this is no trust anchor", 1, 0},
	{". IN DS 1 8 2 zz\n", "anchors:1: this is no trust anchor", 1, 0},
	{"a..b. IN DS 1 8 2 00\n", "anchors:1: this is no trust anchor", 1, 0},
	{". IN DNSKEY 257 4 8 AwEAAQ==\n", "anchors:1: this is no trust anchor", 1, 0},
	{". IN DNSKEY 385 3 8 AwEAAQ==\n" DS, "anchors:1: warning: a key with flags 385 and algorithm 8 is no anchor", 0, 1},
	{DS ". IN DS 1 5 1 00\n", "anchors:2: warning: algorithm 5 with digest type 1 is not supported", 0, 1},
	{". IN DS 1 5 1 00\n", "anchors holds no trust anchor that can be used", 1, 1},
	{DS DS DS DS DS DS DS DS DS, "anchors:9: more than 8 trust anchors: remove old ones", 1, 0},
};

static void test_rows(struct kit *k)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		check_row(rows[i].anchors);
		kit_write("anchors", rows[i].anchors);
		(void)kit_compile(k);
		CHECK(k->n_errors == rows[i].n_errors && k->n_warnings == rows[i].n_warnings);
		CHECK(strstr(k->output ? k->output : "", rows[i].want) != NULL);
	}
	check_row("");
}

static void test_key(struct kit *k)
{
	struct image *im = NULL;

	kit_write("anchors", DS KEY);
	CHECK(kit_compile(k) == 0 && image_map(k->image_fd, &im) == 0);
	if (!im)
		return;
	CHECK(image_n_anchors(im) == 2 && image_settings(im)->dnssec == 1);
	const struct image_anchor *ds = image_anchor(im, 0), *key = image_anchor(im, 1);

	CHECK(ds->tag == key->tag && ds->algorithm == key->algorithm && ds->digest_type == key->digest_type);
	CHECK(key->digest_len == 32 && memcmp(ds->digest, key->digest, 32) == 0);
	image_unmap(im);
}

static void test_settings(struct kit *k)
{
	kit_write("postern.conf", "policies = \"p.conf\"; upstreams = \"192.0.2.53\";\ndnssec = \"on\";\n");
	(void)kit_compile(k);
	CHECK(strstr(k->output, "postern.conf:2: dnssec = \"on\" is unknown: write \"validate\" or \"off\"") != NULL);
}

static const struct {
	const char *more, *want; /* a part of what is said */
	uint32_t n_errors, n_warnings, n_negative;
} settings_rows[] = {
	{"", "", 0, 0, 0},
	{"manage_trust_anchors = false;", "", 0, 0, 0},
	{"trust_anchor_directory = \"state\";", "postern.conf:3: trust_anchor_directory \"state\" is no absolute path", 1, 0, 0},
	{"negative_trust_anchors = ( { zone = \"a.test\"; until = \"2999-12-01T00:00:00Z\"; } );", "is more than a week from now", 0, 1, 1},
	{"negative_trust_anchors = ( { zone = \"a.test\"; until = \"2001-12-01T00:00:00Z\"; } );",
		"postern.conf:3: warning: the negative trust anchor for a.test ended at 2001-12-01T00:00:00Z", 0, 1, 0},
	{"negative_trust_anchors = ( { zone = \".\"; until = \"2999-12-01T00:00:00Z\"; } );", "would be every name", 1, 0, 0},
	{"negative_trust_anchors = ( { zone = \"a.test\"; } );", "until", 1, 0, 0},
	{"negative_trust_anchors = ( { zone = \"a.test\"; until = \"2999-02-29T00:00:00Z\"; } );", "is no time", 1, 0, 0},
	{"negative_trust_anchors = ( { zone = \"a.test\"; until = \"2999-12-01T00:00:60Z\"; } );", "is no time", 1, 0, 0},
	{"negative_trust_anchors = ( { zone = \"a.test\"; until = \"2999-12-01 00:00:00Z\"; } );", "is no time", 1, 0, 0},
	{"negative_trust_anchors = ( { zone = \"a.test\"; until = \"2999-12-01T00:00: 1Z\"; } );", "is no time", 1, 0, 0},
	{"negative_trust_anchors = ( \"a.test\" );", "a negative trust anchor is written as", 1, 0, 0},
};

static void test_more_settings(struct kit *k)
{
	char text[1024];
	struct image *im;

	kit_write("anchors", DS);
	for (size_t i = 0; i < ARRAY_LEN(settings_rows); i++) {
		check_row(settings_rows[i].more);
		snprintf(text, sizeof(text), "%s%s", CONFIG, settings_rows[i].more);
		kit_write("postern.conf", text);
		(void)kit_compile(k);
		CHECK(k->n_errors == settings_rows[i].n_errors && k->n_warnings == settings_rows[i].n_warnings);
		CHECK(strstr(k->output ? k->output : "", settings_rows[i].want) != NULL);
		if (k->n_errors || image_map(k->image_fd, &im) < 0)
			continue;
		CHECK(image_n_negative(im) == settings_rows[i].n_negative && image_anchor_state(im) == NULL);
		for (uint32_t n = 0; n < image_n_negative(im); n++)
			CHECK(image_negative(im, n)->until_s == 32501001600); /* date -u -d 2999-12-01 +%s */
		image_unmap(im);
	}
	check_row("");
}

/* What was kept is in the image; what cannot be believed is a warning, and the configured anchors remain. */
static void test_state(struct kit *k)
{
	struct anchors a = {.n_zones = 1, .n_keys = 1, .zones[0].name.len = 1};
	char text[1024];
	struct image *im;

	a.keys[0].ds = (struct anchor_ds){1, 8, 2, 32, {1}};
	snprintf(text, sizeof(text), CONFIG "trust_anchor_directory = \"%s/state\";", k->folder);
	kit_write("postern.conf", text);
	CHECK(mkdir("state", 0755) == 0 && anchor_file_store("state", &a) == 0 && kit_compile(k) == 0 && image_map(k->image_fd, &im) == 0);
	CHECK(k->n_warnings == 0 && image_anchor_state(im) && memcmp(image_anchor_state(im), &a, sizeof(a)) == 0);
	CHECK(image_settings(im)->anchor_file == IMAGE_ANCHORS_GOOD && image_settings(im)->anchors_managed == 1);
	image_unmap(im);
	kit_write("state/anchors", "postern-anchors 1\n");
	CHECK(kit_compile(k) == 0 && image_map(k->image_fd, &im) == 0 && k->n_warnings == 1 && strstr(k->output, "cannot be believed"));
	CHECK(!image_anchor_state(im) && image_settings(im)->anchor_file == IMAGE_ANCHORS_BAD && image_n_anchors(im) == 1);
	image_unmap(im);
	CHECK(unlink("state/anchors") == 0 && rmdir("state") == 0);
}

int main(void)
{
	struct kit k;

	kit_init(&k);
	kit_write("p.conf", "name = \"p\";\ndns = ( { name = \"a\"; priority = 1; action = \"ALLOW\"; domains = [ \"*\" ]; ports = []; } );\n");
	kit_write("postern.conf", CONFIG);
	test_rows(&k);
	test_key(&k);
	test_settings(&k);
	test_more_settings(&k);
	test_state(&k);
	kit_fini(&k);
	return check_report();
}
