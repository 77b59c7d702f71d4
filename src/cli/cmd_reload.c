/* SPDX-License-Identifier: GPL-2.0-or-later */
/* postern reload: asks for it and waits for the outcome, with everything that the compiler said. */
#include "client.h"
#include "print.h"

static void print_outcome(const json_t *last)
{
	if (!json_is_true(json_object_get(last, "ok")))
		return;
	printf("loaded, %lld warning%s\n", (long long)member_number(last, "warnings"),
		member_number(last, "warnings") == 1 ? "" : "s");
}

static enum cli_status read_reply(struct cli *c, struct client *cl, json_t *diagnostics)
{
	for (;;) {
		json_t *line;
		enum cli_status status = client_line(cl, &line);

		print_progress(NULL);
		if (status != CLI_OK)
			return status;
		if (client_is_last(line)) {
			status = client_verdict(line);
			json_object_set(line, "diagnostics", diagnostics);
			if (c->json)
				print_json(line);
			else
				print_outcome(line);
			json_decref(line);
			return status;
		}
		json_array_append(diagnostics, json_object_get(line, "diagnostic"));
		if (!c->json) {
			print_safe(stderr, member_text(line, "diagnostic"));
			fputc('\n', stderr);
		}
		json_decref(line);
	}
}

enum cli_status cmd_reload(struct cli *c)
{
	struct client cl;
	enum cli_status status = client_open(c, false, &cl);
	json_t *diagnostics = json_array();

	if (status == CLI_OK) {
		status = client_send(&cl, json_pack("{s:s}", "op", "reload"));
		print_progress("reloading");
		if (status == CLI_OK)
			status = read_reply(c, &cl, diagnostics);
		client_close(&cl);
	}
	json_decref(diagnostics);
	return status;
}
