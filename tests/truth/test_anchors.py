# SPDX-License-Identifier: GPL-2.0-or-later
"""Trust anchors that follow their zone (RFC 5011), with the daemon as it runs: a root that BIND's tools sign and nsd serves, whose keys roll over.

The daemon looks at the keys a second after its start, and then not for an hour: so each step here is a start, which shows at the same time
that the state outlives one. Thirty days pass in the file: its times are moved back, with the digest that belongs to them.
Times themselves, virtual: tests/scenario/rollover.txt.
"""
import hashlib
import json
import os
import re
import subprocess
import time

import truth
from truth import dns, lab, labdaemon

UPSTREAM = "10.0.0.4"
STATE = f"{truth.WORK}/anchors"
FILE = f"{STATE}/anchors"
DAYS_31 = 31 * 86400
ZONE = """$TTL 300
. SOA ns. host. 1 3600 600 86400 300
. NS ns.
ns. A 203.0.113.53
www.test. A 203.0.113.10
"""


class Root:
    """A root zone with the keys that a step gives it."""

    def __init__(self):
        self.folder = f"{truth.WORK}/root"
        os.makedirs(self.folder)

    def run(self, *argv):
        env = dict(os.environ, LD_LIBRARY_PATH=truth.library_path())
        return subprocess.run([truth.tool(argv[0]), *argv[1:]], cwd=self.folder, env=env, capture_output=True, text=True, check=True).stdout

    def key(self):
        return self.run("dnssec-keygen", "-q", "-a", "ECDSAP256SHA256", "-f", "KSK", ".").strip()

    def revoked(self, key):
        return os.path.basename(self.run("dnssec-revoke", key).strip()).removesuffix(".private").removesuffix(".key")

    def ds(self, key):
        return self.run("dnssec-dsfromkey", "-2", f"{key}.key").replace("\t", " ")

    def signed(self, shown, signers):
        """The zone with the keys @shown, signed by @signers."""
        with open(f"{self.folder}/plain", "w", encoding="ascii") as f:
            f.write(ZONE + "".join(open(f"{self.folder}/{k}.key", encoding="ascii").read() for k in shown))
        self.run("dnssec-signzone", "-P", "-z", "-o", ".", "-O", "full", "-f", "signed", "plain", *signers)
        with open(f"{self.folder}/signed", encoding="ascii") as f:
            return f.read()


def tag(key):
    return int(key.rsplit("+", 1)[1])


class Test:
    def __init__(self, net):
        self.net, self.root = net, Root()
        self.a, self.b = self.root.key(), self.root.key()
        anchors = f"{labdaemon.ETC}/trusted"
        os.makedirs(labdaemon.ETC, exist_ok=True)
        with open(anchors, "w", encoding="ascii") as f:
            f.write(self.root.ds(self.a))
        os.makedirs(STATE, mode=0o755)
        self.owner = labdaemon.UID_BASE + labdaemon.ROLES.index("postern-policy")
        os.chown(STATE, self.owner, self.owner)
        self.more = f'dnssec = "validate";\ntrust_anchors = "{anchors}";\ntrust_anchor_directory = "{STATE}";\n'
        self.server = self.daemon = None

    def serve(self, shown, signers):
        if self.server:
            self.server.stop()
        self.server = truth.Nsd(self.net, UPSTREAM, {".": self.root.signed(shown, signers)})

    def start(self, more=""):
        self.daemon = truth.postern(self.net, [UPSTREAM], more=self.more + more)

    def status(self):
        return json.loads(self.daemon.cli("status", "--json").stdout)

    def keys(self):
        """{tag: state} of the root once it has been looked at since this start."""
        self.looked()
        return {k["tag"]: k["state"] for k in self.status()["trust_anchors"][0]["keys"]}

    def looked(self):
        def done():
            counters = self.status()["counters"]["resolver"]
            return counters["anchor_looks"] and (counters["anchor_looks_failed"] or
                   self.status()["trust_anchors"][0].get("seen", "") >= self.status()["started"][:19])
        truth.wait_for("a look", done, 10, 0.2)

    def stop(self):
        """Ends it when what it knows is on disk."""
        truth.wait_for("the state on disk", lambda: os.path.exists(FILE), 5)
        time.sleep(0.3)
        self.daemon.stop()

    def verdict(self, name="www.test."):
        m = truth.ask_all(self.net.ns["box1"], truth.STUB, [truth.Question(name, "A", edns=1232, ad=True)])[0]
        return "no answer" if m is None else dns.rcode.to_text(m.rcode()) + (" secure" if m.flags & dns.flags.AD else "")


def write_sealed(text):
    """The file with @text in front of its last line, as its owner writes it."""
    body = text[:text.rindex("sha256 ")]
    with open(FILE, "w", encoding="ascii") as f:
        f.write(f"{body}sha256 {hashlib.sha256(body.encode()).hexdigest()}\n")


def a_month_passes():
    with open(FILE, encoding="ascii") as f:
        text = f.read()
    write_sealed(re.sub(r" (\d{10}) (\d{10}|0)$", lambda m: f" {int(m[1]) - DAYS_31} {max(0, int(m[2]) - DAYS_31)}", text, flags=re.M))


def rollover(t):
    t.serve([t.a, t.b], [t.a])
    t.start()
    lab.equal(t.keys(), {tag(t.a): "valid", tag(t.b): "pending"}, "a new key waits")
    lab.equal(t.verdict(), "NOERROR secure", "meanwhile")
    event = t.daemon.wait_event(kind="trust-anchor")
    lab.check(f"key {tag(t.b)} of .: pending, was new, until 2" in event["text"], f"the event: {event}")
    t.stop()
    st = os.stat(FILE)
    lab.equal((st.st_uid, st.st_mode & 0o777), (t.owner, 0o644), "who owns the file")
    t.start()
    lab.equal(t.keys(), {tag(t.a): "valid", tag(t.b): "pending"}, "after a restart it still waits")
    t.stop()
    a_month_passes()
    t.start()
    lab.equal(t.keys(), {tag(t.a): "valid", tag(t.b): "valid"}, "after thirty days it is believed")
    t.stop()


def revocation(t):
    revoked = t.root.revoked(t.a)
    t.serve([revoked, t.b], [revoked, t.b])
    t.start()
    lab.equal(t.keys(), {tag(t.a): "revoked", tag(t.b): "valid"}, "the old key revokes itself")
    lab.equal(t.verdict(), "NOERROR secure", "by the new key alone")
    found = json.loads(t.daemon.cli("doctor", "--json").stdout)["findings"]
    lab.check(any("has revoked itself" in f["finding"] for f in found), "doctor says that trust_anchors still has it")
    t.stop()


def tampering(t):
    """What cannot be believed takes nothing from the configured anchors, and is said."""
    with open(FILE, encoding="ascii") as f:
        good = f.read()
    with open(FILE, "w", encoding="ascii") as f:
        f.write(good.replace("revoked", "valid", 1))
    t.serve([t.a], [t.a])
    t.start()
    lab.check("cannot be believed" in t.daemon.log_text() and "changed by hand" in t.daemon.log_text(), "said at start")
    lab.equal(t.keys(), {tag(t.a): "valid"}, "the configured key")
    lab.equal(t.verdict(), "NOERROR secure", "validation goes on")
    lab.equal(t.status()["anchor_file"], "bad", "status")
    found = json.loads(t.daemon.cli("doctor", "--json").stdout)["findings"]
    lab.check(any("could not be believed at start" in f["finding"] for f in found), f"doctor: {found}")
    t.stop()
    with open(f"{STATE}/anchors.bad", encoding="ascii") as f:
        lab.equal(f.read(), good.replace("revoked", "valid", 1), "it is kept as evidence")
    write_sealed(good)
    os.chmod(FILE, 0o664)
    t.start()
    lab.check("its group, or everybody, may write it" in t.daemon.log_text(), "a file that others may write")
    t.stop()


def unwritable(t):
    """No folder: the state is kept in memory, and that is said."""
    os.rename(STATE, STATE + ".away")
    t.start()
    lab.equal(t.keys(), {tag(t.a): "valid"}, "keys")
    truth.wait_for("the error", lambda: t.status().get("anchors_error"), 5)
    lab.equal(t.status()["anchors_error"], "No such file or directory", "why")
    lab.equal(t.verdict(), "NOERROR secure", "validation goes on")
    t.daemon.stop()
    os.rename(STATE + ".away", STATE)


def all_gone(t):
    """The last key revokes itself: nothing below is secure, and nothing is answered."""
    revoked = t.root.revoked(t.b)
    write_sealed(f"postern-anchors 1\nzone . 0\n{ds_line(t)}sha256 \n")
    os.chmod(FILE, 0o644)
    os.chown(FILE, t.owner, t.owner)
    t.serve([revoked], [revoked])
    t.start()
    truth.wait_for("the look", lambda: {k["state"] for k in t.status()["trust_anchors"][0]["keys"]} == {"revoked"}, 10, 0.2)
    lab.equal(t.verdict(), "SERVFAIL", "no key is left")
    t.stop()


def ds_line(t):
    """Both keys: the configured one revoked long ago, the other believed."""
    lines = ""
    for key, state, origin in ((t.a, "revoked", "configured"), (t.b, "valid", "learnt")):
        fields = t.root.ds(key).split()
        lines += f"key {' '.join(fields[3:6])} {fields[6].lower()} {state} {origin} 1700000000 {9999999999 if state == 'revoked' else 0}\n"
    return lines


def negative(t):
    """A negative trust anchor ends by itself."""
    t.serve([t.a], [t.a])
    os.unlink(FILE)
    bad = t.root.key()
    t.server.stop()
    t.server = truth.Nsd(t.net, UPSTREAM, {".": t.root.signed([bad], [bad])})
    until = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 12))
    t.start(f'negative_trust_anchors = ( {{ zone = "test"; until = "{until}"; }} );\n')
    lab.equal(t.verdict(), "NOERROR", "while it is in force")
    lab.equal([n["zone"] for n in t.status()["negative_trust_anchors"]], ["test"], "status")
    truth.wait_for("its end", lambda: "negative_trust_anchors" not in t.status(), 20, 0.2)
    truth.wait_for("validation", lambda: t.verdict() == "SERVFAIL", 5, 0.3)
    texts = [e["text"] for e in t.daemon.events(kind="trust-anchor") if "test" in e["text"]]
    lab.equal([" ".join(x.split()[5:7]) for x in texts], ["in force", "ended at"], f"events {texts}")
    lab.check("test is validated again" in t.daemon.log_text(), "the log")
    t.daemon.stop()


def main(net):
    net.ns["net"].ip("addr add 10.0.0.4/24 dev br0")
    t = Test(net)
    rollover(t)
    revocation(t)
    tampering(t)
    unwritable(t)
    all_gone(t)
    negative(t)


lab.test(main)
