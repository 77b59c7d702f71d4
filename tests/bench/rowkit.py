# SPDX-License-Identifier: GPL-2.0-or-later
"""What the rows of bench.py and scale.py share: turns, medians, and the line a row prints."""
from benchlab import cpu_ns, median

TURNS = 7


def say(row, ours, name, theirs, ratio, target=None, good=None):
    reach = f"to reach {target}: {'ok' if good else 'short'}" if target else "to reach -"
    print(f"{row}: ours {ours}, {name} {theirs}, ratio {ratio:.2f}, {reach}", flush=True)


def ratio_of(a, b):
    """Median of the ratios of the turns."""
    return median([x / y for x, y in zip(a, b)])


def us(ns):
    return f"{ns / 1000:.2f} us"


class Turn:
    """What one server did in one turn: rate and CPU a query."""

    def __init__(self, got, cpu):
        self.rate = got["good"] / got["ns"] * 1e9
        self.cpu = cpu / max(got["good"], 1)


def turns(contestants, n=TURNS):
    """contestants: {name: function(turn) -> Turn}, called in turn; {name: [Turn]}."""
    found = {name: [] for name in contestants}
    for i in range(n):
        for name, run in contestants.items():
            found[name].append(run(i))
    return found


def compare_cpu(row, found, what, targets=None):
    ours = [t.cpu for t in found["ours"]]
    for name, those in found.items():
        if name == "ours":
            continue
        theirs = [t.cpu for t in those]
        ratio = ratio_of(ours, theirs)
        target = (targets or {}).get(name)
        say(f"{row} {what}", us(median(ours)), name, us(median(theirs)), ratio, target and f"<= {target}",
            target and ratio <= target)


def compare_rate(row, found, what, targets=None):
    ours = [t.rate for t in found["ours"]]
    for name, those in found.items():
        if name == "ours":
            continue
        theirs = [t.rate for t in those]
        ratio = ratio_of(ours, theirs)
        target = (targets or {}).get(name)
        say(f"{row} {what}", f"{median(ours):.0f}/s", name, f"{median(theirs):.0f}/s", ratio, target and f">= {target}",
            target and ratio >= target)


def load_contestant(b, pids, argv, mode="answer", fill=False, **kw):
    """A contestant that runs load.c: argv is address, port, zone, first name, names, queries. fill: asks every name once before."""
    def run(i):
        address, port, zone, first, names, queries = argv(i) if callable(argv) else argv
        if i == 0 and fill:
            b.load(address, port, zone, first, names, names, mode=mode, **{"window": 8, "sockets": 4, **kw})
        before = cpu_ns(pids())
        got = b.load(address, port, zone, first, names, queries, mode=mode, **kw)
        return Turn(got, cpu_ns(pids()) - before)
    return run
