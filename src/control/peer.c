/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The file mode of the socket is the first lock (0660 root:postern); this is the second, and it does
 * not depend on who changed a mode. The group that may speak is the one that owns the socket's file, so that
 * there is one place to configure it: the gate that creates the file.
 */
#include "peer.h"

#include <errno.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define GROUPS_MAX 1024 /* a peer in more groups is refused */

gid_t peer_group(int listener)
{
	struct sockaddr_un sa = {0};
	socklen_t len = sizeof(sa) - 1; /* the path ends with a NUL whatever it is */
	struct stat st;

	if (getsockname(listener, (struct sockaddr *)&sa, &len) < 0 || sa.sun_path[0] != '/')
		return GID_NONE;
	if (stat(sa.sun_path, &st) < 0 || !S_ISSOCK(st.st_mode) || st.st_gid == 0)
		return GID_NONE;
	return st.st_gid;
}

int peer_get(int fd, struct peer *ret_peer)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return -errno;
	*ret_peer = (struct peer){.uid = cred.uid, .gid = cred.gid, .pid = cred.pid};
	return 0;
}

bool peer_allowed(int fd, const struct peer *p, gid_t group)
{
	gid_t groups[GROUPS_MAX];
	socklen_t len = sizeof(groups);

	if (p->uid == 0)
		return true;
	if (group == GID_NONE)
		return false;
	if (p->gid == group)
		return true;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len) < 0)
		return false; /* also ERANGE: too many to look at */
	for (size_t i = 0; i < len / sizeof(gid_t); i++)
		if (groups[i] == group)
			return true;
	return false;
}
