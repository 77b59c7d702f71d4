/* SPDX-License-Identifier: GPL-2.0-or-later */
/* postern status: what the daemon says of itself. Counters that are zero are left out of the text, not of the JSON. */
#include <string.h>

#include "client.h"
#include "print.h"

/* Counters that stand for something lost or broken: shown in the colour of a warning. */
static const char *const alarming[] = {
	"pins_failed", "pin_table_full", "commit_errors", "verdict_errors", "tampers", "events_lost", "malformed", "servfail",
	"table_full", "lost_senders", "lost_disk", "lost_outputs", "aggregate_full", "upstream_timeouts",
	"handshakes_failed",
};

static bool alarms(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(alarming); i++)
		if (strcmp(alarming[i], name) == 0)
			return true;
	return false;
}

static void print_process(const char *name, const json_t *counters, json_int_t pid)
{
	const char *counter;
	json_t *value;
	char number[32];

	snprintf(number, sizeof(number), "%lld", (long long)pid);
	printf("%-10s %-8s", name, pid ? number : "-");
	json_object_foreach((json_t *)counters, counter, value) {
		if (json_integer_value(value) == 0)
			continue;
		putchar(' ');
		print_word(alarms(counter) ? COLOUR_WARN : COLOUR_NONE, counter);
		printf("=%lld", (long long)json_integer_value(value));
	}
	putchar('\n');
}

static void print_upstreams(const json_t *upstreams)
{
	json_t *u;
	size_t i;

	json_array_foreach((json_t *)upstreams, i, u) {
		const char *state = member_text(u, "state");

		printf("%s", i ? "          " : "upstreams ");
		print_safe(stdout, member_text(u, "address"));
		printf(" port %lld%s ", (long long)member_number(u, "port"), json_is_true(json_object_get(u, "tls")) ? " over TLS" : "");
		print_word(strcmp(state, "down") == 0 ? COLOUR_WARN : COLOUR_NONE, state);
		printf(", %lld ms, answered=%lld silent=%lld\n", (long long)member_number(u, "rtt_ms"), (long long)member_number(u, "answered"),
			(long long)member_number(u, "silent"));
	}
}

static void print_anchored_zone(const json_t *zone)
{
	const char *seen = member_text(zone, "seen");
	json_t *k;
	size_t i;

	printf("anchors   ");
	print_safe(stdout, member_text(zone, "zone"));
	printf(" last seen ");
	print_word(seen[0] ? COLOUR_NONE : COLOUR_WARN, seen[0] ? seen : "never");
	json_array_foreach(json_object_get(zone, "keys"), i, k) {
		const char *state = member_text(k, "state"), *until = member_text(k, "until");

		printf("\n          key %lld algorithm %lld ", (long long)member_number(k, "tag"), (long long)member_number(k, "algorithm"));
		print_word(strcmp(state, "valid") == 0 ? COLOUR_NONE : COLOUR_WARN, state);
		print_safe(stdout, " since ");
		print_safe(stdout, member_text(k, "since"));
		print_safe(stdout, until[0] ? ", until " : "");
		print_safe(stdout, until);
		if (json_is_true(json_object_get(k, "configured")))
			printf(", configured");
	}
	putchar('\n');
}

/* What is believed of DNSSEC, and what is not looked at for now. */
static void print_anchors(const json_t *status)
{
	const char *error = member_text(status, "anchors_error");
	json_t *row;
	size_t i;

	json_array_foreach(json_object_get(status, "trust_anchors"), i, row)
		print_anchored_zone(row);
	if (error[0]) {
		print_word(COLOUR_WARN, "          their state cannot be written: ");
		print_safe(stdout, error);
		putchar('\n');
	}
	json_array_foreach(json_object_get(status, "negative_trust_anchors"), i, row) {
		print_word(COLOUR_WARN, "unchecked ");
		print_safe(stdout, member_text(row, "zone"));
		print_safe(stdout, " until ");
		print_safe(stdout, member_text(row, "until"));
		putchar('\n');
	}
}

static void print_status(const json_t *status)
{
	const json_t *pids = json_object_get(status, "pids");
	const char *process;
	json_t *counters;

	printf("postern ");
	print_safe(stdout, member_text(status, "version"));
	printf(", running since ");
	print_safe(stdout, member_text(status, "started"));
	printf("\npolicy    generation %lld of ", (long long)member_number(status, "generation"));
	print_safe(stdout, member_text(status, "policy_loaded"));
	printf("\nsandboxes %lld\npins      %lld\nkernel    queue ", (long long)member_number(status, "sandboxes"),
		(long long)member_number(status, "pins"));
	print_safe(stdout, member_text(status, "queue"));
	printf(", renewal ");
	print_safe(stdout, member_text(status, "renewal"));
	putchar('\n');
	print_upstreams(json_object_get(status, "upstreams"));
	print_anchors(status);
	printf("\n%-10s %-8s counters\n", "process", "pid");
	json_object_foreach(json_object_get(status, "counters"), process, counters)
		print_process(process, counters, member_number(pids, process));
}

enum cli_status cmd_status(struct cli *c)
{
	json_t *reply;
	enum cli_status status = client_ask(c, json_pack("{s:s}", "op", "status"), &reply);

	if (status != CLI_OK)
		return status;
	if (c->json)
		print_json(reply);
	else
		print_status(reply);
	json_decref(reply);
	return CLI_OK;
}
