/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sd_notify(3) in its documented wire form; absence of a supervisor is no error. */
#include "notify.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

void notify_open(struct notify *n)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	const char *path = getenv("NOTIFY_SOCKET"), *watchdog = getenv("WATCHDOG_USEC");
	size_t len = path ? strlen(path) : 0;

	*n = (struct notify){.fd = -1};
	if (len < 2 || len >= sizeof(sa.sun_path) || (path[0] != '/' && path[0] != '@'))
		return;
	memcpy(sa.sun_path, path, len);
	if (path[0] == '@')
		sa.sun_path[0] = '\0';
	n->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (n->fd >= 0 && connect(n->fd, (struct sockaddr *)&sa, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) < 0) {
		close(n->fd);
		n->fd = -1;
	}
	if (n->fd >= 0 && watchdog)
		n->watchdog_us = strtoull(watchdog, NULL, 10);
}

void notify_send(const struct notify *n, const char *fmt, ...)
{
	char text[256];
	va_list ap;
	int len;

	if (n->fd < 0)
		return;
	va_start(ap, fmt);
	len = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (len > 0 && (size_t)len < sizeof(text))
		(void)!send(n->fd, text, (size_t)len, MSG_NOSIGNAL); /* a supervisor that is gone restarts us anyway */
}
