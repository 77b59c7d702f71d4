/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lines of /proc/net/icmp, icmp6, raw and raw6, as Linux 6.18 and 6.1 print them. */
#include "check.h"

#include <arpa/inet.h>

#include "tables.h"

static const struct {
	const char *line;
	uint8_t family;
	const char *local, *remote;
	uint16_t port;
	bool sending;
	uint32_t uid, inode;
} rows[] = {
	{"   77: 020200C0:1F40 097100CB:0000 01 00000300:00000000 00:00000000 00000000  1000        0 12345 2 0000000000000000 0",
		ADDR_V4, "192.0.2.2", "203.0.113.9", 8000, true, 1000, 12345},
	{"    1: 00000000:0001 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4294967290 2 00000000f00dcafe 12",
		ADDR_V4, "0.0.0.0", "0.0.0.0", 1, false, 0, 4294967290u},
	{"  255: 00000000:00FF 00000000:0000 07 00000240:00000000 00:00000000 00000000 65534        0 9 2 0 0", ADDR_V4, "0.0.0.0",
		"0.0.0.0", 255, true, 65534, 9},
	{"   58: 00000000000000000000000000000000:003A B80D0120000000000000000001000000:0000 01 00000900:00000000 00:00000000 00000000"
	 "     0        0 777 2 0000000000000000 0",
		ADDR_V6, "::", "2001:db8::1", 58, true, 0, 777},
};

static const char *const not_rows[] = {
	"", "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops",
	"   77: 020200C0:1F40", "   77: 020200C0:1F40 097100CB:0000 01 00000300:00000000 00:00000000 00000000  1000        0",
	"   77: 020200C0:1F40 097100CB:0000 01 00000300:00000000 00:00000000 00000000  1000        0 socket",
	"77 020200C0:1F40 097100CB:0000 01 00000300:00000000 00:00000000 00000000  1000        0 12345",
};

static void check_one(size_t i)
{
	struct addr local, remote;
	struct table_row row;

	CHECK(addr_parse(rows[i].local, &local) == 0 && addr_parse(rows[i].remote, &remote) == 0);
	CHECK(tables_row(rows[i].line, rows[i].family, &row));
	CHECK(addr_equal(&row.local, &local) && addr_equal(&row.remote, &remote));
	CHECK(row.port == rows[i].port && row.sending == rows[i].sending);
	CHECK(row.uid == rows[i].uid && row.inode == rows[i].inode);
	CHECK(!tables_row(rows[i].line, rows[i].family == ADDR_V4 ? ADDR_V6 : ADDR_V4, &row));
}

int main(void)
{
	struct table_row row;

	if (htonl(1) == 1) /* the words above are those of a little-endian machine */
		return 77;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		check_row(rows[i].line);
		check_one(i);
	}
	for (size_t i = 0; i < ARRAY_LEN(not_rows); i++) {
		check_row(not_rows[i]);
		CHECK(!tables_row(not_rows[i], ADDR_V4, &row) && !tables_row(not_rows[i], ADDR_V6, &row));
	}
	return check_report();
}
