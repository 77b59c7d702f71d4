# SPDX-License-Identifier: GPL-2.0-or-later
"""rules/postern.nft: no sandbox inherits the live flow of another by taking over its address and port.

No daemon: elements are added by hand. Each case first makes the flow of A, then B, confined to something else, tries to use it: a
local socket that binds A's source port a moment later, an interface behind which A's source address is forged, a forged reply. What
B may reach by itself must work on the same ports: replies that would look alike get another source port.
"""
import os
import time

import frames
import lab
import labcell
import rulelab

V4, V6 = "203.0.113.7", "2001:db8:113::7"
A, B = 4711, 4720


def per_family(four, six):
    return ((V4, 4, four), (V6, 6, six))


def begin(title, probe, want):
    """The first packet of a flow may wait for its neighbour: UDP does not send again by itself."""
    labcell.wait_for(title, lambda: probe() == want)
    print(f"ok      {title}")


def pin(n, kind, key, address, proto, port):
    return f"pin{n}_{kind} {key} . {address} . {proto} . {port} timeout 1m"


class Local:
    """A local sandbox: its kind, its key in the sets, and how a program gets into it."""

    def __init__(self, kind, key, zone, stub, *words):
        self.kind, self.key, self.stub, self.words = kind, key, stub, words
        self.members = f"sandbox_{kind} {key}\ndns_{kind} {key} : {stub}\nzone_{kind} {key} : {zone}\n"

    def try_(self, net, address, port, proto="udp", source=5555):
        """(answer, packets that reached the stranger) from that source port"""
        net.seen()
        return net.probe("host", *self.words, "--port", source, proto, address, port), net.seen()

    def pin(self, address, proto, port):
        return pin(6 if ":" in address else 4, self.kind, self.key, address, proto, port)


def locals_():
    path = labcell.cgroup("box/zone")
    cg = '"' + os.path.relpath(path, "/sys/fs/cgroup") + '"'  # as nft takes it
    return (Local("uid", A, 77, 5302, "--uid", A), Local("uid", B, 5678, 5303, "--uid", B),
            Local("cgroup", cg, 65535, 5304, "--cgroup", path))


def furnish(net, *sandboxes):
    net.load()
    net.add("stub_port 5302, 5303, 5304, 5305\n" + "".join(s.members for s in sandboxes))


def take_over(net, a, b, source):
    """UDP, where a port changes hands without a word: A's pinned flow, and its DNS, both by the same port of B."""
    print(f"-- UDP: {b.kind} after {a.kind}")
    furnish(net, a, b)
    for address in (V4, V6):
        net.add(a.pin(address, 17, 443))
        begin(f"{address}: the flow of A", lambda x=address: a.try_(net, x, 443, source=source)[0], "port443")
        lab.equal(b.try_(net, address, 443, source=source), ("refused", 0), f"{address}: B by the same port")
        lab.equal(a.try_(net, address, 443, source=source)[0], "port443", f"{address}: A again")
        net.add(b.pin(address, 17, 443))
        lab.equal(b.try_(net, address, 443, source=source)[0], "port443", f"{address}: B by its own pin, beside A's flow")
        lab.equal(a.try_(net, address, 443, source=source)[0], "port443", f"{address}: A beside it")
        for s in (a, b, a):
            lab.equal(s.try_(net, address, 53, source=source), (f"port{s.stub}", 0), f"{address}: each has its own stub")


def datagrams(net):
    uid_a, uid_b, _ = locals_()
    take_over(net, uid_a, uid_b, 5600)


def between_kinds(net):
    uid_a, _, cgroup = locals_()
    take_over(net, cgroup, uid_a, 5601)
    take_over(net, uid_a, cgroup, 5602)


def host_and_sandbox(net):
    print("-- UDP: the host after a sandbox, and before")
    uid_a = locals_()[0]
    host = Local("host", "", 0, 5305)
    furnish(net, uid_a)
    net.add("sandbox_host ipv4, ipv6\ndns_host ipv4 : 5305, ipv6 : 5305")
    for address in (V4, V6):
        net.add(uid_a.pin(address, 17, 443))
        begin(f"{address}: the flow of A", lambda x=address: uid_a.try_(net, x, 443)[0], "port443")
        lab.equal(host.try_(net, address, 443), ("refused", 0), f"{address}: the host by the same port")
        lab.equal(uid_a.try_(net, address, 53)[0], "port5302", f"{address}: DNS of A")
        lab.equal(host.try_(net, address, 53)[0], "port5305", f"{address}: and of the host")
        net.add(f"pin{6 if ':' in address else 4}_host {address} . 17 . 123 timeout 1m")
        lab.equal(host.try_(net, address, 123)[0], "port123", f"{address}: the flow of the host")
        lab.equal(uid_a.try_(net, address, 123), ("refused", 0), f"{address}: A by the same port")


def segments(net):
    """TCP: the SYN of a port's next owner is judged, even where conntrack saw no end of the flow."""
    print("-- TCP")
    uid_a, uid_b, _ = locals_()
    furnish(net, uid_a, uid_b)
    for address in (V4, V6):
        net.add(uid_a.pin(address, 6, 443))
        for port, refused in ((443, ("refused", 0)), (53, ("refused", 0))):
            got = net.probe("host", *uid_a.words, "--port", 5556, "vanish", address, port)
            lab.equal(got, "gone", f"{address} port {port}: the flow of A, its socket gone in silence")
            lab.equal(uid_b.try_(net, address, port, "tcp", 5556), refused, f"{address} port {port}: B by the same port")
        lab.check(net.probe("host", *uid_a.words, "--port", 5556, "tcp", address, 443).startswith("port"),
                  f"{address}: A itself opens anew")


def replies(net):
    """A UDP flow that came in, and whose port another program has now."""
    print("-- replies")
    uid_b = locals_()[1]
    furnish(net, uid_b)
    net.add("open_input ipv4, ipv6\nopen_output ipv4, ipv6")
    for address, client in (("198.51.100.1", "198.51.100.2"), ("2001:db8:51::1", "2001:db8:51::2")):
        server = net.serve("host", 7010)
        begin(f"{address}: a client", lambda x=address: net.probe("stranger", "--port", 5558, "udp", x, 7010), "port7010")
        server.kill()
        server.wait()
        lab.equal(uid_b.try_(net, client, 5558, source=7010), ("refused", 0), f"{address}: B, from the port that answered it")


def forged_sources(net):
    """Behind an interface any source can be written into a packet."""
    print("-- interfaces")
    net.serve("stranger", 4430)  # a port that a local forger may bind
    uid_b = locals_()[1]
    net.load()
    net.add("sandbox_iface pa, pb\nzone_iface pa : 3, pb : 4\n" + uid_b.members)
    for address, n, (box_a, box_b) in per_family(("192.0.2.2", "192.0.2.18"), ("2001:db8:a::2", "2001:db8:b::2")):
        net.add(pin(n, "iface", "pa", address, 17, 4430))
        begin(f"{address}: the flow of A", lambda x=address: net.probe("boxa", "--port", 5555, "udp", x, 4430), "port4430")
        net.seen()
        net.probe("boxb", "--forge", "--source", box_a, "--port", 5555, "--wait", "0.2", "udp", address, 4430)
        lab.equal(net.seen(), 0, f"{address}: B as A")
        net.seen("boxa")
        # the last: a local socket may, without privilege, take any IPv6 source
        for where, words in (("boxb", ()), ("host", uid_b.words))[:1 if n == 4 else 2]:
            net.probe(where, *words, "--forge", "--source", address, "--port", 4430, "--wait", "0.2", "udp", box_a, 5555)
            lab.equal(net.seen("boxa"), 0, f"{address}: to A, as the one that A talks with, from {where}")
        net.add(pin(n, "iface", "pb", address, 17, 4430))
        lab.equal(net.probe("boxb", "--port", 5555, "udp", address, 4430), "port4430", f"{address}: B as itself")


def address_handed_on(net):
    """A's interface is down, its address is B's now: an orchestrator gave it again at once."""
    print("-- an address handed on")
    net.load()
    net.add("sandbox_iface pa, pb\nzone_iface pa : 3, pb : 4")
    for address, n, own in ((V4, 4, "192.0.2.2"), (V6, 6, "2001:db8:a::2")):
        net.add(pin(n, "iface", "pa", address, 17, 443) + "\n" + pin(n, "iface", "pa", address, 6, 443))
        begin(f"{address}: the flow of A", lambda x=address: net.probe("boxa", "--port", 5559, "udp", x, 443), "port443")
        lab.equal(net.probe("boxa", "--port", 5559, "vanish", address, 443), "gone", f"{address}: its connection, gone in silence")
        ip, bits = ("-6 ", 128) if n == 6 else ("", 32)
        net.host.ip(f"{ip}route add {own}/{bits} dev pb")
        net.ns["boxb"].ip(f"{ip}addr add {own}/{bits} dev eth0" + (" nodad" if n == 6 else ""))
        for proto in ("udp", "tcp"):
            net.seen()
            got = net.probe("boxb", "--source", own, "--port", 5559, proto, address, 443)
            lab.equal((got, net.seen()), ("refused", 0), f"{address}: B with A's address and port, by {proto}")
        net.host.ip(f"{ip}route del {own}/{bits} dev pb")
        net.ns["boxb"].ip(f"{ip}addr del {own}/{bits} dev eth0")


def furnish_boxes(net, address, n):
    """Two sandboxes with the same permission, so that nothing but the source stands between B and what A may do. What is
    forged is dropped, as the verdict loop does."""
    net.load(loop=None)
    net.add("sandbox_iface pa, pb\nzone_iface pa : 3, pb : 4\n" + "\n".join(pin(n, "iface", x, address, 6, 443) for x in ("pa", "pb")))
    for box in ("boxa", "boxb"):  # neighbours have to be found first
        begin(f"{address}: {box} as itself", lambda box=box: net.probe(box, "tcp", address, 443), "port443")


def state(net, port):
    """What conntrack thinks of the TCP flow from that port."""
    lines = net.host.run(["cat", "/proc/net/nf_conntrack"]).stdout.splitlines()
    return [word for line in lines if f" sport={port} dport=443 " in line for word in line.split() if word.isupper() and word.isalpha()]


def settle(net, where):
    """Until nothing more arrives there: the last acknowledgement may come late."""
    def silent():
        net.seen(where)
        time.sleep(0.1)
        return net.seen(where) == 0
    lab.wait_for("silence", silent)


def segments_of_neighbours(net):
    """TCP is in no zone: B's segments must not get as far as conntrack if they pass for A's, or for answers to A."""
    print("-- TCP: a neighbour that knows port and sequence numbers")
    for address, n, own in ((V4, 4, "192.0.2.2"), (V6, 6, "2001:db8:a::2")):
        furnish_boxes(net, address, n)
        ip = frames.ip4 if n == 4 else frames.ip6
        held = net.hold("boxa", address, 443)
        for what, reached in (("A", "stranger"), ("the one that A talks with", "boxa")):
            # what is known of A's source from now must not count for another interface
            lab.equal(held.say(), "port443", f"{address}: the flow of A")
            port, seq, ack = held.where()
            ends, numbers = ((own, address, port, 443), (seq, ack)) if what == "A" else ((address, own, 443, port), (ack, seq))
            settle(net, reached)
            frames.send(net.ns["boxb"], [ip(*ends[:2], 6, frames.tcp(*ends, flags, b"forged" if "P" in flags else b"", *numbers))
                                         for flags in ("PA", "A", "FA", "RA", "R", "S", "SA")])
            lab.equal(net.seen(reached), 0, f"{address}: B as {what}")
            lab.equal(state(net, port), ["ESTABLISHED"], f"{address}: and conntrack saw none of it")
        lab.equal(held.say(), "port443", f"{address}: A goes on")
        held.close()


def source_moved(net):
    """What is known of a source is asked for again: A's address is routed to B, with A's connection open."""
    print("-- TCP: an address that is another's now")
    for address, n, own in ((V4, 4, "192.0.2.2"), (V6, 6, "2001:db8:a::2")):
        furnish_boxes(net, address, n)
        held = net.hold("boxa", address, 443)
        lab.equal(held.say(), "port443", f"{address}: the flow of A")
        port, seq, ack = held.where()
        ip, bits = ("-6 ", 128) if n == 6 else ("", 32)
        packet = (frames.ip4 if n == 4 else frames.ip6)(own, address, 6, frames.tcp(own, address, port, 443, "A", b"", seq, ack))
        net.host.ip(f"{ip}route add {own}/{bits} dev pb")

        def stopped():
            net.seen()
            frames.send(net.ns["boxa"], [packet] * 4)  # without a pause: what is used must be asked for again as well
            return net.seen() == 0
        lab.wait_for(f"{address}: A's segments to be dropped", stopped)
        net.host.ip(f"{ip}route del {own}/{bits} dev pb")
        lab.wait_for(f"{address}: and to pass when it is routed back", lambda: held.say() == "port443")
        held.close()


def fill(net, name, keys):
    for at in range(0, len(keys), 1024):
        net.host.nft(f"add element inet postern {name} {{ " + ", ".join(f"{key} timeout 1h" for key in keys[at:at + 1024]) + " }\n")


def sources_full(net):
    """One sandbox has filled what is known of sources: others lose nothing by it, and nothing opens."""
    print("-- no room for sources")
    net.load()
    fill(net, "routed4", [f'"pb" . 10.0.{k >> 8}.{k & 255}' for k in range(65535)])
    fill(net, "routed6", [f'"pb" . 2001:db8:b::1:{k:x}' for k in range(65535)])
    net.add("sandbox_iface pa, pb\nzone_iface pa : 3, pb : 4")
    for address, n, own in ((V4, 4, "192.0.2.2"), (V6, 6, "2001:db8:a::2")):
        net.add("\n".join(pin(n, "iface", "pa", address, proto, 443) for proto in (6, 17)))
        for proto in ("tcp", "udp"):
            begin(f"{address}: A by {proto}", lambda x=address, p=proto: net.probe("boxa", p, x, 443), "port443")
        settle(net, "stranger")
        frames.send(net.ns["boxb"], [(frames.ip4 if n == 4 else frames.ip6)(own, address, 6, frames.tcp(own, address, 4000, 443))])
        lab.equal(net.seen(), 0, f"{address}: B as A")
        found = net.host.run(["nft", "list", "set", "inet", "postern", f"routed{n}"]).stdout
        lab.check('"pb"' in found and '"pa"' not in found, f"{address}: the set was full all the time")


rulelab.test_parts((datagrams, between_kinds, host_and_sandbox, segments, replies, forged_sources, address_handed_on,
                    segments_of_neighbours, source_moved, sources_full))
