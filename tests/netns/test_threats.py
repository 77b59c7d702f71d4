# SPDX-License-Identifier: GPL-2.0-or-later
"""What code in a sandbox may try in order to get a packet out: one row a way, in the words of the threat list.

box1 is root with CAP_NET_RAW in its own namespace, and may reach *.test on tcp/443 and NTP anywhere. A row sends packets; afterwards
none of them may have been forwarded or taken in by the host. Each row ends with a permitted packet that does arrive: links keep order, so by then
the others have been judged, and a silent row means refused, not lost.
"""
import sys
import time

import frames
import lab
import labdaemon
import labnet
from frames import extension, fragment6, icmp4, icmp6, ip4, ip6, tcp, udp
from lab import check
from labcell import wait_for
from labnet import NTP, STRANGER, STRANGER6

WEB, WEB6 = "203.0.113.30", "2001:db8:113::30"  # web.test: pinned for box1
LEARNT, LEARNT6 = "203.0.113.31", "2001:db8:113::31"  # other.test: pinned for box2 only
B1, B1_6 = labnet.BOX["box1"]
B2, B2_6 = labnet.BOX["box2"]
GW, GW6 = labnet.GATEWAY["box1"]
CARRIES_IPV4 = ("::ffff:198.51.100.1", "64:ff9b::c633:6401", "2002:c633:6401::1", "::198.51.100.1", "2001:0:c633:6401::1")
METADATA = ("169.254.169.254", "169.254.170.2", "169.254.170.23", "168.63.129.16")
METADATA6 = ("fd00:ec2::254", "fd00:ec2::23")
NOT_TCP_UDP = (2, 4, 41, 47, 50, 51, 89, 94, 103, 112, 115, 132, 136, 137, 253)
NOT_TCP_UDP6 = (4, 41, 47, 50, 89, 103, 115, 132, 136, 137, 253)
CONF = "confined_group = 77;\nforward_others = true;\n"
POLICY = labdaemon.policy_text("web", domains=("*.test",), ports=("tcp/443",))

# Behind every other filter of the host: what gets here has left, or is taken in.
LATE = """table inet late {
	counter out { }
	counter taken { }
	counter clock { }
	counter letters { }
	chain output {
		type filter hook output priority 400;
		oifname "eth0" icmp type { 3, 11, 12 } counter name "letters"
		oifname "eth0" icmpv6 type { 1, 2, 3, 4 } counter name "letters"
		oifname "eth0" tcp flags & rst == rst counter name "letters"
	}
	set seen4 { typeof iifname . ip daddr . ip protocol . th dport; flags dynamic; size 1000; }
	set seen6 { typeof iifname . ip6 daddr . meta l4proto . th dport; flags dynamic; size 1000; }
	chain see {
		add @seen4 { iifname . ip daddr . ip protocol . th dport }
		add @seen6 { iifname . ip6 daddr . meta l4proto . th dport }
	}
	chain forward {
		type filter hook forward priority 400;
		ip daddr %s udp dport 123 counter name "clock" accept
		ct state established tcp flags & rst == rst accept comment "the box's kernel knows nothing of what frames.py sent"
		ip daddr %s icmp type destination-unreachable accept comment "the same, for the answer of the clock"
		iifname "pt-*" counter name "out" jump see
	}
	chain input {
		type filter hook input priority 400;
		iifname "pt-*" ct status dnat accept
		iifname "pt-*" icmpv6 type { 133, 134, 135, 136 } accept
		iifname "pt-*" counter name "taken" jump see
	}
}""" % (NTP, NTP)


class Field:
    """The sandbox that attacks, and the counters that must stand still."""

    def __init__(self, net, daemon):
        self.net, self.daemon, self.host, self.box = net, daemon, net.ns["host"], net.ns["box1"]
        self.host.nft(LATE)
        self.rows = 0

    def count(self, name):
        return labnet.counter(self.host, "late", name)

    def host_sent(self):
        """ICMP and TCP resets that the host itself sent towards the outside."""
        return self.count("letters")

    def leaked(self):
        return self.count("out") + self.count("taken") + self.net.stranger.count()

    def held(self, before, words):
        """Nothing got through since; where something did, what the host has seen at all is printed."""
        leaked = self.leaked() - before
        if not check(leaked == 0, words + (f": {leaked} packets got through" if leaked else "")):
            for name in ("seen4", "seen6"):
                print(self.host.run(["nft", "list", "set", "inet", "late", name]).stdout)
            print(self.net.stranger.packets()[-5:])

    def row(self, words, packets, box=None):
        """Sends, then the permitted packet; says whether anything else got through."""
        box = box or self.box
        source = B1 if box is self.box else B2
        before, clock = self.leaked(), self.count("clock")
        self.rows += 1
        last = ip4(source, NTP, 17, udp(source, NTP, 20000 + self.rows, 123))
        frames.send(box, [*packets, last])
        wait_for(f"the permitted packet after: {words}", lambda: self.count("clock") > clock)
        self.held(before, words)


def syn4(dst, port=443, src=B1, sport=4001, **kw):
    return ip4(src, dst, 6, tcp(src, dst, sport, port, **kw))


def syn6(dst, port=443, src=B1_6, sport=4001, **kw):
    return ip6(src, dst, 6, tcp(src, dst, sport, port, **kw))


def udp4(dst, port, src=B1, sport=4002):
    return ip4(src, dst, 17, udp(src, dst, sport, port))


def udp6(dst, port, src=B1_6, sport=4002):
    return ip6(src, dst, 17, udp(src, dst, sport, port))


# ---- reaching an address without permission

def reaching(f):
    f.row("a literal address", [syn4(STRANGER), udp4(STRANGER, 443), syn6(STRANGER6), udp6(STRANGER6, 443)])
    f.row("an address learnt elsewhere: another sandbox's pin", [syn4(LEARNT), syn6(LEARNT6)])
    f.row("another port of a pinned address", [syn4(WEB, p) for p in (22, 53 + 1, 80, 442, 444, 853, 8443)]
          + [syn6(WEB6, p) for p in (22, 80, 853, 8443)])
    f.row("another protocol of a pinned address", [udp4(WEB, 443), udp6(WEB6, 443),
                                                   ip4(B1, WEB, 132, tcp(B1, WEB, 4001, 443)), ip4(B1, WEB, 1, icmp4(8, 0))])
    f.row("forms that carry an IPv4 address", [syn6(a) for a in CARRIES_IPV4] + [udp6(a, 443) for a in CARRIES_IPV4])
    f.row("protocols other than TCP and UDP", [ip4(B1, STRANGER, p, b"\0\1\1\273" + b"x" * 28) for p in NOT_TCP_UDP]
          + [ip6(B1_6, STRANGER6, p, b"\0\1\1\273" + b"x" * 28) for p in NOT_TCP_UDP6])
    f.row("the same to a pinned address", [ip4(B1, WEB, p, b"\0\1\1\273" + b"x" * 28) for p in NOT_TCP_UDP])
    f.row("host services and gateway addresses", [syn4(a, p) for a in (GW, "10.0.0.10") for p in (22, 80, 1053, 1054, 3000)]
          + [udp4(GW, p) for p in (67, 1053, 1054)] + [udp4("10.0.0.10", p) for p in (67, 123, 1053, 1054)] + [ip4(B1, GW, 1, icmp4(8, 0))]
          + [syn6(GW6, p) for p in (22, 80, 1053)] + [udp6(GW6, 1053), ip6(B1_6, GW6, 58, icmp6(B1_6, GW6, 128, 0))])
    f.row("the upstream resolver itself", [syn4("10.0.0.2", 54), udp4("10.0.0.2", 853), syn4("10.0.0.2", 853)])
    f.row("cloud metadata", [syn4(a, p) for a in METADATA for p in (80, 443)] + [udp4(a, 123) for a in METADATA]
          + [syn6(a, 80) for a in METADATA6] + [udp6(a, 123) for a in METADATA6])
    f.row("another sandbox", [syn4(B2, p) for p in (22, 443, 3000)] + [udp4(B2, 443), ip4(B1, B2, 1, icmp4(8, 0)),
                                                                    syn6(B2_6), ip6(B1_6, B2_6, 58, icmp6(B1_6, B2_6, 128, 0))])


# ---- packets

def icmp(f):
    inner = ip4(STRANGER, B1, 17, udp(STRANGER, B1, 9, 4001))
    f.row("ICMP as a tunnel", [ip4(B1, STRANGER, 1, icmp4(k, c)) for k, c in ((8, 0), (0, 0), (13, 0), (15, 0), (17, 0), (40, 9))]
          + [ip6(B1_6, STRANGER6, 58, icmp6(B1_6, STRANGER6, k, 0)) for k in (128, 129, 133, 135, 137, 139, 144, 160, 200)])
    f.row("forged ICMP errors as RELATED", [ip4(B1, STRANGER, 1, icmp4(k, c, inner)) for k, c in ((3, 3), (3, 4), (11, 0), (12, 0), (5, 1))]
          + [ip6(B1_6, STRANGER6, 58, icmp6(B1_6, STRANGER6, k, 0, ip6(STRANGER6, B1_6, 17, udp(STRANGER6, B1_6, 9, 4001))))
             for k in (1, 2, 3, 4)])


def tcp_oddities(f):
    flags = ("", "F", "R", "A", "P", "U", "FA", "SF", "SR", "FPU", "SA", "PA", "RA", "FSRPAU")
    f.row("mid-stream and odd-flag TCP", [syn4(STRANGER, flags=x, data=b"secret", sport=4100 + i) for i, x in enumerate(flags)]
          + [syn6(STRANGER6, flags=x, data=b"secret", sport=4100 + i) for i, x in enumerate(flags)])
    f.row("data in a SYN", [syn4(STRANGER, data=b"secret" * 100), syn6(STRANGER6, data=b"secret" * 100)])
    f.row("helpers: FTP, SIP, TFTP, IRC control ports", [syn4(STRANGER, 21), udp4(STRANGER, 5060), udp4(STRANGER, 69), syn4(STRANGER, 6667)])
    f.row("source port 53, 123, 443", [syn4(STRANGER, sport=p) for p in (53, 123, 443)] + [udp4(STRANGER, 5353, sport=p) for p in (53, 123, 443)])


def fragments(f):
    whole = udp(B1, STRANGER, 4003, 443, b"y" * 64)
    ntp = udp(B1, STRANGER, 4003, 123, b"y" * 64)
    f.row("fragments: port in the second, tiny first, overlapping, never completed", [
        ip4(B1, STRANGER, 17, whole[:32], 0, True, 7), ip4(B1, STRANGER, 17, whole[32:], 32, False, 7),
        ip4(B1, STRANGER, 17, whole[:8], 0, True, 8), ip4(B1, STRANGER, 17, whole[8:], 8, False, 8),
        ip4(B1, STRANGER, 17, ntp[:24], 0, True, 9), ip4(B1, STRANGER, 17, whole[:24], 0, True, 9),
        ip4(B1, STRANGER, 17, whole[24:], 24, True, 10), ip4(B1, STRANGER, 6, tcp(B1, STRANGER, 1, 443)[:8], 0, True, 11)])
    whole6 = udp(B1_6, STRANGER6, 4003, 443, b"y" * 64)
    f.row("IPv6 fragments, atomic ones too", [
        ip6(B1_6, STRANGER6, 44, fragment6(17, 0, True, 7, whole6[:32])), ip6(B1_6, STRANGER6, 44, fragment6(17, 32, False, 7, whole6[32:])),
        ip6(B1_6, STRANGER6, 44, fragment6(17, 0, False, 8, whole6)), ip6(B1_6, STRANGER6, 44, fragment6(59, 0, False, 9, b"z" * 32))])
    f.row("extension headers before a port that is not allowed", [
        ip6(B1_6, STRANGER6, h, extension(17) + whole6) for h in (0, 60)] + [
        ip6(B1_6, STRANGER6, 60, extension(60) + extension(17) + whole6),
        ip6(B1_6, STRANGER6, 43, extension(17, b"\0\1" + b"\0" * 4) + whole6),
        ip6(B1_6, STRANGER6, 59, whole6), ip6(B1_6, STRANGER6, 135, extension(59) + whole6),
        ip6(B1_6, STRANGER6, 60, extension(6, b"\1\4\0\0\0\173") + tcp(B1_6, STRANGER6, 123, 443))])
    f.row("IPv4 options: source route, record route", [
        ip4(B1, NTP, 17, udp(B1, NTP, 4004, 124), options=b"\x83\x07\x04" + bytes([198, 51, 100, 1]) + b"\0"),
        ip4(B1, STRANGER, 6, tcp(B1, STRANGER, 4004, 443), options=b"\x07\x07\x04" + b"\0" * 5)])


def forged_events(f):
    """One event for each source, wherever its packets went; what is routed back to the box is none of them."""
    forged = [STRANGER, "203.0.113.9", B2, STRANGER6, B2_6]
    for source in forged:
        event = f.daemon.wait_event(reason="forged-source", source=source)
        lab.equal((event["kind"], event["action"], event["sandbox"], event["interface"]), ("refusal", "drop", "box1", "pt-box1"),
                  f"forged source {source}: {event['count']} packets in an event")
        check(bool(event.get("hardware") and event.get("file") and event.get("line")), "with hardware address and policy")
    packets = [udp4("203.0.113.99", 2000 + n, src="198.51.100.77") for n in range(40)]
    frames.send(f.box, packets)
    lab.wait_for("the count", lambda: sum(e["count"] for e in f.daemon.events(reason="forged-source", source="198.51.100.77")) == 40)
    n = len(f.daemon.events(reason="forged-source", source="198.51.100.77"))
    check(n <= 2, f"40 packets of one source to 40 ports: {n} events")
    lab.equal([f.daemon.events(reason="forged-source", source=s) for s in (B1, "192.0.2.3")], [[], []], "what is routed to the box is not forged")


def sources(f):
    f.row("spoofed sources", [syn4(STRANGER, src=s) for s in (B2, GW, "10.0.0.10", "10.0.0.30", "203.0.113.9", "127.0.0.1", "192.0.2.3")]
          + [syn6(STRANGER6, src=s) for s in (B2_6, GW6, "2001:db8::10", "fe80::1")])
    secret = b"secret" * 20
    before = f.host_sent()
    f.row("a forged source that the refusal would be sent to", [
        ip4(src, dst, 17, udp(src, dst, 7000, 443, secret)) for src in (STRANGER, "203.0.113.9", "192.0.2.3", NTP)
        for dst in ("203.0.113.99", GW, B2, STRANGER)] + [syn4(dst, src=src) for src in (STRANGER, "192.0.2.3") for dst in (GW, B2, STRANGER)]
        + [ip6(src, dst, 17, udp(src, dst, 7000, 443, secret)) for src in (STRANGER6, "2001:db8:b1::99") for dst in (GW6, B2_6, STRANGER6)]
        + [ip4(src, GW, 17, udp(src, GW, 7000, 123, secret)) for src in (STRANGER, "203.0.113.9")])
    time.sleep(4)  # a neighbour that is not there is given up after three seconds, and then an error is sent
    lab.equal(f.host_sent() - before, 0, "and none was sent outside, nor an error that quotes it")
    forged_events(f)
    f.row("another sandbox's source and its permission", [syn4(LEARNT, src=B2), syn6(LEARNT6, src=B2_6)])
    f.row("\"replies\" to traffic that never came in", [syn4("10.0.0.30", 40000, flags="SA", sport=3000),
                                                       syn4("10.0.0.30", 40000, flags="A", sport=22, data=b"secret"),
                                                       udp4("10.0.0.30", 40000, sport=3000)])
    f.row("the flow of a neighbour, from here", [syn4(LEARNT, src=B2, sport=5555, flags="A", data=b"secret")])


def new_ways(f):
    """A second interface of the same sandbox: in the confined group, and nobody's."""
    f.host.ip("link add pt-new type veth peer name eth9 netns box1\nlink set pt-new group 77\nlink set pt-new up\n"
              "addr add 198.18.0.1/24 dev pt-new")
    f.box.ip("link set eth9 up\naddr add 198.18.0.2/24 dev eth9")
    before = f.leaked()
    packets = [ip4("198.18.0.2", STRANGER, 6, tcp("198.18.0.2", STRANGER, 1, 443)), ip4("198.18.0.2", "198.18.0.1", 1, icmp4(8, 0)),
               ip4("198.18.0.2", NTP, 17, udp("198.18.0.2", NTP, 1, 124))]
    frames.send(f.box, packets, "eth9", "198.18.0.1")
    f.row("a second interface that no sandbox owns, in the confined group", [])
    check(f.leaked() == before, "and nothing of it got out")
    f.host.ip("link del pt-new")


def local_threats(f, daemon):
    """What a confined uid on the host itself may try: relays on loopback, raw sockets, marks."""
    host = f.host
    relay = host.popen([sys.executable, "-c", "import socket\ns=socket.create_server(('127.0.0.1',8888))\nwhile 1: s.accept()[0].close()"])
    wait_for("the relay", lambda: host.listening(8888))
    code = ("import os,socket,sys\nos.setgroups([]);os.setgid(64999);os.setuid(64999)\n"
            "def t(f):\n try: f(); print('open')\n except OSError as e: print(type(e).__name__)\n"
            f"t(lambda: socket.create_connection(('127.0.0.1',8888),3))\n"
            f"t(lambda: socket.create_connection(('{STRANGER}',443),3))\n"
            "t(lambda: socket.socket(socket.AF_INET,socket.SOCK_RAW,1))\n"
            "t(lambda: socket.socket(socket.AF_PACKET,socket.SOCK_RAW,0))\n"
            "s=socket.socket()\nt(lambda: s.setsockopt(1,36,0x00100000))\n"
            "u=socket.socket(socket.AF_INET,socket.SOCK_DGRAM);u.settimeout(3);u.connect(('127.0.0.53',53))\n"
            "q=bytes.fromhex('1234010000010000000000000377656204746573740000010001')\n"
            "u.send(q)\nprint(len(u.recv(512))>len(q) and 'answered')\n"
            "v=socket.socket(socket.AF_INET,socket.SOCK_DGRAM);v.settimeout(1);v.connect(('127.0.0.1',1055))\n"
            "t(lambda: (v.send(q), v.recv(512)))\n")
    before = f.leaked()
    got = host.run([sys.executable, "-c", code], timeout_s=60).stdout.split()
    relay.kill()
    lab.equal(got[0], "ConnectionRefusedError", "a relay on loopback (proxy) is closed to a confined uid")
    lab.equal(got[1], "ConnectionRefusedError", "an address never resolved is refused at once")
    lab.equal(got[2:5], ["PermissionError"] * 3, "raw and packet sockets and marks need what a confined uid has not")
    lab.equal(got[5], "answered", "a system resolver on loopback is not asked: postern answers in its place")
    check(got[6] != "open", f"another sandbox's stub port gives no answer ({got[6]})")
    check(f.leaked() == before, "none of it left the host")


def missed(host):
    """Packets that reached the end of the rules."""
    return int(host.run(["nft", "list", "chain", "inet", "postern", "miss"]).stdout.split("counter packets ")[1].split()[0])


def before_the_gate(net):
    """Rules loaded, no daemon yet: nothing passes, not even what the policy will allow."""
    host = net.ns["host"]
    host.run(["nft", "-f", f"{labdaemon.TOP}/rules/postern.nft"])
    host.nft(LATE)
    frames.send(net.ns["box1"], [syn4(WEB), udp4(NTP, 123), syn6(WEB6), syn4(STRANGER), ip4(B1, STRANGER, 1, icmp4(8, 0)), udp4("10.0.0.2", 53)])
    wait_for("the packets to be dropped", lambda: missed(host) >= 6)
    out = sum(labnet.counter(host, "late", c) for c in ("out", "clock", "taken"))
    lab.equal(out + net.stranger.count(), 0, "traffic before the gate stands")
    host.nft("delete table inet late")


def hostile_log(f, daemon):
    """Bytes that break a log line or a terminal."""
    name = b"\x05\x1b[2J\n" + b"\x04\"}{\\" + b"\x04test\x00"
    query = b"\x12\x34\x01\0\0\1\0\0\0\0\0\0" + name[:-1] + b"\x02zz\x00" + b"\0\1\0\1"
    f.box.run([sys.executable, "-c", f"import socket\ns=socket.socket(2,2)\ns.settimeout(3)\ns.sendto(bytes.fromhex('{query.hex()}'),('{GW}',53))\ns.recv(512)"])
    event = daemon.wait_event(kind="dns", names=lambda n: n and "zz" in n[0])
    lab.equal(event["names"][0], "\\027[2j\\010.\\034}{\\092.test.zz", "hostile bytes of a name are escaped in the log")
    shown = daemon.cli("audit").stdout
    check("\x1b" not in shown and "\\027" in shown, "and on the terminal")


def main(net):
    before_the_gate(net)
    for name, n in (("web.test", 30), ("other.test", 31)):
        net.zone.address(name, n, ttl_s=300)
    net.zone.commit()
    conf = labdaemon.conf_text({"box1": ('interface = "pt-box1"', "web"), "box2": ('interface = "pt-box2"', "web"),
                                "user": ("uid = 64999", "web"), "user2": ("uid = 64998", "web")}, extra=CONF)
    daemon = labdaemon.Postern(net, conf, {"web.conf": POLICY}).start()
    f = Field(net, daemon)
    for box, name in (("box1", "web.test"), ("box2", "other.test")):
        for rrtype in ("A", "AAAA"):
            check(len(lab.dig(net.ns[box], name, rrtype)) == 1, f"{box} has a pin for {name} {rrtype}")
    before = f.count("out")
    frames.send(f.box, [syn4(WEB), syn6(WEB6)])
    wait_for("what is pinned to pass", lambda: f.count("out") >= before + 2)
    frames.send(net.ns["box2"], [syn4(LEARNT, src=B2, sport=5555), syn6(LEARNT6, src=B2_6, sport=5555)])
    wait_for("the neighbour's flow", lambda: f.count("out") >= before + 4)
    for group in (reaching, icmp, tcp_oddities, fragments, sources, new_ways):
        group(f)
    local_threats(f, daemon)
    hostile_log(f, daemon)
    lab.equal(daemon.state()["starts"], 1, "the daemon ran through")


lab.test(main)
