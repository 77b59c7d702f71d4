/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Resource limits of a role (setrlimit(2)). They bound; what may be called at all is the filter's. */
#include "postern/role.h"

#include <errno.h>
#include <sys/resource.h>

#include "roles.h"

static int limit(int what, rlim_t value)
{
	struct rlimit rl = {value, value};

	return setrlimit(what, &rl) < 0 ? -errno : 0;
}

int limit_descriptors(const struct role_row *row)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) < 0)
		return -errno;
	return limit(RLIMIT_NOFILE, row->nofile < rl.rlim_max ? row->nofile : rl.rlim_max);
}

int limit_core(void)
{
	return limit(RLIMIT_CORE, 0);
}

int limit_processes(const struct role_row *row)
{
	return limit(RLIMIT_NPROC, row->nproc);
}

int role_limit(enum role r)
{
	int rc = limit_descriptors(role_row(r));

	return rc == 0 ? limit_processes(role_row(r)) : rc;
}
