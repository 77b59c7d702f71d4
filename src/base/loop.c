/* SPDX-License-Identifier: GPL-2.0-or-later */
/* epoll(7): see the header. The reference is packed into epoll_data.u64. */
#include "postern/loop.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define BATCH_MAX 64

static_assert(sizeof(struct loop_ref) == sizeof(uint64_t), "a reference fills epoll_data");

int loop_init(struct loop *l)
{
	int fd = epoll_create1(EPOLL_CLOEXEC);

	if (fd < 0)
		return -errno;
	l->epoll_fd = fd;
	return 0;
}

void loop_fini(struct loop *l)
{
	close(l->epoll_fd);
	l->epoll_fd = -1;
}

static int control(struct loop *l, int op, int fd, uint32_t events, struct loop_ref ref)
{
	struct epoll_event ev = {.events = events};

	memcpy(&ev.data.u64, &ref, sizeof(ref));
	return epoll_ctl(l->epoll_fd, op, fd, &ev) < 0 ? -errno : 0;
}

int loop_add(struct loop *l, int fd, uint32_t events, struct loop_ref ref)
{
	return control(l, EPOLL_CTL_ADD, fd, events, ref);
}

int loop_change(struct loop *l, int fd, uint32_t events, struct loop_ref ref)
{
	return control(l, EPOLL_CTL_MOD, fd, events, ref);
}

void loop_remove(struct loop *l, int fd)
{
	(void)epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, fd, NULL); /* a closed fd is gone already */
}

int loop_wait(struct loop *l, struct loop_event *events, size_t n, int timeout_ms)
{
	struct epoll_event batch[BATCH_MAX];
	int got = epoll_wait(l->epoll_fd, batch, (int)(n < BATCH_MAX ? n : BATCH_MAX), timeout_ms);

	if (got < 0)
		return errno == EINTR ? 0 : -errno;
	for (int i = 0; i < got; i++) {
		memcpy(&events[i].ref, &batch[i].data.u64, sizeof(events[i].ref));
		events[i].events = batch[i].events;
	}
	return got;
}
