/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See the header. Times are compared as text: RFC 3339 in UTC sorts as it reads. */
#include "log_filter.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "postern/clock.h"
#include "postern/event.h"

#include "print.h"

static int complain(const char *option, const char *value, const char *advice)
{
	fprintf(stderr, "postern: %s ", option);
	print_safe(stderr, value);
	fprintf(stderr, ": %s\n", advice);
	return -EINVAL;
}

static const struct {
	char unit;
	unsigned int seconds;
} units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};

/* "10m": 0, or -EINVAL where it is no such thing. */
static int parse_ago(const char *text, struct log_filter *f)
{
	uint64_t now_s = clock_wall_us() / 1000000u;
	unsigned long n;
	char *end;

	errno = 0;
	n = strtoul(text, &end, 10);
	if (errno || end == text || !isdigit((unsigned char)*text) || !*end || end[1])
		return -EINVAL;
	for (size_t i = 0; i < ARRAY_LEN(units); i++)
		if (units[i].unit == *end && n < now_s / units[i].seconds) {
			f->since_s = (int64_t)(now_s - n * units[i].seconds);
			clock_format((uint64_t)f->since_s * 1000000u, f->since);
			return 0;
		}
	return -EINVAL;
}

/* "2026-11-20", or more of "2026-11-20T08:04:37.123Z". */
static int parse_date(const char *text, struct log_filter *f)
{
	static const char form[] = "dddd-dd-ddTdd:dd:dd.dddZ";
	size_t n = strlen(text);
	bool zone = n == 20 && text[19] == 'Z'; /* without a fraction */

	if (n < 10 || n > sizeof(form) - 1)
		return -EINVAL;
	for (size_t i = 0; i < n - zone; i++)
		if (form[i] == 'd' ? !isdigit((unsigned char)text[i]) : form[i] != text[i])
			return -EINVAL;
	snprintf(f->since, sizeof(f->since), "%.*s", (int)(n - zone), text);
	return 0;
}

static int parse_words(const struct cli *c, struct log_filter *f)
{
	f->reason = c->reason;
	f->kind = c->kind;
	f->action = c->action;
	f->sandbox = c->sandbox;
	if (c->reason && reason_parse(c->reason) == REASON_COUNT)
		return complain("--reason", c->reason, "no such reason: the words are in postern-audit(5)");
	if (c->kind && event_kind_parse(c->kind) == EVENT_KIND_COUNT)
		return complain("--kind", c->kind, "no such kind: the words are in postern-audit(5)");
	if (c->action && event_action_parse(c->action) == EVENT_ACTION_COUNT)
		return complain("--action", c->action, "no such action: the words are in postern-audit(5)");
	if (c->sandbox && !sandbox_name_valid(c->sandbox))
		return complain("--sandbox", c->sandbox, "no name of a sandbox");
	return 0;
}

int log_filter_parse(const struct cli *c, struct log_filter *ret_filter)
{
	struct log_filter f = {0};
	int rc = parse_words(c, &f);

	if (rc < 0)
		return rc;
	if (c->name && dns_name_from_text(c->name, &f.name) < 0)
		return complain("--name", c->name, "no domain name");
	f.has_name = c->name != NULL;
	if (c->since && parse_ago(c->since, &f) < 0 && parse_date(c->since, &f) < 0)
		return complain("--since", c->since, "give 90s, 10m, 2h, 1d, or a time in UTC like 2026-11-20T08:00:00Z");
	*ret_filter = f;
	return 0;
}

static bool same(const json_t *event, const char *member, const char *want)
{
	return !want || strcmp(member_text(event, member), want) == 0;
}

static bool has_name(const json_t *event, const struct dns_name *want)
{
	json_t *text;
	size_t i;

	json_array_foreach(json_object_get(event, "names"), i, text) {
		struct dns_name name;

		if (json_is_string(text) && dns_name_from_text(json_string_value(text), &name) == 0 &&
			dns_name_within(&name, want))
			return true;
	}
	return false;
}

bool log_filter_matches(const struct log_filter *f, const json_t *event)
{
	const char *last = member_text(event, "last_time");

	if (f->since[0] && strcmp(*last ? last : member_text(event, "time"), f->since) < 0)
		return false;
	return same(event, "sandbox", f->sandbox) && same(event, "reason", f->reason) && same(event, "kind", f->kind) && same(event, "action", f->action) &&
		(!f->has_name || has_name(event, &f->name));
}
