# SPDX-License-Identifier: GPL-2.0-or-later
"""Validation, held against unbound over one signed tree (signedtree.py): the same verdict for every question.

A verdict is secure (AD), insecure (an answer without AD) or bogus (SERVFAIL). ROWS says what it has to be and with which EDE
(RFC 8914).
"""
import os

import signedtree
import truth
from truth import dns, lab

UPSTREAM, ORACLE = "10.0.0.4", "10.0.0.5"
SECURE, INSECURE, BOGUS = "secure", "insecure", "bogus"
EDE_BOGUS, EDE_EXPIRED, EDE_NOT_YET, EDE_NO_KEY, EDE_NO_RRSIG, EDE_NO_NSEC = 6, 7, 8, 9, 10, 12

# question -> (verdict, EDE)
ROWS = {
    "www.good.t. A": (SECURE, 0),
    "www.good.t. AAAA": (SECURE, 0),
    "txt.good.t. TXT": (SECURE, 0),
    "WWW.Good.T. A": (SECURE, 0),
    "good.t. DNSKEY": (SECURE, 0),
    "good.t. DS": (SECURE, 0),
    "good.t. SOA": (SECURE, 0),
    ". DNSKEY": (SECURE, 0),
    "www.sub.good.t. A": (SECURE, 0),
    "www.n3.t. A": (SECURE, 0),
    "www.opt.t. A": (SECURE, 0),
    "www.ed.t. A": (SECURE, 0),
    "www.ed448.t. A": (SECURE, 0),
    "www.rsa512.t. A": (SECURE, 0),
    "www.iter.t. A": (SECURE, 0),
    # chains: as good as their worst part
    "alias.good.t. A": (SECURE, 0),
    "far.good.t. A": (SECURE, 0),
    "www.out.good.t. A": (SECURE, 0),
    "alias.out.good.t. A": (SECURE, 0),
    "astray.good.t. A": (INSECURE, 0),
    "lost.good.t. A": (BOGUS, EDE_BOGUS),
    # wildcards
    "x.wild.good.t. A": (SECURE, 0),
    "x.y.wild.good.t. A": (SECURE, 0),
    "x.wildc.good.t. A": (SECURE, 0),
    "x.wild.n3.t. A": (SECURE, 0),
    "x.wild.good.t. TXT": (SECURE, 0),
    "x.wild.n3.t. TXT": (SECURE, 0),
    "x.wild.opt.t. A": (INSECURE, 0),
    # what does not exist
    "nothing.good.t. A": (SECURE, 0),
    "a.nothing.good.t. A": (SECURE, 0),
    "www.good.t. TXT": (SECURE, 0),
    "b.c.good.t. A": (SECURE, 0),
    "c.good.t. A": (SECURE, 0),
    "www.good.t. DS": (SECURE, 0),
    "nothing.n3.t. A": (SECURE, 0),
    "a.nothing.n3.t. A": (SECURE, 0),
    "www.n3.t. TXT": (SECURE, 0),
    "b.c.n3.t. A": (SECURE, 0),
    "nothing.opt.t. A": (INSECURE, 0),
    "www.opt.t. TXT": (SECURE, 0),
    "nothing.iter.t. A": (INSECURE, 0),  # 150 iterations of NSEC3: RFC 9276 3.2
    "www.iter.t. TXT": (INSECURE, 0),
    "nothing.t. A": (SECURE, 0),
    "nothing. A": (SECURE, 0),
    # no security, proven
    "www.insecure.t. A": (INSECURE, 0),
    "www.deep.insecure.t. A": (INSECURE, 0),
    "nothing.insecure.t. A": (INSECURE, 0),
    "insecure.t. DS": (SECURE, 0),
    "www.un.opt.t. A": (INSECURE, 0),
    "un.opt.t. DS": (INSECURE, 0),
    "www.unknown.t. A": (INSECURE, 0),
    # bogus
    "www.badsig.t. A": (BOGUS, EDE_BOGUS),
    "www.badsig.t. AAAA": (SECURE, 0),
    "www.expired.t. A": (BOGUS, EDE_EXPIRED),
    "nothing.expired.t. A": (BOGUS, EDE_EXPIRED),
    "www.future.t. A": (BOGUS, EDE_NOT_YET),
    "www.nosig.t. A": (BOGUS, EDE_NO_RRSIG),
    "www.nosig.t. AAAA": (SECURE, 0),
    "nothing.noproof.t. A": (BOGUS, EDE_NO_NSEC),
    "www.noproof.t. TXT": (BOGUS, EDE_NO_NSEC),
    "www.noproof.t. A": (SECURE, 0),
    "x.wild.noproof.t. A": (BOGUS, EDE_NO_NSEC),
    "www.nokey.t. A": (BOGUS, EDE_NO_KEY),
    "www.badds.t. A": (BOGUS, EDE_NO_KEY),
    "www.stripped.t. A": (BOGUS, EDE_NO_KEY),
    "nothing.stripped.t. A": (BOGUS, EDE_NO_KEY),
}


def verdict(m):
    if m is None:
        return "no answer"
    if m.rcode() == dns.rcode.SERVFAIL:
        return BOGUS
    return SECURE if m.flags & dns.flags.AD else INSECURE


def ask(net, server, **how):
    return truth.ask_all(net.ns["box1"], server, [truth.Question(*q.split(), edns=1232, **how) for q in ROWS])


def compare(net):
    ours, theirs = ask(net, truth.STUB, ad=True), ask(net, ORACLE, ad=True)
    for (q, row), mine, other in zip(ROWS.items(), ours, theirs):
        lab.equal(verdict(mine), row[0], f"{q}: verdict")
        lab.equal(truth.ede(mine), row[1], f"{q}: EDE")
        lab.equal(verdict(other), row[0], f"{q}: unbound's verdict")
        if row[0] != BOGUS:
            lab.equal(mine.rcode(), other.rcode(), f"{q}: RCODE")
            lab.equal(set(truth.records(mine)), set(truth.records(other)), f"{q}: records")


def flags(net):
    """A second time: DO, CD, and answers that are kept."""
    for q, row, with_do in zip(ROWS, ROWS.values(), ask(net, truth.STUB, do=True)):
        lab.equal(verdict(with_do), row[0], f"{q} with DO")
    for q, row, checking_disabled in zip(ROWS, ROWS.values(), ask(net, truth.STUB, cd=True, ad=True)):
        lab.equal(verdict(checking_disabled), row[0], f"{q} with CD: it switches nothing off")
    for q, row, silent in zip(ROWS, ROWS.values(), ask(net, truth.STUB)):
        lab.equal(verdict(silent), BOGUS if row[0] == BOGUS else INSECURE, f"{q}: AD for nobody who did not ask")


def main(net):
    net.ns["net"].ip("addr add 10.0.0.4/24 dev br0")
    tree = signedtree.Tree(f"{truth.WORK}/tree")
    anchors = f"{truth.labdaemon.ETC}/anchors"
    os.makedirs(os.path.dirname(anchors), exist_ok=True)
    with open(anchors, "w", encoding="ascii") as f:
        f.write(tree.anchors)
    truth.Nsd(net, UPSTREAM, tree.zones)
    truth.Unbound(net, ORACLE, UPSTREAM, more=f'module-config: "validator iterator"\n  trust-anchor-file: "{anchors}"')
    daemon = truth.postern(net, [UPSTREAM], more=f'dnssec = "validate";\ntrust_anchors = "{anchors}";')
    compare(net)
    flags(net)
    daemon.stop()


lab.test(main)
