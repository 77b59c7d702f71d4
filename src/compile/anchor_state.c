/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The text of the state file: see the header. Lines are cut into words in a copy of fixed size; nothing is kept of a bad file. */
#include "anchor_state.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "digest.h"

#define HEAD "postern-anchors 1"
#define WORDS_MAX 9
#define LINE_MAX_BYTES 1400 /* a name with every byte escaped */
#define SUM_LINE_BYTES 72   /* "sha256 ", 64 digits, newline */

struct words {
	char line[LINE_MAX_BYTES];
	char *at[WORDS_MAX];
	size_t n;
};

/* The next line of what is left, in words; false where it is none. */
static bool take_line(const char **text, size_t *left, struct words *w)
{
	const char *end = memchr(*text, '\n', *left);
	size_t len = end ? (size_t)(end - *text) : 0;
	char *save = NULL;

	if (!end || len >= sizeof(w->line) || memchr(*text, '\0', len))
		return false;
	memcpy(w->line, *text, len);
	w->line[len] = '\0';
	*text += len + 1;
	*left -= len + 1;
	w->n = 0;
	for (char *word = strtok_r(w->line, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		if (w->n == WORDS_MAX)
			return false;
		w->at[w->n++] = word;
	}
	return true;
}

/* Decimal, at most @max; false for anything else. */
static bool number(const char *word, uint64_t max, uint64_t *ret_v)
{
	uint64_t v = 0;

	if (!*word || strlen(word) > 19)
		return false;
	for (; *word; word++) {
		if (*word < '0' || *word > '9')
			return false;
		v = v * 10 + (uint64_t)(*word - '0');
	}
	*ret_v = v;
	return v <= max;
}

static int hex(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool digest(const char *word, uint8_t *out, size_t cap, uint8_t *ret_len)
{
	size_t len = strlen(word) / 2;

	if (strlen(word) % 2 || len > cap)
		return false;
	for (size_t i = 0; i < len; i++) {
		int high = hex(word[2 * i]), low = hex(word[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		out[i] = (uint8_t)(high << 4 | low);
	}
	*ret_len = (uint8_t)len;
	return true;
}

static bool read_zone(const struct words *w, struct anchors *a)
{
	struct anchor_zone *z = &a->zones[a->n_zones];

	if (w->n != 3 || a->n_zones == ANCHOR_ZONES_MAX || !number(w->at[2], INT64_MAX, &z->seen_s))
		return false;
	if (strcmp(w->at[1], ".") == 0)
		z->name.len = 1;
	else if (dns_name_from_text(w->at[1], &z->name) < 0)
		return false;
	dns_name_lower(&z->name);
	a->n_zones++;
	return true;
}

static bool read_key(const struct words *w, struct anchors *a)
{
	struct anchor_key *k = &a->keys[a->n_keys];
	uint64_t tag, algorithm, type;

	if (w->n != 9 || a->n_keys == ANCHOR_KEYS_MAX || a->n_zones == 0)
		return false;
	if (!number(w->at[1], UINT16_MAX, &tag) || !number(w->at[2], UINT8_MAX, &algorithm) || !number(w->at[3], UINT8_MAX, &type) ||
		!digest(w->at[4], k->ds.digest, sizeof(k->ds.digest), &k->ds.digest_len) || !number(w->at[7], INT64_MAX, &k->since_s) ||
		!number(w->at[8], INT64_MAX, &k->until_s))
		return false;
	k->ds.tag = (uint16_t)tag;
	k->ds.algorithm = (uint8_t)algorithm;
	k->ds.digest_type = (uint8_t)type;
	k->state = (uint8_t)anchor_state_parse(w->at[5]);
	k->configured = strcmp(w->at[6], "configured") == 0;
	k->zone = (uint8_t)(a->n_zones - 1);
	a->n_keys++;
	return k->configured || strcmp(w->at[6], "learnt") == 0;
}

/* The last line, over what stands before it. */
static bool sum_good(const char *text, size_t len)
{
	char want[SUM_LINE_BYTES + 1];
	uint8_t sum[32];
	size_t n = 7;

	if (len < SUM_LINE_BYTES)
		return false;
	digest_sha256(text, len - SUM_LINE_BYTES, sum);
	memcpy(want, "sha256 ", n);
	for (size_t i = 0; i < sizeof(sum); i++)
		n += (size_t)snprintf(want + n, sizeof(want) - n, "%02x", sum[i]);
	want[n] = '\n';
	return memcmp(text + len - SUM_LINE_BYTES, want, SUM_LINE_BYTES) == 0;
}

const char *anchor_state_read(const char *text, size_t len, struct anchors *ret_anchors)
{
	struct anchors *a = ret_anchors;
	size_t left = len < SUM_LINE_BYTES ? 0 : len - SUM_LINE_BYTES;
	struct words w;

	memset(a, 0, sizeof(*a));
	if (len > ANCHOR_TEXT_MAX || len < sizeof(HEAD) || memcmp(text, HEAD "\n", sizeof(HEAD)) != 0)
		return "it is no such file, or of another version";
	if (!sum_good(text, len))
		return "it was cut short or changed by hand: its digest is another";
	text += sizeof(HEAD);
	for (left -= sizeof(HEAD); left;) {
		bool good = take_line(&text, &left, &w) && w.n > 0;

		if (good && strcmp(w.at[0], "zone") == 0)
			good = read_zone(&w, a);
		else
			good = good && strcmp(w.at[0], "key") == 0 && read_key(&w, a);
		if (!good)
			return "a line of it is malformed";
	}
	return anchors_valid(a) ? NULL : "its keys cannot be true";
}

/* Appends; the buffer holds the largest table. */
static void put(char *text, size_t *n, const char *fmt, ...) POSTERN_PRINTF(3, 4);
static void put(char *text, size_t *n, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	*n += (size_t)vsnprintf(text + *n, ANCHOR_TEXT_MAX - *n, fmt, ap);
	va_end(ap);
	ASSERT(*n < ANCHOR_TEXT_MAX);
}

static void put_key(char *text, size_t *n, const struct anchor_key *k)
{
	put(text, n, "key %u %u %u ", k->ds.tag, k->ds.algorithm, k->ds.digest_type);
	for (unsigned int i = 0; i < k->ds.digest_len; i++)
		put(text, n, "%02x", k->ds.digest[i]);
	put(text, n, " %s %s %" PRIu64 " %" PRIu64 "\n", anchor_state_text((enum anchor_state)k->state),
		k->configured ? "configured" : "learnt", k->since_s, k->until_s);
}

size_t anchor_state_write(const struct anchors *a, char text[static ANCHOR_TEXT_MAX])
{
	char name[DNS_NAME_TEXT_MAX];
	uint8_t sum[32];
	size_t n = 0;

	put(text, &n, HEAD "\n");
	for (uint32_t z = 0; z < a->n_zones; z++) {
		put(text, &n, "zone %s %" PRIu64 "\n", dns_name_to_text(&a->zones[z].name, name), a->zones[z].seen_s);
		for (uint32_t i = 0; i < a->n_keys; i++)
			if (a->keys[i].zone == z)
				put_key(text, &n, &a->keys[i]);
	}
	digest_sha256(text, n, sum);
	put(text, &n, "sha256 ");
	for (size_t i = 0; i < sizeof(sum); i++)
		put(text, &n, "%02x", sum[i]);
	put(text, &n, "\n");
	return n;
}
