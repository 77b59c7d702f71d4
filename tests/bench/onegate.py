# SPDX-License-Identifier: GPL-2.0-or-later
"""What a ruleset costs an established flow: one gate, whose ruleset is swapped between short runs.

      box ── gate (none | conntrack | rules/postern.nft) ── net (TCP sink)

Two gates that are alike can differ by several percent, for where their structures lie in memory. So it is always the same one, and its
rulesets come in an order shuffled anew each round; "none" is there twice, to tell what is noise. Sender and sink share one processor:
then the rate is what a byte costs at both ends, softirqs included. Where the kernel may place them, as any two programs, the end
that has more to do is waited for: the sender, in whose softirqs the gate runs, so that the gate weighs more.
"""
import json
import os
import random
import time

from benchlab import TOP, driver, labcell, median

ADDRESS = "198.51.100.2"
CONNTRACK_ONLY = """table inet conntrack {
chain forward {
type filter hook forward priority filter
policy drop
ct state established,new accept
}
}
"""
# what posternd puts in for one sandbox behind an interface, and a pin
ELEMENTS = f"""add element inet postern sandbox_iface {{ "pt-one" comment "box web" }}
add element inet postern zone_iface {{ "pt-one" : 77 }}
add element inet postern dns_iface {{ "pt-one" : 5300 }}
add element inet postern stub_port {{ 5300 }}
add element inet postern pin4_iface {{ "pt-one" . {ADDRESS} . 6 . 443 timeout 1h }}
"""


def rulesets():
    with open(f"{TOP}/rules/postern.nft", encoding="utf-8") as f:
        return {"none": "", "none again": "", "conntrack": CONNTRACK_ONLY, "ours": f.read() + ELEMENTS}


class OneGate:
    def __init__(self):
        box, gate, net = (labcell.Ns(n) for n in ("one-box", "one-gate", "one-net"))
        gate.ip("link add pt-one type veth peer name eth0 netns one-box\naddr add 192.0.2.1/30 dev pt-one\nlink set pt-one up\n"
                "link add eth0 type veth peer name eth0 netns one-net\naddr add 198.51.100.1/24 dev eth0\nlink set eth0 up")
        gate.sysctl("net.ipv4.ip_forward", 1)
        box.ip("addr add 192.0.2.2/30 dev eth0\nlink set eth0 up\nroute add default via 192.0.2.1")
        net.ip(f"addr add {ADDRESS}/24 dev eth0\nlink set eth0 up\nroute add default via 198.51.100.1")
        self.box, self.gate, self.net, self.pinned = box, gate, net, []
        self.files = {}
        for name, text in rulesets().items():
            self.files[name] = f"{labcell.WORK}/{name.replace(' ', '-')}.nft"
            with open(self.files[name], "w", encoding="utf-8") as f:
                f.write("flush ruleset\n" + text)

    def run(self, name, ms):
        """Nanoseconds a byte."""
        self.gate.run(["nft", "-f", self.files[name]])
        time.sleep(0.03)  # what nft leaves behind for the kernel to free
        got = json.loads(self.box.run([*self.pinned, driver("tcp"), "send", ADDRESS, 443, ms]).stdout)
        return got["ns"] / got["bytes"]

    def rounds(self, n, ms, one_processor=True):
        """{ruleset: [ns a byte, one a round]}"""
        found = {name: [] for name in self.files}
        self.pinned = ["taskset", "-c", max(os.sched_getaffinity(0))] if one_processor else []
        self.gate.run(["nft", "flush", "ruleset"])
        sink = self.net.popen([*self.pinned, driver("tcp"), "serve", 443])
        labcell.wait_for("the sink", lambda: self.net.listening(443))
        for _ in range(n):
            for name in random.sample(list(self.files), len(self.files)):
                found[name].append(self.run(name, ms))
        sink.kill()
        sink.wait()
        return found


def ratio(ours, theirs):
    """(median of the rounds' ratios of rates, and its 95 % confidence interval, by resampling)"""
    r = [t / o for o, t in zip(ours, theirs)]
    medians = sorted(median(random.choices(r, k=len(r))) for _ in range(2000))
    return median(r), medians[50], medians[-51]
