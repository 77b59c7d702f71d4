# SPDX-License-Identifier: GPL-2.0-or-later
"""Row `cached`: a permitted answer from the cache, policy and pin check included, beside a bare recvmmsg/sendmmsg echo, and
beside dnsmasq, unbound and dnsdist (one thread, cache on) where they are there.

One load generator, a fixed number of questions unanswered at a time, the servers in turns; the median of the turns
counts. What counts is processor time of the server a query: on a busy machine queries a second say less.

    box ── pb ── host: server (one after the other) ── 127.0.0.1:53 dnsd.py
"""
import os
import statistics
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "netns"))

import labcell  # noqa: E402 (found through the line above)
from labcell import WORK, Ns, wait_for  # noqa: E402

BUILD = os.environ["POSTERN_BUILD"]
HERE = os.path.dirname(os.path.abspath(__file__))
DNSD = os.path.join(HERE, "..", "netns", "dnsd.py")
TURNS, SECONDS, REACH = 3, 2, 1.15
GATEWAY = "192.0.2.1"
POLICY = """policy web
rule allow 100 *.test ports=443
setting stub_port 5300
upstream 127.0.0.1
load
sandbox 1 web interface pb
"""


def cpu_s(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        return sum(map(int, f.read().rsplit(")", 1)[1].split()[11:13])) / os.sysconf("SC_CLK_TCK")


class Echo:
    name, port = "bare echo", 5301

    def start(self, host):
        self.proc = host.popen([f"{BUILD}/tests/bench/dns_echo", self.port], stdout=subprocess.PIPE)
        self.proc.stdout.readline()
        self.pid = self.proc.pid

    def stop(self):
        self.proc.kill()
        self.proc.wait()


class Ours(Echo):
    name, port = "ours", 5300

    def start(self, host):
        self.proc = host.popen([f"{BUILD}/tests/netns/resolver_rig", f"{BUILD}/src/resolver/postern-resolver"],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.pid = int(self.proc.stdout.readline().split()[1])
        for line in POLICY.splitlines():
            self.proc.stdin.write(line + "\n")
            self.proc.stdin.flush()
            if self.proc.stdout.readline().strip() != "done":
                # counters of the last line come before its "done"
                wait_for("the rig", lambda: self.proc.stdout.readline().strip() == "done")
        self.reader = subprocess.Popen(["cat"], stdin=self.proc.stdout, stdout=subprocess.DEVNULL)

    def stop(self):
        super().stop()
        self.reader.wait()


class Server(Echo):
    """Another server, configured by a file."""
    port = 5302

    def __init__(self, name, argv, conf):
        self.name, self.argv, self.conf = name, argv, conf

    def start(self, host):
        path = f"{WORK}/{self.name}.conf"
        with open(path, "w", encoding="ascii") as f:
            f.write(self.conf)
        with open(f"{WORK}/{self.name}.log", "wb") as log:
            self.proc = host.popen([a.replace("CONF", path) for a in self.argv], stdout=log, stderr=log)
        wait_for(self.name, lambda: host.listening(self.port, "udp"))
        self.pid = self.proc.pid


OTHERS = (
    Server("dnsmasq", ["dnsmasq", "-k", "-C", "CONF", "-u", "root"], f"port=5302\nno-resolv\nno-hosts\nserver=127.0.0.1\n"
           "cache-size=20000\nlisten-address={GATEWAY}\nbind-interfaces\n".replace("{GATEWAY}", GATEWAY)),
    Server("unbound", ["unbound", "-d", "-c", "CONF"], f"""server:
  interface: {GATEWAY}
  port: 5302
  access-control: 0.0.0.0/0 allow
  username: ""
  chroot: ""
  pidfile: ""
  directory: "{WORK}"
  use-syslog: no
  num-threads: 1
  msg-cache-size: 32m
  rrset-cache-size: 32m
  do-not-query-localhost: no
  module-config: "iterator"
  local-zone: "test." nodefault
remote-control:
  control-enable: no
forward-zone:
  name: "."
  forward-addr: 127.0.0.1
"""),
    Server("dnsdist", ["dnsdist", "--supervised", "-C", "CONF"], f"""setLocal("{GATEWAY}:5302")
setACL("0.0.0.0/0")
newServer({{address="127.0.0.1:53", healthCheckMode="up"}})
getPool(""):setCache(newPacketCache(40000, {{}}))
"""),
)


def turn(host, box, server, names):
    """Microseconds of processor time an answer, and answers a second."""
    server.start(host)
    try:
        load = box.popen([f"{BUILD}/tests/bench/dns_load", GATEWAY, server.port, names, SECONDS],
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if load.stdout.readline().strip() != "warm":
            raise labcell.LabError(f"{server.name}: no load")
        before = cpu_s(server.pid)
        load.stdin.write("\n")
        load.stdin.flush()
        words = load.stdout.readline().split()
        used = cpu_s(server.pid) - before
        answered, wrong = int(words[1]), int(words[3])
        if wrong and server.name != "bare echo":
            raise labcell.LabError(f"{server.name}: {wrong} of {answered} answers are empty")
        return used / max(answered, 1) * 1e6, answered / SECONDS
    finally:
        server.stop()


def inside():
    labcell.furnish()
    host, box = Ns("host"), Ns("box")
    host.ip(f"link add pb type veth peer name eth0 netns box\naddr add {GATEWAY}/24 dev pb\nlink set pb up")
    box.ip("addr add 192.0.2.2/24 dev eth0\nlink set eth0 up")
    host.popen([sys.executable, DNSD, f"{WORK}/dnsd.queries", "127.0.0.1"])
    wait_for("dnsd", lambda: host.listening(53, "udp"))
    servers = [Ours(), Echo(), *(o for o in OTHERS if any(os.access(f"{d}/{o.argv[0]}", os.X_OK) for d in ("/usr/sbin", "/usr/bin")))]
    for names in map(int, sys.argv[1:] or ["1000", "10000"]):
        turns = {}
        for _ in range(TURNS):
            for s in servers:
                turns.setdefault(s.name, []).append(turn(host, box, s, names))
        median = {name: [statistics.median(c) for c in zip(*t)] for name, t in turns.items()}
        cost, rate = median.pop("ours")
        for name, (their_cost, their_rate) in median.items():
            reach = REACH if name == "bare echo" else 1.0
            print(f"cached, {names} names: ours {cost:.2f} us of processor time a query, {name} {their_cost:.2f} us, "
                  f"ratio {cost / their_cost:.2f}, to reach {reach:.2f}: {'ok' if cost / their_cost <= reach else 'short'} "
                  f"(ours {rate:.0f}/s, {name} {their_rate:.0f}/s)")
    return 0


sys.stdout.reconfigure(line_buffering=True)
try:
    if os.environ.get(labcell.INSIDE):
        sys.exit(inside())
    sys.exit(labcell.supervise([sys.executable, *sys.argv]))
except labcell.Skip as e:
    print(f"skipped: {e}")
    sys.exit(labcell.SKIP)
