# SPDX-License-Identifier: GPL-2.0-or-later
"""Several clients behind one bridge, which is one sandbox: one floods, the other has every answer.

    bad  192.0.2.34 ──┐
                      ├── br-crowd (192.0.2.33) ── host: postern
    good 192.0.2.35 ──┘

What is counted are answers, not times. `good` asks each question once, in a datagram of its own, as fast as its own allowance permits;
one that is lost is a failure. That the flood would harm it without the limit of a client is shown too, with that limit as
large as the sandbox's.
"""
import json
import os
import socket
import subprocess
import time

import labcell
import lab
import labdaemon
import labnet
import labprobe
from lab import check, equal, wait_for

GATEWAY, BAD, GOOD = "192.0.2.33", "192.0.2.34", "192.0.2.35"
RATE, QUESTIONS, CONNECTIONS, PAUSE_S, WAIT_S = 10000, 200, 60, 0.02, 10
MUTE = "10.0.0.4"  # takes questions and answers none
CONF = """limits: { client_queries_per_s = %d; client_queries_burst = %d; };
forward = ( { zone = "mute.test"; to = "%s"; } );"""


def crowd(net):
    host = net.ns["host"]
    host.ip(f"link add br-crowd type bridge\nlink set br-crowd up\naddr add {GATEWAY}/28 dev br-crowd")
    for name, address in (("bad", BAD), ("good", GOOD)):
        net.ns[name] = ns = labcell.Ns(name)
        host.ip(f"link add v-{name} type veth peer name eth0 netns {name}\nlink set v-{name} master br-crowd\nlink set v-{name} up")
        ns.ip(f"link set lo up\nlink set eth0 up\naddr add {address}/28 dev eth0\nroute add default via {GATEWAY}")
    net.ns["net"].ip(f"addr add {MUTE}/24 dev br0")
    net.ns["net"].nft(f"table inet mute {{ chain in {{ type filter hook input priority 0; ip daddr {MUTE} drop\n}}\n}}")


def answers(ns, names):
    """How many of the names are answered by anything but SERVFAIL, each asked for once."""
    sock = labprobe.sock(ns, GATEWAY, socket.SOCK_DGRAM)
    sock.connect((GATEWAY, 53))
    waiting, good, until_s = set(), 0, 0

    def receive(timeout_s):
        nonlocal good
        sock.settimeout(timeout_s)
        try:
            wire = sock.recv(4096)
        except TimeoutError:
            return
        waiting.discard(wire[:2])
        good += wire[3] & 15 != 2
    for number, name in enumerate(names):
        wire = number.to_bytes(2, "big") + labprobe.query(name)[2:]
        sock.send(wire)
        waiting.add(wire[:2])
        until_s = time.monotonic() + PAUSE_S
        while time.monotonic() < until_s:
            receive(max(until_s - time.monotonic(), 0.001))
    until_s = time.monotonic() + WAIT_S
    while waiting and time.monotonic() < until_s:
        receive(0.2)
    return good


def flooded(net, words, look):
    """What look() returns while `bad` runs a flood."""
    program = f"{labdaemon.build_folder()}/tests/netns/flood"
    flood = net.ns["bad"].popen([program, words[0], GATEWAY, RATE, 120, *words[1:]], stdout=subprocess.PIPE, text=True)
    time.sleep(3)  # the sandbox's burst is used up
    found = look()
    still = flood.poll() is None
    flood.terminate()
    print(f"flood of {words[-1]}: {flood.communicate()[0].strip()}")
    check(still, "the flood lasted as long as the questions")
    return found


def during_flood(net, zone, names):
    """The same, while `bad` asks for names below zone.test that nobody has asked before."""
    good = flooded(net, ["dns", zone], lambda: answers(net.ns["good"], names))
    print(f"{good} of {len(names)} answers")
    return good


def connected(ns, server, n):
    """How many of n questions are answered, each over a connection of its own; no second try."""
    good = 0
    for number in range(n):
        wire = number.to_bytes(2, "big") + labprobe.query("www.example.com")[2:]
        with labprobe.sock(ns, server) as sock:
            sock.settimeout(WAIT_S)
            try:
                sock.connect((server, 53))
                sock.sendall(len(wire).to_bytes(2, "big") + wire)
                got = sock.recv(4096)
                good += got[2:4] == wire[:2] and got[5] & 15 == 0
            except OSError as e:
                print(f"connection {number}: {e}")
        time.sleep(2 * PAUSE_S)
    return good


def reconnects(net, daemon):
    """Connections without end, each given up for the next: of them too a client has its share, and they cost nothing that lasts."""
    def held():
        pid = daemon.pids()["postern-resolver"][0]
        with open(f"/proc/{pid}/status", encoding="ascii") as f:
            rss = next(int(line.split()[1]) for line in f if line.startswith("VmRSS:"))
        return len(os.listdir(f"/proc/{pid}/fd")), rss

    def look():
        found = {"neighbour": connected(net.ns["good"], GATEWAY, CONNECTIONS),
                 "box1": connected(net.ns["box1"], labnet.GATEWAY["box1"][0], CONNECTIONS),
                 "udp": answers(net.ns["good"], ["www.example.com"] * QUESTIONS)}
        return found, held()
    before, (fds, rss) = counters(daemon), held()
    found, (fds_then, rss_then) = flooded(net, ["tcp"], look)
    equal(found, {"neighbour": CONNECTIONS, "box1": CONNECTIONS, "udp": QUESTIONS},
          "answers of the neighbour and of another sandbox over connections of their own, and over UDP")
    wait_for("counters", lambda: counters(daemon)["connections_refused"] > before["connections_refused"] + RATE)
    after = counters(daemon)
    refused, limited = (after[k] - before[k] for k in ("connections_refused", "client_limited"))
    check(limited > RATE, f"{refused} connections were refused, {limited} as the client was over its allowance")
    check(fds_then - fds <= 64 + 32, f"{fds_then - fds} descriptors more: 64 connections of the sandbox, and what asks upstreams")
    check(rss_then - rss < 16 << 10, f"{rss_then - rss} KiB of memory more")


def counters(daemon):
    return json.loads(daemon.cli("--json", "status").stdout)["counters"]["resolver"]


def limited(net, daemon):
    cached = ["www.example.com"] * QUESTIONS
    equal(answers(net.ns["good"], cached[:10]), 10, "answers in quiet")
    equal(during_flood(net, "nowhere", cached), QUESTIONS, "answers from the cache during a flood of the neighbour")
    cold = [f"c{n}.calm.test" for n in range(QUESTIONS)]
    equal(during_flood(net, "nowhere", cold), QUESTIONS, "answers of the upstream during the flood")
    before = counters(daemon)
    check(before["client_limited"] > RATE and before["client_table_full"] == 0,
          f"client_limited {before['client_limited']}, client_table_full {before['client_table_full']}")
    cold = [f"d{n}.calm.test" for n in range(QUESTIONS)]
    equal(during_flood(net, "mute", cold), QUESTIONS, "answers while the neighbour asks where no upstream answers")
    told = wait_for("events", lambda: daemon.events(kind="suppressed", reason="flood"))
    equal({(e["sandbox"], e.get("source")) for e in told if "source" in e}, {("crowd", BAD)}, "clients that the log names")
    check(sum(e["count"] for e in told) > RATE, "with what they lost")
    equal([e for e in told if "source" in e and e["count"] < 1], [], "none of it nothing")


def unlimited(net, daemon):
    """The limit is what does it: where a client may take all, the same flood takes it."""
    daemon.write_conf(conf(1000000))
    equal(daemon.cli("reload").returncode, 0, "reload")
    good = during_flood(net, "nowhere", ["www.example.com"] * QUESTIONS)
    check(good < QUESTIONS, f"without a limit of a client {good} of {QUESTIONS} are answered")


def conf(limit):
    boxes = {"crowd": ('interface = "br-crowd"', "web"), "box1": ('interface = "pt-box1"', "web")}
    return labdaemon.conf_text(boxes, upstreams=("10.0.0.2",),
                               extra=CONF % (limit, 2 * limit if limit < 1000 else limit, MUTE))


def main(net):
    crowd(net)
    net.zone.set("*.calm.test", "A", ["203.0.113.90"])
    net.zone.commit()
    policy = labdaemon.policy_text("web", domains=("*.test", "www.example.com"))
    daemon = labdaemon.Postern(net, conf(100), {"web.conf": policy}).start()
    limited(net, daemon)
    reconnects(net, daemon)
    unlimited(net, daemon)
    equal(daemon.state()["starts"], 1, "starts of the daemon")


lab.test(main)
