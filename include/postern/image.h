/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The compiled policy: one sealed memory file, mapped read-only by every process.
 * folder: src/policy
 *
 * Written only by postern-policy (struct image_builder), sealed by the gate, and checked once
 * when mapped: every offset, count, index and string end. After that the accessors
 * are trusted and cheap. The structs below are the file format: host byte order, fixed
 * widths, `string` and `wire` are byte offsets into the strings section.
 */
#ifndef POSTERN_IMAGE_H
#define POSTERN_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/addr.h"
#include "postern/name.h"
#include "postern/sandbox.h"

#define IMAGE_NONE UINT32_MAX
#define RULE_SERVICES_MAX 16 /* ports of one DNS rule: each is a kernel element per address */
#define RULE_NAME_MAX 64     /* with the NUL; also Route 53's limit of 64 characters */
#define GROUP_PRIORITY_MIN 101  /* of a rule group's association; Route 53 keeps 1..99 and 9901.. for itself, and does */
#define GROUP_PRIORITY_MAX 9898 /* not say whether 100 and 9900 are its own */
#define GROUP_PRIORITY_OWN 9899 /* of a policy's section `dns`: behind every group */
#define IMAGE_QUERIES_MAX 1000000 /* largest queries_per_s and queries_burst: as good as no limit */
#define IMAGE_CLIENT_PREFIX6_MIN 32
#define IMAGE_RECORDS_MAX 8192 /* largest audit_per_sandbox */
#define IMAGE_PIN_MAX_S 604800 /* largest pin_max_s and pin_grace_s: a week */

enum rule_action { ACTION_ALLOW, ACTION_ALERT, ACTION_BLOCK, ACTION_COUNT };
enum block_response { RESPONSE_NODATA, RESPONSE_NXDOMAIN, RESPONSE_OVERRIDE, RESPONSE_COUNT };
enum redirection { REDIRECTION_INSPECT, REDIRECTION_TRUST, REDIRECTION_COUNT };
enum https_records { HTTPS_NODATA, HTTPS_STRIP, HTTPS_COUNT };
/* What a rule without domains looks for (src/detect), and how sure that has to be. */
enum protection { PROTECTION_NONE, PROTECTION_DNS_TUNNELING, PROTECTION_DGA, PROTECTION_DICTIONARY_DGA, PROTECTION_COUNT };
enum confidence { CONFIDENCE_NONE, CONFIDENCE_LOW, CONFIDENCE_MEDIUM, CONFIDENCE_HIGH, CONFIDENCE_COUNT };
enum refusal { REFUSAL_REJECT, REFUSAL_DROP, REFUSAL_COUNT };

/* Where a thing stands in the administrator's files: strings and a line number. */
struct image_place {
	uint32_t name; /* string: the rule's, policy's or sandbox's name */
	uint32_t file; /* string: path as given */
	uint32_t line;
	uint32_t group; /* string: rule group that a DNS rule belongs to; IMAGE_NONE: the policy's own section */
};

/*
 * Protocol and port range; for ICMP and ICMPv6 the range is of types; for other protocols,
 * and for "all", it is 0..65535. Protocol 0 with that range is every protocol.
 */
struct image_service {
	uint16_t first;
	uint16_t last;
	uint8_t protocol;
};

struct image_rule {
	struct image_place place;
	uint32_t group_priority; /* of the group's association with the policy; lower first, one for each group */
	uint32_t priority; /* lower first, unique in the group */
	uint32_t first_service, n_services; /* ports that answers under this rule open; single ports */
	uint32_t override_wire; /* wire: target of OVERRIDE, or IMAGE_NONE */
	uint32_t override_ttl_s;
	uint16_t qtype; /* 0: every type */
	uint8_t action, response, redirection, https_records;
	uint8_t protection, confidence; /* both NONE in a rule with domains; else it has neither lists nor ports, and is no ALLOW */
};

/* Static egress or ingress rule: @action ALLOW or ALERT. */
struct image_static {
	struct image_place place;
	uint32_t first_prefix, n_prefixes;
	uint32_t first_service, n_services;
	uint8_t action;
};

struct image_policy {
	struct image_place place;
	uint32_t first_rule, n_rules;		/* sorted by the group's priority, then their own */
	uint32_t first_egress, n_egress;
	uint32_t first_ingress, n_ingress;
	uint32_t first_list_rule, n_list_rules; /* see match.c */
	uint32_t first_protection, n_protections; /* its rules with a protection, by priority */
	uint8_t has_ingress; /* the section is present, even if empty */
	uint8_t refusal;
};

struct image_file {
	uint32_t path; /* string */
	uint8_t sha256[32];
	uint32_t policy; /* index of the policy that it defines or is a part of (include, list), or IMAGE_NONE */
};

struct image_upstream {
	struct addr addr;
	uint16_t port;
	uint32_t tls; /* string: the name that its certificate has to carry (RFC 8310, strict); "": UDP and TCP, in clear text */
	uint32_t ca;  /* string: whom to believe, certificates in PEM */
};

/* Names that are asked elsewhere: a zone and all below it. The upstreams are a range of the image's. */
struct image_zone {
	uint32_t name; /* wire, lower case; never the root */
	uint32_t first_upstream, n_upstreams;
	uint32_t first_prefix, n_prefixes; /* private addresses that may be answered: prefix_is_site() */
};

/* One local record; sorted by name: dns_name_order(). A name has addresses or one alias. */
struct image_record {
	uint32_t name;	 /* wire, lower case */
	uint32_t target; /* wire: an alias, or IMAGE_NONE: an address */
	uint32_t ttl_s;
	struct addr addr;
};

/* The audit log's other formats; a file of its own each, at most one of each. */
enum audit_format { AUDIT_ROUTE53, AUDIT_VPC_FLOW, AUDIT_OCSF, AUDIT_FORMAT_COUNT };

#define IMAGE_OUTPUT_WORD_MAX 64
#define IMAGE_FLOW_FIELDS_MAX 27

struct image_output {
	uint32_t directory; /* string; IMAGE_NONE: there is no such output */
	uint32_t account_id, region, vpc_id, instance; /* strings of at most IMAGE_OUTPUT_WORD_MAX bytes, or IMAGE_NONE */
	uint8_t n_fields;
	uint8_t fields[IMAGE_FLOW_FIELDS_MAX]; /* enum flow_field, of AUDIT_VPC_FLOW */
};

#define IMAGE_ANCHORS_MAX 8

/* A trust anchor, as a DS record (RFC 4034 5): SHA-256 or SHA-384. */
struct image_anchor {
	uint32_t zone; /* wire, lower case */
	uint16_t tag;
	uint8_t algorithm, digest_type, digest_len;
	uint8_t digest[48];
};

struct anchors; /* postern/anchor.h */

#define IMAGE_NEGATIVE_MAX 4

/* A negative trust anchor (RFC 7646): the zone and what is below it counts as unsigned until then. */
struct image_negative {
	uint32_t zone; /* wire, lower case; never the root */
	uint32_t reserved;
	uint64_t until_s; /* since 1970 */
};

/* What the compiler found where the state of managed anchors is kept. */
enum image_anchor_file { IMAGE_ANCHORS_NONE, IMAGE_ANCHORS_GOOD, IMAGE_ANCHORS_BAD };

/* postern.conf: every member has a default, stated in postern.conf(5). */
struct image_settings {
	uint32_t pin_min_s, pin_max_s, pin_grace_s, pin_margin_s;
	uint32_t pins_per_name, pins_per_rule, pins_per_sandbox;
	struct image_output audit_outputs[AUDIT_FORMAT_COUNT];
	uint32_t audit_directory; /* string; empty: standard error */
	uint32_t anchor_directory; /* string; empty: the state of managed anchors is not kept */
	uint32_t audit_rotate_bytes, audit_keep; /* bytes of one file, number of old ones */
	uint32_t audit_per_sandbox; /* decisions about names of one sandbox told apart in a window; 2..IMAGE_RECORDS_MAX */
	uint32_t audit_window_ms; /* equal events within it are one event with a count */
	uint32_t answer_ttl_max_s; /* never serve more */
	uint32_t upstream_timeout_ms;
	uint32_t upstream_tries;
	uint32_t queries_per_s, queries_burst; /* DNS queries of a sandbox; over it they are not answered */
	uint32_t client_queries_per_s, client_queries_burst; /* of a client, in a sandbox that has half of its allowance left or less */
	uint32_t stale_max_s; /* how long after its end an answer may be served where no upstream answers; 0: never */
	uint32_t confined_group; /* interface group whose unowned members are denied; 0: none */
	uint16_t stub_port;	  /* of forwarded sandboxes */
	uint16_t local_stub_port; /* first of SANDBOX_LOCAL_MAX */
	uint8_t audit_all_queries; /* record permitted lookups too */
	uint8_t dnssec; /* answers are validated by the anchors */
	uint8_t anchors_managed; /* they follow their zones: RFC 5011 */
	uint8_t anchor_file; /* enum image_anchor_file */
	uint8_t trust_ad; /* the upstreams' AD is told on: the way to them is trusted */
	uint8_t upstream_cookies; /* DNS cookies are sent to them, and demanded of those that do them */
	uint8_t prefetch; /* names in use are asked again before their end */
	uint8_t client_prefix6; /* so many bits of an IPv6 address are one client; IMAGE_CLIENT_PREFIX6_MIN..128 */
	uint8_t forward_others;	   /* let pass what no sandbox owns and no confined group holds */
};

/* Opaque view of a mapped image. */
struct image;

/*
 * Maps and checks the image in @fd (not closed). -EBADMSG where anything is out of
 * bounds, -errno of mmap(2). Free with image_unmap().
 */
POSTERN_MUST_CHECK int image_map(int fd, struct image **ret_image);
/* The same over a caller's buffer (tests, fuzzers), which has to outlive it. */
POSTERN_MUST_CHECK int image_view(const void *data, size_t len, struct image **ret_image);
void image_unmap(struct image *im); /* NULL is fine */
size_t image_size(const struct image *im);

const struct image_settings *image_settings(const struct image *im);
/* Never NULL; "" for IMAGE_NONE. */
const char *image_string(const struct image *im, uint32_t string);
/* A name in the strings section; false for IMAGE_NONE. */
bool image_wire(const struct image *im, uint32_t wire, struct dns_name *ret_name);

uint32_t image_n_policies(const struct image *im);
const struct image_policy *image_policy(const struct image *im, uint32_t policy);
/* Index, or IMAGE_NONE. */
uint32_t image_policy_find(const struct image *im, const char *name);
const struct image_rule *image_rule(const struct image *im, const struct image_policy *p, uint32_t rule);
/* Number within the policy of its i-th rule with a protection. */
uint32_t image_protection(const struct image *im, const struct image_policy *p, uint32_t i);
const struct image_static *image_egress(const struct image *im, const struct image_policy *p, uint32_t i);
const struct image_static *image_ingress(const struct image *im, const struct image_policy *p, uint32_t i);
const struct image_service *image_services(const struct image *im, uint32_t first);
const struct prefix *image_prefixes(const struct image *im, uint32_t first);

uint32_t image_n_sandboxes(const struct image *im);
const struct sandbox *image_sandbox(const struct image *im, uint32_t i); /* slot and stub_port are 0 */
uint32_t image_n_upstreams(const struct image *im);
const struct image_upstream *image_upstream(const struct image *im, uint32_t i);
/* Is it asked over TLS? */
bool image_upstream_tls(const struct image *im, uint32_t i);
uint32_t image_n_zones(const struct image *im);
const struct image_zone *image_zone(const struct image *im, uint32_t i);
uint32_t image_n_records(const struct image *im);
const struct image_record *image_record(const struct image *im, uint32_t i);
uint32_t image_n_anchors(const struct image *im);
const struct image_anchor *image_anchor(const struct image *im, uint32_t i);
/* The state of managed anchors as it was on disk; NULL where there was none, or none that could be believed. */
const struct anchors *image_anchor_state(const struct image *im);
uint32_t image_n_negative(const struct image *im);
const struct image_negative *image_negative(const struct image *im, uint32_t i);
uint32_t image_n_files(const struct image *im);
const struct image_file *image_file(const struct image *im, uint32_t i);

#endif
