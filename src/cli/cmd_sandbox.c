/* SPDX-License-Identifier: GPL-2.0-or-later */
/* postern sandbox list | add NAME | remove NAME. What is asked is checked by the daemon, which has the last word. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "print.h"

struct listing {
	bool json;
	unsigned int n;
};

static void print_sandbox(const json_t *box, void *arg)
{
	struct listing *l = arg;
	const char *kind = member_text(box, "kind");
	json_t *selector;
	size_t i;

	if (l->json) {
		print_json(box);
		return;
	}
	if (l->n++ == 0)
		printf("%-16s %-16s %-9s %-8s selected by\n", "sandbox", "policy", "from", "mode");
	print_column(member_text(box, "name"), 16);
	print_column(member_text(box, "policy"), 16);
	printf("%-9s ", json_is_true(json_object_get(box, "runtime")) ? "runtime" : "file");
	print_column(member_text(box, "mode"), 8);
	print_safe(stdout, kind);
	json_array_foreach(json_object_get(box, kind), i, selector) {
		putchar(' ');
		if (json_is_string(selector))
			print_safe(stdout, json_string_value(selector));
		else if (json_is_integer(selector))
			printf("%lld", (long long)json_integer_value(selector));
	}
	if (json_is_true(json_object_get(box, "fail_open")))
		print_word(COLOUR_WARN, " (fails open)");
	if (json_is_true(json_object_get(box, "absent")))
		print_word(COLOUR_WARN, " (does not exist yet)");
	putchar('\n');
}

static enum cli_status list(struct cli *c)
{
	struct listing l = {.json = c->json};
	enum cli_status status = client_rows(c, json_pack("{s:s}", "op", "sandboxes"), "sandbox", print_sandbox, &l);

	if (status == CLI_OK && !c->json && l.n == 0)
		printf("no sandboxes\n");
	return status;
}

static enum cli_status change(struct cli *c, json_t *request, const char *done)
{
	json_t *reply;
	enum cli_status status = client_ask(c, request, &reply);

	if (status != CLI_OK)
		return status;
	if (c->json) {
		print_json(reply);
	} else {
		printf("%s ", done);
		print_safe(stdout, c->words[1]);
		putchar('\n');
	}
	json_decref(reply);
	return CLI_OK;
}

static enum cli_status misused(const char *text)
{
	fprintf(stderr, "postern: %s: see postern help sandbox\n", text);
	return CLI_USAGE;
}

static json_t *selector_value(enum sandbox_kind kind, const char *text)
{
	char *end;
	unsigned long n;

	if (kind != SANDBOX_UID)
		return json_string(text);
	errno = 0;
	n = strtoul(text, &end, 10);
	return errno || end == text || *end || *text == '-' || n >= UINT32_MAX ? NULL : json_integer((json_int_t)n);
}

static enum cli_status set_selectors(const struct cli *c, json_t *request)
{
	unsigned int n_kinds = c->host;

	for (unsigned int k = 0; k < SANDBOX_KIND_COUNT; k++) {
		json_t *values = json_array();

		n_kinds += c->n_selectors[k] != 0;
		for (unsigned int i = 0; i < c->n_selectors[k]; i++)
			if (json_array_append_new(values, selector_value((enum sandbox_kind)k, c->selectors[k][i])) < 0) {
				json_decref(values);
				return misused("this is no usable selector (a uid is a number, all text is UTF-8)");
			}
		if (c->n_selectors[k])
			json_object_set(request, sandbox_kind_text((enum sandbox_kind)k), values);
		json_decref(values);
	}
	if (c->host)
		json_object_set_new(request, "host", json_true());
	return n_kinds == 1 ? CLI_OK : misused("give selectors of one kind: --interface, --source, --cgroup, --uid or --host");
}

static enum cli_status add(struct cli *c)
{
	json_t *request;
	enum cli_status status;

	if (c->n_words != 2 || !c->policy)
		return misused("add takes a name and --policy");
	request = json_pack("{s:s,s:s,s:s}", "op", "sandbox-add", "name", c->words[1], "policy", c->policy);
	if (!request)
		return misused("names are of A-Z a-z 0-9 . _ -");
	if (c->mode)
		json_object_set_new(request, "mode", json_string(c->mode));
	if (c->fail_open)
		json_object_set_new(request, "fail_open", json_true());
	status = set_selectors(c, request);
	if (status == CLI_OK)
		return change(c, request, "added");
	json_decref(request);
	return status;
}

static enum cli_status take_away(struct cli *c)
{
	json_t *request = c->n_words == 2 ? json_pack("{s:s,s:s}", "op", "sandbox-remove", "name", c->words[1]) : NULL;

	return request ? change(c, request, "removed") : misused("remove takes a name");
}

enum cli_status cmd_sandbox(struct cli *c)
{
	if (strcmp(c->words[0], "list") == 0 && c->n_words == 1)
		return list(c);
	if (strcmp(c->words[0], "add") == 0)
		return add(c);
	if (strcmp(c->words[0], "remove") == 0)
		return take_away(c);
	return misused("list, add NAME or remove NAME");
}
