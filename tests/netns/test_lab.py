# SPDX-License-Identifier: GPL-2.0-or-later
"""The laboratory itself: its servers answer, its stranger counts, and it cannot touch the machine."""
import json
import os
import subprocess
import sys

import lab
import labcell
import labnet


def servers(net):
    box = net.ns["box1"]
    for family in ("-4", "-6"):
        done = box.run(["curl", "-sS", family, "-m", "10", "https://api.openai.com"], check=False)
        lab.check("api.openai.com from " in done.stdout, f"HTTPS {family} with the test CA: {done.stdout or done.stderr}".strip())
    done = box.run(["wget", "-qO-", "-T", "5", "http://example.com"], check=False)
    lab.check("example.com" in done.stdout, "HTTP")
    for server in (labnet.NTP, labnet.NTP6):
        done = box.run(["ntpdig", "-t", "3", server], check=False)
        lab.check(done.returncode == 0, f"NTP {server}: {done.stdout or done.stderr}".strip())
    for n in (labnet.STRANGER, labnet.STRANGER6):
        lab.check(box.run(["ping", "-c1", "-W2", n], check=False).returncode == 0, f"ping {n}")
    lab.check("stranger" in box.run(["curl", "-sS", "-m5", "http://198.51.100.77:8080/"]).stdout, "a stranger's web server")
    for port in (22, 3000):
        net.serve("box1", port)
        url = f"http://{labnet.BOX['box1'][0]}:{port}/"
        lab.check(net.ns["peer"].run(["curl", "-sS", "-m5", url], check=False).returncode == 0, f"the peer reaches {port}")


def names(net):
    box = net.ns["box1"]
    lab.equal(lab.dig(box, "api.openai.com", "A")[0], "api.openai.com.cdn.test.", "a CNAME chain")
    lab.equal(len(lab.dig(box, "many.test", "A")), 160, "160 records, which need TCP")
    lab.equal(lab.dig_status(box, "absent.test"), "NXDOMAIN", "an unknown name")
    for server in (labnet.STRANGER, labnet.STRANGER6):
        for how in ("+notcp", "+tcp"):
            lab.equal(lab.dig(box, how, "any.name", server=server), ["198.51.100.1"], f"the other resolver {server} {how}")
    net.zone.address("short.test", 99, ttl_s=1)
    net.zone.commit()
    lab.equal(lab.dig(box, "short.test", "A"), ["203.0.113.99"], "a changed zone is served")


def counting(net):
    box = net.ns["box1"]
    before, watch = net.stranger.count(), net.watch("ip saddr 192.0.2.2 udp dport 53 ip daddr 198.51.100.9")
    lab.dig(box, "+notcp", "counted.test", server="198.51.100.9")
    lab.equal(net.stranger.count() - before, 1, "one packet is one count")
    lab.equal(watch(), 1, "and one at the watch")
    lab.wait_for("the packet in the record", lambda: any(
        p["dst"] == "198.51.100.9" and p["dport"] == 53 and p["proto"] == 17 for p in net.stranger.packets()))


def oddities(net):
    """The other DNS server does what names ask of it, and the program that resolves and connects counts."""
    box, odd = net.ns["box1"], net.odd_dns()

    def ask(*words):
        return lab.dig(box, *words, server=labnet.ODD)

    lab.check(ask("rotate.test", "A") != ask("rotate.test", "A"), "rotate: another address each time")
    lab.equal(lab.dig_status(box, "servfail.test", server=labnet.ODD6), "SERVFAIL", "servfail, over IPv6")
    lab.equal(len(ask("many.test", "A")), 300, "many: 300 addresses, over TCP")
    lab.equal(ask("metadata.test", "A"), ["169.254.169.254"], "metadata")
    lab.equal(len(ask("chain.test", "A")), 21, "chain: 20 aliases and an address")
    lab.equal(lab.dig_status(box, "silent.test", server=labnet.ODD, timeout_s=1), "", "silent")
    lab.check({q["via"] for q in odd.queries("many.test")} == {"udp", "tcp"}, "queries are written down")
    got = net.rounds("box1", labnet.ODD, "rotate-%u.test", 4, 50)
    lab.equal((got["rounds"], got["connected"], got["refused"]), (200, 200, 0), f"resolve and connect: {got}")


SERVICE = """
import os, socket, sys, time
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.sendto(b"READY=1\\nSTATUS=serving", os.environ["NOTIFY_SOCKET"])
if os.fork() == 0: time.sleep(1000)
time.sleep(1000)
"""


def supervision(net):
    """A service that dies is started again, one that misses its watchdog is killed, and its children go with it."""
    path = f"{labcell.WORK}/service.state"
    keeper = net.ns["host"].popen([sys.executable, f"{labnet.HERE}/supervise.py", path, 0.5, 0.1, sys.executable, "-c", SERVICE])

    def state():
        with open(path, encoding="ascii") as f:
            return json.load(f)

    lab.wait_for("the service", lambda: os.path.exists(path) and state()["ready"])
    os.kill(state()["pid"], 9)
    lab.wait_for("the service, again", lambda: state()["starts"] == 2 and state()["ready"])
    lab.wait_for("the watchdog", lambda: state()["watchdog_kills"] >= 1)
    keeper.terminate()
    lab.equal(keeper.wait(15), 0, "the supervisor ends when asked")
    out = subprocess.run(["ps", "-eo", "stat,args"], stdout=subprocess.PIPE, text=True, check=True).stdout
    lab.check(not any("NOTIFY_SOCKET" in x for x in out.splitlines() if x[0] != "Z"), "no process of the service is left")


def guard(net):
    lab.check(labcell.guard(), "inside is not the machine's namespace")
    machine = os.environ.pop(labcell.MACHINE)
    lab.check(not labcell.guard(), "without knowledge of the machine's namespace the guard refuses")
    os.environ[labcell.MACHINE] = labcell.netns_id(net.ns["box2"].path)
    lab.equal(net.ns["box2"].run(["true"], check=False).returncode, labcell.GUARD_EXIT,
              "a program that would start in the machine's namespace does not start")
    os.environ[labcell.MACHINE] = machine


def main(net):
    servers(net)
    names(net)
    counting(net)
    oddities(net)
    supervision(net)
    guard(net)


lab.test(main)
