/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Preloaded into postern-audit: every write(2) to a regular file first takes two seconds. */
#include <poll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

ssize_t write(int fd, const void *data, size_t len)
{
	struct stat st;

	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		(void)poll(NULL, 0, 2000);
	return syscall(SYS_write, fd, data, len);
}
