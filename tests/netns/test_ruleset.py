# SPDX-License-Identifier: GPL-2.0-or-later
"""rules/postern.nft alone, on real packets: every promise of its head, its accepting and its denying side.

No daemon: elements are added by hand, and one rule at the end of chain miss stands for the verdict loop. A denial counts only when
no packet reached the stranger. Both families, each kind of sandbox.
"""
import os
import struct
import socket
import sys

import lab
import labcell
import rulelab
from rulelab import LOOP_REFUSES

V4, V6 = "203.0.113.7", "2001:db8:113::7"
OTHER = {4: "203.0.113.8", 6: "2001:db8:113::8"}
UID, RESOLVER = 4711, 4712
GOOD = "port"


def fam(address):
    return 6 if ":" in address else 4


class Kind:
    """One kind of sandbox: where its programs run, and how its elements start."""

    def __init__(self, name, where, key4, key6, members, stub, words=()):
        self.name, self.where, self.words, self.members, self.stub = name, where, list(words), members, stub
        self.key = {4: key4, 6: key6}

    def element(self, what, address, rest):
        n = fam(address)
        dot = " . " if self.key[n] else ""
        return f"{what}{n}_{self.name} {self.key[n]}{dot}{address} . {rest}"

    def probe(self, net, *what):
        return net.probe(self.where, *self.words, *what)


def opened(net, kind, what, title):
    got = kind.probe(net, *what)
    lab.check(got.startswith(GOOD) or got == "ok", f"{kind.name}: {title}: {got}")
    net.seen()


def closed(net, kind, what, title, also=()):
    net.leaked(kind.where)
    got = kind.probe(net, *what)
    leaked = net.leaked(kind.where)
    lab.check(got in ("refused", *also) and leaked == 0, f"{kind.name}: {title}: {got}, {leaked} leaked")


def pins(net, kind):
    for a in (V4, V6):
        n, pin = fam(a), kind.element("pin", a, "6 . 443")
        for t in ("tcp", "udp"):
            closed(net, kind, [t, a, "443"], f"{t} to {a} without a pin")
        net.add(f'{pin} timeout 1m comment "a.test"')
        opened(net, kind, ["tcp", a, "443"], f"pinned {a}")
        closed(net, kind, ["tcp", a, "80"], "another port of a pinned address")
        closed(net, kind, ["udp", a, "443"], "another protocol of a pinned address")
        closed(net, kind, ["tcp", OTHER[n], "443"], "another address")
        held = net.hold(kind.where, a, "443", *kind.words)
        net.delete(pin)
        lab.check(held.say().startswith(GOOD), f"{kind.name}: an open flow outlives its pin")
        closed(net, kind, ["tcp", a, "443"], "but no new one is let out")
        held.close()
        net.add(f"{pin} timeout 1s")
        labcell.wait_for("the pin to expire", lambda x=a, p=pin: x not in net.host.run(
            ["nft", "list", "set", "inet", "postern", p.split()[0]]).stdout)
        closed(net, kind, ["tcp", a, "443"], "an expired pin")


def statics(net, kind):
    wide = {4: "0.0.0.0/0", 6: "::/0"}
    for a, never, private in ((V4, "169.254.169.254", "10.9.9.9"), (V6, "fd00:ec2::254", "fd00:9::9")):
        n = fam(a)
        any_address = wide[n]
        pin = kind.element("pin", private, "6 . 80")
        net.add(pin + " timeout 1m")
        closed(net, kind, ["tcp", private, "80"], f"a pin of private {private} does not open")
        near = "10.9.9.0/24" if n == 4 else "fd00:9::/64"
        net.add(f"private_answer{n} {near}")
        opened(net, kind, ["tcp", private, "80"], f"unless a zone may answer with {near}")
        net.delete(pin)
        closed(net, kind, ["tcp", private, "80"], "which opens nothing without a pin")
        pin = kind.element("pin", never, "6 . 80")
        net.add(pin + " timeout 1m")
        net.add(f"private_answer{n} {never}")
        closed(net, kind, ["tcp", never, "80"], f"and nothing at {never}, whatever the sets hold")
        net.delete(pin)
        net.delete(f"private_answer{n} {never}")
        net.delete(f"private_answer{n} {near}")
        rule = kind.element("allow", a, "17 . 100-200").replace(a, any_address)
        net.add(rule)
        opened(net, kind, ["udp", a, "123"], f"egress rule {any_address} udp 100-200")
        closed(net, kind, ["udp", a, "80"], "outside its ports")
        opened(net, kind, ["udp", private, "123"], f"an egress rule does open private {private}")
        closed(net, kind, ["udp", never, "123"], f"nothing opens metadata {never}")
        net.delete(rule)
        kind_icmp = 128 if n == 6 else 8
        closed(net, kind, ["ping", a], "ping")
        net.add(kind.element("icmp", a, str(kind_icmp)))
        opened(net, kind, ["ping", a], "ping by an icmp rule")
        net.delete(kind.element("icmp", a, str(kind_icmp)))
        if not kind.words or kind.words[0] != "--uid":  # raw sockets need root
            protocols(net, kind, a)


def protocols(net, kind, a):
    net.seen()
    kind.probe(net, "proto", a, "253")
    lab.equal(net.seen(), 0, f"{kind.name}: protocol 253 to {a} is denied")
    net.add(kind.element("proto", a, "253"))
    kind.probe(net, "proto", a, "253")
    lab.equal(net.seen(), 1, f"{kind.name}: and let out by a protocol rule")
    net.delete(kind.element("proto", a, "253"))


def dns(net, kind, others):
    for a in (V4, V6):
        for t in ("udp", "tcp"):
            net.seen()
            got = kind.probe(net, t, a, "53")
            lab.check(got == f"port{kind.stub}" and net.seen() == 0, f"{kind.name}: DNS by {t} to {a} meets its own stub: {got}")
            for port in (kind.stub, *others):
                own = {"host": ("127.0.0.1", "::1")}.get(kind.where, ("192.0.2.1", "2001:db8:a::1"))[a == V6]
                if kind.name == "host":
                    own = ("198.51.100.1", "2001:db8:51::1")[a == V6]
                if kind.where == "boxc":
                    own = ("192.0.2.33", "2001:db8:c::1")[a == V6]
                closed(net, kind, [t, own, str(port)], f"stub port {port} by {t} without the redirect")


def cgroup_element(path):
    return '"' + os.path.relpath(path, "/sys/fs/cgroup") + '"'


def kinds():
    outer = labcell.cgroup("box")
    inner = labcell.cgroup("box/in/ner")
    cg = cgroup_element(inner)
    return [
        Kind("iface", "boxa", "pa", "pa", "sandbox_iface pa comment \"a ci\"\ndns_iface pa : 5301\nzone_iface pa : 11", 5301),
        Kind("source", "boxc", "192.0.2.34", "2001:db8:c::2",
             "sandbox_source4 192.0.2.34\nsandbox_source6 2001:db8:c::2\n"
             "dns_source4 192.0.2.34 : 5301\ndns_source6 2001:db8:c::2 : 5301", 5301),
        Kind("prefix", "boxc", "192.0.2.32/28", "2001:db8:c::/64",
             "sandbox_prefix4 192.0.2.32/28\nsandbox_prefix6 2001:db8:c::/64\n"
             "dns_prefix4 192.0.2.32/28 : 5301\ndns_prefix6 2001:db8:c::/64 : 5301", 5301),
        Kind("cgroup", "host", cg, cg, f"sandbox_cgroup {cg}\ndns_cgroup {cg} : 5302\nzone_cgroup {cg} : 12", 5302,
             ["--cgroup", inner]),
        Kind("uid", "host", str(UID), str(UID), f"sandbox_uid {UID}\ndns_uid {UID} : 5303\nzone_uid {UID} : 13", 5303,
             ["--uid", str(UID)]),
        Kind("host", "host", "", "", "sandbox_host ipv4, ipv6\ndns_host ipv4 : 5304, ipv6 : 5304", 5304),
    ], outer


STUBS = "stub_port 5301, 5302, 5303, 5304, 5305"


def each_kind(net):
    for kind in kinds()[0]:
        print(f"-- {kind.name}")
        # The rest is wide open: what is denied below is denied to this sandbox.
        net.load()
        net.add(STUBS + "\nopen_output ipv4, ipv6\nopen_input ipv4, ipv6\nopen_forward ipv4, ipv6\n" + kind.members)
        pins(net, kind)
        statics(net, kind)
        dns(net, kind, [5305])


class Plain(Kind):
    """Nobody's traffic: only a place to run probes."""

    def __init__(self, where, *words):
        super().__init__(where, where, "", "", "", 0, words)


def shut(net):
    print("-- shut as it stands")
    for loop in (None, LOOP_REFUSES):
        net.load(loop)
        for a in (V4, V6):
            closed(net, Plain("host"), ["tcp", a, "443"], f"output to {a}, loop {bool(loop)}", ["timeout"])
            closed(net, Plain("boxa"), ["tcp", a, "443"], f"forward to {a}", ["timeout"])
            closed(net, Plain("boxa"), ["udp", a, "53"], f"DNS to {a}", ["timeout"])
        for a in ("198.51.100.1", "2001:db8:51::1"):
            got = net.probe("stranger", "tcp", a, "22")
            lab.check(got in ("refused", "timeout") if loop else got == "timeout", f"input to {a}: {got}")
        opened(net, Plain("host"), ["tcp", "127.0.0.1", "22"], "loopback")
        opened(net, Plain("host"), ["tcp", "::1", "22"], "loopback")


def settings(net):
    print("-- settings")
    net.load()
    for n, a, host in ((4, V4, "198.51.100.1"), (6, V6, "2001:db8:51::1")):
        family = "ipv4" if n == 4 else "ipv6"
        closed(net, Plain("host"), ["tcp", a, "443"], "output shut")
        net.add(f"open_output {family}")
        opened(net, Plain("host"), ["tcp", a, "443"], "open_output")
        closed(net, Plain("boxa"), ["tcp", a, "443"], "forward shut")
        net.add(f"open_forward {family}")
        opened(net, Plain("boxa"), ["tcp", a, "443"], "open_forward")
        lab.equal(net.probe("stranger", "tcp", host, "22"), "refused", "input shut")
        net.add(f"open_input {family}")
        opened(net, Plain("stranger"), ["tcp", host, "22"], "open_input")
    net.host.ip("link set pa group 77")
    net.add("confined_group 77")
    for a, box, host in ((V4, "192.0.2.2", "192.0.2.1"), (V6, "2001:db8:a::2", "2001:db8:a::1")):
        closed(net, Plain("boxa"), ["tcp", a, "443"], "an interface of the confined group, without a sandbox")
        closed(net, Plain("boxa"), ["tcp", host, "22"], "and it does not reach the host")
        lab.equal(net.probe("stranger", "tcp", box, "80"), "refused", "nor is it reached")
        opened(net, Plain("boxb"), ["tcp", a, "443"], "an interface outside the group")
    net.add("sandbox_host ipv4, ipv6")
    closed(net, Plain("host"), ["tcp", V4, "443"], "sandbox_host is stronger than open_output")
    net.host.ip("link set pa group 0")


def reloaded(net):
    print("-- loaded again")
    net.load()
    net.add("sandbox_iface pa\npin4_iface pa . 203.0.113.7 . 6 . 443 timeout 1h comment \"a.test\"")
    held = net.hold("boxa", V4, "443")
    net.reload()
    lab.check("a.test" in net.host.run(["nft", "list", "set", "inet", "postern", "pin4_iface"]).stdout, "elements are kept")
    lab.check(held.say().startswith(GOOD), "flows are kept")
    held.close()
    opened(net, Plain("boxa"), ["tcp", V4, "443"], "the pin holds")
    closed(net, Plain("boxa"), ["tcp", V4, "80"], "the rest is shut")


def older_flows(net):
    print("-- flows older than the ruleset")
    net.host.run(["nft", "delete", "table", "inet", "postern"], check=False)
    # conntrack runs only where a rule asks for it: another tool's
    net.host.nft("table inet other { chain f { type filter hook forward priority -50; ct state new accept; }; }")
    held = {a: net.hold("boxa", a, "443") for a in (V4, V6)}
    net.load(None)
    net.add("sandbox_iface pa")
    net.seen()
    for a, h in held.items():
        lab.equal((h.say(), net.seen()), ("timeout", 0), f"{a}: judged anew")
        net.add(f"pin{fam(a)}_iface pa . {a} . 6 . 443 timeout 1m")
        lab.check(h.say().startswith(GOOD), f"{a}: goes on when a pin permits it")
        net.seen()
    for h in held.values():
        h.close()
    net.host.run(["nft", "delete", "table", "inet", "other"])


def overlap(net):
    """Interface before source, cgroup before uid, the deepest cgroup first: the pins of the other do not open."""
    print("-- exactly one sandbox")
    all_kinds, outer = kinds()
    _, source, prefix, cgroup, uid, _ = all_kinds
    net.load()
    net.add("sandbox_iface pc\n" + source.members + "\nsandbox_prefix4 192.0.2.32/28\nsandbox_prefix6 2001:db8:c::/64\n" + STUBS)
    for a in (V4, V6):
        net.add(source.element("pin", a, "6 . 443 timeout 1m"))
        closed(net, source, ["tcp", a, "443"], f"{a}: a pin of the source, but the interface is a sandbox")
        closed(net, source, ["udp", a, "53"], "nor the source's stub")
    net.delete("sandbox_iface pc")
    opened(net, source, ["tcp", V4, "443"], "the source, when the interface is none")
    net.add("allow4_prefix 192.0.2.32/28 . 203.0.113.0/24 . 6 . 80")
    closed(net, source, ["tcp", V4, "80"], "the prefix's rule is not for a source of its own")
    opened(net, Plain("boxc", "--source", "192.0.2.40"), ["tcp", V4, "80"], "but for its other addresses")
    both = Plain("host", "--cgroup", cgroup.words[1], "--uid", str(UID))
    net.load()
    net.add(cgroup.members + "\n" + uid.members + "\n" + STUBS)
    for a in (V4, V6):
        net.add(uid.element("pin", a, "6 . 443 timeout 1m"))
        closed(net, both, ["tcp", a, "443"], f"{a}: a pin of the uid, but the cgroup is a sandbox")
        lab.equal(both.probe(net, "udp", a, "53"), "port5302", "its DNS is the cgroup's")
    net.add(f"sandbox_cgroup {cgroup_element(outer)}\nallow4_cgroup {cgroup_element(outer)} . 203.0.113.7 . 6 . 443")
    closed(net, cgroup, ["tcp", V4, "443"], "a rule of the outer cgroup is not the inner's")
    opened(net, Plain("host", "--cgroup", outer), ["tcp", V4, "443"], "but the outer's")


def receivers(net):
    print("-- both must agree")
    net.load()
    net.add("sandbox_iface pa, pb\n" + STUBS + f"\nsandbox_uid {UID}\nopen_output ipv4, ipv6\nopen_forward ipv4, ipv6\n"
            "sandbox_source4 192.0.2.34\nsandbox_source6 2001:db8:c::2\n"
            "sandbox_prefix4 192.0.2.40/30\nsandbox_prefix6 2001:db8:c::40/124")
    cases = [("iface", "pb", ("192.0.2.18", "2001:db8:b::2")), ("source", None, ("192.0.2.34", "2001:db8:c::2")),
             ("prefix", None, ("192.0.2.40", "2001:db8:c::40"))]
    for kind, dev, addresses in cases:
        for a in addresses:
            n = fam(a)
            world = "0.0.0.0/0" if n == 4 else "::/0"
            key = dev or a
            ingress = f"ingress{n}_{kind} {key} . {world} . 6 . 80"
            ping = f"ingress_icmp{n}_{kind} {key} . {world} . {8 if n == 4 else 128}"
            closed(net, Plain("stranger"), ["tcp", a, "80"], f"to {a} without an ingress rule")
            closed(net, Plain("stranger"), ["ping", a], f"ping {a}")
            for k, sender, sel in (("iface", Plain("boxa"), "pa"), ("uid", Plain("host", "--uid", str(UID)), str(UID))):
                egress = f"allow{n}_{k} {sel} . {a} . 6 . 80"
                closed(net, sender, ["tcp", a, "80"], f"{k} to {a}: neither agrees")
                net.add(egress)
                closed(net, sender, ["tcp", a, "80"], f"{k} to {a}: the sender alone")
                net.add(ingress)
                opened(net, sender, ["tcp", a, "80"], f"{k} to {a}: both")
                net.delete(egress)
                closed(net, sender, ["tcp", a, "80"], f"{k} to {a}: the receiver alone")
                net.delete(ingress)
            net.add(ingress + "\n" + ping)
            opened(net, Plain("stranger"), ["tcp", a, "80"], f"to {a} with an ingress rule")
            opened(net, Plain("stranger"), ["ping", a], f"ping {a} with an ingress rule")
            closed(net, Plain("stranger"), ["tcp", a, "22"], "another port")
            opened(net, Plain("host"), ["tcp", a, "22"], "the unconfined host itself")
    # A verdict loop that accepts everything still cannot open an inbound miss without clearing the mark.
    net.load("accept")
    net.add("sandbox_iface pb\nopen_forward ipv4, ipv6")
    for a in ("192.0.2.18", "2001:db8:b::2"):
        closed(net, Plain("stranger"), ["tcp", a, "80"], "inbound, accepted by the loop with our mark")
    opened(net, Plain("boxb"), ["tcp", V4, "443"], "outbound, accepted by the loop")
    net.load("meta mark set 0 accept")
    net.add("sandbox_iface pb")
    opened(net, Plain("stranger"), ["tcp", "192.0.2.18", "80"], "inbound, accepted by the loop with the mark cleared")


def host_services(net):
    print("-- the host's services")
    net.load()
    net.add("sandbox_iface pa\nopen_input ipv4, ipv6\nopen_output ipv4, ipv6\n" + f"sandbox_uid {UID}")
    box, uid = Plain("boxa"), Plain("host", "--uid", str(UID))
    for a in ("192.0.2.1", "2001:db8:a::1", "198.51.100.1", "2001:db8:51::1"):
        n = fam(a)
        net.add(f"pin{n}_iface pa . {a} . 6 . 22 timeout 1m")
        closed(net, box, ["tcp", a, "22"], f"sandbox to {a}, open_input and a pin notwithstanding")
        net.add(f"allow{n}_iface pa . {a} . 6 . 22")
        opened(net, box, ["tcp", a, "22"], f"sandbox to {a} by an egress rule")
    for a in ("127.0.0.1", "::1", "198.51.100.1", "2001:db8:51::1"):
        n = fam(a)
        net.add(f"pin{n}_uid {UID} . {a} . 6 . 22 timeout 1m")
        closed(net, uid, ["tcp", a, "22"], f"uid to {a} with a pin")
        net.add(f"allow{n}_uid {UID} . {a} . 6 . 22")
        opened(net, uid, ["tcp", a, "22"], f"uid to {a} by an egress rule")
    net.load()
    net.add("sandbox_host ipv4, ipv6\ningress4_host 198.51.100.0/24 . 6 . 22\ningress6_host 2001:db8:51::/64 . 6 . 22\n"
            "ingress_icmp4_host 198.51.100.0/24 . 8")
    for a in ("198.51.100.1", "2001:db8:51::1"):
        opened(net, Plain("stranger"), ["tcp", a, "22"], "ingress of the host")
        closed(net, Plain("stranger"), ["udp", a, "22"], "another protocol")
        source = "203.0.113.7" if fam(a) == 4 else "2001:db8:113::7"
        closed(net, Plain("stranger", "--source", source), ["tcp", a, "22"], "another source")
    opened(net, Plain("stranger"), ["ping", "198.51.100.1"], "ingress of the host by ICMP type")
    closed(net, Plain("stranger"), ["ping", "2001:db8:51::1"], "not in the other family")


def uid_listens(net):
    """An inbound flow is no way out: its first reply is judged by the sandbox that listens."""
    print("-- replies")
    net.load()
    inner = kinds()[0][3].words[1]
    server = {
        "uid": (net.ns["host"].popen([sys.executable, lab.__file__.replace("lab.py", "probe.py"), "--uid", UID, "serve", 7001]),
                7001, str(UID), f"sandbox_uid {UID}"),
        "cgroup": (net.ns["host"].popen([sys.executable, lab.__file__.replace("lab.py", "probe.py"), "--cgroup", inner, "serve",
                                         7002]), 7002, cgroup_element(inner), f"sandbox_cgroup {cgroup_element(inner)}"),
    }
    net.add("open_input ipv4, ipv6\nopen_output ipv4, ipv6")
    for kind, (proc, port, key, member) in server.items():
        labcell.wait_for("the server", lambda p=port: net.host.listening(p) and net.host.listening(p, "udp"))
        net.add(member)
        for a in ("198.51.100.1", "2001:db8:51::1"):
            client = "198.51.100.0/24" if fam(a) == 4 else "2001:db8:51::/64"
            for t, number in (("tcp", 6), ("udp", 17)):
                # The kernel does not tell the cgroup of a SYN-ACK: it goes out, and no data after it.
                what = "datagrams" if kind == "cgroup" else "hits"
                net.seen(what=what)
                # long enough for a second SYN: what refused the first must not have opened the flow
                got = net.probe("stranger", "--wait", "2.5", t, a, str(port))
                lab.check(not got.startswith(GOOD) and net.seen(what=what) == 0,
                          f"{kind}: a {t} client of its port gets no reply: {got}")
                net.add(f"ingress{fam(a)}_{kind} {key} . {client} . {number} . {port}")
                opened(net, Plain("stranger"), [t, a, str(port)], f"{kind}: but by its {t} ingress rule")
        proc.kill()
        proc.wait()


def upstreams(net):
    print("-- upstreams")
    net.load()
    net.add("sandbox_host ipv4, ipv6\ndns_host ipv4 : 5304, ipv6 : 5304\n" + STUBS)
    resolver = Plain("host", "--uid", str(RESOLVER))
    for a in (V4, V6):
        for t, number in (("udp", 17), ("tcp", 6)):
            net.add(f"upstream{fam(a)} {RESOLVER} . {a} . {number} . 53")
            net.seen()
            lab.equal((resolver.probe(net, t, a, "53"), net.seen() > 0), ("port53", True), f"the resolver asks {a} by {t}")
            lab.equal((resolver.probe(net, t, OTHER[fam(a)], "53"), net.seen()), ("port5304", 0), "and no one else")
            lab.equal((net.probe("host", t, a, "53"), net.seen()), ("port5304", 0), "no other uid asks it")


def ip4(src, dst, proto, payload, options=b"", frag=0, ident=7):
    words = 5 + len(options) // 4
    head = struct.pack("!BBHHHBBH4s4s", 0x40 | words, 0, words * 4 + len(payload), ident, frag, 64, proto, 0,
                       socket.inet_aton(src), socket.inet_aton(dst)) + options
    return (head + payload).hex()


def ip6(src, dst, nexthdr, payload):
    return (struct.pack("!IHBB", 6 << 28, len(payload), nexthdr, 64) + socket.inet_pton(socket.AF_INET6, src)
            + socket.inet_pton(socket.AF_INET6, dst) + payload).hex()


def udp_datagram(sport, dport, data, pseudo=None):
    size = 8 + len(data)
    if pseudo is None:
        return struct.pack("!HHHH", sport, dport, size, 0) + data
    body = struct.pack("!HHHH", sport, dport, size, 0) + data + b"\0" * (size % 2)
    full = b"".join(socket.inet_pton(socket.AF_INET6, x) for x in pseudo) + struct.pack("!II", size, 17) + body
    total = sum(struct.unpack(f"!{len(full) // 2}H", full))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return struct.pack("!HHHH", sport, dport, size, ~total & 0xffff or 0xffff) + data


def reach(net, frames, title, want):
    net.seen()
    for frame in frames:
        net.probe("boxa", "raw", frame)
    got = net.seen()
    lab.check((got > 0) == want, f"{title}: {got} arrived")


def crafted(net):
    print("-- crafted packets")
    net.load()
    net.add("sandbox_iface pa\npin4_iface pa . 203.0.113.7 . 17 . 443 timeout 1m\n"
            "pin6_iface pa . 2001:db8:113::7 . 17 . 443 timeout 1m")
    me4, me6 = "192.0.2.2", "2001:db8:a::2"
    good = udp_datagram(4000, 443, b"x" * 24)
    bad = udp_datagram(4000, 80, b"x" * 24)
    good6, bad6 = (udp_datagram(4000, p, b"x" * 24, (me6, V6)) for p in (443, 80))
    reach(net, [ip4(me4, V4, 17, good)], "a plain pinned packet", True)
    reach(net, [ip4(me4, V4, 17, good[:16], frag=0x2000), ip4(me4, V4, 17, good[16:], frag=2)], "the same in fragments", True)
    reach(net, [ip4(me4, V4, 17, bad[:16], frag=0x2000, ident=8), ip4(me4, V4, 17, bad[16:], frag=2, ident=8)],
          "fragments to another port", False)
    reach(net, [ip4(me4, V4, 17, bad[16:], frag=2, ident=9)], "a lone later fragment", False)
    lsrr = b"\x83\x07\x04" + socket.inet_aton(OTHER[4]) + b"\0"
    fresh = udp_datagram(4001, 443, b"x" * 24)
    reach(net, [ip4(me4, V4, 17, fresh, options=lsrr)], "a source route", False)
    reach(net, [ip6(me6, V6, 17, good6)], "a plain pinned IPv6 packet", True)
    dest = lambda n: bytes([n, 0, 1, 4, 0, 0, 0, 0])  # destination options with padding
    reach(net, [ip6(me6, V6, 60, dest(17) + good6)], "the same behind destination options", True)
    reach(net, [ip6(me6, V6, 60, dest(17) + bad6)], "another port behind destination options", False)
    atomic = struct.pack("!BBHI", 17, 0, 0, 77)
    reach(net, [ip6(me6, V6, 44, atomic + bad6)], "another port behind a fragment header", False)
    first, last = struct.pack("!BBHI", 17, 0, 1, 78), struct.pack("!BBHI", 17, 0, 16, 78)
    reach(net, [ip6(me6, V6, 44, first + bad6[:16]), ip6(me6, V6, 44, last + bad6[16:])], "IPv6 fragments to another port", False)
    reach(net, [ip6(me6, V6, 44, last + bad6[16:])], "a lone later IPv6 fragment", False)
    fresh6 = udp_datagram(4001, 443, b"x" * 24, (me6, V6))
    routing = bytes([17, 2, 4, 1, 0, 0, 0, 0]) + socket.inet_pton(socket.AF_INET6, OTHER[6])
    reach(net, [ip6(me6, V6, 43, routing + fresh6)], "a routing header", False)
    reach(net, [ip6(me6, V6, 59, b"\0" * 32)], "no next header", False)
    reach(net, [ip6(me6, V6, 200, good6)], "an unknown header", False)
    ack = struct.pack("!HHIIBBHHH", 4000, 443, 1, 1, 0x50, 0x10, 1000, 0, 0)
    reach(net, [ip4(me4, OTHER[4], 6, ack)], "TCP in mid-stream to a stranger", False)
    net.add("pin4_iface pa . 203.0.113.7 . 6 . 443 timeout 1m")
    held = net.hold("boxa", V4, "443")
    inner = bytes.fromhex(ip4(V4, me4, 6, ack))
    icmp_error = struct.pack("!BBHI", 3, 3, 0, 0) + inner[:28]
    reach(net, [ip4(me4, OTHER[4], 1, icmp_error)], "an ICMP error to a stranger about a live flow", False)
    held.close()
    # Errors about our own flows come in: without them a closed port would be silence.
    net.add("pin4_iface pa . 203.0.113.7 . 17 . 9999 timeout 1m\npin6_iface pa . 2001:db8:113::7 . 17 . 9999 timeout 1m")
    for a in (V4, V6):
        lab.equal(net.probe("boxa", "udp", a, "9999"), "refused", f"the ICMP error of a closed port at {a} returns")
        lab.check(net.seen() > 0, "from the stranger himself")


def marks(net):
    print("-- marks")
    net.load()
    cgroup = kinds()[0][3]
    net.add(cgroup.members + "\n" + "\n".join(cgroup.element("pin", a, "6 . 443 timeout 1m") for a in (V4, V6)))
    for mark in ("0x706f7374", "0x706f7369", "0x706f7372", "0x100000", "0x200000"):
        forger = Plain("host", *cgroup.words, "--mark", mark)
        for a in (V4, V6):
            closed(net, forger, ["tcp", a, "80"], f"mark {mark} opens nothing")
            if mark.startswith("0x706f73"):
                closed(net, forger, ["tcp", a, "443"], f"mark {mark} is refused, pin or not")
    net.load("accept")
    net.add(cgroup.members)
    for mark in ("0x706f7374", "0x706f7372"):
        closed(net, Plain("host", *cgroup.words, "--mark", mark), ["tcp", V4, "443"], f"mark {mark}: nor under an accepting loop")


def floods(net):
    """Over its limit a sandbox does not reach the queue; its neighbour's packets all do."""
    print("-- floods")
    net.load()
    net.add(f"sandbox_iface pa, pb\nsandbox_source4 192.0.2.34\nsandbox_prefix4 192.0.2.40/30\nsandbox_uid {UID}\n" +
            kinds()[0][3].members)
    senders = [("iface", Plain("boxa")), ("source", Plain("boxc")), ("prefix", Plain("boxc", "--source", "192.0.2.40")),
               ("uid", Plain("host", "--uid", str(UID))), ("cgroup", Plain("host", *kinds()[0][3].words)),
               ("host", Plain("host"))]
    for kind, sender in senders:
        net.reload()
        net.seen()
        before = net.counted("miss")
        sent = int(sender.probe(net, "flood", V4, "9", "15000"))
        missed = net.counted("miss") - before
        dropped = sum(int(line.split("packets")[1].split()[0]) for line in net.host.run(
            ["nft", "list", "chain", "inet", "postern", f"miss_{kind}"]).stdout.splitlines() if "flooded" in line)
        lab.check(dropped > 0 and missed + dropped == sent and missed >= 2000 and net.seen() == 0,
                  f"{kind}: of {sent}, {missed} to the queue, {dropped} dropped before it")
        before = net.counted("miss")
        sent = int(net.probe("boxb", "flood", V4, "9", "20"))
        lab.equal(net.counted("miss") - before, sent, f"{kind}: what its neighbour sends is all judged")


def neighbours(net):
    """Whatever is shut, neighbours are found: a pinned IPv6 flow works with an empty neighbour table."""
    print("-- neighbour discovery")
    net.load()
    net.add("sandbox_iface pa\nsandbox_host ipv4, ipv6\npin6_iface pa . 2001:db8:113::7 . 6 . 443 timeout 1m\n"
            "pin6_host 2001:db8:113::7 . 6 . 443 timeout 1m")
    for where in ("boxa", "host"):
        for ns in net.ns.values():
            ns.run(["ip", "-6", "neigh", "flush", "all"], check=False)
        opened(net, Plain(where), ["tcp", V6, "443"], "with no neighbour known")
    lab.equal(net.probe("boxa", "tcp", V6, "80"), "refused", "the rest is shut")


rulelab.test_parts((shut, settings, each_kind, reloaded, older_flows, overlap, receivers, host_services, uid_listens, upstreams,
                    crafted, marks, floods, neighbours))
