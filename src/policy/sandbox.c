/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sandboxes: words and checks. See the header. */
#include "postern/sandbox.h"

#include <string.h>

static const char *const kinds[] = {
	[SANDBOX_INTERFACE] = "interface", [SANDBOX_SOURCE] = "source", [SANDBOX_CGROUP] = "cgroup",
	[SANDBOX_UID] = "uid", [SANDBOX_HOST] = "host",
};
static_assert(ARRAY_LEN(kinds) == SANDBOX_KIND_COUNT, "a word for every kind");

const char *sandbox_kind_text(enum sandbox_kind kind)
{
	return kinds[kind];
}

enum sandbox_kind sandbox_kind_parse(const char *text)
{
	unsigned int k = 0;

	while (k < SANDBOX_KIND_COUNT && strcmp(kinds[k], text) != 0)
		k++;
	return (enum sandbox_kind)k;
}

static const char *const modes[] = {[SANDBOX_ENFORCE] = "enforce", [SANDBOX_AUDIT] = "audit"};
static_assert(ARRAY_LEN(modes) == SANDBOX_MODE_COUNT, "a word for every mode");

const char *sandbox_mode_text(enum sandbox_mode mode)
{
	return modes[mode];
}

enum sandbox_mode sandbox_mode_parse(const char *text)
{
	unsigned int m = 0;

	while (m < SANDBOX_MODE_COUNT && strcmp(modes[m], text) != 0)
		m++;
	return (enum sandbox_mode)m;
}

static bool alphanumeric(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool sandbox_name_valid(const char *name)
{
	size_t n = strnlen(name, SANDBOX_NAME_MAX);

	if (n == 0 || n == SANDBOX_NAME_MAX || !alphanumeric(name[0]))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!alphanumeric(name[i]) && !strchr("._-", name[i]))
			return false;
	return true;
}

/* As the kernel's dev_valid_name(): no slash, no space, not "." or "..". */
static bool ifname_valid(const char *s)
{
	size_t n = strnlen(s, SELECTOR_IFNAME_MAX);

	if (n == 0 || n == SELECTOR_IFNAME_MAX || strcmp(s, ".") == 0 || strcmp(s, "..") == 0)
		return false;
	for (size_t i = 0; i < n; i++)
		if (s[i] == '/' || s[i] == ':' || s[i] == '"' || s[i] <= ' ' || s[i] > '~')
			return false;
	return true;
}

static bool cgroup_valid(const char *s)
{
	size_t n = strnlen(s, SELECTOR_CGROUP_MAX);

	return n > 0 && n < SELECTOR_CGROUP_MAX && s[0] != '/' && !strstr(s, "..");
}

static bool source_valid(const struct prefix *p)
{
	return (p->addr.family == ADDR_V4 || p->addr.family == ADDR_V6) && p->len > 0 &&
		p->len <= addr_bits(&p->addr);
}

static bool selector_valid(enum sandbox_kind kind, const struct selector *s)
{
	switch (kind) {
	case SANDBOX_INTERFACE:
		return ifname_valid(s->ifname);
	case SANDBOX_SOURCE:
		return source_valid(&s->source);
	case SANDBOX_CGROUP:
		return cgroup_valid(s->cgroup);
	case SANDBOX_UID:
		return s->uid != UINT32_MAX;
	case SANDBOX_HOST:
		return true;
	case SANDBOX_KIND_COUNT:
		break;
	}
	return false;
}

bool sandbox_valid(const struct sandbox *s)
{
	unsigned char runtime;

	memcpy(&runtime, &s->runtime, 1); /* reading another byte than 0 and 1 as bool is undefined */
	if (runtime > 1)
		return false;
	if (s->mode >= SANDBOX_MODE_COUNT || s->fail_open > 1)
		return false;
	if (s->kind >= SANDBOX_KIND_COUNT || s->n_selectors == 0 || s->n_selectors > SELECTORS_MAX)
		return false;
	if (!sandbox_name_valid(s->name) || !sandbox_name_valid(s->policy))
		return false;
	for (unsigned int i = 0; i < s->n_selectors; i++)
		if (!selector_valid((enum sandbox_kind)s->kind, &s->selectors[i]))
			return false;
	return true;
}

bool sandbox_is_local(const struct sandbox *s)
{
	return s->kind == SANDBOX_CGROUP || s->kind == SANDBOX_UID || s->kind == SANDBOX_HOST;
}
