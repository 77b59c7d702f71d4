/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A hostile audit log before `postern audit`, and hostile words on its command line: whatever a line says, only printable ASCII
 * is printed. The bytes up to the first newline are a target of `postern explain`, the rest are lines.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/cli/log_filter.h"
#include "../../src/cli/print.h"
#include "../../src/cli/target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_printed(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] != '\n' && (text[i] < 0x20 || text[i] > 0x7e))
			abort();
}

static void use_line(const char *line, size_t len)
{
	static const struct cli c = {.name = "example.com", .sandbox = "ci", .kind = "dns", .since = "2026-11-20"};
	struct log_filter f;
	json_t *event = json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL);
	char *printed = NULL;
	size_t n = 0;
	FILE *real = stdout;

	if (json_is_object(event) && log_filter_parse(&c, &f) == 0) {
		stdout = open_memstream(&printed, &n);
		(void)log_filter_matches(&f, event);
		log_print(event);
		print_json(event);
		fclose(stdout);
		stdout = real;
		check_printed(printed, n);
		free(printed);
	}
	json_decref(event);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const char *text = (const char *)data, *end = len ? memchr(text, '\n', len) : NULL;
	struct target t;
	char *first;

	if (!end)
		return 0;
	first = strndup(text, (size_t)(end - text));
	if (first && target_parse(first, &t) == 0 && t.is_address && t.addr.family == ADDR_NONE)
		abort();
	free(first);
	len -= (size_t)(end + 1 - text);
	for (text = end + 1; len && (end = memchr(text, '\n', len)); text = end + 1) {
		use_line(text, (size_t)(end - text));
		len -= (size_t)(end + 1 - text);
	}
	return 0;
}
