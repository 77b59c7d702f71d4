/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Trust anchors that follow their zones: who decides, and who does what.
 *
 *   resolver  looks at the zones' keys, verifies signatures, says what it saw; believes what the gate tells it
 *   gate      keeps the table and its times (src/anchor): a resolver in the wrong hands would have to stay so for thirty
 *             days before a key of its own is believed, and cannot say when that is
 *   policy    reads the file at start (it is in the image) and writes it; the only one of the three with files
 *
 * What cannot be written is kept in memory and said; validation does not depend on it. Looks have a budget, as each may be logged
 * and written.
 */
#include <errno.h>
#include <string.h>

#include "gate.h"
#include "postern/clock.h"
#include "postern/log.h"

#define KEEP_EVERY_MS 10000
#define KEEP_AGAIN_MS 600000 /* after it failed */
#define LOOKS_MAX 32
#define LOOK_EVERY_MS 60000

static uint64_t wall_s(void)
{
	return clock_wall_us() / 1000000u;
}

static bool managed(const struct gate *g)
{
	const struct image_settings *s = image_settings(g->policy.image);

	return s->dnssec && s->anchors_managed;
}

static uint32_t list_configured(const struct image *im, struct anchor_configured list[static ANCHOR_CONFIGURED_MAX])
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < image_n_anchors(im); i++) {
		const struct image_anchor *a = image_anchor(im, i);
		struct anchor_configured *c = &list[n];

		c->ds = (struct anchor_ds){a->tag, a->algorithm, a->digest_type, a->digest_len, {0}};
		memcpy(c->ds.digest, a->digest, sizeof(c->ds.digest));
		n += image_wire(im, a->zone, &c->zone);
	}
	return n;
}

static int tell_resolver(struct gate *g)
{
	struct msg_anchors m = {.anchors = g->anchors.table};

	return children_send(&g->children, ROLE_RESOLVER, MSG_ANCHORS, &m, NULL, 0);
}

int gate_anchors_load(struct gate *g, bool first)
{
	struct gate_anchors *a = &g->anchors;
	struct anchor_configured list[ANCHOR_CONFIGURED_MAX];
	const struct anchors *state = first ? image_anchor_state(g->policy.image) : NULL;

	a->ended = 0;
	if (first) {
		a->file = image_settings(g->policy.image)->anchor_file;
		a->looks_left = LOOKS_MAX;
	}
	if (!managed(g)) {
		memset(&a->table, 0, sizeof(a->table));
		a->dirty = false;
		return 0;
	}
	if (state) {
		a->table = *state;
		a->kept = true;
	}
	a->dirty |= anchors_configure(&a->table, list, list_configured(g->policy.image, list), wall_s()) || !first;
	return tell_resolver(g);
}

/* One line for each, in the log and on record. */
static void say_changes(struct gate *g, const struct anchor_change *changes, unsigned int n)
{
	char zone[DNS_NAME_TEXT_MAX], until[CLOCK_TEXT_MAX];

	for (unsigned int i = 0; i < n; i++) {
		const struct anchor_change *c = &changes[i];
		const char *before = c->before == ANCHOR_STATE_COUNT ? "new" : anchor_state_text(c->before);
		const char *now = c->gone ? "gone" : anchor_state_text((enum anchor_state)c->key.state);
		bool waits = !c->gone && c->key.until_s;

		dns_name_to_text(&c->zone, zone);
		if (waits)
			clock_format(c->key.until_s * 1000000u, until);
		log_notice("trust anchor %u of %s: %s, was %s%s%s", c->key.ds.tag, zone, now, before, waits ? ", until " : "", waits ? until : "");
		gate_event_text(g, EVENT_ANCHOR, NULL, "key %u of %.100s: %s, was %s%s%s", c->key.ds.tag, zone, now, before,
			waits ? ", until " : "", waits ? until : "");
	}
}

static bool take_look(struct gate_anchors *a)
{
	uint64_t now_ms = clock_now_ms(), more = (now_ms - a->looks_ms) / LOOK_EVERY_MS;

	if (more) {
		a->looks_left = a->looks_left + more < LOOKS_MAX ? a->looks_left + (uint32_t)more : LOOKS_MAX;
		a->looks_ms = now_ms;
	}
	if (a->looks_left == 0)
		return false;
	a->looks_left--;
	return true;
}

void gate_anchors_seen(struct gate *g, const struct msg_anchors_seen *m)
{
	static struct anchor_change changes[ANCHOR_CHANGES_MAX]; /* 14 kB, and one at a time */
	unsigned int n;

	if (!anchor_seen_valid(&m->seen)) {
		gate_fail(g, "resolver: a look at keys out of range", -EPROTO);
		return;
	}
	if (!g->policy.image || !managed(g) || !take_look(&g->anchors))
		return;
	n = anchors_observe(&g->anchors.table, &m->seen, wall_s(), changes);
	g->anchors.dirty |= n || m->seen.validated; /* the time of the look is kept, too */
	say_changes(g, changes, n);
	if (n && tell_resolver(g) < 0)
		gate_fail(g, "the resolver does not take its trust anchors", -ETIMEDOUT);
}

void gate_anchors_kept(struct gate *g, const struct msg_anchors_kept *m)
{
	struct gate_anchors *a = &g->anchors;

	a->keeping = false;
	if (m->error < 0) {
		if (a->error != m->error)
			log_warning("the state of trust anchors cannot be written to %s: %s: without it a restart forgets keys that wait",
				image_string(g->policy.image, image_settings(g->policy.image)->anchor_directory), strerror(-m->error));
		a->dirty = true;
		a->keep_ms = clock_now_ms() + KEEP_AGAIN_MS;
	}
	a->kept |= m->error == 0;
	a->error = m->error;
}

static void keep(struct gate *g, uint64_t now_ms)
{
	struct gate_anchors *a = &g->anchors;
	const char *directory = image_string(g->policy.image, image_settings(g->policy.image)->anchor_directory);
	struct msg_anchors_keep m = {.anchors = a->table};

	if (!a->dirty || a->keeping || now_ms < a->keep_ms || !directory[0])
		return;
	event_set_text(m.directory, sizeof(m.directory), directory);
	if (channel_send(&g->children.all[ROLE_POLICY].channel, MSG_ANCHORS_KEEP, &m, NULL, 0) < 0)
		return; /* again at the next tick */
	a->dirty = false;
	a->keeping = true;
	a->keep_ms = now_ms + KEEP_EVERY_MS;
}

static void say_one(struct gate *g, uint32_t i, bool ended)
{
	const struct image_negative *n = image_negative(g->policy.image, i);
	char zone[DNS_NAME_TEXT_MAX], until[CLOCK_TEXT_MAX];
	struct dns_name name;

	if (!image_wire(g->policy.image, n->zone, &name))
		return;
	dns_name_to_text(&name, zone);
	clock_format(n->until_s * 1000000u, until);
	log_warning("%s %s validated%s%s", zone, ended ? "is" : "is not", ended ? " again: its negative trust anchor ended at " : ": it has a negative trust anchor until ",
		until);
	gate_event_text(g, EVENT_ANCHOR, NULL, "negative trust anchor for %.100s %s %s", zone, ended ? "ended at" : "in force until", until);
}

/* Those that have come to their end; the resolver looks at its own clock. */
static void end_negative(struct gate *g)
{
	for (uint32_t i = 0; i < image_n_negative(g->policy.image); i++)
		if (!(g->anchors.ended >> i & 1) && image_negative(g->policy.image, i)->until_s <= wall_s()) {
			g->anchors.ended |= (uint8_t)(1u << i);
			say_one(g, i, true);
		}
}

void gate_anchors_tick(struct gate *g, uint64_t now_ms)
{
	if (!image_settings(g->policy.image)->dnssec)
		return;
	end_negative(g);
	if (managed(g))
		keep(g, now_ms);
}

void gate_say_negative(struct gate *g)
{
	for (uint32_t i = 0; image_settings(g->policy.image)->dnssec && i < image_n_negative(g->policy.image); i++)
		if (image_negative(g->policy.image, i)->until_s > wall_s())
			say_one(g, i, false);
}

void gate_anchors_status(const struct gate *g, struct msg_status *m, struct msg_anchors *ret_anchors)
{
	const struct image *im = g->policy.image;

	*ret_anchors = (struct msg_anchors){.h.seq = m->h.seq, .anchors = g->anchors.table};
	if (!im || !image_settings(im)->dnssec)
		return;
	m->anchors_managed = managed(g);
	m->anchor_file = g->anchors.file;
	m->anchors_kept = g->anchors.kept;
	m->anchors_error = g->anchors.error;
	for (uint32_t i = 0; i < image_n_negative(im); i++) {
		const struct image_negative *n = image_negative(im, i);

		if (n->until_s > wall_s() && image_wire(im, n->zone, &m->negative[m->n_negative].zone))
			m->negative[m->n_negative++].until_s = n->until_s;
	}
}
