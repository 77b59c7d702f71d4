# SPDX-License-Identifier: GPL-2.0-or-later
"""Where the benchmarks run: a cell (tests/netns/labcell.py) with three gates side by side between one client and one upstream.

                 ┌── host    posternd with its ruleset                          ──┐
      box ───────┼── peers   the same ruleset, no daemon: echo, other resolvers ──┼── net   authority 10.0.0.2, TCP sink
    (the load)   └── bare    no ruleset, no conntrack: the same once more       ──┘         203.0.113.0/24

`peers` holds the elements that posternd would have put in (a sandbox behind each link, its port 53 redirected to the program
in question), so that a query to any of them takes the same way through the kernel as one to postern. In `bare` nobody has a ruleset;
there, postern-resolver runs alone, with tests/netns/resolver/rig.c in the gate's place.

CPU time is that of all threads of a program from /proc/PID/task/*/schedstat, in nanoseconds. The kernel's work for a packet
counts where it is done: sending to a veth pair runs the receiver's softirq in the sender.
"""
import glob
import json
import os
import shutil
import statistics
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "tests", "netns"))
os.environ.setdefault("POSTERN_BUILD", os.path.join(TOP, "build-bench"))  # never the sanitized build of the tests

import labcell  # noqa: E402 (found through the line above)
import labdaemon  # noqa: E402
from labcell import WORK, LabError, Ns, wait_for  # noqa: E402
from labdaemon import ETC  # noqa: E402,F401 (for the rows)
from labnet import program  # noqa: E402

UPSTREAM = "10.0.0.2"
SLOW = "10.0.0.3"  # the same, 10 ms later
PEERS = ("echo", "dnsmasq", "unbound", "dnsdist", "kresd")
BEHIND = (*PEERS, "chain")  # whoever has a link to box in `peers`
PORT = {name: 5300 + i for i, name in enumerate(BEHIND)}
STUB = 15300
CONF = """policies = [ "policies/web.conf" ];
upstreams = [ "10.0.0.2" ];
sandboxes = (
  { name = "box"; interface = "pt-box"; policy = "web"; },
  { name = "scan"; source = "198.19.0.0/16"; policy = "web"; }
);
pins: { per_rule = 60000; per_sandbox = 60000; };
limits: { queries_per_s = 1000000; queries_burst = 1000000; };
audit: { directory = "/var/log/postern"; };
"""
POLICY = """name = "web";
dns = (
  { name = "web"; priority = 100; action = "ALLOW"; domains = [ "*.bench" ]; ports = [ "tcp/443" ]; },
  { name = "rest"; priority = 9000; action = "BLOCK"; response = "NODATA"; domains = [ "*" ]; }
);
"""


def driver(name):
    """A program of this folder, copied where every user of the cell may run it."""
    path = f"{WORK}/bench_{name}"
    if not os.path.exists(path):
        shutil.copy(f"{labdaemon.build_folder()}/tests/bench/bench_{name}", path)
    return path


def cpu_ns(pids):
    """CPU time so far of all threads of the processes."""
    total = 0
    for pid in pids:
        for path in glob.glob(f"/proc/{pid}/task/*/schedstat"):
            with open(path, encoding="ascii") as f:
                total += int(f.read().split()[0])
    return total


def rollup(pid, key):
    """A line of /proc/PID/smaps_rollup, in kB."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as f:
        return next(int(line.split()[1]) for line in f if line.startswith(key + ":"))


def median(values):
    return statistics.median(values)


def recorded(b, zone):
    """How many queries for names in @zone the audit log stands for."""
    return sum(e["count"] for e in b.postern.events(kind="dns") if e["names"][0].endswith("." + zone))


class Bench:
    def __init__(self):
        labcell.furnish()
        self._unpacked_libraries()
        self.ns = {name: Ns(name) for name in ("box", "host", "peers", "bare", "net")}
        self.postern = None
        self.servers = {}
        self.chain = None
        self._links()
        self._routes()
        self.spawn("net", [driver("authority"), UPSTREAM, 53, 300])
        self.spawn("net", [driver("authority"), SLOW, 53, 300, 10])
        self.spawn("net", [driver("tcp"), "serve", 443])
        wait_for("the authority", lambda: self.ns["net"].listening(53, "udp") and self.ns["net"].listening(443))

    @staticmethod
    def _unpacked_libraries():
        """What a program that is unpacked and not installed looks for in the place of its package: shown there, in this cell."""
        here = "/usr/lib/x86_64-linux-gnu"
        there = os.environ.get("POSTERN_SERVERS", "") + here
        if os.path.isdir(there + "/knot-resolver"):
            subprocess.run(["mount", "-t", "overlay", "-o", f"lowerdir={there}:{here}", "overlay", here], check=True)

    def spawn(self, ns, argv, **kw):
        with open(f"{WORK}/{os.path.basename(str(argv[0]))}.log", "ab") as log:
            return self.ns[ns].popen(argv, stdout=log, stderr=log, **kw)

    # ---- the network

    def _pair(self, gate, name, net, number):
        """A /30 between box and a gate: .1 is the gate's end, .2 the box's."""
        ours, theirs = f"{net}.{number + 1}", f"{net}.{number + 2}"
        self.ns[gate].ip(f"link add {name} type veth peer name {gate}{number} netns box\n"
                         f"addr add {ours}/30 dev {name}\nlink set {name} up")
        self.ns["box"].ip(f"addr add {theirs}/30 dev {gate}{number}\nlink set {gate}{number} up")
        return ours

    def _links(self):
        net = self.ns["net"]
        net.ip("link add br0 type bridge\naddr add 10.0.0.1/24 dev br0\naddr add 10.0.0.2/24 dev br0\naddr add 10.0.0.3/24 dev br0\nlink set br0 up")
        for i, gate in enumerate(("host", "peers", "bare")):
            net.ip(f"link add v-{gate} type veth peer name eth0 netns {gate}\nlink set v-{gate} master br0 up")
            self.ns[gate].ip(f"link set eth0 up\naddr add 10.0.0.1{i}/24 dev eth0\nroute add default via 10.0.0.1")
            self.ns[gate].sysctl("net.ipv4.ip_forward", 1)
        self.address = {"postern": self._pair("host", "pt-box", "192.0.2", 0)}
        self._pair("host", "pt-scan", "192.0.2", 4)
        self._pair("peers", "pt-scan", "192.0.2", 8)
        for i, name in enumerate(BEHIND):
            self.address[name] = self._pair("peers", f"pt-{name}", "192.0.2", 64 + 4 * i)
        self.bare_address = self._pair("bare", "pt-box", "192.0.2", 128)

    def _routes(self):
        self.ns["box"].ip("route add default via 192.0.2.1\nroute add 203.0.113.128/25 via 192.0.2.129\nroute add 203.0.113.64/27 via 192.0.2.9\n"
                          "route add 10.0.0.0/24 via 192.0.2.129\nroute add 198.51.100.0/25 via 192.0.2.5\n"
                          "route add 198.51.100.128/25 via 192.0.2.9\nroute add local 198.19.0.0/16 dev lo")
        self.ns["host"].ip("route add 198.19.0.0/16 via 192.0.2.6")
        self.ns["peers"].ip("route add 198.19.0.0/16 via 192.0.2.10")
        self.ns["net"].ip("route add local 203.0.113.0/24 dev lo\nroute add 192.0.2.0/26 via 10.0.0.10\n"
                          "route add 192.0.2.8/30 via 10.0.0.11\nroute add 192.0.2.64/26 via 10.0.0.11\nroute add 192.0.2.128/26 via 10.0.0.12")

    # ---- the daemon

    def start_postern(self, ready=True):
        """The daemon, unless there is one. not ready: as it stands before start()."""
        if not self.postern:
            self.postern = labdaemon.Postern(self, CONF, {"web.conf": POLICY})
            if ready:
                self.postern.start()
        return self.postern

    def postern_pids(self):
        return [pid for pids in self.postern.pids().values() for pid in pids]

    # ---- the others

    def load_peer_ruleset(self):
        """rules/postern.nft in `peers`, with the elements of one sandbox for each program."""
        links = ", ".join(f'"pt-{name}"' for name in BEHIND)
        maps = ", ".join(f'"pt-{name}" : {PORT[name]}' for name in BEHIND)
        ports = ", ".join(str(PORT[name]) for name in BEHIND)
        self.ns["peers"].run(["nft", "-f", f"{TOP}/rules/postern.nft"])
        self.ns["peers"].nft(f"""add element inet postern sandbox_iface {{ {links} }}
            add element inet postern dns_iface {{ {maps} }}
            add element inet postern stub_port {{ {ports} }}
            add element inet postern sandbox_prefix4 {{ 198.19.0.0/16 }}
            add element inet postern upstream4 {{ 0 . {UPSTREAM} . 17 . 53 }}
            add element inet postern zone_resolver {{ 0 : 65535 }}""")

    def _argv(self, name, ns):
        conf = f"{WORK}/{name}.{ns}.conf"
        port = PORT[name]
        if name == "echo":
            return [driver("echo"), port]
        if name == "dnsmasq":
            return self.dnsmasq(port)
        with open(conf, "w", encoding="ascii") as f:
            f.write({"unbound": f"""server:
  interface: 0.0.0.0@{port}
  num-threads: 1
  username: ""
  chroot: ""
  pidfile: ""
  do-daemonize: no
  use-syslog: no
  verbosity: 0
  access-control: 0.0.0.0/0 allow
  module-config: "iterator"
forward-zone:
  name: "."
  forward-addr: {UPSTREAM}
""", "dnsdist": f"""setLocal("0.0.0.0:{port}")
setACL({{"0.0.0.0/0"}})
setSecurityPollSuffix("")
newServer("{UPSTREAM}:53")
getPool(""):setCache(newPacketCache(20000))
""", "kresd": f"""net.listen("0.0.0.0", {port}, {{ kind = "dns" }})
cache.open(100 * MB, "lmdb://{WORK}/kresd.{ns}")
for _, m in ipairs({{ "ta_update", "ta_signal_query", "priming", "detect_time_skew", "detect_time_jump", "edns_keepalive" }}) do
	modules.unload(m)
end
trust_anchors.remove(".")
policy.add(policy.all(policy.STUB("{UPSTREAM}")))
"""}[name])
        if name == "unbound":
            return [program("unbound"), "-c", conf]
        if name == "kresd":
            os.makedirs(f"{WORK}/kresd.{ns}", exist_ok=True)
            return [program("kresd"), "-n", "-c", conf, f"{WORK}/kresd.{ns}"]
        return [program("dnsdist"), "--supervised", "--disable-syslog", "-C", conf]

    @staticmethod
    def dnsmasq(port, *more):
        return [program("dnsmasq"), "--keep-in-foreground", "--conf-file=/dev/null", "--user=root", "--pid-file=",
                "--log-facility=/dev/null", f"--port={port}", "--no-resolv", "--no-hosts", f"--server={UPSTREAM}",
                "--cache-size=20000", "--dns-forward-max=5000", *more]

    def start_peers(self, ns):
        """Echo and the resolvers of others in `peers` or `bare`; fills self.servers[ns] with {name: pid}."""
        if ns in self.servers:
            return
        if ns == "peers" and not self.chain:
            self.load_peer_ruleset()
        self.servers[ns] = {name: self.spawn(ns, self._argv(name, ns)).pid for name in PEERS}
        for name in PEERS:
            wait_for(f"{name} to listen", lambda name=name: self.ns[ns].listening(PORT[name], "udp"))

    def start_chain(self):
        """The least that pins and answers (chain.c), in `peers` behind the ruleset."""
        if self.chain:
            return
        if "peers" not in self.servers:
            self.load_peer_ruleset()
        self.chain = self.spawn("peers", [driver("chain"), PORT["chain"], UPSTREAM])
        wait_for("the chain", lambda: self.ns["peers"].listening(PORT["chain"], "udp"))

    def start_rig(self):
        """postern-resolver alone in `bare`; returns its pid."""
        resolver = f"{WORK}/postern-resolver"
        shutil.copy(f"{labdaemon.build_folder()}/src/resolver/postern-resolver", resolver)
        text = (f"setting stub_port {STUB}\nsetting audit_all_queries 1\nsetting audit_window_ms 10000\nupstream {UPSTREAM}\n"
                "setting queries_per_s 1000000\nsetting queries_burst 1000000\n"
                "policy web\nrule allow 100 *.bench ports=443\nload\ngrant 3600000\nsandbox 0 web interface pt-box\n")
        rig = f"{labdaemon.build_folder()}/tests/netns/resolver_rig"
        with open(f"{WORK}/rig.log", "wb") as log:
            proc = self.ns["bare"].popen([rig, resolver], stdin=subprocess.PIPE, stdout=log,
                                         stderr=log)
        proc.stdin.write(text.encode())
        proc.stdin.flush()
        wait_for("the stub", lambda: self.ns["bare"].listening(STUB, "udp"))
        self.rig = proc
        return labcell.first_process(proc.pid)

    # ---- the load

    def load(self, address, port, zone, first, names, queries, window=8, sockets=16, mode="answer", ns="box", timeout_s=60,
             sources=()):
        """One run of load.c: its JSON. LabError when an answer was wrong or more than one in a hundred lost."""
        argv = [driver("load"), address, port, zone, first, names, queries, window, sockets, mode, *sources]
        got = json.loads(self.ns[ns].run(argv, timeout_s=timeout_s).stdout)
        if got["wrong"] or got["lost"] > queries / 100:
            raise LabError(f"{' '.join(map(str, argv[1:]))}: {got}")
        return got
