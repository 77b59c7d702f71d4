/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * See load.h. nft's standard output and error arrive in one pipe and leave as lines of our log.
 */
#include "load.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "postern/clock.h"
#include "postern/log.h"

#define LIMIT_MS 30000
#define OUTPUT_MAX 4096 /* of the log; the rest is read and thrown away */

static const char *const places[] = { "/usr/sbin/nft", "/sbin/nft", "/usr/local/sbin/nft", "/usr/bin/nft" };

static const char *find_nft(const char *nft)
{
	if (nft)
		return access(nft, X_OK) == 0 ? nft : NULL;
	for (size_t i = 0; i < ARRAY_LEN(places); i++)
		if (access(places[i], X_OK) == 0)
			return places[i];
	return NULL;
}

POSTERN_NORETURN static void run(const char *nft, const char *path, int output)
{
	char *const argv[] = { (char *)(uintptr_t)"nft", (char *)(uintptr_t)"-f", (char *)(uintptr_t)path, NULL };
	char *const environment[] = { (char *)(uintptr_t)"LC_ALL=C", NULL };

	if (dup2(output, STDOUT_FILENO) >= 0 && dup2(output, STDERR_FILENO) >= 0)
		execve(nft, argv, environment);
	_exit(127);
}

static void log_output(char *text)
{
	char *save = NULL;

	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		log_warning("nft: %s", line);
}

/* Reads to the end of the pipe, or until the time is over: 0 or -ETIMEDOUT. */
static int collect(int fd, char text[static OUTPUT_MAX])
{
	uint64_t deadline = clock_now_ms() + LIMIT_MS;
	char scrap[512];
	size_t len = 0;
	ssize_t n;

	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		uint64_t now = clock_now_ms();
		size_t room = OUTPUT_MAX - 1 - len;

		text[len] = '\0';
		if (now >= deadline || poll(&p, 1, (int)(deadline - now)) == 0)
			return -ETIMEDOUT;
		n = room ? read(fd, text + len, room) : read(fd, scrap, sizeof(scrap));
		if (n == 0 || (n < 0 && errno != EINTR))
			return 0;
		len += room && n > 0 ? (size_t)n : 0;
	}
}

static int reap(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EBADMSG;
}

static int watch_child(pid_t pid, int fd)
{
	char text[OUTPUT_MAX];
	int rc = collect(fd, text), status;

	if (rc)
		kill(pid, SIGKILL);
	status = reap(pid);
	log_output(text);
	return rc ? rc : status;
}

int load_ruleset(const char *nft, const char *path)
{
	int fds[2], rc;
	pid_t pid;

	nft = find_nft(nft);
	if (!nft)
		return -ENOENT;
	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	pid = fork();
	if (pid == 0)
		run(nft, path, fds[1]);
	rc = pid < 0 ? -errno : 0;
	close(fds[1]);
	if (rc == 0)
		rc = watch_child(pid, fds[0]);
	close(fds[0]);
	return rc;
}
