/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Domain names: see the header. dns_name_read() follows a compression pointer
 * only to a lower offset than every one before, so a chain of pointers ends after
 * at most as many steps as the message has bytes, and no counter is needed.
 */
#include "postern/name.h"

#include <errno.h>
#include <string.h>

static uint8_t fold(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

/* Appends a label (or, with len 0, the root); false where the name gets too long. */
static bool append(struct dns_name *n, const uint8_t *label, uint8_t len)
{
	/* every label but the root must leave room for the root */
	if (n->len + 1u + len + (len ? 1u : 0u) > DNS_NAME_MAX)
		return false;
	n->wire[n->len++] = len;
	if (len)
		memcpy(n->wire + n->len, label, len);
	n->len = (uint8_t)(n->len + len);
	return true;
}

/*
 * The usual name, without a pointer: found in one walk over its length bytes, copied at once. Returns its length,
 * or 0 where there is something else, or more, than such a name.
 */
static size_t plain_length(const uint8_t *data, size_t left)
{
	size_t n = 0;
	uint8_t len;

	if (left > DNS_NAME_MAX)
		left = DNS_NAME_MAX;
	do {
		if (n >= left)
			return 0;
		len = data[n];
		if (len > DNS_LABEL_MAX)
			return 0;
		n += 1u + len;
	} while (len);
	return n;
}

/* By label, with pointers; and the error where there is one. */
static int read_labels(struct bytes_reader *r, bool compressed, struct dns_name *ret_name)
{
	struct dns_name n = {0};
	size_t lowest = r->pos, end = 0;
	uint8_t len;

	do {
		len = bytes_read_u8(r);
		if ((len & 0xc0) == 0xc0) {
			size_t target = (size_t)(len & 0x3f) << 8 | bytes_read_u8(r);

			if (!compressed || r->failed || target >= lowest)
				return -EBADMSG;
			end = end ? end : r->pos;
			lowest = target;
			bytes_seek(r, target);
			len = 1; /* not the root: go on */
			continue;
		}
		const uint8_t *label = bytes_read_view(r, len);

		if (len > DNS_LABEL_MAX || r->failed || !append(&n, label, len))
			return -EBADMSG;
	} while (len);
	if (end)
		bytes_seek(r, end);
	*ret_name = n;
	return 0;
}

int dns_name_read(struct bytes_reader *r, bool compressed, struct dns_name *ret_name)
{
	size_t left = bytes_left(r);
	size_t len = left ? plain_length(r->data + r->pos, left) : 0;

	if (!len)
		return read_labels(r, compressed, ret_name);
	memcpy(ret_name->wire, r->data + r->pos, len);
	ret_name->len = (uint8_t)len;
	bytes_skip(r, len);
	return 0;
}

int dns_name_from_wire(const uint8_t *wire, size_t len, struct dns_name *ret_name)
{
	struct bytes_reader r;
	struct dns_name n;

	if (len > DNS_NAME_MAX)
		return -EBADMSG;
	bytes_reader_init(&r, wire, len);
	if (dns_name_read(&r, false, &n) < 0 || bytes_left(&r))
		return -EBADMSG;
	dns_name_copy(ret_name, &n);
	return 0;
}

void dns_name_copy(struct dns_name *dst, const struct dns_name *src)
{
	uint8_t len = src->len;

	memmove(dst->wire, src->wire, len);
	memset(dst->wire + len, 0, sizeof(dst->wire) - len);
	dst->len = len;
}

/* One character of presentation form at *text; -1 at a bad escape. */
static int read_char(const char **text, bool *ret_dot)
{
	const char *p = *text;
	int v;

	*ret_dot = *p == '.';
	if (*p != '\\') {
		*text = p + 1;
		return (unsigned char)*p;
	}
	if (p[1] < '0' || p[1] > '9') {
		*text = p[1] ? p + 2 : p + 1;
		return p[1] ? (unsigned char)p[1] : -1;
	}
	if (p[2] < '0' || p[2] > '9' || p[3] < '0' || p[3] > '9')
		return -1;
	v = (p[1] - '0') * 100 + (p[2] - '0') * 10 + (p[3] - '0');
	*text = p + 4;
	return v > 255 ? -1 : v;
}

int dns_name_from_text(const char *text, struct dns_name *ret_name)
{
	struct dns_name n = {0};
	uint8_t label[DNS_LABEL_MAX];
	uint8_t len = 0;
	bool dot;

	if (!*text)
		return -EINVAL;
	if (strcmp(text, ".") == 0)
		text++;
	while (*text) {
		int c = read_char(&text, &dot);

		if (c < 0 || (!dot && len == DNS_LABEL_MAX) || (dot && len == 0))
			return -EINVAL;
		if (!dot)
			label[len++] = (uint8_t)c;
		if (dot || !*text) {
			if (!append(&n, label, len))
				return -EINVAL;
			len = 0;
		}
	}
	if (!append(&n, NULL, 0))
		return -EINVAL;
	*ret_name = n;
	return 0;
}

static char *put_char(char *out, uint8_t c)
{
	if (c == '.' || c == '\\' || c == '"' || c <= ' ' || c >= 0x7f) {
		*out++ = '\\';
		*out++ = (char)('0' + c / 100);
		*out++ = (char)('0' + c / 10 % 10);
		*out++ = (char)('0' + c % 10);
	} else {
		*out++ = (char)c;
	}
	return out;
}

const char *dns_name_to_text(const struct dns_name *n, char text[static DNS_NAME_TEXT_MAX])
{
	char *out = text;
	size_t pos = 0;

	if (n->len <= 1)
		*out++ = '.';
	while (pos < n->len && n->wire[pos]) {
		uint8_t len = n->wire[pos++];

		if (out != text)
			*out++ = '.';
		while (len-- && pos < n->len)
			out = put_char(out, n->wire[pos++]);
	}
	*out = '\0';
	return text;
}

/* Length bytes are below 'A', so folding the whole wire form touches only letters. */
void dns_name_lower(struct dns_name *n)
{
	for (size_t i = 0; i < n->len; i++)
		n->wire[i] = fold(n->wire[i]);
}

static bool wire_equal(const uint8_t *a, const uint8_t *b, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (fold(a[i]) != fold(b[i]))
			return false;
	return true;
}

bool dns_name_equal(const struct dns_name *a, const struct dns_name *b)
{
	return a->len == b->len && wire_equal(a->wire, b->wire, a->len);
}

int dns_name_order(const struct dns_name *a, const struct dns_name *b)
{
	if (a->len != b->len)
		return a->len < b->len ? -1 : 1;
	for (size_t i = 0; i < a->len; i++)
		if (fold(a->wire[i]) != fold(b->wire[i]))
			return fold(a->wire[i]) < fold(b->wire[i]) ? -1 : 1;
	return 0;
}

bool dns_name_within(const struct dns_name *n, const struct dns_name *zone)
{
	size_t pos = 0;

	while (n->len - pos > zone->len)
		pos += 1u + n->wire[pos];
	return n->len - pos == zone->len && wire_equal(n->wire + pos, zone->wire, zone->len);
}

size_t dns_name_labels(const struct dns_name *n, uint8_t ret_offsets[static DNS_LABELS_MAX])
{
	size_t count = 0;

	for (size_t pos = 0; pos < n->len && n->wire[pos] && count < DNS_LABELS_MAX; pos += 1u + n->wire[pos])
		ret_offsets[count++] = (uint8_t)pos;
	return count;
}
