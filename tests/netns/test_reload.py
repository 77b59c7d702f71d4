# SPDX-License-Identifier: GPL-2.0-or-later
"""Reload: exactly the flows end that the new policy forbids; a bad file changes nothing."""
import signal

import lab
import labdaemon

ALL = ("example.com", "other.test", "shared-a.test", "shared-b.test")


def reload_with(daemon, domains):
    daemon.write_policy("web.conf", labdaemon.policy_text("web", domains=domains))
    done = daemon.cli("reload")
    lab.equal(done.returncode, 0, f"postern reload: {done.stdout}{done.stderr}".strip())


def alive(flow):
    """True when the flow makes another exchange, False when it has died."""
    at = flow.state()["exchanges"]
    lab.wait_for("an exchange, or the end of the flow",
                 lambda: flow.state()["exchanges"] > at + 2 or flow.state()["flows_dead"], 15)
    return not flow.state()["flows_dead"]


def many(daemon):
    """Two hundred sandboxes with a policy each, and a rule of as many prefixes: sorting them needs what small ones do not."""
    prefixes = ", ".join(f'"198.18.{i}.0/24"' for i in range(200))
    more = f'egress = (\n  {{ name = "many"; to = [ {prefixes} ]; ports = [ "tcp/443" ]; }}\n);\n'
    for i in range(200):
        text = labdaemon.policy_text(f"p{i}", domains=ALL)
        daemon.write_policy(f"p{i}.conf", text[:text.index("egress")] + more if i == 0 else text)
    sandboxes = {f"s{i}": (f'source = "198.19.0.{i}"', f"p{i}") for i in range(200)}
    daemon.write_conf(labdaemon.conf_text({"box1": ('interface = "pt-box1"', "web"), **sandboxes}))
    done = daemon.cli("reload")
    lab.equal(done.returncode, 0, f"two hundred sandboxes: {done.stdout}{done.stderr}".strip())


def main(net):
    conf = labdaemon.box_conf(pins="min_s = 120; max_s = 3600; grace_s = 5; margin_s = 1;")
    daemon = labdaemon.Postern(net, conf, {"web.conf": labdaemon.policy_text("web", domains=ALL)}).start()
    flows = {name: net.traffic("box1", name=name, forbidden=(), flows=1) for name in ALL}
    for name, flow in flows.items():
        lab.wait_for(f"a flow to {name}", lambda: flow.state()["exchanges"] > 0, 10)

    reload_with(daemon, ("example.com", "other.test", "shared-b.test"))
    lab.check(all(alive(flows[n]) for n in ALL), "one of two names on an address is removed: no flow ends")
    lab.equal(lab.dig(net.ns["box1"], "shared-a.test", "A"), [], "and the removed name no longer resolves")

    reload_with(daemon, ("example.com", "shared-b.test"))
    lab.check(not alive(flows["other.test"]), "a name with a live connection is removed: its flow ends")
    lab.check(alive(flows["example.com"]) and alive(flows["shared-b.test"]), "and only that")
    lab.check(daemon.wait_event(kind="cut"), "it is recorded")

    reload_with(daemon, ("example.com",))
    lab.check(not alive(flows["shared-b.test"]), "the other name of the address goes too: now its flows end")
    lab.check(not alive(flows["shared-a.test"]), "also the one that was opened under the first name")
    lab.check(alive(flows["example.com"]), "and only those")

    daemon.write_policy("web.conf", "name = \"web\"; dns = ( nonsense );")
    lab.check(daemon.cli("reload").returncode != 0, "a bad file is an error")
    lab.check(alive(flows["example.com"]), "and the flow lives on")
    lab.equal(lab.dig(net.ns["box1"], "example.com", "A"), ["203.0.113.22"], "under the old policy")
    daemon.kill("posternd", signal.SIGHUP)
    lab.wait_for("the failed load in the log", lambda: len(daemon.events(kind="policy-failed")) >= 2, 5)

    daemon.write_policy("web.conf", labdaemon.policy_text("web", domains=ALL))
    many(daemon)
    lab.equal(daemon.state()["starts"], 1, "starts of the daemon")


lab.test(main)
