/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The gate's part in trust anchors (src/gate/anchors.c), in virtual time: the same table and state machine; a restart goes by the
 * file's own text.
 */
#include <string.h>

#include "anchor_state.h"
#include "scenario.h"

static const char *key_name(const struct scenario *s, const struct dns_name *zone, const struct anchor_ds *ds)
{
	return signer_name(&s->signer, zone, ds->tag);
}

int gate_seen(void *ctx, const struct anchor_seen *seen)
{
	static struct anchor_change changes[ANCHOR_CHANGES_MAX];
	struct scenario *s = ctx;
	char zone[DNS_NAME_TEXT_MAX], keys[256] = "";
	unsigned int n_changes;
	size_t n = 0;

	if (!anchor_seen_valid(seen))
		scenario_fail(s, "the look is not valid");
	for (unsigned int i = 0; i < seen->n && n < sizeof(keys); i++)
		n += (size_t)snprintf(keys + n, sizeof(keys) - n, " %s%s", signer_name(&s->signer, &seen->zone, seen->keys[i].tag),
			seen->keys[i].revoked ? "!" : "");
	scenario_action(s, "seen %s %s%s", dns_name_to_text(&seen->zone, zone), seen->validated ? "good" : "bad", keys);
	n_changes = anchors_observe(&s->gate.table, seen, s->wall_s, changes);
	for (unsigned int i = 0; i < n_changes; i++)
		scenario_action(s, "anchor %s %s", key_name(s, &changes[i].zone, &changes[i].key.ds),
			changes[i].gone ? "gone" : anchor_state_text((enum anchor_state)changes[i].key.state));
	s->gate.changed |= n_changes > 0;
	return 0;
}

void gate_tell(struct scenario *s)
{
	if (s->gate.changed)
		resolver_set_anchors(s->r, &s->gate.table);
	s->gate.changed = false;
}

void gate_load(struct scenario *s)
{
	struct scenario_gate *g = &s->gate;

	for (uint32_t i = 0; i < g->n_configured; i++)
		policy_text_anchor(s->policy, &g->configured[i]);
	if (!g->n_configured)
		return;
	(void)anchors_configure(&g->table, g->configured, g->n_configured, s->wall_s); /* told in any case */
	resolver_set_anchors(s->r, &g->table);
}

void gate_anchors(struct scenario *s, char *args)
{
	struct scenario_gate *g = &s->gate;
	char *save = NULL;

	g->n_configured = 0;
	for (char *word = strtok_r(args, " ", &save); word; word = strtok_r(NULL, " ", &save))
		if (g->n_configured == ANCHOR_CONFIGURED_MAX || !signer_ds(&s->signer, word, &g->configured[g->n_configured++]))
			scenario_fail(s, "no key %s", word);
}

void gate_restart(struct scenario *s)
{
	static char text[ANCHOR_TEXT_MAX];
	size_t len = anchor_state_write(&s->gate.table, text);
	const char *why;

	memset(&s->gate.table, 0xff, sizeof(s->gate.table));
	why = anchor_state_read(text, len, &s->gate.table);
	if (why)
		scenario_fail(s, "the file of anchors: %s", why);
}
