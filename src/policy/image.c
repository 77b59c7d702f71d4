/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The image as a reader sees it: checked once, then trusted.
 *
 * image_view() accepts any bytes and either refuses them or makes every accessor and every match
 * safe: each section lies inside the file, aligned; each index and range of each record lies inside
 * its section; each enum is in range; strings end. The ranges of policies follow one another
 * without overlap, so the check is linear in the size of the records.
 *
 * The name table (three large sections) is the exception: it is not read here, because ten
 * million names would cost every process a pass over half a gigabyte. Its reader, match.c, bounds
 * each probe instead.
 */
#include "image_format.h"
#include "postern/anchor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "postern/flow.h"

static const size_t element_sizes[] = {
	[SECTION_SETTINGS] = sizeof(struct image_settings),
	[SECTION_STRINGS] = 1,
	[SECTION_POLICIES] = sizeof(struct image_policy),
	[SECTION_RULES] = sizeof(struct image_rule),
	[SECTION_EGRESS] = sizeof(struct image_static),
	[SECTION_INGRESS] = sizeof(struct image_static),
	[SECTION_SERVICES] = sizeof(struct image_service),
	[SECTION_PREFIXES] = sizeof(struct prefix),
	[SECTION_LIST_RULES] = sizeof(struct image_list_rule),
	[SECTION_PROTECTIONS] = sizeof(uint32_t),
	[SECTION_SANDBOXES] = sizeof(struct sandbox),
	[SECTION_UPSTREAMS] = sizeof(struct image_upstream),
	[SECTION_ZONES] = sizeof(struct image_zone),
	[SECTION_RECORDS] = sizeof(struct image_record),
	[SECTION_ANCHORS] = sizeof(struct image_anchor),
	[SECTION_ANCHOR_STATE] = sizeof(struct anchors),
	[SECTION_NEGATIVE] = sizeof(struct image_negative),
	[SECTION_FILES] = sizeof(struct image_file),
	[SECTION_SETS] = sizeof(uint32_t),
	[SECTION_NAMES] = 1,
	[SECTION_SLOTS] = sizeof(struct image_slot),
};
static_assert(ARRAY_LEN(element_sizes) == SECTION_COUNT, "a size for every section");

size_t image_element_size(enum image_section s)
{
	return element_sizes[s];
}

static bool range_ok(const struct image *im, enum image_section s, uint32_t first, uint32_t n)
{
	return (uint64_t)first + n <= im->count[s];
}

static bool string_ok(const struct image *im, uint32_t string)
{
	return string == IMAGE_NONE || string < im->count[SECTION_STRINGS];
}

static bool place_ok(const struct image *im, const struct image_place *p)
{
	return string_ok(im, p->name) && string_ok(im, p->file) && string_ok(im, p->group) &&
		strlen(image_string(im, p->name)) < RULE_NAME_MAX && strlen(image_string(im, p->group)) < RULE_NAME_MAX;
}

static bool output_ok(const struct image *im, const struct image_output *o)
{
	const uint32_t words[] = {o->account_id, o->region, o->vpc_id, o->instance};

	if (!string_ok(im, o->directory) || o->n_fields > IMAGE_FLOW_FIELDS_MAX)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (!string_ok(im, words[i]) || strlen(image_string(im, words[i])) > IMAGE_OUTPUT_WORD_MAX)
			return false;
	for (unsigned int i = 0; i < o->n_fields; i++)
		if (o->fields[i] >= FLOW_FIELD_COUNT)
			return false;
	return true;
}

static bool settings_ok(const struct image *im)
{
	const struct image_settings *s = im->section[SECTION_SETTINGS];

	for (unsigned int i = 0; im->count[SECTION_SETTINGS] == 1 && i < AUDIT_FORMAT_COUNT; i++)
		if (!output_ok(im, &s->audit_outputs[i]))
			return false;

	return im->count[SECTION_SETTINGS] == 1 && string_ok(im, s->audit_directory) && string_ok(im, s->anchor_directory) && s->pin_min_s > 0 &&
		s->pin_min_s <= s->pin_max_s && s->pin_max_s <= IMAGE_PIN_MAX_S &&
		s->pin_grace_s <= IMAGE_PIN_MAX_S && s->pin_margin_s < s->pin_min_s + s->pin_grace_s &&
		s->upstream_timeout_ms > 0 && s->upstream_tries > 0 && s->queries_per_s > 0 &&
		s->queries_per_s <= IMAGE_QUERIES_MAX && s->queries_burst > 0 && s->queries_burst <= IMAGE_QUERIES_MAX &&
		s->client_queries_per_s > 0 && s->client_queries_per_s <= IMAGE_QUERIES_MAX && s->client_queries_burst > 0 &&
		s->client_queries_burst <= IMAGE_QUERIES_MAX && s->client_prefix6 >= IMAGE_CLIENT_PREFIX6_MIN &&
		s->client_prefix6 <= 128 &&
		s->audit_per_sandbox >= 2 && s->audit_per_sandbox <= IMAGE_RECORDS_MAX && s->audit_all_queries <= 1 &&
		s->forward_others <= 1 && s->prefetch <= 1 && s->trust_ad <= 1 && s->upstream_cookies <= 1;
}

static bool services_ok(const struct image *im)
{
	const struct image_service *v = im->section[SECTION_SERVICES];

	for (uint64_t i = 0; i < im->count[SECTION_SERVICES]; i++)
		if (v[i].first > v[i].last)
			return false;
	return true;
}

static bool addr_ok(const struct addr *a)
{
	return a->family == ADDR_V4 || a->family == ADDR_V6;
}

static bool prefix_ok(const struct prefix *p)
{
	if (!addr_ok(&p->addr) || p->len > addr_bits(&p->addr))
		return false;
	for (unsigned int bit = p->len; bit < 8 * sizeof(p->addr.bytes); bit++)
		if (p->addr.bytes[bit / 8] & (0x80u >> bit % 8))
			return false;
	return true;
}

static bool prefixes_ok(const struct image *im)
{
	const struct prefix *v = im->section[SECTION_PREFIXES];

	for (uint64_t i = 0; i < im->count[SECTION_PREFIXES]; i++)
		if (!prefix_ok(&v[i]))
			return false;
	return true;
}

/* A name pins one port at a time: its services are single ports, and few. */
static bool rule_ok(const struct image *im, const struct image_rule *r)
{
	struct dns_name wire;

	if (!place_ok(im, &r->place) || !range_ok(im, SECTION_SERVICES, r->first_service, r->n_services))
		return false;
	if (r->n_services > RULE_SERVICES_MAX || r->action >= ACTION_COUNT || r->response >= RESPONSE_COUNT ||
		r->redirection >= REDIRECTION_COUNT || r->https_records >= HTTPS_COUNT)
		return false;
	for (uint32_t i = 0; i < r->n_services; i++) {
		const struct image_service *s = image_services(im, r->first_service + i);

		if (s->first != s->last || s->protocol == 0)
			return false;
	}
	if (r->override_wire == IMAGE_NONE)
		return r->action != ACTION_BLOCK || r->response != RESPONSE_OVERRIDE;
	return image_wire(im, r->override_wire, &wire);
}

static bool protection_ok(const struct image_rule *r)
{
	if (r->protection >= PROTECTION_COUNT || r->confidence >= CONFIDENCE_COUNT)
		return false;
	if (r->protection == PROTECTION_NONE)
		return r->confidence == CONFIDENCE_NONE;
	return r->confidence != CONFIDENCE_NONE && r->action != ACTION_ALLOW && r->n_services == 0;
}

static bool rules_ok(const struct image *im)
{
	const struct image_rule *v = im->section[SECTION_RULES];

	for (uint64_t i = 0; i < im->count[SECTION_RULES]; i++)
		if (!rule_ok(im, &v[i]) || !protection_ok(&v[i]))
			return false;
	return true;
}

static bool statics_ok(const struct image *im, enum image_section s)
{
	const struct image_static *v = im->section[s];

	for (uint64_t i = 0; i < im->count[s]; i++)
		if (!place_ok(im, &v[i].place) || v[i].action >= ACTION_BLOCK ||
			!range_ok(im, SECTION_PREFIXES, v[i].first_prefix, v[i].n_prefixes) ||
			!range_ok(im, SECTION_SERVICES, v[i].first_service, v[i].n_services))
			return false;
	return true;
}

static bool list_rules_ok(const struct image *im, const struct image_policy *p)
{
	const struct image_list_rule *v = im->section[SECTION_LIST_RULES];

	for (uint32_t i = 0; i < p->n_list_rules; i++)
		if (v[p->first_list_rule + i].rule >= p->n_rules ||
			image_rule(im, p, v[p->first_list_rule + i].rule)->protection != PROTECTION_NONE)
			return false;
	return true;
}

static bool protections_ok(const struct image *im, const struct image_policy *p)
{
	for (uint32_t i = 0; i < p->n_protections; i++)
		if (image_protection(im, p, i) >= p->n_rules || (i && image_protection(im, p, i) <= image_protection(im, p, i - 1)) ||
			image_rule(im, p, image_protection(im, p, i))->protection == PROTECTION_NONE)
			return false;
	return true;
}

/* Takes @n elements from a section that policies share out in order; false where they do not. */
static bool take(const struct image *im, enum image_section s, uint64_t *taken, uint32_t first, uint32_t n)
{
	if (first != *taken || !range_ok(im, s, first, n))
		return false;
	*taken += n;
	return true;
}

static bool policies_ok(const struct image *im)
{
	const struct image_policy *v = im->section[SECTION_POLICIES];
	uint64_t rules = 0, egress = 0, ingress = 0, list_rules = 0, protections = 0;

	for (uint64_t i = 0; i < im->count[SECTION_POLICIES]; i++) {
		const struct image_policy *p = &v[i];

		if (!place_ok(im, &p->place) || !sandbox_name_valid(image_string(im, p->place.name)))
			return false;
		if (p->refusal >= REFUSAL_COUNT || p->has_ingress > 1)
			return false;
		if (!take(im, SECTION_RULES, &rules, p->first_rule, p->n_rules) ||
			!take(im, SECTION_EGRESS, &egress, p->first_egress, p->n_egress) ||
			!take(im, SECTION_INGRESS, &ingress, p->first_ingress, p->n_ingress) ||
			!take(im, SECTION_LIST_RULES, &list_rules, p->first_list_rule, p->n_list_rules) ||
			!take(im, SECTION_PROTECTIONS, &protections, p->first_protection, p->n_protections))
			return false;
		if (!list_rules_ok(im, p) || !protections_ok(im, p))
			return false;
	}
	return true;
}

static bool sandboxes_ok(const struct image *im)
{
	const struct sandbox *v = im->section[SECTION_SANDBOXES];
	const uint8_t *raw = im->section[SECTION_SANDBOXES];

	/* a bool that holds neither 0 nor 1 may not even be read as one */
	for (uint64_t i = 0; i < im->count[SECTION_SANDBOXES]; i++)
		if (raw[i * sizeof(*v) + offsetof(struct sandbox, runtime)] != 0 || !sandbox_valid(&v[i]))
			return false;
	return im->count[SECTION_SANDBOXES] <= SANDBOX_MAX;
}

static bool tail_ok(const struct image *im)
{
	const struct image_upstream *up = im->section[SECTION_UPSTREAMS];
	const struct image_file *files = im->section[SECTION_FILES];

	for (uint64_t i = 0; i < im->count[SECTION_UPSTREAMS]; i++)
		if (!addr_ok(&up[i].addr) || up[i].port == 0 || !string_ok(im, up[i].tls) || !string_ok(im, up[i].ca))
			return false;
	for (uint64_t i = 0; i < im->count[SECTION_FILES]; i++)
		if (!string_ok(im, files[i].path) ||
			(files[i].policy != IMAGE_NONE && files[i].policy >= im->count[SECTION_POLICIES]))
			return false;
	return true;
}

/* Fills section and count of every section that lies inside the file. */
static bool sections_ok(struct image *im)
{
	for (unsigned int s = 0; s < SECTION_COUNT; s++) {
		struct image_extent e = im->header->sections[s];

		if (e.offset % IMAGE_ALIGN || e.offset < sizeof(*im->header) || e.offset > im->len)
			return false;
		if (e.count > (im->len - e.offset) / element_sizes[s])
			return false;
		im->section[s] = im->data + e.offset;
		im->count[s] = e.count;
		if (s != SECTION_NAMES && e.count >= IMAGE_NONE)
			return false;
	}
	return true;
}

static bool strings_ok(const struct image *im)
{
	const char *v = im->section[SECTION_STRINGS];
	uint64_t n = im->count[SECTION_STRINGS];

	return n > 0 && v[n - 1] == '\0';
}

static bool image_ok(struct image *im)
{
	if (im->len < sizeof(*im->header) || memcmp(im->header->magic, IMAGE_MAGIC, 8) != 0 ||
		im->header->size != im->len)
		return false;
	return sections_ok(im) && strings_ok(im) && settings_ok(im) && services_ok(im) && prefixes_ok(im) &&
		rules_ok(im) && statics_ok(im, SECTION_EGRESS) && statics_ok(im, SECTION_INGRESS) &&
		policies_ok(im) && sandboxes_ok(im) && tail_ok(im) && image_forward_ok(im) && image_anchors_ok(im);
}

int image_view(const void *data, size_t len, struct image **ret_image)
{
	struct image *im;

	if ((uintptr_t)data % IMAGE_ALIGN)
		return -EBADMSG;
	im = calloc(1, sizeof(*im));
	if (!im)
		return -ENOMEM;
	im->data = data;
	im->len = len;
	im->header = data;
	if (!image_ok(im)) {
		free(im);
		return -EBADMSG;
	}
	*ret_image = im;
	return 0;
}

int image_map(int fd, struct image **ret_image)
{
	struct stat st;
	void *data;
	int rc;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_size < (off_t)sizeof(struct image_header))
		return -EBADMSG;
	data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (data == MAP_FAILED)
		return -errno;
	rc = image_view(data, (size_t)st.st_size, ret_image);
	if (rc < 0)
		munmap(data, (size_t)st.st_size);
	else
		(*ret_image)->mapped = true;
	return rc;
}

void image_unmap(struct image *im)
{
	if (im && im->mapped)
		munmap((void *)(uintptr_t)im->data, im->len);
	free(im);
}

size_t image_size(const struct image *im)
{
	return im->len;
}

const struct image_settings *image_settings(const struct image *im)
{
	return im->section[SECTION_SETTINGS];
}

const char *image_string(const struct image *im, uint32_t string)
{
	return string == IMAGE_NONE ? "" : (const char *)im->section[SECTION_STRINGS] + string;
}

bool image_wire(const struct image *im, uint32_t wire, struct dns_name *ret_name)
{
	struct bytes_reader r;

	if (wire == IMAGE_NONE)
		return false;
	bytes_reader_init(&r, im->section[SECTION_STRINGS], im->count[SECTION_STRINGS]);
	bytes_seek(&r, wire);
	return dns_name_read(&r, false, ret_name) == 0;
}

uint32_t image_n_policies(const struct image *im)
{
	return (uint32_t)im->count[SECTION_POLICIES];
}

const struct image_policy *image_policy(const struct image *im, uint32_t policy)
{
	return (const struct image_policy *)im->section[SECTION_POLICIES] + policy;
}

uint32_t image_policy_find(const struct image *im, const char *name)
{
	for (uint32_t i = 0; i < image_n_policies(im); i++)
		if (strcmp(image_string(im, image_policy(im, i)->place.name), name) == 0)
			return i;
	return IMAGE_NONE;
}

const struct image_rule *image_rule(const struct image *im, const struct image_policy *p, uint32_t rule)
{
	return (const struct image_rule *)im->section[SECTION_RULES] + p->first_rule + rule;
}

uint32_t image_protection(const struct image *im, const struct image_policy *p, uint32_t i)
{
	return ((const uint32_t *)im->section[SECTION_PROTECTIONS])[p->first_protection + i];
}

const struct image_static *image_egress(const struct image *im, const struct image_policy *p, uint32_t i)
{
	return (const struct image_static *)im->section[SECTION_EGRESS] + p->first_egress + i;
}

const struct image_static *image_ingress(const struct image *im, const struct image_policy *p, uint32_t i)
{
	return (const struct image_static *)im->section[SECTION_INGRESS] + p->first_ingress + i;
}

const struct image_service *image_services(const struct image *im, uint32_t first)
{
	return (const struct image_service *)im->section[SECTION_SERVICES] + first;
}

const struct prefix *image_prefixes(const struct image *im, uint32_t first)
{
	return (const struct prefix *)im->section[SECTION_PREFIXES] + first;
}

uint32_t image_n_sandboxes(const struct image *im)
{
	return (uint32_t)im->count[SECTION_SANDBOXES];
}

const struct sandbox *image_sandbox(const struct image *im, uint32_t i)
{
	return (const struct sandbox *)im->section[SECTION_SANDBOXES] + i;
}

uint32_t image_n_upstreams(const struct image *im)
{
	return (uint32_t)im->count[SECTION_UPSTREAMS];
}

const struct image_upstream *image_upstream(const struct image *im, uint32_t i)
{
	return (const struct image_upstream *)im->section[SECTION_UPSTREAMS] + i;
}

bool image_upstream_tls(const struct image *im, uint32_t i)
{
	return image_string(im, image_upstream(im, i)->tls)[0] != '\0';
}

uint32_t image_n_files(const struct image *im)
{
	return (uint32_t)im->count[SECTION_FILES];
}

const struct image_file *image_file(const struct image *im, uint32_t i)
{
	return (const struct image_file *)im->section[SECTION_FILES] + i;
}
