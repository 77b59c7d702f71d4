/* SPDX-License-Identifier: GPL-2.0-or-later */
/* postern doctor: the table of what is looked at, and how findings are shown. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client.h"
#include "doctor.h"
#include "print.h"

#define TEXT_MAX 512

static const struct {
	const char *what;
	void (*look)(struct doctor *d);
} looks[] = {
	{"the daemon", doctor_daemon},
	{"the kernel", doctor_kernel},
	{"other firewalls", doctor_firewalls},
	{"other resolvers", doctor_resolvers},
	{"users", doctor_users},
	{"the configuration", doctor_config},
	{"the audit log", doctor_log},
	{"sandboxes", doctor_sandboxes},
	{"the clock", doctor_clock},
};

static const struct {
	const char *word;
	enum print_colour colour;
} weights[] = {
	[FINDING_NOTE] = {"note", COLOUR_DIM}, [FINDING_WARNING] = {"warning", COLOUR_WARN}, [FINDING_PROBLEM] = {"problem", COLOUR_BAD},
};
static_assert(ARRAY_LEN(weights) == FINDING_WEIGHTS, "a word for every weight");

void doctor_find(struct doctor *d, enum finding_weight weight, const char *cure, const char *fmt, ...)
{
	char text[TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	for (char *p = text; *p; p++) /* names of others' making: JSON takes UTF-8 only, terminals less */
		if (*p < 0x20 || *p > 0x7e)
			*p = '?';
	d->counts[weight]++;
	json_array_append_new(d->findings, json_pack("{s:I,s:s,s:s,s:s}", "number", (json_int_t)json_array_size(d->findings) + 1,
		"weight", weights[weight].word, "finding", text, "cure", cure));
}

bool doctor_read(const char *path, char *text, size_t cap)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, cap - 1);

	if (fd >= 0)
		close(fd);
	if (n < 0)
		return false;
	text[n] = '\0';
	return true;
}

POSTERN_NORETURN static void run_child(const char *const argv[], bool own_network, int out)
{
	int null = open("/dev/null", O_RDWR);

	if (own_network && unshare(CLONE_NEWNET) < 0)
		_exit(126);
	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0 || dup2(null, STDERR_FILENO) < 0)
		_exit(126);
	setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1);
	setenv("LC_ALL", "C", 1);
	execvp(argv[0], (char *const *)argv);
	_exit(127);
}

int doctor_run(const char *const argv[], bool own_network, char **ret_out)
{
	char *text = NULL, buf[4096];
	size_t len;
	FILE *out = open_memstream(&text, &len);
	int fds[2], status = 0;
	ssize_t n;
	pid_t pid;

	if (!out || pipe(fds) < 0)
		return -ENOMEM;
	pid = fork();
	if (pid == 0)
		run_child(argv, own_network, fds[1]);
	close(fds[1]);
	while (pid > 0 && ((n = read(fds[0], buf, sizeof(buf))) > 0 || (n < 0 && errno == EINTR)))
		fwrite(buf, 1, n > 0 ? (size_t)n : 0, out);
	close(fds[0]);
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (fclose(out) != 0 || !ret_out)
		free(text);
	else
		*ret_out = text;
	if (pid < 0 || !WIFEXITED(status))
		return -ECHILD;
	return WEXITSTATUS(status) == 127 ? -ENOENT : WEXITSTATUS(status) == 126 ? -EPERM : WEXITSTATUS(status);
}

static void ask_daemon(struct doctor *d)
{
	struct client cl;

	if (client_open(d->c, true, &cl) != CLI_OK)
		return;
	if (client_send(&cl, json_pack("{s:s}", "op", "status")) == CLI_OK && client_line(&cl, &d->status) != CLI_OK)
		d->status = NULL;
	client_close(&cl);
}

static void show(const struct doctor *d)
{
	json_t *finding;
	size_t i;

	json_array_foreach(d->findings, i, finding) {
		const char *weight = member_text(finding, "weight");
		unsigned int w = 0;

		while (w + 1 < FINDING_WEIGHTS && strcmp(weights[w].word, weight) != 0)
			w++;
		printf("%zu. ", i + 1);
		print_word(weights[w].colour, weight);
		printf(": ");
		print_safe(stdout, member_text(finding, "finding"));
		printf("\n   cure: ");
		print_safe(stdout, member_text(finding, "cure"));
		putchar('\n');
	}
	printf("%u problems, %u warnings, %u notes%s\n", d->counts[FINDING_PROBLEM], d->counts[FINDING_WARNING], d->counts[FINDING_NOTE],
		d->root ? "" : " (as root, more can be seen)");
}

enum cli_status cmd_doctor(struct cli *c)
{
	struct doctor d = {.c = c, .findings = json_array(), .root = geteuid() == 0};
	json_t *all;

	ask_daemon(&d);
	for (size_t i = 0; i < ARRAY_LEN(looks); i++) {
		print_progress(looks[i].what);
		looks[i].look(&d);
		print_progress(NULL);
	}
	if (c->json) {
		all = json_pack("{s:b,s:O}", "ok", d.counts[FINDING_PROBLEM] == 0, "findings", d.findings);
		print_json(all);
		json_decref(all);
	} else {
		show(&d);
	}
	json_decref(d.findings);
	json_decref(d.status);
	return d.counts[FINDING_PROBLEM] ? CLI_NO : CLI_OK;
}
