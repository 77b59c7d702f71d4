# SPDX-License-Identifier: GPL-2.0-or-later
"""Row `refused`: packets refused by postern-verdict and the gate's place, beside a bare drop loop on the same queue.

A box scans: every packet goes to another address and port, the worst case for the books of events. Both loops see
the same flood through the same chain, without the flood limit of rules/postern.nft, in turns; the median of the turns counts.
What counts is processor time a packet, of all processes of the loop: on a busy machine the rates say less, since ours
hands each batch to another process.
"""
import os
import queue
import statistics
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "netns"))

import labcell  # noqa: E402 (found through the line above)
from rulelab import RuleLab  # noqa: E402

BUILD = os.environ["POSTERN_BUILD"]
TURNS, SECONDS, RATE, REACH = 3, 2, 600000, 0.5
CHAINS = """table inet postern {
    chain miss { }
    chain forward { type filter hook forward priority filter; policy drop; iifname "pa" goto miss; }
    chain after { type filter hook forward priority filter + 10; policy drop; }
}"""


def cpu_s(pid):
    """Processor time so far of a process and its children."""
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
        pids = [pid, *map(int, f.read().split())]
    ticks = 0
    for p in pids:
        with open(f"/proc/{p}/stat", encoding="ascii") as f:
            ticks += sum(map(int, f.read().rsplit(")", 1)[1].split()[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")


def loop(net, argv):
    """One loop under one flood: (decisions per second, microseconds of processor time each, sent per second)."""
    net.host.run(["nft", "delete", "table", "inet", "postern"], check=False)
    net.host.nft(CHAINS)
    proc = net.host.popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                          env=dict(os.environ, RIG_CGROUP="none"))

    if proc.stdout.readline().strip() != "ready":
        raise labcell.LabError(f"{argv[0]} did not start")
    counts = queue.Queue()

    def read():  # events are read as they come: a full pipe would stop the loop
        for line in proc.stdout:
            if line.startswith("counters decisions="):
                counts.put(int(line.split()[1].split("=")[1]))

    reader = threading.Thread(target=read)
    reader.start()
    before = cpu_s(proc.pid)
    sent = net.ns["boxa"].run([f"{BUILD}/tests/netns/flood", "scan", "203.0.113.0", RATE, SECONDS]).stdout.split()
    proc.stdin.write("counters\n")
    proc.stdin.flush()
    done = counts.get(timeout=10)
    used = cpu_s(proc.pid) - before
    proc.stdin.close()
    reader.join()
    proc.wait()
    return done / SECONDS, used / done * 1e6, int(sent[1]) / SECONDS


def inside():
    labcell.furnish()
    net = RuleLab().up()
    ours, bare = [], []
    for _ in range(TURNS):
        ours.append(loop(net, [f"{BUILD}/tests/netns/verdict_rig", f"{BUILD}/src/verdict/postern-verdict",
                               f"{BUILD}/src/attribute/postern-attribute"]))
        bare.append(loop(net, [f"{BUILD}/tests/bench/queue_bare"]))
    (rate, cost, sent), (bare_rate, bare_cost, bare_sent) = (
        [statistics.median(column) for column in zip(*turns)] for turns in (ours, bare))
    print(f"refused: ours {cost:.2f} us of processor time a packet, bare NFQUEUE drop loop {bare_cost:.2f} us, "
          f"ratio {bare_cost / cost:.2f}, to reach {REACH:.2f}: {'ok' if bare_cost / cost >= REACH else 'short'} "
          f"(decided {rate:.0f}/s of {sent:.0f}/s sent; bare {bare_rate:.0f}/s of {bare_sent:.0f}/s)")
    return 0


sys.stdout.reconfigure(line_buffering=True)
try:
    if os.environ.get(labcell.INSIDE):
        sys.exit(inside())
    sys.exit(labcell.supervise([sys.executable, *sys.argv]))
except labcell.Skip as e:
    print(f"skipped: {e}")
    sys.exit(labcell.SKIP)
