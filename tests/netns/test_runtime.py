# SPDX-License-Identifier: GPL-2.0-or-later
"""Sandboxes added at run time live in the kernel: they outlast the daemon, stopped or killed, with pins and policy; removed ones do not come back.

While no daemon runs they are shut but for their pins; of the interface of a removed one nothing passes. And what a stop leaves: the
rules as they were, and an audit log whose last line is `stop`.
"""
import json
import os
import re
import signal

import lab
import labcell
import labdaemon
import labnet
import labprobe

PIN = "203.0.113.22"  # example.com
GROUP = """
import os, socket, sys
open(sys.argv[1] + "/cgroup.procs", "w").write("0")
s = socket.socket()
s.settimeout(2)
sys.exit(s.connect_ex((sys.argv[2], 443)) != 0)
"""


def listed(daemon):
    """{name: (policy, selectors)} of the sandboxes of run time."""
    done = daemon.cli("sandbox", "list", "--json")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    return {r["name"]: {k: v for k, v in r.items() if k not in ("pins", "slot")} for r in rows if r["runtime"]}


def reaches(ns, address, port=443):
    return labprobe.connect(ns, address, port, timeout_s=1).error == 0


class Scene:
    def __init__(self, net):
        self.net, self.box1, self.box2 = net, net.ns["box1"], net.ns["box2"]
        self.group = lab.cgroup("late")
        path = os.path.relpath(self.group, labcell.cgroup2_mount())
        conf = labdaemon.box_conf(boxes=("box1",), pins="min_s = 300; max_s = 3600; grace_s = 10; margin_s = 1;").replace(
            'policies = [ "policies/web.conf" ]', 'policies = [ "policies/web.conf", "policies/bare.conf" ]')
        self.daemon = labdaemon.Postern(net, conf, {"web.conf": labdaemon.policy_text("web"),
                                                    "bare.conf": labdaemon.policy_text("bare", domains=("example.com",))}).start()
        self.add("lab2", "bare", "--interface", "pt-box2")
        self.add("job", "web", "--cgroup", path)
        self.add("brief", "web", "--source", "192.0.2.200")

    def add(self, name, policy, *selector):
        done = self.daemon.cli("sandbox", "add", name, "--policy", policy, *selector)
        lab.equal((done.returncode, done.stderr), (0, ""), f"{name} is added")

    def remove(self, name):
        lab.equal(self.daemon.cli("sandbox", "remove", name).returncode, 0, f"{name} is removed")

    def job_reaches(self, address):
        return self.net.ns["host"].run(["/usr/bin/python3", "-c", GROUP, self.group, address], check=False).returncode == 0

    def pins(self):
        return set(labprobe.pins(self.daemon))

    def closed(self, when):
        """What holds with and without a daemon."""
        before = self.net.stranger.count()
        lab.check(reaches(self.box2, PIN), f"{when}: the pin of lab2 is open")
        lab.check(not reaches(self.box2, "203.0.113.23"), f"{when}: no other address")
        lab.check(not reaches(self.box2, PIN, 8443), f"{when}: no other port")
        lab.check(not reaches(self.box2, labnet.STRANGER), f"{when}: not the stranger")
        lab.check(not self.job_reaches(labnet.STRANGER), f"{when}: the cgroup does not reach the stranger")
        lab.equal(self.net.stranger.count(), before, f"{when}: packets at the stranger")

    def answers(self, when, known):
        lab.equal(listed(self.daemon), known, f"{when}: the sandboxes of run time")
        lab.equal(lab.dig(self.box2, "example.com", "A"), [PIN], f"{when}: lab2 resolves what its policy names")
        lab.equal(lab.dig(self.box2, "n1.test", "A"), [], f"{when}: and nothing else")


def restarts(scene):
    known = listed(scene.daemon)
    lab.equal(set(known), {"lab2", "job"}, "what is there")
    before = scene.pins()
    scene.daemon.stop()
    scene.closed("stopped")
    lab.equal(before - scene.pins(), set(), "stopped: pins missing")
    scene.daemon.start()
    lab.equal(before - scene.pins(), set(), "started again: pins missing")
    scene.closed("started again")
    scene.answers("started again", known)
    starts = scene.daemon.state()["starts"]
    scene.daemon.kill("posternd", signal.SIGKILL)
    scene.daemon.wait_restarted(starts)
    lab.equal(before - scene.pins(), set(), "killed: pins missing")
    scene.closed("killed")
    scene.answers("killed", known)


def named(scene, interface):
    """Elements of any set that name the interface, but for its flood meter, which ends by itself within a minute."""
    listing = scene.daemon.nft("list", "table", "inet", "postern")
    meter = rf'"{interface}" limit rate \d+/second burst \d+ packets expires (\d+s)?(\d+ms)?'
    return [line.strip() for line in re.sub(meter, "", listing).splitlines() if f'"{interface}"' in line]


def removed(scene):
    """Gone for good, by a stop and by a kill; its interface has no owner, so nothing passes."""
    scene.remove("lab2")
    lab.equal(scene.pins(), set(), "its pins are gone")
    # its flows are cut with it, and then the kernel forgets their count, and which sources were routed to it
    lab.wait_for("no set to name its interface", lambda: not named(scene, "pt-box2"))
    left = scene.net.ns["host"].run(["conntrack", "-L", "-s", labnet.BOX["box2"][0]]).stdout
    lab.equal([f for f in left.splitlines() if "TIME_WAIT" not in f and "CLOSE" not in f], [], "flows that it left")
    for how in ("stop", "kill"):
        if how == "stop":
            scene.daemon.stop()
            lab.check(not reaches(scene.box2, PIN), "removed, without a daemon: its former pin is shut")
            scene.daemon.start()
        else:
            starts = scene.daemon.state()["starts"]
            scene.daemon.kill("posternd", signal.SIGKILL)
            scene.daemon.wait_restarted(starts)
        lab.equal(set(listed(scene.daemon)), {"job"}, f"removed, and after a {how} not back")
        lab.check(not reaches(scene.box2, PIN), f"{how}: its former pin is shut")
        lab.equal(lab.dig(scene.box2, "example.com", "A"), [], f"{how}: it resolves nothing")


def stop(scene):
    """The end that systemd makes: SIGTERM to posternd."""
    rules = scene.daemon.nft("-s", "list", "chain", "inet", "postern", "forward")
    scene.daemon.stop()
    lab.equal(scene.daemon.state()["last_exit"], 0, "SIGTERM ends posternd with 0")
    lab.equal(scene.daemon.pids(), {}, "and every other process")
    events = scene.daemon.events()
    lab.equal([(e["kind"], e["process"]) for e in events[-1:]], [("stop", "gate")], "the last line of the log")
    lab.equal(scene.daemon.nft("-s", "list", "chain", "inet", "postern", "forward"), rules, "the rules stay")
    before = scene.net.stranger.count()
    for address in (labnet.STRANGER, labnet.STRANGER6):
        lab.check(not reaches(scene.box1, address), f"box1 does not reach {address}")
    lab.check(not scene.job_reaches(labnet.STRANGER), "nor does the cgroup")
    lab.equal(scene.net.stranger.count(), before, "nothing reached the stranger")


def main(net):
    scene = Scene(net)
    scene.remove("brief")
    lab.equal(lab.dig(scene.box2, "example.com", "A"), [PIN], "lab2 resolves")
    restarts(scene)
    removed(scene)
    stop(scene)


lab.test(main)
