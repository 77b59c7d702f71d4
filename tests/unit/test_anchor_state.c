/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The file of managed trust anchors: what is written is read, and everything that is not just that is refused. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "anchor_state.h"
#include "compile_kit.h"
#include "digest.h"

#define DIGEST "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define OTHER "10112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define HEAD "postern-anchors 1\n"
#define ZONE "zone . 1700000000\n"
#define KEY "key 20326 8 2 " DIGEST " valid configured 1700000000 0\n"

/* With the last line of the lines before it. */
static size_t with_sum(const char *lines, char *out)
{
	uint8_t sum[32];
	size_t n = strlen(lines);

	memcpy(out, lines, n);
	digest_sha256(lines, n, sum);
	n += (size_t)sprintf(out + n, "sha256 ");
	for (size_t i = 0; i < sizeof(sum); i++)
		n += (size_t)sprintf(out + n, "%02x", sum[i]);
	out[n++] = '\n';
	return n;
}

static const struct {
	const char *what, *lines;
	bool good;
} rows[] = {
	{"one key", HEAD ZONE KEY, true},
	{"no zone", HEAD, true},
	{"all states", HEAD ZONE KEY "key 2 13 2 " OTHER " pending learnt 1 2592001\nzone zone.test 0\nkey 1 15 2 " DIGEST
		" revoked learnt 5 6\nkey 1 15 2 " OTHER " removed configured 5 0\n", true},
	{"another version", "postern-anchors 2\n" ZONE, false},
	{"a key without a zone", HEAD KEY, false},
	{"a key twice", HEAD ZONE KEY KEY, false},
	{"a zone twice", HEAD ZONE ZONE, false},
	{"an unknown state", HEAD ZONE "key 1 8 2 " DIGEST " good learnt 1 1\n", false},
	{"an unknown origin", HEAD ZONE "key 1 8 2 " DIGEST " valid found 1 1\n", false},
	{"an unknown line", HEAD ZONE "note 1\n", false},
	{"an empty line", HEAD ZONE "\n", false},
	{"too few words", HEAD ZONE "key 1 8 2 " DIGEST " valid learnt 1\n", false},
	{"too many words", HEAD ZONE "key 1 8 2 " DIGEST " valid learnt 1 1 1\n", false},
	{"ten words", HEAD "zone . 1 2 3 4 5 6 7 8\n", false},
	{"a tag out of range", HEAD ZONE "key 65536 8 2 " DIGEST " valid learnt 1 1\n", false},
	{"a sign", HEAD ZONE "key -1 8 2 " DIGEST " valid learnt 1 1\n", false},
	{"no number", HEAD "zone . x\n", false},
	{"a number that overflows", HEAD "zone . 99999999999999999999\n", false},
	{"no digest", HEAD ZONE "key 1 8 2 xx valid learnt 1 1\n", false},
	{"half a digit", HEAD ZONE "key 1 8 2 abc valid learnt 1 1\n", false},
	{"capital digits", HEAD ZONE "key 1 8 2 AB valid learnt 1 1\n", false},
	{"a digest too short for its type", HEAD ZONE "key 1 8 4 " DIGEST " valid learnt 1 1\n", false},
	{"a digest too long", HEAD ZONE "key 1 8 2 " DIGEST DIGEST " valid learnt 1 1\n", false},
	{"a digest type that is not known", HEAD ZONE "key 1 8 1 " DIGEST " valid learnt 1 1\n", false},
	{"no name", HEAD "zone a..b 1\n", false},
};

static void test_rows(void)
{
	static struct anchors a;
	char text[4096];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		size_t len = with_sum(rows[i].lines, text);

		check_row(rows[i].what);
		CHECK((anchor_state_read(text, len, &a) == NULL) == rows[i].good);
	}
	check_row("");
}

/* Not one bit of a good file can be another, nor its end be missing. */
static void test_damage(void)
{
	static struct anchors a;
	char text[4096];
	size_t len = with_sum(HEAD ZONE KEY, text);

	CHECK(anchor_state_read(text, len, &a) == NULL);
	for (size_t i = 0; i < len; i++) {
		text[i] ^= 1;
		CHECK(anchor_state_read(text, len, &a) != NULL);
		text[i] ^= 1;
		CHECK(anchor_state_read(text, i, &a) != NULL);
	}
	text[len] = '\n';
	CHECK(anchor_state_read(text, len + 1, &a) != NULL);
}

/* As large as it gets: every byte of a name escaped. */
static struct anchors largest(void)
{
	struct anchors a = {.n_zones = ANCHOR_ZONES_MAX, .n_keys = ANCHOR_KEYS_MAX};

	for (uint32_t z = 0; z < ANCHOR_ZONES_MAX; z++) {
		struct dns_name *n = &a.zones[z].name;

		for (unsigned int i = 0; i < 3; i++) {
			n->wire[n->len++] = 63;
			memset(n->wire + n->len, (int)(1 + z), 63);
			n->len = (uint8_t)(n->len + 63);
		}
		n->wire[n->len++] = 0;
		a.zones[z].seen_s = INT64_MAX;
	}
	for (uint32_t i = 0; i < ANCHOR_KEYS_MAX; i++) {
		struct anchor_key *k = &a.keys[i];

		*k = (struct anchor_key){.since_s = INT64_MAX, .until_s = INT64_MAX, .zone = (uint8_t)(i % ANCHOR_ZONES_MAX), .state = ANCHOR_PENDING};
		k->ds = (struct anchor_ds){65535, 255, 4, 48, {0}};
		memset(k->ds.digest, (int)i, 48);
	}
	return a;
}

static void test_round(void)
{
	static char text[ANCHOR_TEXT_MAX], again[ANCHOR_TEXT_MAX];
	struct anchors a = largest(), b;
	size_t len = anchor_state_write(&a, text);

	CHECK(anchors_valid(&a) && anchor_state_read(text, len, &b) == NULL && b.n_keys == a.n_keys && b.n_zones == a.n_zones);
	CHECK(anchor_state_write(&b, again) == len && memcmp(text, again, len) == 0);
	CHECK(memcmp(a.zones, b.zones, sizeof(a.zones)) == 0);
}

static void test_file(void)
{
	struct anchors a = largest(), b;
	const char *why = NULL;
	struct stat st;

	CHECK(anchor_file_load("nowhere", &b, &why) == ANCHOR_FILE_NONE && anchor_file_store("nowhere", &a) == -ENOENT);
	CHECK(mkdir("state", 0755) == 0 && anchor_file_load("state", &b, &why) == ANCHOR_FILE_NONE);
	CHECK(anchor_file_store("state", &a) == 0 && anchor_file_load("state", &b, &why) == ANCHOR_FILE_GOOD);
	CHECK(memcmp(a.zones, b.zones, sizeof(a.zones)) == 0 && stat("state/anchors", &st) == 0 && (st.st_mode & 0777) == 0644);
	kit_write("state/anchors.new", "of a crash");
	a.n_keys = 1;
	CHECK(anchor_file_store("state", &a) == 0 && access("state/anchors.new", F_OK) < 0 && access("state/anchors.bad", F_OK) < 0);
	CHECK(anchor_file_load("state", &b, &why) == ANCHOR_FILE_GOOD && b.n_keys == 1);
	/* who else may write it is not believed; a bad one is set aside */
	CHECK(chmod("state/anchors", 0664) == 0 && anchor_file_load("state", &b, &why) == ANCHOR_FILE_BAD && strstr(why, "its group"));
	CHECK(chmod("state/anchors", 0644) == 0 && chmod("state", 0777) == 0 && anchor_file_load("state", &b, &why) == ANCHOR_FILE_BAD);
	CHECK(chmod("state", 0755) == 0 && anchor_file_load("state", &b, &why) == ANCHOR_FILE_GOOD);
	kit_write("state/anchors", HEAD ZONE);
	CHECK(anchor_file_load("state", &b, &why) == ANCHOR_FILE_BAD && strstr(why, "changed by hand"));
	CHECK(anchor_file_store("state", &a) == 0 && access("state/anchors.bad", F_OK) == 0);
	CHECK(anchor_file_load("state", &b, &why) == ANCHOR_FILE_GOOD);
	CHECK(unlink("state/anchors") == 0 && symlink("anchors.bad", "state/anchors") == 0);
	CHECK(anchor_file_load("state", &b, &why) == ANCHOR_FILE_BAD && strstr(why, "cannot be opened"));
	CHECK(unlink("state/anchors") == 0 && mkfifo("state/anchors", 0644) == 0);
	CHECK(anchor_file_load("state", &b, &why) == ANCHOR_FILE_BAD && strstr(why, "no regular file"));
}

int main(void)
{
	struct kit k;

	kit_init(&k);
	test_rows();
	test_damage();
	test_round();
	test_file();
	CHECK(system("rm -r state") == 0);
	kit_fini(&k);
	return check_report();
}
