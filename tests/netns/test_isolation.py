# SPDX-License-Identifier: GPL-2.0-or-later
"""Two sandboxes: no pin of one opens for the other, neither reaches the other or the host, and a flood in one leaves the other its service.

The last is a figure: the p99 of resolve-and-connect in box2 while box1 sends 50,000 packets a second to addresses that it may not reach,
10,000 queries a second for names that are not there, or 10,000 for names with addresses to pin, within twice its value in quiet.

Quiet and busy measurements take turns, and what is compared is the median of their p99: one stray slice of another process is the
whole difference in a single one of them. A third kind of turn is the control: the same program sends the same packets to a
namespace without postern, which drops them. So it can be told what of the difference is the flooding program's own share of two processors,
with its half of a link, and what the packets cost behind it. The bound is to the value in quiet all the same.

The figure is always taken. Other work on the machine is waited for, SETTLE_S in all, and then the turns go on beside it.
"""
import statistics
import subprocess
import time

import lab
import labcell
import labdaemon
import labnet

SCAN_RATE, DNS_RATE, ROUNDS, INTERVAL_MS, FLOOD_S = 50000, 10000, 250, 10, 60
TURNS = {"packets": 9, "queries": 5, "queries with pins": 5}  # the first is the nearest to its bound
SETTLE_S, IDLE_MIN = 60, 0.8
SINK_NET = "198.18.0.0/15"
WINDOW_S = 1  # of labdaemon's configurations
ADDRESSES = [f"203.0.113.{n}" for n in range(100, 108)]
# words of flood.c; where the control sends the same
FLOODS = {
    "packets": (["scan", "203.0.113.0", SCAN_RATE], "198.18.5.0"),
    "queries": (["dns", labnet.UPSTREAM, DNS_RATE, "nowhere"], "198.18.5.1"),
    "queries with pins": (["dns", labnet.UPSTREAM, DNS_RATE, "flood"], None),  # the control would be the same again
}


def fails(ns, url):
    return ns.run(["curl", "-ksS", "-m", "3", "-o", "/dev/null", url], check=False).returncode != 0


def pins(net):
    box1, box2 = net.ns["box1"], net.ns["box2"]
    lab.equal(lab.dig(box1, "example.com", "A"), ["203.0.113.22"], "box1 resolves")
    lab.check(not fails(box1, "https://203.0.113.22/"), "and connects")
    lab.check(fails(box2, "https://203.0.113.22/"), "box2 may not use the pin of box1")
    lab.equal(lab.dig(box2, "example.com", "A"), ["203.0.113.22"], "box2 resolves for itself")
    lab.check(not fails(box2, "https://203.0.113.22/"), "and connects")


def neighbours(net):
    for port in (80, 3000):
        net.serve("box2", port)
        net.serve("host", port + 1)
    for port in (80, 3000):
        for address in (labnet.BOX["box2"][0], f"[{labnet.BOX['box2'][1]}]"):
            lab.check(fails(net.ns["box1"], f"http://{address}:{port}/"), f"box1 does not reach box2 at {address}:{port}")
        for address in ("192.0.2.1", "192.0.2.17", "10.0.0.10", "[2001:db8:b1::1]", "[2001:db8::10]"):
            lab.check(fails(net.ns["box1"], f"http://{address}:{port + 1}/"), f"box1 does not reach the host at {address}:{port + 1}")
    code = net.ns["box1"].run(["ping", "-c1", "-W1", labnet.BOX["box2"][0]], check=False).returncode
    lab.check(code != 0, "box1 does not ping box2")


def ticks():
    """Of all processors: idle ones, and all."""
    with open("/proc/stat") as f:
        spent = [int(word) for word in f.readline().split()[1:9]]
    return spent[3] + spent[4], sum(spent)


class Settle:
    """Waits until the machine is idle but for us, as long as there is patience left."""

    def __init__(self):
        self.left_s = SETTLE_S

    def wait(self):
        while self.left_s > 0:
            idle, everything = ticks()
            time.sleep(0.2)
            idle, everything = (b - a for a, b in zip((idle, everything), ticks()))
            if idle >= IDLE_MIN * everything:
                return
            self.left_s -= 0.2


def sink(net):
    """A namespace behind box1 where all packets end; nothing of postern is there."""
    net.ns["sink"] = labcell.Ns("sink")
    net.ns["box1"].ip(f"""link add sink type veth peer name eth0 netns sink
        addr add 198.19.255.1/30 dev sink
        link set sink up
        route add {SINK_NET} via 198.19.255.2""")
    net.ns["sink"].ip("addr add 198.19.255.2/30 dev eth0\nlink set eth0 up\nroute add blackhole default")


def measure(net):
    """The p99 of box2 in microseconds."""
    got = net.rounds("box2", labnet.UPSTREAM, "example.com", 1, ROUNDS, interval_ms=INTERVAL_MS)
    lab.equal(got["connected"], ROUNDS, "connections of box2")
    return got["p99_us"]


def flooded(net, words):
    """The same while box1 runs a flood."""
    flood = net.ns["box1"].popen([labdaemon.built("flood"), *words[:3], FLOOD_S, *words[3:]], stdout=subprocess.PIPE, text=True)
    got = measure(net)
    still = flood.poll() is None
    flood.terminate()
    sent = int(flood.communicate()[0].split()[3])
    lab.check(still, "the flood lasted as long as the measurement")
    lab.check(sent >= words[2] * 0.9, f"and was one: {sent} a second")
    return got


def compare(net, what, words, sink_address, settle):
    kinds = {"quiet": None, "to a sink": [words[0], sink_address, *words[2:]], "flood": words}
    if not sink_address:
        del kinds["to a sink"]
    times = {kind: [] for kind in kinds}
    for _ in range(TURNS[what]):
        settle.wait()
        for kind, sent in kinds.items():
            times[kind].append(flooded(net, sent) if sent else measure(net))
        print(f"{what}: p99 " + ", ".join(f"{kind} {t[-1]} us" for kind, t in times.items()))
    median = {kind: statistics.median(t) for kind, t in times.items()}
    quiet, busy = median["quiet"], median["flood"]
    print(f"{what}: median p99 " + ", ".join(f"{kind} {us} us, ratio {us / quiet:.2f}" for kind, us in median.items()) +
          f"; {SETTLE_S - settle.left_s:.0f} s waited for other work")
    lab.check(busy <= 2 * quiet, f"p99 of box2 within twice its quiet value during the flood of {what}")


def account(daemon, least, took_s):
    """No more than one event a window for the sandbox that flooded; together they tell of all that was over."""
    def floods():
        return daemon.events(kind="suppressed", reason="flood", process="resolver")
    lab.wait_for("the last window", lambda: sum(e["count"] for e in floods()) >= least)
    lab.equal({e["sandbox"] for e in floods()}, {"box1"}, "sandboxes that went over their allowance of queries")
    lab.check(len(floods()) <= took_s / WINDOW_S + 2, f"{len(floods())} events in {took_s:.0f} s tell of all of them")


def main(net):
    conf = labdaemon.box_conf(boxes=("box1", "box2"), pins="min_s = 30; max_s = 3600; grace_s = 5; margin_s = 1;")
    daemon = labdaemon.Postern(net, conf, {"web.conf": labdaemon.policy_text("web")}).start()
    net.zone.set("*.flood.test", "A", ADDRESSES)
    net.zone.commit()
    pins(net)
    neighbours(net)
    sink(net)
    began_s, settle = time.monotonic(), Settle()
    for what, (words, sink_address) in FLOODS.items():
        compare(net, what, words, sink_address, settle)
    account(daemon, (TURNS["queries"] + TURNS["queries with pins"]) * ROUNDS * INTERVAL_MS * (DNS_RATE - 2000) // 2000, time.monotonic() - began_s)
    lab.equal(daemon.state()["starts"], 1, "starts of the daemon")


lab.test(main)
