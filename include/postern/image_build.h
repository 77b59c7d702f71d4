/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Makes an image: the writer's side of postern/image.h, for postern-policy and for tests that
 * need a policy in memory.
 * folder: src/policy
 *
 * Things are added top down: a policy, then its lists, rules and static rules; these belong to the policy
 * added last. Errors are sticky: after one, every call does nothing and the finish reports it, so that a
 * caller has one check. Strings are copied. This side allocates; it is not for hot paths.
 *
 *	struct image_builder *b = image_builder_new();
 *	image_build_policy(b, &(struct build_policy){.place = {"ci", "ci.conf", 1}});
 *	uint32_t list = image_build_list(b);
 *	image_build_domain_text(b, list, "*.example.com");
 *	image_build_rule(b, &(struct build_rule){.place = {"web", "ci.conf", 3}, .priority = 100, .lists = &list,
 *		.n_lists = 1, .services = &(struct image_service){443, 443, 6}, .n_services = 1});
 *	rc = image_builder_finish(b, &data, &len);
 */
#ifndef POSTERN_IMAGE_BUILD_H
#define POSTERN_IMAGE_BUILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/compiler.h"
#include "postern/hash.h"
#include "postern/image.h"

struct build_place {
	const char *name; /* of the policy or rule: at most RULE_NAME_MAX - 1 bytes */
	const char *file; /* NULL: none */
	uint32_t line;
	const char *group; /* rule group of a DNS rule; NULL: none */
};

struct build_policy {
	struct build_place place;
	bool has_ingress;
	enum refusal refusal;
};

struct build_rule {
	struct build_place place;
	uint32_t group_priority; /* 0: that of a policy's own section */
	uint32_t priority; /* unique in its group; the order of adding does not matter */
	const uint32_t *lists;
	size_t n_lists;
	const struct image_service *services; /* single ports */
	size_t n_services;
	const struct dns_name *override_name; /* NULL: none */
	uint32_t override_ttl_s;
	uint16_t qtype;
	enum rule_action action;
	enum block_response response;
	enum redirection redirection;
	enum https_records https_records;
	enum protection protection; /* then without lists and services */
	enum confidence confidence;
};

struct build_static {
	struct build_place place;
	const struct prefix *prefixes;
	size_t n_prefixes;
	const struct image_service *services;
	size_t n_services;
	enum rule_action action; /* ALLOW or ALERT */
};

struct build_zone {
	const struct dns_name *name;
	const struct image_upstream *upstreams;
	size_t n_upstreams;
	const struct prefix *prefixes; /* private addresses it may answer with */
	size_t n_prefixes;
};

struct build_record {
	const struct dns_name *name;
	const struct dns_name *target; /* NULL: @addr */
	struct addr addr;
	uint32_t ttl_s;
};

struct image_builder;

/* An empty image with default settings; NULL without memory. */
struct image_builder *image_builder_new(void);
void image_builder_free(struct image_builder *b); /* NULL is fine */

/* Every default of postern.conf(5); audit_directory is IMAGE_NONE (standard error). */
void image_settings_default(struct image_settings *ret_settings);
void image_build_settings(struct image_builder *b, const struct image_settings *settings);
/* Seed of the name table; to be set before the first domain. Without it a fixed one is used. */
void image_build_key(struct image_builder *b, const struct hash_key *key);
/* Offset of a string; equal strings share one. */
uint32_t image_build_string(struct image_builder *b, const char *text);

/* Returns the policy's index. What follows belongs to it. */
uint32_t image_build_policy(struct image_builder *b, const struct build_policy *p);
/* The section `ingress` is present in the policy added last. */
void image_build_ingress_present(struct image_builder *b);
/* A new, empty list. Lists are not bound to a policy: rules of several may name one. */
uint32_t image_build_list(struct image_builder *b);
/* About @n names with @bytes of text are to come: an estimate, for speed alone. */
void image_build_expect(struct image_builder *b, uint64_t n, uint64_t bytes);
/* The owner name of a pattern goes in: "example.com", or with @wildcard what stands behind "*.". -EEXIST where
 * the list holds it already (seen only while no other list has got that name since). */
int image_build_domain(struct image_builder *b, uint32_t list, const struct dns_name *name, bool wildcard);
/*
 * The same for long lists, in two steps: foresee some names, whose places in the table are fetched meanwhile, then put them in with
 * the hashes that were returned. @lower: in lower case.
 */
uint64_t image_build_foresee(struct image_builder *b, const struct dns_name *lower);
int image_build_foreseen(struct image_builder *b, uint32_t list, const struct dns_name *lower, bool wildcard, uint64_t hash);
/* The list holds every name: "*". */
int image_build_domain_any(struct image_builder *b, uint32_t list);
/* "example.com", "*.example.com" or "*"; -EINVAL where it is no name. For tests. */
int image_build_domain_text(struct image_builder *b, uint32_t list, const char *pattern);
void image_build_rule(struct image_builder *b, const struct build_rule *r);
void image_build_egress(struct image_builder *b, const struct build_static *s);
void image_build_ingress(struct image_builder *b, const struct build_static *s);

void image_build_sandbox(struct image_builder *b, const struct sandbox *s);
/* One for names of no zone: these come before the first zone. */
void image_build_upstream(struct image_builder *b, const struct image_upstream *u);
void image_build_zone(struct image_builder *b, const struct build_zone *z);
/* In any order; equal ones are kept once. */
void image_build_record(struct image_builder *b, const struct build_record *r);
/* anchor->zone is not looked at. Padding of the digest is zero. */
void image_build_anchor(struct image_builder *b, const struct dns_name *zone, const struct image_anchor *anchor);
struct anchors; /* postern/anchor.h */
/* At most once; @a is valid. */
void image_build_anchor_state(struct image_builder *b, const struct anchors *a);
void image_build_negative(struct image_builder *b, const struct dns_name *zone, uint64_t until_s);
void image_build_file(
	struct image_builder *b, const char *path, const uint8_t sha256[static 32], uint32_t policy);

/* Patterns added so far and the bytes that the name table takes for them beside the names' own. */
void image_build_measure(const struct image_builder *b, uint64_t *ret_names, uint64_t *ret_bytes);

/*
 * Ends the building: the whole image in memory (free() it), or written to @fd from its start. 0, -ENOMEM,
 * -E2BIG where a section is full, or -errno of write(2). Only image_builder_free() may follow.
 */
POSTERN_MUST_CHECK int image_builder_finish(struct image_builder *b, void **ret_data, size_t *ret_len);
POSTERN_MUST_CHECK int image_builder_write(struct image_builder *b, int fd);

#endif
