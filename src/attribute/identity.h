/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a cgroup path says about who runs in it: the systemd unit (systemd.unit(5)) and the container id as
 * Docker, Podman, containerd, CRI-O, Kubernetes and LXC write them. Pure.
 */
#ifndef ATTRIBUTE_IDENTITY_H
#define ATTRIBUTE_IDENTITY_H

#include "postern/event.h"

/* Fills unit and container of @by from @path where it says something; leaves them otherwise. */
void identity_from_path(const char *path, struct attribution *by);
/* The same for the text of /proc/PID/cgroup ("0::/a/b", "4:pids:/docker/..."): the first line that names a container. */
void identity_from_lines(const char *text, struct attribution *by);

#endif
