/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every line is built in a writer that covers what is left of the buffer, and counts only when it is
 * whole. The shape is the same everywhere: optional "id", then the payload; the last line begins with "v" and "ok".
 */
#include "reply.h"

#include <stdio.h>
#include <string.h>

#include "config.h"
#include "postern/clock.h"
#include "postern/counters.h"
#include "postern/escape.h"

#define PROTOCOL_VERSION 1

static void line_begin(const struct reply *r, struct json_out *j, const struct request *req)
{
	json_out_init(j, (char *)r->data + r->len, sizeof(r->data) - r->len);
	json_out_open(j, NULL, '{');
	if (req->id[0])
		json_out_str(j, "id", req->id);
}

static void line_end(struct reply *r, struct json_out *j)
{
	json_out_close(j, '}');
	if (j->failed || j->len == j->cap) {
		r->failed = true;
		return;
	}
	j->data[j->len] = '\n';
	r->len += j->len + 1;
}

static void last_begin(const struct reply *r, struct json_out *j, const struct request *req, bool ok)
{
	line_begin(r, j, req);
	json_out_u64(j, "v", PROTOCOL_VERSION);
	json_out_bool(j, "ok", ok);
}

static void put_text(struct json_out *j, const char *key, const char *value)
{
	if (value[0])
		json_out_str(j, key, value);
}

static const char *protocol_text(uint8_t protocol)
{
	return protocol == 6 ? "tcp" : protocol == 17 ? "udp" : NULL;
}

static void put_pin(struct json_out *j, const struct pin_row *row)
{
	char name[DNS_NAME_TEXT_MAX], addr[ADDR_TEXT_MAX];
	const char *protocol = protocol_text(row->service.protocol);

	json_out_open(j, "pin", '{');
	put_text(j, "sandbox", row->sandbox);
	json_out_str(j, "name", dns_name_to_text(&row->name, name));
	json_out_str(j, "address", addr_format(&row->addr, addr));
	if (protocol)
		json_out_str(j, "protocol", protocol);
	else
		json_out_u64(j, "protocol_number", row->service.protocol);
	json_out_u64(j, "port", row->service.first_port);
	put_text(j, "rule", row->rule);
	put_text(j, "group", row->group);
	json_out_u64(j, "expires_in_ms", row->expires_in_ms);
	json_out_close(j, '}');
}

void reply_pins(struct reply *r, const struct request *req, const struct msg_pins *m)
{
	struct json_out j;

	for (uint32_t i = 0; i < m->n; i++) {
		line_begin(r, &j, req);
		put_pin(&j, &m->rows[i]);
		line_end(r, &j);
	}
}

static void put_selector(struct json_out *j, enum sandbox_kind kind, const struct selector *s)
{
	char text[ADDR_TEXT_MAX + 4];

	switch (kind) {
	case SANDBOX_INTERFACE:
		json_out_str(j, NULL, s->ifname);
		break;
	case SANDBOX_SOURCE:
		json_out_str(j, NULL, prefix_format(&s->source, text));
		break;
	case SANDBOX_CGROUP:
		json_out_str(j, NULL, s->cgroup);
		break;
	case SANDBOX_UID:
		json_out_u64(j, NULL, s->uid);
		break;
	case SANDBOX_HOST:
		json_out_bool(j, NULL, true);
		break;
	case SANDBOX_KIND_COUNT:
		break;
	}
}

static bool present(const struct sandbox *s)
{
	for (unsigned int i = 0; s->kind == SANDBOX_CGROUP && i < s->n_selectors; i++)
		if (s->selectors[i].cgroup_id == 0)
			return false;
	return true;
}

static void put_sandbox(struct json_out *j, const struct sandbox *s)
{
	enum sandbox_kind kind = (enum sandbox_kind)s->kind;

	json_out_open(j, "sandbox", '{');
	json_out_str(j, "name", s->name);
	json_out_str(j, "policy", s->policy);
	json_out_str(j, "kind", sandbox_kind_text(kind));
	json_out_open(j, sandbox_kind_text(kind), '[');
	for (unsigned int i = 0; i < s->n_selectors; i++)
		put_selector(j, kind, &s->selectors[i]);
	json_out_close(j, ']');
	json_out_bool(j, "runtime", s->runtime);
	json_out_str(j, "mode", sandbox_mode_text((enum sandbox_mode)s->mode));
	if (s->fail_open)
		json_out_bool(j, "fail_open", true);
	if (!present(s))
		json_out_bool(j, "absent", true);
	json_out_u64(j, "stub_port", s->stub_port);
	json_out_close(j, '}');
}

void reply_sandboxes(struct reply *r, const struct request *req, const struct msg_sandboxes *m)
{
	struct json_out j;

	for (uint32_t i = 0; i < m->n; i++) {
		line_begin(r, &j, req);
		put_sandbox(&j, &m->rows[i]);
		line_end(r, &j);
	}
}

void reply_diagnostic(struct reply *r, const struct request *req, const char *text)
{
	struct json_out j;

	line_begin(r, &j, req);
	json_out_str(&j, "diagnostic", text);
	line_end(r, &j);
}

void reply_rows(struct reply *r, const struct request *req, unsigned int n_rows)
{
	struct json_out j;

	last_begin(r, &j, req, true);
	json_out_u64(&j, "rows", n_rows);
	line_end(r, &j);
}

static void put_counters(struct json_out *j, const struct msg_status *m)
{
	json_out_open(j, "counters", '{');
	for (unsigned int role = 0; role < ROLE_COUNT; role++) {
		json_out_open(j, role_text((enum role)role), '{');
		for (unsigned int i = 0; i < COUNTERS_MAX && counter_name((enum role)role, i); i++)
			json_out_u64(j, counter_name((enum role)role, i), m->counters[role][i]);
		json_out_close(j, '}');
	}
	json_out_close(j, '}');
}

static void put_daemon(struct json_out *j, const struct msg_status *m)
{
	char text[CLOCK_TEXT_MAX];

	json_out_str(j, "version", POSTERN_VERSION);
	json_out_str(j, "started", clock_format(m->started_wall_us, text));
	json_out_str(j, "policy_loaded", clock_format(m->loaded_wall_us, text));
	json_out_u64(j, "generation", m->generation);
	json_out_u64(j, "sandboxes", m->n_sandboxes);
	json_out_u64(j, "pins", m->n_pins);
	json_out_str(j, "queue", m->queue_native ? "native" : "xt");
	json_out_str(j, "renewal", m->renew_in_place ? "in-place" : "delete-add");
	json_out_open(j, "pids", '{');
	for (unsigned int role = 0; role < ROLE_COUNT; role++)
		if (m->pids[role] > 0)
			json_out_u64(j, role_text((enum role)role), (uint64_t)m->pids[role]);
	json_out_close(j, '}');
}

static void put_upstreams(struct json_out *j, const struct msg_status *m)
{
	static const char *const states[] = {[UPSTREAM_UNTRIED] = "untried", [UPSTREAM_UP] = "up", [UPSTREAM_DOWN] = "down"};
	char addr[ADDR_TEXT_MAX];

	json_out_open(j, "upstreams", '[');
	for (uint32_t i = 0; i < m->n_upstreams; i++) {
		const struct upstream_row *u = &m->upstreams[i];

		json_out_open(j, NULL, '{');
		json_out_str(j, "address", addr_format(&u->addr, addr));
		json_out_u64(j, "port", u->port);
		json_out_bool(j, "tls", u->tls);
		json_out_str(j, "state", states[u->state]);
		json_out_u64(j, "rtt_ms", u->rtt_ms);
		json_out_u64(j, "answered", u->answered);
		json_out_u64(j, "silent", u->silent);
		json_out_close(j, '}');
	}
	json_out_close(j, ']');
}

static void put_time(struct json_out *j, const char *key, uint64_t wall_s)
{
	char text[CLOCK_TEXT_MAX];

	if (wall_s && wall_s < UINT64_MAX / 1000000u)
		json_out_str(j, key, clock_format(wall_s * 1000000u, text));
}

static void put_anchor(struct json_out *j, const struct anchor_key *k)
{
	char digest[2 * sizeof(k->ds.digest) + 1];

	for (unsigned int i = 0; i < k->ds.digest_len; i++)
		snprintf(digest + 2 * i, 3, "%02x", k->ds.digest[i]);
	json_out_open(j, NULL, '{');
	json_out_u64(j, "tag", k->ds.tag);
	json_out_u64(j, "algorithm", k->ds.algorithm);
	json_out_u64(j, "digest_type", k->ds.digest_type);
	json_out_str(j, "digest", digest);
	json_out_str(j, "state", anchor_state_text((enum anchor_state)k->state));
	json_out_bool(j, "configured", k->configured);
	put_time(j, "since", k->since_s);
	put_time(j, "until", k->until_s);
	json_out_close(j, '}');
}

static void put_anchored_zone(struct json_out *j, const struct anchors *a, uint32_t zone)
{
	char name[DNS_NAME_TEXT_MAX];

	json_out_open(j, NULL, '{');
	json_out_str(j, "zone", dns_name_to_text(&a->zones[zone].name, name));
	put_time(j, "seen", a->zones[zone].seen_s);
	json_out_open(j, "keys", '[');
	for (uint32_t i = 0; i < a->n_keys; i++)
		if (a->keys[i].zone == zone)
			put_anchor(j, &a->keys[i]);
	json_out_close(j, ']');
	json_out_close(j, '}');
}

/* Nothing of a daemon that does not validate. */
static void put_anchors(struct json_out *j, const struct anchors *a, const struct msg_status *m)
{
	static const char *const files[] = {[IMAGE_ANCHORS_NONE] = "none", [IMAGE_ANCHORS_GOOD] = "good", [IMAGE_ANCHORS_BAD] = "bad"};
	char name[DNS_NAME_TEXT_MAX];

	if (m->anchors_managed) {
		json_out_str(j, "anchor_file", files[m->anchor_file]);
		json_out_bool(j, "anchors_kept", m->anchors_kept && !m->anchors_error);
		if (m->anchors_error)
			json_out_str(j, "anchors_error", strerror(-m->anchors_error));
		json_out_open(j, "trust_anchors", '[');
		for (uint32_t i = 0; i < a->n_zones; i++)
			put_anchored_zone(j, a, i);
		json_out_close(j, ']');
	}
	if (m->n_negative == 0)
		return;
	json_out_open(j, "negative_trust_anchors", '[');
	for (uint32_t i = 0; i < m->n_negative; i++) {
		json_out_open(j, NULL, '{');
		json_out_str(j, "zone", dns_name_to_text(&m->negative[i].zone, name));
		put_time(j, "until", m->negative[i].until_s);
		json_out_close(j, '}');
	}
	json_out_close(j, ']');
}

void reply_status(struct reply *r, const struct request *req, const struct anchors *anchors, const struct msg_status *m)
{
	struct json_out j;

	last_begin(r, &j, req, true);
	if (req->op == OP_STATUS) {
		put_daemon(&j, m);
		put_upstreams(&j, m);
		put_anchors(&j, anchors, m);
	}
	put_counters(&j, m);
	line_end(r, &j);
}

static void put_failure(struct json_out *j, const struct msg_result *m)
{
	const char *name = strerrorname_np(-m->error);

	json_out_str(j, "code", "refused");
	json_out_str(j, "errno", name ? name : "EINVAL");
	json_out_str(j, "error", m->text[0] ? m->text : strerror(-m->error));
}

void reply_result(struct reply *r, const struct request *req, const struct msg_result *m)
{
	struct json_out j;

	last_begin(r, &j, req, m->error == 0);
	if (m->error)
		put_failure(&j, m);
	else
		put_text(&j, "text", m->text);
	line_end(r, &j);
}

void reply_reloaded(struct reply *r, const struct request *req, const struct msg_result *m)
{
	struct json_out j;

	last_begin(r, &j, req, m->error == 0);
	json_out_u64(&j, "errors", m->n_errors);
	json_out_u64(&j, "warnings", m->n_warnings);
	if (m->error)
		put_failure(&j, m);
	line_end(r, &j);
}

void reply_error(struct reply *r, const struct request *req, const char *code, const char *text)
{
	struct json_out j;

	last_begin(r, &j, req, false);
	json_out_str(&j, "code", code);
	json_out_str(&j, "error", text);
	line_end(r, &j);
}

static bool ends(const char *s, size_t cap)
{
	return memchr(s, '\0', cap) != NULL;
}

bool reply_status_valid(const struct msg_status *m)
{
	struct dns_name name;

	if (m->n_negative > IMAGE_NEGATIVE_MAX || m->anchor_file > IMAGE_ANCHORS_BAD || m->anchors_error > 0 ||
		m->anchors_error <= -4096)
		return false;
	for (uint32_t i = 0; i < m->n_negative; i++)
		if (dns_name_from_wire(m->negative[i].zone.wire, m->negative[i].zone.len, &name) < 0)
			return false;
	return upstream_rows_valid(m->upstreams, m->n_upstreams);
}

bool reply_pins_valid(const struct msg_pins *m)
{
	struct dns_name name;

	if (m->n > PINS_PER_MESSAGE)
		return false;
	for (uint32_t i = 0; i < m->n; i++) {
		const struct pin_row *row = &m->rows[i];

		if (!ends(row->sandbox, sizeof(row->sandbox)) || !ends(row->rule, sizeof(row->rule)) ||
			!ends(row->group, sizeof(row->group)))
			return false;
		if (row->addr.family != ADDR_V4 && row->addr.family != ADDR_V6)
			return false;
		if (dns_name_from_wire(row->name.wire, row->name.len, &name) < 0)
			return false;
	}
	return true;
}

bool reply_sandboxes_valid(const struct msg_sandboxes *m)
{
	if (m->n > SANDBOXES_PER_MESSAGE)
		return false;
	for (uint32_t i = 0; i < m->n; i++)
		if (!sandbox_valid(&m->rows[i]))
			return false;
	return true;
}

bool reply_result_valid(const struct msg_result *m)
{
	return ends(m->text, sizeof(m->text)) && m->error <= 0 && m->error > -4096;
}
