/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the running daemon knows: whether it runs at all, what its counters tell, and sandboxes that do not confine as they seem to. */
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client.h"
#include "doctor.h"
#include "print.h"

static const struct {
	const char *process, *counter, *means, *cure;
	enum finding_weight weight;
} signs[] = {
	{"gate", "tampers", "others changed postern's table; it was restored", "postern audit --kind tamper, which names who", FINDING_WARNING},
	{"gate", "commit_errors", "the kernel refused changes of the ruleset", "journalctl -u posternd", FINDING_WARNING},
	{"gate", "verdict_errors", "verdicts could not be sent", "journalctl -u posternd", FINDING_WARNING},
	{"gate", "pins_failed", "pins failed, and their answers were SERVFAIL", "journalctl -u posternd", FINDING_WARNING},
	{"gate", "pin_table_full", "the table of pins was full", "lower pins.max_s in postern.conf, or find who resolves so much", FINDING_WARNING},
	{"audit", "lost_disk", "events are missing in the audit log: the disk", "postern audit --kind suppressed", FINDING_WARNING},
	{"audit", "lost_outputs", "lines are missing in a log of another format", "journalctl -u posternd", FINDING_WARNING},
	{"audit", "lost_senders", "events are missing in the audit log: too many at once", "postern audit --kind suppressed", FINDING_WARNING},
	{"verdict", "aggregate_full", "refusals of too many kinds at once were only counted", "postern audit --reason flood", FINDING_NOTE},
	{"resolver", "table_full", "queries were dropped: too many at once", "postern status", FINDING_WARNING},
	{"resolver", "anchors_new", "a zone of trust_anchors has keys that are no anchor: it changes them", "install the newest dns-root-data; postern reload",
		FINDING_WARNING},
	{"resolver", "anchors_gone", "trust anchors that their zone does not use", "remove them, unless they are keys to come", FINDING_NOTE},
	{"resolver", "anchor_looks_failed", "the keys of an anchored zone could not be seen, or none that is believed has signed them",
		"postern status says which; the upstreams have to pass signatures on", FINDING_WARNING},
	{"tls", "handshakes_failed", "an upstream could not prove over TLS that it is what upstreams names; nothing was asked there",
		"journalctl -u posternd, which says which and why; then upstreams in postern.conf", FINDING_WARNING},
	{"resolver", "upstream_mismatches", "answers came that fit no question: a broken or hostile upstream path", "check upstreams in postern.conf",
		FINDING_WARNING},
};

static void look_at_zone(struct doctor *d, const json_t *zone)
{
	const char *name = member_text(zone, "zone");
	unsigned int trusted = 0;
	json_t *k;
	size_t i;

	json_array_foreach(json_object_get(zone, "keys"), i, k) {
		const char *state = member_text(k, "state");
		bool configured = json_is_true(json_object_get(k, "configured"));

		trusted += strcmp(state, "valid") == 0 || strcmp(state, "missing") == 0;
		if (strcmp(state, "pending") == 0)
			doctor_find(d, FINDING_NOTE, "none needed, or sooner by the newest dns-root-data and postern reload",
				"zone %s shows a new key %lld, which is believed from %s on", name, (long long)member_number(k, "tag"),
				member_text(k, "until"));
		if (configured && (strcmp(state, "revoked") == 0 || strcmp(state, "removed") == 0))
			doctor_find(d, FINDING_WARNING, "install the newest dns-root-data, or correct trust_anchors; postern reload",
				"key %lld of zone %s stands in trust_anchors, but has revoked itself", (long long)member_number(k, "tag"), name);
	}
	if (!trusted)
		doctor_find(d, FINDING_PROBLEM, "a new anchor from a source that you trust into trust_anchors; postern reload",
			"zone %s has no key left that is believed: all below it is SERVFAIL", name);
	if (!member_text(zone, "seen")[0])
		doctor_find(d, FINDING_NOTE, "postern status; upstreams have to pass signatures on", "the keys of zone %s were not seen yet", name);
}

/* Trust anchors that follow their zones: RFC 5011; and zones that are not validated for now: RFC 7646. */
static void look_at_anchors(struct doctor *d)
{
	const char *error = member_text(d->status, "anchors_error");
	json_t *row;
	size_t i;

	if (strcmp(member_text(d->status, "anchor_file"), "bad") == 0)
		doctor_find(d, FINDING_WARNING, "journalctl -u posternd says why; find out who changed it: it is kept as anchors.bad",
			"the state of trust anchors could not be believed at start: validation goes on with those of trust_anchors");
	if (error[0])
		doctor_find(d, FINDING_WARNING, "let user postern-policy write trust_anchor_directory: systemd-tmpfiles --create",
			"the state of trust anchors cannot be written (%s): a restart forgets keys that wait", error);
	json_array_foreach(json_object_get(d->status, "trust_anchors"), i, row)
		look_at_zone(d, row);
	json_array_foreach(json_object_get(d->status, "negative_trust_anchors"), i, row)
		doctor_find(d, FINDING_WARNING, "remove it from negative_trust_anchors once the zone is good again",
			"zone %s is not validated until %s", member_text(row, "zone"), member_text(row, "until"));
}

void doctor_daemon(struct doctor *d)
{
	const json_t *counters = json_object_get(d->status, "counters");

	if (!d->status) {
		doctor_find(d, FINDING_PROBLEM, d->root ? "systemctl start posternd; journalctl -u posternd says why it ended"
							: "run as root, or as a member of group postern",
			"the daemon cannot be reached: where it does not run, no new name is let through");
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(signs); i++) {
		json_int_t n = member_number(json_object_get(counters, signs[i].process), signs[i].counter);

		if (n)
			doctor_find(d, signs[i].weight, signs[i].cure, "%s (%lld since start)", signs[i].means, (long long)n);
	}
	look_at_anchors(d);
}

static void look_at_interface(struct doctor *d, const char *sandbox, const char *name)
{
	char path[128];

	if (if_nametoindex(name) == 0) {
		doctor_find(d, FINDING_NOTE, "none needed: it is confined from the moment it appears", "interface %s of sandbox %s does not exist yet",
			name, sandbox);
		return;
	}
	snprintf(path, sizeof(path), "/sys/class/net/%s/brport", name); /* it exists, so it holds no slash */
	if (access(path, F_OK) == 0)
		doctor_find(d, FINDING_PROBLEM, "select the sandbox by the bridge itself, or by source; one bridge a sandbox",
			"interface %s of sandbox %s is a port of a bridge: what it sends comes in through the bridge, and is not seen as its own",
			name, sandbox);
}

static void look_at_sandbox(const json_t *box, void *arg)
{
	json_t *name;
	size_t i;

	json_array_foreach(json_object_get(box, "interface"), i, name)
		if (json_is_string(name))
			look_at_interface(arg, member_text(box, "name"), json_string_value(name));
}

void doctor_sandboxes(struct doctor *d)
{
	if (d->status)
		(void)client_rows(d->c, json_pack("{s:s}", "op", "sandboxes"), "sandbox", look_at_sandbox, d); /* said there */
}
