# SPDX-License-Identifier: GPL-2.0-or-later
"""A client inside a namespace, without starting a program for each question.

    answer = labprobe.ask(net.ns["box1"], "example.com")     # .rcode "NOERROR", .records [("203.0.113.22", 60)], .ede 0
    result = labprobe.connect(net.ns["box1"], "203.0.113.22", 443)   # .error 0 or an errno, .seconds
    labprobe.pins(daemon)[("203.0.113.22", 6, 443)]          # seconds until the kernel forgets it

A socket belongs for ever to the namespace in which it was made, so it is enough that the calling thread enters the
namespace for that moment. The threads of a test may all do so: a namespace is a thread's own.
"""
import collections
import ctypes
import errno
import os
import random
import re
import socket
import struct
import time

import labcell

QTYPE = {"A": 1, "TXT": 16, "AAAA": 28}
RCODE = {0: "NOERROR", 1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 5: "REFUSED"}
PROTOCOL = {"icmp": 1, "tcp": 6, "udp": 17, "ipv6-icmp": 58, "icmpv6": 58}
UNIT_S = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}

Answer = collections.namedtuple("Answer", "rcode records ede asked_s got_s")
Result = collections.namedtuple("Result", "error seconds sock")

_libc = ctypes.CDLL(None, use_errno=True)


def syscall(number, *args):
    """A system call that Python has no function for; raises OSError."""
    got = _libc.syscall(number, *args)
    if got < 0:
        raise OSError(ctypes.get_errno(), f"system call {number}")
    return got


class Inside:
    """with Inside(ns): this thread is in the namespace, and afterwards in the one that it came from."""

    def __init__(self, ns):
        self.ns = ns

    def _enter(self, fd):
        if _libc.setns(fd, labcell.CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")
        os.close(fd)

    def __enter__(self):
        self.back = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        self._enter(os.open(self.ns.path, os.O_RDONLY | os.O_CLOEXEC))

    def __exit__(self, *_):
        self._enter(self.back)


def sock(ns, address, kind=socket.SOCK_STREAM, protocol=0):
    """A socket of that namespace, of the family of the address."""
    with Inside(ns):
        return socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, kind | socket.SOCK_CLOEXEC, protocol)


# ---- DNS

def query(name, rrtype="A"):
    head = struct.pack("!6H", random.randrange(65536), 0x0100, 1, 0, 0, 1)
    labels = b"".join(bytes([len(x)]) + x.encode() for x in name.rstrip(".").split("."))
    opt = b"\0" + struct.pack("!HHIH", 41, 1232, 0, 0)
    return head + labels + b"\0" + struct.pack("!HH", QTYPE[rrtype], 1) + opt


def _skip_name(wire, pos):
    while wire[pos] and wire[pos] < 0xc0:
        pos += wire[pos] + 1
    return pos + (1 if wire[pos] == 0 else 2)


def parse(wire, asked_s):
    """An Answer; records are the addresses with their TTLs. TTLs of aliases count as those of every address."""
    counts = struct.unpack("!4H", wire[4:12])
    pos = _skip_name(wire, 12) + 4
    records, ttls, ede = [], [], 0
    for _ in range(sum(counts[1:])):
        pos = _skip_name(wire, pos)
        rrtype, _, ttl, size = struct.unpack("!HHIH", wire[pos:pos + 10])
        data = wire[pos + 10:pos + 10 + size]
        pos += 10 + size
        if rrtype in (1, 28):
            records.append(socket.inet_ntop(socket.AF_INET if rrtype == 1 else socket.AF_INET6, data))
        if rrtype in (1, 5, 28):
            ttls.append(ttl)
        if rrtype == 41 and size >= 6 and struct.unpack("!H", data[:2])[0] == 15:
            ede = struct.unpack("!H", data[4:6])[0]
    least = min(ttls) if ttls else 0
    return Answer(RCODE.get(wire[3] & 15, str(wire[3] & 15)), [(r, least) for r in records], ede, asked_s, time.monotonic())


def ask(ns, name, rrtype="A", server="192.0.2.1", timeout_s=5.0):
    """One query over UDP from a new port. rcode is "" where no answer came (and "ICMP" where it was refused)."""
    wire, asked_s = query(name, rrtype), time.monotonic()
    with sock(ns, server, socket.SOCK_DGRAM) as s:
        s.settimeout(timeout_s)
        try:
            s.connect((server, 53))
            s.send(wire)
            while True:
                got = s.recv(4096)
                if got[:2] == wire[:2]:
                    return parse(got, asked_s)
        except socket.timeout:
            return Answer("", [], 0, asked_s, time.monotonic())
        except OSError:
            return Answer("ICMP", [], 0, asked_s, time.monotonic())


# ---- flows

def connect(ns, address, port, timeout_s=3.0, keep=False):
    """Connects over TCP. error: 0, or an errno (ETIMEDOUT where nothing came back); sock: with keep, the open socket."""
    s = sock(ns, address)
    s.settimeout(timeout_s)
    began = time.monotonic()
    try:
        s.connect((address, port))
        error = 0
    except socket.timeout:
        error = errno.ETIMEDOUT
    except OSError as e:
        error = e.errno
    seconds = time.monotonic() - began
    if error or not keep:
        s.close()
        s = None
    return Result(error, seconds, s)


# ---- the kernel's sets

def seconds(text):
    """A time as nft writes it: 1m2s30ms."""
    return sum(int(n) * UNIT_S[unit] for n, unit in re.findall(r"(\d+)(ms|[dhms])", text))


def elements(daemon, name):
    """The elements of a set as nft lists them: [(key, {"expires": seconds or None, "comment": text})]."""
    body = daemon.nft("list", "set", "inet", "postern", name).partition("elements = {")[2].partition("}")[0]
    found = []
    for one in filter(None, map(str.strip, body.split(","))):  # our comments hold no comma
        expires = re.search(r" expires (\S+)", one)
        comment = re.search(r' comment "([^"]*)"', one)
        found.append((re.split(r" (?:timeout|expires|comment) ", one)[0].strip(),
                      {"expires": seconds(expires.group(1)) if expires else None,
                       "comment": comment.group(1) if comment else ""}))
    return found


def pins(daemon, kind="iface"):
    """{(address, protocol number, port): seconds left} of every sandbox of that kind, both families."""
    found = {}
    for family in (4, 6):
        for key, more in elements(daemon, f"pin{family}_{kind}"):
            words = [w.strip() for w in key.split(" . ")]
            address, protocol, port = words[-3:]
            found[(address, PROTOCOL.get(protocol) or int(protocol), int(port))] = more["expires"]
    return found
