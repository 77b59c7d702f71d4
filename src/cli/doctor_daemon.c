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
	{"tls", "handshakes_failed", "an upstream could not prove over TLS that it is what upstreams names; nothing was asked there",
		"journalctl -u posternd, which says which and why; then upstreams in postern.conf", FINDING_WARNING},
	{"resolver", "upstream_mismatches", "answers came that fit no question: a broken or hostile upstream path", "check upstreams in postern.conf",
		FINDING_WARNING},
};

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
