/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hostile bytes made safe for logs and terminals, and a bounded JSON writer.
 * folder: src/base
 */
#ifndef POSTERN_ESCAPE_H
#define POSTERN_ESCAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Copies @len bytes to @dst as printable ASCII: other bytes, '"' and '\' become
 * \DDD (three decimal digits, as in RFC 1035 5.1). Cut at a whole character,
 * always NUL-terminated. Returns the length written without the NUL.
 */
size_t escape_bytes(char *dst, size_t cap, const void *src, size_t len);

/*
 * JSON writer (RFC 8259): nothing is written past the buffer, and what did not fit
 * sets a sticky error, so that a half line never leaves. Strings are taken as
 * UTF-8 where they are valid; other bytes become \u00XX.
 */
struct json_out {
	char *data;
	size_t cap;
	size_t len;
	bool failed;
	bool comma; /* a separator is due before the next member */
};

void json_out_init(struct json_out *j, char *data, size_t cap);
void json_out_open(struct json_out *j, const char *key, char bracket);	/* '{' or '['; key may be NULL */
void json_out_close(struct json_out *j, char bracket);			/* '}' or ']' */
void json_out_str(struct json_out *j, const char *key, const char *value); /* NULL value: member omitted */
void json_out_u64(struct json_out *j, const char *key, uint64_t value);
void json_out_i64(struct json_out *j, const char *key, int64_t value);
void json_out_bool(struct json_out *j, const char *key, bool value);

#endif
