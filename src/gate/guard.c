/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The tamper watch. Somebody else's transaction touched our table: it is recorded with its
 * writer and undone. Undoing is one transaction that deletes what is left and builds table, sets, chains, rules
 * and all elements anew from the snapshot and the books, so there is no moment in between.
 * Flows that the changed rules let out are "established" now: all are held against the policy, as after a reload, and those that
 * it does not allow are ended.
 *
 * Element changes by hand are undone as well: that is why any touch of ours leads to a rebuild,
 * even where the snapshot (which does not hold elements) says that all is in order.
 */
#include <errno.h>
#include <string.h>

#include "elements.h"
#include "gate.h"
#include "postern/clock.h"
#include "postern/log.h"

static int rebuild(struct gate *g)
{
	struct changes c;
	int rc = -ENOMEM;

	changes_init(&c);
	elements_settings(&c, g->policy.image, g->sandboxes, &g->uids);
	for (uint16_t i = sandboxes_next(g->sandboxes, 0); i != SANDBOX_NONE; i = sandboxes_next(g->sandboxes, i + 1u))
		elements_sandbox(&c, NFT_ADD, g->policy.image, sandboxes_get(g->sandboxes, i));
	pins_all(g->pins, g->sandboxes, clock_now_ms(), &c);
	if (!c.failed)
		rc = snapshot_restore(g->kernel.nft, g->kernel.snapshot, c.v, c.n);
	changes_fini(&c);
	return rc;
}

static void record(struct gate *g, const struct watch_report *r)
{
	struct event e = event_new(EVENT_TAMPER);

	g->counters[COUNTER_GATE_tampers]++;
	e.by.found = r->pid != 0;
	e.by.pid = r->pid;
	event_set_text(e.by.exe, sizeof(e.by.exe), r->name);
	event_set_text(e.text, sizeof(e.text), r->resync ? "the kernel's notices overran: the table was rebuilt"
		: r->removed ? "removed something of table inet postern: restored" : "changed table inet postern: undone");
	event_send(&g->audit, &e);
	log_warning("table inet postern was changed by pid=%d (%s): restored", r->pid, r->name);
}

/* Which flows began while the table was not ours is not known, so all are judged, of every sandbox. */
static void cut(struct gate *g)
{
	bool all[SANDBOX_MAX];

	memset(all, true, sizeof(all));
	gate_cut(g, all, NULL, 0);
}

void gate_guard(struct gate *g)
{
	struct watch_report r, first = {0};
	bool touched = false;
	int rc;

	while ((rc = watch_read(g->kernel.watch, &r)) > 0) {
		if (!g->kernel.snapshot || !(r.resync || r.ours))
			continue;
		if (touched)
			record(g, &first);
		touched = true;
		first = r;
	}
	if (rc < 0)
		gate_fail(g, "tamper watch", rc);
	if (!touched)
		return;
	rc = rebuild(g);
	record(g, &first);
	if (rc < 0)
		gate_fail(g, "the table could not be restored", rc);
	else
		cut(g);
}
