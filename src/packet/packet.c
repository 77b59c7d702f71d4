/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Packet headers: see the header file.
 *
 * One cursor over the bytes that we hold. The IP header's own length bounds it further, so bytes
 * behind the packet are never read as its content. A queue may hand over only the beginning
 * of a packet: lengths are checked against the length on the wire, reads against what is here.
 *
 * The walk over IPv6 extension headers knows the same ones as the kernel's ipv6_find_hdr(): what nft
 * calls `meta l4proto` and what is called protocol here are the same number.
 */
#include "postern/packet.h"

#include <errno.h>
#include <string.h>

#include "postern/bytes.h"

#define IPV4_HEADER_MIN 20
#define IPV4_FRAGMENT_OFFSET 0x1fff
#define IPV4_MORE_FRAGMENTS 0x2000
#define IPV4_OPTION_END 0
#define IPV4_OPTION_NOP 1
#define IPV4_OPTION_LSRR 131
#define IPV4_OPTION_SSRR 137
#define IPV6_HEADER 40
#define TCP_HEADER_MIN 20
#define UDP_HEADER 8
#define ICMP_HEADER 8

enum ipv6_extension {
	EXTENSION_HOP = 0,
	EXTENSION_ROUTING = 43,
	EXTENSION_FRAGMENT = 44,
	EXTENSION_AUTH = 51,
	EXTENSION_DESTINATION = 60,
};

/* What is known of a packet between its layers. */
struct upper {
	size_t len;	 /* bytes of the upper layer on the wire */
	bool incomplete; /* first fragment: the rest of the upper layer is elsewhere */
};

bool packet_protocol_has_ports(uint8_t protocol)
{
	return protocol == PROTOCOL_TCP || protocol == PROTOCOL_UDP || protocol == PROTOCOL_DCCP ||
		protocol == PROTOCOL_SCTP || protocol == PROTOCOL_UDPLITE;
}

static bool tcp_flags_possible(uint8_t flags)
{
	if (flags & TCP_SYN)
		return !(flags & (TCP_FIN | TCP_RST));
	if (flags & TCP_FIN)
		return !(flags & TCP_RST) && (flags & TCP_ACK);
	return flags & (TCP_RST | TCP_ACK);
}

static int parse_tcp(struct bytes_reader *r, const struct upper *u, struct packet *p)
{
	size_t header;

	if (u->len < TCP_HEADER_MIN)
		return -EBADMSG;
	bytes_skip(r, 8); /* sequence and acknowledgement numbers */
	header = (size_t)(bytes_read_u8(r) >> 4) * 4;
	p->tcp_flags = bytes_read_u8(r) & 0x3f;
	if (r->failed || header < TCP_HEADER_MIN || header > u->len || !tcp_flags_possible(p->tcp_flags))
		return -EBADMSG;
	return 0;
}

static int parse_udp(struct bytes_reader *r, const struct upper *u)
{
	size_t len = bytes_read_u16(r);

	if (r->failed || u->len < UDP_HEADER || len < UDP_HEADER)
		return -EBADMSG;
	return len <= u->len || u->incomplete ? 0 : -EBADMSG;
}

static int parse_icmp(struct bytes_reader *r, const struct upper *u, struct packet *p)
{
	p->destination_port = bytes_read_u8(r);
	p->source_port = bytes_read_u8(r);
	bytes_skip(r, 2); /* checksum */
	if (p->protocol == PROTOCOL_ICMP ? p->destination_port == 8 || p->destination_port == 0 :
					   p->destination_port == 128 || p->destination_port == 129)
		p->echo_id = bytes_read_u16(r);
	return r->failed || u->len < ICMP_HEADER ? -EBADMSG : 0;
}

static int parse_upper(struct bytes_reader *r, const struct upper *u, struct packet *p)
{
	if (p->protocol == PROTOCOL_ICMP || p->protocol == PROTOCOL_ICMPV6)
		return parse_icmp(r, u, p);
	if (!packet_protocol_has_ports(p->protocol))
		return 0;
	if (u->len < 4)
		return -EBADMSG;
	p->source_port = bytes_read_u16(r);
	p->destination_port = bytes_read_u16(r);
	if (r->failed)
		return -EBADMSG;
	p->has_ports = true;
	if (p->protocol == PROTOCOL_TCP)
		return parse_tcp(r, u, p);
	return p->protocol == PROTOCOL_UDP ? parse_udp(r, u) : 0;
}

/* A source route means that the destination in the header is only the next stop. */
static int check_ipv4_options(struct bytes_reader *r, size_t len)
{
	size_t end = r->pos + len;

	while (r->pos < end && !r->failed) {
		uint8_t type = bytes_read_u8(r);

		if (type == IPV4_OPTION_END)
			break;
		if (type == IPV4_OPTION_NOP)
			continue;
		size_t option = bytes_read_u8(r);

		if (option < 2 || type == IPV4_OPTION_LSRR || type == IPV4_OPTION_SSRR)
			return -EBADMSG;
		bytes_skip(r, option - 2);
	}
	if (r->failed || r->pos > end)
		return -EBADMSG;
	bytes_seek(r, end);
	return r->failed ? -EBADMSG : 0;
}

/* Cuts the view at the IP header's own idea of the packet's end. */
static void bound(struct bytes_reader *r, size_t total)
{
	if (r->len > total)
		r->len = total;
}

static int parse_ipv4(struct bytes_reader *r, size_t wire_len, struct packet *p)
{
	size_t header = (size_t)(bytes_read_u8(r) & 0x0f) * 4;
	struct upper u;
	size_t total;
	uint16_t fragment;

	bytes_skip(r, 1);
	total = bytes_read_u16(r);
	bytes_skip(r, 2);
	fragment = bytes_read_u16(r);
	bytes_skip(r, 1);
	p->protocol = bytes_read_u8(r);
	bytes_skip(r, 2);
	const uint8_t *addrs = bytes_read_view(r, 8);

	if (!addrs)
		return -EBADMSG;
	p->source.family = p->destination.family = ADDR_V4;
	memcpy(p->source.bytes, addrs, 4);
	memcpy(p->destination.bytes, addrs + 4, 4);
	if (header < IPV4_HEADER_MIN || total < header || total > wire_len || fragment & IPV4_FRAGMENT_OFFSET)
		return -EBADMSG;
	bound(r, total);
	if (check_ipv4_options(r, header - IPV4_HEADER_MIN) < 0)
		return -EBADMSG;
	u = (struct upper){total - header, fragment & IPV4_MORE_FRAGMENTS};
	return p->protocol == PROTOCOL_ICMPV6 ? -EBADMSG : parse_upper(r, &u, p);
}

static bool is_extension(uint8_t protocol)
{
	return protocol == EXTENSION_HOP || protocol == EXTENSION_ROUTING || protocol == EXTENSION_FRAGMENT ||
		protocol == EXTENSION_AUTH || protocol == EXTENSION_DESTINATION;
}

/* One extension header; @p->protocol is its number and becomes the next one's. */
static int skip_extension(struct bytes_reader *r, struct packet *p, bool *ret_incomplete)
{
	uint8_t number = p->protocol, next = bytes_read_u8(r), len = bytes_read_u8(r);
	size_t bytes = number == EXTENSION_AUTH ? (len + 2u) * 4 : (len + 1u) * 8;

	if (number == EXTENSION_FRAGMENT) {
		uint16_t fragment = bytes_read_u16(r);

		bytes_skip(r, 4);
		if (fragment & 0xfff8)
			return -EBADMSG;
		*ret_incomplete = fragment & 1;
	} else if (number == EXTENSION_ROUTING) {
		bytes_skip(r, 1);
		if (bytes_read_u8(r) != 0) /* segments left: the destination is not the last one */
			return -EBADMSG;
		bytes_skip(r, bytes - 4);
	} else {
		bytes_skip(r, bytes - 2);
	}
	p->protocol = next;
	return r->failed || next == EXTENSION_HOP ? -EBADMSG : 0;
}

static int parse_ipv6(struct bytes_reader *r, size_t wire_len, struct packet *p)
{
	struct upper u = {0};
	size_t payload;

	bytes_skip(r, 4);
	payload = bytes_read_u16(r);
	p->protocol = bytes_read_u8(r);
	bytes_skip(r, 1);
	const uint8_t *addrs = bytes_read_view(r, 32);

	if (!addrs)
		return -EBADMSG;
	p->source.family = p->destination.family = ADDR_V6;
	memcpy(p->source.bytes, addrs, 16);
	memcpy(p->destination.bytes, addrs + 16, 16);
	if (IPV6_HEADER + payload > wire_len || (payload == 0 && p->protocol != PROTOCOL_NONE))
		return -EBADMSG;
	bound(r, IPV6_HEADER + payload);
	for (unsigned int n = 0; is_extension(p->protocol); n++)
		if (n == PACKET_EXTENSIONS_MAX || skip_extension(r, p, &u.incomplete) < 0)
			return -EBADMSG;
	u.len = IPV6_HEADER + payload - r->pos;
	return p->protocol == PROTOCOL_ICMP ? -EBADMSG : parse_upper(r, &u, p);
}

int packet_parse(const void *data, size_t len, size_t wire_len, struct packet *ret_packet)
{
	struct packet p = {0};
	struct bytes_reader r;
	uint8_t version;
	int rc = -EBADMSG;

	bytes_reader_init(&r, data, len);
	version = bytes_read_u8(&r) >> 4;
	bytes_seek(&r, 0);
	if (wire_len < len)
		wire_len = len;
	if (version == 4)
		rc = parse_ipv4(&r, wire_len, &p);
	else if (version == 6)
		rc = parse_ipv6(&r, wire_len, &p);
	*ret_packet = p;
	return rc;
}
