/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See the header. Blocking: the command has nothing else to do. A reload may take as long as a compile does. */
#include "client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "print.h"

#define DEFAULT_SOCKET "/run/postern/control.sock"
#define ANSWER_S 130 /* longer than postern-control waits for the gate */

static enum cli_status unreachable(const char *path, int error, bool quiet)
{
	if (quiet)
		return CLI_UNREACHABLE;
	fprintf(stderr, "postern: ");
	print_safe(stderr, path);
	if (error == EACCES)
		fprintf(stderr, ": permission denied: become root, or a member of group postern\n");
	else if (error == ENOENT || error == ECONNREFUSED)
		fprintf(stderr, ": no daemon: start it with `systemctl start posternd`, or give --socket\n");
	else
		fprintf(stderr, ": %s\n", strerror(error));
	return CLI_UNREACHABLE;
}

enum cli_status client_open(const struct cli *c, bool quiet, struct client *ret_client)
{
	const char *path = c->socket ? c->socket : DEFAULT_SOCKET;
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	struct timeval patience = {.tv_sec = ANSWER_S};
	FILE *file;
	int fd;

	if (strlen(path) >= sizeof(sa.sun_path))
		return unreachable(path, ENAMETOOLONG, quiet);
	memcpy(sa.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return unreachable(path, errno, quiet);
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)); /* without it we wait longer */
	file = connect(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0 ? fdopen(fd, "r") : NULL;
	if (!file) {
		int error = errno;

		close(fd);
		return unreachable(path, error, quiet);
	}
	ret_client->file = file;
	return CLI_OK;
}

void client_close(struct client *cl)
{
	fclose(cl->file);
	cl->file = NULL;
}

enum cli_status client_send(struct client *cl, json_t *request)
{
	char *text = json_dumps(request, JSON_COMPACT);
	int fd = fileno(cl->file);

	json_decref(request);
	if (!text)
		return CLI_FAILED;
	/* Where it is refused before it is read, the reason waits to be read. */
	if (send(fd, text, strlen(text), MSG_NOSIGNAL) >= 0 && send(fd, "\n", 1, MSG_NOSIGNAL) < 0 && errno != EPIPE)
		perror("postern: control socket");
	free(text);
	return CLI_OK;
}

enum cli_status client_line(struct client *cl, json_t **ret_line)
{
	char *line = NULL;
	size_t cap = 0;
	ssize_t n = getline(&line, &cap, cl->file);
	json_t *parsed = n > 0 ? json_loadb(line, (size_t)n, JSON_REJECT_DUPLICATES, NULL) : NULL;

	free(line);
	if (n <= 0) {
		fprintf(stderr, "postern: the daemon closed the connection: see its log\n");
		return CLI_UNREACHABLE;
	}
	if (!json_is_object(parsed)) {
		json_decref(parsed);
		fprintf(stderr, "postern: the daemon's answer is no JSON object: are both of one version?\n");
		return CLI_FAILED;
	}
	*ret_line = parsed;
	return CLI_OK;
}

bool client_is_last(const json_t *line)
{
	return json_object_get(line, "ok") != NULL;
}

enum cli_status client_verdict(const json_t *last)
{
	const char *code = member_text(last, "code");

	if (json_is_true(json_object_get(last, "ok")))
		return CLI_OK;
	fprintf(stderr, "postern: ");
	print_safe(stderr, member_text(last, "error"));
	fputc('\n', stderr);
	return strcmp(code, "not-permitted") == 0 || strcmp(code, "busy") == 0 || strcmp(code, "timeout") == 0
		? CLI_UNREACHABLE : CLI_NO;
}

enum cli_status client_ask(const struct cli *c, json_t *request, json_t **ret_reply)
{
	struct client cl;
	enum cli_status status = client_open(c, false, &cl);
	json_t *line;

	if (status != CLI_OK) {
		json_decref(request);
		return status;
	}
	status = client_send(&cl, request);
	if (status == CLI_OK)
		status = client_line(&cl, &line);
	client_close(&cl);
	if (status != CLI_OK)
		return status;
	status = client_verdict(line);
	if (status == CLI_OK)
		*ret_reply = line;
	else
		json_decref(line);
	return status;
}

enum cli_status client_rows(const struct cli *c, json_t *request, const char *member,
	void (*row)(const json_t *object, void *arg), void *arg)
{
	struct client cl;
	enum cli_status status = client_open(c, false, &cl);
	bool more = true;

	if (status != CLI_OK) {
		json_decref(request);
		return status;
	}
	status = client_send(&cl, request);
	while (status == CLI_OK && more) {
		json_t *line;

		status = client_line(&cl, &line);
		if (status != CLI_OK)
			break;
		more = !client_is_last(line);
		if (more && json_object_get(line, member))
			row(json_object_get(line, member), arg);
		else if (!more)
			status = client_verdict(line);
		json_decref(line);
	}
	client_close(&cl);
	return status;
}
