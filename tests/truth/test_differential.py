# SPDX-License-Identifier: GPL-2.0-or-later
"""10,000 generated questions to postern (everything allowed) and to unbound as a plain forwarder, with one upstream, nsd.

compare.py says what is compared and which differences have a reason. A class that is never seen fails the test as well: it would be a
lie about what was seen. POSTERN_TRUTH_SEED and POSTERN_TRUTH_QUESTIONS choose other questions.
"""
import os
import time

import compare
import questions
import truth
from truth import lab

SEED = int(os.environ.get("POSTERN_TRUTH_SEED", "1"))
COUNT = int(os.environ.get("POSTERN_TRUTH_QUESTIONS", "10000"))
CHUNK = 500
UPSTREAM, ORACLE = "10.0.0.4", "10.0.0.5"


def main(net):
    net.ns["net"].ip("addr add 10.0.0.4/24 dev br0")
    zones, began = questions.Zones(SEED), time.monotonic()
    truth.Nsd(net, UPSTREAM, zones.text())
    truth.Unbound(net, ORACLE, UPSTREAM)
    daemon = truth.postern(net, [UPSTREAM])
    tally = compare.Tally()
    asked = [zones.question() for _ in range(COUNT)]
    for n in range(0, COUNT, CHUNK):
        for p in compare.ask_pairs(net, asked[n:n + CHUNK], ORACLE):
            p.slack_s = time.monotonic() - began + 1
            tally.add(p)
    tally.report()
    print(f"seed {SEED}, {COUNT} questions, {time.monotonic() - began:.1f} s")
    lab.equal(len(tally.strange), 0, "differences that no class explains")
    for name in compare.CLASSES:
        lab.check(tally.seen[name] > 0 or COUNT < 10000, f"class {name} was seen")
    daemon.stop()


lab.test(main)
