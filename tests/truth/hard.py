# SPDX-License-Identifier: GPL-2.0-or-later
"""A DNS server of difficult, broken and lying answers: the name's first label says which.

usage: hard.py ADDRESS        (port 53, UDP and TCP)

Messages are made byte by byte: what is wrong with them is wrong on purpose. A case is a function of the question (class Q) and
of how it came ("udp", "tcp"); it returns what to send, in order: bytes, or a number of seconds to wait, or CLOSE. Over TCP a
list in the list is sent in these pieces. What a client of postern gets for each stands in test_hard.py.
"""
import os
import socket
import struct
import sys
import threading
import time

A, NS, CNAME, SOA, PTR, MX, TXT, AAAA, SRV, DNAME, OPT, RRSIG, NSEC = 1, 2, 5, 6, 12, 15, 16, 28, 33, 39, 41, 46, 47
IN, CH, HERE, CLOSE = 1, 3, b"\xc0\x0c", object()
QR, AA, TC, RD, RA, AD = 0x8000, 0x0400, 0x0200, 0x0100, 0x0080, 0x0020
GOOD, BAD = "203.0.113.9", "203.0.113.66"  # the answer that a case may lead to; the one that none may
CASES = {}
OWN = {}
TABLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "hard.table")


def case(f):
    CASES[f.__name__.strip("_").replace("_", "-")] = f
    return f


class Q:
    def __init__(self, wire):
        self.id, self.flags, _, _, _, n_more = struct.unpack("!6H", wire[:12])
        pos, labels = 12, []
        while wire[pos]:
            labels.append(wire[pos + 1:pos + 1 + wire[pos]])
            pos += 1 + wire[pos]
        self.labels, self.name = labels, wire[12:pos + 1]
        self.question = wire[12:pos + 5]
        self.qtype = struct.unpack("!H", wire[pos + 1:pos + 3])[0]
        self.edns = n_more > 0
        self.case, _, self.number = labels[0].decode("latin-1").lower().rpartition("-") if labels else ("", "", "")
        if not self.number.isdigit():
            self.case, self.number = labels[0].decode("latin-1").lower() if labels else "", "0"
        self.number = int(self.number)


def name(text):
    return b"".join(bytes([len(x)]) + x.encode() for x in text.split(".") if x) + b"\0"


def ip(text):
    return socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)


def rr(owner, rrtype, data, ttl=60, rrclass=IN, size=None):
    return (name(owner) if isinstance(owner, str) else owner) + struct.pack("!HHIH", rrtype, rrclass, ttl, len(data) if size is None else size) + data


def a(text=GOOD, owner=HERE, **kw):
    return rr(owner, A, ip(text), **kw)


def alias(owner, target, **kw):
    return rr(owner, CNAME, name(target), **kw)


def soa(owner="hard.test", ttl=60, minimum=30):
    return rr(owner, SOA, name("ns.test") + name("root.test") + struct.pack("!5I", 1, 3600, 600, 86400, minimum), ttl)


def opt(rcode=0, version=0, data=b""):
    return b"\0" + struct.pack("!HHBBHH", OPT, 1232, rcode >> 4, version, 0, len(data)) + data


def message(q, answers=(), authority=(), more=(), **kw):
    """kw: rcode, flags (added), id, question (bytes), counts (of the header), edns (the OPT record, or b"")."""
    rcode, counts = kw.get("rcode", 0), kw.get("counts")
    edns = kw.get("edns", opt(rcode) if q.edns else b"")
    question = kw.get("question", q.question)
    more = list(more) + ([edns] if edns else [])
    head = struct.pack("!HH", kw.get("id", q.id), kw.get("base", QR | AA | RA) | q.flags & RD | kw.get("flags", 0) | rcode & 15)
    return head + struct.pack("!4H", *(counts or (1, len(answers), len(authority), len(more)))) + question + b"".join(answers) + \
        b"".join(authority) + b"".join(more)


def good(q, **kw):
    return message(q, [a()], **kw)


# ---- chains

@case
def chain(q, via):
    """q.number aliases, then the address, in one answer"""
    names = [f"link{n}.hard.test" for n in range(q.number)]
    owners = [HERE] + [name(n) for n in names]
    return [message(q, [alias(o, n) for o, n in zip(owners, names)] + [a(owner=owners[-1])])]


@case
def chain_apart(q, via):
    """the same, an alias an answer"""
    step = f"chain-apart-{q.number - 1}.hard.test"
    return [message(q, [alias(HERE, step)]) if q.number else good(q)]


@case
def chain_backwards(q, via):
    names = [f"back{n}.hard.test" for n in range(5)]
    owners = [HERE] + [name(n) for n in names]
    return [message(q, [a(owner=owners[-1])] + [alias(o, n) for o, n in zip(owners, names)][::-1])]


@case
def loop_self(q, via):
    return [message(q, [rr(HERE, CNAME, HERE)])]


@case
def loop_two(q, via):
    return [message(q, [alias(HERE, "two.hard.test"), rr("two.hard.test", CNAME, HERE)])]


@case
def loop_apart(q, via):
    return [message(q, [alias(HERE, f"loop-apart-{1 - q.number}.hard.test")])]


@case
def alias_root(q, via):
    return [message(q, [rr(HERE, CNAME, b"\0")], [soa(".")])]


@case
def alias_two(q, via):
    """two aliases of one name"""
    return [message(q, [alias(HERE, "one.hard.test"), alias(HERE, "two.hard.test"), a(owner="one.hard.test"), a(BAD, "two.hard.test")])]


@case
def alias_and_data(q, via):
    return [message(q, [alias(HERE, "one.hard.test"), a(), a(BAD, "one.hard.test")])]


@case
def alias_nx(q, via):
    return [message(q, [alias(HERE, "gone.hard.test")], [soa()], rcode=3)]


@case
def alias_blocked(q, via):
    return [message(q, [alias(HERE, "x.blocked.test"), a(BAD, "x.blocked.test")])]


@case
def dname(q, via):
    return [message(q, [rr("hard.test", DNAME, name("new.hard.example")), alias(HERE, "dname.new.hard.example"),
                        a(owner="dname.new.hard.example")])]


@case
def dname_alone(q, via):
    return [message(q, [rr("hard.test", DNAME, name("new.hard.example")), a(owner="dname-alone.new.hard.example")])]


@case
def dname_lies(q, via):
    return [message(q, [rr("hard.test", DNAME, name("new.hard.example")), alias(HERE, "x.evil.test"), a(BAD, "x.evil.test"),
                        a(owner="dname-lies.new.hard.example")])]


@case
def dname_grows(q, via):
    return [message(q, [rr("hard.test", DNAME, name("x.hard.test"))])]


@case
def dname_long(q, via):
    return [message(q, [rr("hard.test", DNAME, name(".".join(["x" * 62] * 3 + ["y" * 58])))], rcode=6)]


# ---- large

def large(q, via, records):
    return [message(q, flags=TC)] if via == "udp" else [message(q, records)]


@case
def many_a(q, via):
    return large(q, via, [a(f"198.51.100.{1 + n % 250}") for n in range(q.number)])


@case
def many_aaaa(q, via):
    return large(q, via, [rr(HERE, AAAA, ip(f"2001:db8:113::{n + 1:x}")) for n in range(q.number)])


@case
def many_txt(q, via):
    return large(q, via, [rr(HERE, TXT, bytes([18]) + b"text number %06d" % n) for n in range(q.number)])


@case
def many_ptr(q, via):
    """data that is compressed: twenty times as long without"""
    return large(q, via, [rr(HERE, PTR, b"\2" + bytes([97 + n % 26, 97 + n // 26 % 26]) + b"\xc0\x0c") for n in range(q.number)])


@case
def one_txt(q, via):
    """one record of 60,000 bytes"""
    return large(q, via, [rr(HERE, TXT, (b"\xff" + b"t" * 255) * 234)])


@case
def segments(q, via):
    wire = good(q)
    return [message(q, flags=TC)] if via == "udp" else [[wire[:1], wire[1:13], wire[13:40], wire[40:]]]


@case
def two_messages(q, via):
    """a second answer behind the first on the same connection"""
    return [message(q, flags=TC)] if via == "udp" else [good(q), message(q, [a(BAD)])]


# ---- EDNS

@case
def edns_formerr(q, via):
    return [message(q, rcode=1, edns=b"")] if q.edns else [good(q)]


@case
def edns_formerr_bare(q, via):
    """FORMERR that repeats no question, as old servers do"""
    return [message(q, rcode=1, edns=b"", question=b"", counts=(0, 0, 0, 0))] if q.edns else [good(q)]


@case
def edns_notimp(q, via):
    return [message(q, rcode=4, edns=b"")] if q.edns else [good(q)]


@case
def edns_servfail(q, via):
    return [message(q, rcode=2, edns=b"")] if q.edns else [good(q)]


@case
def edns_badvers(q, via):
    return [message(q, rcode=16)] if q.edns else [good(q)]


@case
def edns_dropped(q, via):
    """the answer has no OPT"""
    return [good(q, edns=b"")]


@case
def edns_silence(q, via):
    """no answer as long as EDNS is used"""
    return [] if q.edns else [good(q)]


@case
def edns_version(q, via):
    return [good(q, edns=opt(version=7))]


@case
def edns_twice(q, via):
    return [good(q, more=[opt()])]


@case
def edns_options(q, via):
    """options that nobody knows, an EDE, one without data"""
    data = struct.pack("!HH", 65001, 3) + b"abc" + struct.pack("!HHH", 15, 2, 18) + struct.pack("!HH", 3, 0)
    return [good(q, edns=opt(data=data))]


@case
def edns_cookie(q, via):
    """a cookie that is not ours"""
    return [good(q, edns=opt(data=struct.pack("!HH", 10, 16) + b"1234567812345678"))]


@case
def edns_unasked(q, via):
    return [message(q, rcode=1, edns=b"")] if q.edns else [good(q, edns=opt())]


def padded(q, size):
    """An answer of that many bytes: our address and a text beside it."""
    fill = size - len(good(q)) - 12
    return message(q, [a(), rr(HERE, TXT, b"".join(bytes([min(255, fill - k - 1)]) + b"x" * min(255, fill - k - 1) for k in range(0, fill, 256)))])


@case
def larger(q, via):
    """a datagram larger than what was offered (1232)"""
    return [padded(q, q.number)]


# ---- lame, wrong, lying

def _status(number):
    return lambda q, via: [message(q, rcode=number)]


for _name, _number in (("rcode-formerr", 1), ("rcode-servfail", 2), ("rcode-notimp", 4), ("rcode-refused", 5), ("rcode-yxdomain", 6),
                       ("rcode-notauth", 9), ("rcode-reserved", 12), ("rcode-badcookie", 23)):
    CASES[_name] = _status(_number)


@case
def servfail_answer(q, via):
    return [message(q, [a(BAD)], rcode=2)]


@case
def nx_answer(q, via):
    """NXDOMAIN, and an address of the name"""
    return [message(q, [a()], [soa()], rcode=3)]


@case
def empty(q, via):
    """NOERROR, nothing, no SOA"""
    return [message(q)]


@case
def referral_up(q, via):
    return [message(q, authority=[rr(".", NS, name("a.root.test"))], more=[a(BAD, "a.root.test")])]


@case
def referral_down(q, via):
    return [message(q, authority=[rr(HERE, NS, name("ns.hard.test"))], more=[a(BAD, "ns.hard.test")])]


@case
def wrong_id(q, via):
    return [message(q, [a(BAD)], id=q.id ^ 1), good(q)]


@case
def wrong_name(q, via):
    return [message(q, [a(BAD)], question=name("other.hard.test") + q.question[-4:]), good(q)]


@case
def wrong_type(q, via):
    return [message(q, [a(BAD)], question=q.name + struct.pack("!HH", MX, IN)), good(q)]


@case
def wrong_class(q, via):
    return [message(q, [a(BAD)], question=q.name + struct.pack("!HH", q.qtype, CH)), good(q)]


@case
def no_question(q, via):
    return [message(q, [a(BAD, "no-question.hard.test")], question=b"", counts=(0, 1, 0, 0), edns=b""), good(q)]


@case
def two_questions(q, via):
    return [message(q, [a(BAD)], question=q.question * 2, counts=(2, 1, 0, 1)), good(q)]


@case
def a_query(q, via):
    """QR is not set"""
    return [message(q, [a(BAD)], base=0), good(q)]


@case
def opcode(q, via):
    return [message(q, [a(BAD)], flags=0x2000), good(q)]


@case
def flags_odd(q, via):
    """neither AA nor RA; Z and AD set"""
    return [message(q, [a()], base=QR, flags=0x0040 | AD)]


@case
def other_type(q, via):
    """an answer, but of another type"""
    return [message(q, [rr(HERE, AAAA, ip("2001:db8:113::66"))])]


@case
def other_owner(q, via):
    return [message(q, [a(BAD, "stray.hard.test")])]


@case
def poison(q, via):
    """addresses of others in every section"""
    return [message(q, [a(), a(BAD, "stray.hard.test")], [rr("hard.test", NS, name("ns.evil.test")), a(BAD)],
                    [a(BAD), a(BAD, "ns.evil.test")])]


@case
def class_ch(q, via):
    return [message(q, [a(BAD, rrclass=CH), a(), a(BAD, rrclass=255)])]


@case
def duplicates(q, via):
    return [message(q, [a(), a(), a(ttl=30), a()])]


@case
def duplicate_txt(q, via):
    return [message(q, [rr(HERE, TXT, b"\4same")] * 3 + [rr(HERE, TXT, b"\5other")])]


@case
def mixed_case(q, via):
    upper = bytes(b - 32 if 97 <= b <= 122 else b for b in q.name)
    return [message(q, [rr(upper, CNAME, name("OnE.hArD.tEsT")), a(owner="one.HARD.test"), a("203.0.113.10", owner="ONE.hard.TEST")])]


@case
def unknown_type(q, via):
    """records that nobody knows beside the answer"""
    return [message(q, [rr(HERE, 65400, b"\xde\xad"), a(), rr(HERE, 65401, b"")], [rr(HERE, 65402, bytes(100))])]


# ---- case of the question

def fold(question):
    return bytes(b + 32 if 65 <= b <= 90 else b for b in question)


@case
def case_folded(q, via):
    return [good(q, question=fold(q.question))]


@case
def case_forged(q, via):
    """in the wrong case over UDP: a lie"""
    return [message(q, [a(BAD)], question=fold(q.question)), good(q)] if via == "udp" else [good(q)]


@case
def case_random(q, via):
    return [good(q, question=bytes(b ^ 32 if 97 <= b | 32 <= 122 and n % 3 == 0 else b for n, b in enumerate(q.question)))]


# ---- truncation

@case
def tc_answers(q, via):
    return [message(q, [a(BAD)], flags=TC)] if via == "udp" else [good(q)]


@case
def tc_refused(q, via):
    """no TCP: the connection is closed at once"""
    return [message(q, flags=TC)] if via == "udp" else [CLOSE]


@case
def tc_silent(q, via):
    return [message(q, flags=TC)] if via == "udp" else []


@case
def tc_always(q, via):
    return [message(q, [a(BAD)], flags=TC)]


@case
def tc_cut(q, via):
    """the connection ends in the middle of the answer"""
    return [message(q, flags=TC)] if via == "udp" else [[good(q)[:30]], CLOSE]


# ---- times

@case
def ttl(q, via):
    return [message(q, [a(ttl=(0, 1, 2147483647, 2147483648, 4294967295)[q.number])])]


@case
def ttl_unequal(q, via):
    return [message(q, [a(ttl=7), a("203.0.113.10", ttl=3)])]


@case
def negative(q, via):
    """TTL and MINIMUM of the SOA"""
    times = ((0, 30), (60, 0), (60, 2147483648), (4294967295, 60), (4294967295, 4294967295), (100000, 100000), (60, 30))[q.number]
    return [message(q, authority=[soa(ttl=times[0], minimum=times[1])], rcode=3 if q.number % 2 else 0)]


@case
def soa_elsewhere(q, via):
    return [message(q, authority=[soa("other.test")])]


@case
def soa_below(q, via):
    return [message(q, authority=[soa("x.soa-below.hard.test")])]


@case
def soa_short(q, via):
    return [message(q, authority=[rr("hard.test", SOA, b"\0\0" + bytes(12))])]


@case
def soa_two(q, via):
    return [message(q, authority=[soa("other.test"), soa(), soa("test", minimum=5)])]


@case
def soa_answer(q, via):
    """in the answer section"""
    return [message(q, [soa()])]


@case
def nsec(q, via):
    return [message(q, authority=[soa(), rr("hard.test", NSEC, name("z.hard.test") + b"\0\1\x40"), rr("hard.test", RRSIG, bytes(18) + name("hard.test"))])]


# ---- wire format

@case
def pointer_rdata(q, via):
    """an owner that points into the data of the record before"""
    first = rr(HERE, CNAME, name("one.hard.test"))
    at = len(message(q, [first], edns=b"")) - len(name("one.hard.test"))
    return [message(q, [first, a(owner=struct.pack("!H", 0xc000 | at))])]


@case
def pointer_chain(q, via):
    """pointers to pointers, sixty deep"""
    blob = HERE
    base = len(message(q, edns=b"")) + 12
    for n in range(59):
        blob += struct.pack("!H", 0xc000 | base + 2 * n)
    text = rr(HERE, 65400, blob)
    return [message(q, [text, a(owner=struct.pack("!H", 0xc000 | base + 2 * 59))])]


@case
def pointer_loop(q, via):
    at = len(message(q, edns=b""))
    return [message(q, [a(BAD, owner=struct.pack("!H", 0xc000 | at)), a()])]


@case
def pointer_forward(q, via):
    at = len(message(q, edns=b""))
    return [message(q, [a("203.0.113.10", owner=struct.pack("!H", 0xc000 | at + 16)), a()])]


@case
def pointer_header(q, via):
    return [message(q, [a(BAD, owner=b"\xc0\x00"), a()])]


@case
def pointer_middle(q, via):
    """into the middle of a label of the question"""
    return [message(q, [a(BAD, owner=b"\xc0\x10"), a()])]


@case
def srv_compressed(q, via):
    """data of a type that must not be compressed, but is by some"""
    return [message(q, [rr(HERE, SRV, struct.pack("!3H", 1, 2, 443) + b"\3srv" + struct.pack("!H", 0xc000 | 12 + 1 + len(q.labels[0])))])]


@case
def label_reserved(q, via):
    return [message(q, [a(BAD, owner=b"\x41" + b"x" * 1 + b"\0"), a()])]


@case
def length_address(q, via):
    return [message(q, [rr(HERE, A, ip(GOOD) + b"\0")])]


@case
def length_zero(q, via):
    return [message(q, [rr(HERE, A, b"")])]


@case
def length_beyond(q, via):
    return [message(q, [rr(HERE, A, ip(BAD), size=400)], edns=b"")]


@case
def count_more(q, via):
    return [message(q, [a()], counts=(1, 9, 0, 0), edns=b"")]


@case
def count_less(q, via):
    return [message(q, [a(), a(BAD)], counts=(1, 1, 0, 0), edns=b"")]


@case
def trailing(q, via):
    return [good(q) + b"behind it"]


@case
def short(q, via):
    return [good(q)[:q.number], good(q)]


@case
def twice(q, via):
    """two different answers: the first counts"""
    return [good(q), message(q, [a(BAD)])]


@case
def slow(q, via):
    return [0.3, good(q)]


@case
def silent(q, via):
    return []


# ---- the server

def own_addresses():
    """{first label: address}: each row of the table has its own, so that its pins can be told from those of others."""
    with open(TABLE, encoding="ascii") as f:
        labels = [line.split()[0] for line in f if line.strip() and not line.startswith("#")]
    return {label: f"203.0.113.{101 + n}" if n < 150 else f"198.51.100.{n}" for n, label in enumerate(labels)}


def replies(q, via):
    f = CASES.get(q.case) or CASES.get("-".join((q.case, str(q.number))))
    found = f(q, via) if f else [message(q, [a()]) if q.qtype == A else message(q, authority=[soa()])]
    own = ip(OWN.get(q.labels[0].decode("latin-1").lower(), GOOD))
    return [x.replace(ip(GOOD), own) if isinstance(x, bytes) else
            [piece.replace(ip(GOOD), own) for piece in x] if isinstance(x, list) else x for x in found]


def udp(sock, wire, peer):
    for x in replies(Q(wire), "udp"):
        if isinstance(x, float):
            time.sleep(x)
        else:
            sock.sendto(x, peer)


def tcp(conn):
    with conn:
        conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while True:
            head = conn.recv(2, socket.MSG_WAITALL)
            if len(head) < 2:
                return
            q = Q(conn.recv(struct.unpack("!H", head)[0], socket.MSG_WAITALL))
            for x in replies(q, "tcp"):
                if x is CLOSE:
                    return
                if isinstance(x, float):
                    time.sleep(x)
                    continue
                pieces = x if isinstance(x, list) else [x]
                size = len(good(q)) if isinstance(x, list) else len(x)
                for n, piece in enumerate(pieces):
                    conn.sendall((struct.pack("!H", size) if n == 0 else b"") + piece)
                    if len(pieces) > 1:
                        time.sleep(0.03)


def serve_tcp(address):
    s = socket.create_server((address, 53), backlog=256)
    while True:
        conn, _ = s.accept()
        threading.Thread(target=lambda c=conn: _quiet(tcp, c), daemon=True).start()


def _quiet(f, *args):
    try:
        f(*args)
    except OSError:
        pass  # the other side has gone: that is its right


def main():
    address = sys.argv[1]
    OWN.update(own_addresses())
    threading.Thread(target=serve_tcp, args=(address,), daemon=True).start()
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind((address, 53))
    while True:
        wire, peer = s.recvfrom(65535)
        threading.Thread(target=_quiet, args=(udp, s, wire, peer), daemon=True).start()


if __name__ == "__main__":
    main()
