/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs postern-policy with its image on a memory file and its diagnostics on a pipe. The program is looked for beside this one first, so
 * that a tree that was built or copied as a whole works as a whole, then where it is installed.
 */
#include "policy_image.h"

#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "config.h"
#include "postern/clock.h"
#include "print.h"

#define PROGRAM "postern-policy"
#define REPORT_BYTES_MAX (16u << 20)

const char *policy_config(const struct cli *c)
{
	return c->config ? c->config : POSTERN_SYSCONFDIR "/postern.conf";
}

static void find_program(const struct cli *c, char path[static POLICY_PATH_MAX])
{
	char self[POLICY_PATH_MAX];
	ssize_t n;

	if (c->libexec_dir) {
		snprintf(path, POLICY_PATH_MAX, "%s/" PROGRAM, c->libexec_dir);
		return;
	}
	n = readlink("/proc/self/exe", self, sizeof(self) - sizeof(PROGRAM) - 1);
	if (n > 0) {
		self[n] = '\0';
		snprintf(path, POLICY_PATH_MAX, "%.*s/" PROGRAM, (int)(POLICY_PATH_MAX - sizeof(PROGRAM) - 2), dirname(self));
		if (access(path, X_OK) == 0)
			return;
	}
	snprintf(path, POLICY_PATH_MAX, POSTERN_LIBEXECDIR "/" PROGRAM);
}

POSTERN_NORETURN static void run_program(const char *path, const char *config, int image_fd, int report_fd)
{
	char number[16];

	if (dup2(report_fd, STDERR_FILENO) < 0)
		_exit(126);
	if (image_fd >= 0) {
		snprintf(number, sizeof(number), "%d", image_fd);
		execl(path, PROGRAM, "--config", config, "--output-fd", number, (char *)NULL);
	} else {
		execl(path, PROGRAM, "--config", config, "--check", (char *)NULL);
	}
	_exit(127);
}

/* Everything up to the end; what is beyond the limit is read and dropped. */
static int read_report(int fd, struct policy_report *r)
{
	FILE *out = open_memstream(&r->text, &r->len);
	char buf[4096];
	size_t total = 0;
	ssize_t n;

	if (!out)
		return -ENOMEM;
	while ((n = read(fd, buf, sizeof(buf))) > 0 || (n < 0 && errno == EINTR)) {
		if (n > 0 && total < REPORT_BYTES_MAX)
			total += fwrite(buf, 1, (size_t)n, out);
	}
	return fclose(out) == 0 ? 0 : -ENOMEM;
}

static int wait_for(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	if (!WIFEXITED(status))
		return -EINTR;
	return WEXITSTATUS(status) == 127 ? -ENOENT : WEXITSTATUS(status);
}

int policy_compile(const struct cli *c, const char *config, int image_fd, struct policy_report *ret_report)
{
	struct policy_report r = {0};
	char path[POLICY_PATH_MAX];
	int fds[2], rc;
	pid_t pid;

	find_program(c, path);
	if (pipe(fds) < 0)
		return -errno;
	print_progress("compiling the policy");
	pid = fork();
	if (pid == 0)
		run_program(path, config ? config : policy_config(c), image_fd, fds[1]);
	close(fds[1]);
	rc = pid < 0 ? -errno : read_report(fds[0], &r);
	close(fds[0]);
	if (pid > 0)
		r.status = wait_for(pid);
	print_progress(NULL);
	if (rc == 0 && r.status < 0)
		rc = r.status;
	if (rc < 0) {
		fprintf(stderr, "postern: ");
		print_safe(stderr, path);
		fprintf(stderr, ": %s: install it, or give --libexec-dir\n", strerror(-rc));
		policy_report_free(&r);
		return rc;
	}
	*ret_report = r;
	return 0;
}

void policy_report_free(struct policy_report *r)
{
	free(r->text);
	r->text = NULL;
}

static void say(const struct policy_report *r)
{
	char *rest = r->text, *line;

	while ((line = strsep(&rest, "\n")))
		if (*line) {
			print_safe(stderr, line);
			fputc('\n', stderr);
		}
}

struct image *policy_image(const struct cli *c, bool quiet, enum cli_status *ret_status)
{
	struct policy_report report;
	struct image *im = NULL;
	int fd = memfd_create("postern-image", 0); /* stays open over exec */

	*ret_status = CLI_FAILED;
	if (fd < 0)
		return NULL;
	if (policy_compile(c, NULL, fd, &report) == 0) {
		if (report.status == 0 && image_map(fd, &im) < 0)
			fprintf(stderr, "postern: the image is not readable: are postern and postern-policy of one version?\n");
		if (report.status != 0)
			*ret_status = CLI_NO;
		if (report.status != 0 && !quiet)
			say(&report);
		policy_report_free(&report);
	}
	close(fd);
	return im;
}

const char *policy_changed_since(const struct image *im, const char *loaded)
{
	char changed[CLOCK_TEXT_MAX];
	struct stat st;

	for (uint32_t i = 0; i < image_n_files(im); i++) {
		const char *path = image_string(im, image_file(im, i)->path);

		if (stat(path, &st) < 0 || st.st_mtim.tv_sec < 0)
			continue;
		clock_format((uint64_t)st.st_mtim.tv_sec * 1000000u + (uint64_t)st.st_mtim.tv_nsec / 1000u, changed);
		if (strcmp(changed, loaded) > 0)
			return path;
	}
	return NULL;
}

int policy_log_directories(const struct cli *c, struct log_directories *ret_directories)
{
	const struct image_settings *s;
	enum cli_status status;
	struct image *im;

	if (access(policy_config(c), R_OK) < 0)
		return -errno;
	im = policy_image(c, true, &status);
	if (!im)
		return -EINVAL;
	s = image_settings(im);
	snprintf(ret_directories->log, POLICY_PATH_MAX, "%s", image_string(im, s->audit_directory));
	for (unsigned int f = 0; f < AUDIT_FORMAT_COUNT; f++)
		snprintf(ret_directories->outputs[f], POLICY_PATH_MAX, "%s", image_string(im, s->audit_outputs[f].directory));
	image_unmap(im);
	return 0;
}
