/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A new policy comes into force, at start as at a reload, in this order:
 *
 *   1. the next table of sandboxes: those of the new files, those added at run time, each in the slot it had
 *   2. one transaction: every set emptied and filled anew, pins that the policy no longer allows deleted.
 *      If the kernel refuses it, nothing has changed, and the old policy stays.
 *   3. the books, then the other processes (image first, sandboxes after it)
 *   4. flows that began under what is gone are cut; and once more when the verdict loop says that it has the new
 *      image (gate.c), for those that it accepted by the old one in between
 *
 * Between 2 and 3 the resolver may still ask under the old generation: refused, and asked again.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admit.h"
#include "elements.h"
#include "gate.h"
#include "kernel/queue_rule.h"
#include "postern/clock.h"
#include "postern/log.h"

struct next {
	struct image *image;
	int fd;
	struct sandboxes *sandboxes;
	struct changes changes;
	uint32_t digests[SANDBOX_MAX]; /* first start: of the policies that an earlier daemon enforced */
	bool changed[SANDBOX_MAX]; /* by slot of the old table: gone, or under another policy than before */
	bool tightened[SANDBOX_MAX]; /* was in audit mode, and enforces from now on */
};

/* ---- 1: sandboxes ---- */

static bool same_shape(const struct sandbox *a, const struct sandbox *b)
{
	if (a->kind != b->kind || a->n_selectors != b->n_selectors)
		return false;
	for (unsigned int i = 0; i < a->n_selectors; i++) {
		const struct selector *x = &a->selectors[i], *y = &b->selectors[i];

		/* the id of a cgroup may come and go; an adopted one has nothing else (its path is "-") */
		if (strcmp(x->ifname, y->ifname) != 0 || x->uid != y->uid ||
			(strcmp(x->cgroup, y->cgroup) != 0 && strcmp(y->cgroup, "-") != 0) ||
			x->source.len != y->source.len || !addr_equal(&x->source.addr, &y->source.addr))
			return false;
	}
	return true;
}

static void keep_known(struct gate *g, struct next *n)
{
	const struct image_settings *set = image_settings(n->image);

	for (uint16_t i = sandboxes_next(g->sandboxes, 0); i != SANDBOX_NONE; i = sandboxes_next(g->sandboxes, i + 1u)) {
		const struct sandbox *old = sandboxes_get(g->sandboxes, i);
		bool keep = old->runtime;

		for (uint32_t k = 0; k < image_n_sandboxes(n->image); k++) {
			const struct sandbox *s = image_sandbox(n->image, k);

			if (strcmp(s->name, old->name) == 0 && same_shape(s, old)) {
				struct sandbox *own = sandboxes_keep(n->sandboxes, old, set);

				memcpy(own->selectors, s->selectors, sizeof(own->selectors));
				gate_cgroups_resolve(g, own);
				own->runtime = false;
				own->mode = s->mode;
				own->fail_open = s->fail_open;
				event_set_text(own->policy, sizeof(own->policy), s->policy);
				keep = false;
			}
		}
		if (keep)
			(void)sandboxes_keep(n->sandboxes, old, set);
	}
}

static int add_new(struct gate *g, struct next *n)
{
	for (uint32_t k = 0; k < image_n_sandboxes(n->image); k++) {
		const struct sandbox *s = image_sandbox(n->image, k);
		const struct sandbox *known = sandboxes_find(n->sandboxes, s->name);
		struct sandbox *own;
		int rc;

		if (known && !known->runtime)
			continue;
		rc = sandboxes_check(n->sandboxes, s);
		if (rc < 0) {
			log_err("sandbox %s: %s: a sandbox with that name or selector exists already", s->name,
				strerror(-rc));
			return rc;
		}
		own = sandboxes_add(n->sandboxes, s, image_settings(n->image));
		gate_cgroups_resolve(g, own);
	}
	return 0;
}

/* Flows are looked at only where the policy says something else now, or where there was no sandbox. */
static void mark_changed(const struct gate *g, struct next *n)
{
	for (uint16_t i = sandboxes_next(g->sandboxes, 0); i != SANDBOX_NONE; i = sandboxes_next(g->sandboxes, i + 1u)) {
		const struct sandbox *old = sandboxes_get(g->sandboxes, i), *s = sandboxes_get(n->sandboxes, i);
		uint32_t before = g->policy.image ? elements_digest(g->policy.image, old->policy) : n->digests[i];

		n->changed[i] = !s || strcmp(s->policy, old->policy) != 0 || elements_digest(n->image, s->policy) != before;
		n->tightened[i] = s && old->mode == SANDBOX_AUDIT && s->mode != SANDBOX_AUDIT;
		n->changed[i] |= n->tightened[i];
	}
	for (uint16_t i = sandboxes_next(n->sandboxes, 0); i != SANDBOX_NONE; i = sandboxes_next(n->sandboxes, i + 1u))
		n->changed[i] |= !sandboxes_get(g->sandboxes, i);
}

/* ---- 2: the transaction ---- */

static bool still_allowed(void *context, const struct pin_key *key, const struct dns_name *name, uint32_t *rule)
{
	const struct next *n = context;
	const struct sandbox *s = sandboxes_get(n->sandboxes, key->slot);

	*rule = s ? admit_again(n->image, s, key, name) : IMAGE_NONE;
	return *rule != IMAGE_NONE;
}

static void delete_pins(struct gate *g, struct next *n)
{
	struct pinbook *book = pins_book(g->pins);

	for (uint32_t pin = pinbook_next(book, PINBOOK_NONE); pin != PINBOOK_NONE; pin = pinbook_next(book, pin)) {
		const struct sandbox *old = sandboxes_get(g->sandboxes, pinbook_key(book, pin)->slot);

		if (old && pinbook_live(book, pin) && !pinbook_asks(book, pin, still_allowed, n))
			pins_delete(&n->changes, old, pinbook_key(book, pin));
	}
}

static int commit(struct gate *g, struct next *n)
{
	int rc;

	elements_flush(&n->changes);
	elements_settings(&n->changes, n->image, n->sandboxes, &g->uids);
	for (uint16_t i = sandboxes_next(n->sandboxes, 0); i != SANDBOX_NONE; i = sandboxes_next(n->sandboxes, i + 1u))
		elements_sandbox(&n->changes, NFT_ADD, n->image, sandboxes_get(n->sandboxes, i));
	delete_pins(g, n);
	if (n->changes.failed)
		return -ENOMEM;
	rc = nft_commit(g->kernel.nft, n->changes.v, n->changes.n, NULL);
	if (rc < 0)
		log_err("the kernel refused the new policy, the old one stays: %s", nft_error(g->kernel.nft));
	return rc;
}

/* ---- 3: books and processes ---- */

static void swap(struct gate *g, struct next *n)
{
	struct pinbook *book = pins_book(g->pins);

	pinbook_review(book, still_allowed, n);
	for (uint32_t pin = pinbook_next(book, PINBOOK_NONE), after; pin != PINBOOK_NONE; pin = after) {
		after = pinbook_next(book, pin);
		if (!pinbook_held(book, pin))
			pinbook_drop(book, pin);
	}
	sandboxes_free(g->sandboxes);
	g->sandboxes = n->sandboxes;
	image_unmap(g->policy.image);
	if (g->policy.image_fd >= 0)
		close(g->policy.image_fd);
	g->policy.image = n->image;
	g->policy.image_fd = n->fd;
	g->policy.generation++;
	g->policy.loaded_wall_us = clock_wall_us();
}

/*
 * Those that leave audit mode are told first: when the verdict loop says that it has the image, and flows are cut, it must
 * let nothing more through for them.
 */
static int tell_tightened(struct gate *g, const struct next *n)
{
	int rc = 0;

	for (uint16_t i = sandboxes_next(g->sandboxes, 0); rc == 0 && i != SANDBOX_NONE;
		i = sandboxes_next(g->sandboxes, i + 1u))
		if (n->tightened[i])
			rc = gate_tell_sandbox(g, sandboxes_get(g->sandboxes, i), false);
	return rc;
}

static int tell_everybody(struct gate *g, const struct next *n, const struct sandbox *gone, size_t n_gone)
{
	static const enum role readers[] = {ROLE_TLS, ROLE_RESOLVER, ROLE_VERDICT, ROLE_AUDIT}; /* tls first: it knows what the resolver asks of */
	int rc = tell_tightened(g, n);

	if (rc == 0)
		rc = gate_tls_need(g);
	if (rc == 0)
		rc = gate_anchors_load(g, g->policy.generation == 1);
	for (size_t i = 0; rc == 0 && i < ARRAY_LEN(readers); i++) {
		struct msg_image m = {.generation = g->policy.generation};

		if (g->children.all[readers[i]].channel.fd >= 0)
			rc = children_send(&g->children, readers[i], MSG_IMAGE, &m, &g->policy.image_fd, 1);
	}
	for (size_t i = 0; rc == 0 && i < n_gone; i++)
		rc = gate_tell_sandbox(g, &gone[i], true);
	for (uint16_t i = sandboxes_next(g->sandboxes, 0); rc == 0 && i != SANDBOX_NONE;
		i = sandboxes_next(g->sandboxes, i + 1u))
		rc = gate_tell_sandbox(g, sandboxes_get(g->sandboxes, i), false);
	g->note_cursor = 0; /* rule numbers changed: all pins are told again */
	return rc;
}

/* Copies of the sandboxes that the new table does not have. The caller frees. */
static struct sandbox *list_gone(const struct gate *g, const struct next *n, size_t *ret_n)
{
	struct sandbox *gone = calloc(sandboxes_count(g->sandboxes) + 1u, sizeof(*gone));
	size_t k = 0;

	for (uint16_t i = sandboxes_next(g->sandboxes, 0); gone && i != SANDBOX_NONE;
		i = sandboxes_next(g->sandboxes, i + 1u))
		if (!sandboxes_get(n->sandboxes, i))
			gone[k++] = *sandboxes_get(g->sandboxes, i);
	*ret_n = k;
	return gone;
}

static int put_in_force(struct gate *g, struct next *n)
{
	struct sandbox *gone;
	size_t n_gone;
	int rc = sandboxes_new(&n->sandboxes);

	if (rc < 0)
		return rc;
	if (!g->policy.image) /* first time: what an earlier daemon left */
		rc = gate_sandboxes_adopt(g, image_settings(n->image), n->digests);
	if (rc == 0) {
		sandboxes_follow(n->sandboxes, g->sandboxes);
		keep_known(g, n);
		rc = add_new(g, n);
	}
	mark_changed(g, n);
	if (rc == 0 && !g->policy.image) {
		struct pins_view v = {n->image, 0, n->sandboxes};

		rc = pins_adopt(g->pins, &v, clock_now_ms(), &n->changes);
	}
	if (rc == 0)
		rc = commit(g, n);
	if (rc < 0) {
		sandboxes_free(n->sandboxes);
		return rc;
	}
	gone = list_gone(g, n, &n_gone);
	swap(g, n);
	if (!gone || tell_everybody(g, n, gone, n_gone) < 0)
		gate_fail(g, "a process does not take the new policy", -ETIMEDOUT);
	memcpy(g->policy.changed, n->changed, sizeof(g->policy.changed));
	gate_cut(g, g->policy.changed, gone, gone ? n_gone : 0);
	free(gone);
	return 0;
}

/* ---- start and end of a reload ---- */

/* The first policy is in force: the queue rule, and what the table has to look like from now on. */
static int come_up(struct gate *g)
{
	int rc = queue_rule_add(g->kernel.nft, g->options.queue, &g->kernel.queue_native);

	if (rc == 0)
		rc = snapshot_take(g->kernel.nft, &g->kernel.snapshot);
	if (rc < 0) {
		gate_fail(g, "queue rule", rc);
		return rc;
	}
	gate_event_text(g, EVENT_START, NULL, "posternd " "ready: queue %s, pins renewed %s",
		g->kernel.queue_native ? "native" : "xt", nft_renews_in_place(g->kernel.nft) ? "in place" : "by replacing");
	return 0;
}

static void say_up(struct gate *g)
{
	log_notice("in force: %u policies, %u sandboxes, generation %u", image_n_policies(g->policy.image),
		sandboxes_count(g->sandboxes), g->policy.generation);
	notify_send(&g->notify, "READY=1\nSTATUS=%u policies, %u sandboxes", image_n_policies(g->policy.image),
		sandboxes_count(g->sandboxes));
}

int gate_reload(struct gate *g)
{
	int rc;

	if (g->policy.image)
		notify_send(&g->notify, "RELOADING=1\nMONOTONIC_USEC=%llu", (unsigned long long)clock_now_us());
	rc = policy_load_start(&g->policy.load, &g->children);
	if (rc < 0)
		log_warning("reload: %s", strerror(-rc));
	return rc;
}

/* The compiler's sentences, one log line each, where there is no one else to tell. */
static void log_diagnostics(int fd)
{
	char buf[4096];
	ssize_t n = pread(fd, buf, sizeof(buf) - 1, 0);
	char *line, *save = NULL;

	if (n <= 0)
		return;
	buf[n] = '\0';
	for (line = strtok_r(buf, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		log_warning("%s", line);
}

void gate_compiled(struct gate *g, const struct msg_compiled *m)
{
	static struct next n; /* 80 kB, and one at a time */
	bool first = !g->policy.image;
	int diagnostics_fd = -1;
	int rc;

	n = (struct next){.fd = -1};
	rc = policy_load_finish(&g->policy.load, m, &n.image, &n.fd, &diagnostics_fd);
	if (rc == -EPROTO) {
		gate_fail(g, "compiler", rc);
		return;
	}
	changes_init(&n.changes);
	if (rc == 0) {
		rc = put_in_force(g, &n);
		if (rc < 0) {
			image_unmap(n.image);
			close(n.fd);
		}
	}
	changes_fini(&n.changes);
	log_diagnostics(diagnostics_fd);
	if (rc == 0 && first)
		rc = come_up(g);
	g->counters[COUNTER_GATE_reloads] += rc == 0 && !first;
	if (rc == 0) {
		gate_event_policies(g);
		for (uint16_t i = sandboxes_next(g->sandboxes, 0); i != SANDBOX_NONE; i = sandboxes_next(g->sandboxes, i + 1u))
			gate_say_loose(g, sandboxes_get(g->sandboxes, i));
		gate_say_negative(g);
		say_up(g);
	} else if (first) {
		gate_fail(g, "no policy, and so nothing is allowed", rc);
	} else {
		gate_event_text(g, EVENT_POLICY_FAILED, NULL, "%u errors; the policy of generation %u stays", m->n_errors,
			g->policy.generation);
		say_up(g);
	}
	gate_reloaded(g, rc, m, diagnostics_fd);
	close(diagnostics_fd);
}
