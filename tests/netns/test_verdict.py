# SPDX-License-Identifier: GPL-2.0-or-later
"""postern-verdict and postern-attribute with the real ruleset, a real queue and real programs; the gate is verdict_rig.

The place is RuleLab's (rulelab.py). Sandboxes, as in tests/unit/verdict_kit.h: boxa is `one` (by interface), boxb `two` (by prefix),
uid 1000 of the host `three`, a cgroup of the host `four`, the rest of the host `five` (which drops).
"""
import os
import subprocess
import sys

import lab
import labcell
import rulelab
from rulelab import PROBE

BUILD = os.environ["POSTERN_BUILD"]
V4, V6 = "203.0.113.7", "2001:db8:113::7"
WATCHED = "198.51.100.200"
FIELDS = ("kind", "reason", "action", "count", "sandbox", "line", "inbound", "destination", "port", "protocol", "uid", "pid", "exe",
          "command", "names")
TIMED = """
import socket, sys, time
took = []
for _ in range(5):
    s = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET)
    t = time.monotonic()
    try:
        s.connect((sys.argv[1], 443))
    except ConnectionRefusedError:
        took.append((time.monotonic() - t) * 1000)
print(len(took), *sorted(took))
"""


class Rig:
    def __init__(self, net, group):
        env = dict(os.environ, RIG_CGROUP=os.path.relpath(group, labcell.cgroup2_mount()))
        self.proc = net.host.popen([f"{BUILD}/tests/netns/verdict_rig", f"{BUILD}/src/verdict/postern-verdict",
                                    f"{BUILD}/src/attribute/postern-attribute"], env=env, text=True,
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        lab.equal(self.proc.stdout.readline().strip(), "ready", "both processes run with their filters on")

    def say(self, line):
        self.proc.stdin.write(line + "\n")
        self.proc.stdin.flush()

    def event(self):
        """The next event: they come when their window ends, 0.3 s after the first packet."""
        line = self.proc.stdout.readline().rstrip("\n")
        if line.startswith("counters") or not line:
            raise labcell.LabError(f"no event but {line!r}")
        return dict(zip(FIELDS, line.split("\t")))

    def counters(self):
        """Also a barrier: what was said before has been taken."""
        self.say("counters")
        line = self.proc.stdout.readline()
        if not line.startswith("counters "):
            raise labcell.LabError(f"an event that was not expected: {line!r}")
        return {k: int(v) for k, v in (w.split("=") for w in line.split()[1:])}


def told(rig, what, **want):
    got = rig.event()
    want = {k: str(v) for k, v in want.items()}
    lab.equal({k: got[k] for k in want}, want, what)
    return got


def refused(net, rig, where, words, **want):
    net.leaked(where)
    what = f"{where}: {' '.join(words)}"
    lab.equal(net.probe(where, *words), want.pop("outcome", "refused"), what)
    lab.equal(net.leaked(where), 0, f"{what}: nothing leaves")
    return told(rig, f"{what}: one event", **want)


def forwarded(net, rig):
    for where, box in (("boxa", "one"), ("boxb", "two")):
        for a in (V4, V6):
            for t, proto in (("tcp", 6), ("udp", 17)):
                refused(net, rig, where, [t, a, "443"], kind="refusal", reason="never-resolved", action="refuse", count=1,
                        sandbox=box, line=1, destination=a, port=443, protocol=proto, pid=0, exe="")
            refused(net, rig, where, ["ping", a], reason="protocol-not-allowed", sandbox=box, count=1)
    refused(net, rig, "boxa", ["tcp", "169.254.169.254", "80"], reason="always-denied", sandbox="one")
    refused(net, rig, "boxa", ["tcp", "10.9.9.9", "443"], reason="private-address", sandbox="one")
    refused(net, rig, "boxa", ["tcp", "192.0.2.1", "22"], reason="private-address", sandbox="one")
    refused(net, rig, "boxa", ["tcp", "192.0.2.18", "22"], reason="ingress", sandbox="two", inbound=1)


def pins(net, rig):
    """The kernel does not hold the pin, the notes do: the packet is let through, other services are not."""
    for a in (V4, V6):
        rig.say(f"note 1 www.example.com {a} 60")
        before = rig.counters()["races_settled"]
        lab.equal(net.probe("boxa", "tcp", a, "443"), "port443", f"a pin that the kernel lookup missed: {a}")
        lab.equal(rig.counters()["races_settled"], before + 1, "is counted as a race")
        refused(net, rig, "boxa", ["tcp", a, "80"], reason="port-not-allowed", names="www.example.com", line=10)
        refused(net, rig, "boxa", ["udp", a, "443"], reason="protocol-not-allowed", names="www.example.com", line=10)
        refused(net, rig, "boxb", ["tcp", a, "443"], reason="never-resolved", names="www.example.com", sandbox="two")
        rig.say(f"note 1 www.example.com {a} 0")
        rig.counters()
        refused(net, rig, "boxa", ["tcp", a, "443"], reason="pin-expired", names="www.example.com", line=10)


def alerts(net, rig):
    net.stranger.ip(f"addr add {WATCHED}/32 dev eth0\naddr add 203.0.113.7/32 dev lo")
    lab.equal(net.probe("boxa", "tcp", WATCHED, "80"), "port80", "an ALERT rule lets through")
    told(rig, "and tells", kind="alert", reason="alert", action="alert", sandbox="one", line=32, count=1)
    net.serve("boxa", 3000, 3001)
    lab.equal(net.probe("stranger", "--source", V4, "tcp", "192.0.2.2", "3000"), "port3000", "an ALERT ingress rule lets in")
    told(rig, "and tells", kind="alert", inbound=1, sandbox="one", line=41, port=3000)
    lab.equal(net.probe("stranger", "--source", V4, "tcp", "192.0.2.2", "3001"), "refused", "another port does not")
    told(rig, "and is told", kind="refusal", reason="ingress", inbound=1, sandbox="one", port=3001)


def local(net, rig):
    """Who sent it, while the packet is held: the program is gone before anyone could look afterwards."""
    for a in (V4, V6):
        for t in ("tcp", "udp"):
            got = refused(net, rig, "host", ["--uid", "1000", t, a, "443"], reason="never-resolved", sandbox="three", uid=1000,
                          exe=os.path.realpath(sys.executable), count=1)
            lab.equal(got["command"], f"{sys.executable} {PROBE} --uid 1000 {t} {a} 443", "its command line")
            lab.check(int(got["pid"]) > 0 and not os.path.exists(f"/proc/{got['pid']}"), "its pid, of a process that is gone")
    refused(net, rig, "host", ["--wait", "0.2", "tcp", V4, "443"], outcome="timeout", reason="never-resolved", sandbox="five",
            action="drop", line=100, uid=0)


def listens(net, rig):
    """A local sandbox that serves: its policy is asked when it replies, whoever let the question in."""
    net.add("open_input ipv4")
    proc = net.host.popen([sys.executable, PROBE, "--uid", "1000", "serve", "3000", "3001"])
    labcell.wait_for("the server", lambda: all(net.host.listening(p, t) for p in (3000, 3001) for t in ("tcp", "udp")))
    want = {"sandbox": "three", "inbound": 1, "uid": 1000, "pid": proc.pid, "exe": os.path.realpath(sys.executable)}
    for t, proto in (("tcp", 6), ("udp", 17)):
        allowed = t == "tcp"  # the rule is for TCP 3000
        got = net.probe("stranger", "--source", V4, "--wait", "0.3", t, "198.51.100.1", "3000")
        lab.equal(got, "port3000" if allowed else "timeout", f"{t} 3000 of a local sandbox")
        told(rig, "is told with its owner", kind="alert" if allowed else "refusal", port=3000, protocol=proto, **want)
        lab.equal(net.probe("stranger", "--source", V4, "--wait", "0.3", t, "198.51.100.1", "3001"), "timeout", f"{t} 3001")
        told(rig, "is refused in its name", kind="refusal", reason="ingress", port=3001, protocol=proto, **want)
    proc.kill()
    proc.wait()
    net.delete("open_input ipv4")


def in_time(net, rig):
    for where, words in (("boxa", []), ("host", ["setpriv", "--reuid=1000", "--regid=1000", "--clear-groups"])):
        for a in ("203.0.113.9", "2001:db8:113::9"):
            out = net.ns[where].run([*words, sys.executable, "-c", TIMED, a]).stdout.split()
            took = [float(t) for t in out[1:]]
            lab.check(out[0] == "5" and took[2] < 50, f"{where}: {a} refused, median of 5: {took[2]:.2f} ms")
            told(rig, "and told", reason="never-resolved", count=5)


def cgroup(net, rig, group):
    path = os.path.relpath(group, "/sys/fs/cgroup")  # nft looks there, wherever v2 is mounted
    net.add(f'sandbox_cgroup "{path}"\nwhose_cgroup "{path}" : 706f:{4321:x}')
    rig.say("sandbox")
    rig.counters()
    refused(net, rig, "host", ["--cgroup", group, "--uid", "1000", "--wait", "0.2", "tcp", V4, "443"], outcome="timeout",
            sandbox="four", action="drop", uid=1000)
    refused(net, rig, "host", ["--uid", "1000", "tcp", V4, "443"], sandbox="three", action="refuse")


def aggregated(net, rig):
    sent = int(net.probe("boxa", "flood", "203.0.113.9", "9", "200"))
    total, events = 0, 0
    while total < sent:
        total += int(told(rig, "a flood", reason="never-resolved", port=9)["count"])
        events += 1
    lab.check(total == sent and events <= 2, f"{sent} packets, {events} events, {total} counted")


def main(net):
    group = labcell.cgroup("box")
    net.load(loop=None)
    net.add("sandbox_iface pa\nsandbox_prefix4 192.0.2.16/28\nsandbox_prefix6 2001:db8:b::/64\nsandbox_uid 1000\n"
            "sandbox_host ipv4, ipv6")
    rig = Rig(net, group)
    for part in (forwarded, pins, alerts, local, listens, in_time, aggregated):
        print(f"-- {part.__name__}")
        part(net, rig)
    cgroup(net, rig, group)
    c = rig.counters()
    lab.check(c["packets"] == c["decisions"] > 0 and c["foreign"] == 0, f"every packet has its decision: {c}")
    net.probe("boxa", "tcp", V4, "443")
    rig.proc.stdin.close()
    told(rig, "what is still open is told at the end", reason="pin-expired", sandbox="one")
    lab.equal(rig.proc.wait(10), 0, "ends with its channel")


rulelab.test(main)
