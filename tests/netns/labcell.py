# SPDX-License-Identifier: GPL-2.0-or-later
"""The cell: where every test of postern that touches the network runs.

Promise: nothing that a test does reaches the machine it runs on, and nothing of it outlives the test.

A cell is one process tree in its own network, mount, pid and ipc namespaces (unshare(1)). Inside it, /run and /var/log
are empty tmpfs, /etc is a copy, and `ip netns add` names further network namespaces that only the cell can see.
When the cell's first process ends, for whatever reason, the kernel kills every process of its pid namespace, and with the
last process go the mounts, the namespaces, the links and the rules. There is no cleanup code that could be forgotten:
the process outside (`supervise()`) only verifies that it is so, and removes the control groups, which have a life of their own.

    machine                                   cell (a new net, mnt, pid, ipc namespace)
    test.py ── supervise() ── unshare ──────► sh (pid 1, reaps) ── test.py ── main(): names and fills namespaces
            ◄── exit code, then verify() ────

The guard: `guard()` compares /proc/self/ns/net with the namespaces that must not be touched (those of the outer process and, where
it may be read, of the machine's /proc/1), in every child, after it has entered its namespace and before exec.
Equal, or unknown: the child ends, exit code 125.
"""
import ctypes
import os
import shutil
import signal
import subprocess
import sys
import time

MACHINE = "POSTERN_LAB_MACHINE_NETNS"
INSIDE = "POSTERN_LAB_INSIDE"
CGROUP = "POSTERN_LAB_CGROUP"
SKIP = 77
GUARD_EXIT = 125
CLONE_NEWNET = 0x40000000
PR_SET_PDEATHSIG = 1
WORK = "/run/lab"

_libc = ctypes.CDLL(None, use_errno=True)


class LabError(Exception):
    """Something that the test asked for did not happen; the text says what."""


class Skip(Exception):
    """The machine lacks something; the text says what (exit code 77)."""


def netns_id(path="/proc/self/ns/net"):
    st = os.stat(path)
    return f"{st.st_dev}:{st.st_ino}"


def guard():
    """True when this process is in a network namespace that is certainly not the machine's."""
    machine = os.environ.get(MACHINE, "").split()
    try:
        return bool(machine) and netns_id() not in machine
    except OSError:
        return False


def refuse_outside():
    if not guard():
        raise LabError("refused: this is, or may be, the machine's own network namespace")


# How many times slower than a machine this is: an emulated one sets it (tests/vm).
SLOW = int(os.environ.get("POSTERN_LAB_SLOW", "1"))


def wait_for(what, cond, timeout_s=10.0, step_s=0.02):
    """Calls cond() until it returns something true and returns that; LabError after timeout_s (of an ordinary machine)."""
    timeout_s *= SLOW
    deadline = time.monotonic() + timeout_s
    while True:
        got = cond()
        if got:
            return got
        if time.monotonic() > deadline:
            raise LabError(f"waited {timeout_s:g} s in vain for: {what}")
        time.sleep(step_s)


class Ns:
    """One named network namespace of the cell and the programs run in it."""

    def __init__(self, name):
        self.name = name
        self.path = f"/run/netns/{name}"
        refuse_outside()
        subprocess.run(["ip", "netns", "add", name], check=True)
        self.run(["ip", "link", "set", "lo", "up"])

    def _enter(self):
        fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        if _libc.setns(fd, CLONE_NEWNET) != 0 or not guard():
            os._exit(GUARD_EXIT)

    def popen(self, argv, **kw):
        """subprocess.Popen inside the namespace."""
        kw.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.Popen([str(a) for a in argv], preexec_fn=self._enter, **kw)

    def run(self, argv, check=True, timeout_s=60, stdin=None):
        """Runs argv to its end; returns CompletedProcess with text stdout and stderr."""
        kw = {"input": stdin} if stdin is not None else {"stdin": subprocess.DEVNULL}
        done = subprocess.run([str(a) for a in argv], preexec_fn=self._enter, timeout=timeout_s * SLOW, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, errors="replace", **kw)
        if check and done.returncode != 0:
            raise LabError(f"{self.name}: {' '.join(map(str, argv))}: exit {done.returncode}: "
                           f"{(done.stderr or done.stdout).strip()}")
        return done

    def ip(self, words):
        """`ip WORDS` for every line of words."""
        for line in filter(None, map(str.strip, words.splitlines())):
            self.run(["ip", *line.split()])

    def sysctl(self, key, value):
        code = f"open('/proc/sys/{key.replace('.', '/')}', 'w').write('{value}')"
        self.run([sys.executable, "-c", code])

    def nft(self, text):
        self.run(["nft", "-f", "-"], stdin=text)

    def listening(self, port, proto="tcp"):
        """True when some socket of the namespace listens on (tcp) or is bound to (udp) the port."""
        out = self.run(["ss", "-Hln" + proto[0]]).stdout
        return any(line.split()[3].endswith(f":{port}") for line in out.splitlines())


def cgroup2_mount():
    """Where cgroup v2 is mounted, or None."""
    with open("/proc/self/mounts", encoding="ascii", errors="replace") as f:
        for line in f:
            fields = line.split()
            if fields[2] == "cgroup2":
                return fields[1]
    return None


def cgroup(name):
    """Makes a cgroup for the test below the cell's own; returns its absolute path. Removed by the outer process."""
    root = cgroup2_mount()
    if root is None:
        raise Skip("no cgroup v2 hierarchy is mounted")
    path = os.path.join(root, os.environ[CGROUP], name)
    os.makedirs(path, exist_ok=True)
    return path


# ---- outside ---------------------------------------------------------------------------------------------------------

def _die_with_parent():
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def machine_netns():
    """Ids of the namespaces that belong to the machine: ours, seen from outside the cell, and that of its first process."""
    found = {netns_id()}
    try:
        found.add(netns_id("/proc/1/ns/net"))
    except PermissionError:
        pass  # a container's root may not look; then ours is the one that it could harm
    return sorted(found)


def _need(programs):
    if os.geteuid() != 0:
        raise Skip("needs root (to make namespaces)")
    missing = [p for p in programs if not shutil.which(p)]
    if missing:
        raise Skip("missing programs: " + " ".join(missing) + " (contrib/test installs them)")


def cgroup_name():
    """The cgroup of the cell that this process starts, below the cgroup v2 mount."""
    return f"postern-lab-{os.getpid()}"


def start(argv, detach=False, pass_fds=(), output=None):
    """Starts argv in a new cell. Returns the Popen of unshare; its only child is pid 1 of the cell."""
    _need(["unshare", "ip", "nft", "ss", "mount"])
    env = dict(os.environ)
    env["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    env["PYTHONDONTWRITEBYTECODE"] = "1"
    env[MACHINE] = " ".join(machine_netns())
    env[INSIDE] = "1"
    env[CGROUP] = cgroup_name()
    cell = ["unshare", "--net", "--mount", "--pid", "--ipc", "--fork", "--kill-child=KILL", "--mount-proc",
            # A shell as pid 1 reaps what daemons killed by a test leave behind.
            "/bin/sh", "-c", '"$@"; exit $?', "sh"]
    return subprocess.Popen(cell + argv, env=env, preexec_fn=None if detach else _die_with_parent,
                            start_new_session=detach, stdin=subprocess.DEVNULL if detach else None,
                            stdout=output, stderr=subprocess.STDOUT if output else None, pass_fds=pass_fds)


def first_process(unshare_pid):
    """The machine's pid of the cell's pid 1, or None while (or when) there is none."""
    try:
        with open(f"/proc/{unshare_pid}/task/{unshare_pid}/children", encoding="ascii") as f:
            kids = f.read().split()
    except OSError:
        return None
    return int(kids[0]) if kids else None


def namespaces_of(pid):
    """The ids of the namespaces of a process that differ from ours: what must be gone afterwards."""
    found = set()
    for kind in ("net", "mnt", "pid_for_children", "ipc"):
        try:
            if netns_id(f"/proc/{pid}/ns/{kind}") != netns_id(f"/proc/self/ns/{kind}"):
                found.add(os.readlink(f"/proc/{pid}/ns/{kind}"))
        except OSError:
            pass
    return found


def residue(namespaces, group):
    """What is left of a cell, as a list of texts; empty is the only good answer."""
    left = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        for kind in ("net", "mnt", "pid", "ipc"):
            try:
                if os.readlink(f"/proc/{pid}/ns/{kind}") in namespaces:
                    left.append(f"process {pid} still lives in the cell's {kind} namespace")
            except OSError:
                pass
    root = cgroup2_mount()
    if root and group and os.path.isdir(os.path.join(root, group)):
        left.append(f"control group {group}")
    return left


def remove_cgroups(group):
    root = cgroup2_mount()
    if not root:
        return
    for path, _, _ in os.walk(os.path.join(root, group), topdown=False):
        try:
            os.rmdir(path)
        except OSError:
            pass  # residue() reports it


def verify(namespaces, group, listing_before):
    """Checks that the cell is gone. Returns a list of what is left."""
    try:
        wait_for("the cell to end", lambda: not residue(namespaces, ""), 5)
    except LabError:
        pass
    remove_cgroups(group)
    left = residue(namespaces, group)
    left += [f"named namespace {n}" for n in machine_listing() - listing_before if n.startswith("pt-lab")]
    return left


def machine_listing():
    try:
        return set(os.listdir("/run/netns"))
    except OSError:
        return set()


def supervise(argv):
    """Runs argv in a cell to its end, verifies that nothing is left; returns the exit code."""
    before = machine_listing()
    proc = start(argv)
    spaces = set()

    def seen():
        pid = first_process(proc.pid)
        if pid:
            spaces.update(namespaces_of(pid))
        return len(spaces) >= 4 or proc.poll() is not None

    stopped_by = []

    def stop(signo, _frame):
        # Only this: the main line below may be inside wait(), whose lock is not ours to take.
        stopped_by.append(signo)
        if proc.returncode is None:
            os.kill(proc.pid, signal.SIGKILL)

    for signo in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signo, stop)
    wait_for("the cell to start", seen)
    code = proc.wait()
    left = verify(spaces, cgroup_name(), before)
    if left:
        print("left behind:", *left, sep="\n  ", file=sys.stderr)
        return 1
    return 128 + stopped_by[0] if stopped_by else code


# ---- inside ----------------------------------------------------------------------------------------------------------

def furnish():
    """First step inside the cell: empty /run and /var/log, a private /etc, a work folder."""
    refuse_outside()

    def mount(*args):
        subprocess.run(["mount", *args], check=True)

    mount("-t", "tmpfs", "-o", "mode=755,size=1g", "tmpfs", "/run")
    mount("-t", "tmpfs", "-o", "mode=755,size=256m", "tmpfs", "/var/log")
    for path in ("/run/netns", "/run/lock", WORK):
        os.makedirs(path, exist_ok=True)
    os.chmod(WORK, 0o755)
    os.environ["TMPDIR"] = f"{WORK}/tmp"
    os.makedirs(os.environ["TMPDIR"], exist_ok=True)
    os.chmod(os.environ["TMPDIR"], 0o1777)
    subprocess.run(["cp", "-a", "/etc", f"{WORK}/etc"], check=True)
    mount("--bind", f"{WORK}/etc", "/etc")
