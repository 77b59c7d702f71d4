/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An event on one line: when, whose, what was done and why, to what; then who tried it, and the rule with its place.
 * Everything comes from the log, and so from hostile bytes: nothing is printed but through print_safe().
 */
#include <stdio.h>
#include <string.h>

#include "log_filter.h"
#include "print.h"

static enum print_colour colour_of(const char *action, const char *kind)
{
	if (strcmp(action, "refuse") == 0 || strcmp(action, "drop") == 0 || strcmp(action, "block") == 0)
		return COLOUR_BAD;
	if (strcmp(kind, "tamper") == 0 || strcmp(kind, "suppressed") == 0 || strcmp(kind, "policy-failed") == 0)
		return COLOUR_BAD;
	return strcmp(action, "alert") == 0 || strcmp(action, "would-block") == 0 ? COLOUR_WARN : strcmp(action, "allow") == 0 ? COLOUR_GOOD : COLOUR_NONE;
}

static void put(const char *before, const char *text, const char *after)
{
	if (!*text)
		return;
	fputs(before, stdout);
	print_safe(stdout, text);
	fputs(after, stdout);
}

static void put_number(const char *before, const json_t *event, const char *member)
{
	const json_t *value = json_object_get(event, member);

	if (json_is_integer(value))
		printf("%s%lld", before, (long long)json_integer_value(value));
}

static void put_end(const json_t *event, const char *member, const char *port_member)
{
	const char *address = member_text(event, member);
	bool six = strchr(address, ':') != NULL && json_object_get(event, port_member);

	put(six ? "[" : "", address, six ? "]" : "");
	put_number(":", event, port_member);
}

static void put_traffic(const json_t *event)
{
	bool in = strcmp(member_text(event, "direction"), "in") == 0;

	put(" ", member_text(event, "protocol"), "");
	put_number(" type ", event, "icmp_type");
	if (json_object_get(event, "source")) {
		putchar(' ');
		put_end(event, "source", "source_port");
	}
	if (json_object_get(event, "destination")) {
		fputs(in ? " -> here " : " -> ", stdout);
		put_end(event, "destination", "destination_port");
	}
	put(" on ", member_text(event, "interface"), "");
	put(" (", member_text(event, "hardware"), ")");
}

static void put_names(const json_t *event)
{
	const char *kind = member_text(event, "kind"), *before = " ";
	bool asked = strcmp(kind, "dns") == 0 || strcmp(kind, "pin") == 0;
	json_t *name;
	size_t i;

	if (!asked && json_object_get(event, "names"))
		before = " known as ";
	json_array_foreach(json_object_get(event, "names"), i, name) {
		put(before, json_is_string(name) ? json_string_value(name) : "", "");
		before = ", ";
	}
	put(" ", member_text(event, "qtype"), "");
	put(" ", member_text(event, "rcode"), "");
	put_number(" for ", event, "lifetime_s");
	if (json_object_get(event, "lifetime_s"))
		putchar('s');
}

static void put_attribution(const json_t *event)
{
	const char *exe = member_text(event, "exe");
	const char *command = member_text(event, "command");

	if (*exe || json_object_get(event, "pid") || json_object_get(event, "uid"))
		fputs(" by ", stdout);
	print_safe(stdout, *command ? command : exe);
	put_number("[", event, "pid");
	if (json_object_get(event, "pid"))
		putchar(']');
	put_number(" uid ", event, "uid");
	put(" of ", member_text(event, "unit"), "");
	put(" in container ", member_text(event, "container"), "");
}

static void put_rule(const json_t *event)
{
	put(" rule \"", member_text(event, "rule"), "\"");
	put(" of group \"", member_text(event, "group"), "\"");
	put(" ", member_text(event, "file"), "");
	put_number(":", event, "line");
}

void log_print(const json_t *event)
{
	const char *kind = member_text(event, "kind"), *action = member_text(event, "action");
	const char *word = *action ? action : kind;

	print_safe(stdout, member_text(event, "time"));
	putchar(' ');
	print_column(*member_text(event, "sandbox") ? member_text(event, "sandbox") : "-", 12);
	print_word(colour_of(action, kind), word);
	if (*action && strcmp(kind, "refusal") != 0 && strcmp(kind, action) != 0)
		put(" ", kind, "");
	put(" ", member_text(event, "reason"), "");
	if (member_number(event, "count") > 1)
		put_number(" x", event, "count");
	put_traffic(event);
	put_names(event);
	put_attribution(event);
	put_rule(event);
	put(" sha256 ", member_text(event, "sha256"), "");
	put(": ", member_text(event, "text"), "");
	putchar('\n');
}
