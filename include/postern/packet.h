/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Headers of one packet as it stands in a queue: IPv4 (RFC 791), IPv6 with extension headers
 * (RFC 8200), TCP, UDP, ICMP, ICMPv6, the other port protocols, anything else by its number.
 * folder: src/packet
 *
 * Strict where a sloppy reading would let port and address be taken for others than the kernel
 * and the receiver take them: what is doubtful is malformed, and malformed is refused.
 */
#ifndef POSTERN_PACKET_H
#define POSTERN_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/addr.h"

#define PACKET_EXTENSIONS_MAX 8 /* IPv6 extension headers that are walked */

/* Protocol numbers (IANA) that this library looks into. */
enum packet_protocol {
	PROTOCOL_ICMP = 1,
	PROTOCOL_TCP = 6,
	PROTOCOL_UDP = 17,
	PROTOCOL_DCCP = 33,
	PROTOCOL_ICMPV6 = 58,
	PROTOCOL_NONE = 59,
	PROTOCOL_SCTP = 132,
	PROTOCOL_UDPLITE = 136,
};

/* TCP flags (RFC 9293 3.1). */
#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_ACK 0x10

struct packet {
	struct addr source, destination; /* family ADDR_NONE: not even these could be read */
	uint8_t protocol;		 /* upper layer, behind all extension headers */
	bool has_ports;
	uint8_t tcp_flags;
	uint16_t source_port;	   /* ICMP: code */
	uint16_t destination_port; /* ICMP: type */
	uint16_t echo_id;	   /* ICMP echo and its reply: identifier */
};

/*
 * @data holds the first @len bytes of a packet whose whole length is @wire_len (>= @len where the
 * queue copies only the beginning).
 *
 * -EBADMSG: malformed. Then @ret_packet still holds what was read before: addresses, or
 * nothing (family ADDR_NONE). Malformed are: lengths that disagree, a source route or a routing
 * header that is not used up (the destination is not the last), fragments without the upper
 * header, too many or misplaced extension headers, jumbograms, impossible TCP flags.
 */
POSTERN_MUST_CHECK int packet_parse(const void *data, size_t len, size_t wire_len, struct packet *ret_packet);

/* TCP, UDP, SCTP, DCCP, UDP-Lite: the port is in the same place. */
bool packet_protocol_has_ports(uint8_t protocol) POSTERN_PURE;

#endif
