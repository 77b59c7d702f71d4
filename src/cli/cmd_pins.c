/* SPDX-License-Identifier: GPL-2.0-or-later */
/* postern pins: what is open now, for whom, and because of which name. */
#include "postern/image.h"

#include "client.h"
#include "print.h"

struct listing {
	bool json;
	unsigned int n;
};

static void print_pin(const json_t *pin, void *arg)
{
	struct listing *l = arg;
	json_int_t left_ms = member_number(pin, "expires_in_ms");
	char service[32], rule[2 * RULE_NAME_MAX];
	const char *group = member_text(pin, "group");

	if (l->json) {
		print_json(pin);
		return;
	}
	if (l->n++ == 0)
		printf("%-16s %-40s %-10s %7s  %-16s name\n", "sandbox", "address", "service", "left", "rule");
	snprintf(service, sizeof(service), "%s/%lld", member_text(pin, "protocol"), (long long)member_number(pin, "port"));
	print_column(member_text(pin, "sandbox"), 16);
	print_column(member_text(pin, "address"), 40);
	print_column(service, 10);
	printf("%6llds  ", (long long)(left_ms / 1000));
	snprintf(rule, sizeof(rule), "%s%s%s", group, *group ? "/" : "", member_text(pin, "rule"));
	print_column(rule, 16);
	print_safe(stdout, member_text(pin, "name"));
	putchar('\n');
}

enum cli_status cmd_pins(struct cli *c)
{
	struct listing l = {.json = c->json};
	json_t *request;
	enum cli_status status;

	if (c->sandbox && !sandbox_name_valid(c->sandbox)) {
		fprintf(stderr, "postern: --sandbox: no name of a sandbox\n");
		return CLI_USAGE;
	}
	request = json_pack("{s:s}", "op", "pins");
	if (c->sandbox)
		json_object_set_new(request, "sandbox", json_string(c->sandbox));
	status = client_rows(c, request, "pin", print_pin, &l);
	if (status == CLI_OK && !c->json && l.n == 0)
		printf("no pins\n");
	return status;
}
