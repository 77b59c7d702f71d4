# SPDX-License-Identifier: GPL-2.0-or-later
"""Pins renew on cached answers and never die under a served TTL. Also run on Debian's kernel (tests/vm), with the native queue.

For some time a client asks every 100 ms for names whose records live for 1, 2, 5 and 300 s, under pins of 3 s at most. Of each
answer: what the kernel says is left of its pin is more than the TTL, and a connection made at the very end of the TTL works.
At the end of everything the pins run out, and the address is refused again.
"""
import errno
import heapq
import sys
import threading
import time

import lab
import labdaemon
import labprobe

SECONDS = 24
STEP_S = 0.1
NAMES = {1: 71, 2: 72, 5: 73, 300: 74}  # TTL of the records: last number of the address
PINS = "min_s = 1; max_s = 2; grace_s = 1; margin_s = 1;"
EARLY_S = 0.05  # so long before the end of the TTL the connection starts; later than that it is not made


def name_of(ttl_s):
    return f"ttl{ttl_s}.test"


class Watch:
    def __init__(self, net, daemon):
        self.box, self.daemon = net.ns["box1"], daemon
        self.due = []  # (time, address, TTL)
        self.answers = self.connections = self.late = 0
        self.ttls, self.least_s = {}, {}
        self.wrong, self.stopping = [], False

    def ask(self, ttl_s):
        answer = labprobe.ask(self.box, name_of(ttl_s))
        if answer.rcode != "NOERROR" or not answer.records:
            self.wrong.append((name_of(ttl_s), answer.rcode))
            return
        self.answers += 1
        address, served_s = answer.records[0]
        self.ttls.setdefault(ttl_s, set()).add(served_s)
        # the client counts from when it got the answer
        heapq.heappush(self.due, (answer.got_s + served_s - EARLY_S, address, served_s))
        return address, served_s, answer.got_s

    def hold(self, got):
        """Compares with the kernel's sets: one listing for all answers of this step."""
        pins, now_s = labprobe.pins(self.daemon), time.monotonic()
        for address, served_s, got_s in filter(None, got):
            left_s = pins.get((address, 6, 443))
            spare_s = -1.0 if left_s is None else left_s + (now_s - got_s) - served_s
            self.least_s[address] = min(self.least_s.get(address, 99.0), spare_s)
            if spare_s < 0:
                self.wrong.append((address, served_s, left_s))

    def connect_due(self):
        """A thread: it must not wait for anything else."""
        while not self.stopping:
            if not self.due or self.due[0][0] > time.monotonic():
                time.sleep(0.002)
                continue
            due_s, address, served_s = heapq.heappop(self.due)
            if time.monotonic() > due_s + EARLY_S:
                self.late += 1  # this test was too slow: it says nothing about the pin
                continue
            self.connections += 1
            error = labprobe.connect(self.box, address, 443).error
            if error:
                self.wrong.append((address, served_s, errno.errorcode.get(error, error)))

    def run(self, seconds):
        thread = threading.Thread(target=self.connect_due, daemon=True)
        thread.start()
        end_s = time.monotonic() + seconds
        while time.monotonic() < end_s:
            next_s = time.monotonic() + STEP_S
            self.hold([self.ask(ttl_s) for ttl_s in NAMES])
            time.sleep(max(0.0, next_s - time.monotonic()))
        time.sleep(2.5)  # what is due
        self.stopping = True
        thread.join()


def main(net):
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else SECONDS
    for ttl_s, n in NAMES.items():
        net.zone.address(name_of(ttl_s), n, ttl_s=ttl_s)
    net.zone.commit()
    daemon = labdaemon.Postern(net, labdaemon.box_conf(pins=PINS), {"web.conf": labdaemon.policy_text("web", ports=("tcp/443",))})
    daemon.start()
    print("        " + daemon.wait_event(kind="start")["text"])
    watch = Watch(net, daemon)
    watch.run(seconds)
    spare = ", ".join(f"{a}: {s:.2f} s" for a, s in sorted(watch.least_s.items()))
    lab.equal(watch.wrong[:5], [], f"{watch.answers} answers in {seconds} s (served TTLs {watch.ttls}); least life of a pin beyond "
              f"its TTL {spare}; {watch.connections} connections at the end of a TTL ({watch.late} missed); wrong")
    lab.check(watch.connections >= watch.answers // 10, "enough connections were made in time")
    lab.equal(sorted(watch.ttls), sorted(NAMES), "every name was answered")
    lab.wait_for("the pins to run out", lambda: not labprobe.pins(daemon), 20)
    errors = {labprobe.connect(net.ns["box1"], f"203.0.113.{n}", 443).error for n in NAMES.values()}
    lab.equal(errors, {errno.ECONNREFUSED}, "then the addresses are refused")
    daemon.stop()


lab.test(main)
