# SPDX-License-Identifier: GPL-2.0-or-later
"""No answer without its pin: the ways in which pinning fails, one after the other.

For each: every answer is SERVFAIL, or holds only addresses that are in the kernel's set when it arrives, for longer than its
TTL; the daemon is not restarted (but where said); and soon after the cause is gone answers are good again.
Queries go to the gateway's own address, where nobody but postern answers: what comes back is postern's.
"""
import os
import re
import signal
import socket
import struct
import subprocess
import time

import lab
import labdaemon
import labprobe

NAMES = 200
NETLINK_NETFILTER = 12
RULES = f"{labdaemon.TOP}/rules/postern.nft"
PINS = "min_s = 1; max_s = 3600; grace_s = 1; margin_s = 1;"


def name_of(n):
    return f"n{n}.test"


def fill_zone(net):
    """n0.test ... with an address each and a TTL of 2 s; six.test with six addresses."""
    for n in range(NAMES):
        net.zone.address(name_of(n), n + 1, ttl_s=2)
    net.zone.set("six.test", "A", [f"203.0.113.{n}" for n in range(240, 246)], ttl_s=2)
    net.zone.commit()


class Tally:
    """Asks and holds every answer against the kernel."""

    def __init__(self, net, daemon):
        self.box, self.daemon = net.ns["box1"], daemon
        self.good = self.servfail = self.silent = self.other = self.missing = self.late = 0
        self.unpinned = []
        self.n = 0

    def ask(self, name=None, timeout_s=5.0, connect=True):
        if name is None:
            name, self.n = name_of(self.n % NAMES), self.n + 1
        answer = labprobe.ask(self.box, name, timeout_s=timeout_s)
        if answer.rcode == "NOERROR" and answer.records:
            self.good += 1
            self.hold(name, answer, connect)
        elif answer.rcode == "SERVFAIL":
            self.servfail += 1
        elif answer.rcode in ("", "ICMP"):
            self.silent += 1
        else:
            self.other += 1
        return answer

    def kernel_pins(self):
        """What the sets hold. Where somebody has just deleted the table: as soon as it is back."""
        until = time.monotonic() + 5
        while True:
            try:
                return labprobe.pins(self.daemon)
            except lab.LabError:
                self.missing += 1
                if time.monotonic() > until:
                    raise

    def hold(self, name, answer, connect):
        pins = self.kernel_pins()
        if time.monotonic() - answer.got_s >= max(1, min(ttl_s for _, ttl_s in answer.records)):
            self.late += 1  # the TTL has ended while the table was away: nothing is promised any more
            return
        for address, ttl_s in answer.records:
            left_s = pins.get((address, 6, 443))
            if left_s is None or left_s + (time.monotonic() - answer.got_s) < ttl_s:
                self.unpinned.append((name, address, ttl_s, left_s))
            elif connect and labprobe.connect(self.box, address, 443).error:
                self.unpinned.append((name, address, ttl_s, "refused"))

    def until(self, until_s, **kw):
        while time.monotonic() < until_s:
            self.ask(**kw)
        return self

    def report(self, what):
        lab.equal(self.unpinned[:3], [], f"{what}: answers {self.good}, all of them pinned; SERVFAIL {self.servfail}, "
                  f"none {self.silent}; unpinned {len(self.unpinned)}")
        lab.check(self.late * 2 <= self.good, f"{what}: the kernel was looked at in time ({self.late} times not)")
        lab.equal(self.other, 0, f"{what}: nothing else was answered")
        return self


def recovers(net, daemon, what, timeout_s=12):
    """A good answer comes, and without a restart."""
    tally, began = Tally(net, daemon), time.monotonic()
    tally.n = 100
    lab.wait_for(f"{what}: a good answer", lambda: tally.ask().rcode == "NOERROR", timeout_s, 0.05)
    print(f"        {what}: good again after {time.monotonic() - began:.2f} s")
    tally.report(f"{what}: afterwards")
    lab.equal(daemon.state()["starts"], 1, f"{what}: without a restart")


def daemon_with(net, options=(), pins=PINS, domains=("*.test",)):
    conf = labdaemon.box_conf(pins=pins)
    daemon = labdaemon.Postern(net, conf, {"web.conf": labdaemon.policy_text("web", domains=domains, ports=("tcp/443",))},
                               options=options)
    return daemon.start()


# ---- the ways

def small_rules(size):
    """The ruleset with a pin set of so few elements, in a file."""
    with open(RULES, encoding="utf-8") as f:
        text, n = re.subn(r"(set pin4_iface \{[^}]*flags timeout;)", rf"\1 size {size};", f.read())
    lab.equal(n, 1, f"the ruleset has one set pin4_iface, now of size {size}")
    path = f"{labdaemon.WORK}/small.nft"
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    return path


def full_set(net):
    """The kernel says ENFILE."""
    daemon = daemon_with(net, ["--rules", small_rules(4)])
    tally = Tally(net, daemon)
    for n in range(30):
        tally.ask(name_of(n))
    tally.report("the kernel's set full")
    lab.check(tally.good >= 4 and tally.servfail >= 20, f"4 fit at a time: {tally.good} good, {tally.servfail} SERVFAIL of 30")
    six = Tally(net, daemon)
    six.until(time.monotonic() + 6, name="six.test")
    six.report("six addresses where four fit")
    lab.check(six.servfail and not six.good, "of one answer all are pinned, or none is given")
    lab.check(daemon.events(kind="pin", reason="pin-failed"), "refused pins are recorded")
    recovers(net, daemon, "the kernel's set full")
    end(net, daemon)


def quotas(net):
    for quota, domains in (("per_name = 3", ("*.test",)), ("per_rule = 3", ("*.test",)), ("per_sandbox = 3", ("*.test",))):
        daemon = daemon_with(net, pins=f"{PINS} {quota};", domains=domains)
        tally = Tally(net, daemon)
        tally.ask("six.test")
        for n in range(10):
            tally.ask(name_of(n))
        tally.report(quota)
        most = len(labprobe.pins(daemon))
        if quota.startswith("per_name"):
            lab.check(most <= 13, f"{quota}: {most} pins of one name with six addresses and ten with one")
        else:
            lab.check(most <= 3 and tally.servfail, f"{quota}: {most} pins, {tally.servfail} SERVFAIL")
            lab.check(daemon.wait_event(kind="pin", reason="quota"), f"{quota}: recorded")
        recovers(net, daemon, quota)
        end(net, daemon)


def stopped(net, daemon, stop_s):
    """The gate does not run. What is cached may be answered for as long as its pins are there."""
    tally = Tally(net, daemon)
    tally.ask("n0.test")
    daemon.kill("posternd", signal.SIGSTOP)
    began = time.monotonic()
    try:
        tally.until(began + 1.5, name="n0.test", timeout_s=0.3)
        while time.monotonic() < began + stop_s:
            tally.ask(timeout_s=3)
    finally:
        daemon.kill("posternd", signal.SIGCONT)
    tally.report(f"the gate stopped for {stop_s} s")
    lab.check(tally.servfail, f"names that were not cached: SERVFAIL {tally.servfail} times")
    recovers(net, daemon, f"the gate stopped for {stop_s} s")


def table_deleted(net, daemon):
    """Again and again, in the middle of queries. The table is back within milliseconds, but on a busy machine, or with sanitizers: so
    between bursts there is time to look into it. See test_tamper.py."""
    tally = Tally(net, daemon)
    code = "for i in $(seq 6); do for k in $(seq 10); do nft delete table inet postern; sleep 0.05; done; sleep 0.5; done"
    remover = daemon.ns.popen(["sh", "-c", code], stdout=-3, stderr=-3)
    while remover.poll() is None:
        tally.ask(timeout_s=0.3)
    tally.report("the table deleted 60 times")
    lab.check(tally.good, f"and {tally.good} names were resolved meanwhile; the table was missing at {tally.missing} looks")
    recovers(net, daemon, "the table deleted")


# ---- overrun: whoever has CAP_NET_ADMIN may send a netlink message to any socket, so may fill the gate's. As the gate's buffers are
# large (a commit of a million changes has as many acknowledgements), they are made small first, through pidfd_getfd(2).

SYS_PIDFD_GETFD = 438

def sockets_of(daemon, pid):
    """{inode: (port, receive queue in bytes, drops, groups)} of the netfilter netlink sockets of a process."""
    mine = {os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")}
    rows = daemon.ns.run(["cat", "/proc/net/netlink"]).stdout.splitlines()[1:]
    found = {}
    for words in (row.split() for row in rows):
        if int(words[1]) == NETLINK_NETFILTER and f"socket:[{words[9]}]" in mine:
            found[words[9]] = (int(words[2]), int(words[4]), int(words[8]), int(words[3], 16))
    return found


def shrink(pid, inode, size):
    """Gives that socket of the process a receive buffer of so many bytes."""
    fd = next(int(fd) for fd in os.listdir(f"/proc/{pid}/fd") if os.readlink(f"/proc/{pid}/fd/{fd}") == f"socket:[{inode}]")
    pidfd = os.pidfd_open(pid)
    got = labprobe.syscall(SYS_PIDFD_GETFD, pidfd, fd, 0)
    with socket.socket(fileno=got) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)
    os.close(pidfd)


def junk(daemon, port, seconds):
    """Fills the receive queue of that socket for so long; returns how many messages were taken."""
    with labprobe.Inside(daemon.ns):
        s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
    s.setblocking(False)
    wire = struct.pack("=IHHII", 4096, 3, 0, 0, 0) + bytes(4080)
    n, until = 0, time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            s.sendto(wire, (port, 0))
            n += 1
        except (BlockingIOError, OSError):
            time.sleep(0.0005)
    s.close()
    return n


def wait_full(daemon, pid, inode, timeout_s):
    """Waits until the queue no longer grows; returns its size."""
    sizes = [0]

    def full():
        sizes.append(sockets_of(daemon, pid)[inode][1])
        return sizes[-1] > 16384 and sizes[-5:].count(sizes[-1]) == 5
    try:
        lab.wait_for("a full queue", full, timeout_s, 0.05)
    except lab.LabError:
        pass  # it is read as fast as it fills
    return max(sizes)


def overrun(net, daemon):
    pid = daemon.pids()["posternd"][0]
    lost = 0
    for inode, (port, _, drops, groups) in sorted(sockets_of(daemon, pid).items()):
        lab.wait_for("pins to run out, so that the gate has nothing to ask of the kernel", lambda: not labprobe.pins(daemon), 15)
        tally = Tally(net, daemon)
        shrink(pid, inode, 65536)
        child = os.fork()
        if child == 0:
            junk(daemon, port, 4)
            os._exit(0)
        size = wait_full(daemon, pid, inode, 2)
        for _ in range(8):
            tally.ask(timeout_s=3)
        os.waitpid(child, 0)
        dropped = sockets_of(daemon, pid)[inode][2] - drops
        lost += dropped
        tally.report(f"socket {port} (groups {groups:x}) filled with {size >> 10} kB, {dropped} messages of the kernel lost")
        recovers(net, daemon, "the netlink socket overrun")
    lab.check(lost, f"acknowledgements were lost: {lost}")


def no_memory(net, daemon):
    """The kernel has no memory for what the gate sends: its transactions, and with them its answers to the resolver (both are
    sendto(2), which strace(1) lets fail; in the place of the call it puts getpid(2), as the number that it puts otherwise is none
    that the gate's filter lets through)."""
    pid = daemon.pids()["posternd"][0]
    for i, error in enumerate(("ENOMEM", "ENOBUFS")):
        tracer = subprocess.Popen(["strace", "-qq", "-o", "/dev/null", "-e", "trace=sendto", "-e",
                                   f"inject=sendto:error={error}:syscall=getpid", "-p", str(pid)])
        lab.wait_for("strace to hold the gate", lambda: f"TracerPid:\t{tracer.pid}\n" in open(f"/proc/{pid}/status", encoding="ascii").read())
        tally = Tally(net, daemon)
        tally.n = 120 + 20 * i
        for _ in range(10):
            tally.ask(timeout_s=3)
        lab.check(tracer.poll() is None, f"{error}: throughout")
        tracer.send_signal(signal.SIGINT)
        tracer.wait()
        tally.report(f"sends of the gate end with {error}")
        lab.equal((tally.good, tally.servfail), (0, 10), f"{error}: good answers, SERVFAIL")
        recovers(net, daemon, error)
    failed = [line for line in daemon.log_text().splitlines() if "pin failed" in line]
    lab.check(failed, f"transactions failed: {failed[-1:]}")


def owned(net, daemon):
    """A table of our name that belongs to a stranger's socket (NFT_TABLE_F_OWNER): nobody else may change it. It leads queries to the stub,
    so that they are answered if anybody would."""
    stub = re.search(r"elements = \{ (\d+)", daemon.nft("list", "set", "inet", "postern", "stub_port")).group(1)
    starts = daemon.state()["starts"]
    tally = Tally(net, daemon)
    tally.n = 160
    owner = daemon.ns.popen(["nft", "-i"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    owner.stdin.write(b"delete table inet postern; add table inet postern { flags owner; chain to_stub { "
                      b"type nat hook prerouting priority dstnat; udp dport 53 redirect to :%s; }; }\n" % stub.encode())
    owner.stdin.flush()
    lab.wait_for("the stranger's table", lambda: "flags owner" in daemon.ns.run(["nft", "list", "ruleset"]).stdout)
    until = time.monotonic() + 4
    while time.monotonic() < until:
        tally.ask(timeout_s=0.3, connect=False)
    lab.check("flags owner" in daemon.ns.run(["nft", "list", "ruleset"]).stdout, "the table was the stranger's throughout")
    lab.equal((tally.good, tally.other), (0, 0), f"a stranger's table: SERVFAIL {tally.servfail}, none {tally.silent}, answers")
    owner.stdin.close()
    owner.wait()
    lab.wait_for("a good answer", lambda: tally.ask().rcode == "NOERROR", 20, 0.05)
    tally.report("the stranger is gone")
    print(f"        the daemon gave up and was started again {daemon.state()['starts'] - starts} times")


def end(net, daemon):
    daemon.stop()
    net.ns["host"].run(["nft", "flush", "ruleset"])


def main(net):
    fill_zone(net)
    full_set(net)
    quotas(net)
    daemon = daemon_with(net)
    stopped(net, daemon, 4)
    stopped(net, daemon, 9)
    table_deleted(net, daemon)
    overrun(net, daemon)
    no_memory(net, daemon)
    owned(net, daemon)
    end(net, daemon)


lab.test(main)
