# SPDX-License-Identifier: GPL-2.0-or-later
"""The connection table: what one sandbox may have of it, and what happens when it is full all the same.

usage: test_full.py [MAX]       MAX: net.netfilter.nf_conntrack_max, which somebody has set for this kernel (tests/vm)

A sandbox that is let out everywhere opens more flows than the ruleset grants it: no more than that get out, its neighbour does not
notice, and `postern doctor` says so; and so with flows to the stub, each query from a port of its own. With MAX, below that number, it fills the table: nothing leaks, what is established goes on,
doctor says what to do, the daemon lives, and once the flood has ended service returns by itself. (Whether a new flow begins meanwhile
is the kernel's: it gives up entries of flows that were never answered.)
"""
import re
import socket
import sys
import time

import lab
import labdaemon
import labnet
import labprobe

LIMIT = 4096  # of rules/postern.nft, chain crowded
OPEN = 'egress = ( { name = "out"; to = [ "198.51.100.0/24" ]; ports = [ "udp/2000-9000", "tcp/2000-9000" ]; } );'


def policy():
    web = labdaemon.policy_text("web")
    return web[:web.index("egress = (")] + OPEN + "\n"


def datagrams(box, first, n):
    """One flow each, by its port."""
    with labprobe.sock(box, labnet.STRANGER, socket.SOCK_DGRAM) as s:
        for port in range(first, first + n):
            s.sendto(b"flow", (labnet.STRANGER, port))


def findings(daemon):
    return daemon.cli("doctor").stdout


def refused(daemon):
    return int(re.search(r"packets (\d+)", daemon.nft("list", "chain", "inet", "postern", "full")).group(1))


class Held:
    """A flow of the neighbour that is there before: one request after the other on it."""

    def __init__(self, box):
        self.sock = labprobe.connect(box, "203.0.113.22", 80, keep=True).sock
        self.sock.settimeout(10 * lab.SLOW)

    def lives(self):
        self.sock.sendall(b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n")
        return b"HTTP/1.1" in self.sock.recv(65536)


def strays(net):
    """What reached the stranger on ports that the policy does not name."""
    return [p for p in net.stranger.packets() if p.get("src") in labnet.BOX["box1"] + labnet.BOX["box2"]
            and not 2000 <= (p.get("dport") or 0) <= 9000]


def resolves_and_connects(box):
    got = labprobe.ask(box, "example.com")
    return bool(got.records) and labprobe.connect(box, "203.0.113.22", 443).error == 0


def limit(net, daemon, seen):
    """UDP, so that a flow is a packet: 5000 in less than the half minute that conntrack remembers them."""
    began, before = time.monotonic(), seen()
    datagrams(net.ns["box1"], 2000, 5000)
    lab.wait_for("the flood to be judged", lambda: refused(daemon) >= 5000 - LIMIT)
    took_s = time.monotonic() - began
    if took_s < 25:
        lab.equal((seen() - before, refused(daemon)), (LIMIT, 5000 - LIMIT), "flows that one sandbox gets, and is refused")
    lab.check(0 < seen() - before <= LIMIT or took_s >= 25, f"within {took_s:.1f} s no more than its share got out")
    lab.check(resolves_and_connects(net.ns["box2"]), "its neighbour does not notice")
    lab.check("4096" in findings(daemon), "doctor says that a sandbox is at its limit")
    net.ns["host"].run(["conntrack", "-F"])
    before = seen()
    lab.wait_for("the meter to let flows out again", lambda: datagrams(net.ns["box1"], 8000, 10) or seen() > before)
    lab.check(resolves_and_connects(net.ns["box1"]), "once they have ended, it may begin others")


def questions(box, first, n):
    """One flow each, by its source port; what comes back is not waited for."""
    server = labnet.GATEWAY["box1"][0]
    query = b"\0\1\1\0\0\1\0\0\0\0\0\0\7example\3com\0\0\1\0\1"
    for port in range(first, first + n):
        with labprobe.sock(box, server, socket.SOCK_DGRAM) as s:
            s.bind(("", port))
            s.sendto(query, (server, 53))


def asked(net):
    """Flows to the stub that live."""
    return net.ns["host"].run(["sh", "-c", "conntrack -L -p udp --orig-port-dst 53 -s 192.0.2.0/24 2>/dev/null | wc -l"]).stdout.strip()


def queries(net, daemon):
    """The same with queries: each source port is a flow to the stub."""
    before, began = refused(daemon), time.monotonic()
    questions(net.ns["box1"], 20000, 5000)
    lab.wait_for("the queries to be judged", lambda: refused(daemon) - before >= 5000 - LIMIT)
    took_s, flows = time.monotonic() - began, int(asked(net))
    lab.check(0 < flows <= LIMIT + 10, f"queries from 5000 ports within {took_s:.1f} s: {flows} flows, {refused(daemon) - before} refused")
    lab.check(resolves_and_connects(net.ns["box2"]), "its neighbour does not notice")
    net.ns["host"].run(["conntrack", "-F"])
    lab.wait_for("the meter to let queries through again", lambda: resolves_and_connects(net.ns["box1"]))


def count(net):
    return int(net.ns["host"].run(["cat", "/proc/sys/net/netfilter/nf_conntrack_count"]).stdout)


def fill(net, most):
    """Established connections, which conntrack does not give up for others, until no more can be made; returns them."""
    conns, failed = [], 0
    for i in range(2 * most):
        got = labprobe.connect(net.ns["box1"], labnet.STRANGER, 2000 + i, timeout_s=3, keep=True)
        failed = 0 if got.sock else failed + 1
        if got.sock:
            conns.append(got.sock)
        if failed == 3:
            break
    print(f"        {len(conns)} connections, the last error {got.error}")
    return conns


def table(net, daemon, most):
    """@most is less than the share of one sandbox."""
    held = Held(net.ns["box2"])
    lab.check(held.lives(), "a flow of the neighbour")
    conns = fill(net, most)
    text, entries = findings(daemon), count(net)
    lab.check(entries >= most * 9 // 10, f"one sandbox fills the table: {len(conns)} connections, {entries} of {most} entries")
    lab.check(f"of {most} flows" in text and "nf_conntrack_max" in text, "doctor says that it is full, and what to do")
    event = daemon.wait_event(kind="suppressed", process="gate", reason="overload")
    lab.check(event["count"] > 0 and "connection table is full" in event["text"], f"on record: {event['count']} packets: {event['text']}")
    datagrams(net.ns["box1"], 10000, 500)
    lab.check(held.lives(), "the neighbour's established flow goes on")
    lab.equal(strays(net), [], "what leaked while the table is full")
    for s in conns:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        s.close()
    for box in ("box2", "box1"):
        lab.wait_for(f"service to return for {box}", lambda box=box: resolves_and_connects(net.ns[box]), 60)
    lab.check(held.lives(), "that flow is still there")
    lab.equal((strays(net), daemon.state()["starts"]), ([], 1), "what leaked in all, and starts of the daemon")
    lab.check("was full" in findings(daemon), "doctor says afterwards that packets were dropped")


def main(net):
    most = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    daemon = labdaemon.Postern(net, labdaemon.box_conf(boxes=("box1", "box2")), {"web.conf": policy()}).start()
    arrived = net.watch('iifname "eth0" udp dport 2000-9000', where="stranger")
    lab.check(resolves_and_connects(net.ns["box2"]), "a quiet neighbour")
    if most:
        table(net, daemon, most)
    else:
        limit(net, daemon, arrived)
        queries(net, daemon)
    daemon.stop()


lab.test(main)
