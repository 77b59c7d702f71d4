/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See the header. */
#include "target.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define TEXT_MAX 1100
#define QTYPE_MAX 65534 /* as in a policy */

static const struct {
	const char *word;
	uint8_t number;
} protocols[] = {{"tcp", IPPROTO_TCP}, {"udp", IPPROTO_UDP}, {"icmp", IPPROTO_ICMP}, {"icmpv6", IPPROTO_ICMPV6}};

static const struct {
	const char *word;
	uint16_t number;
} qtypes[] = {{"A", 1}, {"NS", 2}, {"CNAME", 5}, {"SOA", 6}, {"PTR", 12}, {"MX", 15}, {"TXT", 16}, {"AAAA", 28}, {"SRV", 33},
	{"NAPTR", 35}, {"DS", 43}, {"SVCB", 64}, {"HTTPS", 65}, {"SPF", 99}, {"ANY", 255}, {"CAA", 257}};

const char *protocol_word(uint8_t protocol, char buf[static 16])
{
	for (size_t i = 0; i < ARRAY_LEN(protocols); i++)
		if (protocols[i].number == protocol)
			return protocols[i].word;
	snprintf(buf, 16, "protocol %u", protocol);
	return buf;
}

static int parse_number(const char *text, unsigned long max, unsigned long *ret_n)
{
	char *end;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	*ret_n = strtoul(text, &end, 10);
	return errno || *end || *ret_n > max ? -EINVAL : 0;
}

uint16_t qtype_parse(const char *text)
{
	unsigned long n;

	for (size_t i = 0; i < ARRAY_LEN(qtypes); i++)
		if (strcasecmp(qtypes[i].word, text) == 0)
			return qtypes[i].number;
	if (strncasecmp(text, "TYPE", 4) == 0 && parse_number(text + 4, QTYPE_MAX, &n) == 0)
		return (uint16_t)n;
	return 0;
}

/* "443", "tcp/443", "icmp/8" */
static int parse_service(const char *text, struct target *t)
{
	const char *slash = strchr(text, '/');
	unsigned long n;

	t->protocol = IPPROTO_TCP;
	if (slash) {
		size_t i = 0;

		while (i < ARRAY_LEN(protocols) && (strlen(protocols[i].word) != (size_t)(slash - text) ||
							   strncasecmp(protocols[i].word, text, (size_t)(slash - text)) != 0))
			i++;
		if (i == ARRAY_LEN(protocols))
			return -EINVAL;
		t->protocol = protocols[i].number;
		text = slash + 1;
	}
	if (parse_number(text, UINT16_MAX, &n) < 0)
		return -EINVAL;
	t->port = (uint16_t)n;
	t->has_service = true;
	return 0;
}

/* Cuts "host:service" in two; the service is NULL where there is none. */
static int split(char *text, const char **ret_host, const char **ret_service)
{
	char *colon = strrchr(text, ':'), *end;

	*ret_host = text;
	*ret_service = NULL;
	if (text[0] == '[') {
		end = strchr(text, ']');
		if (!end || (end[1] && end[1] != ':'))
			return -EINVAL;
		*ret_host = text + 1;
		*ret_service = end[1] ? end + 2 : NULL;
		*end = '\0';
	} else if (colon && strchr(text, ':') == colon) { /* with more than one it is an IPv6 address */
		*ret_service = colon + 1;
		*colon = '\0';
	}
	return 0;
}

int target_parse(const char *text, struct target *ret_target)
{
	char buf[TEXT_MAX];
	const char *host, *service;
	struct target t = {0};

	if (strlen(text) >= sizeof(buf))
		return -EINVAL;
	memcpy(buf, text, strlen(text) + 1);
	if (split(buf, &host, &service) < 0 || (service && parse_service(service, &t) < 0))
		return -EINVAL;
	t.is_address = addr_parse(host, &t.addr) == 0;
	if (!t.is_address && (buf[0] == '[' || dns_name_from_text(host, &t.name) < 0))
		return -EINVAL;
	*ret_target = t;
	return 0;
}
