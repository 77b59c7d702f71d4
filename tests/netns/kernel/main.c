/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kernel_test RULESET: see kernel.h.
 */
#include "kernel.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "postern/log.h"

#undef CHECK
#include "../../unit/check.h"

void kernel_check(int ok, const char *what, const char *file, int line)
{
	check_result(ok, what, file, line);
}

void kernel_row(const char *name)
{
	check_row(name);
}

static const char *format(const char *fmt, va_list args) POSTERN_PRINTF(1, 0);

static const char *format(const char *fmt, va_list args)
{
	static char command[4096];

	vsnprintf(command, sizeof(command), fmt, args);
	return command;
}

int shell(const char *fmt, ...)
{
	va_list args;
	int status;

	va_start(args, fmt);
	status = system(format(fmt, args));
	va_end(args);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

const char *shell_output(const char *fmt, ...)
{
	static char text[1 << 20];
	size_t len = 0, n;
	va_list args;
	FILE *f;

	va_start(args, fmt);
	f = popen(format(fmt, args), "r");
	va_end(args);
	while (f && len < sizeof(text) - 1 && (n = fread(text + len, 1, sizeof(text) - 1 - len, f)) > 0)
		len += n;
	text[len] = '\0';
	if (f)
		pclose(f);
	return text;
}

void fresh_table(const struct bench *b)
{
	CHECK(shell("nft flush ruleset && nft -f %s", b->ruleset) == 0);
}

struct sandbox sandbox_iface(const char *ifname)
{
	struct sandbox s = { .kind = SANDBOX_INTERFACE, .n_selectors = 1 };

	snprintf(s.selectors[0].ifname, sizeof(s.selectors[0].ifname), "%s", ifname);
	return s;
}

struct sandbox sandbox_source(const char *prefix)
{
	struct sandbox s = { .kind = SANDBOX_SOURCE, .n_selectors = 1 };

	CHECK(prefix_parse(prefix, &s.selectors[0].source) == 0);
	return s;
}

struct sandbox sandbox_cgroup(uint64_t id)
{
	return (struct sandbox){ .kind = SANDBOX_CGROUP, .n_selectors = 1, .selectors = { { .cgroup_id = id } } };
}

struct sandbox sandbox_uid(uint32_t uid)
{
	return (struct sandbox){ .kind = SANDBOX_UID, .n_selectors = 1, .selectors = { { .uid = uid } } };
}

struct sandbox sandbox_host(void)
{
	return (struct sandbox){ .kind = SANDBOX_HOST };
}

/* As labcell.guard(): not the machine's own namespace, and certain of it. */
static int in_a_cell(void)
{
	const char *machine = getenv("POSTERN_LAB_MACHINE_NETNS");
	struct stat st;
	char id[64];

	if (!machine || !*machine || stat("/proc/self/ns/net", &st))
		return 0;
	snprintf(id, sizeof(id), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	return !strstr(machine, id);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(struct bench *);
	} parts[] = {
		{ "load", test_load }, { "keys", test_keys }, { "commits", test_commits }, { "ranges", test_ranges },
		{ "acks", test_acks }, { "queue_rule", test_queue_rule }, { "snapshot", test_snapshot }, { "leak", test_leak },
		{ "watch", test_watch }, { "queue", test_queue }, { "flows", test_flows }, { "measure", measure },
	};
	struct bench b = { 0 };

	if (argc < 2 || !in_a_cell()) {
		fprintf(stderr, "kernel_test RULESET [PART], in a cell only (test_kernel.py)\n");
		return 1;
	}
	log_init("kernel_test", LOG_LEVEL_INFO);
	b.ruleset = argv[1];
	b.long_run = argc > 2;
	if (nft_open(&b.nft)) {
		fprintf(stderr, "nft_open: %s\n", strerror(errno));
		return 1;
	}
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		if (argc > 2 && strcmp(argv[2], parts[i].name) != 0)
			continue;
		printf("---- %s\n", parts[i].name);
		fflush(stdout);
		check_row(parts[i].name);
		fresh_table(&b);
		parts[i].run(&b);
	}
	nft_close(b.nft);
	return check_report();
}
