# SPDX-License-Identifier: GPL-2.0-or-later
"""Rows about size: long lists of names, and many sandboxes.

Sizes cannot be measured in turns, as each needs a reload. So each is measured in turns with the echo, and what is compared are
the ratios to it.
"""
import os
import time

import benchlab
from benchlab import ETC, PORT, WORK, labcell, median, rollup
from rowkit import compare_cpu, load_contestant, ratio_of, say, turns, us

SIZES = (10, 10_000, 1_000_000, 10_000_000)
SANDBOXES = (1, 1_000, 10_000)
TURNS = 5
NAMES_POLICY = """name = "web";
lists: { names = { file = "names.txt"; }; };
dns = (
  { name = "names"; priority = 10; action = "BLOCK"; response = "NODATA"; domains = [ "@names" ]; },
  { name = "web"; priority = 100; action = "ALLOW"; domains = [ "*.bench" ]; ports = [ "tcp/443" ]; },
  { name = "rest"; priority = 9000; action = "BLOCK"; response = "NODATA"; domains = [ "*" ]; }
);
"""


def write_names(path, n, form="n{}.names.example\n", head="", tail=""):
    """A line for each of n names, the names that load.c asks for."""
    with open(path, "w", encoding="ascii") as f:
        f.write(head)
        for first in range(0, n, 100_000):
            f.write("".join(form.format(i) for i in range(first, min(first + 100_000, n))))
        f.write(tail)


def resident_mb(pids):
    """What the processes hold in memory, shared pages counted once; of the sealed image all, whatever is mapped or touched."""
    held, images = sum(rollup(pid, "Pss_Anon") + rollup(pid, "Pss_File") for pid in pids), {}
    for pid in pids:
        with open(f"/proc/{pid}/maps", encoding="ascii") as f:
            for line in f:
                span, _, _, _, inode, *path = line.split()
                if path and path[0].startswith("/memfd:"):
                    first, end = (int(x, 16) for x in span.split("-"))
                    images[inode] = max(images.get(inode, 0), end - first)
    return held / 1024 + sum(images.values()) / 2**20


def reload_s(b, settle_s=0):
    """A reload; how long it took. Then, for a while, pins and events of it are still told: what is measured next waits."""
    began = time.monotonic()
    b.postern.cli("reload", check=True)
    took_s = time.monotonic() - began
    time.sleep(settle_s)
    return took_s


def beside_echo(b, ours):
    """Turns of ours and the echo. [ours to the echo] of each turn."""
    found = turns({"ours": ours, "echo": load_contestant(
        b, lambda: [b.servers["peers"]["echo"]], (b.address["echo"], 53, "cache.bench", 0, 1000, 20000), "echo")}, TURNS)
    return [t.cpu for t in found["ours"]], [t.cpu for t in found["echo"]]


def say_growth(row, sizes, found, target):
    """found: {size: (ours, echo)}; each to the first, as ratios to the echo."""
    first = ratio_of(*found[sizes[0]])
    for size in sizes[1:]:
        ratio = ratio_of(*found[size]) / first
        say(f"{row}, {size:,}", us(median(found[size][0])), f"{sizes[0]}", us(median(found[sizes[0]][0])), ratio, f"<= {target}", ratio <= target)


# ---- names ------------------------------------------------------------------------------------------------------------

def row_blocked(b):
    """Names that a rule blocks, each judged and recorded, nothing of it kept."""
    b.start_postern()
    b.start_peers("peers")
    queries = (b.address["postern"], 53, "blocked.example", 0, 1000, 20000)
    found = turns({"ours": load_contestant(b, b.postern_pids, queries, "blocked"),
                   "echo": load_contestant(b, lambda: [b.servers["peers"]["echo"]],
                                           (b.address["echo"], 53, "cache.bench", 0, 1000, 20000), "echo")})
    compare_cpu("blocked", found, "CPU an answer, same ruleset", {"echo": 1.10})


def row_names(b):
    """Block lists of ten names to ten million: 20,000 other names in each turn, blocked by the list or by the rule behind it."""
    b.start_postern()
    b.start_peers("peers")
    found = {}
    try:
        for size in SIZES:
            write_names(f"{ETC}/policies/names.txt", size)
            b.postern.write_policy("web.conf", NAMES_POLICY)
            took_s = reload_s(b, 1)
            found[size] = beside_echo(b, load_contestant(
                b, b.postern_pids, lambda i: (b.address["postern"], 53, "names.example", i * 20000, 20000, 20000), "blocked"))
            if size == SIZES[-1]:
                held_mb = resident_mb(b.postern_pids())
                say(f"names, {size:,}, loaded", f"{took_s:.1f} s", "limit", "10 s", took_s / 10, "<= 1", took_s <= 10)
                say(f"names, {size:,}, resident, all processes", f"{held_mb:.0f} MB", "limit", "1024 MB", held_mb / 1024, "<= 1",
                    held_mb <= 1024)
    finally:
        b.postern.write_policy("web.conf", benchlab.POLICY)
        os.unlink(f"{ETC}/policies/names.txt")
        reload_s(b)
    say_growth("names, CPU an answer", SIZES, found, 1.3)


LIST_CONF = {
    "unbound": ('server:\n  interface: 0.0.0.0@{port}\n  num-threads: 1\n  username: ""\n  chroot: ""\n  pidfile: ""\n  do-daemonize: no\n'
                '  use-syslog: no\n  access-control: 0.0.0.0/0 allow\n  module-config: "iterator"\n',
                '  local-zone: "n{}.names.example" always_nodata\n', 'forward-zone:\n  name: "."\n  forward-addr: 10.0.0.2\n'),
    "dnsmasq": ("", "address=/n{}.names.example/\n", ""),
    "dnsdist": ("", "n{}.names.example\n", ""),
}
DNSDIST_LIST = """setLocal("0.0.0.0:{port}")
setACL({{"0.0.0.0/0"}})
setSecurityPollSuffix("")
newServer("10.0.0.2:53")
names = newSuffixMatchNode()
for line in io.lines("{list}") do names:add(newDNSName(line)) end
addAction(SuffixMatchNodeRule(names), RCodeAction(DNSRCode.NXDOMAIN))
"""


def first_answer(b, address, port, n):
    """Waits for the answer about the last name of the list."""
    b.load(address, port, "names.example", n - 1, 1, 1, mode="blocked", window=1, sockets=1)


def start_list(b, name, n):
    """Another resolver with n names that it answers with nothing. (seconds until it answered, MB, pid)."""
    port, conf = PORT[name] + 20, f"{WORK}/{name}.list"
    head, form, tail = LIST_CONF[name]
    write_names(conf, n, form, head.format(port=port), tail)
    if name == "dnsdist":
        with open(conf + ".conf", "w", encoding="ascii") as f:
            f.write(DNSDIST_LIST.format(port=port, list=conf))
        conf += ".conf"
    argv = {"unbound": lambda: [benchlab.program("unbound"), "-d", "-c", conf],
            "dnsmasq": lambda: [*b.dnsmasq(port), f"--conf-file={conf}"],
            "dnsdist": lambda: [benchlab.program("dnsdist"), "--supervised", "--disable-syslog", "-C", conf]}[name]()
    began = time.monotonic()
    pid = b.spawn("bare", argv).pid
    labcell.wait_for(f"{name} with its list", lambda: b.ns["bare"].listening(port, "udp"), 60, 0.01)
    first_answer(b, b.bare_address, port, n)
    return time.monotonic() - began, resident_mb([pid]), pid


def start_ours(b, n):
    """postern with the list that is written: as start_list()."""
    if b.postern:
        b.postern.stop()
    b.start_postern(ready=False)
    b.postern.write_policy("web.conf", NAMES_POLICY)
    began = time.monotonic()
    b.postern.start()
    first_answer(b, b.address["postern"], 53, n)
    return time.monotonic() - began, resident_mb(b.postern_pids())


LIST_TURNS = 3


def row_lists(b, n=1_000_000):
    """A million blocked names held by each: from its start to its first answer out of the list, and memory."""
    b.start_postern(ready=False)
    write_names(f"{ETC}/policies/names.txt", n)
    ours, theirs = [], {name: [] for name in LIST_CONF}
    for _ in range(LIST_TURNS):
        ours.append(start_ours(b, n))
        for name in LIST_CONF:
            took_s, held_mb, pid = start_list(b, name, n)
            os.kill(pid, 9)
            theirs[name].append((took_s, held_mb))
    ours_s, ours_mb = ([t[i] for t in ours] for i in (0, 1))
    for name, found in theirs.items():
        took_s, held_mb = ([t[i] for t in found] for i in (0, 1))
        for what, x, y, form in (("start", ours_s, took_s, "{:.2f} s"), ("memory", ours_mb, held_mb, "{:.0f} MB")):
            ratio = ratio_of(x, y)
            say(f"lists, {n:,} names, {what}", form.format(median(x)), name, form.format(median(y)), ratio, "< 1", ratio < 1)
    b.postern.write_policy("web.conf", benchlab.POLICY)
    os.unlink(f"{ETC}/policies/names.txt")
    reload_s(b)


# ---- sandboxes --------------------------------------------------------------------------------------------------------

def write_sandboxes(b, n):
    """Sandbox k is the source address 198.19.0.0 + k, its policy its own."""
    policy = benchlab.POLICY.replace('name = "web";', 'name = "p{}";', 1).replace("{ name", "{{ name").replace("; }", "; }}")
    rows = []
    for k in range(1, n + 1):
        b.postern.write_policy(f"p{k}.conf", policy.format(k))
        rows.append(f'  {{ name = "s{k}"; source = "198.19.{k // 256}.{k % 256}"; policy = "p{k}"; }}')
    files = ", ".join(f'"policies/p{k}.conf"' for k in range(1, n + 1))
    conf = benchlab.CONF.replace('"policies/web.conf"', f'"policies/web.conf", {files}')
    at = conf.index('  { name = "scan"')
    b.postern.write_conf(conf[:at] + ",\n".join(rows) + conf[conf.index("\n", at):])


def row_sandboxes(b):
    """Cached answers for sixty-four sandboxes at once among as many as there are, each with a policy of its own; 6,400 replies kept."""
    b.start_postern()
    b.start_peers("peers")
    found = {}
    try:
        for n in SANDBOXES:
            write_sandboxes(b, n)
            reload_s(b, 3)
            names = 100 if n > 1 else 6400
            step = n // 64
            sources = ["198.19.0.1", step]
            queries = ("192.0.2.5", 53, "cache.bench", 0, names, 20000)
            found[n] = beside_echo(b, load_contestant(b, b.postern_pids, queries, "v4", fill=True, sockets=64, window=4, sources=sources))
    finally:
        b.postern.write_conf(benchlab.CONF)
        reload_s(b)
    say_growth("sandboxes, CPU an answer", SANDBOXES, found, 1.3)

