# SPDX-License-Identifier: GPL-2.0-or-later
"""postern-resolver on real sockets, with its filter on; resolver_rig is gate and audit process.

    box1 ── pt-box1 ── host: resolver_rig ── postern-resolver ── 10.0.0.2 (nsd), 10.0.0.3 (dnsd.py)
    box2 ── pt-box2 ──┘      port 53 of both boxes redirected to the shared stub 5300; a local stub on 5400

Sandbox 1 is the interface pt-box1, sandbox 2 the source 192.0.2.16/28 (box2's IPv4), sandbox 3 local. Decisions are tested in
tests/scenario; here is what only sockets show.
"""
import os
import queue
import socket
import struct
import subprocess
import sys
import threading
import time

import lab
from lab import check, equal, wait_for
from labnet import GATEWAY, OddDns

BUILD = os.environ["POSTERN_BUILD"]
POLICY = """policy web
rule allow 100 *.test,www.example.com ports=443
setting upstream_timeout_ms 400
setting stub_port 5300
setting audit_window_ms 300
upstream {upstream}
load
"""
REDIRECT = """table inet rig { chain pre { type nat hook prerouting priority -100;
    iifname { "pt-box1", "pt-box2" } meta l4proto { 6, 17 } th dport 53 redirect to :5300
    }
    chain out { type nat hook output priority -100;
        meta skuid 65534 meta l4proto { 6, 17 } th dport 53 redirect to :5400
    }
}"""
# argv: server port; one hex message a line on stdin, "-" pauses, "eof" half-closes, "big" reads nothing for a second
CLIENT = """
import socket, sys, time
s = socket.create_connection((sys.argv[1], int(sys.argv[2])), 3)
for line in sys.stdin:
    line = line.strip()
    if line == "-": time.sleep(0.2)
    elif line == "eof": s.shutdown(socket.SHUT_WR)
    else: s.sendall(bytes.fromhex(line))
s.settimeout(float(sys.argv[3]))
got = b""
start = time.monotonic()
try:
    while True:
        d = s.recv(65536)
        if not d: break
        got += d
    how = "closed"
except ConnectionError: how = "reset"
except TimeoutError: how = "open"
print(got.hex(), how, round(time.monotonic() - start, 1))
"""
# argv: server N: opens N connections, prints how many are still open after a second
HOLDER = """
import select, socket, sys, time
all = []
for i in range(int(sys.argv[2])):
    try: all.append(socket.create_connection((sys.argv[1], 53), 2))
    except OSError: pass
time.sleep(1)
gone = select.select(all, [], [], 0)[0]
print(len(all) - len(gone), flush=True)
sys.stdin.read()
"""
# argv: server N SECONDS: N connections at once, then a byte a second on each; of those that were closed a hundred a second come again
SLOW = """
import resource, socket, sys, time
server, n, seconds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
resource.setrlimit(resource.RLIMIT_NOFILE, (n + 100, n + 100))
def connect():
    s = socket.socket()
    s.setblocking(False)
    s.connect_ex((server, 53))
    return s
def still(s, byte):
    try: return s.send(byte) == 1
    except BlockingIOError: return True
    except OSError: return False
all = [connect() for _ in range(n)]
print("ready", flush=True)
message, opened, end, i = b"\\0\\x20" + bytes(30), n, time.monotonic() + seconds, 0
while time.monotonic() < end:
    began, again = time.monotonic(), 100
    for at, s in enumerate(all):
        if s is not None and not still(s, message[i % 32:i % 32 + 1]):
            s.close()
            all[at] = None
        if all[at] is None and again:
            all[at], again, opened = connect(), again - 1, opened + 1
    i += 1
    time.sleep(max(0, 1 - (time.monotonic() - began)))
print(opened, flush=True)
"""


class Rig:
    def __init__(self, ns):
        self.proc = ns.popen([f"{BUILD}/tests/netns/resolver_rig", f"{BUILD}/src/resolver/postern-resolver"],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.lines, self.events, self.pins, self.counters = queue.Queue(), [], [], {}
        threading.Thread(target=self._read, daemon=True).start()
        self.pid = int(self.lines.get(timeout=5).split()[1])

    def _read(self):
        for line in self.proc.stdout:
            word, *rest = line.split()
            if word == "event":
                self.events.append(rest)
            elif word == "pin":
                self.pins.append(rest)
            elif word == "counter":
                self.counters[rest[0]] = int(rest[1])
            else:
                self.lines.put(line.strip())

    def say(self, text):
        for line in text.strip().splitlines():
            self.proc.stdin.write(line + "\n")
            self.proc.stdin.flush()
            got = self.lines.get(timeout=5)
            if got != "done":
                raise lab.LabError(f"rig: {line}: {got}")

    def counter(self, name):
        self.say("counters")
        return self.counters[name]

    def end(self):
        self.proc.stdin.write("end\n")
        self.proc.stdin.flush()
        return self.lines.get(timeout=15)


def question(name, qtype=1, ident=7):
    labels = b"".join(bytes([len(x)]) + x.encode() for x in name.split(".")) + b"\0"
    return struct.pack("!6H", ident, 0x0100, 1, 0, 0, 0) + labels + struct.pack("!HH", qtype, 1)


def framed(wire):
    return struct.pack("!H", len(wire)) + wire


def tcp_client(ns, server, lines, patience_s=1.0, port=53):
    out = ns.run([sys.executable, "-c", CLIENT, server, port, patience_s], stdin="\n".join(lines) + "\n").stdout.split()
    return (bytes.fromhex(out[0]) if len(out) == 3 else b""), out[-2], float(out[-1])


def idents(stream):
    """The ids of the framed messages."""
    ids = []
    while len(stream) >= 4:
        n = struct.unpack("!H", stream[:2])[0]
        ids.append(struct.unpack("!H", stream[2:4])[0])
        stream = stream[2 + n:]
    return ids


def answers(net, rig):
    box1, box2, host = net.ns["box1"], net.ns["box2"], net.ns["host"]
    v4, v6 = ["203.0.113.31"], ["2001:db8:113::31"]
    for server in ("198.51.100.1", GATEWAY["box1"][0], "2001:db8:51::1", GATEWAY["box1"][1]):
        for words in ((), ("+tcp",)):
            how = f"box1 asks {server} {' '.join(words) or '+udp'}"
            equal(lab.dig(box1, "other.test", "A", *words, server=server), v4, how + ", A")
            equal(lab.dig(box1, "other.test", "AAAA", *words, server=server), v6, how + ", AAAA")
    for words in ((), ("+tcp",)):
        equal(lab.dig(box2, "short.test", *words, server="198.51.100.1"), ["203.0.113.30"], f"box2 by its source {words}")
        equal(lab.dig(box2, "short.test", *words, server="2001:db8:51::1", timeout_s=1), [], f"box2's IPv6 is nobody's {words}")
        for server in ("127.0.0.1", "::1"):
            equal(lab.dig(host, "short.test", "-p", "5400", *words, server=server), ["203.0.113.30"],
                  f"the local stub on {server} {words}")
        for server in ("198.51.100.1", "2001:db8:51::1", "127.0.0.53"):
            out = host.run(["setpriv", "--reuid=65534", "--clear-groups", "dig", "+short", "+tries=1", "+time=2", *words, f"@{server}",
                            "short.test"], check=False).stdout
            equal(out.split(), ["203.0.113.30"], f"a local user, redirected, asks {server} {words}")
    owners = {(p[1], p[0]) for p in rig.pins}
    check(("other.test", "1") in owners and ("short.test", "2") in owners and ("short.test", "3") in owners
          and not ("short.test", "1") in owners, "each pin was asked for the sandbox that asked")
    for words in (("+tcp",), ("+notcp",), ("+notcp", "-6")):
        out = box1.run(["dig", "+tries=1", "+time=2", *words, f"@{'2001:db8:51::1' if '-6' in words else '198.51.100.1'}", "other.test"]).stdout
        check("(good)" in out, f"dig finds its cookie in the answer {words}")
    check(rig.counter("cache_hits") >= 6, "repeated questions came from the cache")
    check(rig.counter("dropped") >= 1 and rig.counter("connections_refused") >= 1, "what is nobody's is dropped and counted")


def blocked(net, rig):
    box1 = net.ns["box1"]
    out = box1.run(["dig", "+tries=1", "+time=2", "@198.51.100.1", "google.com"]).stdout
    check("status: NOERROR" in out and "ANSWER: 0" in out and "EDE: 15 (Blocked): (no-rule)" in out,
          "a blocked name: NODATA with its EDE")
    event = wait_for("the event", lambda: [e for e in rig.events if e[0] == "google.com"])
    equal(event[0], ["google.com", "no-rule", "block", "1", "box1", "192.0.2.2"], "its event")
    equal(lab.dig_status(box1, "-x", "203.0.113.7", server="198.51.100.1"), "NXDOMAIN", "a reverse name: here, at once")


def tcp(net, rig):
    box1, server = net.ns["box1"], "198.51.100.1"
    two = framed(question("other.test", ident=1)) + framed(question("v4only.test", ident=2))
    got, how, _ = tcp_client(box1, server, [two.hex()])
    equal(sorted(idents(got)), [1, 2], "two pipelined questions")
    got, how, _ = tcp_client(box1, server, [two[:1].hex(), "-", two[1:20].hex(), "-", two[20:].hex()])
    equal((sorted(idents(got)), how), ([1, 2], "open"), "questions split anywhere")
    got, how, _ = tcp_client(box1, server, [framed(question("chain8.test")).hex(), "eof"])
    equal((idents(got), how), ([7], "closed"), "a client that has closed its side gets its answer")
    for what, wire in (("a response", framed(b"\0\1\x81\0" + bytes(20))), ("a length of 3", b"\0\3abc"),
                       ("a length of 65535", b"\xff\xff" + bytes(100))):
        got, how, _ = tcp_client(box1, server, [wire.hex()])
        check(got == b"" and how in ("closed", "reset"), f"{what} closes the connection")
    many = b"".join(framed(question("other.test", ident=i)) for i in range(2000))
    got, how, _ = tcp_client(box1, server, [many.hex()], 2.0)
    equal(sorted(idents(got)), list(range(2000)), "2000 pipelined questions, none lost")


def limits(net, rig):
    box1, box2, server = net.ns["box1"], net.ns["box2"], "198.51.100.1"
    holder = box1.popen([sys.executable, "-c", HOLDER, server, "100"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    equal(holder.stdout.readline().strip(), "64", "a sandbox holds 64 connections")
    equal(lab.dig(box2, "short.test", "+tcp", server=server), ["203.0.113.30"], "another sandbox is not harmed")
    equal(lab.dig(box1, "other.test", "+tcp", server=server), ["203.0.113.31"], "who asks takes the place of one that says nothing")
    holder.stdin.close()
    holder.wait()
    half = framed(question("other.test"))[:9].hex()
    got, how, took_s = tcp_client(box1, server, [half], 15.0)
    check(got == b"" and how == "reset" and 8 < took_s < 13, f"half a question is waited for 10 s, no longer ({took_s} s)")


def holdings(rig):
    """Descriptors, and KiB of memory."""
    with open(f"/proc/{rig.pid}/status", encoding="ascii") as f:
        rss_kib = next(int(line.split()[1]) for line in f if line.startswith("VmRSS"))
    return len(os.listdir(f"/proc/{rig.pid}/fd")), rss_kib


def slow(net, rig):
    """Ten thousand clients of a sandbox that say a byte a second: its neighbours' queries and its own are answered."""
    box1, box2, server = net.ns["box1"], net.ns["box2"], "198.51.100.1"
    fds, rss_kib = holdings(rig)
    clients = box1.popen([sys.executable, "-c", SLOW, server, "10000", "12"], stdout=subprocess.PIPE, text=True)
    equal(lab.dig(box2, "short.test", "+tcp", server=server), ["203.0.113.30"], "another sandbox, while they come, over TCP")
    equal(clients.stdout.readline().strip(), "ready", "10,000 connections were opened")
    held = []
    for _ in range(10):
        equal(lab.dig(box2, "short.test", server=server), ["203.0.113.30"], "another sandbox, over UDP")
        equal(lab.dig(box2, "short.test", "+tcp", server=server), ["203.0.113.30"], "another sandbox, over TCP")
        equal(lab.dig(box1, "other.test", server=server), ["203.0.113.31"], "the same sandbox, over UDP")
        held.append(holdings(rig))
        time.sleep(0.5)
    wait_for("the allowance of connections", lambda: lab.dig(box1, "other.test", "+tcp", server=server) == ["203.0.113.31"])
    for _ in range(3):
        equal(lab.dig(box1, "other.test", "+tcp", server=server), ["203.0.113.31"], "the same sandbox, over TCP")
    opened = int(clients.stdout.readline())
    clients.wait()
    most_fds, most_kib = max(h[0] for h in held) - fds, max(h[1] for h in held) - rss_kib
    check(32 <= most_fds <= 64 + 32, f"of {opened} connections {most_fds} descriptors were held (64 and what asks upstreams)")
    check(most_kib < 16 << 10, f"and {most_kib} KiB of memory")


def allowance(net, rig):
    """The default: 2000 at once, then 1000 a second. (limits() has given time to fill it.)"""
    box1, box2, server = net.ns["box1"], net.ns["box2"], "198.51.100.1"
    limited = rig.counter("rate_limited") + rig.counter("client_limited")
    many = b"".join(framed(question("blocked.example", ident=i)) for i in range(3500))
    got, how, _ = tcp_client(box1, server, [many.hex()], 3.0)
    equal((sorted(idents(got)), how), (list(range(3500)), "open"), "3500 pipelined questions: held, none lost")
    check(rig.counter("rate_limited") + rig.counter("client_limited") > limited, "and they were over the allowance")
    looked_at, began_s = rig.counter("queries_udp"), time.monotonic()
    flood = box1.popen([f"{BUILD}/tests/netns/flood", "dns", server, "20000", "2"], stdout=subprocess.DEVNULL)
    for _ in range(10):
        equal(lab.dig(box2, "short.test", server=server), ["203.0.113.30"], "another sandbox is not harmed")
    flood.wait()
    looked_at, took_s = rig.counter("queries_udp") - looked_at, time.monotonic() - began_s
    check(looked_at <= 2000 + 1000 * took_s + 20, f"of 40000 queries {looked_at} were looked at in {took_s:.1f} s")


def grants(net, rig):
    box1, server = net.ns["box1"], "198.51.100.1"
    rig.say("refuse")
    equal(lab.dig_status(box1, "chain3.test", server=server), "SERVFAIL", "a refused pin: SERVFAIL")
    rig.say("silent")
    equal(lab.dig_status(box1, "ntp.test", server=server), "SERVFAIL", "a gate that does not answer: SERVFAIL")
    rig.say("grant 60000")
    equal(lab.dig(box1, "ntp.test", server=server), ["203.0.113.123"], "and the answer once it grants")


def odd(net, rig):
    box1, server = net.ns["box1"], "198.51.100.1"
    dns = OddDns(net.ns["net"])
    rig.say(POLICY.format(upstream="10.0.0.3"))
    for name in ("wrongid-1.test", "wrongname-1.test", "wrongport-1.test", "fold-1.test", "trunc-1.test", "noedns-1.test", "plain.test"):
        got = lab.dig(box1, name, server=server, timeout_s=5)
        check(len(got) == 1 and got[0] != "203.0.113.66", f"{name}: the true answer {got}")
    for name in ("forged-1.test", "silent-1.test", "garbage-1.test", "short-1.test", "loop-1.test", "servfail-1.test", "refused-1.test",
                 "cloop-1.test", "chain-1.test"):
        equal(lab.dig_status(box1, name, server=server, timeout_s=5), "SERVFAIL", f"{name}: SERVFAIL")
    for name in ("private-1.test", "loopback-1.test", "metadata-1.test", "mapped-1.test"):
        equal((lab.dig(box1, name, server=server), lab.dig(box1, name, "AAAA", server=server)), ([], []), f"{name}: no address")
    equal(lab.dig(box1, "offchain-1.test", server=server), lab.dig(box1, "offchain-1.test", server=server), "off the chain: the same twice")
    check("203.0.113.66" not in [a for p in rig.pins for a in p[3:]], "nothing forged or off the chain was pinned")
    equal(len(lab.dig(box1, "many-1.test", server=server)), 32, "300 addresses: as many as a grant holds")
    equal(lab.dig(box1, "foreign-1.test", server=server), ["other.test."] + lab.dig(box1, "foreign-1.test", server=server)[1:],
          "an alias inside the policy")
    asked = dns.queries()
    ports = [q["port"] for q in asked if q["via"] == "udp"]
    check(len(set(ports)) >= min(len(ports), 64) / 2, f"{len(ports)} questions come from many ports: {len(set(ports))}")
    check(max(map(ports.count, ports)) <= 256, "and from none without end")
    check(any(q["name"] != q["name"].lower() for q in asked), "in random case")
    check(all(q["size"] <= 80 for q in asked), "and are as short as they can be")
    kept(net, dns)


def kept(net, dns):
    """TCP to an upstream: many questions on few connections, and what its closing costs."""
    box1, before = net.ns["box1"], len(dns.queries())
    for kind, n in (("trunc", 24), ("once", 12)):
        digs = [box1.popen(["dig", "+short", "+tries=1", "+time=8", "@198.51.100.1", f"{kind}-k{i}.test"], stdout=subprocess.PIPE, text=True)
                for i in range(n)]
        got = [d.communicate()[0].strip() for d in digs]
        equal(sum(a.startswith("203.0.113.") for a in got), n, f"{n} names over TCP, kind {kind}: all are answered")
    asked = [q for q in dns.queries()[before:] if q["via"] == "tcp"]
    ports = {q["port"] for q in asked if q["name"].lower().startswith("trunc")}
    check(0 < len(ports) <= 8, f"questions share connections: 24 on {len(ports)}")
    check(len({q["port"] for q in asked if q["name"].lower().startswith("once")}) >= 12, "but for those of a server that closes")
    equal(len(lab.dig(box1, "huge-1.test", server="198.51.100.1", timeout_s=5)), 1, "an answer of 65535 bytes")


def hedged(net, rig):
    """An upstream that does not answer a name: the other is asked beside it, long before its time is over."""
    box1, server = net.ns["box1"], "198.51.100.1"
    rig.say(POLICY.format(upstream="10.0.0.3\nupstream 10.0.0.2"))
    for i in range(10):  # so that it is known how long it usually takes
        check(len(lab.dig(box1, f"usual-{i}.test", server=server)) == 1, f"usual-{i}.test: the first upstream answers")
    before = rig.counter("upstream_hedges"), rig.counter("upstream_hedges_won"), rig.counter("upstream_timeouts")
    equal(lab.dig_status(box1, "silent-3.test", server=server), "NXDOMAIN", "a name that it is silent on: the other upstream's answer")
    after = rig.counter("upstream_hedges"), rig.counter("upstream_hedges_won"), rig.counter("upstream_timeouts")
    equal(after, (before[0] + 1, before[1] + 1, before[2]), "by a hedge that won, and no time-out")


def reload(net, rig):
    """A question that waits for a silent upstream is asked again, of the new image's."""
    rig.say(POLICY.format(upstream="10.0.0.3"))
    asked = net.ns["box1"].popen(["dig", "+tries=1", "+time=4", "@198.51.100.1", "silent-2.test"], stdout=subprocess.PIPE, text=True)
    time.sleep(0.5)  # in the middle of its second try
    rig.say(POLICY.format(upstream="10.0.0.2"))
    check("status: NXDOMAIN" in asked.communicate()[0], "a question under way at a reload goes to the new upstream")


def removal(net, rig):
    rig.say("gone 1")
    equal(lab.dig(net.ns["box1"], "other.test", server="198.51.100.1", timeout_s=1), [], "a removed sandbox gets no answer")
    rig.say("gone 3")
    check(not net.ns["host"].listening(5400, "udp"), "a removed local sandbox has no stub")


def main(net):
    host = net.ns["host"]
    host.nft(REDIRECT)
    rig = Rig(host)
    rig.say(POLICY.format(upstream="10.0.0.2"))
    rig.say("sandbox 1 web interface pt-box1\nsandbox 2 web source 192.0.2.16/28\nsandbox 3 web port 5400")
    answers(net, rig)
    blocked(net, rig)
    tcp(net, rig)
    limits(net, rig)
    slow(net, rig)
    allowance(net, rig)
    grants(net, rig)
    odd(net, rig)
    hedged(net, rig)
    reload(net, rig)
    removal(net, rig)
    with open(f"/proc/{rig.pid}/status", encoding="ascii") as f:
        check("Seccomp:\t2" in f.read(), "the filter was on")
    equal(rig.end(), "end 0", "it ends with its channel")


lab.test(main)
