/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sandboxes that come and go while the daemon runs, and cgroups that do.
 *
 * The kernel is the store: membership elements carry name, policy, the word "runtime" and the mode as their comment, so
 * a later daemon finds who was confined exactly where the confinement is. Order on adding: kernel, then
 * the processes, then the answer; on removing, membership goes last of all and pins with it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cgroups.h"
#include "elements.h"
#include "gate.h"
#include "kernel/keys.h"
#include "postern/log.h"

int gate_tell_sandbox(struct gate *g, const struct sandbox *s, bool gone)
{
	static const enum role readers[] = {ROLE_RESOLVER, ROLE_VERDICT};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < ARRAY_LEN(readers); i++) {
		struct msg_sandbox m = {.sandbox = *s};

		rc = children_send(&g->children, readers[i], gone ? MSG_SANDBOX_GONE : MSG_SANDBOX, &m, NULL, 0);
	}
	return rc;
}

/* ---- cgroups ---- */

void gate_cgroups_resolve(const struct gate *g, struct sandbox *s)
{
	for (unsigned int i = 0; s->kind == SANDBOX_CGROUP && i < s->n_selectors; i++) {
		if (g->kernel.cgroup_fd >= 0)
			cgroups_watch(g->kernel.cgroup_watch_fd, g->kernel.cgroup_mount, s->selectors[i].cgroup);
		s->selectors[i].cgroup_id = cgroups_id(g->kernel.cgroup_fd, s->selectors[i].cgroup);
	}
}

/* Appends what takes @s out of the kernel, pins included. */
static void take_out(struct gate *g, struct changes *c, const struct sandbox *s)
{
	struct pinbook *book = pins_book(g->pins);

	elements_sandbox(c, NFT_DESTROY, g->policy.image, s);
	for (uint32_t pin = pinbook_next(book, PINBOOK_NONE); pin != PINBOOK_NONE; pin = pinbook_next(book, pin))
		if (pinbook_key(book, pin)->slot == s->slot && pinbook_live(book, pin))
			pins_delete(c, s, pinbook_key(book, pin));
}

static void forget_pins(struct gate *g, uint16_t slot)
{
	struct pinbook *book = pins_book(g->pins);

	for (uint32_t pin = pinbook_next(book, PINBOOK_NONE), after; pin != PINBOOK_NONE; pin = after) {
		after = pinbook_next(book, pin);
		if (pinbook_key(book, pin)->slot == slot)
			pinbook_drop(book, pin);
	}
}

static int commit(struct gate *g, struct changes *c)
{
	int rc = c->failed ? -ENOMEM : nft_commit(g->kernel.nft, c->v, c->n, NULL);

	if (rc < 0)
		log_warning("sandbox: %s", rc == -ENOMEM ? "out of memory" : nft_error(g->kernel.nft));
	return rc;
}

/* What the new sandbox did before, under another name or none. */
static void cut_new(struct gate *g, uint16_t slot)
{
	bool changed[SANDBOX_MAX] = {false};

	changed[slot] = true;
	gate_cut(g, changed, NULL, 0);
}

/* A cgroup came or went: the old id leaves the kernel in the same transaction in which the new one enters. */
static void cgroup_changed(struct gate *g, struct sandbox *s, const struct sandbox *now)
{
	struct changes c;
	bool exists = false;

	changes_init(&c);
	take_out(g, &c, s);
	elements_sandbox(&c, NFT_ADD, g->policy.image, now);
	if (commit(g, &c) == 0) {
		forget_pins(g, s->slot);
		*s = *now;
		for (unsigned int i = 0; i < s->n_selectors; i++)
			exists |= s->selectors[i].cgroup_id != 0;
		gate_event_text(g, EVENT_SANDBOX, s, "%s", exists ? "cgroup appeared" : "cgroup disappeared");
		if (gate_tell_sandbox(g, s, false) < 0)
			gate_fail(g, "a process does not take a sandbox", -ETIMEDOUT);
		if (exists)
			cut_new(g, s->slot); /* until now its processes were the host's */
	}
	changes_fini(&c);
}

void gate_cgroups_look(struct gate *g)
{
	for (uint16_t i = sandboxes_next(g->sandboxes, 0); i != SANDBOX_NONE; i = sandboxes_next(g->sandboxes, i + 1u)) {
		struct sandbox *s = sandboxes_edit(g->sandboxes, i), now = *s;

		if (s->kind != SANDBOX_CGROUP)
			continue;
		gate_cgroups_resolve(g, &now);
		for (unsigned int k = 0; k < s->n_selectors; k++)
			if (now.selectors[k].cgroup_id != s->selectors[k].cgroup_id) {
				cgroup_changed(g, s, &now);
				break;
			}
	}
}

void gate_cgroups_noticed(struct gate *g)
{
	char notices[4096];

	while (read(g->kernel.cgroup_watch_fd, notices, sizeof(notices)) > 0)
		; /* which one it was does not matter */
	if (g->policy.image)
		gate_cgroups_look(g);
}

/* ---- adding and removing ---- */

/* Settings depend on the sandboxes: the host's openings, stub ports. */
static void renew_settings(struct gate *g, struct changes *c, const struct sandboxes *t)
{
	for (unsigned int i = 0; key_set(KEYS_SETTINGS, i); i++)
		changes_push(c, NFT_FLUSH)->key.set = key_set(KEYS_SETTINGS, i);
	elements_settings(c, g->policy.image, t, &g->uids);
}

static const char *why_not(int error)
{
	switch (error) {
	case -EEXIST:
		return "a sandbox of that name exists: remove it first, or choose another name";
	case -EADDRINUSE:
		return "another sandbox has that selector, or a source prefix that overlaps: see `postern sandbox list`";
	case -ENOSPC:
		return "no free slot or stub port: remove sandboxes that are no longer used";
	default:
		return "the kernel refused it: see the log of posternd";
	}
}

int gate_sandbox_add(struct gate *g, const struct sandbox *s, char *ret_text, size_t cap)
{
	struct sandbox copy = *s, *own;
	char comment[512], words[ELEMENTS_WORDS_MAX];
	struct changes c;
	int rc = sandboxes_check(g->sandboxes, s);

	copy.runtime = true;
	copy.zone = UINT16_MAX; /* the longest text that it may become */
	if (rc == 0 && image_policy_find(g->policy.image, s->policy) == IMAGE_NONE) {
		snprintf(ret_text, cap, "no policy %s: add its file to `policies` in the configuration and reload", s->policy);
		return -ENOENT;
	}
	for (unsigned int i = 0; rc == 0 && i < key_selectors(&copy); i++)
		if (elements_comment(&copy, 0, i, comment, sizeof(comment)) >= NFT_COMMENT_MAX) {
			snprintf(ret_text, cap, "name, policy and cgroup path together are too long: at most %zu characters",
				(size_t)NFT_COMMENT_MAX - 18 - strlen(elements_words(&copy, words)));
			return -ENAMETOOLONG;
		}
	if (rc < 0) {
		snprintf(ret_text, cap, "%s", why_not(rc));
		return rc;
	}
	copy.zone = 0;
	own = sandboxes_add(g->sandboxes, &copy, image_settings(g->policy.image));
	gate_cgroups_resolve(g, own);
	changes_init(&c);
	elements_sandbox(&c, NFT_ADD, g->policy.image, own);
	renew_settings(g, &c, g->sandboxes);
	rc = commit(g, &c);
	changes_fini(&c);
	if (rc < 0) {
		sandboxes_remove(g->sandboxes, own->slot);
		snprintf(ret_text, cap, "%s", why_not(rc));
		return rc;
	}
	if (gate_tell_sandbox(g, own, false) < 0)
		gate_fail(g, "a process does not take a sandbox", -ETIMEDOUT);
	cut_new(g, own->slot);
	gate_event_text(g, EVENT_SANDBOX, own, "added: %s, policy %s", sandbox_kind_text((enum sandbox_kind)own->kind),
		own->policy);
	gate_say_loose(g, own);
	return 0;
}

int gate_sandbox_remove(struct gate *g, const char *name, char *ret_text, size_t cap)
{
	const struct sandbox *s = sandboxes_find(g->sandboxes, name);
	bool changed[SANDBOX_MAX] = {false};
	struct sandbox gone;
	struct changes c;
	int rc;

	if (!s || !s->runtime) {
		snprintf(ret_text, cap, "%s", s ? "it is defined in the configuration: remove it there and reload"
						: "no such sandbox: see `postern sandbox list`");
		return s ? -EPERM : -ENOENT;
	}
	gone = *s;
	changes_init(&c);
	take_out(g, &c, &gone);
	rc = commit(g, &c);
	changes_fini(&c);
	if (rc < 0) {
		snprintf(ret_text, cap, "%s", why_not(rc));
		return rc;
	}
	forget_pins(g, gone.slot);
	sandboxes_remove(g->sandboxes, gone.slot);
	changes_init(&c);
	renew_settings(g, &c, g->sandboxes);
	rc = commit(g, &c); /* an opening that is not made is no danger; the next change makes it */
	changes_fini(&c);
	if (gate_tell_sandbox(g, &gone, true) < 0)
		gate_fail(g, "a process does not take a sandbox", -ETIMEDOUT);
	gate_cut(g, changed, &gone, 1);
	gate_event_text(g, EVENT_SANDBOX, &gone, "removed");
	return 0;
}

/* ---- adoption ---- */

struct adoption {
	struct sandboxes *into;
	const struct image_settings *settings;
	uint32_t *digests;
};

static enum sandbox_kind kind_of(enum key_kind k)
{
	static const enum sandbox_kind kinds[] = {[KEY_IFACE] = SANDBOX_INTERFACE, [KEY_SOURCE] = SANDBOX_SOURCE,
		[KEY_PREFIX] = SANDBOX_SOURCE, [KEY_CGROUP] = SANDBOX_CGROUP, [KEY_UID] = SANDBOX_UID,
		[KEY_HOST] = SANDBOX_HOST};

	return kinds[k];
}

/* A further selector of a sandbox that is there already, or a new sandbox. */
static void adopt(struct adoption *ad, const struct sandbox *s, uint32_t digest)
{
	const struct sandbox *known = sandboxes_find(ad->into, s->name);
	struct sandbox *own;

	if (!known) {
		if (sandbox_valid(s) && sandboxes_check(ad->into, s) == 0)
			ad->digests[sandboxes_add(ad->into, s, ad->settings)->slot] = digest;
		return;
	}
	own = sandboxes_edit(ad->into, known->slot);
	if (own->kind == s->kind && own->kind != SANDBOX_HOST && own->n_selectors < SELECTORS_MAX)
		own->selectors[own->n_selectors++] = s->selectors[0];
}

static int adopt_element(void *context, const struct nft_element *e)
{
	struct adoption *ad = context;
	struct sandbox s = {.n_selectors = 1};
	char cgroup[NFT_COMMENT_MAX] = "", words[ELEMENTS_WORDS_MAX] = "";
	unsigned int digest, zone;
	struct key_pin k;
	int n;

	if (key_sandbox_decode(&e->key, &k) < 0)
		return 0;
	/* the widths are one less than the buffers */
	n = sscanf(e->comment, "%63s %63s %8x %5u %31s %127s", s.name, s.policy, &digest, &zone, words, cgroup);
	if (n < 4)
		return 0;
	s.zone = zone <= UINT16_MAX ? (uint16_t)zone : 0;
	elements_read_words(words, &s);
	s.kind = (uint8_t)kind_of((enum key_kind)k.kind);
	s.selectors[0] = k.selector;
	/* of a cgroup in the configuration the path is there, and is found by its id */
	event_set_text(s.selectors[0].cgroup, sizeof(s.selectors[0].cgroup), s.runtime ? cgroup : "-");
	adopt(ad, &s, digest);
	return 0;
}

int gate_sandboxes_adopt(struct gate *g, const struct image_settings *set, uint32_t ret_digests[static SANDBOX_MAX])
{
	struct adoption ad = {g->sandboxes, set, ret_digests};

	for (unsigned int i = 0; key_set(KEYS_SANDBOXES, i); i++) {
		int rc = nft_dump_set(g->kernel.nft, key_set(KEYS_SANDBOXES, i), adopt_element, &ad);

		if (rc < 0)
			return rc;
	}
	return 0;
}
