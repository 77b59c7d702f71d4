# SPDX-License-Identifier: GPL-2.0-or-later
"""The small internet: namespaces, links, addresses, and the real servers in them.

      box1 192.0.2.2 ──┐pt-box1                      br0 10.0.0.1 gateway, 10.0.0.2 DNS (nsd)
      2001:db8:b1::2   │192.0.2.1                    ┌───────────────────────────┐  198.51.100.253   ┌──────────────┐
                       ├── host ── eth0 10.0.0.10 ───┤ net                       ├── v-str ─────────┤ stranger     │
      box2 192.0.2.18 ─┘pt-box2      2001:db8::10    │ 203.0.113.0/24            │    eth0          │ every other  │
      2001:db8:b2::2   192.0.2.17                    │ 2001:db8:113::/48         │                  │ address there│
                                     peer 10.0.0.30 ─┤ nginx, chronyd            │                  │ is           │
                                     2001:db8::30    └───────────────────────────┘                  └──────────────┘

`host` runs postern and routes. `net` answers on every address of 203.0.113.0/24 and 2001:db8:113::/48 (HTTP 80 and 8443,
HTTPS 443, NTP 123) and is the only DNS server that anyone needs: the root zone, so every name that it does not know is
NXDOMAIN. `stranger` is *every* other address (default route): it would answer DNS, TCP on any port, UDP echo and ping, and
counts and records each packet that reaches it. No namespace has a route to the machine.
"""
import json
import os
import subprocess
import sys

import labcell
import labdaemon
from labcell import WORK, LabError, Ns, wait_for

HERE = os.path.dirname(os.path.abspath(__file__))
UPSTREAM = "10.0.0.2"
UPSTREAM6 = "2001:db8::2"
ODD = "10.0.0.3"
ODD6 = "2001:db8::3"
STRANGER = "198.51.100.1"
STRANGER6 = "2001:db8:51::1"
PEER = "10.0.0.30"
PEER6 = "2001:db8::30"
NTP = "203.0.113.123"
NTP6 = "2001:db8:113::123"
BOX = {"box1": ("192.0.2.2", "2001:db8:b1::2"), "box2": ("192.0.2.18", "2001:db8:b2::2")}
GATEWAY = {"box1": ("192.0.2.1", "2001:db8:b1::1"), "box2": ("192.0.2.17", "2001:db8:b2::1")}
TLS_NAMES = ["api.openai.com", "openai.com", "github.com", "google.com", "example.com", "*.example.com", "*.test",
             "*.many.test"]


def program(name):
    """A server's path: unpacked from its package by contrib/lib/packages.sh, or installed."""
    unpacked = os.environ.get("POSTERN_SERVERS", "")
    for folder in ([f"{unpacked}/usr/sbin"] if unpacked else []) + ["/usr/sbin", "/usr/bin"]:
        path = f"{folder}/{name}"
        if os.access(path, os.X_OK):
            return path
    raise labcell.Skip(f"{name} is neither unpacked ($POSTERN_SERVERS) nor installed: run contrib/test")


class Zone:
    """The root zone of the small internet: set(), drop(), then commit()."""

    def __init__(self, net):
        self.net = net
        self.dir = f"{WORK}/nsd"
        self.records = {}
        self.serial = 0
        self.daemon = None
        os.makedirs(self.dir, exist_ok=True)
        self._default_names()

    def _default_names(self):
        web = [("203.0.113.7", "2001:db8:113::7"), ("203.0.113.8", "2001:db8:113::8")]
        self.set("api.openai.com", "CNAME", ["api.openai.com.cdn.test."], ttl_s=30)
        self.set("api.openai.com.cdn.test", "A", [w[0] for w in web], ttl_s=30)
        self.set("api.openai.com.cdn.test", "AAAA", [w[1] for w in web], ttl_s=30)
        for name, n in (("github.com", 20), ("google.com", 21), ("example.com", 22), ("www.example.com", 23)):
            self.address(name, n)
        for name, n in (("short.test", 30), ("other.test", 31), ("shared-a.test", 40), ("shared-b.test", 40)):
            self.address(name, n, ttl_s=1 if name == "short.test" else 60)
        self.set("chain0.test", "CNAME", ["chain1.test."])
        for n in range(1, 8):
            self.set(f"chain{n}.test", "CNAME", [f"chain{n + 1}.test."])
        self.address("chain8.test", 50)
        self.set("loop-a.test", "CNAME", ["loop-b.test."])
        self.set("loop-b.test", "CNAME", ["loop-a.test."])
        self.set("many.test", "A", [f"203.0.113.{n}" for n in range(60, 220)])
        self.set("many.test", "AAAA", [f"2001:db8:113::{n:x}" for n in range(60, 220)])
        self.set("rebind.test", "A", ["10.0.0.30"])
        self.set("metadata.test", "A", ["169.254.169.254"])
        self.set("mixed.test", "A", ["203.0.113.51", "127.0.0.1"])
        self.set("v4only.test", "A", ["203.0.113.52"])
        self.set("v6only.test", "AAAA", ["2001:db8:113::52"])
        self.set("ntp.test", "A", [NTP])
        self.set("text.test", "TXT", ['"a text"'])

    def address(self, name, n, ttl_s=60):
        """name gets 203.0.113.n and 2001:db8:113::n."""
        self.set(name, "A", [f"203.0.113.{n}"], ttl_s)
        self.set(name, "AAAA", [f"2001:db8:113::{n}"], ttl_s)

    def set(self, name, rrtype, values, ttl_s=60):
        self.records[(name, rrtype)] = (ttl_s, list(values))

    def drop(self, name, rrtype):
        self.records.pop((name, rrtype), None)

    def _write(self):
        self.serial += 1
        lines = [f". 60 IN SOA ns.test. root.test. {self.serial} 3600 600 86400 5",
                 ". 60 IN NS ns.test.", "ns.test. 60 IN A 10.0.0.2", "ns.test. 60 IN AAAA 2001:db8::2"]
        for (name, rrtype), (ttl_s, values) in sorted(self.records.items()):
            lines += [f"{name}. {ttl_s} IN {rrtype} {v}" for v in values]
        path = f"{self.dir}/root.zone"
        with open(path + ".new", "w", encoding="ascii") as f:
            f.write("\n".join(lines) + "\n")
        # nsd compares times of whole seconds: make each version a second older than the next.
        os.utime(path + ".new", (self.serial * 1000, self.serial * 1000))
        os.rename(path + ".new", path)

    def serving(self):
        done = self.net.run(["dig", "+short", "+time=1", "+tries=1", f"@{UPSTREAM}", ".", "SOA"], check=False)
        return f" {self.serial} " in done.stdout

    def start(self):
        self._write()
        conf = f"{self.dir}/nsd.conf"
        with open(conf, "w", encoding="ascii") as f:
            f.write(f"""server:
  ip-address: {UPSTREAM}
  ip-address: {UPSTREAM6}
  username: ""
  chroot: ""
  database: ""
  zonesdir: "{self.dir}"
  zonelistfile: "{self.dir}/zone.list"
  xfrdfile: "{self.dir}/xfrd.state"
  xfrdir: "{self.dir}"
  pidfile: "{self.dir}/nsd.pid"
  server-count: 1
  zonefiles-check: yes
  rrl-ratelimit: 0
remote-control:
  control-enable: no
zone:
  name: "."
  zonefile: "root.zone"
""")
        with open(f"{WORK}/nsd.log", "wb") as log:
            self.daemon = self.net.popen([program("nsd"), "-d", "-c", conf], stdout=log, stderr=log)
        wait_for("nsd to answer", self.serving)

    def commit(self):
        """Publishes the changes; returns when the server answers from the new zone."""
        self._write()
        os.kill(self.daemon.pid, 1)
        wait_for("nsd to serve the changed zone", self.serving)


class Stranger:
    """Every address that nobody else is. Counts and records what reaches it."""

    def __init__(self, ns):
        self.ns = ns
        self.log = f"{WORK}/stranger.packets"

    def start(self):
        self.ns.nft("""table inet seen {
            counter hits { }
            chain pre {
                type filter hook prerouting priority -300;
                icmpv6 type { 130-137, 143 } accept
                iifname "eth0" counter name "hits"
            }
            chain nat {
                type nat hook prerouting priority -100;
                iifname "eth0" tcp dport != { 9, 53 } redirect to :9
                iifname "eth0" udp dport != { 9, 53 } redirect to :9
            }
        }""")
        with open(f"{WORK}/stranger.log", "wb") as log:
            self.proc = self.ns.popen([sys.executable, f"{HERE}/stranger.py", "eth0", self.log], stdout=log, stderr=log)
        wait_for("the stranger's servers", lambda: self.ns.listening(53, "udp") and self.ns.listening(9)
                 and os.path.exists(self.log))

    def count(self):
        """Packets that ever reached the stranger (a kernel counter: none is missed)."""
        return counter(self.ns, "seen", "hits")

    def packets(self):
        """The recorded packets: a list of dicts with src, dst, proto, sport, dport, len."""
        with open(self.log, encoding="ascii") as f:
            return [json.loads(line) for line in f]


class OddDns:
    """The DNS server of dnsd.py at 10.0.0.3 and 2001:db8::3: odd behaviour by name, every query written down."""

    def __init__(self, net):
        self.log = f"{WORK}/dnsd.queries"
        net.ip(f"addr add {ODD}/24 dev br0\naddr add {ODD6}/64 dev br0")
        with open(f"{WORK}/dnsd.log", "wb") as log:
            self.daemon = net.popen([sys.executable, f"{HERE}/dnsd.py", self.log, ODD, ODD6], stdout=log, stderr=log)
        wait_for("dnsd to listen", lambda: net.run(["ss", "-Hlnu"]).stdout.count(":53 ") >= 4 and os.path.exists(self.log))

    def queries(self, name=None):
        """What was asked so far (of that name, in any case), oldest first."""
        with open(self.log, encoding="ascii") as f:
            asked = [json.loads(line) for line in f if line.endswith("\n")]
        return [q for q in asked if name is None or q["name"].lower() == name]


class Traffic:
    """A running traffic.py."""

    def __init__(self, ns, path, name, forbidden, flows):
        self.path = path
        with open(path + ".log", "wb") as log:
            self.proc = ns.popen([sys.executable, f"{HERE}/traffic.py", path, name, *forbidden, "--flows", flows],
                                 stdout=log, stderr=log)
        wait_for("traffic to begin", lambda: os.path.exists(path))

    def state(self):
        with open(self.path, encoding="ascii") as f:
            return json.load(f)

    def wait_good(self, since_s, timeout_s=20):
        """Waits for a success after that time (CLOCK_MONOTONIC); returns when it was."""
        def look():
            after = [t for t in self.state()["good_times_s"] if t > since_s]
            return after[0] if after else None
        return wait_for("a permitted connection", look, timeout_s)

    def stop(self):
        self.proc.kill()
        self.proc.wait()
        return self.state()


def counter(ns, table, name):
    out = ns.run(["nft", "-j", "list", "counter", "inet", table, name]).stdout
    for item in json.loads(out)["nftables"]:
        if "counter" in item:
            return item["counter"]["packets"]
    raise LabError(f"no counter {name}")


class Internet:
    """Everything together; up() returns with all servers answering."""

    def __init__(self):
        self.ns = {}
        self.zone = None
        self.stranger = None
        self.watches = 0

    def up(self):
        labcell.furnish()
        for name in ("host", "box1", "box2", "net", "stranger", "peer"):
            self.ns[name] = Ns(name)
            for knob in ("accept_ra", "accept_dad", "router_solicitations"):
                self.ns[name].sysctl(f"net.ipv6.conf.default.{knob}", 0)
        self._links()
        self._addresses()
        self._files()
        self._web()
        self._time()
        self.zone = Zone(self.ns["net"])
        self.zone.start()
        self.stranger = Stranger(self.ns["stranger"])
        self.stranger.start()
        return self

    def _links(self):
        net, host = self.ns["net"], self.ns["host"]
        net.ip("link add br0 type bridge")
        for near, far, where in (("v-host", "eth0", "host"), ("v-peer", "eth0", "peer"), ("v-str", "eth0", "stranger")):
            net.ip(f"link add {near} type veth peer name {far} netns {where}")
            if near != "v-str":
                net.ip(f"link set {near} master br0")
            net.ip(f"link set {near} up")
            self.ns[where].ip("link set eth0 up")
        net.ip("link set br0 up")
        for box in BOX:
            host.ip(f"link add pt-{box} type veth peer name eth0 netns {box}\nlink set pt-{box} up")
            self.ns[box].ip("link set eth0 up")

    def _addresses(self):
        for name in ("net", "host"):
            self.ns[name].sysctl("net.ipv4.ip_forward", 1)
            self.ns[name].sysctl("net.ipv6.conf.all.forwarding", 1)
        self.ns["net"].ip("""addr add 10.0.0.1/24 dev br0
            addr add 10.0.0.2/24 dev br0
            addr add 2001:db8::1/64 dev br0
            addr add 2001:db8::2/64 dev br0
            addr add 198.51.100.253/24 dev v-str
            addr add 2001:db8:ff::1/64 dev v-str
            route add local 203.0.113.0/24 dev lo
            -6 route add local 2001:db8:113::/48 dev lo
            route add 192.0.2.0/24 via 10.0.0.10
            -6 route add 2001:db8:b0::/44 via 2001:db8::10
            route add default via 198.51.100.1
            -6 route add default via 2001:db8:ff::2""")
        self.ns["stranger"].ip("""addr add 198.51.100.1/24 dev eth0
            addr add 2001:db8:ff::2/64 dev eth0
            addr add 2001:db8:51::1/128 dev lo
            route add default via 198.51.100.253
            -6 route add default via 2001:db8:ff::1
            route add local default dev lo table 100
            -6 route add local default dev lo table 100
            rule add iif eth0 lookup 100
            -6 rule add iif eth0 lookup 100""")
        self._endpoint("host", ("10.0.0.10/24", "2001:db8::10/64"), ("10.0.0.1", "2001:db8::1"))
        self._endpoint("peer", (PEER + "/24", PEER6 + "/64"), ("10.0.0.1", "2001:db8::1"))
        self.ns["peer"].ip("route add 192.0.2.0/24 via 10.0.0.10\n-6 route add 2001:db8:b0::/44 via 2001:db8::10")
        for box, (v4, v6) in BOX.items():
            gw4, gw6 = GATEWAY[box]
            self.ns["host"].ip(f"addr add {gw4}/28 dev pt-{box}\naddr add {gw6}/64 dev pt-{box}")
            self._endpoint(box, (v4 + "/28", v6 + "/64"), (gw4, gw6))

    def _endpoint(self, name, addrs, gateways):
        self.ns[name].ip(f"""addr add {addrs[0]} dev eth0
            addr add {addrs[1]} dev eth0
            route add default via {gateways[0]}
            -6 route add default via {gateways[1]}""")

    def _files(self):
        for path, text in (("/etc/resolv.conf", f"nameserver {UPSTREAM}\noptions timeout:2 attempts:1\n"),
                           ("/etc/hosts", "127.0.0.1 localhost\n::1 localhost\n"),
                           ("/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n")):
            if os.path.islink(path):
                os.unlink(path)
            with open(path, "w", encoding="ascii") as f:
                f.write(text)

    def _certificates(self):
        folder = f"{WORK}/tls"
        os.makedirs(folder, exist_ok=True)
        san = ",".join("DNS:" + n for n in TLS_NAMES)
        new = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
        for argv in (new + ["-subj", "/CN=postern test CA", "-keyout", f"{folder}/ca.key", "-out", f"{folder}/ca.pem"],
                     ["openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                      "-subj", "/CN=api.openai.com", "-addext", f"subjectAltName={san}",
                      "-keyout", f"{folder}/web.key", "-out", f"{folder}/web.csr"],
                     ["openssl", "x509", "-req", "-in", f"{folder}/web.csr", "-CA", f"{folder}/ca.pem", "-CAkey",
                      f"{folder}/ca.key", "-days", "2", "-copy_extensions", "copy", "-out", f"{folder}/web.pem"]):
            subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.makedirs("/etc/ssl/certs", exist_ok=True)
        bundle = "/etc/ssl/certs/ca-certificates.crt"
        with open(f"{folder}/ca.pem", encoding="ascii") as f, open(bundle, "w", encoding="ascii") as out:
            out.write(f.read())
        return folder

    def _web(self):
        tls = self._certificates()
        home = f"{WORK}/nginx"
        os.makedirs(home, exist_ok=True)
        temps = "".join(f"  {t}_temp_path {home}/{t};\n" for t in
                        ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        with open(f"{home}/nginx.conf", "w", encoding="ascii") as f:
            f.write(f"""daemon off; user root; worker_processes 1; pid {home}/pid; error_log stderr;
events {{ worker_connections 4096; }}
http {{
  access_log {WORK}/web.access; default_type text/plain;
  keepalive_timeout 1h; keepalive_requests 1000000;
{temps}  server {{
    listen 80 backlog=4096; listen [::]:80 backlog=4096; listen 8443; listen [::]:8443;
    listen 443 ssl http2 backlog=4096; listen [::]:443 ssl http2 backlog=4096;
    ssl_certificate {tls}/web.pem; ssl_certificate_key {tls}/web.key;
    location = /empty {{ return 204; }}
    location /files/ {{ alias {WORK}/files/; default_type application/octet-stream; }}
    location / {{ return 200 "postern lab: $host from $server_addr\\n"; }}
  }}
}}
""")
        with open(f"{WORK}/nginx.log", "wb") as log:
            self.ns["net"].popen([program("nginx"), "-p", home, "-e", "stderr", "-c", f"{home}/nginx.conf"],
                                 stdout=log, stderr=log)
        wait_for("nginx to listen", lambda: self.ns["net"].listening(443))

    def _time(self):
        conf = f"{WORK}/chrony.conf"
        with open(conf, "w", encoding="ascii") as f:
            f.write(f"local stratum 3\nallow all\nbindcmdaddress /\ncmdport 0\npidfile {WORK}/chronyd.pid\n")
        with open(f"{WORK}/chrony.log", "wb") as log:
            # -x: never touches the clock of the machine.
            self.ns["net"].popen([program("chronyd"), "-d", "-x", "-u", "root", "-f", conf], stdout=log, stderr=log)
        wait_for("chronyd to listen", lambda: self.ns["net"].listening(123, "udp"))

    def odd_dns(self):
        """Starts the server of odd behaviour (a second upstream, for configurations that name 10.0.0.3)."""
        return OddDns(self.ns["net"])

    def rounds(self, box, resolver, name, clients, rounds, port=443, interval_ms=0, timeout_s=600):
        """Runs rounds.c in a box; returns its counts as a dict."""
        out = self.ns[box].run([labdaemon.built("rounds"), resolver, name, port, clients, rounds, interval_ms], timeout_s=timeout_s).stdout
        words = out.split()
        return {k.replace("-", "_"): int(v) for k, v in zip(words[::2], words[1::2])}

    def traffic(self, box, name="example.com", forbidden=(STRANGER, STRANGER6), flows=0):
        """Starts traffic.py in a box; returns an object with .state() and .stop()."""
        return Traffic(self.ns[box], f"{WORK}/traffic.{box}.{name}", name, forbidden, flows)

    def watch(self, match, where="net", hook="prerouting"):
        """Counts packets that match (nft syntax) where they arrive. Returns a function: packets so far."""
        self.watches += 1
        table, ns = f"watch{self.watches}", self.ns[where]
        ns.nft(f"""table inet {table} {{
            counter hits {{ }}
            chain c {{
                type filter hook {hook} priority -310;
                {match} counter name "hits"
            }}
        }}""")
        return lambda: counter(ns, table, "hits")

    def serve(self, box, port):
        """A small HTTP server in a box, both families: what inbound tests connect to."""
        code = ("import http.server,socket\n"
                "class S(http.server.ThreadingHTTPServer): address_family=socket.AF_INET6\n"
                f"S(('::',{port}),http.server.SimpleHTTPRequestHandler).serve_forever()")
        os.makedirs(f"{WORK}/www", exist_ok=True)
        proc = self.ns[box].popen([sys.executable, "-c", code], cwd=f"{WORK}/www", stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL)
        wait_for(f"a server on port {port} of {box}", lambda: self.ns[box].listening(port))
        return proc
