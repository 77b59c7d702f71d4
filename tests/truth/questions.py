# SPDX-License-Identifier: GPL-2.0-or-later
"""A zone and questions about it, both from a seed: every common type, names of every shape, chains, wildcards, large sets.

Names are kept as text in master file form, so that the zone, dnspython and dig agree about them. What a name is for stands in
its second label (`n`: has records, `w`: a wildcard, `c`: chains, `d`: below a DNAME, `b`: large, `p`: private addresses, `h`: HTTPS records).
"""
import random

import truth
from truth import Question, dns

ZONE = "truth.test."
OTHER = "other-truth.test."  # a second zone: chains that leave the first
SIGNED = "signed.test."  # a third, signed
STRIP = "h.truth.test."  # HTTPS and SVCB pass without hints here
B64 = "mdsswUyr3DPW132mOi8V9xESWE8jTo0dxCjjnopKl+GqJxpVXckHAeF+KkxLbxILfDLUT0rAK9iUzy1L53eKGQ=="
SHA256 = "0123456789abcdef" * 4

# type -> texts of its data; %d is a number that makes records of one set differ
TYPES = {
    "A": ["203.0.113.%d"],
    "AAAA": ["2001:db8:113::%d"],
    "MX": ["%d mail.n.truth.test.", "%d Mail.EXAMPLE.com.", "0 ."],
    "TXT": ['"v=%d"', '"a text of several strings %d" "and \\"quotes\\" \\255" ""', '"' + "x" * 250 + '%d"'],
    "NS": ["ns%d.n.truth.test."],
    "SRV": ["%d 5 5060 sip.n.truth.test.", "0 0 0 .%d"],
    "PTR": ["host%d.n.truth.test."],
    "CAA": ['0 issue "ca%d.test"', '128 tbs "Unknown%d"'],
    "NAPTR": ['100 %d "S" "SIP+D2U" "" _sip._udp.n.truth.test.', '100 %d "u" "E2U+sip" "!^.*$!sip:info@n.test!" .'],
    "DS": ["%d 13 2 " + SHA256],
    "DNSKEY": ["25%d 3 13 " + B64],
    "CDS": ["%d 13 2 " + SHA256],
    "CDNSKEY": ["25%d 3 13 " + B64],
    "SSHFP": ["%d 2 " + SHA256],
    "TLSA": ["3 1 %d " + SHA256],
    "SMIMEA": ["3 1 %d " + SHA256],
    "LOC": ["52 22 23.000 N 4 53 %d.000 E -2.00m 0.00m 10000m 10m"],
    "HINFO": ['"CPU%d" "OS"'],
    "HTTPS": ["%d . alpn=h2,h3 port=443 ipv4hint=203.0.113.9", "%d svc.n.truth.test. alpn=h2"],
    "SVCB": ["%d svc.n.truth.test. alpn=dot port=853 ipv6hint=2001:db8:113::9"],
    "SPF": ['"v=spf1 -all %d"'],
    "URI": ['10 %d "https://n.truth.test/"'],
    "RP": ["admin%d.n.truth.test. txt.n.truth.test."],
    "AFSDB": ["%d afs.n.truth.test."],
    "KX": ["%d kx.n.truth.test."],
    "RT": ["%d rt.n.truth.test."],
    "PX": ["%d map822.n.truth.test. mapx400.n.truth.test."],
    "X25": ['"31106170095%d"'],
    "ISDN": ['"15086202800321%d" "004"'],
    "EUI48": ["00-00-5e-00-53-%02d"],
    "EUI64": ["00-00-5e-ef-10-00-00-%02d"],
    "OPENPGPKEY": [B64],
    "CERT": ["PGP %d 0 " + B64],
    "APL": ["1:192.0.2.%d/32 !1:192.0.2.0/28 2:2001:db8::/32"],
    "DHCID": [B64],
    "NID": ["%d 0014:4fff:ff20:ee64"],
    "L32": ["%d 203.0.113.3"],
    "L64": ["%d 2001:0db8:1140:1000"],
    "MB": ["mb%d.n.truth.test."],
    "MG": ["mg%d.n.truth.test."],
    "MR": ["mr%d.n.truth.test."],
    "MINFO": ["admin%d.n.truth.test. errors.n.truth.test."],
    "LP": ["%d l64.n.truth.test."],
    "CSYNC": ["66 %d A NS AAAA"],
    "NSEC3PARAM": ["1 0 %d ab"],
    "TYPE65400": ["\\# 4 deadbe%02d", "\\# 0", "\\# 300 " + "ab" * 299 + "%02d"],
}
ONCE = {"0 .", "0 0 0 .%d", "\\# 0", B64}  # data without room for a number
COMMON = ("A", "AAAA", "A", "AAAA", "A", "MX", "TXT", "NS", "SOA", "CNAME", "SRV", "PTR", "CAA", "HTTPS", "SVCB", "ANY", "DS", "DNSKEY", "RRSIG", "NSEC")
TTLS = (0, 1, 2, 5, 60, 60, 60, 300, 3600, 86400, 2147483647)
SIZES = (None, None, None, 512, 1232, 1232, 1232, 1400, 4096, 0, 65535)
SPECIAL = ("localhost.", "a.localhost.", "x.local.", "x.invalid.", "x.onion.", "x.alt.", "x.home.arpa.", "_dns.resolver.arpa.",
           "use-application-dns.net.", "1.0.0.127.in-addr.arpa.", "7.113.0.203.in-addr.arpa.", "1.0.0.10.in-addr.arpa.",
           "7.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.3.1.1.0.8.b.d.0.1.0.0.2.ip6.arpa.")


class Zones:
    def __init__(self, seed, n_names=900):
        self.rng = random.Random(seed)
        self.lines = []  # of the zone
        self.names = {"n": [], "w": [], "c": [], "d": [], "b": [], "p": [], "h": []}
        self.signed = []
        self.types = {}  # name -> its types
        for n in range(n_names):
            self._ordinary(n)
        for n in range(30):
            self._wildcard(n)
        for n in range(60):
            self._chain(n)
        for n in range(12):
            self._dname(n)
        self._large()
        self._private()
        self._services()
        self._signed()

    def put(self, name, rrtype, data, ttl_s=60):
        self.lines.append(f"{name} {ttl_s} IN {rrtype} {data}")
        self.types.setdefault(name, set()).add(rrtype)

    def rrset(self, name, rrtype, n):
        """Up to n records of a type with one TTL."""
        ttl_s, forms = self.rng.choice(TTLS), TYPES[rrtype]
        start = self.rng.randrange(1, 60)
        for k in range(n):
            form = self.rng.choice(forms)
            number = start + k if rrtype in ("A", "AAAA", "MX", "TXT", "SRV", "PTR", "NS", "HTTPS", "SVCB") else 1 + k % 9
            if rrtype in ("DNSKEY", "CDNSKEY"):
                number = 6 + k % 2
            if form in ONCE:
                form, number = form.replace("%d", ""), None
            self.put(name, rrtype, form % number if number is not None and "%" in form else form, ttl_s)

    def _label(self, n):
        rng = self.rng
        return rng.choice((f"h{n}", f"h{n}", f"h{n}", f"MiXeD{n}", f"_srv{n}._tcp", f"under_score{n}", f"a\\.b{n}", f"sp\\032ace{n}",
                           f"nul\\000{n}", f"high\\255{n}", f"{n}-" + "l" * 55, f"*{n}", f"xn--e1afmkfd{n}",
                           f"d{n}." + ".".join(["x" * 40] * 4), f"many{n}." + ".".join("abcdefghij" * 3)))

    def _ordinary(self, n):
        name = f"{self._label(n)}.n.{ZONE}"
        self.names["n"].append(name)
        kinds = {"A", "AAAA"} if self.rng.random() < .4 else set()
        kinds |= set(self.rng.sample(sorted(TYPES), self.rng.choice((1, 2, 4, 8))))
        for rrtype in sorted(kinds):
            if rrtype == "NS":
                continue  # would be a delegation
            self.rrset(name, rrtype, self.rng.choice((1, 1, 1, 2, 3, 8)))

    def _wildcard(self, n):
        base = f"s{n}.w.{ZONE}"
        self.names["w"].append(base)
        if n % 5 == 4:
            self.put(f"*.{base}", "CNAME", self.rng.choice(self.names["n"]))
            return
        for rrtype in self.rng.sample(("A", "AAAA", "TXT", "MX", "TYPE65400", "CAA"), 3):
            self.rrset(f"*.{base}", rrtype, 2)

    def _chain(self, n):
        """Of 1 to 10 aliases; to data, to nothing, out of the zone and back, into itself."""
        length = 1 + n % 10
        ends = (self.rng.choice(self.names["n"]), f"nothing{n}.n.{ZONE}", f"x{n}.{OTHER}", f"back{n}.{OTHER}", f"l0.k{n}.c.{ZONE}",
                f"no.such.{OTHER}")
        self.names["c"].append(f"l0.k{n}.c.{ZONE}")
        for k in range(length):
            target = f"l{k + 1}.k{n}.c.{ZONE}" if k + 1 < length else ends[self.rng.choice((0, 0, 0, 1, 2, 3, 4, 5))]
            self.put(f"l{k}.k{n}.c.{ZONE}", "CNAME", target, self.rng.choice((5, 60, 60, 3600)))

    def _dname(self, n):
        owner = f"s{n}.d.{ZONE}"
        self.names["d"].append(owner)
        self.put(owner, "DNAME", (f"t{n}.d.{ZONE}", f"t{n}.{OTHER}", f"s{n + 1}.d.{ZONE}")[n % 3 if n < 11 else 0])
        for leaf in ("a", "b.c"):
            self.rrset(f"{leaf}.t{n}.d.{ZONE}", "A", 2)
            self.rrset(f"{leaf}.t{n}.d.{ZONE}", "TXT", 1)

    def _large(self):
        for n, (rrtype, count) in enumerate((("TXT", 12), ("TXT", 60), ("TXT", 200), ("A", 20), ("A", 31), ("A", 32), ("A", 33), ("A", 190),
                                             ("AAAA", 32), ("AAAA", 100), ("MX", 40), ("SRV", 60), ("PTR", 300), ("NAPTR", 9))):
            name = f"x{n}.b.{ZONE}"
            self.names["b"].append(name)
            for k in range(count):
                data = {"TXT": '"' + "t" * 250 + f'{k}"', "NAPTR": f'100 {k} "S" "SIP+D2U" "" _sip._udp.n.{ZONE}'}.get(rrtype)
                self.put(name, rrtype, data or TYPES[rrtype][0] % (k + 1))

    def _private(self):
        for n, addresses in enumerate((("10.0.0.30",), ("127.0.0.1",), ("203.0.113.5", "192.168.1.1"), ("169.254.169.254",), ("0.0.0.0",))):
            self.names["p"].append(f"x{n}.p.{ZONE}")
            for a in addresses:
                self.put(f"x{n}.p.{ZONE}", "A", a)
            self.put(f"x{n}.p.{ZONE}", "AAAA", ("fd00::7", "::1", "fe80::1", "fd00:ec2::254", "::ffff:203.0.113.7")[n])

    def _services(self):
        forms = ("1 . alpn=h2,h3", "1 . mandatory=alpn alpn=h2 no-default-alpn port=8443 ipv4hint=203.0.113.9 ech=AEj+DQBEAQAg",
                 "0 svc.n.truth.test.", "2 svc.n.truth.test. ipv4hint=203.0.113.8,203.0.113.9 ipv6hint=2001:db8:113::9 key65001=abc",
                 "3 . alpn=h2 dohpath=/dns-query{?dns}", "16 other.test. port=53")
        for n in range(40):
            name = f"x{n}.{STRIP}"
            self.names["h"].append(name)
            for form in self.rng.sample(forms, 1 + n % 3):
                self.put(name, ("HTTPS", "SVCB")[n % 2], form)
            self.put(name, "A", f"203.0.113.{n + 1}")

    def _signed(self):
        for n in range(60):
            name = f"x{n}.{SIGNED}"
            self.signed += [f"{name} 60 IN A 203.0.113.{n + 1}", f'{name} 60 IN TXT "signed {n}"', f"y{n}.{SIGNED} 60 IN CNAME {name}"]
        self.signed += [f"*.w.{SIGNED} 60 IN A 203.0.113.99", f"out.{SIGNED} 60 IN CNAME h.n.{ZONE}"]

    def text(self):
        """{zone: its text} for an authoritative server of the root."""
        def soa(name, minimum_s):
            return f"{name} 300 IN SOA ns.test. root.test. 1 3600 600 86400 {minimum_s}\n{name} 300 IN NS ns.test.\n"
        other = [f"x{n}.{OTHER} 60 IN A 203.0.113.{n + 1}\nback{n}.{OTHER} 60 IN CNAME h.n.{ZONE}\na.t{n}.{OTHER} 60 IN TXT \"t{n}\"\n"
                 for n in range(60)]
        return {".": soa(".", 5) + "ns.test. 60 IN A 10.0.0.4\n",
                ZONE: soa(ZONE, 30) + f"h.n.{ZONE} 60 IN A 203.0.113.77\n" + "\n".join(self.lines) + "\n",
                OTHER: soa(OTHER, 1000) + "".join(other),
                SIGNED: truth.sign(SIGNED, soa(SIGNED, 20) + "\n".join(self.signed) + "\n")}

    # ---- questions

    def _name(self):
        """(kind, name)"""
        rng = self.rng
        kind = rng.choices(("n", "w", "c", "d", "b", "p", "none", "special", "apex", "empty", "other", "h", "signed"),
                           (46, 9, 9, 6, 5, 2, 8, 4, 3, 2, 2, 3, 5))[0]
        if kind == "special":
            return kind, rng.choice(SPECIAL)
        if kind == "apex":
            return kind, rng.choice((".", "test.", ZONE, OTHER, SIGNED, "n." + ZONE, "nowhere."))
        if kind == "empty":
            return kind, rng.choice(("w." + ZONE, "k3.c." + ZONE, "d." + ZONE, "_tcp.n." + ZONE))
        if kind == "none":
            return kind, f"no{rng.randrange(400)}.{rng.choice(('n.' + ZONE, ZONE, OTHER, 'test.', 'example.', 'sub.n.' + ZONE))}"
        if kind == "other":
            return kind, f"{rng.choice(('x', 'back', 'a.t'))}{rng.randrange(60)}.{OTHER}"
        if kind == "signed":
            return kind, rng.choice((f"x{rng.randrange(70)}.", f"y{rng.randrange(70)}.", f"z{rng.randrange(9)}.w.", "out.", "")) + SIGNED
        name = rng.choice(self.names[kind])
        if kind == "w":
            name = rng.choice((f"q{rng.randrange(30)}.{name}", f"deep.er{rng.randrange(9)}.{name}", name, f"*.{name}"))
        if kind == "d":
            name = rng.choice((f"a.{name}", f"b.c.{name}", f"none.{name}", name))
        return kind, name

    def question(self):
        rng = self.rng
        kind, name = self._name()
        types = sorted(self.types.get(name, ()))
        rrtype = rng.choice(types) if types and rng.random() < .6 else rng.choice(COMMON if rng.random() < .7 else sorted(TYPES))
        edns = rng.choice(SIZES)
        more = {"options": self._options(edns), "version": 1 if edns is not None and rng.random() < .01 else 0,
                "rrclass": "CH" if rng.random() < .005 else "IN"}
        if "\\" not in name and rng.random() < .3:
            name = "".join(c.upper() if rng.random() < .5 else c for c in name)
        return Question(name, rrtype, rng.random() < .2, edns, edns is not None and rng.random() < .3, rng.random() < .2,
                        rng.random() < .2, kind=kind, **more)

    def _options(self, edns):
        if edns is None or self.rng.random() > .1:
            return ()
        return ((dns.edns.GenericOption(3, b""),), (dns.edns.GenericOption(10, b"8 bytes!"),), (dns.edns.GenericOption(12, bytes(40)),),
                (dns.edns.ECSOption("192.0.2.0", 24),), (dns.edns.GenericOption(65001, b"x"),))[self.rng.randrange(5)]
