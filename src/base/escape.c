/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Escaping and the JSON writer. Both fail closed: escape_bytes() cuts at a whole
 * character, the JSON writer refuses the line.
 */
#include "postern/escape.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

size_t escape_bytes(char *dst, size_t cap, const void *src, size_t len)
{
	const uint8_t *p = src;
	size_t out = 0;

	if (cap == 0)
		return 0;
	for (size_t i = 0; i < len; i++) {
		bool plain = p[i] >= 0x20 && p[i] < 0x7f && p[i] != '"' && p[i] != '\\';
		size_t need = plain ? 1 : 4;

		if (out + need >= cap)
			break;
		if (plain)
			dst[out] = (char)p[i];
		else
			snprintf(dst + out, 5, "\\%03u", p[i]);
		out += need;
	}
	dst[out] = '\0';
	return out;
}

void json_out_init(struct json_out *j, char *data, size_t cap)
{
	*j = (struct json_out){.data = data, .cap = cap};
}

static void put(struct json_out *j, const char *s, size_t n)
{
	if (j->failed || j->cap - j->len < n) {
		j->failed = true;
		return;
	}
	memcpy(j->data + j->len, s, n);
	j->len += n;
}

/* Length of a valid UTF-8 sequence at @p (RFC 3629), or 0. */
static size_t utf8_len(const unsigned char *p)
{
	static const struct {
		unsigned char first_min, first_max, second_min, second_max, len;
	} forms[] = {
		{0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3},
		{0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3}, {0xf0, 0xf0, 0x90, 0xbf, 4},
		{0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
	};

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		if (p[0] < forms[i].first_min || p[0] > forms[i].first_max)
			continue;
		if (p[1] < forms[i].second_min || p[1] > forms[i].second_max)
			return 0;
		for (size_t k = 2; k < forms[i].len; k++)
			if ((p[k] & 0xc0) != 0x80)
				return 0;
		return forms[i].len;
	}
	return 0;
}

/* Bytes from @p on that stand in a string as they are. */
static size_t plain_len(const unsigned char *p)
{
	size_t n = 0;

	while (p[n] >= 0x20 && p[n] < 0x7f && p[n] != '"' && p[n] != '\\')
		n++;
	return n;
}

static void put_string(struct json_out *j, const char *s)
{
	const unsigned char *p = (const unsigned char *)s;
	char esc[8];

	put(j, "\"", 1);
	while (*p) {
		size_t n = plain_len(p);

		put(j, (const char *)p, n);
		p += n;
		if (!*p)
			break;
		n = *p < 0x7f ? 0 : utf8_len(p);
		/* C1 controls steer some terminals: escaped like C0 */
		if (n == 2 && p[0] == 0xc2 && p[1] < 0xa0)
			n = 0;
		if (*p == '"' || *p == '\\') {
			esc[0] = '\\';
			esc[1] = (char)*p;
			put(j, esc, 2);
			n = 1;
		} else if (n == 0) {
			snprintf(esc, sizeof(esc), "\\u%04x", *p);
			put(j, esc, 6);
			n = 1;
		} else {
			put(j, (const char *)p, n);
		}
		p += n;
	}
	put(j, "\"", 1);
}

static void member(struct json_out *j, const char *key)
{
	if (j->comma)
		put(j, ",", 1);
	if (key) {
		put_string(j, key);
		put(j, ":", 1);
	}
	j->comma = true;
}

void json_out_open(struct json_out *j, const char *key, char bracket)
{
	member(j, key);
	put(j, &bracket, 1);
	j->comma = false;
}

void json_out_close(struct json_out *j, char bracket)
{
	put(j, &bracket, 1);
	j->comma = true;
}

void json_out_str(struct json_out *j, const char *key, const char *value)
{
	if (!value)
		return;
	member(j, key);
	put_string(j, value);
}

void json_out_u64(struct json_out *j, const char *key, uint64_t value)
{
	char text[24], *p = text + sizeof(text);

	do
		*--p = (char)('0' + value % 10);
	while (value /= 10);
	member(j, key);
	put(j, p, (size_t)(text + sizeof(text) - p));
}

void json_out_i64(struct json_out *j, const char *key, int64_t value)
{
	char text[24];

	member(j, key);
	put(j, text, (size_t)snprintf(text, sizeof(text), "%" PRId64, value));
}

void json_out_bool(struct json_out *j, const char *key, bool value)
{
	member(j, key);
	put(j, value ? "true" : "false", value ? 4 : 5);
}
