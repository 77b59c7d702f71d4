# SPDX-License-Identifier: GPL-2.0-or-later
"""A DNS server that behaves as the first label of the name asks, and writes down every query.

usage: dnsd.py LOG ADDRESS...        (port 53, UDP and TCP, each address)

For what the honest server (nsd) cannot show: answers that change, come late, come twice, lie, or are broken. The behaviour is the part
of the first label before a dash (`slow-7.test` behaves as `slow`); a name without a known behaviour gets one address of
203.0.113.0/24, 2001:db8:113::/48 made from a hash of the name. LOG gets one JSON line per query:
{via, peer, port, id, name (as spelt), qtype, rd, edns, size (of the query)}.

  rotate    another address at every query, TTL 1            ttl0, ttlmax  TTL 0; TTL 2^32-1
  slow      answers after 2 s                                silent        never answers
  trunc     truncated over UDP, whole over TCP               loop          truncated over both
  once      the same, and closes after each answer           huge          65535 bytes over TCP
  wrongid, wrongname, wrongport   a forged answer (203.0.113.66) first, then the true one
  forged    only the forged answer (wrong id)                fold          the question in lower case; forged over UDP,
                                                                           true over TCP
  servfail, refused, formerr, notimp   that RCODE            noedns        FORMERR as long as EDNS is used
  garbage   bytes that are no message                        short         an answer cut in its middle
  offchain  also records of other owners (203.0.113.66)      hints         HTTPS records with address hints
  private, loopback, linklocal, metadata, mapped   such addresses
  many      300 addresses                                    chain, cloop  20 aliases in a row; an alias of itself
  foreign   an alias of other.test with its address          nodata, nx    as they say, with SOA
"""
import hashlib
import json
import socket
import struct
import sys
import threading
import time

FORGED = "203.0.113.66"
RCODE = {"formerr": 1, "servfail": 2, "nx": 3, "notimp": 4, "refused": 5}
SPECIAL = {"private": ("10.0.0.30", "fd00::1"), "loopback": ("127.0.0.1", "::1"), "linklocal": ("169.254.7.7", "fe80::7"),
           "metadata": ("169.254.169.254", "fd00:ec2::254"), "mapped": ("0.0.0.0", "::ffff:203.0.113.7")}
A, CNAME, SOA, AAAA, HTTPS = 1, 5, 6, 28, 65
count_lock = threading.Lock()
rotation = [0]


class Query:
    def __init__(self, wire):
        self.wire = wire
        self.id, self.flags, qd, _, _, ar = struct.unpack("!6H", wire[:12])
        if qd != 1:
            raise ValueError("questions")
        pos, labels = 12, []
        while wire[pos]:
            labels.append(wire[pos + 1:pos + 1 + wire[pos]])
            pos += 1 + wire[pos]
        self.question = wire[12:pos + 5]
        self.qtype, _ = struct.unpack("!HH", wire[pos + 1:pos + 5])
        self.labels = labels
        self.name = b".".join(labels).decode("latin-1")
        self.edns = bool(ar)
        self.behaviour = (labels[0].decode("latin-1").lower().split("-")[0] if labels else "")


def encode(name):
    return b"".join(bytes([len(x)]) + x.encode() for x in name.split(".") if x) + b"\0"


def record(owner, rrtype, ttl, data):
    return owner + struct.pack("!HHIH", rrtype, 1, ttl, len(data)) + data


def address(rrtype, text):
    return socket.inet_pton(socket.AF_INET if rrtype == A else socket.AF_INET6, text)


def usual(q):
    """The address of a name: stable, and a different one for most names."""
    n = 1 + hashlib.sha256(q.name.lower().encode()).digest()[0] % 60
    return f"203.0.113.{n}" if q.qtype == A else f"2001:db8:113::{n}"


def next_address(q):
    with count_lock:
        rotation[0] += 1
        n = 1 + rotation[0] % 200
    return f"203.0.113.{n}" if q.qtype == A else f"2001:db8:113::{n:x}"


def soa():
    data = encode("ns.test") + encode("root.test") + struct.pack("!5I", 1, 3600, 600, 86400, 5)
    return record(b"\0", SOA, 5, data)


def message(q, answers=(), rcode=0, flags=0, authority=(), additional=(), question=None, ident=None):
    head = struct.pack("!6H", q.id if ident is None else ident, 0x8480 | (q.flags & 0x0100) | flags | rcode, 1, len(answers),
                       len(authority), len(additional))
    return head + (question or q.question) + b"".join(answers) + b"".join(authority) + b"".join(additional)


def plain(q, text=None, ttl=60):
    here = b"\xc0\x0c"
    if q.qtype not in (A, AAAA):
        return message(q, authority=[soa()])
    return message(q, [record(here, q.qtype, ttl, address(q.qtype, text or usual(q)))])


def aliases(q, names, last):
    """A chain of CNAMEs from the question over names, with an address at its end."""
    owners = [b"\xc0\x0c"] + [encode(n) for n in names]
    answers = [record(o, CNAME, 60, encode(n)) for o, n in zip(owners, names)]
    if last and q.qtype in (A, AAAA):
        answers.append(record(owners[-1], q.qtype, 60, address(q.qtype, last)))
    return message(q, answers)


def forged(q, **kw):
    return message(q, [record(b"\xc0\x0c", A, 60, address(A, FORGED))], **kw)


def offchain(q):
    stray = record(encode("stray.test"), A, 60, address(A, FORGED))
    answers = [record(b"\xc0\x0c", q.qtype, 60, address(q.qtype, usual(q)))] if q.qtype in (A, AAAA) else []
    return message(q, answers + [stray], additional=[stray])


def fold(q, via):
    answer = record(b"\xc0\x0c", q.qtype, 60, address(q.qtype, usual(q))) if q.qtype in (A, AAAA) else b""
    if via == "tcp":
        return message(q, [answer] if answer else [], question=q.question.lower())
    return forged(q, question=q.question.lower())


def hints(q):
    if q.qtype != HTTPS:
        return plain(q)
    data = struct.pack("!H", 1) + b"\0" + struct.pack("!HH", 4, 4) + address(A, FORGED)
    return message(q, [record(b"\xc0\x0c", HTTPS, 60, data)])


def replies(q, via):
    """The messages to send, in order. None in the list: send from another port. A number: sleep."""
    b = q.behaviour
    if b in RCODE:
        return [message(q, rcode=RCODE[b], authority=[soa()] if b == "nx" else ())]
    if b in SPECIAL and q.qtype in (A, AAAA):
        return [plain(q, SPECIAL[b][q.qtype == AAAA])]
    table = {
        "rotate": lambda: [plain(q, next_address(q) if q.qtype in (A, AAAA) else None, 1)],
        "ttl0": lambda: [plain(q, ttl=0)],
        "ttlmax": lambda: [plain(q, ttl=0xffffffff)],
        "slow": lambda: [2.0, plain(q)],
        "silent": lambda: [],
        "trunc": lambda: [message(q, flags=0x0200)] if via == "udp" else [plain(q)],
        "once": lambda: [message(q, flags=0x0200)] if via == "udp" else [plain(q)],
        "huge": lambda: [message(q, flags=0x0200)] if via == "udp" else [huge(q)],
        "loop": lambda: [message(q, flags=0x0200)],
        "wrongid": lambda: [forged(q, ident=q.id ^ 1), plain(q)],
        "wrongname": lambda: [forged(q, question=encode("other.test") + q.question[-4:]), plain(q)],
        "wrongport": lambda: [None, forged(q), plain(q)],
        "forged": lambda: [forged(q, ident=q.id ^ 1)],
        "fold": lambda: [fold(q, via)],
        "noedns": lambda: [message(q, rcode=1)] if q.edns else [plain(q)],
        "garbage": lambda: [q.wire[:2] + bytes(range(256)) * 2],
        "short": lambda: [plain(q)[:-7]],
        "offchain": lambda: [offchain(q)],
        "hints": lambda: [hints(q)],
        "many": lambda: [many(q, via)],
        "chain": lambda: [aliases(q, [f"link{n}.test" for n in range(20)], usual(q))],
        "cloop": lambda: [aliases(q, [q.name], None)],
        "foreign": lambda: [aliases(q, ["other.test"], usual(q))],
        "nodata": lambda: [message(q, authority=[soa()])],
    }
    return table.get(b, lambda: [plain(q)])()


def many(q, via):
    if q.qtype not in (A, AAAA):
        return message(q, authority=[soa()])
    answers = [record(b"\xc0\x0c", A, 60, address(A, f"203.0.{113}.{n % 250 + 1}")) if q.qtype == A else
               record(b"\xc0\x0c", AAAA, 60, address(AAAA, f"2001:db8:113::{n + 1:x}")) for n in range(300)]
    return message(q, flags=0x0200) if via == "udp" else message(q, answers)


def huge(q):
    """As large as a message can be: the address, and TXT records of the name behind it."""
    texts, left = [], 65535 - 12 - len(q.question) - (16 if q.qtype == A else 28)
    while left > 12:
        size = min(left - 12, 255)
        texts.append(record(b"\xc0\x0c", 16, 60, bytes([size - 1]) + b"x" * (size - 1)))
        left -= 12 + size
    return message(q, [record(b"\xc0\x0c", q.qtype, 60, address(q.qtype, usual(q)))] + texts)


class Server:
    def __init__(self, log, where):
        self.log, self.where = log, where
        self.family = socket.AF_INET6 if ":" in where else socket.AF_INET

    def note(self, q, via, peer):
        print(json.dumps({"via": via, "peer": peer[0], "port": peer[1], "id": q.id, "name": q.name, "qtype": q.qtype,
                          "rd": bool(q.flags & 0x0100), "edns": q.edns, "size": len(q.wire)}), file=self.log, flush=True)

    def udp(self):
        s = socket.socket(self.family, socket.SOCK_DGRAM)
        s.bind((self.where, 53))
        while True:
            wire, peer = s.recvfrom(4096)
            try:
                q = Query(wire)
            except (ValueError, IndexError, struct.error):
                continue
            self.note(q, "udp", peer)
            todo = replies(q, "udp")
            if any(isinstance(x, float) for x in todo):
                threading.Thread(target=self.send_udp, args=(s, todo, peer), daemon=True).start()
            else:
                self.send_udp(s, todo, peer)

    def send_udp(self, s, todo, peer):
        other = False
        for x in todo:
            if isinstance(x, float):
                time.sleep(x)
            elif x is None:
                other = True
            elif other:
                with socket.socket(self.family, socket.SOCK_DGRAM) as t:
                    t.bind((self.where, 0))
                    t.sendto(x, peer)
                other = False
            else:
                s.sendto(x, peer)

    def tcp(self):
        s = socket.socket(self.family, socket.SOCK_STREAM)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind((self.where, 53))
        s.listen(64)
        while True:
            conn, peer = s.accept()
            threading.Thread(target=self.tcp_client, args=(conn, peer), daemon=True).start()

    def tcp_client(self, conn, peer):
        with conn:
            conn.settimeout(20)
            try:
                while True:
                    head = conn.recv(2, socket.MSG_WAITALL)
                    if len(head) < 2:
                        return
                    q = Query(conn.recv(struct.unpack("!H", head)[0], socket.MSG_WAITALL))
                    self.note(q, "tcp", peer)
                    for x in replies(q, "tcp"):
                        if isinstance(x, float):
                            time.sleep(x)
                        elif x is not None:
                            conn.sendall(struct.pack("!H", len(x)) + x)
                    if q.behaviour == "once":
                        return
            except (OSError, ValueError, IndexError, struct.error):
                return


def main():
    threads = []
    with open(sys.argv[1], "w", encoding="ascii", buffering=1) as log:
        for where in sys.argv[2:]:
            server = Server(log, where)
            threads += [threading.Thread(target=server.udp), threading.Thread(target=server.tcp)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()


main()
