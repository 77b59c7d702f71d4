# SPDX-License-Identifier: GPL-2.0-or-later
"""Split horizon: policies/computer-use.conf with a forward zone for computer-use.local, whose names have private addresses.

The zone's server is dnsd.py at 10.0.0.3, everybody else's is nsd at 10.0.0.2, the private service is the host `peer`, 10.0.0.30. What
is held: nothing of 10.0.0.0/24 opens without the zone; with it only for who asked, for the policy's ports; metadata and link-local
addresses never; no name outside the zone leads into it. Local records, and answers past their end.
"""
import re
import time

import lab
import labdaemon
import labnet
import labprobe

PEER = labnet.PEER
FORWARD = 'forward = ( { zone = "computer-use.local"; to = [ "10.0.0.3" ]; private = [ "10.0.0.0/24" ]; } );\n'
RECORDS = ('records = ( { name = "build-cache.internal"; address = [ "10.0.0.30" ]; },\n'
           '  { name = "desk.test"; cname = "private.computer-use.local"; } );\n'
           'hosts_file = "hosts";\n')
SHORT = "answer_ttl_max_s = 2;\n"
EVERY = FORWARD.replace('[ "10.0.0.0/24" ]', "true")


def conf(extra=""):
    boxes = {"box1": ('interface = "pt-box1"', "computer-use"), "box2": ('interface = "pt-box2"', "web")}
    return labdaemon.conf_text(boxes, upstreams=("10.0.0.2",), extra=extra)


def reach(net, box, address=PEER, port=80):
    return labprobe.connect(net.ns[box], address, port).error or "open"


def reload(daemon, extra):
    daemon.write_conf(conf(extra))
    done = daemon.cli("reload")
    lab.check(done.returncode == 0, f"reload: {done.stdout}{done.stderr}".strip())


def without(net, daemon):
    print("-- without the zone")
    lab.equal(lab.dig(net.ns["box1"], "private.computer-use.local", "A"), [], "a private address from the usual upstream")
    lab.check(reach(net, "box1") != "open", "10.0.0.30 is shut")
    daemon.wait_event(kind="dns", action="block", reason="rebinding", names=["private.computer-use.local"])
    lab.equal(daemon.nft("list", "set", "inet", "postern", "private_answer4").count("elements"), 0, "no private answers")


def inside(net, daemon, odd):
    print("-- with the zone")
    lab.check("10.0.0.0/24" in daemon.nft("list", "set", "inet", "postern", "private_answer4"), "the kernel has its prefix")
    lab.check(reach(net, "box1") != "open", "which opens nothing by itself")
    lab.equal(lab.dig(net.ns["box1"], "private.computer-use.local", "A"), [PEER], "the zone's name has its private address")
    lab.equal(reach(net, "box1"), "open", "which is reached")
    page = net.ns["box1"].run(["curl", "-s", "-m", "5", "-o", "/dev/null", "-w", "%{http_code} %{remote_ip}",
                               "http://private.computer-use.local/"], check=False).stdout
    lab.equal(page, f"200 {PEER}", "curl by name")
    lab.check(reach(net, "box1", port=8080) != "open", "but not another port")
    lab.check(reach(net, "box1", "10.0.0.2", 80) != "open", "nor its neighbour 10.0.0.2")
    lab.check(reach(net, "box2") != "open", "nor is it open for box2, which has not asked")
    asked = {q["name"].lower() for q in odd.queries()}
    lab.equal(asked, {"private.computer-use.local"}, "what the zone's server was asked")


def never(net, daemon):
    print("-- what no zone opens")
    for name, shut in (("metadata", "169.254.169.254"), ("linklocal", "169.254.7.7"), ("loopback", "127.0.0.1")):
        lab.equal(lab.dig(net.ns["box1"], f"{name}.computer-use.local", "A"), [], f"{name} in the zone is refused")
        daemon.wait_event(kind="dns", action="block", reason="rebinding", names=[f"{name}.computer-use.local"])
        if shut != "127.0.0.1":
            lab.check(reach(net, "box1", shut) != "open", f"{shut} is shut")
    lab.equal(lab.dig(net.ns["box1"], "metadata.computer-use.local", "AAAA"), [], "fd00:ec2::254 is refused")
    for name in ("rebind.test", "alias.test"):
        lab.equal(lab.dig(net.ns["box2"], name, "A"), [], f"{name}, outside, does not lead to a private address")
        daemon.wait_event(kind="dns", action="block", reason="rebinding", names=[name])
    lab.check(reach(net, "box2") != "open", "10.0.0.30 is shut for box2")


def records(net, daemon):
    print("-- local records")
    lab.equal(lab.dig(net.ns["box2"], "build-cache.internal", "A"), [PEER], "a local record")
    lab.equal(reach(net, "box2"), "open", "is pinned and reached")
    lab.equal(lab.dig(net.ns["box2"], "from-file.internal", "A"), [PEER], "a name of the hosts file")
    lab.equal(lab.dig(net.ns["box2"], "desk.test", "A"), ["private.computer-use.local.", PEER], "an alias into the zone")
    lab.equal(lab.dig(net.ns["box1"], "build-cache.internal", "A"), [], "not under a policy that does not permit it")


def ahead(net, daemon, odd):
    """In the middle of its life the name is asked for again; near its end the resolver asks by itself."""
    print("-- a name in use")
    box = net.ns["box1"]
    reload(daemon, FORWARD + "answer_ttl_max_s = 12;\n")
    name = "private-ahead.computer-use.local"
    lab.equal(lab.dig(box, name, "A"), [PEER], "an answer with a TTL of 12")
    time.sleep(7)
    lab.equal(lab.dig(box, name, "A"), [PEER], "which is asked for again")
    lab.equal(len(odd.queries(name)), 1, "questions so far")
    before_s = labprobe.pins(daemon).get((PEER, 6, 80))
    lab.wait_for("the second question, which no client asked", lambda: len(odd.queries(name)) == 2, 4)
    lab.wait_for("its pin to be renewed", lambda: labprobe.pins(daemon).get((PEER, 6, 80), 0) > before_s, 2)


def stale(net, daemon, odd):
    print("-- answers past their end")
    box = net.ns["box1"]
    reload(daemon, EVERY + SHORT)
    for n, prefixes in ((4, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")), (6, ("fc00::/7",))):
        listed = daemon.nft("list", "set", "inet", "postern", f"private_answer{n}")
        lab.check(all(p in listed for p in prefixes), f"private = true in private_answer{n}")
    lab.equal(lab.dig(box, "private.computer-use.local", "AAAA"), ["fd00::1"], "a unique local address")
    lab.equal(lab.dig(box, "private.computer-use.local", "A"), [PEER], "an answer with a TTL of 2")
    odd.daemon.kill()
    odd.daemon.wait()
    time.sleep(3)  # its end
    for what in ("the zone's server is gone: from what is kept", "and again, remembered"):
        out = box.run(["dig", "+tries=1", "+time=8", "private.computer-use.local", "A"], check=False).stdout
        lab.check(re.search(r"EDE: 3 .*stale", out) and f"\t{PEER}" in out, what)
        ttl_s = re.search(r"computer-use\.local\.\s+(\d+)\s+IN\s+A", out)
        lab.check(ttl_s and 0 < int(ttl_s.group(1)) <= 30, "its TTL is at most 30")
        pin_s = labprobe.pins(daemon).get((PEER, 6, 80))
        lab.check(pin_s and ttl_s and pin_s > int(ttl_s.group(1)) - 1, "and its pin lives longer")
        lab.equal(reach(net, "box1"), "open", "and is open")
    out = box.run(["dig", "+tries=1", "+time=8", "other.computer-use.local", "A"], check=False).stdout
    lab.check("SERVFAIL" in out, "a name of which nothing is kept fails")
    out = box.run(["dig", "+tries=1", "+time=2", "other.computer-use.local", "A"], check=False).stdout
    lab.check("SERVFAIL" in out and "EDE: 13" in out, "and is not asked for again at once")


def main(net):
    odd = net.odd_dns()
    net.serve("peer", 80)
    net.serve("peer", 8080)
    net.zone.set("private.computer-use.local", "A", [PEER])
    net.zone.set("rebind.test", "A", [PEER])
    net.zone.set("alias.test", "CNAME", ["private.computer-use.local."])
    net.zone.commit()
    web = labdaemon.policy_text("web", domains=("*.test", "*.internal", "*.computer-use.local"))
    daemon = labdaemon.Postern(net, conf(), {"computer-use.conf": f"{labdaemon.TOP}/policies/computer-use.conf",
                                            "web.conf": web}).start()
    without(net, daemon)
    with open(f"{labdaemon.ETC}/hosts", "w", encoding="ascii") as f:
        f.write(f"127.0.0.1 localhost\n{PEER} from-file.internal\n")
    reload(daemon, FORWARD + RECORDS)
    inside(net, daemon, odd)
    never(net, daemon)
    records(net, daemon)
    reload(daemon, "")
    lab.check(reach(net, "box1") != "open" and reach(net, "box2") != "open", "a reload without the zone shuts it")
    ahead(net, daemon, odd)
    stale(net, daemon, odd)
    lab.check("AddressSanitizer" not in daemon.log_text(), "no sanitizer report")


lab.test(main)
