# SPDX-License-Identifier: GPL-2.0-or-later
"""Audit mode and fail_open with the real daemon.

Audit: what the policy would block gets through and is recorded as `would-block`, a blocked name's packets with the name; metadata stays refused; without a daemon it is
shut; the mode outlives a restart, of sandboxes added at run time too; a change to enforce ends what is not permitted, also when
it is made while no daemon runs. fail_open: a name that cannot be pinned is answered, its address stays refused.
"""
import json
import signal

import lab
import labdaemon
import labnet
import labprobe

EXAMPLE, OTHER, METADATA = "203.0.113.22", "203.0.113.31", "169.254.169.254"
PINS = "min_s = 300; max_s = 3600; grace_s = 10; margin_s = 1;"
MARK = "audit mode: what the policy would block is let through and recorded"


def conf(mode, more="", pins=PINS):
    return labdaemon.conf_text({"box1": (f'interface = "pt-box1"; mode = "{mode}"{more}', "web")}, pins=pins)


def policy(more=""):
    return labdaemon.policy_text("web", domains=("example.com",), more=more)


def reaches(ns, address, port=443):
    return labprobe.connect(ns, address, port, timeout_s=1).error == 0


class Flow:
    """A connection that stays open; alive: a request gets its answer."""

    def __init__(self, ns, address, port=80):
        got = labprobe.connect(ns, address, port, keep=True)
        lab.equal(got.error, 0, f"a flow to {address}:{port}")
        self.sock, self.address = got.sock, address

    def alive(self):
        self.sock.settimeout(1.0)
        try:
            self.sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            return bool(self.sock.recv(4096))
        except OSError:
            return False


class Scene:
    def __init__(self, net):
        self.net, self.box1, self.box2 = net, net.ns["box1"], net.ns["box2"]
        self.daemon = labdaemon.Postern(net, conf("audit"), {"web.conf": policy()}).start()

    def reload(self, text=None, rules=None):
        if text:
            self.daemon.write_conf(text)
        if rules:
            self.daemon.write_policy("web.conf", rules)
        done = self.daemon.cli("reload")
        lab.equal(done.returncode, 0, f"postern reload: {(done.stdout + done.stderr).strip()}")

    def recorded(self, what, **match):
        event = self.daemon.wait_event(action="would-block", **match)
        print(f"        {what}: {event.get('reason')} by {event.get('rule')}")
        return event

    def open_box(self, box, name, when):
        """All that audit mode lets through from this sandbox, on record."""
        stranger = "198.51.100.77" if box is self.box1 else "198.51.100.78"
        answer = labprobe.ask(box, "other.test", server=labnet.GATEWAY[name][0])
        lab.equal((answer.rcode, [a for a, _ in answer.records], answer.ede), ("NOERROR", [OTHER], 0), f"{when}: {name}: a blocked name")
        lab.check(reaches(box, OTHER), f"{when}: {name} reaches it")
        lab.check(reaches(box, stranger), f"{when}: {name} reaches a stranger")
        lab.equal(self.recorded("the name", kind="dns", sandbox=name, names=["other.test"])["rule"], "rest", "by the rule that blocks")
        for address, want in ((OTHER, ("blocked-name", "rest", ["other.test"])), (stranger, ("never-resolved", "web", []))):
            event = self.recorded(address, kind="alert", sandbox=name, destination=address)
            lab.equal((event["reason"], event.get("rule"), event.get("names", [])), want, "with reason, rule and names of the refusal")


def lets_through(scene):
    daemon, box1 = scene.daemon, scene.box1
    lab.check(daemon.wait_event(kind="sandbox", sandbox="box1", text=MARK), "the mode is on record")
    scene.open_box(box1, "box1", "audit")
    lab.check(reaches(box1, "2001:db8:51::1"), "a stranger by IPv6")
    scene.recorded("IPv6", kind="alert", destination="2001:db8:51::1")
    labprobe.connect(box1, labnet.PEER, 4444, timeout_s=1)
    lab.equal(scene.recorded("private", kind="alert", destination=labnet.PEER)["reason"], "private-address", "a private address")
    lab.equal(labprobe.ask(box1, "example.com").records[0][0], EXAMPLE, "a permitted name")
    lab.check(reaches(box1, EXAMPLE), "is reached by its pin")
    lab.equal(daemon.events(kind="alert", destination=EXAMPLE), [], "which nothing has to say about")
    for address, family in ((METADATA, 4), ("fd00:ec2::254", 6)):
        lab.check(not reaches(box1, address, 80), f"metadata by IPv{family} is refused")
        lab.equal(daemon.wait_event(kind="refusal", destination=address)["reason"], "always-denied", "and recorded so")


def keeps(scene):
    """A policy that changes, and a daemon that does not run."""
    flow = Flow(scene.box1, OTHER)
    lab.check(flow.alive(), "a flow that only audit mode lets through")
    scene.reload(rules=policy("# changed\n"))
    lab.check(flow.alive(), "it outlives a reload in audit mode")
    scene.daemon.stop()
    before = scene.net.stranger.count()
    lab.check(not reaches(scene.box1, "198.51.100.90"), "without a daemon a new one is refused")
    lab.equal(scene.net.stranger.count(), before, "and nothing reached the stranger")
    lab.check(flow.alive(), "the old one goes on")
    scene.daemon.start()
    lab.check(flow.alive(), "and after the start")
    scene.open_box(scene.box1, "box1", "started again")
    return flow


def listed(daemon, name):
    rows = [json.loads(line) for line in daemon.cli("sandbox", "list", "--json").stdout.splitlines()]
    return next({"mode": r["mode"], "fail_open": r.get("fail_open", False), "runtime": r["runtime"]} for r in rows if r["name"] == name)


def runtime(scene):
    """Added with a mode; the comment of its element has it, so a daemon that was killed has it too."""
    daemon = scene.daemon
    done = daemon.cli("sandbox", "add", "box2", "--policy", "web", "--interface", "pt-box2", "--mode", "audit", "--fail-open")
    lab.equal((done.returncode, done.stderr), (0, ""), "a sandbox is added in audit mode")
    want = {"mode": "audit", "fail_open": True, "runtime": True}
    lab.equal(listed(daemon, "box2"), want, "it is listed so")
    scene.open_box(scene.box2, "box2", "added")
    flow = Flow(scene.box2, OTHER)
    starts = daemon.state()["starts"]
    daemon.kill("posternd", signal.SIGKILL)
    daemon.wait_restarted(starts)
    lab.equal(listed(daemon, "box2"), want, "after a kill it is listed so")
    lab.check(flow.alive() and flow.alive(), "its flow goes on")
    lab.check(reaches(scene.box2, "198.51.100.91"), "and a new one is let through")
    lab.equal(daemon.cli("sandbox", "remove", "box2").returncode, 0, "it is removed")
    lab.equal(daemon.cli("sandbox", "add", "box2", "--policy", "web", "--interface", "pt-box2").returncode, 0, "and added to enforce")
    lab.equal(listed(daemon, "box2")["mode"], "enforce", "it is listed so")
    lab.check(not reaches(scene.box2, "198.51.100.92"), "a stranger is refused")
    lab.check(not flow.alive(), "and the flow from before has ended")


def enforced(scene, flow, what):
    """Nothing is left of what audit mode let through."""
    daemon = scene.daemon
    lab.wait_for(f"{what}: the cut", lambda: [e for e in daemon.events(kind="cut") if e.get("source_port") == flow.sock.getsockname()[1]], 5)
    lab.check(not flow.alive(), f"{what}: the flow that is not permitted has ended")
    before = scene.net.stranger.count()
    lab.check(not reaches(scene.box1, labnet.STRANGER), f"{what}: a stranger is refused")
    lab.equal(scene.net.stranger.count(), before, f"{what}: and nothing reached it")
    lab.equal(labprobe.ask(scene.box1, "other.test").records, [], f"{what}: the name is blocked")


def tightened(scene, flow):
    permitted = Flow(scene.box1, EXAMPLE)
    scene.reload(conf("enforce"))
    enforced(scene, flow, "reload")
    lab.check(permitted.alive(), "the permitted flow goes on")
    # the same while no daemon runs
    scene.reload(conf("audit"))
    flow = Flow(scene.box1, OTHER)
    scene.daemon.stop()
    scene.daemon.write_conf(conf("enforce"))
    scene.daemon.start()
    enforced(scene, flow, "changed while no daemon ran")
    lab.check(permitted.alive(), "the permitted flow goes on")


def fails_open(scene):
    daemon, box = scene.daemon, scene.box1
    rules = labdaemon.policy_text("web", domains=("example.com", "other.test"))
    text = conf("enforce", "; fail_open = true", pins=f"{PINS} per_sandbox = 2;")
    daemon.stop()
    daemon.ns.run(["nft", "flush", "ruleset"])
    daemon.write_policy("web.conf", rules)
    daemon.write_conf(text)
    daemon.start()
    lab.check(daemon.wait_event(kind="sandbox", sandbox="box1", text=lambda t: t and t.startswith("fail_open")), "fail_open is on record")
    lab.check("with fail_open a name is answered" in daemon.log_text(), "and the compiler has warned")
    lab.equal(len(labprobe.ask(box, "example.com").records), 1, "a name takes all the pins that there may be")
    lab.check(reaches(box, EXAMPLE), "and is reached")
    answer = labprobe.ask(box, "other.test")
    lab.equal((answer.rcode, answer.records), ("NOERROR", [(OTHER, 5)]), "one that cannot be pinned is answered, for 5 s")
    lab.check(not any(key[0] == OTHER for key in labprobe.pins(daemon)), "there is no pin")
    lab.check(not reaches(box, OTHER), "and its address is refused")
    event = daemon.wait_event(kind="dns", names=["other.test"], action="alert")
    lab.equal((event["reason"], event["rcode"]), ("quota", "NOERROR"), "on record with the reason")
    lab.equal(labprobe.ask(box, "n1.test").records, [], "a blocked name is blocked")


def main(net):
    scene = Scene(net)
    lets_through(scene)
    flow = keeps(scene)
    runtime(scene)
    tightened(scene, flow)
    fails_open(scene)


lab.test(main)
