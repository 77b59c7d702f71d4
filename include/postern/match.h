/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the policy says: Route 53 Resolver DNS Firewall's evaluation for names
 * (https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/resolver-dns-firewall-rule-groups.html),
 * prefix and service matching for static rules. Pure functions of the image.
 * folder: src/policy
 */
#ifndef POSTERN_MATCH_H
#define POSTERN_MATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "postern/image.h"

/*
 * The first rule by priority whose domains hold @name and whose qtype is 0 or
 * @qtype: its number within the policy, or IMAGE_NONE (which means BLOCK). "example.com" is exactly that
 * name, "*.example.com" every name below it but not itself, "*" everything.
 * Cost: one hash probe a label, whatever the size of the lists.
 */
uint32_t match_name(const struct image *im, const struct image_policy *p, const struct dns_name *name, uint16_t qtype);
/* As match_name(), passing over rules below @from_rule: for tests and for explaining what was shadowed. */
uint32_t match_name_from(const struct image *im, const struct image_policy *p, const struct dns_name *name,
	uint16_t qtype, uint32_t from_rule);

/*
 * By what @rule, which match_name() gave for this name and type, holds the name: MATCH_EXACT where the very name stands in one of its lists,
 * else the number of labels of the longest zone whose wildcard does (0: "*").
 */
#define MATCH_EXACT UINT32_MAX
uint32_t match_scope(const struct image *im, const struct image_policy *p, const struct dns_name *name, uint16_t qtype,
	uint32_t rule);

/*
 * An egress prefix wider than the private classes does not reach into them (prefix_opens()); an ingress one does.
 */
/* First egress (ingress) rule that covers the address and service, or IMAGE_NONE. @port: type for ICMP. */
uint32_t match_egress(const struct image *im, const struct image_policy *p, const struct addr *to,
	uint8_t protocol, uint16_t port);
uint32_t match_ingress(const struct image *im, const struct image_policy *p, const struct addr *from,
	uint8_t protocol, uint16_t port);

#endif
