/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The builder of images: one growing array a section, in the order of the file, and the name table
 * of build_names.c. Rules are sorted when their policy ends, because lists refer to them
 * by their place in that order.
 */
#include "postern/image_build.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "build.h"

void image_settings_default(struct image_settings *ret_settings)
{
	*ret_settings = (struct image_settings){
		.pin_min_s = 60,
		.pin_max_s = 3600,
		.pin_grace_s = 30,
		.pin_margin_s = 2,
		.pins_per_name = 256,
		.pins_per_rule = 8192,
		.pins_per_sandbox = 16384,
		.audit_directory = IMAGE_NONE,
		.anchor_directory = IMAGE_NONE,
		.anchors_managed = 1,
		.audit_rotate_bytes = 64u << 20,
		.audit_keep = 8,
		.audit_per_sandbox = 512,
		.audit_window_ms = 2000,
		.answer_ttl_max_s = 300,
		.stale_max_s = 3600,
		.upstream_timeout_ms = 2000,
		.upstream_tries = 3,
		.queries_per_s = 1000,
		.queries_burst = 2000,
		.client_queries_per_s = 100,
		.client_queries_burst = 200,
		.client_prefix6 = 64,
		.stub_port = 15300,
		.local_stub_port = 15301,
		.audit_all_queries = 1,
		.prefetch = 1,
		.upstream_cookies = 1,
	};
	for (unsigned int i = 0; i < AUDIT_FORMAT_COUNT; i++) {
		struct image_output *o = &ret_settings->audit_outputs[i];

		o->directory = o->account_id = o->region = o->vpc_id = o->instance = IMAGE_NONE;
	}
}

struct image_builder *image_builder_new(void)
{
	struct image_builder *b = calloc(1, sizeof(*b));
	struct image_settings *settings;

	if (!b)
		return NULL;
	for (unsigned int s = 0; s < SECTION_COUNT; s++)
		b->sections[s].size = image_element_size((enum image_section)s);
	b->pending.size = sizeof(struct pending_rule);
	b->pending_lists.size = sizeof(uint32_t);
	b->pending_records.size = sizeof(struct pending_record);
	settings = build_array_add(&b->sections[SECTION_SETTINGS], 1);
	if (!settings || build_names_init(&b->names) < 0) {
		image_builder_free(b);
		return NULL;
	}
	image_settings_default(settings);
	(void)image_build_string(b, ""); /* so that the section is never empty */
	return b;
}

void image_builder_free(struct image_builder *b)
{
	if (!b)
		return;
	for (unsigned int s = 0; s < SECTION_COUNT; s++)
		build_array_fini(&b->sections[s]);
	build_names_fini(&b->names);
	build_array_fini(&b->pending);
	build_array_fini(&b->pending_lists);
	build_array_fini(&b->pending_records);
	free(b->strings);
	free(b);
}

/* @n cleared elements of section @s, or NULL once anything has failed. */
static void *add(struct image_builder *b, enum image_section s, size_t n)
{
	struct build_array *a = &b->sections[s];
	void *p;

	if (b->error)
		return NULL;
	if (a->n + n >= IMAGE_NONE) {
		b->error = -E2BIG;
		return NULL;
	}
	p = build_array_add(a, n);
	if (!p)
		b->error = -ENOMEM;
	else
		memset(p, 0, n * a->size);
	return p;
}

/* Copies @n elements; the index of the first. */
uint32_t build_append(struct image_builder *b, enum image_section s, const void *src, size_t n)
{
	void *p = n ? add(b, s, n) : NULL;

	if (p)
		memcpy(p, src, n * b->sections[s].size);
	return (uint32_t)(b->sections[s].n - (p ? n : 0));
}

void image_build_settings(struct image_builder *b, const struct image_settings *settings)
{
	memcpy(b->sections[SECTION_SETTINGS].data, settings, sizeof(*settings));
}

void image_build_key(struct image_builder *b, const struct hash_key *key)
{
	ASSERT(b->names.n_names == 0);
	b->names.key = *key;
}

/* Strings come from the administrator's own files: no key is needed. */
static size_t hash_string(const char *text)
{
	return hash_bytes(&(struct hash_key){0}, text, strlen(text));
}

static bool grow_strings(struct image_builder *b)
{
	size_t n = b->n_strings ? b->n_strings * 2 : 64;
	const char *base = (const char *)b->sections[SECTION_STRINGS].data;
	uint32_t *table;

	if (b->n_strings && b->used_strings < b->n_strings / 2)
		return true;
	table = calloc(n, sizeof(*table));
	if (!table)
		return false;
	for (size_t i = 0; i < b->n_strings; i++) {
		size_t at;

		if (!b->strings[i])
			continue;
		const char *text = base + b->strings[i] - 1;

		for (at = hash_string(text) & (n - 1); table[at]; at = (at + 1) & (n - 1))
			;
		table[at] = b->strings[i];
	}
	free(b->strings);
	b->strings = table;
	b->n_strings = n;
	return true;
}

uint32_t image_build_string(struct image_builder *b, const char *text)
{
	size_t at;
	uint32_t offset;

	if (b->error)
		return IMAGE_NONE;
	if (!grow_strings(b)) {
		b->error = -ENOMEM;
		return IMAGE_NONE;
	}
	for (at = hash_string(text) & (b->n_strings - 1); b->strings[at]; at = (at + 1) & (b->n_strings - 1))
		if (strcmp((char *)b->sections[SECTION_STRINGS].data + b->strings[at] - 1, text) == 0)
			return b->strings[at] - 1;
	offset = build_append(b, SECTION_STRINGS, text, strlen(text) + 1);
	if (b->error)
		return IMAGE_NONE;
	b->strings[at] = offset + 1;
	b->used_strings++;
	return offset;
}

static struct image_place place(struct image_builder *b, const struct build_place *p)
{
	if ((strlen(p->name) >= RULE_NAME_MAX || (p->group && strlen(p->group) >= RULE_NAME_MAX)) && !b->error)
		b->error = -EINVAL;
	return (struct image_place){.name = image_build_string(b, p->name),
		.file = p->file ? image_build_string(b, p->file) : IMAGE_NONE, .line = p->line,
		.group = p->group ? image_build_string(b, p->group) : IMAGE_NONE};
}

static struct image_policy *last_policy(struct image_builder *b)
{
	struct build_array *a = &b->sections[SECTION_POLICIES];

	if (b->error)
		return NULL;
	ASSERT(a->n > 0);
	return (struct image_policy *)(void *)a->data + a->n - 1;
}

static int compare_pending(const void *a, const void *b)
{
	const struct pending_rule *x = a, *y = b;

	if (x->rule.group_priority != y->rule.group_priority)
		return x->rule.group_priority < y->rule.group_priority ? -1 : 1;
	return (x->rule.priority > y->rule.priority) - (x->rule.priority < y->rule.priority);
}

static int compare_list_rules(const void *a, const void *b)
{
	const struct image_list_rule *x = a, *y = b;

	if (x->list != y->list)
		return x->list < y->list ? -1 : 1;
	return (x->rule > y->rule) - (x->rule < y->rule);
}

void build_end_policy(struct image_builder *b)
{
	struct pending_rule *v = (struct pending_rule *)(void *)b->pending.data;
	const uint32_t *lists = (const uint32_t *)(void *)b->pending_lists.data;
	struct image_policy *p;
	struct image_list_rule *first;

	if (b->error || b->sections[SECTION_POLICIES].n == 0)
		return;
	p = last_policy(b);
	if (b->pending.n)
		qsort(v, b->pending.n, sizeof(*v), compare_pending);
	for (size_t i = 0; i < b->pending.n; i++) {
		build_append(b, SECTION_RULES, &v[i].rule, 1);
		if (v[i].rule.protection != PROTECTION_NONE)
			build_append(b, SECTION_PROTECTIONS, &(uint32_t){(uint32_t)i}, 1);
		for (size_t k = 0; k < v[i].n_lists; k++)
			build_append(b, SECTION_LIST_RULES,
				&(struct image_list_rule){lists[v[i].first_list + k], (uint32_t)i}, 1);
	}
	if (b->error)
		return;
	p->n_rules = (uint32_t)b->pending.n;
	p->n_list_rules = (uint32_t)b->sections[SECTION_LIST_RULES].n - p->first_list_rule;
	p->n_protections = (uint32_t)b->sections[SECTION_PROTECTIONS].n - p->first_protection;
	first = (struct image_list_rule *)(void *)b->sections[SECTION_LIST_RULES].data;
	if (p->n_list_rules)
		qsort(first + p->first_list_rule, p->n_list_rules, sizeof(*first), compare_list_rules);
	b->pending.n = 0;
	b->pending_lists.n = 0;
}

uint32_t image_build_policy(struct image_builder *b, const struct build_policy *p)
{
	struct image_place where = place(b, &p->place);
	struct image_policy *policy;

	build_end_policy(b);
	policy = add(b, SECTION_POLICIES, 1);
	if (!policy)
		return IMAGE_NONE;
	policy->place = where;
	policy->has_ingress = p->has_ingress;
	policy->refusal = (uint8_t)p->refusal;
	policy->first_rule = (uint32_t)b->sections[SECTION_RULES].n;
	policy->first_egress = (uint32_t)b->sections[SECTION_EGRESS].n;
	policy->first_ingress = (uint32_t)b->sections[SECTION_INGRESS].n;
	policy->first_list_rule = (uint32_t)b->sections[SECTION_LIST_RULES].n;
	policy->first_protection = (uint32_t)b->sections[SECTION_PROTECTIONS].n;
	return (uint32_t)b->sections[SECTION_POLICIES].n - 1;
}

void image_build_ingress_present(struct image_builder *b)
{
	struct image_policy *p = last_policy(b);

	if (p)
		p->has_ingress = 1;
}

uint32_t image_build_list(struct image_builder *b)
{
	return b->n_lists++;
}

void image_build_expect(struct image_builder *b, uint64_t n, uint64_t bytes)
{
	if (!b->error)
		build_names_expect(&b->names, n, bytes + 2 * n); /* a wire name has two bytes more than its text */
}

uint64_t image_build_foresee(struct image_builder *b, const struct dns_name *lower)
{
	return build_names_foresee(&b->names, lower);
}

int image_build_foreseen(struct image_builder *b, uint32_t list, const struct dns_name *lower, bool wildcard, uint64_t hash)
{
	int rc;

	if (b->error)
		return b->error;
	rc = build_names_add(&b->names, lower, hash, wildcard, list);
	if (rc < 0 && rc != -EEXIST)
		b->error = rc;
	return rc;
}

int image_build_domain(struct image_builder *b, uint32_t list, const struct dns_name *name, bool wildcard)
{
	struct dns_name lower = *name;

	dns_name_lower(&lower);
	return image_build_foreseen(b, list, &lower, wildcard, image_build_foresee(b, &lower));
}

int image_build_domain_any(struct image_builder *b, uint32_t list)
{
	struct dns_name root = {.len = 1};
	int rc = image_build_domain(b, list, &root, true);

	return rc < 0 ? rc : image_build_domain(b, list, &root, false);
}

int image_build_domain_text(struct image_builder *b, uint32_t list, const char *pattern)
{
	bool wildcard = strncmp(pattern, "*.", 2) == 0;
	struct dns_name name;

	if (strcmp(pattern, "*") == 0)
		return image_build_domain_any(b, list);
	if (dns_name_from_text(pattern + (wildcard ? 2 : 0), &name) < 0)
		return -EINVAL;
	return image_build_domain(b, list, &name, wildcard);
}

/* A wire name among the strings. */
uint32_t build_wire(struct image_builder *b, const struct dns_name *name)
{
	return name ? build_append(b, SECTION_STRINGS, name->wire, name->len) : IMAGE_NONE;
}

void image_build_rule(struct image_builder *b, const struct build_rule *r)
{
	struct pending_rule rule = {.first_list = b->pending_lists.n, .n_lists = r->n_lists};
	struct pending_rule *slot;
	uint32_t *lists;

	rule.rule.place = place(b, &r->place);
	rule.rule.group_priority = r->group_priority ? r->group_priority : GROUP_PRIORITY_OWN;
	rule.rule.priority = r->priority;
	rule.rule.first_service = build_append(b, SECTION_SERVICES, r->services, r->n_services);
	rule.rule.n_services = (uint32_t)r->n_services;
	rule.rule.override_wire = build_wire(b, r->override_name);
	rule.rule.override_ttl_s = r->override_ttl_s;
	rule.rule.qtype = r->qtype;
	rule.rule.action = (uint8_t)r->action;
	rule.rule.response = (uint8_t)r->response;
	rule.rule.redirection = (uint8_t)r->redirection;
	rule.rule.https_records = (uint8_t)r->https_records;
	rule.rule.protection = (uint8_t)r->protection;
	rule.rule.confidence = (uint8_t)r->confidence;
	if (b->error)
		return;
	ASSERT(b->sections[SECTION_POLICIES].n > 0);
	slot = build_array_add(&b->pending, 1);
	lists = r->n_lists ? build_array_add(&b->pending_lists, r->n_lists) : NULL;
	if (!slot || (r->n_lists && !lists)) {
		b->error = -ENOMEM;
		return;
	}
	*slot = rule;
	if (lists)
		memcpy(lists, r->lists, r->n_lists * sizeof(*lists));
}

static void build_static(struct image_builder *b, enum image_section section, const struct build_static *s)
{
	struct image_static rule = {.n_prefixes = (uint32_t)s->n_prefixes, .n_services = (uint32_t)s->n_services,
		.action = (uint8_t)s->action};

	rule.place = place(b, &s->place);
	rule.first_prefix = build_append(b, SECTION_PREFIXES, s->prefixes, s->n_prefixes);
	rule.first_service = build_append(b, SECTION_SERVICES, s->services, s->n_services);
	build_append(b, section, &rule, 1);
}

void image_build_egress(struct image_builder *b, const struct build_static *s)
{
	struct image_policy *p;

	build_static(b, SECTION_EGRESS, s);
	p = last_policy(b);
	if (p)
		p->n_egress++;
}

void image_build_ingress(struct image_builder *b, const struct build_static *s)
{
	struct image_policy *p;

	build_static(b, SECTION_INGRESS, s);
	p = last_policy(b);
	if (p) {
		p->n_ingress++;
		p->has_ingress = 1;
	}
}

void image_build_sandbox(struct image_builder *b, const struct sandbox *s)
{
	build_append(b, SECTION_SANDBOXES, s, 1);
}

void image_build_upstream(struct image_builder *b, const struct image_upstream *u)
{
	if (!b->error && b->sections[SECTION_ZONES].n)
		b->error = -EINVAL;
	build_append(b, SECTION_UPSTREAMS, u, 1);
}

void image_build_file(
	struct image_builder *b, const char *path, const uint8_t sha256[static 32], uint32_t policy)
{
	struct image_file f = {.path = image_build_string(b, path), .policy = policy};

	memcpy(f.sha256, sha256, sizeof(f.sha256));
	build_append(b, SECTION_FILES, &f, 1);
}

void image_build_measure(const struct image_builder *b, uint64_t *ret_names, uint64_t *ret_bytes)
{
	*ret_names = b->names.n_patterns;
	*ret_bytes = b->names.n_slots * sizeof(struct image_slot) + b->names.sets.n * sizeof(uint32_t);
}
