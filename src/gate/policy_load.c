/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The image file is made here, written by the compiler, and sealed here before anyone maps it: after the
 * seals nobody, the compiler included, can change or shrink it under a reader.
 */
#include "policy_load.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "postern/clock.h"

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL)

void policy_load_init(struct policy_load *l)
{
	*l = (struct policy_load){.image_fd = -1, .diagnostics_fd = -1};
}

static void end(struct policy_load *l)
{
	if (l->image_fd >= 0)
		close(l->image_fd);
	l->image_fd = l->diagnostics_fd = -1;
}

int policy_load_start(struct policy_load *l, struct children *c)
{
	struct msg_plain m = {0};
	int rc;

	if (l->image_fd >= 0)
		return -EBUSY;
	l->image_fd = memfd_create("postern-image", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	l->diagnostics_fd = memfd_create("postern-diagnostics", MFD_CLOEXEC);
	m.h.seq = ++l->seq;
	l->started_ms = clock_now_ms();
	rc = l->image_fd < 0 || l->diagnostics_fd < 0 ? -errno : 0;
	if (rc == 0)
		rc = children_send(c, ROLE_POLICY, MSG_COMPILE, &m, (int[]){l->image_fd, l->diagnostics_fd}, 2);
	if (rc < 0) {
		if (l->diagnostics_fd >= 0)
			close(l->diagnostics_fd);
		end(l);
	}
	return rc;
}

int policy_load_finish(struct policy_load *l, const struct msg_compiled *m, struct image **ret_image, int *ret_fd,
	int *ret_diagnostics_fd)
{
	int rc = -EINVAL;

	if (l->image_fd < 0 || m->h.seq != l->seq)
		return -EPROTO;
	*ret_diagnostics_fd = l->diagnostics_fd;
	if (m->n_errors == 0)
		rc = fcntl(l->image_fd, F_ADD_SEALS, SEALS) < 0 ? -errno : image_map(l->image_fd, ret_image);
	if (rc == 0) {
		*ret_fd = l->image_fd;
		l->image_fd = -1;
	}
	end(l);
	return rc;
}
