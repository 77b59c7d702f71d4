/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Prints the tables that ARCHITECTURE.md shows, from the code that they describe:
 * dump_tables messages | privileges. tests/lint/tables.py compares the two.
 */
#include <cap-ng.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>

#include "postern/message.h"
#include "postern/role.h"
#include "src/jail/roles.h"

/* "a, b → c; every child → d": the pairs of the message, grouped by receiver. */
static void print_senders(enum message_type t, enum role to, unsigned int n)
{
	if (n == ROLE_COUNT - 1) {
		printf("every child");
		return;
	}
	for (unsigned int from = 0; from < ROLE_COUNT; from++) {
		if (message_allowed(t, from, to))
			printf("%s%s", role_text(from), --n ? ", " : "");
	}
}

static bool from_gate_to_all(enum message_type t)
{
	for (unsigned int to = 1; to < ROLE_COUNT; to++) {
		if (!message_allowed(t, ROLE_GATE, to))
			return false;
	}
	return true;
}

static void print_routes(enum message_type t)
{
	const char *sep = "";

	if (from_gate_to_all(t)) {
		printf("gate → every child");
		return;
	}
	for (unsigned int to = 0; to < ROLE_COUNT; to++) {
		unsigned int n = 0;

		for (unsigned int from = 0; from < ROLE_COUNT; from++)
			n += message_allowed(t, from, to);
		if (!n)
			continue;
		printf("%s", sep);
		print_senders(t, to, n);
		printf(" → %s", role_text(to));
		sep = "; ";
	}
}

static void print_messages(void)
{
	printf("| message | route | fds |\n|---|---|---|\n");
	for (unsigned int t = 0; t < MSG_TYPE_COUNT; t++) {
		printf("| `%s` | ", message_text(t));
		print_routes(t);
		printf(" | %u |\n", message_fds(t));
	}
}

static void print_capabilities(uint64_t mask)
{
	const char *sep = "";

	for (unsigned int cap = 0; cap <= CAP_LAST_CAP; cap++) {
		if (!(mask >> cap & 1))
			continue;
		printf("%s%s", sep, capng_capability_to_name(cap));
		sep = ", ";
	}
	if (!mask)
		printf("none");
}

static void print_privileges(void)
{
	printf("| process | user | capabilities | descriptors | further processes |\n"
	       "|---|---|---|---|---|\n");
	for (unsigned int r = 0; r < ROLE_COUNT; r++) {
		const struct role_row *row = role_row(r);

		printf("| `%s` | %s | ", row->executable, row->user);
		print_capabilities(role_capabilities(r));
		printf(" | %llu | %llu |\n", (unsigned long long)row->nofile,
			(unsigned long long)row->nproc);
	}
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "messages")) {
		print_messages();
		return 0;
	}
	if (argc == 2 && !strcmp(argv[1], "privileges")) {
		print_privileges();
		return 0;
	}
	fprintf(stderr, "usage: dump_tables messages | privileges\n");
	return 2;
}
