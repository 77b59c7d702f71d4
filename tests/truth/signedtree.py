# SPDX-License-Identifier: GPL-2.0-or-later
"""A signed tree of zones, made anew with each run: good ones, and one for each way to be broken.

    tree = signedtree.Tree(folder)
    tree.zones          {name: text} for a server that answers for all of them
    tree.anchors        DS records of the root, as a trust anchor file has them

Keys and signatures by BIND's tools. Each zone has one key, and is signed as its row says.
"""
import os
import re
import subprocess
import time

import truth

DAY = 86400
RECORDS = """$TTL 300
@ SOA ns.{zone} host.{zone} 1 3600 600 86400 300
@ NS ns.{zone}
ns A 203.0.113.53
www A 203.0.113.10
www A 203.0.113.11
www AAAA 2001:db8:100::10
alias CNAME www
far CNAME www.n3.t.
astray CNAME www.insecure.t.
lost CNAME www.badsig.t.
out DNAME n3.t.
*.wild A 203.0.113.20
*.wildc CNAME www
a.b.c TXT "below an empty name"
txt TXT "text"
"""
# name -> (algorithm, NSEC3 options or None, (begin, end) of signatures from now, what is done to the signed zone)
SIGNED = {
    "good.t.": ("RSASHA256", None, None, None),
    "sub.good.t.": ("ECDSAP256SHA256", None, None, None),
    "n3.t.": ("ECDSAP256SHA256", ["-3", "-", "-H", "0"], None, None),
    "opt.t.": ("ECDSAP384SHA384", ["-3", "ab12", "-H", "5", "-A"], None, None),
    "iter.t.": ("ECDSAP256SHA256", ["-3", "-", "-H", "150"], None, None),
    "ed.t.": ("ED25519", None, None, None),
    "ed448.t.": ("ED448", None, None, None),
    "rsa512.t.": ("RSASHA512", None, None, None),
    "expired.t.": ("ECDSAP256SHA256", None, (-30 * DAY, -10 * DAY), None),
    "future.t.": ("ECDSAP256SHA256", None, (10 * DAY, 30 * DAY), None),
    "badsig.t.": ("ECDSAP256SHA256", None, None, "other"),
    "nosig.t.": ("ECDSAP256SHA256", None, None, "unsigned"),
    "noproof.t.": ("ECDSAP256SHA256", None, None, "unproven"),
    "nokey.t.": ("ECDSAP256SHA256", None, None, "keyless"),
    "badds.t.": ("ECDSAP256SHA256", None, None, None),
    "unknown.t.": ("ECDSAP256SHA256", None, None, None),
    "stripped.t.": ("ECDSAP256SHA256", None, None, "bare"),
    "t.": ("ECDSAP256SHA256", None, None, None),
    ".": ("RSASHA256", None, None, None),
}
UNSIGNED = ["insecure.t.", "deep.insecure.t.", "un.opt.t."]


def damage(text, how):
    """The text of a signed zone (a record on a line) with what makes it bogus."""
    lines = text.splitlines()

    def without(pattern):
        return [line for line in lines if not re.search(pattern, line)]

    if how == "other":
        lines = [line.replace("203.0.113.10", "203.0.113.66") for line in lines]
    elif how == "unsigned":
        lines = without(r"\sRRSIG\s+(A|TXT)\s")
    elif how == "unproven":
        lines = without(r"\sNSEC\s|\sRRSIG\s+NSEC\s")
    elif how == "keyless":
        lines = without(r"\sDNSKEY\s")
    elif how == "bare":
        lines = without(r"\s(RRSIG|NSEC|DNSKEY)\s")
    return "\n".join(lines) + "\n"


class Tree:
    def __init__(self, folder):
        os.makedirs(folder, exist_ok=True)
        self.folder, self.zones, self.ds = folder, {}, {}
        for name in UNSIGNED:
            self.zones[name] = RECORDS.format(zone=name)
        for name in sorted(SIGNED, key=lambda z: -len(z.rstrip(".").split(".")) if z != "." else 0):
            self._sign(name)
        self.anchors = self.ds["."]

    def _run(self, *argv):
        env = dict(os.environ, LD_LIBRARY_PATH=truth.library_path())
        done = subprocess.run([truth.tool(argv[0]), *argv[1:]], cwd=self.folder, env=env, capture_output=True, text=True, check=False)
        if done.returncode:
            raise truth.labcell.LabError(f"{' '.join(argv)}: {done.stderr}")
        return done.stdout

    def _children(self, name):
        """NS and DS of the zones one label below."""
        text = ""
        for child in [*UNSIGNED, *SIGNED]:
            if child == "." or child == name or child.split(".", 1)[1] not in (name, name.lstrip(".")):
                continue
            text += f"{child} NS ns.{child}\nns.{child} A 203.0.113.53\n"
            if child in UNSIGNED:
                continue
            ds = self.ds[child]
            if child == "badds.t.":
                ds = re.sub(r"[0-9A-F]{8}\s*$", "00000000\n", ds)
            if child == "unknown.t.":
                ds = re.sub(r"(DS \d+) \d+", r"\1 200", ds)
            text += ds
        return text

    def key(self, name, algorithm):
        """A new key for the zone: the name of its files."""
        bits = ["-b", "2048"] if algorithm.startswith("RSA") else []
        return self._run("dnssec-keygen", "-q", "-a", algorithm, *bits, "-f", "KSK", name).strip()

    def _sign(self, name):
        algorithm, nsec3, times, how = SIGNED[name]
        begin, end = (int(time.time()) + t for t in (times or (-DAY, 30 * DAY)))
        key = self.key(name, algorithm)
        with open(f"{self.folder}/plain", "w", encoding="ascii") as f:
            f.write(f"$ORIGIN {name}\n" + RECORDS.format(zone=name).replace("..", ".") + self._children(name))
            with open(f"{self.folder}/{key}.key", encoding="ascii") as k:
                f.write(k.read())
        stamp = [time.strftime("%Y%m%d%H%M%S", time.gmtime(t)) for t in (begin, end)]
        self._run("dnssec-signzone", "-P", "-z", "-o", name, "-O", "full", "-f", "signed", "-s", stamp[0], "-e", stamp[1],
                  *(nsec3 or []), "plain", key)
        with open(f"{self.folder}/signed", encoding="ascii") as f:
            self.zones[name] = damage(f.read(), how)
        self.ds[name] = self._run("dnssec-dsfromkey", "-2", f"{key}.key").replace("\t", " ")
