# SPDX-License-Identifier: GPL-2.0-or-later
"""Which flows end: on a reload, on a policy that changed while no daemon ran, on the removal of a sandbox. Exactly the right ones.

A flow is a real connection through which bytes go to and fro; it has ended when nothing comes back and conntrack has no entry of
ours for it. Every flow is looked at after every step, in both sandboxes, and so is every EVENT_CUT.
"""
import re
import socket

import lab
import labdaemon
import labnet
import labprobe

SHARED, OTHER, EXAMPLE, STATIC = "203.0.113.40", "203.0.113.31", "203.0.113.22", "203.0.113.90"
EXAMPLE6 = "2001:db8:113::22"
OURS = 0x00100000
PINS = "min_s = 120; max_s = 3600; grace_s = 5; margin_s = 1;"


class Flow:
    """An HTTP connection that stays open, or with udp an exchange with the time server from one port."""

    def __init__(self, net, box, address, port=80, udp=False):
        self.net, self.box, self.address, self.port, self.udp = net, box, address, port, udp
        if udp:
            self.sock = labprobe.sock(net.ns[box], address, socket.SOCK_DGRAM)
            self.sock.connect((address, port))
        else:
            got = labprobe.connect(net.ns[box], address, port, keep=True)
            if got.error:
                raise lab.LabError(f"{box} to {address}:{port}: errno {got.error}")
            self.sock = got.sock
        self.source_port = self.sock.getsockname()[1]

    def __str__(self):
        return f"{self.box} -> {self.address}{'/udp' if self.udp else ''}"

    def alive(self):
        """Does a request get its answer?"""
        self.sock.settimeout(1.0)
        try:
            self.sock.sendall(b"\x1b" + bytes(47) if self.udp else b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            return bool(self.sock.recv(4096))
        except OSError:
            return False

    def tracked(self):
        """Has conntrack an entry of it that carries our mark?"""
        for family in ("ipv4", "ipv6"):
            for line in self.net.ns["host"].run(["conntrack", "-L", "-f", family], check=False).stdout.splitlines():
                mark = re.search(r"mark=(\d+)", line)
                if f"sport={self.source_port} " in line and f"dst={self.address} " in line and mark and int(mark[1]) & OURS:
                    return True
        return False


class Flows:
    def __init__(self, net, daemon):
        self.net, self.daemon, self.all = net, daemon, {}

    def open(self, key, box, address, name=None, **kw):
        if name:
            labprobe.ask(self.net.ns[box], name, "AAAA" if ":" in address else "A", server=labnet.GATEWAY[box][0])
        self.all[key] = Flow(self.net, box, address, **kw)
        self.all[key].alive()
        return self

    def expect(self, what, dead, seen, moved=()):
        """Exactly the flows named in dead have ended, and each was recorded once since `seen` cut events. Those in moved live on, in
        a conntrack entry of another zone."""
        tracked = {key for key, flow in self.all.items() if flow.tracked()}
        alive = {key for key, flow in self.all.items() if flow.alive()}
        lab.equal(sorted(set(self.all) - alive), sorted(dead), f"{what}: flows that ended")
        lab.equal(sorted(set(self.all) - tracked), sorted([*dead, *moved]), f"{what}: flows that conntrack forgot")
        want = sorted((f.box, f.address, f.source_port) for k, f in self.all.items() if k in dead)

        def cuts():
            return sorted((e.get("sandbox"), e.get("destination"), e.get("source_port"))
                          for e in self.daemon.events(kind="cut")[seen:] if e.get("source_port") in
                          {f.source_port for f in self.all.values()})
        try:
            lab.wait_for("the cut events", lambda: len(cuts()) >= len(want), 3)
        except lab.LabError:
            pass
        lab.equal(cuts(), want, f"{what}: cuts recorded")
        for key in dead:
            self.all.pop(key).sock.close()


def policy(names, egress="", ports=("tcp/443", "tcp/80")):
    text = labdaemon.policy_text("web", domains=names, ports=ports)
    return text.replace("egress = (\n", f"egress = (\n{egress}")


STATIC_RULE = f'  {{ name = "static"; to = [ "{STATIC}/32" ]; ports = [ "tcp/80" ]; }},\n'


def conf(more=""):
    return labdaemon.conf_text({"box1": ('interface = "pt-box1"', "web"), "box2": ('interface = "pt-box2"', "other")},
                               pins=PINS, extra=more)


def reload(daemon, names, **kw):
    """Writes the policy and reloads; returns how many cuts were recorded before."""
    seen = len(daemon.events(kind="cut"))
    daemon.write_policy("web.conf", policy(names, **kw))
    done = daemon.cli("reload")
    lab.equal(done.returncode, 0, f"postern reload: {(done.stdout + done.stderr).strip()}")
    return seen


ALL = ("example.com", "other.test", "shared-a.test", "shared-b.test")


def open_all(flows):
    flows.open("a", "box1", SHARED, "shared-a.test").open("b", "box1", SHARED, "shared-b.test")
    flows.open("other", "box1", OTHER, "other.test").open("example", "box1", EXAMPLE, "example.com")
    flows.open("example6", "box1", EXAMPLE6, "example.com").open("static", "box1", STATIC)
    flows.open("time", "box1", labnet.NTP, port=123, udp=True)
    # the same in the other sandbox, whose policy stays
    flows.open("2-shared", "box2", SHARED, "shared-a.test").open("2-other", "box2", OTHER, "other.test")
    flows.open("2-example", "box2", EXAMPLE, "example.com")


def reloads(net, daemon, flows):
    seen = reload(daemon, ALL, egress=STATIC_RULE)
    flows.expect("nothing changed", [], seen)
    seen = reload(daemon, ALL[:2] + ALL[3:], egress=STATIC_RULE)
    flows.expect("one of two names of an address removed", [], seen)
    seen = reload(daemon, ("example.com", "shared-b.test"), egress=STATIC_RULE)
    flows.expect("a name with a live connection removed", ["other"], seen)
    seen = reload(daemon, ("example.com", "shared-b.test"))
    flows.expect("a static rule removed", ["static"], seen)
    seen = reload(daemon, ("example.com",))
    flows.expect("the second name of the address removed", ["a", "b"], seen)
    seen = reload(daemon, ("example.com",), ports=("tcp/443",))
    flows.expect("port 80 removed", ["example", "example6"], seen)
    seen = len(daemon.events(kind="cut"))
    daemon.write_policy("web.conf", 'name = "web"; dns = ( nonsense );')
    lab.check(daemon.cli("reload").returncode != 0, "a bad file is an error")
    flows.expect("a bad file", [], seen)


def while_down(net, daemon, flows):
    """The policy of box1 changes while no daemon runs. What is remembered of flows is what the pins in the kernel say."""
    reload(daemon, ALL, egress=STATIC_RULE)
    flows.open("a", "box1", SHARED, "shared-a.test").open("other", "box1", OTHER, "other.test")
    flows.open("example", "box1", EXAMPLE, "example.com").open("static", "box1", STATIC)
    seen = len(daemon.events(kind="cut"))
    daemon.stop()
    lab.check(all(f.alive() for f in flows.all.values()), "no daemon: all flows live on")
    daemon.start()
    flows.expect("a restart with the same policy", [], seen)
    daemon.stop()
    seen = len(daemon.events(kind="cut"))
    daemon.write_policy("web.conf", policy(("example.com", "shared-b.test")))
    daemon.start()
    flows.expect("a restart with another policy", ["a", "other", "static"], seen)


def parts(net, daemon, flows):
    """The policy's own file stays; a list in a file of its own changes, and a rule group that is included."""
    def group(name):
        return (f'name = "corp";\ndns = ( {{ name = "shared"; priority = 1; action = "ALLOW"; domains = "{name}"; '
                f'ports = [ "tcp/80", "tcp/443" ]; }} );\n')

    def part(name, text):
        seen = len(daemon.events(kind="cut"))
        daemon.write_policy(name, text)
        done = daemon.cli("reload")
        lab.equal(done.returncode, 0, f"postern reload: {(done.stdout + done.stderr).strip()}")
        return seen

    daemon.write_policy("names.txt", "other.test\n")
    daemon.write_policy("corp.conf", group("shared-a.test"))
    seen = part("web.conf", 'lists: { l = { file = "names.txt"; }; };\nrule_groups = ( { priority = 200;\n@include "corp.conf"\n} );\n' +
                policy(("example.com", "@l")))
    flows.expect("the same names from parts", [], seen)
    flows.open("a", "box1", SHARED, "shared-a.test").open("other", "box1", OTHER, "other.test")
    seen = part("names.txt", "nothing.test\n")
    flows.expect("a name removed from a list", ["other"], seen)
    seen = part("corp.conf", group("nothing.test"))
    flows.expect("a name removed from an included group", ["a"], seen)


def replaced(net, daemon, flows):
    """In one reload box2's sandbox goes, and another one takes its interface under a policy that allows less."""
    flows.open("2-time", "box2", labnet.NTP, port=123, udp=True)
    seen = len(daemon.events(kind="cut"))
    daemon.write_policy("less.conf", labdaemon.policy_text("less", domains=("example.com",)))
    daemon.write_conf(labdaemon.conf_text({"box1": ('interface = "pt-box1"', "web"), "new2": ('interface = "pt-box2"', "less")},
                                          pins=PINS))
    done = daemon.cli("reload")
    lab.equal(done.returncode, 0, f"reload with new2: {(done.stdout + done.stderr).strip()}")
    for key in ("2-shared", "2-other", "2-example"):
        flows.all[key].box = "new2"  # as the events call it
    # the new sandbox has resolved nothing: of the old one's names nothing is its own
    flows.expect("a sandbox in another's place", ["2-shared", "2-other", "2-example"], seen, ["2-time"])
    pins = labprobe.elements(daemon, "pin4_iface")
    lab.equal([key for key, _ in pins if "pt-box2" in key], [], "and its pins are gone")
    flows.open("2-example", "box2", EXAMPLE, "example.com")
    daemon.write_conf(conf())
    seen = len(daemon.events(kind="cut"))
    lab.equal(daemon.cli("reload").returncode, 0, "reload with box2 again")
    flows.all["2-example"].box = "box2"
    flows.expect("and back", ["2-example"], seen, ["2-time"])
    flows.open("2-shared", "box2", SHARED, "shared-a.test").open("2-other", "box2", OTHER, "other.test")
    flows.open("2-example", "box2", EXAMPLE, "example.com")


def runtime_removed(net, daemon, flows):
    """A sandbox of the same policy that is added while the daemon runs, and goes."""
    host = net.ns["host"]
    seen = len(daemon.events(kind="cut"))
    daemon.write_conf(labdaemon.conf_text({"box1": ('interface = "pt-box1"', "web")}, pins=PINS).replace(
        '"policies/web.conf"', '"policies/web.conf", "policies/other.conf"'))
    done = daemon.cli("reload")
    lab.equal(done.returncode, 0, f"reload without box2: {(done.stdout + done.stderr).strip()}")
    flows.expect("a sandbox removed from the configuration", ["2-shared", "2-other", "2-example", "2-time"], seen)
    done = daemon.cli("sandbox", "add", "late", "--interface", "pt-box2", "--policy", "other")
    lab.equal(done.returncode, 0, f"sandbox add: {(done.stdout + done.stderr).strip()}")
    flows.open("2-example", "box2", EXAMPLE, "example.com").open("2-other", "box2", OTHER, "other.test")
    seen = len(daemon.events(kind="cut"))
    done = daemon.cli("sandbox", "remove", "late")
    lab.equal(done.returncode, 0, f"sandbox remove: {(done.stdout + done.stderr).strip()}")
    dead = {k: flows.all[k] for k in ("2-example", "2-other")}
    for flow in dead.values():
        flow.box = "late"  # as the events call it
    flows.expect("a sandbox removed at run time", list(dead), seen)
    lab.check("late" not in daemon.cli("sandbox", "list").stdout, "it is not listed any more")
    lab.check("late" not in host.run(["nft", "list", "set", "inet", "postern", "sandbox_iface"]).stdout, "nor in the kernel")


def main(net):
    net.zone.commit()
    daemon = labdaemon.Postern(net, conf(), {"web.conf": policy(ALL, egress=STATIC_RULE),
                                             "other.conf": labdaemon.policy_text("other", domains=ALL)})
    daemon.start()
    flows = Flows(net, daemon)
    open_all(flows)
    lab.check(all(f.alive() and f.tracked() for f in flows.all.values()), f"{len(flows.all)} flows in two sandboxes")
    reloads(net, daemon, flows)
    while_down(net, daemon, flows)
    parts(net, daemon, flows)
    replaced(net, daemon, flows)
    runtime_removed(net, daemon, flows)
    daemon.stop()


lab.test(main)
