/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Names in the data of records, compressed by who sent them: those of RFC 1035, and those that RFC 3597 4 tells receivers to
 * decompress all the same. What is kept of a record must make sense without its message.
 */
#include <stdlib.h>

#include "check.h"

#include "../../src/resolver/answer_ldns.h"
#include "postern/dns.h"

#define TTL "\0\0\1\x2c"

/* Data before, between and behind the names; @names of them. Each name is a pointer to the owner. */
static const struct {
	const char *what;
	uint16_t type;
	const char *before;
	size_t before_len;
	unsigned int names;
	const char *behind;
	size_t behind_len;
} rows[] = {
#define ROW(what, type, before, names, behind) {what, type, before, sizeof(before) - 1, names, behind, sizeof(behind) - 1}
	ROW("NS", 2, "", 1, ""), ROW("MD", 3, "", 1, ""), ROW("MF", 4, "", 1, ""), ROW("CNAME", 5, "", 1, ""),
	ROW("SOA", 6, "", 2, "\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\5"), ROW("MB", 7, "", 1, ""), ROW("MG", 8, "", 1, ""),
	ROW("MR", 9, "", 1, ""), ROW("PTR", 12, "", 1, ""), ROW("MINFO", 14, "", 2, ""), ROW("MX", 15, "\0\12", 1, ""),
	ROW("RP", 17, "", 2, ""), ROW("AFSDB", 18, "\0\1", 1, ""), ROW("RT", 21, "\0\1", 1, ""),
	ROW("SIG", 24, "\0\1\5\2\0\0\1\x2c\0\0\0\2\0\0\0\1\x12\x34", 1, "\1\2\3\4"), ROW("PX", 26, "\0\1", 2, ""),
	ROW("NXT", 30, "", 1, "\x40"), ROW("SRV", 33, "\0\1\0\2\1\xbb", 1, ""),
	ROW("NAPTR", 35, "\0\1\0\2\1S\7SIP+D2U\0", 1, ""), ROW("KX", 36, "\0\1", 1, ""), ROW("DNAME", 39, "", 1, ""),
};

static const uint8_t owner[] = "\1n\5truth\4test";

static size_t put(uint8_t *out, size_t at, const void *data, size_t len)
{
	if (len)
		memcpy(out + at, data, len);
	return at + len;
}

static size_t message(size_t row, uint8_t *out)
{
	uint8_t rdata[128];
	size_t n = put(rdata, 0, rows[row].before, rows[row].before_len), at = 0;

	for (unsigned int i = 0; i < rows[row].names; i++)
		n = put(rdata, n, "\xc0\x0c", 2);
	n = put(rdata, n, rows[row].behind, rows[row].behind_len);
	at = put(out, at, "\0\7\x81\x80\0\1\0\1\0\0\0\0", 12);
	at = put(out, at, owner, sizeof(owner));
	at = put(out, at, (uint8_t[]){0, (uint8_t)rows[row].type, 0, 1}, 4);
	at = put(out, at, "\xc0\x0c", 2);
	at = put(out, at, (uint8_t[]){0, (uint8_t)rows[row].type, 0, 1}, 4);
	at = put(out, at, TTL, 4);
	at = put(out, at, (uint8_t[]){0, (uint8_t)n}, 2);
	return put(out, at, rdata, n);
}

static size_t expected(size_t row, uint8_t *out)
{
	size_t n = put(out, 0, rows[row].before, rows[row].before_len);

	for (unsigned int i = 0; i < rows[row].names; i++)
		n = put(out, n, owner, sizeof(owner));
	return put(out, n, rows[row].behind, rows[row].behind_len);
}

int main(void)
{
	static struct answer a;
	uint8_t wire[512], want[512];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		size_t len = message(i, wire), n = expected(i, want);
		struct dns_name name;
		unsigned int at = 0;
		const struct answer_record *rec;

		check_row(rows[i].what);
		CHECK(answer_read(wire, len, &a) == 0 && dns_name_from_wire(owner, sizeof(owner), &name) == 0);
		rec = answer_next(&a, &name, rows[i].type, &at);
		CHECK(rec && rec->rdata_len == n && memcmp(answer_rdata(&a, rec), want, n) == 0);
	}
	return check_report();
}
