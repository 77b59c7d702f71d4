# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests of this folder share: postern held against servers and clients that others wrote.

    answers = truth.ask_all(net.ns["box1"], "192.0.2.1", questions)      # thousands at once; [dns.message.Message or None]
    up = truth.Unbound(net, "10.0.0.5", forward="10.0.0.4")               # a real server in namespace `net`, answering
    daemon = truth.postern(net, upstreams=("10.0.0.4",))                  # box1 may resolve all names and reach port 443 of them

The laboratory is that of tests/netns; messages are read by dnspython, which shares no code with ours.
"""
import os
import selectors
import shutil
import socket
import struct
import subprocess
import sys
import time
import types

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "netns"))

import lab  # noqa: E402
import labcell  # noqa: E402
import labdaemon  # noqa: E402
import labnet  # noqa: E402
import labprobe  # noqa: E402
from labcell import WORK, wait_for  # noqa: E402

try:
    import dns.edns
    import dns.exception
    import dns.flags
    import dns.message
    import dns.name
    import dns.query
    import dns.rcode
    import dns.rdata
    import dns.rdataclass
    import dns.rdatatype
    import dns.rdtypes.ANY.RP
    import dns.rdtypes.nsbase
except ImportError:
    print("skipped: python3-dnspython is not installed (contrib/test installs it)")
    sys.exit(labcell.SKIP)

def know_mailboxes():
    """MB, MG, MR and MINFO (RFC 1035 3.3) hold names that servers compress; dnspython has no classes for them, and would compare
    pointers of one message with names of another."""
    for name in ("MB", "MG", "MR"):
        dns.rdata.register_type(types.SimpleNamespace(**{name: type(name, (dns.rdtypes.nsbase.NSBase,), {})}), dns.rdatatype.from_text(name), name)
    minfo = type("MINFO", (dns.rdtypes.ANY.RP.RP,), {"__slots__": ()})
    dns.rdata.register_type(types.SimpleNamespace(MINFO=minfo), dns.rdatatype.MINFO, "MINFO")


know_mailboxes()
WINDOW = 64  # questions under way at a time
PATIENCE_S = 6.0  # of a question; postern's own deadline is 4.5 s


# ---- asking

class Question:
    """One question in every detail that a client may choose. name: text in master file form."""

    def __init__(self, name, rrtype, tcp=False, edns=None, do=False, ad=False, cd=False, **more):
        self.name, self.rrtype, self.tcp = name, rrtype, tcp
        self.edns, self.do, self.ad, self.cd = edns, do, ad, cd  # edns: the size that is offered, or None
        self.rrclass, self.version = more.get("rrclass", "IN"), more.get("version", 0)
        self.options, self.kind = more.get("options", ()), more.get("kind", "")

    def message(self):
        flags = dns.flags.RD | (dns.flags.AD if self.ad else 0) | (dns.flags.CD if self.cd else 0)
        m = dns.message.make_query(self.name, self.rrtype, self.rrclass, flags=flags)
        if self.edns is not None:
            m.use_edns(self.version, dns.flags.DO if self.do else 0, self.edns, options=list(self.options))
        return m

    def limit(self):
        """The largest answer it may get."""
        return 65535 if self.tcp else max(512, min(self.edns or 512, 1232))

    def __str__(self):
        words = [self.name, self.rrclass if self.rrclass != "IN" else "", self.rrtype, "tcp" if self.tcp else "udp",
                 f"edns={self.edns}" if self.edns is not None else "", f"version={self.version}" if self.version else ""]
        words += [w for w in ("do", "ad", "cd") if getattr(self, w)]
        return " ".join(w for w in words if w)


def read(wire):
    """A message, or None where dnspython cannot read it. .size is the length on the wire."""
    try:
        m = dns.message.from_wire(wire, ignore_trailing=False)
    except dns.exception.DNSException:
        return None
    m.size = len(wire)
    return m


class _Pipe:
    """One socket with up to WINDOW questions under way; ids are the numbers of the questions."""

    def __init__(self, ns, server, tcp):
        self.tcp, self.pending, self.buffer = tcp, {}, b""
        self.sock = labprobe.sock(ns, server, socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM)
        self.sock.settimeout(5)
        if not tcp:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.sock.connect((server, 53))
        self.sock.settimeout(None)

    def send(self, number, wire):
        wire = struct.pack("!H", number) + wire[2:]
        self.sock.sendall(struct.pack("!H", len(wire)) + wire if self.tcp else wire)
        self.pending[number] = time.monotonic()

    def receive(self):
        """[(number, message)] of what has arrived."""
        if not self.tcp:
            wire = self.sock.recv(65535)
            wires = [wire]
        else:
            got = self.sock.recv(1 << 18)
            if not got:
                raise labcell.LabError("the server closed a connection with questions under way")
            self.buffer += got
            wires = []
            while len(self.buffer) >= 2:
                n = struct.unpack("!H", self.buffer[:2])[0]
                if len(self.buffer) < 2 + n:
                    break
                wires.append(self.buffer[2:2 + n])
                self.buffer = self.buffer[2 + n:]
        found = []
        for wire in wires:
            number = struct.unpack("!H", wire[:2])[0]
            if self.pending.pop(number, None) is not None:
                found.append((number, wire))
        return found

    def overdue(self):
        late = [n for n, at in self.pending.items() if at + PATIENCE_S * labcell.SLOW < time.monotonic()]
        for n in late:
            del self.pending[n]
        return late


def _run(pipe, todo, wires, answers):
    """Asks the questions with these numbers over the pipe."""
    selector = selectors.DefaultSelector()
    selector.register(pipe.sock, selectors.EVENT_READ)
    todo = list(reversed(todo))
    while todo or pipe.pending:
        while todo and len(pipe.pending) < WINDOW:
            number = todo.pop()
            pipe.send(number, wires[number])
        if selector.select(0.2):
            for number, wire in pipe.receive():
                answers[number] = read(wire)
        pipe.overdue()
    pipe.sock.close()


def ask_all(ns, server, questions):
    """Asks them all, some at a time; returns the answers in their order, None for none (or an unreadable one)."""
    wires = [q.message().to_wire() for q in questions]
    answers = [None] * len(questions)
    for tcp in (False, True):
        todo = [n for n, q in enumerate(questions) if bool(q.tcp) == tcp]
        if todo:
            _run(_Pipe(ns, server, tcp), todo, wires, answers)
    return answers


def ask(ns, server, name, rrtype="A", **how):
    return ask_all(ns, server, [Question(name, rrtype, **how)])[0]


def records(message, section="answer"):
    """{(owner, type, data): TTL}, names in lower case."""
    found = {}
    for rrset in getattr(message, section):
        owner, rrtype = rrset.name.canonicalize().to_text(), dns.rdatatype.to_text(rrset.rdtype)
        for rdata in rrset:
            found[(owner, rrtype, rdata.to_digestable())] = rrset.ttl
    return found


def texts(message, rrtype):
    """The data of all answer records of a type, as text, sorted."""
    return sorted(r.to_text() for rrset in message.answer for r in rrset if dns.rdatatype.to_text(rrset.rdtype) == rrtype)


def ede(message):
    """The code of its Extended DNS Error, 0 for none."""
    return next((int(o.code) for o in message.options if isinstance(o, dns.edns.EDEOption)), 0)


# ---- servers

def library_path():
    """Libraries of the servers that are unpacked beside them."""
    unpacked = os.environ.get("POSTERN_SERVERS", "")
    return f"{unpacked}/usr/lib/x86_64-linux-gnu" if unpacked else ""


def tool(name):
    """A program of an unpacked or installed package."""
    unpacked = os.environ.get("POSTERN_SERVERS", "")
    found = shutil.which(name, path=f"{unpacked}/usr/bin:{unpacked}/usr/sbin:/usr/sbin:/usr/bin")
    if not found:
        raise labcell.Skip(f"{name} is neither unpacked ($POSTERN_SERVERS) nor installed: run contrib/test")
    return found


def sign(zone, text):
    """The zone signed with a new key, NSEC; its text."""
    folder = Server.folder(zone)
    env = dict(os.environ, LD_LIBRARY_PATH=library_path())
    with open(f"{folder}/plain", "w", encoding="ascii") as f:
        f.write(text)
    for argv in (["dnssec-keygen", "-q", "-a", "ECDSAP256SHA256", "-f", "KSK", zone], ["dnssec-keygen", "-q", "-a", "ECDSAP256SHA256", zone],
                 ["dnssec-signzone", "-S", "-o", zone, "-O", "full", "-f", "signed", "plain"]):
        subprocess.run([tool(argv[0]), *argv[1:]], cwd=folder, env=env, check=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    with open(f"{folder}/signed", encoding="ascii") as f:
        return f.read()


class Server:
    """A program that answers DNS at an address of namespace `net` (added to its bridge)."""

    def __init__(self, net, address, argv, files=(), probe=(".", "SOA"), env=None):
        self.net, self.address = net, address
        self.ns = net.ns["net"]
        self.dir = self.folder(address)
        for name, text in files:
            with open(f"{self.dir}/{name}", "w", encoding="utf-8") as f:
                f.write(text)
        if f" {address}/" not in self.ns.run(["ip", "addr", "show", "dev", "br0"]).stdout:
            self.ns.ip(f"addr add {address}/24 dev br0")
        env = dict(os.environ, LD_LIBRARY_PATH=library_path(), **(env or {}))
        self.log = f"{WORK}/{os.path.basename(str(argv[0]))}.{address}.log"
        with open(self.log, "wb") as log:
            self.process = self.ns.popen(argv, stdout=log, stderr=log, env=env, cwd=self.dir)
        wait_for(f"{argv[0]} to answer", lambda: self._answers(*probe), 20)

    @staticmethod
    def folder(address):
        path = f"{WORK}/server.{address}"
        os.makedirs(path, exist_ok=True)
        os.chmod(path, 0o777)
        return path

    def _answers(self, name, rrtype):
        if self.process.poll() is not None:
            with open(self.log, encoding="utf-8", errors="replace") as f:
                raise labcell.LabError(f"{self.log}: {f.read()[-2000:]}")
        done = self.ns.run(["dig", "+time=1", "+tries=1", f"@{self.address}", name, rrtype], check=False)
        return "status: NOERROR" in done.stdout

    def stop(self):
        self.process.terminate()
        self.process.wait(10)


class Nsd(Server):
    """Authoritative for zones {name: text}."""

    def __init__(self, net, address, zones):
        folder = self.folder(address)
        conf = f"""server:
  ip-address: {address}
  username: ""
  chroot: ""
  database: ""
  zonesdir: "{folder}"
  zonelistfile: "{folder}/zone.list"
  xfrdfile: "{folder}/xfrd.state"
  xfrdir: "{folder}"
  pidfile: "{folder}/nsd.pid"
  server-count: 1
  tcp-count: 200
  rrl-ratelimit: 0
remote-control:
  control-enable: no
"""
        for name in zones:
            conf += f'zone:\n  name: "{name}"\n  zonefile: "{name}zone"\n'
        super().__init__(net, address, [labnet.program("nsd"), "-d", "-c", f"{folder}/nsd.conf"],
                         [("nsd.conf", conf)] + [(name + "zone", text) for name, text in zones.items()],
                         probe=(sorted(zones)[0], "SOA"))


HINTS = ". 3600 IN NS ns.test.\nns.test. 3600 IN A 10.0.0.4\n"  # the root's server, for those that resolve by themselves


class Unbound(Server):
    """Without validation, without names of its own: a plain forwarder, or (forward None) a resolver that starts at the root."""

    def __init__(self, net, address, forward, more=""):
        folder = self.folder(address)
        way = f'forward-zone:\n  name: "."\n  forward-addr: {forward}\n' if forward else ""
        more += "" if forward else f'root-hints: "{folder}/hints"'
        conf = f"""server:
  interface: {address}
  access-control: 0.0.0.0/0 allow
  username: ""
  chroot: ""
  directory: "{folder}"
  pidfile: "{folder}/unbound.pid"
  use-syslog: no
  verbosity: 1
  num-threads: 1
  module-config: "iterator"
  do-ip6: no
  do-not-query-localhost: no
  edns-buffer-size: 1232
  max-udp-size: 1232
  cache-max-ttl: 2147483647
  cache-max-negative-ttl: 900
  rrset-roundrobin: no
  minimal-responses: yes
  qname-minimisation: no
  num-queries-per-thread: 4096
  outgoing-range: 8192
  incoming-num-tcp: 200
  {more}
  local-zone: "test." nodefault
  local-zone: "invalid." nodefault
  local-zone: "localhost." nodefault
  local-zone: "onion." nodefault
  local-zone: "home.arpa." nodefault
  local-zone: "113.0.203.in-addr.arpa." nodefault
remote-control:
  control-enable: no
{way}"""
        super().__init__(net, address, [labnet.program("unbound"), "-d", "-c", f"{folder}/unbound.conf"],
                         [("unbound.conf", conf), ("hints", HINTS)])


class Named(Server):
    """BIND, resolving from the root."""

    def __init__(self, net, address):
        folder = self.folder(address)
        conf = f"""options {{
  directory "{folder}";
  pid-file "{folder}/named.pid";
  session-keyfile "{folder}/session.key";
  lock-file none;
  listen-on {{ {address}; }};
  listen-on-v6 {{ none; }};
  recursion yes;
  allow-query {{ any; }};
  allow-recursion {{ any; }};
  dnssec-validation no;
  empty-zones-enable no;
  minimal-responses yes;
  max-udp-size 1232;
}};
controls {{ }};
zone "." {{ type hint; file "hints"; }};
"""
        super().__init__(net, address, [labnet.program("named"), "-g", "-4", "-n", "1", "-c", f"{folder}/named.conf"],
                         [("named.conf", conf), ("hints", HINTS)])


class PdnsRecursor(Server):
    """PowerDNS, resolving from the root; signatures are passed on, not checked."""

    def __init__(self, net, address):
        folder = self.folder(address)
        conf = f"""local-address={address}
hint-file={folder}/hints
socket-dir={folder}
allow-from=0.0.0.0/0
dont-query=
dnssec=process-no-validate
security-poll-suffix=
threads=1
daemon=no
disable-syslog=yes
serve-rfc1918=no
aggressive-nsec-cache-size=0
udp-truncation-threshold=1232
edns-outgoing-bufsize=1232
max-cache-ttl=2147483647
minimum-ttl-override=0
root-nx-trust=no
"""
        super().__init__(net, address, [labnet.program("pdns_recursor"), f"--config-dir={folder}"],
                         [("recursor.conf", conf), ("hints", HINTS)])


class Kresd(Server):
    """Knot Resolver, resolving from the root; without validation."""

    def __init__(self, net, address):
        folder = self.folder(address)
        conf = f"""net.listen("{address}", 53, {{ kind = "dns" }})
policy.add(policy.all(policy.PASS))
trust_anchors.remove(".")
modules.load("hints")
modules.unload("priming")
modules.unload("ta_update")
modules.unload("ta_signal_query")
modules.unload("ta_sentinel")
hints.root_file("{folder}/hints")
cache.open(16 * MB, "lmdb://{folder}")
cache.max_ttl(2147483647)
cache.min_ttl(0)
net.bufsize(1232, 1232)
net.ipv6 = false
"""
        self._its_files()
        super().__init__(net, address, [labnet.program("kresd"), "-n", "-c", f"{folder}/kresd.conf", folder],
                         [("kresd.conf", conf), ("hints", HINTS)])

    @staticmethod
    def _its_files():
        """It has Lua files, which it looks for in the place of its package: shown there, in this cell."""
        here = "/usr/lib/x86_64-linux-gnu"
        there = os.environ.get("POSTERN_SERVERS", "") + here
        if there != here and os.path.isdir(f"{there}/knot-resolver") and not os.path.isdir(f"{here}/knot-resolver"):
            subprocess.run(["mount", "-t", "overlay", "-o", f"lowerdir={there}:{here}", "overlay", here], check=True)


# ---- postern

POLICY = """name = "web";
dns = (
  { name = "services"; priority = 50; action = "ALLOW"; domains = [ "*.h.truth.test" ]; ports = [ "tcp/443" ]; https_records = "strip"; },
  { name = "all"; priority = 100; action = "ALLOW"; domains = [ "*" ]; ports = [ "tcp/443" ]; }
);
"""


PINS = "min_s = 60; max_s = 3600; grace_s = 2; margin_s = 1; per_rule = 100000; per_sandbox = 100000; per_name = 10000;"


def conf(upstreams, more=""):
    return labdaemon.box_conf(upstreams=upstreams, extra=labdaemon.NO_QUERY_LIMIT + "\n" + more, pins=PINS)


def postern(net, upstreams, policy=None, more="", options=()):
    """The daemon, started; box1 may ask for everything."""
    return labdaemon.Postern(net, conf(upstreams, more), {"web.conf": policy or POLICY}, options=options).start()


STUB = labnet.GATEWAY["box1"][0]
