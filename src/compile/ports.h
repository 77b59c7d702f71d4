/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The words of `ports`, and of `qtype`.
 */
#ifndef POSTERN_COMPILE_PORTS_H
#define POSTERN_COMPILE_PORTS_H

#include <stdbool.h>

#include "pattern.h"
#include "postern/image.h"

/* "tcp/443", "udp/53": one port of TCP or UDP, as a DNS rule opens it. False with a complaint. */
bool port_parse(const char *text, struct image_service *ret_service, char ret_complaint[static COMPLAINT_MAX]);
/*
 * What a static rule may name: "tcp", "tcp/22", "tcp/8000-8100", the same with udp, "icmp", "icmp/8", "icmpv6/128",
 * "proto/47" and "all".
 */
bool service_parse(const char *text, struct image_service *ret_service, char ret_complaint[static COMPLAINT_MAX]);
#define QTYPE_MAX 65534 /* Route 53's limit; 0 and 65535 are reserved (RFC 6895 3.1) */

/*
 * "A", "HTTPS", "TYPE65" (RFC 3597): the number, or 0 where it is none. Route 53's names (Qtype of
 * API_route53resolver_CreateFirewallRule) and those that clients ask for; what Route 53 has no name for it takes as TYPEn.
 */
uint16_t qtype_parse(const char *text);

#endif
