/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ports, services and query types: tables and small parsers. See the header. */
#include "ports.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "postern/compiler.h"

#define FORMS "\"tcp/443\", \"udp/123\", \"tcp/8000-8100\", \"icmp/8\", \"icmpv6/128\", \"proto/47\" or \"all\""

static const struct {
	const char *word;
	uint8_t protocol;
	uint16_t max; /* of a port or type */
	const char *unit;
} protocols[] = {
	{"tcp", IPPROTO_TCP, 65535, "port"}, {"udp", IPPROTO_UDP, 65535, "port"},
	{"icmp", IPPROTO_ICMP, 255, "type"}, {"icmpv6", IPPROTO_ICMPV6, 255, "type"},
};

/* A decimal number up to @max at *text; -1 where there is none. */
static long number(const char **text, long max)
{
	long v = 0;
	const char *p = *text;

	if (*p < '0' || *p > '9')
		return -1;
	for (; *p >= '0' && *p <= '9'; p++) {
		v = v * 10 + (*p - '0');
		if (v > max)
			return -1;
	}
	*text = p;
	return v;
}

static bool complain(char c[static COMPLAINT_MAX], const char *text, const char *cure)
{
	snprintf(c, COMPLAINT_MAX, "\"%.100s\" %s", text, cure);
	return false;
}

/* "443" or "8000-8100" */
static bool parse_range(const char *p, uint16_t max, struct image_service *s)
{
	long first = number(&p, max), last = first;

	if (first >= 0 && *p == '-') {
		p++;
		last = number(&p, max);
	}
	if (first < 0 || last < first || *p)
		return false;
	s->first = (uint16_t)first;
	s->last = (uint16_t)last;
	return true;
}

static bool parse_protocol_number(const char *text, const char *p, struct image_service *s, char c[static COMPLAINT_MAX])
{
	long v = number(&p, 255);

	if (v < 1 || *p)
		return complain(c, text, "is no IP protocol: write a number from 1 to 255, for example \"proto/47\"");
	if (v == IPPROTO_TCP || v == IPPROTO_UDP || v == IPPROTO_ICMP || v == IPPROTO_ICMPV6)
		return complain(c, text, "has a name: write \"tcp\", \"udp\", \"icmp\" or \"icmpv6\"");
	*s = (struct image_service){.protocol = (uint8_t)v, .first = 0, .last = UINT16_MAX};
	return true;
}

bool service_parse(const char *text, struct image_service *ret_service, char ret_complaint[static COMPLAINT_MAX])
{
	const char *slash = strchr(text, '/');
	size_t len = slash ? (size_t)(slash - text) : strlen(text);
	struct image_service s = {.last = UINT16_MAX};

	if (strcmp(text, "all") == 0) {
		*ret_service = s;
		return true;
	}
	if (len == 5 && memcmp(text, "proto", 5) == 0 && slash)
		return parse_protocol_number(text, slash + 1, ret_service, ret_complaint);
	for (size_t i = 0; i < ARRAY_LEN(protocols); i++) {
		if (strlen(protocols[i].word) != len || strncmp(text, protocols[i].word, len) != 0)
			continue;
		s.protocol = protocols[i].protocol;
		if (slash && !parse_range(slash + 1, protocols[i].max, &s)) {
			snprintf(ret_complaint, COMPLAINT_MAX, "\"%.100s\" has no valid %s: write one from 0 to %u, or a range "
				"\"%s/FIRST-LAST\"", text, protocols[i].unit, protocols[i].max, protocols[i].word);
			return false;
		}
		*ret_service = s;
		return true;
	}
	if (strspn(text, "0123456789-") == strlen(text))
		return complain(ret_complaint, text, "has no protocol: write \"tcp/PORT\" or \"udp/PORT\"");
	return complain(ret_complaint, text, "is no service: write " FORMS);
}

bool port_parse(const char *text, struct image_service *ret_service, char ret_complaint[static COMPLAINT_MAX])
{
	struct image_service s;

	if (!service_parse(text, &s, ret_complaint))
		return false;
	if (s.protocol != IPPROTO_TCP && s.protocol != IPPROTO_UDP)
		return complain(ret_complaint, text, "cannot be opened by name: a DNS rule opens ports of tcp and udp; "
			"write an egress rule for the rest");
	if (s.first != s.last)
		return complain(ret_complaint, text, "is a range: a DNS rule opens single ports, each by itself: "
			"list them, or write an egress rule");
	if (s.first == 0)
		return complain(ret_complaint, text, "is no port: write one from 1 to 65535");
	*ret_service = s;
	return true;
}

/* IANA, Domain Name System Parameters: those that clients ask for, and Route 53's list. */
static const struct {
	const char *word;
	uint16_t qtype;
} qtypes[] = {
	{"A", 1}, {"NS", 2}, {"CNAME", 5}, {"SOA", 6}, {"PTR", 12}, {"HINFO", 13}, {"MX", 15}, {"TXT", 16}, {"RP", 17},
	{"AFSDB", 18}, {"SIG", 24}, {"KEY", 25}, {"AAAA", 28}, {"LOC", 29}, {"SRV", 33}, {"NAPTR", 35}, {"CERT", 37},
	{"DNAME", 39}, {"DS", 43}, {"SSHFP", 44}, {"IPSECKEY", 45}, {"RRSIG", 46}, {"NSEC", 47}, {"DNSKEY", 48},
	{"NSEC3", 50}, {"NSEC3PARAM", 51}, {"TLSA", 52}, {"SMIMEA", 53}, {"CDS", 59}, {"CDNSKEY", 60}, {"OPENPGPKEY", 61},
	{"CSYNC", 62}, {"ZONEMD", 63}, {"SVCB", 64}, {"HTTPS", 65}, {"SPF", 99}, {"AXFR", 252}, {"ANY", 255},
	{"URI", 256}, {"CAA", 257},
};

uint16_t qtype_parse(const char *text)
{
	for (size_t i = 0; i < ARRAY_LEN(qtypes); i++)
		if (strcasecmp(qtypes[i].word, text) == 0)
			return qtypes[i].qtype;
	if (strncasecmp(text, "TYPE", 4) == 0) {
		const char *p = text + 4;
		long v = number(&p, QTYPE_MAX);

		return v > 0 && !*p ? (uint16_t)v : 0;
	}
	return 0;
}
