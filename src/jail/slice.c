/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Short slices, so that no sandbox delays another by what it makes the processor do.
 *
 * A sandbox that sends tens of thousands of packets a second keeps a processor busy with them, for hundreds of microseconds
 * at a stretch. The kernel (EEVDF) lets who runs finish his slice, of a few milliseconds, before somebody who has just
 * woken up gets his turn, so a question of another sandbox waited behind that. Who asks for shorter slices than the one that runs is let
 * in at once; he gets no more of the processor, only sooner. The wish needs no privilege. Kernels before 6.12 pass over it.
 *
 * sched_setattr(2), sched(7); Linux Documentation/scheduler/sched-eevdf.rst
 */
#include <linux/sched/types.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "roles.h"

void slice_ask(uint64_t ns)
{
	struct sched_attr attr;

	memset(&attr, 0, sizeof(attr));
	if (syscall(SYS_sched_getattr, 0, &attr, sizeof(attr), 0) < 0)
		return;
	if (attr.sched_policy != 0) /* an administrator's choice */
		return;
	attr.size = SCHED_ATTR_SIZE_VER0; /* no clamps of utilization: they would ask for more than the slice */
	attr.sched_flags = 0;
	attr.sched_runtime = ns;
	attr.sched_deadline = attr.sched_period = 0;
	(void)syscall(SYS_sched_setattr, 0, &attr, 0);
}
