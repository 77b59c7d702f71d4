# SPDX-License-Identifier: GPL-2.0-or-later
"""IP packets made by hand, and a program that sends them from a sandbox that holds CAP_NET_RAW.

    frames.send(net.ns["box1"], [frames.ip4(src, dst, 6, frames.tcp(src, dst, 4000, 443, "S"))])

Each packet goes out of eth0 as it is, to the gateway's hardware address, below everything that a socket would check.
As a program: frames.py INTERFACE GATEWAY4, one packet in hexadecimal a line on standard input.
"""
import os
import random
import socket
import struct
import subprocess
import sys
import time

FLAGS = {"F": 1, "S": 2, "R": 4, "P": 8, "A": 16, "U": 32}


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def packed(address):
    return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)


def pseudo(src, dst, proto, length):
    if ":" in src:
        return packed(src) + packed(dst) + struct.pack("!IHBB", length, 0, 0, proto)
    return packed(src) + packed(dst) + struct.pack("!BBH", 0, proto, length)


def summed(src, dst, proto, head, offset, data):
    """head + data with the checksum of the pseudo header at offset."""
    body = head + data
    value = checksum(pseudo(src, dst, proto, len(body)) + body)
    return body[:offset] + struct.pack("!H", value or 0xFFFF) + body[offset + 2:]


def tcp(src, dst, sport, dport, flags="S", data=b"", seq=None, ack=0):
    bits = sum(FLAGS[f] for f in flags)
    seq = random.getrandbits(32) if seq is None else seq
    return summed(src, dst, 6, struct.pack("!HHIIBBHHH", sport, dport, seq, ack, 5 << 4, bits, 65535, 0, 0), 16, data)


def udp(src, dst, sport, dport, data=b"x" * 32):
    return summed(src, dst, 17, struct.pack("!HHHH", sport, dport, 8 + len(data), 0), 6, data)


def icmp4(kind, code, data=b"x" * 32, rest=0):
    body = struct.pack("!BBHI", kind, code, 0, rest) + data
    return body[:2] + struct.pack("!H", checksum(body)) + body[4:]


def icmp6(src, dst, kind, code, data=b"x" * 32, rest=0):
    return summed(src, dst, 58, struct.pack("!BBHI", kind, code, 0, rest), 2, data)


def ip4(src, dst, proto, payload, fragment=0, more=False, ident=None, options=b""):
    """fragment: offset in bytes; options: padded to four bytes by the caller."""
    ident = random.getrandbits(16) if ident is None else ident
    words = 5 + len(options) // 4
    head = struct.pack("!BBHHHBBH", 4 << 4 | words, 0, words * 4 + len(payload), ident,
                       (0x2000 if more else 0) | fragment // 8, 64, proto, 0) + packed(src) + packed(dst) + options
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def ip6(src, dst, proto, payload):
    return struct.pack("!IHBB", 6 << 28, len(payload), proto, 64) + packed(src) + packed(dst) + payload


def extension(next_header, body=b"\0" * 6):
    """A hop-by-hop, destination options or routing header: body is what follows next header and length."""
    return bytes([next_header, (len(body) + 2) // 8 - 1]) + body


def fragment6(next_header, offset, more, ident, payload):
    return struct.pack("!BBHI", next_header, 0, offset & ~7 | (1 if more else 0), ident) + payload


def send(ns, packets, interface="eth0", gateway=None):
    gateway = gateway or ns.run(["ip", "-4", "route", "show", "default"]).stdout.split()[2]
    ns.run([sys.executable, "-B", os.path.abspath(__file__), interface, gateway],
           stdin="".join(p.hex() + "\n" for p in packets))


def neighbour(gateway, interface):
    """The gateway's hardware address, once the kernel has it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.sendto(b"", (gateway, 9))
    for _ in range(100):
        out = subprocess.run(["ip", "neigh", "show", gateway, "dev", interface], stdout=subprocess.PIPE, text=True,
                             check=True).stdout.split()
        if "lladdr" in out:
            return bytes.fromhex(out[out.index("lladdr") + 1].replace(":", ""))
        time.sleep(0.02)
    sys.exit("frames: the gateway has no hardware address")


def main():
    interface, gateway = sys.argv[1:3]
    hardware = neighbour(gateway, interface)
    s = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM)
    for line in sys.stdin:
        packet = bytes.fromhex(line.strip())
        ethertype = 0x86DD if packet[0] >> 4 == 6 else 0x0800
        s.sendto(packet, (interface, ethertype, 0, 0, hardware))


if __name__ == "__main__":
    main()
