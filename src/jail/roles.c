/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What each process may do, one row a role. ARCHITECTURE.md shows the same table and a
 * test reads the truth from /proc while the daemon runs.
 *
 * The lists name what was seen in use (strace of every suite) and nothing for the future: a call
 * outside ends the process, the daemon with it, and the gate stays shut.
 */
#include "roles.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/sockios.h>
#include <pwd.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "postern/compiler.h"
#include "postern/role.h"

#define CAP(name) (1ull << CAP_##name)

const struct call calls_common[] = {
	ANY("read"), ANY("write"), ANY("close"), ANY("recvmsg"), ANY("sendmsg"), ANY("recvmmsg"), ANY("sendmmsg"),
	ANY("epoll_wait"), ANY("epoll_pwait"), ANY("epoll_ctl"), ANY("epoll_create1"), ANY("poll"), ANY("ppoll"),
	ANY("clock_gettime"), ANY("gettimeofday"), ANY("getrandom"), ANY("futex"), ANY("brk"), ANY("munmap"),
	ANY("madvise"), ANY("mprotect"), ANY("mmap"), ANY("fstat"), ANY("newfstatat"), ANY("getpid"), ANY("rt_sigreturn"),
	ANY("rt_sigprocmask"), ANY("rt_sigaction"), ANY("exit"), ANY("exit_group"), ANY("restart_syscall"),
	ANY("fcntl"), ANY("writev"),
	ANY("sysinfo"), /* qsort(3) of more than 1 kB, in glibc before 2.37 */
};
const size_t n_calls_common = ARRAY_LEN(calls_common);

/* Set elements and verdicts: sockets that are open already. Kills and reaps only its own children. */
static const struct call gate_calls[] = {
	ANY("sendto"), ANY("recvfrom"), ANY("memfd_create"), ANY("ftruncate"), ANY("kill"), ANY("wait4"),
	ANY("signalfd4"), ANY("mremap"), ANY("lseek"), ANY("pread64"), WHEN("socket", 0, AF_UNIX), ANY("connect"),
	WHEN("ioctl", 1, SIOCGIFNAME), /* whose a flow is: if_indextoname(3) */
	WHEN("socketpair", 0, AF_UNIX), WHEN("setsockopt", 1, SOL_SOCKET), ANY("pipe2"), /* the channels of postern-tls */
	ANY("openat"), ANY("getdents64"), /* cgroup directories */ ANY("inotify_add_watch"), ANY("statx"), ANY("getuid"), ANY("unlink"),
};

/* Reads files, forks a worker for each compile, and for each time that the state of trust anchors is written. */
static const struct call policy_calls[] = {
	ANY("openat"), ANY("open"), ANY("lseek"), ANY("getdents64"), ANY("clone"), ANY("clone3"), ANY("fork"), ANY("wait4"),
	ANY("waitid"), ANY("ftruncate"), ANY("pread64"), ANY("pwrite64"), ANY("mremap"), ANY("getcwd"), ANY("readlink"), ANY("kill"),
	ANY("set_robust_list"), ANY("gettid"), ANY("statx"), ANY("faccessat"), ANY("access"), ANY("signalfd4"), ANY("prlimit64"),
	ANY("rseq"), ANY("set_tid_address"), ANY("ioctl"), ANY("dup"), ANY("fadvise64"), ANY("geteuid"), ANY("getegid"),
	ANY("getuid"), ANY("getgid"), ANY("getgroups"),
	ANY("renameat"), ANY("unlinkat"), ANY("fsync"), ANY("fchmod"), /* the state of trust anchors */
};

/* Sockets to sandboxes and upstreams: IP only. */
static const struct call resolver_calls[] = {
	WHEN("socket", 0, AF_INET), WHEN("socket", 0, AF_INET6), ANY("bind"), ANY("connect"), ANY("listen"), ANY("accept4"),
	ANY("setsockopt"), ANY("getsockopt"), ANY("getsockname"), ANY("getpeername"), ANY("sendto"), ANY("recvfrom"),
	ANY("shutdown"), ANY("ioctl"), ANY("mremap"),
};

/* postern-verdict reads the queue that the gate opened, and asks rtnetlink on a socket of before: nothing beyond the common. */

/* Looks into /proc and the cgroup hierarchy. */
static const struct call attribute_calls[] = {
	ANY("openat"), ANY("open_by_handle_at"), ANY("readlinkat"), ANY("getdents64"),
};

/* Its second thread is made before the filter. */
static const struct call audit_calls[] = {
	ANY("openat"), ANY("renameat"), ANY("unlinkat"), ANY("lseek"), ANY("ftruncate"),
};

static const struct call control_calls[] = {
	ANY("accept4"), ANY("getsockopt"), ANY("getsockname"), ANY("recvfrom"), ANY("sendto"), ANY("pread64"),
};

/* Connections to upstreams: IP only, and outwards only. */
static const struct call tls_calls[] = {
	WHEN("socket", 0, AF_INET), WHEN("socket", 0, AF_INET6), ANY("connect"), ANY("setsockopt"), ANY("getsockopt"),
	ANY("shutdown"), ANY("mremap"),
};

/*
 * Forks, then executes postern-tls. A filter is handed on by execve(2), so it holds what that program needs until its own filter is on
 * top of this one: the loader, and its start.
 */
static const struct call standby_calls[] = {
	ANY("clone"), ANY("execve"), ANY("prlimit64"), ANY("setrlimit"), ANY("dup2"), ANY("dup3"), ANY("close_range"),
	ANY("openat"), ANY("pread64"), ANY("access"), ANY("faccessat"), ANY("arch_prctl"), ANY("set_tid_address"), ANY("set_robust_list"),
	ANY("rseq"), WHEN("ioctl", 1, TCGETS), ANY("readlink"), ANY("prctl"), ANY("seccomp"), ANY("getuid"), ANY("geteuid"), ANY("getgid"), ANY("getegid"),
	WHEN("socket", 0, AF_INET), WHEN("socket", 0, AF_INET6), ANY("connect"), ANY("setsockopt"), ANY("getsockopt"),
	ANY("shutdown"), ANY("mremap"),
};

#define CALLS(list) list, ARRAY_LEN(list)
#define PROMPT 100000 /* ns: the shortest that the kernel gives; for those that a sandbox waits for */

static const struct role_row rows[] = {
	[ROLE_GATE] = {"posternd", "postern-gate", CAP(NET_ADMIN), CALLS(gate_calls), 256, 0, PROMPT},
	[ROLE_POLICY] = {"postern-policy", "postern-policy", 0, CALLS(policy_calls), 256, 8, 0},
	[ROLE_RESOLVER] = {"postern-resolver", "postern-resolver", 0, CALLS(resolver_calls), 16384, 0, PROMPT},
	[ROLE_VERDICT] = {"postern-verdict", "postern-verdict", 0, NULL, 0, 64, 0, PROMPT},
	[ROLE_ATTRIBUTE] = {"postern-attribute", "postern-attribute", CAP(SYS_PTRACE) | CAP(DAC_READ_SEARCH),
		CALLS(attribute_calls), 64, 0, PROMPT},
	[ROLE_AUDIT] = {"postern-audit", "postern-audit", 0, CALLS(audit_calls), 64, 4, 0},
	[ROLE_CONTROL] = {"postern-control", "postern-control", 0, CALLS(control_calls), 256, 0, 0},
	[ROLE_TLS] = {"postern-tls", "postern-tls", 0, CALLS(tls_calls), 128, 0, 0},
	[ROLE_STANDBY] = {"postern-standby", "postern-tls", 0, CALLS(standby_calls), 128, 8, PROMPT}, /* postern-tls inherits it */
};
static_assert(ARRAY_LEN(rows) == ROLE_COUNT, "a row for every role");

const struct role_row *role_row(enum role r)
{
	return &rows[r];
}

const char *role_executable(enum role r)
{
	return rows[r].executable;
}

uint64_t role_capabilities(enum role r)
{
	return rows[r].capabilities;
}

int role_ids(enum role r, uid_t uid_base, struct role_ids *ret_ids)
{
	struct passwd pw, *found = NULL;
	char buf[1024];
	unsigned int first = 0;

	if (uid_base) {
		while (strcmp(rows[first].user, rows[r].user) != 0) /* ends at @r */
			first++;
		ret_ids->uid = ret_ids->gid = uid_base + first;
		return 0;
	}
	if (getpwnam_r(rows[r].user, &pw, buf, sizeof(buf), &found) != 0 || !found || pw.pw_uid == 0)
		return -ENOENT;
	ret_ids->uid = pw.pw_uid;
	ret_ids->gid = pw.pw_gid;
	return 0;
}
