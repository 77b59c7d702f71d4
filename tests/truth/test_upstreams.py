# SPDX-License-Identifier: GPL-2.0-or-later
"""Real resolvers as the upstream: BIND, PowerDNS Recursor, unbound, Knot Resolver, each resolving from the root of a small internet served by nsd.

For each, 800 generated questions (questions.py) to it and to postern before it; compare.py explains what may differ, ODDITIES what is
the server's own way. Then a permitted name is connected to.
"""
import os
import time

import compare
import questions
import truth
from truth import dns, lab

COUNT, CHUNK, SEED = 800, 200, int(os.environ.get("POSTERN_TRUTH_SEED", "5"))
AUTHORITY = "10.0.0.4"
SERVERS = {"BIND": (truth.Named, "10.0.0.11"), "PowerDNS": (truth.PdnsRecursor, "10.0.0.12"),
           "unbound": (lambda net, address: truth.Unbound(net, address, None), "10.0.0.13"),
           "Knot Resolver": (truth.Kresd, "10.0.0.15")}
ODDITIES = {
    "BIND": {
        "loop": ({"answer"}, "SERVFAIL for an endless chain comes with the aliases that were seen",
                 lambda p: p.full_theirs.rcode() == dns.rcode.SERVFAIL and not p.full_ours.answer),
        "cut": ({"ad"}, "a truncated answer has AD", lambda p: bool(p.theirs.flags & dns.flags.TC)),
    },
    "PowerDNS": {
        "wildcard": ({"ttl"}, "from its cache, what a signed wildcard answers lives as long as the NSEC that proves it",
                     lambda p: p.q.kind == "signed" and ".w." in p.q.name.lower()),
        "keys": ({"answer", "soa", "rcode"}, "aliases are not followed for DS and DNSKEY; we ask for the rest of the chain",
                 lambda p: p.q.rrtype in ("DS", "DNSKEY") and p.chain() > 0),
        "late": ({"answer"}, "the first answer to a CNAME question below a DNAME is without the DNAME",
                 lambda p: p.q.rrtype == "CNAME" and {k[1] for k in truth.records(p.full_ours).keys() ^ truth.records(p.full_theirs).keys()} ==
                 {"DNAME"}),
    },
    "unbound": {},
    "Knot Resolver": {
        "loop": ({"answer"}, "SERVFAIL for an endless chain comes with the aliases that were seen",
                 lambda p: p.full_theirs.rcode() == dns.rcode.SERVFAIL and not p.full_ours.answer),
        "alone": ({"answer"}, "an answer to a CNAME question below a DNAME is without the DNAME, its TTL that of the DNAME",
                  lambda p: p.q.rrtype == "CNAME" and {k[1] for k in truth.records(p.full_ours).keys() ^ truth.records(p.full_theirs).keys()} ==
                  {"DNAME"}),
        "gone": ({"answer"}, "NXDOMAIN at the end of a DNAME comes without the aliases",
                 lambda p: p.q.kind == "d" and p.full_theirs.rcode() == dns.rcode.NXDOMAIN == p.full_ours.rcode() and
                 not p.full_theirs.answer and {k[1] for k in truth.records(p.full_ours)} == {"DNAME", "CNAME"}),
        "foreign": ({"soa"}, "and with the SOA of a zone that the name is not in, which is not passed on",
                    lambda p: p.full_theirs.rcode() == dns.rcode.NXDOMAIN and not p.full_theirs.answer and not p.full_ours.authority and
                    not any(p.full_theirs.question[0].name.is_subdomain(s.name) for s in p.full_theirs.authority)),
        "proofs": ({"soa"}, "who asks for NSEC gets the NSEC records that prove a denial, DO or not",
                   lambda p: p.q.rrtype == "NSEC" and {k[1] for k in truth.records(p.full_theirs, "authority").keys() ^
                                                      truth.records(p.full_ours, "authority").keys()} == {"NSEC"}),
    },
}


def compared(net, name, address, asked):
    tally, began = compare.Tally({**compare.CLASSES, **ODDITIES[name]}), time.monotonic()
    for n in range(0, len(asked), CHUNK):
        for p in compare.ask_pairs(net, asked[n:n + CHUNK], address):
            p.slack_s = time.monotonic() - began + 1
            tally.add(p)
    print(f"---- {name}: {len(asked)} questions, {time.monotonic() - began:.1f} s")
    tally.report()
    lab.equal(len(tally.strange), 0, f"{name}: differences that no class explains")


def connected(net, name):
    done = net.ns["box1"].run(["curl", "-ksS", "-m", "5", f"https://h.n.{questions.ZONE.rstrip('.')}/"], check=False)
    lab.check("from 192.0.2.2" in done.stdout or done.returncode == 0, f"{name}: a permitted name is connected to: {done.stderr.strip()}")
    done = net.ns["box1"].run(["curl", "-ksS", "-m", "5", "https://203.0.113.250/"], check=False)
    lab.equal(done.returncode, 7, f"{name}: an address that nobody asked for is refused")


def main(net):
    zones = questions.Zones(SEED, 200)
    truth.Nsd(net, AUTHORITY, zones.text())
    # What they get to see. RRSIG is left out: each answers it from whatever is in its cache, or not at all.
    asked = [q for q in (zones.question() for _ in range(COUNT)) if q.rrclass == "IN" and not q.version and q.rrtype != "RRSIG"]
    daemon = None
    for name, (make, address) in SERVERS.items():
        make(net, address)
        if daemon:
            daemon.write_conf(truth.conf([address]))
            lab.equal(daemon.cli("reload").returncode, 0, f"{name} is the upstream now")
        else:
            daemon = truth.postern(net, [address])
        compared(net, name, address, asked)
        connected(net, name)
    daemon.stop()


lab.test(main)
