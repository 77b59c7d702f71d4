/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What postern needs of the kernel, tried rather than looked up: the ruleset itself is loaded into an empty network namespace. And the
 * clock, by which the log is dated.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timex.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "config.h"
#include "doctor.h"
#include "print.h"

#define OLDEST_MAJOR 6
#define OLDEST_MINOR 1
#define CONNTRACK_FULL_PERCENT 80

static void look_at_version(struct doctor *d)
{
	struct utsname u;
	unsigned int major = 0, minor = 0;

	if (uname(&u) == 0 && sscanf(u.release, "%u.%u", &major, &minor) == 2 &&
		(major < OLDEST_MAJOR || (major == OLDEST_MAJOR && minor < OLDEST_MINOR)))
		doctor_find(d, FINDING_PROBLEM, "run Linux 6.1 or later", "kernel %s is older than postern supports", u.release);
}

static void look_at_rules(struct doctor *d)
{
	const char *const rules[] = {"nft", "-f", d->c->rules ? d->c->rules : POSTERN_DATADIR "/postern.nft", NULL};
	static const char *const queue[] = {"nft", "add table inet t; add chain inet t c; add rule inet t c queue num 1", NULL};
	int rc;

	if (!d->root)
		return;
	if (access(rules[2], R_OK) < 0) {
		doctor_find(d, FINDING_PROBLEM, "install postern again", "the ruleset %s is missing", rules[2]);
		return;
	}
	rc = doctor_run(rules, true, NULL);
	if (rc == -ENOENT)
		doctor_find(d, FINDING_PROBLEM, "apt-get install nftables", "the program nft is missing");
	else if (rc == -EPERM)
		doctor_find(d, FINDING_NOTE, "run doctor on the machine itself", "no network namespace can be made here to try the ruleset in");
	else if (rc != 0)
		doctor_find(d, FINDING_PROBLEM,
			"see `unshare -n nft -f` with that file; a kernel needs NF_TABLES_INET, NFT_CT, NFT_CONNLIMIT, NFT_SOCKET, NFT_REDIR, NFT_REJECT_INET",
			"this kernel does not take the ruleset %s", rules[2]);
	if (rc == 0 && doctor_run(queue, true, NULL) != 0)
		doctor_find(d, FINDING_NOTE, "none needed; a kernel with CONFIG_NFT_QUEUE has it",
			"this kernel has no queue expression: the xt target NFQUEUE is used instead");
}

/* The column "drop" of all processors: packets for which no entry could be made. */
static unsigned long conntrack_dropped(void)
{
	char text[65536], *line, *word, *lines, *words;
	unsigned long sum = 0;
	int column = -1;

	if (!doctor_read("/proc/net/stat/nf_conntrack", text, sizeof(text)))
		return 0;
	for (line = strtok_r(text, "\n", &lines); line; line = strtok_r(NULL, "\n", &lines)) {
		bool head = column < 0;
		int i = 0;

		for (word = strtok_r(line, " ", &words); word; word = strtok_r(NULL, " ", &words), i++) {
			if (head && strcmp(word, "drop") == 0)
				column = i;
			else if (!head && i == column)
				sum += strtoul(word, NULL, 16);
		}
		if (head && column < 0)
			return 0;
	}
	return sum;
}

static void look_at_conntrack(struct doctor *d)
{
	char count[32], max[32];
	unsigned long n, m, dropped = conntrack_dropped();

	if (doctor_read("/proc/sys/net/netfilter/nf_conntrack_count", count, sizeof(count)) &&
		doctor_read("/proc/sys/net/netfilter/nf_conntrack_max", max, sizeof(max))) {
		n = strtoul(count, NULL, 10);
		m = strtoul(max, NULL, 10);
		if (m && n * 100 / m >= CONNTRACK_FULL_PERCENT)
			doctor_find(d, FINDING_WARNING, "sysctl net.netfilter.nf_conntrack_max=, with a larger number",
				"the connection table holds %lu of %lu flows: when it is full, new ones are dropped", n, m);
	}
	if (dropped)
		doctor_find(d, FINDING_NOTE, "sysctl net.netfilter.nf_conntrack_max=, with a larger number, if it happens again",
			"the connection table was full: %lu packets were dropped since boot", dropped);
	if (doctor_read("/proc/sys/net/netfilter/nf_conntrack_helper", count, sizeof(count)) && count[0] == '1')
		doctor_find(d, FINDING_WARNING, "sysctl net.netfilter.nf_conntrack_helper=0",
			"connection tracking helpers are assigned by port: hostile protocols can open related flows");
}

static void look_at_cgroups(struct doctor *d)
{
	char mounts[65536];

	if (doctor_read("/proc/self/mounts", mounts, sizeof(mounts)) && !strstr(mounts, " cgroup2 "))
		doctor_find(d, FINDING_NOTE, "boot with systemd.unified_cgroup_hierarchy=1 to use sandboxes selected by cgroup",
			"no cgroup2 file system is mounted");
}

void doctor_kernel(struct doctor *d)
{
	look_at_version(d);
	look_at_rules(d);
	look_at_conntrack(d);
	look_at_cgroups(d);
}

void doctor_clock(struct doctor *d)
{
	struct timex t = {0};

	if (adjtimex(&t) >= 0 && (t.status & STA_UNSYNC))
		doctor_find(d, FINDING_NOTE, "run a time daemon (chrony, systemd-timesyncd)",
			"the clock is not synchronized: times in the audit log are this machine's own");
}
