# SPDX-License-Identifier: GPL-2.0-or-later
"""Someone else flushes the ruleset, deletes a chain, a set, an element: noticed, recorded with the writer, restored."""
import time

import lab
import labdaemon

ACTS = (
    ("the whole ruleset is flushed", ["flush", "ruleset"]),
    ("the table is deleted", ["delete", "table", "inet", "postern"]),
    ("a chain's rules are flushed", ["flush", "chain", "inet", "postern", "forward"]),
    ("a set is flushed", ["flush", "set", "inet", "postern", "sandbox_iface"]),
    ("a rule is inserted", ["insert", "rule", "inet", "postern", "forward", "accept"]),
    ("an element is added", ["add", "element", "inet", "postern", "allow4_iface", "{ \"pt-box1\" . 0.0.0.0/0 . 6 . 0-65535 }"]),
)


def shut(net):
    """True when a forbidden connection is refused or times out."""
    return net.ns["box1"].run(["curl", "-ksS", "-m", "1", "-o", "/dev/null", "https://203.0.113.99/"], check=False).returncode != 0


def listing(daemon):
    out = daemon.ns.run(["nft", "-s", "list", "table", "inet", "postern"], check=False).stdout
    # pins come and go by themselves: their sets are compared by the other tests
    return [x for x in out.splitlines() if "timeout" not in x and "elements" not in x and " . " not in x]


def tamper(net, daemon, what, words):
    before, events = listing(daemon), len(daemon.events(kind="tamper"))
    began, leaked = time.monotonic(), net.stranger.count()
    daemon.ns.run(["nft", *words])
    lab.wait_for(f"the ruleset to be restored after: {what}", lambda: listing(daemon) == before, 10)
    lab.check(time.monotonic() - began < 1.5, f"{what}: restored after {time.monotonic() - began:.2f} s")
    lab.wait_for("its audit event", lambda: len(daemon.events(kind="tamper")) > events, 5)
    event = daemon.events(kind="tamper")[-1]
    lab.check("nft" in str(event.get("exe", "")) + str(event.get("command", "")) + str(event.get("text", "")),
              f"{what}: recorded with the writer: {event}")
    lab.check(shut(net), f"{what}: shut again")
    print(f"{what}: packets that reached the stranger meanwhile: {net.stranger.count() - leaked}")
    lab.wait_for("service", lambda: lab.dig(net.ns["box1"], "example.com", "A") == ["203.0.113.22"], 10)
    done = net.ns["box1"].run(["curl", "-sS", "-m", "5", "https://example.com/"], check=False)
    lab.check(done.returncode == 0, f"{what}: permitted traffic works: {done.stderr.strip()}")


def main(net):
    daemon = labdaemon.Postern(net, labdaemon.box_conf(), {"web.conf": labdaemon.policy_text("web")}).start()
    lab.dig(net.ns["box1"], "example.com", "A")
    traffic = net.traffic("box1")
    for what, words in ACTS:
        tamper(net, daemon, what, words)
    lab.equal(daemon.state()["starts"], 1, "starts of the daemon")
    traffic.stop()


lab.test(main)
