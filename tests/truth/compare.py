# SPDX-License-Identifier: GPL-2.0-or-later
"""postern's answers held against those of another server to the same questions.

Compared are RCODE, the answer's RRsets, the SOA of negative answers and, with DO, all signatures and proofs, TTLs, the flags RA, AA,
AD, CD and TC, and whether there is an OPT record. Every way in which answers may differ is a row of CLASSES with its reason; what no
row claims is strange, and fails the test.
"""
import collections
import ipaddress

import truth
from truth import dns

TTL_MAX_S = 300  # answer_ttl_max_s
ADDRESSES_MAX = 32  # PIN_ADDRS_MAX
HOPS_MAX = 8  # RESOLVER_HOPS_MAX
EDE_BLOCKED = 15


class Pair:
    """One question and both answers. full: over TCP, where one was truncated."""

    def __init__(self, q, ours, theirs):
        self.q, self.ours, self.theirs = q, ours, theirs
        self.full_ours, self.full_theirs = ours, theirs
        self.slack_s = 0

    def truncated(self):
        return any(m is not None and m.flags & dns.flags.TC for m in (self.ours, self.theirs))

    def chain(self):
        """The number of aliases in their answer."""
        return sum(len(s) for s in self.full_theirs.answer if s.rdtype == dns.rdatatype.CNAME)

    def addresses(self):
        return [ipaddress.ip_address(t) for t in truth.texts(self.full_theirs, "A") + truth.texts(self.full_theirs, "AAAA")]


def empty(m):
    return not m.answer and not m.authority


def blocked(m):
    """NOERROR, nothing in it; where EDNS lets it, the reason."""
    return m.rcode() == dns.rcode.NOERROR and empty(m) and (m.edns < 0 or truth.ede(m) == EDE_BLOCKED)


def is_special(name):
    n = dns.name.from_text(name)
    zones = ("localhost.", "invalid.", "local.", "onion.", "alt.", "home.arpa.", "resolver.arpa.", "use-application-dns.net.",
             "in-addr.arpa.", "ip6.arpa.")
    return any(n.is_subdomain(dns.name.from_text(z)) for z in zones)


# What differs and why. name -> (aspects that it may claim, reason, predicate)
ALL = {"rcode", "answer", "soa", "ttl", "tc"}
CLASSES = {
    "any": (ALL, "ANY is answered by HINFO \"RFC8482\" (RFC 8482 4.2)",
            lambda p: p.q.rrtype == "ANY" and truth.texts(p.ours, "HINFO") == ['"RFC8482" ""'] and len(p.ours.answer) == 1),
    "special": (ALL | {"aa"}, "special-use and reverse names are answered here (RFC 6761), unless a rule names their zone",
                lambda p: is_special(p.q.name) and len(p.ours.answer) <= 1),
    "https": (ALL, "HTTPS and SVCB are NODATA, unless the rule says https_records = \"strip\"",
              lambda p: p.q.rrtype in ("HTTPS", "SVCB") and p.ours.rcode() == dns.rcode.NOERROR and empty(p.ours)),
    "strip": ({"answer", "tc"}, "with https_records = \"strip\" they pass without hints, ECH and keys that are not known",
              lambda p: p.q.rrtype in ("HTTPS", "SVCB") and services(p.full_ours, False) == services(p.full_theirs, True)),
    "beside": (ALL, "RRSIG and NSEC stand beside an alias (RFC 4034 3, 4): those of the name itself, where unbound follows the alias",
               lambda p: p.q.rrtype in ("RRSIG", "NSEC") and p.full_ours.answer and p.chain() > 0),
    "rebinding": (ALL, "a public name that leads to a private address is refused whole",
                  lambda p: blocked(p.full_ours) and any(not a.is_global and a not in PUBLIC for a in p.addresses())),
    "pins": ({"answer", "tc"}, f"of a large set the first {ADDRESSES_MAX} addresses are pinned, and only those are answered",
             lambda p: len(p.addresses()) > ADDRESSES_MAX and subset(p, ADDRESSES_MAX)),
    "hops": (ALL, f"a chain of more than {HOPS_MAX} aliases is SERVFAIL",
             lambda p: p.chain() > HOPS_MAX and p.ours.rcode() == dns.rcode.SERVFAIL),
    "dname": ({"ttl"}, "the alias below a DNAME has the DNAME's TTL (RFC 6672 3.1); unbound says 0",
              lambda p: any(s.rdtype == dns.rdatatype.DNAME for s in p.full_ours.answer) and not ttls_differ(p, TTL_MAX_S, "CNAME")),
    "ttl": ({"ttl"}, f"no TTL is above answer_ttl_max_s ({TTL_MAX_S} s)",
            lambda p: not ttls_differ(p, TTL_MAX_S)),
    "lifetime": ({"ttl"}, "no TTL outlives the pins, whose lifetime is that of the shortest in the chain",
                 lambda p: p.q.rrtype in ("A", "AAAA") and lives_as_shortest(p)),
    "size": ({"tc"}, "TC is set exactly where our reply is too large; replies are kept without compression of names, so that is earlier",
             lambda p: bool(p.ours.flags & dns.flags.TC) == (p.full_ours.size > p.q.limit())),
}
PROOFS = {dns.rdatatype.from_text(t) for t in ("SOA", "RRSIG", "NSEC", "NSEC3")}  # of negative answers; all but SOA with DO
PUBLIC = ipaddress.ip_network("203.0.113.0/24")  # documentation addresses are this internet's public ones


def public6(a):
    return a in ipaddress.ip_network("2001:db8:113::/48")


def subset(p, n):
    ours, theirs = truth.records(p.full_ours), truth.records(p.full_theirs)
    addresses = [k for k in ours if k[1] in ("A", "AAAA")]
    return len(addresses) == n and set(ours) <= set(theirs) and set(theirs) - set(ours) <= {k for k in theirs if k[1] in ("A", "AAAA")}


def services(m, strip):
    """The HTTPS and SVCB records: priority, target, and the keys that pass."""
    return sorted((r.priority, r.target.to_text().lower(), sorted((int(k), v.to_text() if v else "") for k, v in r.params.items()
                                                                  if not strip or int(k) in (1, 2, 3)))
                  for s in m.answer if s.rdtype in (dns.rdatatype.HTTPS, dns.rdatatype.SVCB) for r in s)


def flag(p, f):
    return bool(p.ours.flags & f) != bool(p.theirs.flags & f)


def soa_of(m):
    """What an answer says besides: the SOA of a negative one, and its proofs."""
    return {k: v for k, v in truth.records(m, "authority").items() if dns.rdatatype.from_text(k[1]) in PROOFS}


def ttls_differ(p, max_s=1 << 32, but=""):
    """By more than the time that both had to keep them in different caches, after theirs were cut to max_s."""
    for take in (truth.records, soa_of):
        ours, theirs = take(p.full_ours), take(p.full_theirs)
        if any(abs(ours[k] - min(theirs[k], max_s)) > p.slack_s for k in ours.keys() & theirs.keys() if k[1] != but):
            return True
    return False


def lives_as_shortest(p):
    ours, theirs = truth.records(p.full_ours), truth.records(p.full_theirs)
    lowest_s = min(ttl_s for k, ttl_s in theirs.items() if k[1] not in ("CNAME", "DNAME") or ttl_s)
    return all(min(lowest_s, TTL_MAX_S) - p.slack_s <= ours[k] <= min(theirs[k], TTL_MAX_S) + p.slack_s
               or k[1] == "CNAME" and not theirs[k] for k in ours.keys() & theirs.keys())


def differences(p):
    """The aspects in which the two answers differ."""
    found = set()
    if p.full_ours.rcode() != p.full_theirs.rcode():
        found.add("rcode")
    if truth.records(p.full_ours).keys() != truth.records(p.full_theirs).keys():
        found.add("answer")
    if soa_of(p.full_ours).keys() != soa_of(p.full_theirs).keys():
        found.add("soa")
    if ttls_differ(p):
        found.add("ttl")
    for name, f in (("tc", dns.flags.TC), ("ra", dns.flags.RA), ("ad", dns.flags.AD), ("cd", dns.flags.CD), ("aa", dns.flags.AA)):
        if flag(p, f):
            found.add(name)
    if (p.ours.edns < 0) != (p.theirs.edns < 0):
        found.add("opt")
    return found


def ask_pairs(net, chunk, oracle):
    """Asks postern (from box1) and the other server (from namespace `net`)."""
    box, near = net.ns["box1"], net.ns["net"]
    pairs = [Pair(*x) for x in zip(chunk, truth.ask_all(box, truth.STUB, chunk), truth.ask_all(near, oracle, chunk))]
    again = [p for p in pairs if p.truncated() and p.ours and p.theirs]
    whole = [truth.Question(p.q.name, p.q.rrtype, True, p.q.edns, p.q.do, p.q.ad, p.q.cd) for p in again]
    if again:
        for p, a, b in zip(again, truth.ask_all(box, truth.STUB, whole), truth.ask_all(near, oracle, whole)):
            p.full_ours, p.full_theirs = a, b
    return pairs


def own_rules(p):
    """What holds for our answers, whatever others say."""
    m, bad = p.ours, []
    if m.size > p.q.limit():
        bad.append(f"{m.size} bytes, more than {p.q.limit()}")
    if m.additional or any(s.rdtype not in PROOFS or s.rdtype != dns.rdatatype.SOA and not p.q.do for s in m.authority):
        bad.append("records that nobody asked for")
    if not m.flags & dns.flags.QR or bool(m.flags & dns.flags.TC) and p.q.tcp:
        bad.append("flags")
    if m.question and m.question[0].name.to_text() != dns.name.from_text(p.q.name).to_text():
        bad.append("the question in another case")
    return bad


class Tally:
    def __init__(self, classes=None):
        self.classes = classes or CLASSES
        self.seen = collections.Counter()
        self.strange = []
        self.alike = 0

    def add(self, p):
        if p.ours is None or p.theirs is None or p.full_ours is None or p.full_theirs is None:
            self.strange.append((p, {"no answer from " + ("us" if p.full_ours is None else "them")}))
            return
        bad = own_rules(p)
        if bad:
            self.strange.append((p, set(bad)))
        left = differences(p)
        self.alike += not left
        for name, (aspects, _, holds) in self.classes.items():
            if left & aspects and holds(p):
                self.seen[name] += 1
                left -= aspects
        if left:
            self.strange.append((p, left))

    def report(self):
        print(f"{self.alike} answers are identical")
        for name, (_, reason, _) in self.classes.items():
            print(f"{self.seen[name]:6d} {name:10s} {reason}")
        groups = collections.defaultdict(list)
        for p, what in self.strange:
            groups[(p.q.kind, p.q.rrtype, " ".join(sorted(what)))].append(p)
        for key, all_p in sorted(groups.items(), key=lambda x: -len(x[1]))[:25]:
            print(f"---- {len(all_p)} of {key}")
            p = all_p[0]
            if p.truncated():
                print("before TCP:", *(f"{who}: {m.size} bytes, {dns.flags.to_text(m.flags)}" for who, m in (("ours", p.ours), ("theirs", p.theirs))
                                       if m is not None), sep="\n  ")
            print(f"question: {p.q}", f"ours: {p.full_ours}", f"theirs: {p.full_theirs}", sep="\n")
