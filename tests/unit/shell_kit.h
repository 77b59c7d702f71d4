/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For tests of the resolver's shell: real sockets, on the loopback of a network namespace of the test's own. */
#ifndef POSTERN_TEST_SHELL_KIT_H
#define POSTERN_TEST_SHELL_KIT_H

#include <dirent.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define KIT_DESCRIPTORS 8192
#define KIT_SKIP 77

static inline void kit_skip(const char *why)
{
	printf("skipped: %s\n", why);
	exit(KIT_SKIP);
}

/* Into a namespace of its own, with loopback up and descriptors enough; or the test is skipped. */
static inline void kit_alone(void)
{
	struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
	struct rlimit files;
	int fd;

	if (unshare(CLONE_NEWNET) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		kit_skip("no network namespace of its own can be made: run as root");
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &lo) < 0)
		kit_skip("the namespace's loopback cannot be brought up");
	close(fd);
	if (getrlimit(RLIMIT_NOFILE, &files) < 0 || files.rlim_max < KIT_DESCRIPTORS)
		kit_skip("fewer than 8192 descriptors are allowed");
	files.rlim_cur = KIT_DESCRIPTORS;
	if (setrlimit(RLIMIT_NOFILE, &files) < 0)
		kit_skip("no descriptors");
}

/* How many descriptors are open. */
static inline int kit_open_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	while (d && readdir(d))
		n++;
	if (d)
		closedir(d);
	return n;
}

#endif
