# SPDX-License-Identifier: GPL-2.0-or-later
"""What a client gets for each difficult answer of hard.py: one row of hard.table a case, held against what is seen to the letter.

Over all rows: the addresses that were answered are the addresses in the kernel's sets, and none is that to which the lies lead.
POSTERN_TRUTH_WRITE=FILE writes what was seen as a new table, to be read before it replaces the old one.
"""
import ipaddress
import os
import sys
import time

import hard
import truth
from truth import dns, lab, labprobe

ADDRESS = "10.0.0.6"
HERE = os.path.dirname(os.path.abspath(__file__))
TABLE = os.path.join(HERE, "hard.table")
BAD = "203.0.113.66"
# Two tries of the time that is the default. The rows are about what is answered, so nothing in them may hang on how fast this machine is
# just now: case "slow" waits 0.3 s itself, and 0.4 s a try was not enough beside eight busy loops. What a question may cost others
# on its connection is held in virtual time (tests/unit/test_pipeline.c).
MORE = "upstream_tries = 2;"
POLICY = """name = "web";
dns = (
  { name = "hard"; priority = 50; action = "ALLOW"; domains = [ "*.hard.test", "*.hard.example" ]; ports = [ "tcp/443" ]; },
  { name = "rest"; priority = 100; action = "BLOCK"; response = "NODATA"; domains = [ "*" ]; }
);
"""


def rows():
    """[(case, type, what is seen)] of hard.table"""
    found = []
    with open(TABLE, encoding="ascii") as f:
        for line in f:
            if line.strip() and not line.startswith("#"):
                head, _, seen = line.partition(":")
                found.append((*head.split(), seen.strip()))
    return found


def write(table, seen):
    with open(os.environ["POSTERN_TRUTH_WRITE"], "w", encoding="ascii") as f:
        f.writelines(f"{case} {rrtype}: {text}\n" for (case, rrtype, _), text in zip(table, seen))


def in_words(m, own):
    """An answer as a row of the table says it; own: the address that was made for the case."""
    if m is None:
        return "no answer"
    words = [dns.rcode.to_text(m.rcode())]
    for rrset in m.answer:
        kind = dns.rdatatype.to_text(rrset.rdtype)
        data = sorted("own" if r.to_text() == own else r.to_text() for r in rrset)
        text = " ".join(data) if len(data) <= 3 and sum(map(len, data)) < 60 else f"{len(data)} records"
        words.append(f"{kind} {text} /{rrset.ttl}")
    words += [f"SOA /{s.ttl}" for s in m.authority]
    if truth.ede(m):
        words.append(f"EDE {truth.ede(m)}")
    aliases = [w for w in words if w.startswith("CNAME")]
    if len(aliases) > 2:
        words = [w for w in words if w not in aliases[1:]]
        words[1] = f"{len(aliases)} CNAME /60"
    return ", ".join(words)


def pinned(daemon):
    """The addresses in the kernel's sets."""
    return {str(ipaddress.ip_address(key[0])) for key in labprobe.pins(daemon)}


def ask_all(net, cases):
    """The answers, over TCP where they are truncated."""
    questions = [truth.Question(f"{case}.hard.test.", rrtype, edns=1232) for case, rrtype in cases]
    answers = truth.ask_all(net.ns["box1"], truth.STUB, questions)
    again = [n for n, m in enumerate(answers) if m is not None and m.flags & dns.flags.TC]
    for n in again:
        questions[n].tcp = True
    for n, m in zip(again, truth.ask_all(net.ns["box1"], truth.STUB, [questions[n] for n in again])):
        answers[n] = m
    return answers


def main(net):
    truth.Server(net, ADDRESS, [sys.executable, os.path.join(HERE, "hard.py"), ADDRESS], probe=("plain.hard.test", "A"))
    daemon = truth.postern(net, [ADDRESS], policy=POLICY, more=MORE)
    table = rows()
    began = time.monotonic()
    answers = ask_all(net, [row[:2] for row in table])
    open_now, own = pinned(daemon), hard.own_addresses()
    if os.environ.get("POSTERN_TRUTH_WRITE"):
        write(table, [in_words(m, own[row[0]]) for row, m in zip(table, answers)])
    print(f"{len(table)} cases in {time.monotonic() - began:.1f} s")
    for (case, rrtype, want), m in zip(table, answers):
        lab.equal(in_words(m, own[case]), want, f"{case} {rrtype}")
    answered = {a for m in answers if m is not None for a in truth.texts(m, "A") + truth.texts(m, "AAAA")}
    lab.equal(sorted(answered ^ open_now), [], f"what was answered is pinned, and nothing else: {len(answered)} addresses")
    lab.check(BAD not in answered, "no lie was answered")
    lab.equal(truth.texts(truth.ask(net.ns["box1"], truth.STUB, "plain.hard.test."), "A"), ["203.0.113.9"], "afterwards all is well")
    daemon.stop()


lab.test(main)
