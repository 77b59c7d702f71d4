# SPDX-License-Identifier: GPL-2.0-or-later
"""The thread through everything: resolve, pin, connect, refuse, record, renew. Also run on Debian's kernel (tests/vm)."""
import re
import time

import lab
import labdaemon
import labnet


def pins_of(daemon, family=4):
    return daemon.nft("list", "set", "inet", "postern", f"pin{family}_iface")


def resolve_and_connect(net, daemon):
    box = net.ns["box1"]
    for family, rrtype, host in ((4, "A", "203.0.113.22"), (6, "AAAA", "2001:db8:113::22")):
        lab.equal(lab.dig(box, "example.com", rrtype), [host], f"example.com {rrtype} resolves")
        listing = pins_of(daemon, family)
        lab.check(f'"pt-box1" . {host} . tcp . 443' in listing and "example.com" in listing, f"and is pinned with its name: {host}")
        done = box.run(["curl", f"-{family}", "-sS", "-m", str(5 * lab.SLOW), "https://example.com/"], check=False)
        lab.check("example.com from" in done.stdout, f"and is reached over IPv{family}: {done.stderr.strip()}")


def refuse(net, daemon):
    box = net.ns["box1"]
    for url, why in (("https://203.0.113.99/", "an address that was never resolved"),
                     ("https://203.0.113.22:8443/", "another port of a pinned address"),
                     ("https://[2001:db8:113::99]/", "an IPv6 address that was never resolved")):
        began = time.monotonic()
        done = box.run(["curl", "-ksS", "-m", str(10 * lab.SLOW), url], check=False)
        lab.check(done.returncode == 7 and time.monotonic() - began < 2 * lab.SLOW, f"{why} is refused at once: {done.stderr.strip()}")
        host = re.search(r"//\[?([0-9a-f.:]+?)\]?(:8443)?/", url).group(1)
        event = daemon.wait_event(kind="refusal", destination=host)
        lab.check(event.get("sandbox") == "box1" and event.get("reason"), f"and recorded: {event}")
    lab.equal(lab.dig(box, "github.com", "A"), [], "a name that no rule permits has no address")
    lab.check(daemon.wait_event(kind="dns", names=lambda n: "github.com" in str(n)), "and is recorded")


def other_resolvers(net):
    box, before = net.ns["box1"], net.stranger.count()
    for server in (labnet.STRANGER, labnet.STRANGER6):
        for how in ("+notcp", "+tcp"):
            lab.equal(lab.dig(box, how, "example.com", "A", server=server), ["203.0.113.22"],
                      f"dig @{server} {how} is answered by postern")
    lab.equal(net.stranger.count(), before, "and the stranger never sees it")


def renewal(net, daemon):
    """A name that is asked again and again stays reachable far beyond the first lifetime of its pins."""
    box, refused = net.ns["box1"], 0
    until = time.monotonic() + 12 * lab.SLOW
    while time.monotonic() < until:
        address = lab.dig(box, "short.test", "A")
        done = box.run(["curl", "-ksS", "-m", str(5 * lab.SLOW), "-o", "/dev/null", f"https://{address[0]}/"], check=False) if address else None
        refused += not done or done.returncode != 0
    lab.equal(refused, 0, f"resolve and connect for {12 * lab.SLOW} s, with a TTL of 1 s: refused")
    lab.wait_for("the pin to be gone after its last use", lambda: "short.test" not in pins_of(daemon), 20)
    done = box.run(["curl", "-ksS", "-m", str(5 * lab.SLOW), "https://203.0.113.30/"], check=False)
    lab.equal(done.returncode, 7, "then the address is refused again")


def main(net):
    life_s = 2 * lab.SLOW
    conf = labdaemon.box_conf(pins=f"min_s = {life_s}; max_s = 3600; grace_s = {life_s}; margin_s = 1;")
    daemon = labdaemon.Postern(net, conf, {"web.conf": labdaemon.policy_text("web")})
    daemon.start()
    resolve_and_connect(net, daemon)
    refuse(net, daemon)
    other_resolvers(net)
    renewal(net, daemon)
    daemon.stop()
    lab.check(net.ns["box1"].run(["curl", "-ksS", "-m", str(3 * lab.SLOW), "https://203.0.113.99/"], check=False).returncode != 0,
              "stopped: still shut")


lab.test(main)
