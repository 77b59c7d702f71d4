# SPDX-License-Identifier: GPL-2.0-or-later
"""DNS cookies (RFC 7873, RFC 9018) with servers that do them for real: BIND and Knot DNS, each demanding a good server cookie.

Who has none gets BADCOOKIE and a cookie: so one question is asked twice, and every other once, over UDP. A server that ceases to do
cookies, and one that begins to, go on being believed. What somebody forges is in tests/scenario/cookies.txt.
"""
import json

import truth
from truth import lab

NAMED, KNOT, COUNT = "10.0.0.11", "10.0.0.14", 40
ZONE = """$TTL 60
@ IN SOA ns.cookie.test. root.cookie.test. 1 3600 600 86400 5
@ IN NS ns.cookie.test.
ns IN A 10.0.0.11
*.n IN A 203.0.113.77
"""
DEMANDING, CEASED = "answer-cookie yes; require-server-cookie yes;", "answer-cookie no;"


def named(net, cookies):
    folder = truth.Server.folder(NAMED)
    conf = f"""options {{
  directory "{folder}"; pid-file "{folder}/named.pid"; session-keyfile "{folder}/session.key"; lock-file none;
  listen-on {{ {NAMED}; }}; listen-on-v6 {{ none; }}; recursion no; allow-query {{ any; }}; dnssec-validation no;
  empty-zones-enable no; {cookies}
}};
controls {{ }};
zone "cookie.test." {{ type primary; file "zone"; }};
"""
    return truth.Server(net, NAMED, [truth.labnet.program("named"), "-g", "-4", "-n", "1", "-c", f"{folder}/named.conf"],
                        [("named.conf", conf), ("zone", ZONE)], probe=("ns.cookie.test", "A"))


def knot(net):
    folder = truth.Server.folder(KNOT)
    conf = f"""server:
  rundir: {folder}
  listen: {KNOT}@53
database:
  storage: {folder}
mod-cookies:
  - id: default
    badcookie-slip: 1
template:
  - id: default
    storage: {folder}
    global-module: mod-cookies/default
zone:
  - domain: cookie.test
    file: zone
"""
    return truth.Server(net, KNOT, [truth.labnet.program("knotd"), "-c", f"{folder}/knot.conf"],
                        [("knot.conf", conf), ("zone", ZONE)], probe=("ns.cookie.test", "A"))


class Asker:
    def __init__(self, net, daemon):
        self.net, self.daemon, self.n, self.before = net, daemon, 0, self.counters(daemon, 0)

    @staticmethod
    def counters(daemon, questions):
        """Those of a moment when so many questions had come; the gate hears of them now and then."""
        def look():
            counters = json.loads(daemon.cli("--json", "status").stdout)["counters"]["resolver"]
            return counters if counters["queries_udp"] >= questions else None
        return lab.wait_for(f"{questions} questions to be counted", look)

    def ask(self, what, questions=COUNT):
        """How many more of each of the counters that count these names cost; every one has to be answered."""
        asked = [truth.Question(f"h{self.n + k}.n.cookie.test.", "A") for k in range(questions)]
        self.n += questions
        # one after the other: so that the first's cookie is there for the second
        got = [truth.ask_all(self.net.ns["box1"], truth.STUB, [q])[0] for q in asked]
        lab.equal([truth.texts(m, "A") if m else None for m in got], [["203.0.113.77"]] * questions, f"{what}: {questions} answers")
        before, self.before = self.before, self.counters(self.daemon, self.n)
        return {k: self.before[k] - before[k] for k in ("upstream_queries", "upstream_badcookies", "upstream_cookies_forged", "upstream_timeouts")}


def cost(queries, bad=0, forged=0):
    return {"upstream_queries": queries, "upstream_badcookies": bad, "upstream_cookies_forged": forged, "upstream_timeouts": 0}


def switch(daemon, address):
    daemon.write_conf(truth.conf([address]))
    lab.equal(daemon.cli("reload").returncode, 0, f"{address} is the upstream now")


def main(net):
    server = named(net, DEMANDING)
    daemon = truth.postern(net, [NAMED])
    asker = Asker(net, daemon)
    lab.equal(asker.ask("BIND"), cost(COUNT + 1, bad=1), "BIND: the first question is asked twice, no other")
    server.stop()
    server = named(net, DEMANDING)  # with another secret
    lab.equal(asker.ask("BIND with a new secret"), cost(COUNT + 1, bad=1), "BIND with a new secret: one question twice")
    server.stop()
    server = named(net, CEASED)
    lab.equal(asker.ask("BIND without cookies"), cost(COUNT + 1, forged=1), "without cookies: one question again, over TCP")
    server.stop()
    server = named(net, "answer-cookie yes;")
    lab.equal(asker.ask("BIND with cookies"), cost(COUNT), "with cookies that it does not demand: nothing twice")
    knot(net)
    switch(daemon, KNOT)
    lab.equal(asker.ask("Knot DNS"), cost(COUNT + 1, bad=1), "Knot DNS: the first question is asked twice, no other")
    daemon.stop()


lab.test(main)
