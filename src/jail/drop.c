/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From root to a role: limits, bounding set, groups, gid, uid, capabilities, no-new-privs, in this order
 * (each step needs a privilege that a later one takes away). Capabilities are made ambient
 * as well, because a child is exec'd afterwards as another uid; role_filter() takes the ambient
 * set away again once nothing more will be exec'd.
 */
#include "postern/role.h"

#include <cap-ng.h>
#include <errno.h>
#include <linux/capability.h>
#include <sys/prctl.h>

#include "roles.h"

static int change_ids(const struct role_row *row, const struct role_ids *ids)
{
	capng_clear(CAPNG_SELECT_ALL);
	for (unsigned int cap = 0; cap <= CAP_LAST_CAP; cap++)
		if (row->capabilities >> cap & 1)
			capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_INHERITABLE, cap);
	/* groups and bounding set go first inside, while the privilege is there */
	if (capng_change_id((int)ids->uid, (int)ids->gid, CAPNG_DROP_SUPP_GRP | CAPNG_CLEAR_BOUNDING) < 0)
		return -EPERM;
	for (unsigned int cap = 0; cap <= CAP_LAST_CAP; cap++)
		if (row->capabilities >> cap & 1)
			if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) < 0)
				return -errno;
	return 0;
}

int role_drop(enum role r, const struct role_ids *ids)
{
	const struct role_row *row = role_row(r);
	int rc;

	rc = limit_descriptors(row);
	if (rc == 0)
		rc = limit_core();
	if (rc == 0)
		rc = change_ids(row, ids);
	if (rc == 0)
		rc = limit_processes(row);
	if (rc < 0)
		return rc;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return -errno;
	return 0;
}
