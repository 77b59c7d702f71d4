# SPDX-License-Identifier: GPL-2.0-or-later
"""Second half of contrib/quickstart: the laboratory, the daemon, the table, the report.

usage: quickstart.py [--keep | --enter NAMESPACE [COMMAND...] | --down]

The laboratory is that of the tests (tests/netns/labnet.py has the picture of it); the sandbox is its namespace box1, the daemon
runs in its namespace host on a copy of contrib/lib/quickstart.conf. "An hour later" is done by changing the zone at the
authoritative server: the pins of this configuration live for seconds, so old addresses are out soon.

A kept laboratory is described in /run/postern-quickstart.json (what `--down` ends and `--enter` enters).
"""
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "tests", "netns"))

import labcell  # noqa: E402 (found through the line above)
import labdaemon  # noqa: E402
import labnet  # noqa: E402
from labcell import LabError, wait_for  # noqa: E402

STATE = "/run/postern-quickstart.json"
KEEP_FD = "POSTERN_QUICKSTART_FD"
AT_ONCE_S = 2.0
BOX4, BOX6 = labnet.BOX["box1"]
FIRST = {"A": {"203.0.113.7", "203.0.113.8"}, "AAAA": {"2001:db8:113::7", "2001:db8:113::8"}}
LATER = {"A": {"203.0.113.17", "203.0.113.18"}, "AAAA": {"2001:db8:113::17", "2001:db8:113::18"}}


# ---- what may be expected of a command; each returns (agrees, what happened) ----------------------------------------

def works(pattern="", code=0):
    def judge(done, seconds):
        good = done.returncode == code and re.search(pattern, done.stdout)
        return good, first_line(done) if good else f"exit {done.returncode}: {first_line(done)}"
    return "works", judge


def answers(rrtype, addresses):
    def judge(done, seconds):
        got = {line for line in done.stdout.split() if not line.endswith(".")}
        return bool(got) and got <= addresses, " ".join(sorted(got)) or f"no address: {first_line(done)}"
    return f"answers with pinned {rrtype}", judge


def no_address(codes):
    def judge(done, seconds):
        return (done.returncode in codes and seconds < AT_ONCE_S,
                f"exit {done.returncode} after {seconds:.2f} s: {last_line(done)}")
    return "fails at once: no address", judge


def refused(codes, words="refused at once"):
    def judge(done, seconds):
        return (done.returncode in codes and seconds < AT_ONCE_S,
                f"exit {done.returncode} after {seconds:.2f} s: {last_line(done)}")
    return words, judge


def first_line(done):
    lines = [x for x in (done.stdout + "\n" + done.stderr).splitlines() if x.strip()]
    return lines[0].strip() if lines else "no output"


def last_line(done):
    lines = [x for x in (done.stdout + "\n" + done.stderr).splitlines() if x.strip()]
    return lines[-1].strip() if lines else "no output"


# ---- the table -------------------------------------------------------------------------------------------------------

class Row:
    """One line of the table: command in a namespace, expectation, and for a refusal what its audit event must name."""

    def __init__(self, where, command, expect, event=None):
        self.where, self.command, self.event = where, command, event
        self.expected, self.judge = expect


def rows_both(family):
    """The rows that are the same for both families; family is 4 or 6."""
    v6 = family == 6
    rrtype = "AAAA" if v6 else "A"
    resolver = labnet.STRANGER6 if v6 else labnet.STRANGER
    outside = labnet.STRANGER6 if v6 else labnet.STRANGER
    never = "2001:db8:113::99" if v6 else "203.0.113.99"
    pinned = "2001:db8:113::7" if v6 else "203.0.113.7"

    def url(address, port=443):
        return f"https://[{address}]:{port}" if v6 else f"https://{address}:{port}"

    curl = f"curl -{family} -sS -m 10"
    return [
        Row("box1", f"{curl} https://api.openai.com", works("api.openai.com from")),
        Row("box1", f"dig +short api.openai.com {rrtype}", answers(rrtype, FIRST[rrtype])),
        Row("box1", f"dig +short +notcp @{resolver} api.openai.com {rrtype}", answers(rrtype, FIRST[rrtype])),
        Row("box1", f"dig +short +tcp @{resolver} api.openai.com {rrtype}", answers(rrtype, FIRST[rrtype])),
        Row("box1", f"ntpdig -t 3 {labnet.NTP6 if v6 else labnet.NTP}", works()),
        Row("box1", f"{curl} https://google.com", no_address((6,)), "google.com"),
        Row("box1", f"{curl} https://github.com", no_address((6,)), "github.com"),
        Row("box1", f"wget -{family} -T 10 -t 1 -nv -O- http://example.com", no_address((1, 4)), "example.com"),
        Row("box1", f"ping -{family} -c 1 -W 5 {outside}", refused((1, 2), "fails at once"), outside),
        Row("box1", f"{curl} -k {url(never)}", refused((7,)), never),
        Row("box1", f"{curl} -k {url(pinned, 8443)}", refused((7,)), pinned),
    ]


def rows_inbound():
    fetch = "curl -sS -m 10"
    return [
        Row("peer", f"{fetch} http://{BOX4}:3000/", works()),
        Row("peer", f"{fetch} http://{BOX4}:22/", works()),
        Row("peer", f"{fetch} http://{BOX4}:3001/", refused((7,)), BOX4),
        Row("stranger", f"{fetch} http://{BOX4}:3000/", refused((7,)), BOX4),
        Row("peer", f"{fetch} http://[{BOX6}]:3000/", refused((7,)), BOX6),
        Row("stranger", f"{fetch} http://[{BOX6}]:3000/", refused((7,)), BOX6),
    ]


def rows_later():
    rows = []
    for family, rrtype in ((4, "A"), (6, "AAAA")):
        old = sorted(FIRST[rrtype])[0]
        shown = f"[{old}]" if family == 6 else old
        rows += [
            Row("box1", f"dig +short api.openai.com {rrtype}", answers(rrtype, LATER[rrtype])),
            Row("box1", f"curl -{family} -sS -m 10 https://api.openai.com", works(r"from .*[.:]1[78]$")),
            Row("box1", f"curl -sS -m 10 --resolve api.openai.com:443:{shown} https://api.openai.com", refused((7,)), old),
        ]
    return rows


class Table:
    """Runs rows and prints them."""

    def __init__(self, net, daemon):
        self.net, self.daemon, self.n, self.wrong = net, daemon, 0, 0

    def audit_line(self, row, already):
        """The newest event since `already` that is a refusal and names what the row tried."""
        def look():
            new = self.daemon.events()[already:]
            return [e for e in new if row.event in json.dumps(e) and refusal(e)]
        try:
            return wait_for("its audit event", look, 5)[-1]
        except LabError:
            return None

    def run(self, row):
        already = len(self.daemon.events())
        began = time.monotonic()
        done = self.net.ns[row.where].run(row.command.split(), check=False)
        agrees, happened = row.judge(done, time.monotonic() - began)
        event = self.audit_line(row, already) if row.event else None
        if row.event and event is None:
            agrees, happened = False, happened + " (and no audit event)"
        self.n += 1
        self.wrong += not agrees
        print(f"{'ok ' if agrees else 'BAD'} {row.where}: {row.command}\n      must: {row.expected}\n      did:  {happened}")
        if event:
            print(f"      audit: {json.dumps(event)}")

    def section(self, title, rows):
        print(f"\n{title}")
        for row in rows:
            self.run(row)

    def statement(self, agrees, text):
        self.n += 1
        self.wrong += not agrees
        print(f"{'ok ' if agrees else 'BAD'} {text}")


def refusal(event):
    return any(str(v).lower() in ("block", "blocked", "refuse", "refused", "drop", "dropped", "deny", "denied")
               for v in event.values())


def an_hour_later(net):
    """The addresses of api.openai.com change, and the pins of the old ones run out."""
    for rrtype, addresses in LATER.items():
        net.zone.set("api.openai.com.cdn.test", rrtype, sorted(addresses), ttl_s=2)
    net.zone.commit()
    box = net.ns["box1"]

    def new(rrtype):
        got = set(box.run(["dig", "+short", "api.openai.com", rrtype], check=False).stdout.split())
        return bool(got & LATER[rrtype])

    def out(family, old):
        return box.run(["curl", "-sS", "-m", "2", "-o", "/dev/null", "--resolve", f"api.openai.com:443:{old}",
                        "https://api.openai.com"], check=False).returncode != 0

    for family, rrtype in ((4, "A"), (6, "AAAA")):
        wait_for(f"the new {rrtype} records", lambda: new(rrtype), 30, 0.2)
        for old in FIRST[rrtype]:
            shown = f"[{old}]" if family == 6 else old
            wait_for(f"the pin of {old} to run out", lambda: out(family, shown), 30, 0.2)


def demonstrate():
    """Inside the cell: everything. Returns the number of rows that do not agree."""
    print("starting a small internet: nsd, nginx, chronyd, a stranger")
    net = labnet.Internet().up()
    for rrtype, addresses in FIRST.items():
        net.zone.set("api.openai.com", "CNAME", ["api.openai.com.cdn.test."], ttl_s=2)
        net.zone.set("api.openai.com.cdn.test", rrtype, sorted(addresses), ttl_s=2)
    net.zone.commit()
    for port in (22, 3000, 3001):
        net.serve("box1", port)
    with open(os.path.join(TOP, "contrib", "lib", "quickstart.conf"), encoding="utf-8") as f:
        conf = f.read()
    print("starting posternd")
    daemon = labdaemon.Postern(net, conf, {"openhands.conf": os.path.join(TOP, "policies", "openhands.conf")})
    daemon.start()
    print(f"the sandbox is {BOX4} / {BOX6}, behind interface pt-box1, policy policies/openhands.conf")
    before = net.stranger.count()
    table = Table(net, daemon)
    for family in (4, 6):
        table.section(f"Out, over IPv{family}", rows_both(family))
    table.statement(net.stranger.count() == before, f"packets that reached the stranger: {net.stranger.count() - before}")
    table.section("In", rows_inbound())
    print("\nAn hour later: api.openai.com has moved to other addresses")
    an_hour_later(net)
    table.section("Out, an hour later", rows_later())
    print(f"\n{table.n - table.wrong} of {table.n} rows agree")
    if table.wrong:
        print("---- posternd.log\n" + daemon.log_text()[-6000:], file=sys.stderr)
    return table.wrong, daemon


def tied(fd):
    """Until the process outside has confirmed that it keeps us, its end is ours."""
    def wait_for_word():
        if os.read(fd, 1) != b"k":
            os._exit(1)
    threading.Thread(target=wait_for_word, daemon=True).start()


def stay(fd, wrong):
    """Says how it went, and never returns: the laboratory lives as long as its first process."""
    sys.stdout.flush()
    os.write(fd, b"1" if wrong else b"0")
    while True:
        time.sleep(3600)


def inside():
    if KEEP_FD in os.environ:
        tied(int(os.environ[KEEP_FD]))
    try:
        wrong, daemon = demonstrate()
    except (LabError, labcell.Skip) as e:
        print(f"quickstart: {e}", file=sys.stderr)
        return 1
    if KEEP_FD in os.environ:
        stay(int(os.environ[KEEP_FD]), wrong)
    daemon.stop()
    return 1 if wrong else 0


# ---- outside ---------------------------------------------------------------------------------------------------------

def start_time(pid):
    """Field 22 of /proc/PID/stat, so that a number that was used again is not taken for ours; None when gone."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
            return f.read().rsplit(")", 1)[1].split()[19]
    except OSError:
        return None


def kept():
    """The description of the kept laboratory, or None."""
    try:
        with open(STATE, encoding="ascii") as f:
            state = json.load(f)
    except (OSError, ValueError):
        return None
    return state if start_time(state["pid"]) == state["start"] else None


def relay(stream):
    for line in stream:
        sys.stdout.write(line.decode("utf-8", "replace"))


def keep():
    if kept():
        sys.exit("quickstart: one is already up: contrib/quickstart --down")
    ours, theirs = socket.socketpair()
    os.environ[KEEP_FD] = str(theirs.fileno())
    # Its output comes through a pipe of ours: what stays up must not hold on to this command's own output.
    proc = labcell.start([sys.executable, "-B", os.path.abspath(__file__)], detach=True, pass_fds=(theirs.fileno(),),
                         output=subprocess.PIPE)
    theirs.close()
    threading.Thread(target=relay, args=(proc.stdout,), daemon=True).start()
    result = ours.recv(1)
    if not result:
        return proc.wait() or 1
    time.sleep(0.2)  # the last lines of the relay
    first = labcell.first_process(proc.pid)
    with open(STATE, "w", encoding="ascii") as f:
        json.dump({"pid": proc.pid, "start": start_time(proc.pid), "first": first, "cgroup": labcell.cgroup_name(),
                   "namespaces": sorted(labcell.namespaces_of(first))}, f)
    ours.send(b"k")
    print(f"""
The laboratory stays up.
  into the sandbox:        sudo contrib/quickstart --enter box1
  beside postern:          sudo contrib/quickstart --enter host      (postern status, nft list ruleset)
  its audit log:           sudo contrib/quickstart --enter host tail -f {labdaemon.AUDIT}/audit.jsonl
  other namespaces:        box2, net (servers), peer, stranger
  take it down:            sudo contrib/quickstart --down
  the same by hand:        sudo nsenter -t {first} -m -p -i nsenter --net=/run/netns/box1 bash""")
    return int(result)


def down():
    state = kept()
    if not state:
        print("quickstart: nothing is up")
        if os.path.exists(STATE):
            os.unlink(STATE)
        return 0
    os.kill(state["pid"], 9)
    left = labcell.verify(set(state["namespaces"]), state["cgroup"], labcell.machine_listing())
    os.unlink(STATE)
    print("taken down" if not left else "left behind:\n  " + "\n  ".join(left))
    return 1 if left else 0


def enter(words):
    state = kept()
    if not state or not words:
        sys.exit("quickstart: nothing is up (contrib/quickstart --keep first)" if words else
                 "usage: quickstart --enter NAMESPACE [COMMAND...]")
    os.environ["PATH"] = f"{labdaemon.BIN}:" + os.environ["PATH"]
    os.environ["PS1"] = f"[{words[0]}] \\w \\$ "
    os.execvp("nsenter", ["nsenter", "-t", str(state["first"]), "-m", "-p", "-i", "--", "nsenter",
                          f"--net=/run/netns/{words[0]}", "--", *(words[1:] or ["bash", "--norc"])])


def main():
    sys.stdout.reconfigure(line_buffering=True)
    words = sys.argv[1:]
    if os.environ.get(labcell.INSIDE):
        return inside()
    try:
        if words[:1] == ["--keep"]:
            return keep()
        if words[:1] == ["--down"]:
            return down()
        if words[:1] == ["--enter"]:
            return enter(words[1:])
        return labcell.supervise([sys.executable, "-B", os.path.abspath(__file__)])
    except labcell.Skip as e:
        print(f"quickstart: {e}", file=sys.stderr)
        return 1


sys.exit(main())
