/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From requests to elements and back.
 *
 * Operations: an address that is not pinned is added; one that is, is renewed; one that is
 * pinned under other names only is deleted and added in the same transaction, because an element's comment
 * cannot be changed and the listing shall name everybody who holds it.
 * Once a transaction has failed of which it is not known that nothing was done (a lost acknowledgement), or expired pins could
 * not be deleted, the kernel may hold pins that the book does not: adding would leave them their old, shorter timeout, so from
 * then on additions are renewals.
 * All arrays are allocated once: a request costs no allocation of ours.
 */
#include "pins.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "admit.h"
#include "kernel/keys.h"
#include "postern/clock.h"
#include "postern/log.h"

#define COMMENT_MAX NFT_COMMENT_MAX
#define EXPIRED_BATCH 256

struct pending {
	struct admission admission;
	size_t first_change, n_changes;
};

struct pins {
	struct nft *nft;
	struct pinbook *book;
	uint64_t counters[PINS_COUNTER_COUNT];
	uint64_t quiet_until_ms; /* of the log */
	bool unsure; /* the kernel may hold pins of which the book does not know */
	struct pending pending[PINS_BATCH_MAX];
	size_t n_changes;
	struct nft_change changes[NFT_CHANGES_KEPT];
	char comments[NFT_CHANGES_KEPT][COMMENT_MAX];
};

int pins_new(struct nft *nft, uint64_t now_ms, struct pins **ret_pins)
{
	struct pins *p = calloc(1, sizeof(*p));
	int rc;

	if (!p)
		return -ENOMEM;
	p->nft = nft;
	rc = pinbook_new(now_ms, &p->book);
	if (rc < 0) {
		free(p);
		return rc;
	}
	*ret_pins = p;
	return 0;
}

void pins_free(struct pins *p)
{
	if (!p)
		return;
	pinbook_free(p->book);
	free(p);
}

struct pinbook *pins_book(struct pins *p)
{
	return p->book;
}

uint64_t pins_counter(const struct pins *p, enum pins_counter c)
{
	return p->counters[c];
}

/* ---- requests ---- */

static bool put_change(struct pins *p, enum nft_op op, const struct nft_key *key, uint64_t timeout_ms, const char *comment)
{
	struct nft_change *ch = &p->changes[p->n_changes];

	if (p->n_changes == NFT_CHANGES_KEPT)
		return false;
	*ch = (struct nft_change){.op = (uint8_t)op, .key = *key, .timeout_ms = timeout_ms};
	if (comment) {
		memcpy(p->comments[p->n_changes], comment, strlen(comment) + 1); /* both COMMENT_MAX */
		ch->comment = p->comments[p->n_changes];
	}
	p->n_changes++;
	return true;
}

/* Of a transaction that the kernel refused for a reason of its own, it is known that it did nothing. */
static int commit(struct pins *p, const struct nft_change *changes, size_t n)
{
	int rc = nft_commit(p->nft, changes, n, NULL);

	p->counters[PINS_COMMITS]++;
	p->unsure |= rc == -ENOBUFS || rc == -EPROTO;
	return rc;
}

/* The changes of one pin; -ENOSPC where the transaction is full, -EAFNOSUPPORT where no selector can hold it. */
static int plan_pin(struct pins *p, const struct sandbox *s, const struct pin_key *key, const struct admission *a)
{
	const struct service service = {key->protocol, key->port, key->port};
	uint32_t pin = pinbook_find(p->book, key);
	bool new_name = pin != PINBOOK_NONE && !pinbook_holds(p->book, key, &a->name);
	bool add = new_name || (pin == PINBOOK_NONE && !p->unsure);
	uint64_t timeout_ms = a->lifetime_ms + PINS_KERNEL_SLACK_MS;
	char comment[COMMENT_MAX];
	int rc = -EAFNOSUPPORT;

	pinbook_comment(p->book, pin, &a->name, comment, sizeof(comment));
	for (unsigned int i = 0; i < key_selectors(s); i++) {
		struct nft_key k;
		bool fits = true;

		if (key_pin(s, i, &key->addr, &service, &k) < 0)
			continue;
		if (new_name)
			fits = put_change(p, NFT_DESTROY, &k, 0, NULL);
		fits = fits && put_change(p, add ? NFT_ADD : NFT_RENEW, &k, timeout_ms, comment);
		if (!fits)
			return -ENOSPC;
		rc = 0;
	}
	return rc;
}

/* Admits one request and appends its changes; leaves out what cannot be an element. */
static void plan(struct pins *p, const struct pins_view *v, const struct msg_pin_request *q, struct pending *pend,
	size_t booked_pins, size_t booked_names)
{
	const struct sandbox *s = sandboxes_get(v->sandboxes, q->slot);
	struct admission *a = &pend->admission;
	size_t kept = 0;

	admit(v->image, v->generation, s, p->book, q, a);
	pend->first_change = p->n_changes;
	pend->n_changes = 0;
	if (a->reason != REASON_NONE)
		return;
	if (!pinbook_room(p->book, (uint32_t)(booked_pins + a->n_pins), (uint32_t)booked_names + 1)) {
		p->counters[PINS_FULL]++;
		a->reason = REASON_OVERLOAD;
		return;
	}
	for (size_t i = 0; i < a->n_pins; i++) {
		int rc = plan_pin(p, s, &a->pins[i], a);

		if (rc == -ENOSPC)
			a->reason = REASON_OVERLOAD;
		if (rc == 0)
			a->pins[kept++] = a->pins[i];
		else
			for (unsigned int k = 0; k < q->n_addrs; k++) /* an address counts only with all its pins */
				if (addr_equal(&q->addrs[k], &a->pins[i].addr))
					a->granted &= ~(1u << k);
	}
	a->n_pins = kept;
	if (a->reason == REASON_NONE && !a->granted)
		a->reason = REASON_PROTOCOL_NOT_ALLOWED; /* no selector of this family */
	if (a->reason != REASON_NONE)
		p->n_changes = pend->first_change;
	pend->n_changes = p->n_changes - pend->first_change;
}

static void book(struct pins *p, const struct admission *a, uint64_t now_ms)
{
	for (size_t i = 0; i < a->n_pins; i++) {
		bool live = pinbook_find(p->book, &a->pins[i]) != PINBOOK_NONE;

		p->counters[live ? PINS_RENEWED : PINS_GRANTED]++;
		(void)pinbook_put(p->book, &a->pins[i], a->rule, &a->name, now_ms + a->lifetime_ms);
	}
}

static void fill_reply(struct pins *p, const struct msg_pin_request *q, const struct admission *a,
	struct msg_pin_reply *reply)
{
	*reply = (struct msg_pin_reply){.h.seq = q->h.seq, .reason = (uint16_t)a->reason};
	if (a->reason != REASON_NONE) {
		p->counters[PINS_REFUSED]++;
		return;
	}
	reply->granted = a->granted;
	reply->lifetime_ms = a->lifetime_ms;
}

static void add_services(const struct image *im, const struct sandbox *s, struct msg_pin_note *note)
{
	const struct image_policy *policy = image_policy(im, image_policy_find(im, s->policy));
	const struct image_rule *r = image_rule(im, policy, note->rule);
	const struct image_service *services = image_services(im, r->first_service);

	note->n_services = (uint8_t)r->n_services;
	for (uint32_t i = 0; i < r->n_services; i++)
		note->services[i] = (struct service){services[i].protocol, services[i].first, services[i].last};
}

static void fill_note(const struct pins_view *v, const struct msg_pin_request *q, const struct admission *a,
	uint64_t now_ms, struct msg_pin_note *note)
{
	*note = (struct msg_pin_note){.slot = q->slot, .rule = a->rule, .expires_ms = now_ms + a->lifetime_ms,
		.name = a->name};
	if (a->reason != REASON_NONE)
		return;
	for (unsigned int i = 0; i < q->n_addrs; i++)
		if (a->granted >> i & 1)
			note->addrs[note->n_addrs++] = q->addrs[i];
	add_services(v->image, sandboxes_get(v->sandboxes, q->slot), note);
}

/* A sandbox can cause these at will: one line a second, the counter tells the rest. */
static void say_failed(struct pins *p)
{
	uint64_t now_ms = clock_now_ms();

	if (now_ms < p->quiet_until_ms)
		return;
	p->quiet_until_ms = now_ms + 1000;
	log_warning("pin failed (%llu so far): %s", (unsigned long long)p->counters[PINS_FAILED], nft_error(p->nft));
}

/* Alone, each request fails by its own fault only. */
static void commit_each(struct pins *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct pending *pend = &p->pending[i];

		if (pend->admission.reason != REASON_NONE || pend->n_changes == 0)
			continue;
		if (commit(p, p->changes + pend->first_change, pend->n_changes) == 0)
			continue;
		p->counters[PINS_FAILED]++;
		say_failed(p);
		pend->admission.reason = REASON_PIN_FAILED;
	}
}

void pins_request(struct pins *p, const struct pins_view *v, uint64_t now_ms, const struct msg_pin_request *requests,
	size_t n, struct msg_pin_reply *ret_replies, struct msg_pin_note *ret_notes)
{
	size_t pins = 0, names = 0;

	p->n_changes = 0;
	for (size_t i = 0; i < n; i++) {
		plan(p, v, &requests[i], &p->pending[i], pins, names);
		pins += p->pending[i].admission.reason == REASON_NONE ? p->pending[i].admission.n_pins : 0;
		names += p->pending[i].admission.reason == REASON_NONE;
	}
	if (p->n_changes && commit(p, p->changes, p->n_changes) < 0)
		commit_each(p, n);
	for (size_t i = 0; i < n; i++) {
		const struct admission *a = &p->pending[i].admission;

		if (a->reason == REASON_NONE)
			book(p, a, now_ms);
		fill_reply(p, &requests[i], a, &ret_replies[i]);
		fill_note(v, &requests[i], a, now_ms, &ret_notes[i]);
	}
}

/* ---- the end of pins ---- */

void pins_delete(struct changes *c, const struct sandbox *s, const struct pin_key *key)
{
	const struct service service = {key->protocol, key->port, key->port};

	for (unsigned int i = 0; i < key_selectors(s); i++)
		if (key_pin(s, i, &key->addr, &service, &changes_push(c, NFT_DESTROY)->key) < 0)
			changes_pop(c);
}

size_t pins_tick(struct pins *p, const struct sandboxes *t, uint64_t now_ms)
{
	uint32_t over[EXPIRED_BATCH];
	size_t n = pinbook_expired(p->book, now_ms, over, EXPIRED_BATCH);

	p->n_changes = 0;
	for (size_t i = 0; i < n; i++) {
		const struct pin_key *key = pinbook_key(p->book, over[i]);
		const struct sandbox *s = sandboxes_get(t, key->slot);
		const struct service service = {key->protocol, key->port, key->port};
		struct nft_key k;

		for (unsigned int sel = 0; s && sel < key_selectors(s); sel++)
			if (key_pin(s, sel, &key->addr, &service, &k) == 0 && !put_change(p, NFT_DESTROY, &k, 0, NULL))
				n = i; /* full: the rest next time */
	}
	if (p->n_changes && nft_commit(p->nft, p->changes, p->n_changes, NULL) < 0) {
		/* the kernel's own timeout ends them PINS_KERNEL_SLACK_MS later: the book may go on */
		log_warning("expired pins not deleted: %s", nft_error(p->nft));
		p->unsure = true;
	}
	for (size_t i = 0; i < n; i++)
		pinbook_bury(p->book, over[i]);
	p->counters[PINS_DELETED] += n;
	return n;
}

/* ---- start and restoring ---- */

void pins_all(const struct pins *p, const struct sandboxes *t, uint64_t now_ms, struct changes *c)
{
	char comment[COMMENT_MAX];

	for (uint32_t pin = pinbook_next(p->book, PINBOOK_NONE); pin != PINBOOK_NONE; pin = pinbook_next(p->book, pin)) {
		const struct pin_key *key = pinbook_key(p->book, pin);
		const struct sandbox *s = sandboxes_get(t, key->slot);
		const struct service service = {key->protocol, key->port, key->port};
		uint64_t expires_ms = pinbook_expires_ms(p->book, pin);

		if (!s || !pinbook_live(p->book, pin) || expires_ms <= now_ms)
			continue;
		for (unsigned int i = 0; i < key_selectors(s); i++) {
			struct nft_change *ch = changes_push(c, NFT_ADD);

			if (key_pin(s, i, &key->addr, &service, &ch->key) < 0) {
				changes_pop(c);
				continue;
			}
			ch->timeout_ms = expires_ms - now_ms + PINS_KERNEL_SLACK_MS;
			changes_comment(c, pinbook_comment(p->book, pin, NULL, comment, sizeof(comment)));
		}
	}
}

struct adoption {
	struct pins *pins;
	const struct pins_view *view;
	struct changes *changes;
	uint64_t now_ms;
};

static const struct sandbox *whose(const struct sandboxes *t, const struct key_pin *k)
{
	static const enum sandbox_kind kinds[] = {[KEY_IFACE] = SANDBOX_INTERFACE, [KEY_SOURCE] = SANDBOX_SOURCE,
		[KEY_PREFIX] = SANDBOX_SOURCE, [KEY_CGROUP] = SANDBOX_CGROUP, [KEY_UID] = SANDBOX_UID,
		[KEY_HOST] = SANDBOX_HOST};

	return sandboxes_find_selector(t, kinds[k->kind], &k->selector);
}

/* Books the pin under each name of the comment that may still hold it. */
static bool adopt_names(struct adoption *ad, const struct sandbox *s, const struct pin_key *key,
	const struct nft_element *e)
{
	char text[NFT_COMMENT_MAX], *save = NULL;
	bool booked = false;

	memcpy(text, e->comment, sizeof(text));
	text[sizeof(text) - 1] = '\0';
	for (char *word = strtok_r(text, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		struct dns_name name;
		uint32_t rule;

		if (dns_name_from_text(word, &name) < 0)
			continue;
		rule = admit_again(ad->view->image, s, key, &name);
		if (rule == IMAGE_NONE || !pinbook_room(ad->pins->book, 1, 1))
			continue;
		(void)pinbook_put(ad->pins->book, key, rule, &name, ad->now_ms + e->expires_ms - PINS_KERNEL_SLACK_MS);
		booked = true;
	}
	return booked;
}

static int adopt_element(void *context, const struct nft_element *e)
{
	struct adoption *ad = context;
	const struct sandbox *s = NULL;
	struct key_pin k;
	struct pin_key key;

	if (key_pin_decode(&e->key, &k) == 0)
		s = whose(ad->view->sandboxes, &k);
	if (s && e->expires_ms > PINS_KERNEL_SLACK_MS) {
		key = (struct pin_key){s->slot, k.port, k.protocol, k.to};
		if (adopt_names(ad, s, &key, e)) {
			ad->pins->counters[PINS_ADOPTED]++;
			return 0;
		}
	}
	changes_push(ad->changes, NFT_DESTROY)->key = e->key;
	return 0;
}

int pins_adopt(struct pins *p, const struct pins_view *v, uint64_t now_ms, struct changes *c)
{
	struct adoption ad = {p, v, c, now_ms};

	for (unsigned int i = 0; key_set(KEYS_PINS, i); i++) {
		int rc = nft_dump_set(p->nft, key_set(KEYS_PINS, i), adopt_element, &ad);

		if (rc < 0)
			return rc;
	}
	return 0;
}

bool pins_note(const struct pins *p, const struct pins_view *v, uint32_t pin, struct msg_pin_note *note)
{
	const struct pin_key *key = pinbook_key(p->book, pin);
	const struct sandbox *s = sandboxes_get(v->sandboxes, key->slot);

	*note = (struct msg_pin_note){.slot = key->slot, .expires_ms = pinbook_expires_ms(p->book, pin), .n_addrs = 1,
		.addrs = {key->addr}};
	if (!s || image_policy_find(v->image, s->policy) == IMAGE_NONE ||
		!pinbook_holder(p->book, pin, &note->rule, &note->name))
		return false;
	add_services(v->image, s, note);
	return true;
}
