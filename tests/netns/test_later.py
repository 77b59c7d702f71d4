# SPDX-License-Identifier: GPL-2.0-or-later
"""Interfaces and cgroups that appear after their sandbox was defined, go away, and come back under another number.

An interface is confined by its name from its first packet on; one that has none is shut. Nobody has the rights of a sandbox because
the number of its interface was given away again, or because the interface has another name now: neither its pins, nor what the
verdict loop accepts for it, nor its resolver.

A cgroup is known by an id that it has only once it exists. Until posternd has seen it, its processes are the host's: shut where
the host is a sandbox; where it is not, what they began in that moment is cut when it is over.
"""
import json
import os
import signal
import subprocess
import time

import lab
import labcell
import labdaemon
import labnet
import labprobe

PIN = "203.0.113.22"  # example.com
SEEN = 443	      # of the stranger: policy wide lets it through, by the verdict loop
SHUT = 8443
WIDE = """name = "wide";
dns = ( { name = "web"; priority = 1; action = "ALLOW"; domains = [ "example.com", "*.test" ]; ports = [ "tcp/443" ]; } );
egress = ( { name = "seen"; action = "ALERT"; to = [ "198.51.100.0/24" ]; ports = [ "tcp/443" ]; } );
"""
NARROW = """name = "narrow";
dns = ( { name = "rest"; priority = 1; action = "BLOCK"; domains = [ "*" ]; } );
"""
# argv: cgroup, address. Makes the cgroup, enters it, and tries to reach the address until its input ends: one UDP socket that
# stays, and connections, of which four stay. Prints how many of those were made.
JOB = """
import os, select, socket, sys
group, address = sys.argv[1], sys.argv[2]
os.makedirs(group)
open(group + "/cgroup.procs", "w").write("0")
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.connect((address, 7777))
made, kept = 0, []
while not select.select([0], [], [], 0.002)[0]:
    for old in [udp, *kept]:
        try:
            old.send(b"x")
        except OSError:
            pass
    s = socket.socket()
    s.settimeout(0.3)
    if s.connect_ex((address, 8443)) == 0:
        made += 1
        s.setblocking(False)
        kept = [s, *kept[:3]]
print(made)
"""


def reaches(ns, address, port, timeout_s=1):
    return labprobe.connect(ns, address, port, timeout_s=timeout_s).error == 0


class Cable:
    """What connects box2 with the host, under whatever name and number."""

    def __init__(self, net):
        self.host, self.box, self.name = net.ns["host"], net.ns["box2"], "pt-box2"
        self.addresses = zip(labnet.BOX["box2"], labnet.GATEWAY["box2"], ("28", "64"))
        self.addresses = list(self.addresses)

    def batch(self, ns, lines):
        ns.run(["ip", "-batch", "-"], stdin="\n".join(lines) + "\n")

    def index(self):
        return json.loads(self.host.run(["ip", "-j", "link", "show", self.name]).stdout)[0]["ifindex"]

    def unplug(self):
        self.batch(self.host, [f"link del {self.name}"])

    def gateways(self):
        return [f"addr replace {gw}/{n} dev {self.name}" + (" nodad" if n == "64" else "") for _, gw, n in self.addresses]

    def plug(self, name, index=None):
        """Replaces it by a new one."""
        self.unplug()
        self.name = name
        number = f"index {index} " if index else ""
        self.batch(self.host, [f"link add {name} {number}type veth peer name eth0 netns box2", f"link set {name} up", *self.gateways()])
        self.batch(self.box, ["link set eth0 up"] + [f"addr add {a}/{n} dev eth0" + (" nodad" if n == "64" else "") for a, _, n in self.addresses] +
                   [f"route add default via {gw}" for _, gw, _ in self.addresses])

    def rename(self, name):
        self.batch(self.host, [f"link set {self.name} down", f"link set {self.name} name {name}", f"link set {name} up"])
        self.name = name
        self.batch(self.host, self.gateways())


class Scene:
    def __init__(self, net):
        self.net, self.box, self.cable = net, net.ns["box2"], Cable(net)
        self.root = lab.cgroup("late")
        self.path = os.path.relpath(self.root, labcell.cgroup2_mount())
        self.rows = {"late": ('interface = "pt-late"', "wide"), "other": ('interface = "pt-other"', "narrow"),
                     "job": (f'cgroup = "{self.path}/deep/job"', "narrow")}
        # not the RST by which postern refuses what the stranger still sends on a flow that was cut
        self.sent = net.watch(f"meta l4proto 6 tcp flags & rst == rst accept\nip daddr {labnet.STRANGER} ip saddr 10.0.0.10")
        self.daemon = labdaemon.Postern(net, self.conf(), {"wide.conf": WIDE, "narrow.conf": NARROW}).start()

    def conf(self, more=None):
        return labdaemon.conf_text({**self.rows, **(more or {})}, pins="min_s = 300; max_s = 3600; grace_s = 10; margin_s = 1;")

    def nothing(self, when):
        before = self.net.stranger.count()
        for address, port in ((labnet.STRANGER, SEEN), (labnet.STRANGER, SHUT), (labnet.STRANGER6, SEEN), (PIN, 443)):
            lab.check(not reaches(self.box, address, port), f"{when}: {address}:{port} is shut")
        lab.equal(lab.dig(self.box, "example.com", "A", timeout_s=1), [], f"{when}: no name resolves")
        lab.equal(self.net.stranger.count(), before, f"{when}: packets at the stranger")

    def wide(self, when):
        # a new interface may lose its first packet: time for a second SYN
        lab.check(reaches(self.box, labnet.STRANGER, SEEN, 5), f"{when}: the watched address is open")
        lab.check(not reaches(self.box, labnet.STRANGER, SHUT), f"{when}: its other ports are not")
        lab.equal(lab.dig(self.box, "example.com", "A"), [PIN], f"{when}: a name resolves")
        lab.check(reaches(self.box, PIN, 443, 5), f"{when}: its pin is open")


def interfaces(scene):
    cable = scene.cable
    scene.nothing("an interface without a sandbox")
    cable.plug("pt-late")
    scene.wide("the interface of late appears")
    first = cable.index()
    cable.plug("pt-late")
    lab.check(cable.index() != first, f"it comes back as {cable.index()}, not {first}")
    scene.wide("it comes back")
    cable.plug("pt-box2")
    scene.nothing("it is replaced by one without a sandbox")


def numbers(scene):
    """Each time the verdict loop and the resolver have just looked the number up."""
    cable = scene.cable
    cable.plug("pt-late")
    scene.wide("late, before its number is given away")
    cable.plug("pt-other", cable.index())
    scene.nothing("other has its number")
    cable.plug("pt-late", cable.index())
    scene.wide("late has it again")
    cable.rename("pt-other")
    scene.nothing("late's interface has become other's")
    lab.check(scene.daemon.wait_event(kind="refusal", sandbox="other", destination=labnet.STRANGER), "and the log says other")
    cable.rename("pt-late")
    scene.wide("and late's again")


def runtime(scene):
    for when, name in (("before it exists", "pt-later"), ("while it exists", "pt-box2")):
        def cli(*words):
            lab.equal(scene.daemon.cli("sandbox", *words).returncode, 0, f"sandbox {words[0]} {when}")
        if name == "pt-box2":
            scene.cable.plug(name)
            scene.nothing("not yet a sandbox")
        cli("add", "later", "--policy", "wide", "--interface", name)
        if name != "pt-box2":
            scene.cable.plug(name)
        scene.wide(f"added {when}")
        cli("remove", "later")
        scene.nothing(f"removed, added {when}")


class Job:
    """JOB in the host's namespace."""

    def __init__(self, scene, group):
        self.proc = scene.net.ns["host"].popen(["/usr/bin/python3", "-c", JOB, group, labnet.STRANGER], stdin=subprocess.PIPE,
                                               stdout=subprocess.PIPE, text=True)

    def end(self):
        """The number of connections that were made."""
        return int(self.proc.communicate(timeout=20)[0])


def remove_group(group, root):
    while group != root:
        lab.wait_for(f"{group} to be empty", lambda g=group: subprocess.run(["rmdir", g], check=False).returncode == 0)
        group = os.path.dirname(group)


def quiet(scene, when):
    """Nothing arrives any more: half a second, in which the job tries a hundred times."""
    before = scene.sent()
    time.sleep(0.5)
    lab.equal(scene.sent() - before, 0, f"{when}: packets on the way to the stranger")


def cgroup(scene, name, group, blind=False):
    """Made, entered and used at once; then gone, and made again. Blind: while posternd cannot see it."""
    def events(text):
        return len(scene.daemon.events(kind="sandbox", sandbox=name, text=text))
    ids = []
    for n in (1, 2):
        before = scene.net.stranger.count()
        if blind:
            scene.daemon.kill("posternd", signal.SIGSTOP)
        running = Job(scene, group)
        if blind:
            lab.wait_for("what the host may do", lambda b=before: scene.net.stranger.count() > b)
            scene.daemon.kill("posternd", signal.SIGCONT)
        lab.wait_for("the cgroup to be seen", lambda n=n: events("cgroup appeared") == n)
        lab.wait_for("a refusal", lambda: scene.daemon.events(kind="refusal", sandbox=name, destination=labnet.STRANGER))
        ids.append(os.stat(group).st_ino)
        print(f"        {name}: {scene.net.stranger.count() - before} packets at the stranger until then")
        quiet(scene, f"{name}, seen")
        made = running.end()
        if blind:
            lab.check(made > 0, f"{name}: while it was not seen, it was the host's")
        if not blind:
            lab.equal(made, 0, f"{name}: connections made")
        remove_group(group, scene.root)
        lab.wait_for("the cgroup to be missed", lambda n=n: events("cgroup disappeared") == n)
    lab.check(ids[0] != ids[1], f"{name}: it came back under another id")


def cgroups(scene):
    cgroup(scene, "job", f"{scene.root}/deep/job")
    done = scene.daemon.cli("sandbox", "add", "task", "--policy", "narrow", "--cgroup", f"{scene.path}/task")
    lab.equal(done.returncode, 0, "a sandbox whose cgroup does not exist is added")
    cgroup(scene, "task", f"{scene.root}/task", blind=True)
    scene.daemon.write_conf(scene.conf({"machine": ("host = true", "narrow"), "again": (f'cgroup = "{scene.path}/again"', "narrow")}))
    lab.equal(scene.daemon.cli("reload").returncode, 0, "the host becomes a sandbox")
    before = scene.net.stranger.count()
    cgroup(scene, "again", f"{scene.root}/again")
    lab.equal(scene.net.stranger.count(), before, "where the host is a sandbox, nothing ever gets out")


def main(net):
    scene = Scene(net)
    interfaces(scene)
    numbers(scene)
    runtime(scene)
    cgroups(scene)


lab.test(main)
