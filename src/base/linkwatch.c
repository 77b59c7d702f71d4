/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Interface notices: see the header. What they say does not matter, so none is parsed. */
#include "postern/linkwatch.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <unistd.h>

#define NOTICES_MAX 4096 /* of one call; what is left makes the next one true as well */

int linkwatch_open(void)
{
	const struct sockaddr_nl sa = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);

	if (fd < 0)
		return -errno;
	if (bind(fd, (const struct sockaddr *)&sa, sizeof(sa)) < 0) {
		int rc = -errno;

		close(fd);
		return rc;
	}
	return fd;
}

bool linkwatch_changed(int fd)
{
	bool changed = false;

	for (unsigned int i = 0; i < NOTICES_MAX; i++) {
		char cut[16];
		struct iovec iov = {cut, sizeof(cut)};
		struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

		if (recvmsg(fd, &msg, MSG_DONTWAIT) < 0 && errno == EAGAIN)
			break;
		changed = true; /* ENOBUFS: there were more than the socket holds */
	}
	return changed;
}
