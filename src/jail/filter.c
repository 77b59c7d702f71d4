/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The system call filter (seccomp(2), through libseccomp): everything outside the
 * role's row kills the process. Names that this architecture does not have are passed over.
 */
#include "postern/role.h"

#include <errno.h>
#include <seccomp.h>
#include <sys/prctl.h>

#include "roles.h"

static int allow(scmp_filter_ctx ctx, const struct call *calls, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int nr = seccomp_syscall_resolve_name(calls[i].name);
		struct scmp_arg_cmp cmp = {(unsigned int)calls[i].arg, SCMP_CMP_EQ, calls[i].value, 0};
		int rc;

		if (nr == __NR_SCMP_ERROR || nr < 0)
			continue;
		rc = seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, nr, calls[i].arg < 0 ? 0 : 1, &cmp);
		if (rc < 0 && rc != -EEXIST)
			return rc;
	}
	return 0;
}

int role_filter(enum role r)
{
	const struct role_row *row = role_row(r);
	scmp_filter_ctx ctx;
	int rc;

	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return -errno;
	if (row->slice_ns)
		slice_ask(row->slice_ns);
	ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
	if (!ctx)
		return -ENOMEM;
	rc = allow(ctx, calls_common, n_calls_common);
	if (rc == 0)
		rc = allow(ctx, calls_extra, n_calls_extra);
	if (rc == 0)
		rc = allow(ctx, row->calls, row->n_calls);
	if (rc == 0)
		rc = seccomp_load(ctx);
	seccomp_release(ctx);
	return rc;
}
