# SPDX-License-Identifier: GPL-2.0-or-later
"""A refusal comes back in under 50 ms and leaves exactly one event that says who, where to, why, which names, and by which rule.

For sandboxes of every kind, TCP, UDP and ICMP, IPv4 and IPv6. Each attempt is a process of its own that resolves a permitted name,
tries another port or protocol of the address that it got, and ends the moment it is told no: for the local kinds the event
names it nevertheless, with its uid, pid, executable and command line, of ICMP by ping socket and by raw socket as well. A process that
does not even wait for the answer is its sandbox's all the same.
"""
import json
import os

import lab
import labcell
import labdaemon

LIMIT_MS = 50
HOLD_MS = 30  # VERDICT_HOLD_MS: so long a packet waits for the process behind it
PLAIN = bool(os.environ.get("POSTERN_WANT_PLAIN"))  # figures are those of the build as shipped
TRIES = 3
UID = 64999
FIRST = 1  # n1.test, n2.test, ...: one for each attempt
PROTOCOLS = (("tcp", 8443, "port-not-allowed"), ("udp", 443, "protocol-not-allowed"), ("icmp", 0, "protocol-not-allowed"),
             ("raw", 0, "protocol-not-allowed"))
PROGRAM = f"{labdaemon.WORK}/try.py"
# argv: kind family name port. Prints a JSON line and is gone at once: no cleanup, no exit handlers.
TRY = """
import json, os, socket, sys, time
kind, family, name, port = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
af = socket.AF_INET if family == 4 else socket.AF_INET6
address = socket.getaddrinfo(name, 0, af, socket.SOCK_STREAM)[0][4][0]
types = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM, "gone": socket.SOCK_DGRAM, "icmp": socket.SOCK_DGRAM, "raw": socket.SOCK_RAW}
wire = b"x"
if kind in ("icmp", "raw"):
    s = socket.socket(af, types[kind], 1 if family == 4 else 58)
    wire = bytes([8, 0, 0xf7, 0xff, 0, 0, 0, 0]) if family == 4 else bytes([128]) + bytes(7)
else:
    s = socket.socket(af, types[kind])
me = {"pid": os.getpid(), "exe": os.readlink("/proc/self/exe"), "address": address,
      "command": open("/proc/self/cmdline").read().rstrip(chr(0)).replace(chr(0), " ")}
if kind == "gone":
    line = (json.dumps(me) + chr(10)).encode()
    s.sendto(wire, (address, port))
    os.write(1, line)
    os._exit(0)
s.settimeout(5)
began, error = time.monotonic(), 0
try:
    s.connect((address, port))
    if kind != "tcp":
        s.send(wire)
        s.recv(10)
except socket.timeout:
    error = -1
except OSError as e:
    error = e.errno
line = json.dumps({**me, "ms": (time.monotonic() - began) * 1000, "error": error})
os.write(1, (line + "\\n").encode())
os._exit(0)
"""


class Kind:
    """A sandbox and how a program gets into it."""

    def __init__(self, net, name, selector, ns, prefix=(), cgroup=None):
        self.net, self.name, self.selector, self.ns = net, name, selector, net.ns[ns]
        self.prefix, self.cgroup, self.local = list(prefix), cgroup, ns == "host"

    def run(self, *words):
        argv = [*self.prefix, "/usr/bin/python3", PROGRAM, *words]
        if self.cgroup:
            argv = ["/bin/sh", "-c", 'echo $$ >"$0" && exec "$@"', f"{self.cgroup}/cgroup.procs", *argv]
        return json.loads(self.ns.run(argv).stdout)


def kinds(net):
    group = lab.cgroup("refusals")
    path = os.path.relpath(group, labcell.cgroup2_mount())
    drop = ["setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups"]
    return [Kind(net, "byiface", 'interface = "pt-box1"', "box1"),
            Kind(net, "bysource", 'source = [ "192.0.2.18", "2001:db8:b2::/64" ]', "box2"),
            Kind(net, "bycgroup", f'cgroup = "{path}"', "host", cgroup=group),
            Kind(net, "byuid", f"uid = {UID}", "host", prefix=drop),
            Kind(net, "byhost", "host = true", "host")]


class Tally:
    def __init__(self, daemon):
        self.daemon, self.n, self.times, self.bad = daemon, FIRST, [], []

    def say(self, good, what):
        if not good:
            self.bad.append(what)

    def report(self, what):
        lab.equal(self.bad[:4], [], f"{what}: {TRIES} refusals, slowest {max(self.times[-TRIES:]):.1f} ms; wrong: {len(self.bad)}")
        self.bad = []

    def one(self, kind, protocol, family, port, reason):
        name, self.n = f"n{self.n}.test", self.n + 1
        what = f"{kind.name} {protocol} IPv{family} {name}"
        got = kind.run(protocol, str(family), name, str(port))
        self.times.append(got["ms"])
        self.say(got["error"] > 0, f"{what}: error {got['error']} after {got['ms']:.1f} ms")
        events = self.events(got["address"])
        self.say([e["count"] for e in events] == [1], f"{what}: events of {[e['count'] for e in events]} packets")
        if events:
            self.compare(what, kind, events[0], name, reason)
            if kind.local:
                self.process(what, kind, events[0], got)
            else:
                self.say("pid" not in events[0], f"{what}: pid {events[0].get('pid')} of another machine's process")

    def gone(self, kind, family):
        """Nobody waits for the refusal: whose it was is known, and by then maybe not which process."""
        name, self.n = f"n{self.n}.test", self.n + 1
        what = f"{kind.name} IPv{family} {name}"
        got = kind.run("gone", str(family), name, "443")
        events = self.events(got["address"])
        self.say(len(events) == 1, f"{what}: {len(events)} events")
        if events:
            self.compare(what, kind, events[0], name, "protocol-not-allowed")
            self.say(events[0].get("pid", got["pid"]) == got["pid"], f"{what}: pid {events[0].get('pid')}, not {got['pid']}")

    def events(self, address):
        """Those of the address, once the window of the first is over (a second one would be out by then)."""
        try:
            return lab.wait_for("event", lambda: self.daemon.events(kind="refusal", destination=address), 4)
        except lab.LabError:
            return []

    def compare(self, what, kind, event, name, reason):
        want = {"sandbox": kind.name, "reason": reason, "names": [name], "file": f"{labdaemon.ETC}/policies/web.conf",
                "line": 3, "rule": "web", "action": "refuse"}
        for key, value in want.items():
            self.say(event.get(key) == value, f"{what}: {key} is {event.get(key)}, not {value}")
        if not kind.local:
            self.say(event.get("interface") and event.get("hardware"), f"{what}: no interface or hardware address")

    def process(self, what, kind, event, got):
        if not PLAIN and got["ms"] >= HOLD_MS and "pid" not in event:
            print(f"figure: {what}: no process after {got['ms']:.1f} ms (with sanitizers)")
            return
        want = {"uid": UID if kind.name == "byuid" else 0, "pid": got["pid"], "exe": got["exe"], "command": got["command"]}
        for key, value in want.items():
            self.say(event.get(key) == value, f"{what}: {key} is {event.get(key)}, not {value}")


def main(net):
    for n in range(FIRST, FIRST + 200):
        net.zone.address(f"n{n}.test", n)
    net.zone.commit()
    all_kinds = kinds(net)
    for ns in ("box1", "box2", "host"):
        net.ns[ns].sysctl("net.ipv4.ping_group_range", "0 2147483647")
    conf = labdaemon.conf_text({k.name: (k.selector, "web") for k in all_kinds})
    with open(PROGRAM, "w", encoding="ascii") as f:
        f.write(TRY)
    daemon = labdaemon.Postern(net, conf.replace("window_ms = 1000", "window_ms = 200"), {"web.conf": labdaemon.policy_text("web", ports=("tcp/443",))})
    daemon.start()
    before, tally = net.stranger.count(), Tally(daemon)
    for kind in all_kinds:
        for protocol, port, reason in PROTOCOLS:
            if protocol == "raw" and kind.prefix:
                continue  # of root only
            for family in (4, 6):
                for _ in range(TRIES):
                    tally.one(kind, protocol, family, port, reason)
                tally.report(f"{kind.name} {protocol} IPv{family}")
    for kind in (k for k in all_kinds if k.local):
        for family in (4, 6):
            for _ in range(TRIES):
                tally.gone(kind, family)
        lab.equal(tally.bad, [], f"{kind.name}: {2 * TRIES} senders that were gone at once")
        tally.bad = []
    summary(daemon, net, before, sorted(tally.times))


def summary(daemon, net, before, times):
    over = sum(t >= LIMIT_MS for t in times)
    figure = f"{len(times)} refusals: median {times[len(times) // 2]:.2f} ms, slowest {times[-1]:.1f} ms, {over} not under {LIMIT_MS} ms"
    if PLAIN:
        lab.equal(over, 0, figure)
    else:
        print(f"figure: {figure} (with sanitizers)")
    daemon.stop()  # what is left of windows is written
    counts = {}
    for event in daemon.events(kind="refusal"):
        counts[event["destination"]] = counts.get(event["destination"], 0) + 1
    twice = {d: n for d, n in counts.items() if n != 1 and (d.startswith("203.0.113.") or d.startswith("2001:db8:113:"))}
    lab.equal(twice, {}, f"events in all: {len(counts)} destinations, one each")
    lab.equal(net.stranger.count(), before, "nothing reached the stranger")


lab.test(main)
