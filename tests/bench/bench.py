# SPDX-License-Identifier: GPL-2.0-or-later
"""Second half of contrib/bench: the rows.

usage: bench.py [ROW...]        rows: see ROWS below

Prints one line a row: `row: ours X, NAME Y, ratio Z, to reach T: ok|short`. The ratio is always ours to the other's, measured in the
same run, in turns, as the median of the turns' ratios; X and Y are medians. "-" stands where nothing is set as a target.
Exit code: 0 when every row was measured (also when one is short), 1 otherwise.
"""
import json
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import benchlab  # noqa: E402 (found through the line above)
import onegate  # noqa: E402
import scale  # noqa: E402
from benchlab import PEERS, PORT, SLOW, STUB, UPSTREAM, LabError, cpu_ns, driver, labcell, median, rollup  # noqa: E402
from rowkit import TURNS, Turn, compare_cpu, compare_rate, load_contestant, ratio_of, say, turns, us  # noqa: E402


# ---- cached answers ---------------------------------------------------------------------------------------------------

NAMES = (1000, 10000)
OTHERS = {name: 1 for name in PEERS if name != "echo"}


def cached_contestants(b, ns, names, ours_address, ours_port, ours_pids):
    def contestant(address, port, pids, mode="answer"):
        return load_contestant(b, pids, (address, port, f"c{names}.bench", 0, names, 20000), mode, fill=mode == "answer")

    found = {"ours": contestant(ours_address, ours_port, ours_pids)}
    for name in PEERS:
        address, port = (b.address[name], 53) if ns == "peers" else (b.bare_address, PORT[name])
        found[name] = contestant(address, port, lambda name=name: [b.servers[ns][name]], "echo" if name == "echo" else "answer")
    return found


def row_cached(b):
    """Everybody behind the same ruleset and redirect; ours are all processes of the daemon."""
    b.start_postern()
    b.start_peers("peers")
    for names in NAMES:
        found = turns(cached_contestants(b, "peers", names, b.address["postern"], 53, b.postern_pids))
        compare_cpu(f"cached, {names:,} names", found, "CPU an answer, same ruleset", {"echo": 1.15, **OTHERS})


def row_cached_bare(b):
    """Nobody behind a ruleset; ours is postern-resolver alone."""
    pid = b.start_rig()
    b.start_peers("bare")
    found = turns(cached_contestants(b, "bare", NAMES[0], b.bare_address, STUB, lambda: [pid]))
    compare_cpu("cached-bare", found, "CPU an answer, no ruleset", {"echo": 1.15, **OTHERS})
    compare_rate("cached-bare", found, "answers")


# ---- uncached answers -------------------------------------------------------------------------------------------------

def row_uncached(b):
    """
    Names that nobody asked before, each with an address of its own; against dnsmasq without any ruleset but its set, and dnsdist, which pins
    nothing, without a ruleset and behind ours.
    """
    per_turn = 3000
    b.start_postern()
    b.ns["bare"].nft("table inet bench {\nset pins {\ntype ipv6_addr\nsize 65535\n}\n}\n")
    dnsmasq = b.spawn("bare", b.dnsmasq(5311, "--nftset=/bench/6#inet#bench#pins")).pid
    labcell.wait_for("dnsmasq", lambda: b.ns["bare"].listening(5311, "udp"))

    def contestant(address, port, pids):
        def run(i):
            before = cpu_ns(pids())
            got = b.load(address, port, "u.bench", 2000 + i * per_turn, per_turn, per_turn, window=16, sockets=8)
            time.sleep(0.05)  # what trails an answer counts too
            return Turn(got, cpu_ns(pids()) - before)
        return run

    b.start_peers("bare")
    b.start_peers("peers")
    found = turns({"ours": contestant(b.address["postern"], 53, b.postern_pids),
                   "dnsmasq --nftset": contestant(b.bare_address, 5311, lambda: [dnsmasq]),
                   "dnsdist, nothing pinned": contestant(b.bare_address, PORT["dnsdist"], lambda: [b.servers["bare"]["dnsdist"]]),
                   "dnsdist, nothing pinned, same ruleset":
                       contestant(b.address["dnsdist"], 53, lambda: [b.servers["peers"]["dnsdist"]])})
    os.kill(dnsmasq, 15)
    compare_rate("uncached", found, "pinned answers", {"dnsmasq --nftset": 5})
    compare_cpu("uncached", found, "CPU a pinned answer, all processes", {"dnsdist, nothing pinned": 1.3,
                                                                              "dnsdist, nothing pinned, same ruleset": 1.3})


# ---- the log ----------------------------------------------------------------------------------------------------------

LOGS = {"log on": "all_queries = true; window_ms = 100; per_sandbox = 8192;",
        "log off": "all_queries = false;",
        "log on, in four formats": "all_queries = true; window_ms = 100; per_sandbox = 8192; outputs = ( "
                                   '{ format = "route53"; }, { format = "vpc-flow"; }, { format = "ocsf"; } );'}


def log_turns(b, per_turn):
    """per_turn(turn, kind) -> (first name, names, queries): of one run, as the contestants' turns."""
    def contestant(kind):
        def run(i):
            b.postern.write_conf(benchlab.CONF.replace('audit: { directory = "/var/log/postern"; };', "audit: { %s };" % LOGS[kind]))
            b.postern.cli("reload", check=True)
            first, names, queries = per_turn(i, kind)
            if names < queries:  # fills the cache
                b.load(b.address["postern"], 53, "log.bench", first, names, names, window=8, sockets=4)
            before, seen = cpu_ns(b.postern_pids()), benchlab.recorded(b, "log.bench")
            got = b.load(b.address["postern"], 53, "log.bench", first, names, queries, window=8 if names < queries else 4)
            time.sleep(0.4)  # what trails an answer counts too: the window, and the writing
            turn = Turn(got, cpu_ns(b.postern_pids()) - before)
            seen = benchlab.recorded(b, "log.bench") - seen
            wanted = queries + (names if names < queries else 0)
            if kind != "log off" and not queries <= seen <= wanted:
                raise LabError(f"{kind}: {queries} queries, {seen} recorded")
            return turn
        return run
    return turns({kind: contestant(kind) for kind in LOGS})


def row_log(b):
    """Every query recorded, beside no permitted one: 1,000 cached names, and names that nobody asked before."""
    b.start_postern()
    number = {"n": 0}

    def fresh(_turn, _kind):
        number["n"] += 1000
        return 1000 + number["n"], 1000, 1000

    for what, plan in (("cached", lambda _turn, _kind: (0, 1000, 40000)), ("distinct names", fresh)):
        found = log_turns(b, plan)
        off = [t.cpu for t in found["log off"]]
        for kind in ("log on", "log on, in four formats"):
            ratio = ratio_of([t.cpu for t in found[kind]], off)
            target = 1.25 if kind == "log on" else None
            say(f"log, CPU an answer, all processes, {what}", f"{us(median([t.cpu for t in found[kind]]))} with {kind}", "log off",
                us(median(off)), ratio, target and f"<= {target}", target and ratio <= target)
    b.postern.write_conf(benchlab.CONF)
    b.postern.cli("reload", check=True)


COLD_PAUSE_US = 300


def row_latency(b):
    """A cold name, one at a time, asked of all by one process in turn (cold.c): of ours; of the upstream directly, through a gate
    without a ruleset; and of the least that can stand between the two (chain.c). Then an upstream that takes 10 ms."""
    b.start_postern()
    b.start_chain()
    first = 26000
    for delay, upstream, count, targets in (("0 ms", UPSTREAM, 200, (2.5, 2.5)), ("10 ms", SLOW, 50, (1.05, 1.05))):
        b.postern.write_conf(benchlab.CONF.replace(UPSTREAM, upstream))
        b.postern.cli("reload", check=True)
        asked = {"ours": b.address["postern"], "upstream": upstream}
        if upstream == UPSTREAM:
            asked["bare chain"] = b.address["chain"]
        found = []
        for _ in range(TURNS):
            out = b.ns["box"].run([driver("cold"), 53, "l.bench", first, count, COLD_PAUSE_US, *asked.values()]).stdout
            found.append(dict(zip(asked, json.loads(out))))
            first += count
        for what, target in zip(("p50", "p99"), targets):
            took = {name: [t[name][what + "_ns"] for t in found] for name in asked}

            def compare(name, other, target=None, what=what, took=took):
                ratio = ratio_of(took[name], took[other])
                row = f"latency of a first answer, upstream at {delay}, {what}" + ("" if name == "ours" else f", of the {name} in the place of ours")
                say(row, us(median(took[name])), other, us(median(took[other])), ratio, target and f"<= {target}", target and ratio <= target)

            compare("ours", "upstream", target)
            if "bare chain" in asked:
                compare("bare chain", "upstream")
                compare("ours", "bare chain")
    b.postern.write_conf(benchlab.CONF)
    b.postern.cli("reload", check=True)


# ---- pins -------------------------------------------------------------------------------------------------------------

def row_pins(b):
    """The gate's own work for a pin, without the channel, and a bare loop of one-element transactions."""
    found = {}
    b.ns["bare"].run(["nft", "-f", f"{benchlab.TOP}/rules/postern.nft"])
    for i in range(TURNS):
        for name, words in (("bare", ("bare", 4096, 1)), ("one", ("gate", 4096, 1)), ("batch", ("gate", 4096, 32))):
            b.ns["bare"].run(["nft", "flush", "set", "inet", "postern", "pin6_iface"])
            got = json.loads(b.ns["bare"].run([driver("pins"), *words]).stdout)
            found.setdefault(name, []).append(got["pins"] / got["ns"] * 1e9)
    b.ns["bare"].run(["nft", "delete", "table", "inet", "postern"])
    for name, what in (("one", "one request a transaction"), ("batch", "32 requests a transaction")):
        say(f"pins, {what}", f"{median(found[name]):.0f}/s", "bare libmnl loop", f"{median(found['bare']):.0f}/s",
            ratio_of(found[name], found["bare"]))


# ---- refused packets --------------------------------------------------------------------------------------------------

def row_refused(b):
    """Packets that nothing lets through: ours judged, refused and recorded; a bare queue loop with the same rule and ruleset."""
    count = 20000
    b.start_postern()
    b.start_peers("peers")
    b.ns["peers"].run([driver("queue_rule"), 7])
    found = {"ours": [], "drop loop": [], "refuse loop": []}

    def seen():
        for chain in b.ns["host"].run(["nft", "-j", "list", "chain", "inet", "postern", "refuse"]).stdout.splitlines():
            for item in json.loads(chain)["nftables"]:
                if "rule" in item:
                    for e in item["rule"]["expr"]:
                        if "counter" in e:
                            return e["counter"]["packets"]
        return 0

    def ours():
        before, n, began = cpu_ns(b.postern_pids()), seen(), time.monotonic_ns()
        b.ns["box"].run([driver("scan"), "198.51.100.0", count])
        took = time.monotonic_ns() - began
        time.sleep(0.1)
        return Turn({"good": seen() - n, "ns": took}, cpu_ns(b.postern_pids()) - before)

    def loop(what):
        proc = b.ns["peers"].popen([driver("nfqloop"), what], stdout=-1)
        time.sleep(0.1)
        before, began = cpu_ns([proc.pid]), time.monotonic_ns()
        b.ns["box"].run([driver("scan"), "198.51.100.128", count])
        took = time.monotonic_ns() - began
        time.sleep(0.1)
        cpu = cpu_ns([proc.pid]) - before
        proc.terminate()
        return Turn({"good": json.loads(proc.communicate()[0])["packets"], "ns": took}, cpu)

    for _ in range(TURNS):
        found["ours"].append(ours())
        found["drop loop"].append(loop("drop"))
        found["refuse loop"].append(loop("refuse"))
    compare_rate("refused", found, "packets")
    compare_cpu("refused", found, "CPU a packet, all processes", {"drop loop": 1.4})


# ---- TCP through the ruleset ------------------------------------------------------------------------------------------

def say_throughput(found, what, target):
    rate = {name: f"{8 / median(each):.2f} Gbit/s" for name, each in found.items()}
    for ours, name in (("ours", "none"), ("ours", "conntrack"), ("conntrack", "none"), ("none again", "none")):
        mid, low, high = onegate.ratio(found[ours], found[name])
        whose = what if ours == "ours" else f"{what}, of {ours} in the place of ours"
        reach = target if ours == "ours" else None
        say(f"{whose} [{low:.3f} to {high:.3f}]", rate[ours], name, rate[name], mid, reach and f">= {reach}", reach and mid >= reach)


def row_throughput(b):
    """An established flow through the forward hook of one gate, with and without a ruleset (onegate.py)."""
    gate = onegate.OneGate()
    say_throughput(gate.rounds(60, 60), "throughput", 0.98)
    say_throughput(gate.rounds(40, 60, one_processor=False), "throughput, placed by the kernel", None)


def tcp_turns(b, words, n):
    b.start_postern()
    b.load(b.address["postern"], 53, "tcp.bench", 100, 1, 1, 1, 1, "v4")  # pins 203.0.113.100
    b.ns["peers"].nft("flush ruleset\n" + onegate.CONNTRACK_ONLY)
    found = {"ours": [], "none": [], "conntrack": []}
    order = [("ours", "203.0.113.100"), ("none", "203.0.113.200"), ("conntrack", "203.0.113.70")]
    for _ in range(n):
        for name, address in order:
            found[name].append(json.loads(b.ns["box"].run([driver("tcp"), words[0], address, 443, words[1]]).stdout))
        order.reverse()
    return found


def row_connects(b):
    """New connections to a pinned address, one after the other."""
    found = tcp_turns(b, ("connect", 1000), TURNS)
    rate = {k: [t["connections"] / t["ns"] * 1e9 for t in v] for k, v in found.items()}
    for name, other in (("no ruleset", "none"), ("conntrack alone", "conntrack")):
        say("connects", f"{median(rate['ours']):.0f}/s", name, f"{median(rate[other]):.0f}/s", ratio_of(rate["ours"], rate[other]))


# ---- memory -----------------------------------------------------------------------------------------------------------

def row_memory(b):
    """All processes, before the first query; what they share counted once (PSS), and as often as it is mapped (RSS)."""
    b.start_postern()
    pss, rss = (sum(rollup(pid, key) for pid in b.postern_pids()) / 1024 for key in ("Pss", "Rss"))
    say("memory idle", f"{pss:.1f} MB PSS", "limit", "24 MB", pss / 24, "<= 1", pss <= 24)
    say("memory idle, shared pages counted in each process", f"{rss:.1f} MB RSS", "limit", "24 MB", rss / 24, "<= 1", rss <= 24)


# in the order in which they run: memory is idle only at first
ROWS = {"memory": row_memory, "pins": row_pins, "cached": row_cached, "cached-bare": row_cached_bare, "blocked": scale.row_blocked,
        "uncached": row_uncached, "log": row_log, "latency": row_latency, "refused": row_refused, "throughput": row_throughput,
        "connects": row_connects, "names": scale.row_names, "sandboxes": scale.row_sandboxes, "lists": scale.row_lists}


def run(rows):
    b = benchlab.Bench()
    failed = 0
    for name in ROWS:
        if rows and name not in rows:
            continue
        try:
            ROWS[name](b)
        except (labcell.LabError, OSError, ValueError, KeyError) as e:
            failed += 1
            print(f"{name}: not measured: {e}", flush=True)
    if failed and b.postern:
        print(b.postern.log_text()[-2000:], file=sys.stderr)
    return 1 if failed else 0


def main():
    rows = sys.argv[1:]
    unknown = [r for r in rows if r not in ROWS]
    if unknown:
        print(f"no row {unknown[0]}: choose from {' '.join(ROWS)}", file=sys.stderr)
        return 2
    try:
        if os.environ.get(labcell.INSIDE):
            return run(rows)
        return labcell.supervise([sys.executable, *sys.argv])
    except labcell.Skip as e:
        print(f"cannot measure: {e}", file=sys.stderr)
        return 1


sys.exit(main())
