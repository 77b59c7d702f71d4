/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Packet headers: one row a packet, written as hex text. Every row is also parsed cut short at each
 * byte, as a queue with a small copy range would hand it over: no cut may change what a good packet
 * says, it may only become malformed.
 */
#include "check.h"

#include <errno.h>

#include "postern/packet.h"

/* 192.0.2.2 -> 198.51.100.9; the gaps are total length, fragment field, protocol. */
#define IP4(len, frag, proto) "4500 " len " 0001 " frag " 40 " proto " 0000 c0000202 c6336409 "
#define IP4_OPT8(len, proto, opt) "4700 " len " 0001 0000 40 " proto " 0000 c0000202 c6336409 " opt
/* 2001:db8::2 -> 2001:db8::9; the gaps are payload length and next header. */
#define IP6(len, next) "60000000 " len " " next " 40 20010db8000000000000000000000002 20010db8000000000000000000000009 "
#define TCP(off, flags) "9c40 01bb 00000001 00000000 " off "0" flags " ffff 0000 0000 "
#define SYN TCP("5", "02")
#define UDP(len) "9c40 0035 " len " 0000 "
#define PING "08 00 0000 0001 0001 "
#define PING6 "80 00 0000 0001 0001 "

enum { BAD = 0, GOOD = 1 };

static const struct {
	const char *name, *hex;
	int good;
	uint8_t protocol, flags;
	uint16_t sport, dport; /* what is expected; of bad rows nothing but the addresses is looked at */
	int family;
} rows[] = {
	{"tcp syn", IP4("0028", "4000", "06") SYN, GOOD, 6, TCP_SYN, 40000, 443, 4},
	{"tcp with options", IP4("002c", "4000", "06") TCP("6", "02") "020405b4", GOOD, 6, TCP_SYN, 40000, 443, 4},
	{"tcp ack", IP4("0028", "4000", "06") TCP("5", "10"), GOOD, 6, TCP_ACK, 40000, 443, 4},
	{"tcp data offset below header", IP4("0028", "4000", "06") TCP("4", "02"), BAD, 0, 0, 0, 0, 4},
	{"tcp data offset past packet", IP4("0028", "4000", "06") TCP("6", "02"), BAD, 0, 0, 0, 0, 4},
	{"tcp null flags", IP4("0028", "4000", "06") TCP("5", "00"), BAD, 0, 0, 0, 0, 4},
	{"tcp syn fin", IP4("0028", "4000", "06") TCP("5", "03"), BAD, 0, 0, 0, 0, 4},
	{"tcp syn rst", IP4("0028", "4000", "06") TCP("5", "06"), BAD, 0, 0, 0, 0, 4},
	{"tcp xmas", IP4("0028", "4000", "06") TCP("5", "29"), BAD, 0, 0, 0, 0, 4},
	{"tcp fin alone", IP4("0028", "4000", "06") TCP("5", "01"), BAD, 0, 0, 0, 0, 4},
	{"tcp cut in the ports", IP4("0017", "4000", "06") "9c4001", BAD, 0, 0, 0, 0, 4},
	{"tcp header cut by total length", IP4("0024", "4000", "06") SYN, BAD, 0, 0, 0, 0, 4},
	{"udp", IP4("001e", "0000", "11") UDP("000a") "ffff", GOOD, 17, 0, 40000, 53, 4},
	{"udp with bytes behind", IP4("0020", "0000", "11") UDP("000a") "ffff ffff", GOOD, 17, 0, 40000, 53, 4},
	{"udp length past packet", IP4("001c", "0000", "11") UDP("0009"), BAD, 0, 0, 0, 0, 4},
	{"udp length below header", IP4("001c", "0000", "11") UDP("0007"), BAD, 0, 0, 0, 0, 4},
	{"udp first fragment", IP4("001c", "2000", "11") UDP("0400"), GOOD, 17, 0, 40000, 53, 4},
	{"udp later fragment", IP4("001c", "0001", "11") UDP("0008"), BAD, 0, 0, 0, 0, 4},
	{"fragment offset with more to come", IP4("001c", "20b9", "11") UDP("0008"), BAD, 0, 0, 0, 0, 4},
	{"icmp echo", IP4("001c", "0000", "01") PING, GOOD, 1, 0, 0, 8, 4},
	{"icmp too short", IP4("001a", "0000", "01") "08 00 0000 0001", BAD, 0, 0, 0, 0, 4},
	{"icmpv6 in ipv4", IP4("001c", "0000", "3a") PING6, BAD, 0, 0, 0, 0, 4},
	{"sctp", IP4("0020", "0000", "84") "9c40 1388 00000000 00000000", GOOD, 132, 0, 40000, 5000, 4},
	{"gre by number", IP4("0018", "0000", "2f") "00000800", GOOD, 47, 0, 0, 0, 4},
	{"no upper bytes", IP4("0014", "0000", "fd"), GOOD, 253, 0, 0, 0, 4},
	{"bytes behind the packet", IP4("0028", "4000", "06") SYN "00000000", GOOD, 6, TCP_SYN, 40000, 443, 4},
	{"total length past packet", IP4("0029", "4000", "06") SYN, BAD, 0, 0, 0, 0, 4},
	{"total length below header", IP4("0013", "4000", "06") SYN, BAD, 0, 0, 0, 0, 4},
	{"header length below 20", "4400 0028 0001 0000 40 06 0000 c0000202 c6336409" SYN, BAD, 0, 0, 0, 0, 4},
	{"options padded", IP4_OPT8("0030", "06", "01010101 00000000 ") SYN, GOOD, 6, TCP_SYN, 40000, 443, 4},
	{"router alert", IP4_OPT8("0030", "06", "94040000 00000000 ") SYN, GOOD, 6, TCP_SYN, 40000, 443, 4},
	{"loose source route", IP4_OPT8("0030", "06", "83070408080808 00") SYN, BAD, 0, 0, 0, 0, 4},
	{"strict source route", IP4_OPT8("0030", "06", "89070408080808 00") SYN, BAD, 0, 0, 0, 0, 4},
	{"source route behind nops", IP4_OPT8("0030", "06", "01 83070408080808") SYN, BAD, 0, 0, 0, 0, 4},
	{"option length zero", IP4_OPT8("0030", "06", "94000000 00000000 ") SYN, BAD, 0, 0, 0, 0, 4},
	{"option past header", IP4_OPT8("0030", "06", "01010101 01019408 ") SYN, BAD, 0, 0, 0, 0, 4},
	{"option without length", IP4_OPT8("001c", "fd", "01010101 01010194"), BAD, 0, 0, 0, 0, 4},
	{"tcp6", IP6("0014", "06") SYN, GOOD, 6, TCP_SYN, 40000, 443, 6},
	{"udp6", IP6("0008", "11") UDP("0008"), GOOD, 17, 0, 40000, 53, 6},
	{"ping6", IP6("0008", "3a") PING6, GOOD, 58, 0, 0, 128, 6},
	{"icmp in ipv6", IP6("0008", "01") PING, BAD, 0, 0, 0, 0, 6},
	{"hop by hop", IP6("001c", "00") "06 00 0502 0000 0100 " SYN, GOOD, 6, TCP_SYN, 40000, 443, 6},
	{"destination options", IP6("001c", "3c") "06 00 0104 00000000 " SYN, GOOD, 6, TCP_SYN, 40000, 443, 6},
	{"three extensions", IP6("002c", "00") "3c 00 0104 00000000 33 00 0104 00000000 06 0200000000000000" SYN,
		BAD, 0, 0, 0, 0, 6}, /* the authentication header claims 16 bytes, 8 are there */
	{"authentication header", IP6("0024", "33") "06 02 0000 00000001 00000001 00000000 " SYN, GOOD, 6, TCP_SYN,
		40000, 443, 6},
	{"routing header used up", IP6("001c", "2b") "06 00 00 00 00000000 " SYN, GOOD, 6, TCP_SYN, 40000, 443, 6},
	{"routing header in use", IP6("001c", "2b") "06 00 00 01 00000000 " SYN, BAD, 0, 0, 0, 0, 6},
	{"segment routing in use", IP6("002c", "2b") "06 02 04 01 01000000 20010db8000000000000000000000077 " SYN,
		BAD, 0, 0, 0, 0, 6},
	{"atomic fragment", IP6("001c", "2c") "06 00 0000 00000001 " SYN, GOOD, 6, TCP_SYN, 40000, 443, 6},
	{"first fragment of udp6", IP6("0010", "2c") "11 00 0001 00000001 " UDP("0400"), GOOD, 17, 0, 40000, 53, 6},
	{"later fragment 6", IP6("001c", "2c") "06 00 0008 00000001 " SYN, BAD, 0, 0, 0, 0, 6},
	{"hop by hop in the middle", IP6("0024", "3c") "00 00 0104 00000000 06 00 0104 00000000 " SYN, BAD, 0, 0, 0, 0, 6},
	{"extension past packet", IP6("0008", "3c") "06 01 0104 00000000 ", BAD, 0, 0, 0, 0, 6},
	{"no next header", IP6("0000", "3b"), GOOD, 59, 0, 0, 0, 6},
	{"esp by number", IP6("0008", "32") "00000001 00000001", GOOD, 50, 0, 0, 0, 6},
	{"mobility by number", IP6("0008", "87") "3b000000 00000000", GOOD, 135, 0, 0, 0, 6},
	{"jumbogram", IP6("0000", "00") "06 00 c204 00000014 " SYN, BAD, 0, 0, 0, 0, 6},
	{"payload past packet", IP6("0015", "06") SYN, BAD, 0, 0, 0, 0, 6},
	{"payload cuts tcp", IP6("0013", "06") SYN, BAD, 0, 0, 0, 0, 6},
	{"version 5", "5500 0028", BAD, 0, 0, 0, 0, 0},
	{"version 0", "0000 0028", BAD, 0, 0, 0, 0, 0},
	{"short ipv4", "4500 0028 0001", BAD, 0, 0, 0, 0, 0},
	{"short ipv6", "60000000 0000 06 40 2001", BAD, 0, 0, 0, 0, 0},
	{"nothing", "", BAD, 0, 0, 0, 0, 0},
};

static size_t from_hex(const char *hex, uint8_t *bytes)
{
	size_t n = 0;

	for (; *hex; hex++) {
		unsigned int v;

		if (*hex == ' ')
			continue;
		sscanf(hex++, "%2x", &v);
		bytes[n++] = (uint8_t)v;
	}
	return n;
}

static void test_cuts(const uint8_t *bytes, size_t len, const struct packet *whole)
{
	struct packet p;

	for (size_t cut = 0; cut < len; cut++) {
		uint8_t copy[256]; /* exactly sized would be better still: the fuzzer does that */

		memcpy(copy, bytes, cut);
		memset(copy + cut, 0xff, sizeof(copy) - cut);
		if (packet_parse(copy, cut, len, &p) == 0)
			CHECK(memcmp(&p, whole, sizeof(p)) == 0);
		CHECK(p.source.family == ADDR_NONE || addr_equal(&p.destination, &whole->destination));
	}
}

static void test_rows(void)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint8_t bytes[256];
		size_t len = from_hex(rows[i].hex, bytes);
		struct packet p;
		int rc = packet_parse(bytes, len, len, &p);

		check_row(rows[i].name);
		CHECK(rc == (rows[i].good ? 0 : -EBADMSG));
		CHECK(p.destination.family == rows[i].family && p.source.family == rows[i].family);
		if (rows[i].family)
			CHECK(p.destination.bytes[rows[i].family == 4 ? 3 : 15] == 9);
		if (!rows[i].good)
			continue;
		CHECK(p.protocol == rows[i].protocol && p.tcp_flags == rows[i].flags);
		CHECK(p.source_port == rows[i].sport && p.destination_port == rows[i].dport);
		CHECK(p.has_ports == packet_protocol_has_ports(p.protocol));
		test_cuts(bytes, len, &p);
	}
}

/* A chain of extension headers, one more than is walked. */
static void test_long_chain(void)
{
	for (unsigned int n = PACKET_EXTENSIONS_MAX - 1; n <= PACKET_EXTENSIONS_MAX + 1; n++) {
		uint8_t bytes[256] = {0x60, 0, 0, 0, 0, (uint8_t)(n * 8 + 8), 60, 64};
		uint8_t *at = bytes + 40;
		struct packet p;

		for (unsigned int i = 0; i < n; i++, at += 8)
			at[0] = i + 1 < n ? 60 : PROTOCOL_UDP;
		at[3] = 53;
		at[5] = 8;
		check_row("chain");
		CHECK(packet_parse(bytes, 48 + n * 8, 48 + n * 8, &p) == (n <= PACKET_EXTENSIONS_MAX ? 0 : -EBADMSG));
		if (n <= PACKET_EXTENSIONS_MAX)
			CHECK(p.protocol == PROTOCOL_UDP && p.destination_port == 53);
	}
}

int main(void)
{
	test_rows();
	test_long_chain();
	return check_report();
}
