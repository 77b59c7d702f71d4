# SPDX-License-Identifier: GPL-2.0-or-later
"""Somebody changes the firewall by hand, under traffic that tries to get out all the time.

For each change: it is noticed within a second, recorded with the pid and the name of the writer, and undone, so that nft lists
what it listed before. What leaks is counted at the stranger and printed; from a second after the change on nothing does, not even
on a flow that began in between. The stranger is stopped for that second, so that its answers come when the gate is shut again:
postern refuses them, and these refusals, RST and ICMP errors of its own address, arrive at the stranger and are no leak. (On a
loaded machine the stranger was that late by itself.)
"""
import re
import signal
import socket
import threading
import time

import lab
import labdaemon
import labnet
import labprobe

REFUSALS = """meta l4proto 6 tcp flags & rst == rst accept
ip saddr 10.0.0.10 icmp type 3 icmp code 13 accept
ip6 saddr 2001:db8::10 icmpv6 type 1 icmpv6 code 1 accept
icmpv6 type { 130-137, 143 } accept
"""


class Leaker(threading.Thread):
    """Tries to reach the stranger from one UDP socket that stays, and by TCP, keeping every connection that it gets."""

    def __init__(self, box):
        super().__init__(daemon=True)
        self.box, self.conns, self.stopping = box, [], False
        self.udp = labprobe.sock(box, labnet.STRANGER, socket.SOCK_DGRAM)
        self.udp.connect((labnet.STRANGER, 7777))
        self.udp.setblocking(False)

    def send(self, s):
        try:
            s.send(b"leak")
            return True
        except BlockingIOError:
            return True
        except OSError:
            return False

    def run(self):
        while not self.stopping:
            self.send(self.udp)
            self.conns = [s for s in self.conns if self.send(s)]
            if len(self.conns) < 8:
                got = labprobe.connect(self.box, labnet.STRANGER, 443, timeout_s=0.05, keep=True)
                if got.sock:
                    got.sock.setblocking(False)
                    self.conns.append(got.sock)
            time.sleep(0.002)

    def reset(self):
        for s in self.conns:
            s.close()
        self.conns = []


def listing(daemon):
    """The table as nft lists it, without what time and traffic change: counters, lifetimes, meters, the order in hash sets."""
    text = daemon.nft("-s", "list", "table", "inet", "postern")
    text = re.sub(r" (?:timeout|expires) (?:\d+(?:ms|[dhms]))+", "", text)
    text = re.sub(r"(set (?:flood_|flows_|routed)\w+ \{[^{}]*)elements = \{[^}]*\}", r"\1", text)
    text = re.sub(r"elements = \{([^}]*)\}",
                  lambda m: "elements = " + ", ".join(sorted(w.strip() for w in m.group(1).split(","))), text)
    return [line.strip() for line in text.splitlines() if line.strip()]


def handle(daemon, chain, words):
    """The handle of the first rule of the chain whose text has those words."""
    for line in daemon.nft("-a", "list", "chain", "inet", "postern", chain).splitlines():
        if words in line and "# handle" in line:
            return line.rpartition("# handle ")[2].strip()
    raise lab.LabError(f"no rule with {words} in {chain}")


def changes(daemon):
    """[(what, nft commands, or a function that makes them)]"""
    ours = "inet postern"

    def rule(chain, words):
        return lambda: f"delete rule {ours} {chain} handle {handle(daemon, chain, words)}"
    return [
        ("flush ruleset", "flush ruleset"),
        ("delete table", f"delete table {ours}"),
        ("the table is made dormant", f"add table {ours} {{ flags dormant; }}"),
        ("deletion of chain forward", f"flush chain {ours} forward\ndelete chain {ours} forward"),
        ("deletion of chain output_after", f"flush chain {ours} output_after\ndelete chain {ours} output_after"),
        ("all rules of a chain flushed", f"flush chain {ours} iface"),
        ("deletion of the queue rule", rule("miss", "ueue")),
        ("deletion of a rule", rule("forward_new", "iifname @sandbox_iface")),
        ("deletion of a pin", f'delete element {ours} pin4_iface {{ "pt-box1" . 203.0.113.22 . 6 . 443 }}'),
        ("deletion of the sandbox", f'delete element {ours} sandbox_iface {{ "pt-box1" }}'),
        ("deletion of its stub port", f'delete element {ours} dns_iface {{ "pt-box1" }}'),
        ("deletion of its conntrack zone", f'delete element {ours} zone_iface {{ "pt-box1" }}'),
        ("an accept rule first", f"insert rule {ours} forward accept"),
        ("an accept rule in chain iface", f"insert rule {ours} iface meta l4proto 6 accept"),
        ("policy accept", f"add chain {ours} forward {{ policy accept; }}"),
        ("a pin by hand", f'add element {ours} pin4_iface {{ "pt-box1" . {labnet.STRANGER} . 6 . 443 timeout 1h }}'),
        ("a set flushed", f"flush set {ours} sandbox_iface"),
        ("everything allowed", f'add element {ours} allow4_iface {{ "pt-box1" . 0.0.0.0/0 . 6 . 0-65535 }}'),
        ("forwarding opened", f"add element {ours} open_forward {{ 2 }}"),
        ("a constant removed", f"delete element {ours} private4 {{ 10.0.0.0/8 }}"),
        ("another chain", f"add chain {ours} strange\nadd rule {ours} strange accept"),
        ("a chain renamed", f"rename chain {ours} refuse refuse2"),
    ]


def by_hand(daemon, text):
    """Gives the commands to nft; returns the moment of its end, its exit code and what it said."""
    done = daemon.ns.run(["nft", "-f", "-"], stdin=text + "\n", check=False)
    return time.monotonic(), done.returncode, done.stderr.strip()


class Monitor:
    """`nft monitor`: who wrote, as another program hears it from the kernel. (Pids are those of the machine, not of the cell.)"""

    def __init__(self, daemon):
        self.path = f"{labdaemon.WORK}/monitor"
        with open(self.path, "wb") as out:
            self.proc = daemon.ns.popen(["stdbuf", "-oL", "nft", "monitor"], stdout=out, stderr=out)
        time.sleep(0.3)

    def writer(self):
        """The pid of the nft that changed something; ends the monitor."""
        self.proc.kill()
        self.proc.wait()
        with open(self.path, encoding="utf-8", errors="replace") as f:
            found = re.findall(r"# new generation \d+ by process (\d+) \(nft\)", f.read())
        return int(found[-1]) if found else None


class Watch:
    def __init__(self, net, daemon, leaker, traffic):
        self.net, self.daemon, self.leaker, self.traffic = net, daemon, leaker, traffic
        self.leaks, self.slowest_s = 0, 0.0
        self.leaked = net.watch(REFUSALS + 'iifname "eth0"', where="stranger")
        self.refused = net.watch('iifname "eth0" icmp type 3 icmp code 13', where="stranger")

    def keep_pinned(self):
        """A pin that is there during the comparison: asked for anew, it lives for a minute."""
        labprobe.ask(self.net.ns["box1"], "example.com")

    def try_one(self, what, text):
        self.keep_pinned()
        before, seen = listing(self.daemon), len(self.daemon.events(kind="tamper"))
        monitor, count = Monitor(self.daemon), self.leaked()
        self.net.stranger.proc.send_signal(signal.SIGSTOP)
        done_s, code, errors = by_hand(self.daemon, text() if callable(text) else text)
        if not lab.equal(code, 0, f"{what}: nft does it{': ' + errors if errors else ''}"):
            return
        events = lab.wait_for(f"{what}: the event", lambda: self.daemon.events(kind="tamper")[seen:], 5, 0.01)
        noticed_s = time.monotonic() - done_s
        self.slowest_s = max(self.slowest_s, noticed_s)
        at_once = self.leaked() - count
        time.sleep(max(0.0, done_s + 1 - time.monotonic()))
        leaked = self.leaked() - count
        self.leaks += leaked
        lab.check(noticed_s < 1, f"{what}: recorded after {noticed_s * 1000:.0f} ms; leaked until then {at_once}, "
                  f"within the first second {leaked}")
        count = self.leaked()
        self.net.stranger.proc.send_signal(signal.SIGCONT)
        time.sleep(0.5)
        lab.equal(self.leaked() - count, 0, f"{what}: leaked afterwards")
        lab.equal((events[0].get("pid"), events[0].get("exe")), (monitor.writer(), "nft"), f"{what}: with its writer")
        after = listing(self.daemon)
        lab.check(after == before, f"{what}: nft lists what it listed before{difference(before, after)}")
        self.leaker.reset()
        self.traffic.wait_good(done_s + 1)


def difference(before, after):
    gone = [x[:200] for x in before if x not in after][:5]
    new = [x[:200] for x in after if x not in before][:5]
    return f": gone {gone}, new {new}" if gone or new else "" if before == after else ": in another order"


def overrun(net, daemon):
    """The gate cannot read: notices are lost, and all the same the table is whole again."""
    before = listing(daemon)
    daemon.kill("posternd", 19)
    text = "add table ip noise\nadd set ip noise s { type ipv4_addr; }\n"
    text += "\n".join(f"add element ip noise s {{ {','.join(f'10.{a}.{b}.{c}' for c in range(1, 200))} }}"
                      for a in range(4) for b in range(100))
    for _ in range(2):
        by_hand(daemon, text)
        by_hand(daemon, "delete table ip noise")
    by_hand(daemon, "insert rule inet postern forward accept")
    seen = len(daemon.events(kind="tamper"))
    daemon.kill("posternd", 18)
    event = lab.wait_for("the event of an overrun", lambda: daemon.events(kind="tamper")[seen:], 5)[0]
    lab.check("overran" in event["text"], f"an overrun of the notices is recorded: {event['text']}")
    time.sleep(0.2)
    after = listing(daemon)
    lab.check(after == before, f"after it, the table is as before{difference(before, after)}")


def innocent(daemon):
    """Others' tables are not ours to touch."""
    seen = len(daemon.events(kind="tamper"))
    by_hand(daemon, "add table inet other\nadd chain inet other c { type filter hook forward priority 5; }")
    time.sleep(0.5)
    lab.equal(len(daemon.events(kind="tamper")), seen, "a table of somebody else is no tampering")
    lab.check("table inet other" in daemon.nft("list", "tables"), "and stays")
    by_hand(daemon, "delete table inet other")


def main(net):
    daemon = labdaemon.Postern(net, labdaemon.box_conf(pins="min_s = 60; max_s = 3600; grace_s = 60; margin_s = 1;"),
                               {"web.conf": labdaemon.policy_text("web")})
    daemon.start()
    box = net.ns["box1"]
    labprobe.ask(box, "example.com")
    traffic = net.traffic("box1", flows=20)
    lab.wait_for("the flows to run", lambda: traffic.state()["exchanges"] > 50)
    leaker = Leaker(box)
    leaker.start()
    time.sleep(0.5)
    lab.equal(net.stranger.count(), 0, "nothing leaks before")
    watch = Watch(net, daemon, leaker, traffic)
    for what, text in changes(daemon):
        watch.try_one(what, text)
    lab.check(watch.refused() > 0, f"late answers of the stranger, of which {watch.refused()} were refused by ICMP, are told from leaks")
    state = traffic.state()
    lab.equal(state["flows_dead"], 0, f"20 permitted flows live through all of it: {state['exchanges']} exchanges, {state['errors']}")
    flows = net.ns["host"].run(["cat", "/proc/sys/net/netfilter/nf_conntrack_count"]).stdout.strip()
    print(f"        slowest notice {watch.slowest_s * 1000:.0f} ms; leaked in all {watch.leaks} packets; flows at the end: {flows}")
    traffic.stop()
    leaker.stopping = True
    leaker.join()
    overrun(net, daemon)
    innocent(daemon)
    lab.equal(daemon.state()["starts"], 1, "one and the same daemon")
    daemon.stop()


lab.test(main)
