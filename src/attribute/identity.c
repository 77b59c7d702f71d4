/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Unit and container id from cgroup paths: see the header.
 *
 * Two layouts: the systemd one, where a container is a scope "docker-ID.scope", and the cgroupfs one, where
 * it is a directory "docker/ID" or "kubepods/.../podUID/ID". An id is 64 hexadecimal digits; of LXC and
 * systemd-nspawn it is a name behind a prefix of theirs. The deepest component that says something counts.
 */
#include "identity.h"

#include <string.h>

#define CONTAINER_ID_LEN 64

/* Prefixes of a scope whose rest is a container id. */
static const char *const id_prefixes[] = {"", "docker-", "cri-containerd-", "crio-", "libpod-", "libpod-payload-",
	"nerdctl-", "containerd-", "podman-"};
/* Prefixes of a component whose rest is a container's name. */
static const char *const name_prefixes[] = {"lxc.payload.", "machine-"};
static const char *const unit_suffixes[] = {".service", ".scope"};

struct span {
	const char *at;
	size_t len;
};

static bool ends_with(struct span s, const char *suffix)
{
	size_t n = strlen(suffix);

	return s.len > n && memcmp(s.at + s.len - n, suffix, n) == 0;
}

static bool is_id(struct span s)
{
	if (s.len != CONTAINER_ID_LEN)
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (!((s.at[i] >= '0' && s.at[i] <= '9') || (s.at[i] >= 'a' && s.at[i] <= 'f')))
			return false;
	return true;
}

static bool cut_prefix(struct span *s, const char *prefix)
{
	size_t n = strlen(prefix);

	if (s->len <= n || memcmp(s->at, prefix, n) != 0)
		return false;
	s->at += n;
	s->len -= n;
	return true;
}

/* The container that this component names; len 0: none. */
static struct span container_of(struct span part)
{
	struct span s = part, none = {part.at, 0};

	if (ends_with(s, ".scope"))
		s.len -= strlen(".scope");
	for (size_t i = 0; i < ARRAY_LEN(id_prefixes); i++) {
		struct span rest = s;

		if (cut_prefix(&rest, id_prefixes[i]) && is_id(rest))
			return rest;
	}
	for (size_t i = 0; i < ARRAY_LEN(name_prefixes); i++) {
		struct span rest = s;

		if (cut_prefix(&rest, name_prefixes[i]))
			return rest;
	}
	return none;
}

static bool is_unit(struct span part)
{
	for (size_t i = 0; i < ARRAY_LEN(unit_suffixes); i++)
		if (ends_with(part, unit_suffixes[i]))
			return true;
	return false;
}

static void set(char *dst, size_t cap, struct span s)
{
	size_t n = s.len < cap - 1 ? s.len : cap - 1;

	memcpy(dst, s.at, n);
	dst[n] = '\0';
}

void identity_from_path(const char *path, struct attribution *by)
{
	while (*path) {
		struct span part = {path, strcspn(path, "/")};
		struct span container = container_of(part);

		if (container.len)
			set(by->container, sizeof(by->container), container);
		else if (is_unit(part))
			set(by->unit, sizeof(by->unit), part);
		path += part.len;
		path += *path == '/';
	}
}

void identity_from_lines(const char *text, struct attribution *by)
{
	while (*text && !by->container[0]) {
		size_t len = strcspn(text, "\n");
		char path[512];
		struct span line = {text, len};
		const char *colon = memchr(text, ':', len);

		text += len + (text[len] == '\n');
		if (colon)
			colon = memchr(colon + 1, ':', len - (size_t)(colon + 1 - line.at));
		if (!colon)
			continue;
		line.len -= (size_t)(colon + 1 - line.at);
		line.at = colon + 1;
		set(path, sizeof(path), line);
		identity_from_path(path, by);
	}
}
