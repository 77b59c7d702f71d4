/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * postern check: the configuration with everything that it names, or policy files alone, through the daemon's own compiler.
 * Files alone are checked by way of a configuration that names nothing else, in a memory file.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policy_image.h"
#include "print.h"

/* "file:line: warning: text" or "file: text" to an object. */
static json_t *diagnostic(const char *line)
{
	json_t *d = json_object();
	const char *text = strstr(line, ": ");
	const char *colon = text ? memrchr(line, ':', (size_t)(text - line)) : NULL;
	size_t file = text ? (size_t)(text - line) : 0;
	unsigned long number = 0;
	char *end = NULL;

	if (colon)
		number = strtoul(colon + 1, &end, 10);
	if (colon && end == text && number)
		file = (size_t)(colon - line);
	else
		number = 0;
	text = text ? text + 2 : line;
	if (file)
		json_object_set_new(d, "file", json_stringn(line, file));
	if (number)
		json_object_set_new(d, "line", json_integer((json_int_t)number));
	json_object_set_new(d, "severity", json_string(strncmp(text, "warning: ", 9) == 0 ? "warning" : "error"));
	json_object_set_new(d, "text", json_string(strncmp(text, "warning: ", 9) == 0 ? text + 9 : text));
	return d;
}

static void take_report(const struct cli *c, const struct policy_report *r, json_t *diagnostics)
{
	char *rest = r->text, *line;

	while ((line = strsep(&rest, "\n"))) {
		if (!*line)
			continue;
		json_array_append_new(diagnostics, diagnostic(line));
		if (!c->json) {
			print_safe(stdout, line);
			putchar('\n');
		}
	}
}

/* A libconfig string: the two characters that end or escape one are escaped. */
static void put_quoted(FILE *to, const char *text)
{
	fputc('"', to);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			fputc('\\', to);
		fputc(*text, to);
	}
	fputc('"', to);
}

/* A configuration in memory that names the files of the command line; returns its fd. */
static int write_config(const struct cli *c)
{
	int fd = memfd_create("postern-check", 0); /* stays open over exec */
	FILE *f = fd < 0 ? NULL : fdopen(dup(fd), "w");

	if (!f)
		return fd < 0 ? -errno : -ENOMEM;
	fputs("upstreams = [ \"192.0.2.53\" ];\npolicies = [ ", f);
	for (unsigned int i = 0; i < c->n_words; i++) {
		char *path = realpath(c->words[i], NULL);

		fputs(i ? ", " : "", f);
		put_quoted(f, path ? path : c->words[i]);
		free(path);
	}
	fputs(" ];\n", f);
	if (fclose(f) != 0 || fchmod(fd, 0600) < 0) {
		close(fd);
		return -EIO;
	}
	return fd;
}

static int compile(const struct cli *c, struct policy_report *ret_report)
{
	char config[64];
	int fd, rc;

	if (c->n_words == 0)
		return policy_compile(c, NULL, -1, ret_report);
	fd = write_config(c);
	if (fd < 0)
		return fd;
	snprintf(config, sizeof(config), "/proc/self/fd/%d", fd);
	rc = policy_compile(c, config, -1, ret_report);
	close(fd);
	return rc;
}

enum cli_status cmd_check(struct cli *c)
{
	struct policy_report report;
	json_t *diagnostics = json_array(), *all;
	bool good;

	if (compile(c, &report) < 0) {
		json_decref(diagnostics);
		return CLI_FAILED;
	}
	take_report(c, &report, diagnostics);
	good = report.status == 0;
	policy_report_free(&report);
	if (c->json) {
		all = json_pack("{s:b,s:O}", "ok", good, "diagnostics", diagnostics);
		print_json(all);
		json_decref(all);
	} else if (good) {
		printf("good\n");
	}
	json_decref(diagnostics);
	return good ? CLI_OK : CLI_NO;
}
