# SPDX-License-Identifier: GPL-2.0-or-later
"""DNS over TLS to upstreams: a real server (nsd), and servers that are not what they should be (dotd.py).

Whatever an upstream does, nothing that was asked can be read on the wire: dotd.py listens on every interface of the small internet, and
a kernel counter counts port 53. Each question has a name of its own, with a word in it that is looked for.
"""
import os
import re
import subprocess
import sys
import time

import lab
import labdaemon
from labcell import WORK
from labnet import program

HERE = os.path.dirname(os.path.abspath(__file__))
PKI = f"{WORK}/pki"
WORD = "readable"
NSD, ODD = "10.0.0.4", "10.0.0.5"
NAME = "dns.example"
serial = [0]


def openssl(*words):
    subprocess.run(["openssl", *words], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def key_and(kind, *words):
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", f"{PKI}/{kind}.key", *words)


def certificates():
    """ca, other-ca; signed by ca: good, wrong, expired; by other-ca: unknown; by itself: self."""
    os.makedirs(PKI)
    for ca in ("ca", "other-ca"):
        key_and(ca, "-x509", "-days", "30", "-subj", f"/CN=test {ca}", "-out", f"{PKI}/{ca}.pem")
    key_and("self", "-x509", "-days", "30", "-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}", "-out", f"{PKI}/self.pem")
    for kind, ca, name, days in (("good", "ca", NAME, "30"), ("wrong", "ca", "other.example", "30"), ("expired", "ca", NAME, "-1"),
                                 ("unknown", "other-ca", NAME, "30")):
        key_and(kind, "-subj", f"/CN={name}", "-out", f"{PKI}/{kind}.csr")
        with open(f"{PKI}/{kind}.ext", "w", encoding="ascii") as f:
            f.write(f"subjectAltName=DNS:{name}\n")
        openssl("x509", "-req", "-in", f"{PKI}/{kind}.csr", "-CA", f"{PKI}/{ca}.pem", "-CAkey", f"{PKI}/{ca}.key", "-CAcreateserial",
                "-days", days, "-extfile", f"{PKI}/{kind}.ext", "-out", f"{PKI}/{kind}.pem")


def start_nsd(net):
    """The zones of the laboratory's nsd, over TLS only."""
    folder = f"{WORK}/nsd-tls"
    os.makedirs(folder)
    with open(f"{folder}/nsd.conf", "w", encoding="ascii") as f:
        f.write(f"""server:
  ip-address: {NSD}@853
  tls-port: 853
  tls-service-key: "{PKI}/good.key"
  tls-service-pem: "{PKI}/good.pem"
  username: ""
  chroot: ""
  database: ""
  zonesdir: "{WORK}/nsd"
  zonelistfile: "{folder}/zone.list"
  xfrdfile: "{folder}/xfrd.state"
  xfrdir: "{folder}"
  pidfile: "{folder}/nsd.pid"
  server-count: 1
  rrl-ratelimit: 0
remote-control:
  control-enable: no
zone:
  name: "."
  zonefile: "root.zone"
""")
    with open(f"{WORK}/nsd-tls.log", "wb") as log:
        net.ns["net"].popen([program("nsd"), "-d", "-c", f"{folder}/nsd.conf"], stdout=log, stderr=log)
    lab.wait_for("nsd to listen on 853", lambda: net.ns["net"].listening(853))


class Odd:
    """dotd.py as ODD, in one mode at a time."""

    def __init__(self, net):
        self.ns, self.log, self.proc = net.ns["net"], f"{WORK}/dotd.lines", None

    def become(self, mode, certificate="good"):
        if self.proc:
            self.proc.kill()
            self.proc.wait()
        if os.path.exists(self.log):
            os.unlink(self.log)
        with open(f"{WORK}/dotd.log", "ab") as log:
            self.proc = self.ns.popen([sys.executable, f"{HERE}/dotd.py", "serve", ODD, mode, f"{PKI}/{certificate}.pem",
                                       f"{PKI}/{certificate}.key", self.log], stdout=log, stderr=log)
        lab.wait_for(f"dotd as {mode}", lambda: "ready" in self.lines())

    def lines(self):
        try:
            with open(self.log, encoding="ascii") as f:
                return f.read().splitlines()
        except OSError:
            return []


class Wire:
    """What could be read on the way."""

    def __init__(self, net):
        self.ns, self.log = net.ns["net"], f"{WORK}/listen.counts"
        self.ns.popen([sys.executable, f"{HERE}/dotd.py", "listen", WORD, self.log])
        self.ns.nft("""table inet clear { counter hits { }
            chain pre {
                type filter hook prerouting priority -300;
                meta l4proto { 6, 17 } th dport 53 counter name "hits"
            }
        }""")
        # it has to be seen to count: one question in clear text, of the laboratory's own
        def seen():
            net.ns["host"].run(["dig", "+tries=1", "+time=1", "@10.0.0.2", f"{WORD}-0.test"], check=False)
            return self.readable() >= 1
        lab.wait_for("the listener to have seen a question in clear text", seen)
        time.sleep(0.5)
        self.before = (self.readable(), self.port_53())

    def readable(self):
        try:
            with open(self.log, encoding="ascii") as f:
                return int(f.read().split()[1])
        except (OSError, IndexError):
            return 0

    def port_53(self):
        listing = self.ns.run(["nft", "list", "counter", "inet", "clear", "hits"]).stdout
        return int(re.search(r"packets (\d+)", listing).group(1))

    def silent(self):
        time.sleep(0.2)
        return (self.readable(), self.port_53()) == self.before


def conf(address, ca="ca", name=NAME):
    text = labdaemon.box_conf(extra="upstream_timeout_ms = 800;\nupstream_tries = 2;\n")
    group = f'{{ address = "{address}"; tls = "{name}"; ca = "{PKI}/{ca}.pem"; }}'
    return re.sub(r"upstreams = \[.*?\];", f"upstreams = ( {group} );", text)


def point_to(daemon, text):
    daemon.write_conf(text)
    done = daemon.cli("reload")
    if done.returncode:
        raise lab.LabError(f"reload: {done.stdout}{done.stderr}")


def ask(net, count=1):
    """dig for fresh names; the whole outputs."""
    running = []
    for _ in range(count):
        serial[0] += 1
        running.append(net.ns["box1"].popen(["dig", "+tries=1", "+time=6", f"{WORD}-{serial[0]}.test", "A"], stdout=subprocess.PIPE, text=True))
    return [p.communicate()[0] for p in running]


def real_server(net, daemon, wire):
    box = net.ns["box1"]
    lab.equal(lab.dig(box, "example.com", "A"), ["203.0.113.22"], "nsd over TLS: a name resolves")
    lab.equal(lab.dig(box, "example.com", "AAAA"), ["2001:db8:113::22"], "and its IPv6 address")
    lab.equal(len(lab.dig(box, "many.test", "A")), 32, "a long answer")
    lab.check(all("NXDOMAIN" in out for out in ask(net, 20)), "20 questions at once")
    listing = daemon.nft("list", "set", "inet", "postern", "upstream4")
    lab.check(f". {NSD} . tcp . 853" in listing and "udp" not in listing and ". 53" not in listing, "the kernel lets out TLS, and no port 53")
    counters = daemon.cli("--json", "status").stdout
    lab.check('"tls"' in counters, "status has its counters")
    lab.check(wire.silent(), "and nobody could read a name")


def good_server(net, daemon, odd, wire):
    for mode, version in (("good", "TLSv1.3"), ("tls12", "TLSv1.2")):
        odd.become(mode)
        point_to(daemon, conf(ODD))
        lab.check(all("203.0.113.77" in out for out in ask(net, 12)), f"{version}: 12 questions at once")
        said = odd.lines()
        lab.check(f"tls {version} dot full" in said, f"{version}, ALPN dot")
        lab.check(0 < said.count("hello") <= 8, f"on {said.count('hello')} connections")
        sizes = [line.split() for line in said if line.startswith("query")]
        lab.check(all(int(s[1]) % 128 == 0 and s[2] == "padded" for s in sizes) and len(sizes) >= 12, "every question is padded")
        time.sleep(10.5)  # the connections are closed as idle
        lab.check("203.0.113.77" in ask(net)[0], f"{version}: and again later")
        lab.check(any("resumed" in line for line in odd.lines()), f"{version}: by resuming a session")
    lab.check(wire.silent(), "and nobody could read a name")


BAD = (
    ("good", "wrong", "ca", "hostname mismatch", "a certificate for another name"),
    ("good", "expired", "ca", "certificate has expired", "an expired certificate"),
    ("good", "self", "ca", "self-signed certificate", "a self-signed certificate"),
    ("good", "unknown", "ca", "unable to get local issuer certificate", "an authority that is not ours"),
    ("clear", "good", "ca", None, "a server without TLS"),
    ("tls10", "good", "ca", "protocol version", "TLS 1.0 and no newer"),
    ("stall", "good", "ca", None, "a server that never speaks"),
    ("drip", "good", "ca", None, "a handshake that never ends"),
)
LATER = (
    ("midclose", "a connection that closes in the middle of an answer"),
    ("endless", "answers to other questions without end"),
    ("runt", "messages of two bytes"),
    ("swap", "an answer to another name"),
)


def bad_servers(net, daemon, odd, wire):
    for mode, certificate, ca, why, what in BAD:
        odd.become(mode, certificate)
        point_to(daemon, conf(ODD, ca))
        mark = len(daemon.log_text())
        out = ask(net)[0]
        lab.check("status: SERVFAIL" in out, f"{what}: SERVFAIL")
        if mode not in ("stall", "drip"):
            lab.check("EDE: 23 (Network Error): (upstream-tls)" in out, f"{what}: with its EDE")
        lab.wait_for(f"{what}: the log says so", lambda: f'no TLS with "{NAME}"' in daemon.log_text()[mark:], 6)
        said = daemon.log_text()[mark:]
        lab.check(ODD in said and (why is None or why in said), f"{what}: which upstream, and why ({why})")
        lab.check(not [line for line in odd.lines() if line.startswith("query")], f"{what}: it got no question")
        lab.check(wire.silent(), f"{what}: nobody could read a name")


def bad_answers(net, daemon, odd, wire):
    for mode, what in LATER:
        odd.become(mode)
        point_to(daemon, conf(ODD))
        lab.check("status: SERVFAIL" in ask(net)[0], f"{what}: SERVFAIL")
        lab.check(wire.silent(), f"{what}: nobody could read a name")
    odd.become("good")
    point_to(daemon, conf(ODD))
    lab.check("203.0.113.77" in ask(net)[0], "a good server again: an answer")


def keepalive(net, daemon, odd):
    odd.become("brief")
    point_to(daemon, conf(ODD))
    lab.check("203.0.113.77" in ask(net)[0], "a server that keeps idle connections for 3 s")
    lab.wait_for("the end of the connection", lambda: any(line.startswith("closed") for line in odd.lines()), 20)
    lab.equal([line for line in odd.lines() if line.startswith("closed")], ["closed by them"], "which are closed before it does")
    lab.check("203.0.113.77" in ask(net)[0], "and opened anew for the next question")


def forward_zone(net, daemon, odd, wire):
    """A zone over TLS beside upstreams in clear text: its private answers are permitted where it says so, and its names never go in clear."""
    def reload(private):
        to = f'( {{ address = "{ODD}"; tls = "{NAME}"; ca = "{PKI}/ca.pem"; }} )'
        zone = f'forward = ( {{ zone = "{WORD}.test"; to = {to}; {private} }} );\n'
        point_to(daemon, labdaemon.box_conf(upstreams=("10.0.0.2",), extra=zone + "upstream_timeout_ms = 800;\nupstream_tries = 2;\n"))

    def look_up(word):
        return net.ns["box1"].run(["dig", "+tries=1", "+time=6", f"{word}.{WORD}.test", "A"], check=False).stdout

    odd.become("private")
    reload("")
    time.sleep(0.3)
    wire.before = (wire.readable(), wire.port_53())
    lab.check("10.0.0.30" not in look_up("a"), "a forward zone over TLS: its private answer is refused")
    daemon.wait_event(kind="dns", action="block", reason="rebinding", names=[f"a.{WORD}.test"])
    reload('private = [ "10.0.0.0/24" ];')
    lab.check("10.0.0.30" in look_up("b"), "and answered where the zone permits it")
    lab.check("10.0.0.30" in daemon.cli("pins").stdout, "and pinned")
    odd.become("good", "wrong")
    reload('private = [ "10.0.0.0/24" ];')
    out = look_up("c")
    lab.check("SERVFAIL" in out and "EDE: 23" in out, "its server cannot prove its name: SERVFAIL, EDE 23, although others could be asked in clear text")
    lab.check(wire.silent(), "and nobody could read a name of it")
    lab.equal(lab.dig(net.ns["box1"], "example.com", "A"), ["203.0.113.22"], "names of others are asked as before")
    lab.check(not wire.silent(), "which can be read: the wire is looked at")


def gone_and_back(net, daemon, odd, wire):
    """The same upstream goes away and comes back, without a reload."""
    odd.proc.kill()
    odd.proc.wait()
    lab.check("status: SERVFAIL" in ask(net)[0], "a server that is gone: SERVFAIL")
    odd.become("good")
    lab.wait_for("answers once it is back", lambda: "203.0.113.77" in ask(net)[0], 40)
    lab.check("works again" in daemon.log_text(), "which is said")
    lab.check("could not prove over TLS" in daemon.cli("doctor").stdout, "the doctor finds that handshakes failed")
    lab.wait_for("the status to say that the upstream is up", lambda: re.search(
        rf"upstreams {ODD} port 853 over TLS up, \d+ ms, answered=[1-9]", daemon.cli("status").stdout))
    lab.check(wire.silent(), "and nobody could read a name")


def comes_and_goes(net, daemon, wire):
    """Reloads between upstreams in clear text and over TLS, under questions: each is answered, and none over TLS is readable."""
    loop = net.ns["box1"].popen(["sh", "-c", f"for i in $(seq 100000); do [ -e {WORK}/enough ] && exit; "
                                 f"dig +tries=1 +time=6 {WORD}-c$i.test A | grep -o 'status: [A-Z]*' || echo none; done"],
                                stdout=subprocess.PIPE, text=True)
    others = {name: pids for name, pids in daemon.pids().items() if name != labdaemon.SELDOM}
    for turn in range(3):
        point_to(daemon, labdaemon.box_conf(upstreams=("10.0.0.2",)))
        lab.wait_for("postern-tls to be gone", lambda: labdaemon.SELDOM not in daemon.pids())
        lab.check("NXDOMAIN" in ask(net)[0], f"turn {turn}: answers in clear text")
        point_to(daemon, conf(NSD))
        lab.check("NXDOMAIN" in ask(net)[0], f"turn {turn}: answers over TLS, at once")
        time.sleep(0.3)  # what was asked by the policy before has left
        wire.before = (wire.readable(), wire.port_53())
        lab.check(all("NXDOMAIN" in out for out in ask(net, 10)), f"turn {turn}: and again")
        lab.check(wire.silent(), f"turn {turn}: nobody could read a name")
    with open(f"{WORK}/enough", "wb"):
        said = loop.communicate()[0].split("\n")[:-1]
    lab.check(len(said) > 10 and set(said) == {"status: NXDOMAIN"}, f"{len(said)} questions meanwhile, all answered: {sorted(set(said))}")
    now = {name: pids for name, pids in daemon.pids().items() if name != labdaemon.SELDOM}
    lab.equal(now, others, "all other processes are as they were")
    ups = [line for line in daemon.cli("status").stdout.splitlines() if "over TLS" in line]
    lab.check(len(ups) == 1 and " up, " in ups[0], f"the upstream is up: {ups}")


def main(net):
    net.ns["net"].ip(f"addr add {NSD}/24 dev br0\naddr add {ODD}/24 dev br0")
    certificates()
    start_nsd(net)
    odd, wire = Odd(net), Wire(net)
    daemon = labdaemon.Postern(net, conf(NSD), {"web.conf": labdaemon.policy_text("web")}).start()
    real_server(net, daemon, wire)
    good_server(net, daemon, odd, wire)
    bad_servers(net, daemon, odd, wire)
    bad_answers(net, daemon, odd, wire)
    keepalive(net, daemon, odd)
    gone_and_back(net, daemon, odd, wire)
    forward_zone(net, daemon, odd, wire)
    point_to(daemon, conf(NSD))
    comes_and_goes(net, daemon, wire)
    lab.equal(daemon.state()["starts"], 1, "the daemon ran through it all")


lab.test(main)
