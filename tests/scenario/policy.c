/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Policies of a scenario, through the image builder. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "postern/image_build.h"
#include "scenario.h"

#define SERVICES 8

struct policy_text {
	struct image_builder *b;
	struct image_settings settings;
};

static const struct {
	const char *name;
	size_t at;
} settings[] = {
#define SETTING(member) {#member, offsetof(struct image_settings, member)}
	SETTING(pin_margin_s), SETTING(answer_ttl_max_s), SETTING(upstream_timeout_ms), SETTING(upstream_tries),
	SETTING(audit_window_ms), SETTING(audit_per_sandbox), SETTING(stale_max_s), SETTING(queries_per_s), SETTING(queries_burst),
	SETTING(client_queries_per_s), SETTING(client_queries_burst),
};

struct policy_text *policy_text_new(void)
{
	struct policy_text *p = calloc(1, sizeof(*p));

	image_settings_default(&p->settings);
	p->settings.audit_all_queries = 0;
	p->settings.prefetch = 0;
	p->settings.stale_max_s = 0;
	p->settings.audit_window_ms = 1000;
	p->b = image_builder_new();
	return p;
}

void policy_text_free(struct policy_text *p)
{
	image_builder_free(p->b);
	free(p);
}

static size_t ports(char *text, struct image_service *out)
{
	size_t n = 0;
	char *save = NULL;

	for (char *port = strtok_r(text, ",", &save); port && n < SERVICES; port = strtok_r(NULL, ",", &save)) {
		uint16_t v = (uint16_t)strtoul(port, NULL, 10);

		out[n++] = (struct image_service){.first = v, .last = v, .protocol = 6};
	}
	return n;
}

static void option(struct build_rule *r, char *word, struct image_service *services, struct dns_name *override)
{
	char *value = strchr(word, '=');

	if (value)
		*value++ = '\0';
	if (!strcmp(word, "trust"))
		r->redirection = REDIRECTION_TRUST;
	else if (!strcmp(word, "strip"))
		r->https_records = HTTPS_STRIP;
	else if (!strcmp(word, "nxdomain"))
		r->response = RESPONSE_NXDOMAIN;
	else if (value && !strcmp(word, "qtype"))
		r->qtype = wire_type(value);
	else if (value && !strcmp(word, "ports"))
		r->n_services = ports(value, services);
	if (value && !strcmp(word, "group")) {
		char *priority = strchr(value, '/');

		*priority++ = '\0';
		r->place.group = value;
		r->group_priority = (uint32_t)strtoul(priority, NULL, 10);
	}
	if (value && !strcmp(word, "override")) {
		char *ttl = strchr(value, '/');

		*ttl++ = '\0';
		r->response = RESPONSE_OVERRIDE;
		r->override_name = dns_name_from_text(value, override) == 0 ? override : NULL;
		r->override_ttl_s = (uint32_t)strtoul(ttl, NULL, 10);
	}
}

/* "!DGA/HIGH" in place of domains. */
static void protection(struct build_rule *r, const char *word)
{
	static const char *const words[] = {[PROTECTION_DNS_TUNNELING] = "DNS_TUNNELING", [PROTECTION_DGA] = "DGA",
		[PROTECTION_DICTIONARY_DGA] = "DICTIONARY_DGA"};
	const char *level = strchr(word, '/') + 1;

	for (unsigned int i = 1; i < PROTECTION_COUNT; i++)
		if (!strncmp(words[i], word, (size_t)(level - word) - 1))
			r->protection = (enum protection)i;
	r->confidence = *level == 'L' ? CONFIDENCE_LOW : *level == 'M' ? CONFIDENCE_MEDIUM : CONFIDENCE_HIGH;
}

static void rule(struct policy_text *p, char *save)
{
	struct image_service services[SERVICES];
	struct dns_name override;
	char *action = strtok_r(NULL, " ", &save), *priority = strtok_r(NULL, " ", &save);
	char *domains = strtok_r(NULL, " ", &save), *word, *in = NULL;
	struct build_rule r = {.services = services, .place = {priority, "scenario", 1}};
	uint32_t list = image_build_list(p->b);
	bool protects = domains[0] == '!';

	r.action = !strcmp(action, "allow") ? ACTION_ALLOW : !strcmp(action, "alert") ? ACTION_ALERT : ACTION_BLOCK;
	r.priority = (uint32_t)strtoul(priority, NULL, 10);
	r.lists = &list;
	r.n_lists = !protects;
	if (protects)
		protection(&r, domains + 1);
	for (char *d = strtok_r(domains, ",", &in); d && !protects; d = strtok_r(NULL, ",", &in))
		(void)image_build_domain_text(p->b, list, d);
	while ((word = strtok_r(NULL, " ", &save)))
		option(&r, word, services, &override);
	image_build_rule(p->b, &r);
}

static void setting(struct policy_text *p, char *save)
{
	char *name = strtok_r(NULL, " ", &save), *value = strtok_r(NULL, " ", &save);
	uint32_t v = (uint32_t)strtoul(value, NULL, 10);

	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
		if (!strcmp(settings[i].name, name))
			memcpy((char *)&p->settings + settings[i].at, &v, sizeof(v));
	if (!strcmp(name, "trust_ad"))
		p->settings.trust_ad = v != 0;
	if (!strcmp(name, "audit_all_queries"))
		p->settings.audit_all_queries = v != 0;
	if (!strcmp(name, "upstream_cookies"))
		p->settings.upstream_cookies = v != 0;
	if (!strcmp(name, "prefetch"))
		p->settings.prefetch = v != 0;
	if (!strcmp(name, "dnssec"))
		p->settings.dnssec = v != 0;
	if (!strcmp(name, "anchors_managed"))
		p->settings.anchors_managed = v != 0;
	if (!strcmp(name, "stub_port"))
		p->settings.stub_port = (uint16_t)v;
}

static void zone(struct policy_text *p, char *save)
{
	struct image_upstream upstreams[8];
	struct prefix prefixes[8];
	struct dns_name name;
	struct build_zone z = {.name = &name, .upstreams = upstreams, .prefixes = prefixes};
	char *word = strtok_r(NULL, " ", &save), *in = NULL;

	if (!word || dns_name_from_text(word, &name) < 0)
		return;
	z.n_upstreams = strtoul(strtok_r(NULL, " ", &save), NULL, 10);
	for (size_t i = 0; i < z.n_upstreams; i++)
		upstreams[i] = (struct image_upstream){.addr = {.family = ADDR_V4, .bytes = {10, 0, 0, (uint8_t)i}}, .port = 53};
	word = strtok_r(NULL, "= ", &save);
	for (word = word ? strtok_r(save, ",", &in) : NULL; word; word = strtok_r(NULL, ",", &in))
		if (prefix_parse(word, &prefixes[z.n_prefixes]) == 0)
			z.n_prefixes++;
	image_build_zone(p->b, &z);
}

static void local(struct policy_text *p, char *save)
{
	char *name = strtok_r(NULL, " ", &save), *value = strtok_r(NULL, " ", &save), *ttl = strtok_r(NULL, " ", &save);
	struct dns_name owner, target;
	struct build_record rec = {.name = &owner, .ttl_s = ttl ? (uint32_t)strtoul(ttl + 4, NULL, 10) : 60};

	if (dns_name_from_text(name, &owner) < 0)
		return;
	if (addr_parse(value, &rec.addr) < 0)
		rec.target = dns_name_from_text(value, &target) == 0 ? &target : NULL;
	image_build_record(p->b, &rec);
}

void policy_text_anchor(struct policy_text *p, const struct anchor_configured *c)
{
	struct image_anchor a = {.tag = c->ds.tag, .algorithm = c->ds.algorithm, .digest_type = c->ds.digest_type,
		.digest_len = c->ds.digest_len};

	memcpy(a.digest, c->ds.digest, sizeof(a.digest));
	image_build_anchor(p->b, &c->zone, &a);
}

static void negative(struct policy_text *p, char *save)
{
	char *name = strtok_r(NULL, " ", &save), *until = strtok_r(NULL, " ", &save);
	struct dns_name zone_name;

	if (until && dns_name_from_text(name, &zone_name) == 0)
		image_build_negative(p->b, &zone_name, strtoull(until, NULL, 10));
}

bool policy_text_line(struct policy_text *p, char *line)
{
	char *save = NULL, *word = strtok_r(line, " ", &save);

	if (!strcmp(word, "policy")) {
		image_build_policy(p->b, &(struct build_policy){.place = {strtok_r(NULL, " ", &save), "scenario", 1}});
		return true;
	}
	if (!strcmp(word, "rule")) {
		rule(p, save);
		return true;
	}
	if (!strcmp(word, "setting")) {
		setting(p, save);
		return true;
	}
	if (!strcmp(word, "upstream")) {
		struct image_upstream u = {.port = 53};

		if (addr_parse(save, &u.addr) == 0)
			image_build_upstream(p->b, &u);
		return true;
	}
	if (!strcmp(word, "upstream-tls")) {
		struct image_upstream u = {.port = 853, .tls = image_build_string(p->b, "dns.example")};

		if (addr_parse(save, &u.addr) == 0)
			image_build_upstream(p->b, &u);
		return true;
	}
	if (!strcmp(word, "zone")) {
		zone(p, save);
		return true;
	}
	if (!strcmp(word, "local")) {
		local(p, save);
		return true;
	}
	if (!strcmp(word, "negative")) {
		negative(p, save);
		return true;
	}
	if (!strcmp(word, "upstreams")) {
		unsigned long n = strtoul(strtok_r(NULL, " ", &save), NULL, 10);

		for (unsigned long i = 0; i < n; i++) {
			struct image_upstream u = {.addr = {.family = ADDR_V4, .bytes = {192, 0, 2, (uint8_t)(53 + i)}}, .port = 53};

			image_build_upstream(p->b, &u);
		}
		return true;
	}
	return false;
}

struct image *policy_text_load(struct policy_text *p, void **ret_data)
{
	struct image *im = NULL;
	size_t len;

	image_build_settings(p->b, &p->settings);
	if (image_builder_finish(p->b, ret_data, &len) < 0 || image_view(*ret_data, len, &im) < 0)
		im = NULL;
	image_builder_free(p->b);
	p->b = image_builder_new();
	return im;
}
