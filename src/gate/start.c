/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The way from root to the gate. Stages, each with what it must and must not do:
 *
 *   1. ruleset   load it (an exec of nft); afterwards the gate is shut, and stays so without us
 *   2. kernel    open every netlink socket; none is opened or closed at run time (closing one stalls
 *                others' commits)
 *   3. runtime   control socket and cgroup mount, before the uid that may make them is gone
 *   4. children  fork and exec, each with its own drop; their channels to one another
 *   5. drop      uid, capabilities, filter: after it nothing is exec'd, and no hostile byte came before it
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <mntent.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "gate.h"
#include "kernel/load.h"
#include "kernel/nfq.h"
#include "postern/clock.h"
#include "postern/log.h"

static int open_kernel(struct gate *g)
{
	struct gate_kernel *k = &g->kernel;
	int rc = nft_open(&k->nft);

	if (rc == 0)
		rc = nft_probe(k->nft);
	if (rc == 0)
		rc = watch_open(nft_portid(k->nft), &k->watch);
	if (rc == 0)
		rc = flows_open(&k->flows);
	if (rc == 0)
		rc = owners_open(&k->owners);
	if (rc == 0)
		rc = nfq_open(g->options.queue, &k->queue_fd);
	if (rc < 0)
		log_err("cannot open the kernel's netfilter sockets: %s: is another posternd running here?", strerror(-rc));
	return rc;
}

static int open_listener(struct gate *g)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	struct group *group = getgrnam(g->options.group);
	int n = snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/control.sock", g->options.runtime_dir);

	if (n < 0 || (size_t)n >= sizeof(sa.sun_path))
		return -ENAMETOOLONG;
	if (mkdir(g->options.runtime_dir, 0755) < 0 && errno != EEXIST)
		return -errno;
	(void)unlink(sa.sun_path); /* of an earlier run; if it is in use, bind fails */
	g->listener_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (g->listener_fd < 0 || bind(g->listener_fd, (struct sockaddr *)&sa, sizeof(sa)) < 0)
		return -errno;
	/* the mode is the first guard, SO_PEERCRED in postern-control the second */
	if (chown(sa.sun_path, 0, group ? group->gr_gid : 0) < 0 || chmod(sa.sun_path, 0660) < 0)
		return -errno;
	return listen(g->listener_fd, 16) < 0 ? -errno : 0;
}

/* The cgroup2 mount, wherever it is: beside v1 it is not /sys/fs/cgroup itself. */
static void open_cgroup_mount(struct gate_kernel *k)
{
	FILE *f = setmntent("/proc/self/mounts", "re");
	struct mntent *m;

	while (f && k->cgroup_fd < 0 && (m = getmntent(f)))
		if (strcmp(m->mnt_type, "cgroup2") == 0 && strlen(m->mnt_dir) < sizeof(k->cgroup_mount)) {
			snprintf(k->cgroup_mount, sizeof(k->cgroup_mount), "%s", m->mnt_dir);
			k->cgroup_fd = open(m->mnt_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
		}
	if (f)
		endmntent(f);
	k->cgroup_watch_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC); /* without, cgroups are found by looking at times */
}

static int watch_fds(struct gate *g)
{
	int rc = loop_add(&g->loop, watch_fd(g->kernel.watch), EPOLLIN, (struct loop_ref){.kind = REF_WATCH});

	if (rc == 0 && g->kernel.cgroup_watch_fd >= 0)
		rc = loop_add(&g->loop, g->kernel.cgroup_watch_fd, EPOLLIN, (struct loop_ref){.kind = REF_CGROUPS});
	for (unsigned int r = 0; rc == 0 && r < ROLE_COUNT; r++)
		if (g->children.all[r].channel.fd >= 0)
			rc = loop_add(&g->loop, g->children.all[r].channel.fd, EPOLLIN,
				(struct loop_ref){.kind = (uint16_t)r});
	return rc;
}

static int start_children(struct gate *g)
{
	const struct spawn how = {g->options.libexec_dir, g->options.config, g->options.uid_base};
	int rc = 0;

	for (unsigned int r = ROLE_GATE + 1; rc == 0 && r < ROLE_COUNT; r++)
		if (r != ROLE_TLS) /* tls.c */
			rc = children_start(&g->children, (enum role)r, &how);
	return rc;
}

static int drop(struct gate *g)
{
	struct role_ids ids;
	int rc = role_ids(ROLE_GATE, g->options.uid_base, &ids);

	if (rc == 0)
		rc = role_drop(ROLE_GATE, &ids);
	return rc == 0 ? role_filter(ROLE_GATE) : rc;
}

/*
 * The verdict loop looks for the notes of pins before it judges a packet. So they need not wake it, which would stand in the way
 * of the answer: what has to wake it rings a bell.
 */
static int hang_bell(struct children *c)
{
	struct msg_peer m = {.role = ROLE_GATE};
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), rc;

	if (fd < 0)
		return -errno;
	rc = children_send(c, ROLE_VERDICT, MSG_PEER, &m, &fd, 1);
	c->all[ROLE_VERDICT].channel.bell = fd;
	c->all[ROLE_VERDICT].channel.has_bell = true;
	return rc;
}

static int connect_children(struct gate *g)
{
	static const enum role pairs[][2] = {{ROLE_RESOLVER, ROLE_AUDIT}, {ROLE_VERDICT, ROLE_AUDIT},
		{ROLE_CONTROL, ROLE_AUDIT}, {ROLE_VERDICT, ROLE_ATTRIBUTE}};
	struct msg_plain m = {0};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < ARRAY_LEN(pairs); i++)
		rc = children_connect(&g->children, pairs[i][0], pairs[i][1]);
	if (rc == 0)
		rc = hang_bell(&g->children);
	if (rc == 0)
		rc = children_send(&g->children, ROLE_VERDICT, MSG_QUEUE, &m, &g->kernel.queue_fd, 1);
	if (rc == 0)
		rc = children_send(&g->children, ROLE_CONTROL, MSG_LISTENER, &m, &g->listener_fd, 1);
	close(g->listener_fd);
	g->listener_fd = -1;
	channel_init(&g->audit.channel, g->children.all[ROLE_AUDIT].channel.fd, ROLE_GATE, ROLE_AUDIT);
	return rc;
}

/* Names the stage that failed. */
static int stage(int rc, const char *what)
{
	if (rc < 0)
		log_err("%s: %s", what, strerror(-rc));
	return rc;
}

static int find_uids(struct gate *g)
{
	struct role_ids resolver, tls;
	int rc = role_ids(ROLE_RESOLVER, g->options.uid_base, &resolver);

	if (rc == 0)
		rc = role_ids(ROLE_TLS, g->options.uid_base, &tls);
	if (rc == 0)
		g->uids = (struct asking_uids){resolver.uid, tls.uid};
	return rc;
}

int gate_start(struct gate *g)
{
	int rc = stage(find_uids(g), "users are missing (systemd-sysusers makes them; or --uid-base N)");

	if (rc == 0)
		rc = stage(load_ruleset(NULL, g->options.rules), "the ruleset did not load");
	if (rc == 0)
		rc = open_kernel(g);
	if (rc == 0)
		rc = stage(open_listener(g), "control socket");
	if (rc < 0)
		return rc;
	open_cgroup_mount(&g->kernel);
	notify_open(&g->notify);
	rc = stage(start_children(g), "cannot start the other processes");
	if (rc == 0)
		rc = stage(connect_children(g), "channels");
	if (rc == 0)
		rc = stage(drop(g), "cannot drop privileges");
	if (rc == 0)
		rc = stage(pins_new(g->kernel.nft, clock_now_ms(), &g->pins), "no memory for the pins");
	if (rc == 0)
		rc = stage(sandboxes_new(&g->sandboxes), "no memory for the sandboxes");
	return rc == 0 ? stage(watch_fds(g), "event loop") : rc;
}
