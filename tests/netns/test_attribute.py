# SPDX-License-Identifier: GPL-2.0-or-later
"""postern-attribute on real sockets: TCP and UDP of both families, with its own uid, capabilities and filter.

    cell ── attribute_rig ── postern-attribute           ns "a": lo, and v0 192.0.2.1/24, 2001:db8::1/64 whose
            (verdict's place)                             neighbours never answer, so that connect() stays in SYN_SENT
"""
import os
import re
import subprocess
import sys

import labcell
from lab import check, equal
import lab

BUILD = os.environ["POSTERN_BUILD"]
FIELDS = ("found", "uid", "pid", "exe", "command", "cgroup", "unit", "container", "us")
CLIENT = """
import os, socket, sys
kind, uid, group, target = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
if group:
    open(group + "/cgroup.procs", "w").write("0")
extra = [open("/dev/null") for _ in range(20)]
os.setgid(uid); os.setuid(uid)
family = socket.AF_INET6 if ":" in target or "mapped" in kind else socket.AF_INET
s = socket.socket(family, socket.SOCK_DGRAM if kind.startswith("udp") else socket.SOCK_STREAM)
s.setblocking(False)
to = ("::ffff:" + target if "mapped" in kind else target, 443)
try:
    if kind.endswith("sendto"):
        s.sendto(b"x", to)
    else:
        s.connect(to)
except BlockingIOError:
    pass
print(s.getsockname()[1], flush=True)
sys.stdin.read()
"""


class Rig:
    def __init__(self, ns):
        self.proc = ns.popen([f"{BUILD}/tests/netns/attribute_rig", f"{BUILD}/src/attribute/postern-attribute"],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        equal(self.proc.stdout.readline().strip(), "ready", "postern-attribute runs with its filter on")

    def ask(self, proto, src, sport, dst, dport=443, times=1):
        self.proc.stdin.write(f"{proto} {src} {sport} {dst} {dport} {times}\n")
        self.proc.stdin.flush()
        return dict(zip(FIELDS, self.proc.stdout.readline().rstrip("\n").split("\t")))


def client(ns, kind, uid, group, target):
    proc = ns.popen([sys.executable, "-c", CLIENT, kind, uid, group, target], stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE, text=True)
    return proc, int(proc.stdout.readline())


def expect(rig, proc, ask, uid, group, what):
    got = rig.ask(*ask)
    equal((got["found"], got["uid"], got["pid"]), ("1", str(uid), str(proc.pid)), f"{what}: uid and pid")
    check(got["exe"] == os.path.realpath(f"/proc/{proc.pid}/exe"), f"{what}: executable {got['exe']}")
    check(got["command"].startswith(sys.executable + " -c"), f"{what}: command line")
    if group:
        root = labcell.cgroup2_mount()
        equal(got["cgroup"], os.path.relpath(group, root), f"{what}: cgroup")
    return got


def sockets(ns, rig, group):
    for kind, target, source, proto in (
            ("tcp", "192.0.2.9", "192.0.2.1", 6), ("tcp", "2001:db8::9", "2001:db8::1", 6),
            ("tcp-mapped", "192.0.2.9", "192.0.2.1", 6), ("udp", "192.0.2.9", "192.0.2.1", 17),
            ("udp", "2001:db8::9", "2001:db8::1", 17), ("udp-sendto", "192.0.2.9", "192.0.2.1", 17),
            ("udp-sendto", "2001:db8::9", "2001:db8::1", 17), ("udp-mapped-sendto", "192.0.2.9", "192.0.2.1", 17)):
        for uid, where in ((1234, group), (0, group), (1235, "")):
            proc, port = client(ns, kind, uid, where, target)
            expect(rig, proc, (proto, source, port, target), uid, where, f"{kind} to {target} uid {uid}")
            proc.communicate()


def identity(ns, rig):
    cid = "ab" * 32
    for name, unit, container in ((f"system.slice/docker-{cid}.scope", "", cid),
                                  ("system.slice/worker@3.service", "worker@3.service", "")):
        proc, port = client(ns, "tcp", 1234, labcell.cgroup(name), "192.0.2.9")
        got = rig.ask(6, "192.0.2.1", port, "192.0.2.9")
        equal((got["unit"], got["container"]), (unit, container), f"{name}: unit and container")
        proc.communicate()


def absent(ns, rig, group):
    proc, port = client(ns, "udp", 1234, group, "192.0.2.9")
    proc.communicate()
    got = rig.ask(17, "192.0.2.1", port, "192.0.2.9")
    equal((got["found"], got["pid"]), ("0", "0"), "a socket that is gone is not found")
    equal(rig.ask(1, "192.0.2.1", 0, "192.0.2.9", 8)["found"], "0", "a protocol without lookup is answered")
    proc, port = client(ns, "tcp", 1234, group, "192.0.2.9")
    equal(rig.ask(6, "192.0.2.1", port ^ 1, "192.0.2.9")["found"], "0", "another port is not found")
    # the same socket, its holder gone from the cgroup: the kernel still knows where it was made
    with open(os.path.join(labcell.cgroup("elsewhere"), "cgroup.procs"), "w", encoding="ascii") as f:
        f.write(str(proc.pid))
    got = rig.ask(6, "192.0.2.1", port, "192.0.2.9")
    equal((got["found"], got["uid"], got["pid"]), ("1", "1234", "0"), "a holder outside the cgroup: user only, and said so")
    proc.communicate()


def crowd(ns, rig, group):
    """Many processes in the cgroup: the newest is found at once, an old one within the limits or honestly not."""
    old, old_port = client(ns, "tcp", 1234, group, "192.0.2.9")
    sleepers = []
    for _ in range(600):
        p = ns.popen(["sleep", "1000"])
        sleepers.append(p)
        with open(f"{group}/cgroup.procs", "w", encoding="ascii") as f:
            f.write(str(p.pid))
    new, new_port = client(ns, "tcp", 1236, group, "192.0.2.9")
    equal(rig.ask(6, "192.0.2.1", new_port, "192.0.2.9")["pid"], str(new.pid), "the newest of 602 is found")
    got = rig.ask(6, "192.0.2.1", old_port, "192.0.2.9")
    check(got["pid"] == str(old.pid), f"the oldest of 602, the only one of its user, is found ({got['us']} us)")
    stranger, port = client(ns, "tcp", 0, "", "192.0.2.9")
    got = rig.ask(6, "192.0.2.1", port, "192.0.2.9")
    check(got["pid"] in ("0", str(stranger.pid)), f"in the root cgroup: pid {got['pid']} ({got['us']} us)")
    for p in sleepers:
        p.kill()
        p.wait()
    for p in (old, new, stranger):
        p.communicate()


def figures(ns, rig, group):
    proc, port = client(ns, "tcp", 1234, group, "192.0.2.9")
    print(f"figure: one question, process known: {rig.ask(6, '192.0.2.1', port, '192.0.2.9', times=2000)['us']} us")
    print(f"figure: socket not found: {rig.ask(6, '192.0.2.1', port ^ 1, '192.0.2.9', times=2000)['us']} us")
    proc.communicate()


def privileges(rig):
    """As the table says: two capabilities, no new privileges, a filter, its own uid."""
    pid = int(subprocess.run(["pgrep", "-P", str(rig.proc.pid)], stdout=subprocess.PIPE, text=True, check=True).stdout)
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        status = dict(re.findall(r"^(\w+):[ \t]*(.*?)[ \t]*$", f.read(), re.M))
    equal(int(status["CapEff"], 16), 1 << 2 | 1 << 19, "effective capabilities")
    equal((status["NoNewPrivs"], status["Seccomp"], status["Groups"]), ("1", "2", ""), "no-new-privs, filter, groups")
    check(status["Uid"].split()[0] not in ("0", "65534"), "own uid")


def inside():
    labcell.furnish()
    ns = labcell.Ns("a")
    ns.ip("""link add v0 type veth peer name v1
        link set v0 up
        link set v1 up
        addr add 192.0.2.1/24 dev v0
        addr add 2001:db8::1/64 dev v0 nodad
        neigh add 192.0.2.9 lladdr 02:00:00:00:00:09 dev v0
        neigh add 2001:db8::9 lladdr 02:00:00:00:00:09 dev v0""")
    rig = Rig(ns)
    group = labcell.cgroup("box/a")
    privileges(rig)
    sockets(ns, rig, group)
    identity(ns, rig)
    absent(ns, rig, group)
    crowd(ns, rig, group)
    figures(ns, rig, group)
    rig.proc.stdin.close()
    equal(rig.proc.wait(10), 0, "ends with its channel")
    return 1 if lab.failed() else 0


sys.stdout.reconfigure(line_buffering=True)
try:
    if os.environ.get(labcell.INSIDE):
        sys.exit(inside())
    sys.exit(labcell.supervise([sys.executable, *sys.argv]))
except labcell.Skip as e:
    print(f"skipped: {e}")
    sys.exit(labcell.SKIP)
