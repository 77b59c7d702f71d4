/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Trust anchors: see the header. An image holds them as DS; of a DNSKEY the SHA-256 digest is made here (RFC 4034 5.1.4,
 * RFC 4509), so that neither a DNS library nor a key is needed further on. What cannot be used (SHA-1, an
 * algorithm that the resolver does not know, a revoked key) is passed over with a warning; a file without any
 * usable anchor is an error, as nothing would be validated.
 */
#include "anchors.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "digest.h"
#include "postern/dns.h"
#include "source.h"

#define FILE_MAX (1u << 20)
#define WORDS_MAX 64   /* a key may be written in pieces */
#define RDATA_MAX 2048
#define KEY_FIXED 4	/* flags, protocol, algorithm */
#define KEY_ZONE 0x0100
#define KEY_REVOKED 0x0080
#define DIGEST_SHA256 2
#define DIGEST_SHA384 4

struct anchor_line {
	struct compile *c;
	struct spot at;
	char *words[WORDS_MAX];
	size_t n;
	size_t data; /* the first word of the rdata */
	struct dns_name zone;
};

static void complain(const struct anchor_line *l)
{
	diag_error(l->c->diag, l->at, "this is no trust anchor: write a DS or a DNSKEY record on one line, such as "
		"\". IN DS 20326 8 2 E06D...\"");
}

/* The algorithms of src/resolver/dnssec/dnssec_ldns.h. */
static bool algorithm_known(unsigned int algorithm)
{
	return algorithm == 8 || algorithm == 10 || (algorithm >= 13 && algorithm <= 16);
}

/* A decimal number of the line's data, or -1. */
static long number(const struct anchor_line *l, size_t i, long max)
{
	char *end;
	long v;

	if (l->data + i >= l->n || l->words[l->data + i][0] < '0' || l->words[l->data + i][0] > '9')
		return -1;
	v = strtol(l->words[l->data + i], &end, 10);
	return *end || v > max ? -1 : v;
}

static int hex_digit(char c)
{
	const char *digits = "0123456789abcdef", *at = c ? strchr(digits, c | 0x20) : NULL;

	return at ? (int)(at - digits) : -1;
}

static int base64_digit(char c)
{
	const char *digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* The rest of the line's words, from the @from-th of the data on, as digits of @bits each. Bytes, or -1. */
static long digits(const struct anchor_line *l, size_t from, unsigned int bits, uint8_t *out)
{
	unsigned int have = 0, acc = 0;
	size_t n = 0;

	for (size_t i = l->data + from; i < l->n; i++)
		for (const char *p = l->words[i]; *p && !(bits == 6 && *p == '='); p++) {
			int v = bits == 4 ? hex_digit(*p) : base64_digit(*p);

			if (v < 0 || n == RDATA_MAX)
				return -1;
			acc = acc << bits | (unsigned int)v;
			have += bits;
			if (have >= 8)
				out[n++] = (uint8_t)(acc >> (have -= 8));
		}
	return have >= bits ? -1 : (long)n;
}

static void take(struct anchor_line *l, const struct image_anchor *a)
{
	if (l->c->n_anchors++ == IMAGE_ANCHORS_MAX)
		diag_error(l->c->diag, l->at, "more than %d trust anchors: remove old ones", IMAGE_ANCHORS_MAX);
	else if (!l->c->diag->n_errors)
		image_build_anchor(l->c->builder, &l->zone, a);
}

static void read_ds(struct anchor_line *l)
{
	long tag = number(l, 0, 65535), algorithm = number(l, 1, 255), type = number(l, 2, 255), len;
	struct image_anchor a = {0};
	uint8_t digest[RDATA_MAX];

	len = digits(l, 3, 4, digest);
	if (tag < 0 || algorithm < 0 || type < 0 || len <= 0) {
		complain(l);
		return;
	}
	if (!algorithm_known((unsigned int)algorithm) || (type != DIGEST_SHA256 && type != DIGEST_SHA384)) {
		diag_warning(l->c->diag, l->at, "algorithm %ld with digest type %ld is not supported: the anchor is passed over",
			algorithm, type);
		return;
	}
	if (len != (type == DIGEST_SHA256 ? 32 : 48)) {
		diag_error(l->c->diag, l->at, "a digest of type %ld is not %ld bytes long: copy the record whole", type, len);
		return;
	}
	a.tag = (uint16_t)tag;
	a.algorithm = (uint8_t)algorithm;
	a.digest_type = (uint8_t)type;
	a.digest_len = (uint8_t)len;
	memcpy(a.digest, digest, (size_t)len);
	take(l, &a);
}

/* RFC 4034 appendix B. */
static uint16_t key_tag(const uint8_t *rdata, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i++)
		sum += i & 1 ? rdata[i] : (uint32_t)rdata[i] << 8;
	return (uint16_t)(sum + (sum >> 16));
}

static void read_key(struct anchor_line *l)
{
	long flags = number(l, 0, 65535), protocol = number(l, 1, 255), algorithm = number(l, 2, 255), len;
	uint8_t wire[DNS_NAME_MAX + KEY_FIXED + RDATA_MAX], *rdata = wire + l->zone.len;
	struct image_anchor a = {.digest_type = DIGEST_SHA256, .digest_len = 32};

	len = digits(l, 3, 6, rdata + KEY_FIXED);
	if (flags < 0 || protocol != 3 || algorithm < 0 || len <= 0) {
		complain(l);
		return;
	}
	if (!algorithm_known((unsigned int)algorithm) || !(flags & KEY_ZONE) || (flags & KEY_REVOKED)) {
		diag_warning(l->c->diag, l->at, "a key with flags %ld and algorithm %ld is no anchor: it is passed over", flags, algorithm);
		return;
	}
	memcpy(wire, l->zone.wire, l->zone.len);
	rdata[0] = (uint8_t)(flags >> 8);
	rdata[1] = (uint8_t)flags;
	rdata[2] = (uint8_t)protocol;
	rdata[3] = (uint8_t)algorithm;
	a.tag = key_tag(rdata, (size_t)len + KEY_FIXED);
	a.algorithm = (uint8_t)algorithm;
	digest_sha256(wire, l->zone.len + KEY_FIXED + (size_t)len, a.digest);
	take(l, &a);
}

/* Owner, TTL and class (either may be missing), type, data. */
static void read_words(struct anchor_line *l)
{
	size_t i = 1;

	while (i < l->n && (strcasecmp(l->words[i], "IN") == 0 || (l->words[i][0] >= '0' && l->words[i][0] <= '9')))
		i++;
	l->data = i + 1;
	if (i >= l->n || (strcmp(l->words[0], ".") != 0 && dns_name_from_text(l->words[0], &l->zone) < 0)) {
		complain(l);
		return;
	}
	if (strcmp(l->words[0], ".") == 0)
		l->zone = (struct dns_name){.len = 1};
	dns_name_lower(&l->zone);
	if (strcasecmp(l->words[i], "DS") == 0)
		read_ds(l);
	else if (strcasecmp(l->words[i], "DNSKEY") == 0)
		read_key(l);
	else
		complain(l);
}

static void read_line(struct anchor_line *l, char *line)
{
	char *save = NULL;

	line[strcspn(line, ";\r")] = '\0';
	l->n = 0;
	for (char *w = strtok_r(line, " \t", &save); w; w = strtok_r(NULL, " \t", &save)) {
		if (l->n == WORDS_MAX) {
			complain(l);
			return;
		}
		l->words[l->n++] = w;
	}
	if (l->n)
		read_words(l);
}

void anchors_file(struct compile *c, struct spot from, const char *path)
{
	struct anchor_line l = {.c = c, .at = {path, 0}};
	uint32_t errors = c->diag->n_errors;
	struct source s;
	char *copy, *line, *next;

	if (!source_read(c->diag, &(struct source_request){path, from, FILE_MAX, c->owner}, &s))
		return;
	image_build_file(c->builder, path, s.sha256, IMAGE_NONE);
	copy = strndup(s.text, s.len);
	source_free(&s);
	for (line = copy; line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		l.at.line++;
		read_line(&l, line);
	}
	if (!copy || (c->n_anchors == 0 && c->diag->n_errors == errors))
		diag_error(c->diag, from, "%s holds no trust anchor that can be used: install dns-root-data, or name another file",
			path);
	free(copy);
}

void config_anchors(struct compile *c, const struct node *root, uint8_t *ret_dnssec)
{
	const struct node *mode = node_member(root, "dnssec", NODE_STRING), *file = node_member(root, "trust_anchors", NODE_STRING);
	bool validate = mode && strcmp(node_string(mode), "validate") == 0;

	if (mode && !validate && strcmp(node_string(mode), "off") != 0)
		diag_error(c->diag, node_spot(mode), "dnssec = \"%s\" is unknown: write \"validate\" or \"off\"", node_string(mode));
	if (file && !node_string(file)[0]) {
		diag_error(c->diag, node_spot(file), "trust_anchors is empty: write a path, or remove it");
		return;
	}
	if (validate)
		anchors_file(c, node_spot(file ? file : mode),
			file ? compile_path(c, node_spot(file).file, node_string(file)) : ANCHORS_FILE);
	*ret_dnssec = validate;
}
