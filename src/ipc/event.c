/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Audit events: words of the log, filling and checking. See the header. */
#include "postern/event.h"

#include <string.h>

#include "postern/clock.h"

#define WALL_US_MAX (253402300799ull * 1000000) /* the year 9999: RFC 3339 has no later one */

static const char *const kinds[] = {
	[EVENT_START] = "start", [EVENT_STOP] = "stop", [EVENT_POLICY] = "policy",
	[EVENT_POLICY_FAILED] = "policy-failed", [EVENT_SANDBOX] = "sandbox", [EVENT_DNS] = "dns", [EVENT_PIN] = "pin",
	[EVENT_REFUSAL] = "refusal", [EVENT_ALERT] = "alert", [EVENT_CUT] = "cut", [EVENT_TAMPER] = "tamper",
	[EVENT_ANCHOR] = "trust-anchor", [EVENT_SUPPRESSED] = "suppressed",
};
static_assert(ARRAY_LEN(kinds) == EVENT_KIND_COUNT, "a word for every kind");

static const char *const actions[] = {
	[EVENT_ACTION_NONE] = "none", [EVENT_ALLOWED] = "allow", [EVENT_ALERTED] = "alert", [EVENT_BLOCKED] = "block",
	[EVENT_REFUSED] = "refuse", [EVENT_DROPPED] = "drop", [EVENT_WOULD_BLOCK] = "would-block",
};
static_assert(ARRAY_LEN(actions) == EVENT_ACTION_COUNT, "a word for every action");

const char *event_kind_text(enum event_kind k)
{
	return kinds[k];
}

enum event_kind event_kind_parse(const char *text)
{
	unsigned int k = 0;

	while (k < EVENT_KIND_COUNT && strcmp(kinds[k], text) != 0)
		k++;
	return (enum event_kind)k;
}

const char *event_action_text(enum event_action a)
{
	return actions[a];
}

enum event_action event_action_parse(const char *text)
{
	unsigned int a = 0;

	while (a < EVENT_ACTION_COUNT && strcmp(actions[a], text) != 0)
		a++;
	return (enum event_action)a;
}

void event_init(struct event *e, enum event_kind k)
{
	memset(e, 0, sizeof(*e));
	e->kind = (uint16_t)k;
	e->count = 1;
	e->slot = SANDBOX_NONE;
	e->wall_us = e->last_wall_us = clock_wall_us();
}

struct event event_new(enum event_kind k)
{
	struct event e;

	event_init(&e, k);
	return e;
}

void event_set_text(char *dst, size_t cap, const char *src)
{
	size_t n = strnlen(src, cap - 1);

	memcpy(dst, src, n);
	dst[n] = '\0';
}

static bool ends(const char *s, size_t cap)
{
	return memchr(s, '\0', cap) != NULL;
}

/* As it came over the channel: anything but 0 and 1 in a bool is undefined to read as one. */
static bool bool_valid(const bool *b)
{
	unsigned char byte;

	memcpy(&byte, b, 1);
	return byte <= 1;
}

static bool times_valid(const struct event *e)
{
	return e->wall_us <= WALL_US_MAX && e->last_wall_us <= WALL_US_MAX;
}

static bool address_valid(const struct addr *a)
{
	return a->family == ADDR_NONE || a->family == ADDR_V4 || a->family == ADDR_V6;
}

bool event_valid(const struct event *e)
{
	struct dns_name name;

	if (e->kind >= EVENT_KIND_COUNT || e->reason >= REASON_COUNT || e->action >= EVENT_ACTION_COUNT)
		return false;
	if (e->n_names > EVENT_NAMES_MAX || e->hardware_len > sizeof(e->hardware))
		return false;
	if (e->answers_len > sizeof(e->answers) || e->answers_cut > 1)
		return false;
	if (e->inbound > 1 || e->has_digest > 1 || !bool_valid(&e->by.found) || !times_valid(e))
		return false;
	for (unsigned int i = 0; i < e->n_names; i++)
		if (dns_name_from_wire(e->names[i].wire, e->names[i].len, &name) < 0)
			return false;
	return ends(e->sandbox, sizeof(e->sandbox)) && ends(e->rule, sizeof(e->rule)) &&
		ends(e->group, sizeof(e->group)) && ends(e->policy, sizeof(e->policy)) &&
		ends(e->file, sizeof(e->file)) && ends(e->interface, sizeof(e->interface)) &&
		ends(e->by.exe, sizeof(e->by.exe)) && ends(e->by.command, sizeof(e->by.command)) &&
		ends(e->by.cgroup, sizeof(e->by.cgroup)) && ends(e->by.unit, sizeof(e->by.unit)) &&
		ends(e->by.container, sizeof(e->by.container)) && ends(e->text, sizeof(e->text)) &&
		address_valid(&e->source) && address_valid(&e->destination);
}
