# SPDX-License-Identifier: GPL-2.0-or-later
"""The postern command: with a daemon that the test plays (fakegate_control.c), without one, and on logs with hostile bytes.

usage: test_cli.py FAKEGATE POSTERN_CONTROL POSTERN POSTERN_POLICY POLICIES
"""
import json
import os
import pty
import re
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

import builds

FAKEGATE, CONTROL, POSTERN, POLICY, POLICIES = sys.argv[1:6]
OK, NO, USAGE, UNREACHABLE, FAILED = range(5)


def event(**members):
    return {"v": 1, "time": "2026-11-20T08:00:00.000Z", "kind": "refusal", "process": "verdict", "count": 1, **members}


class Test(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="postern-cli-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.socket = os.path.join(self.folder, "control.sock")
        self.log = os.path.join(self.folder, "log")
        os.mkdir(self.log)
        self.conf = self.write("postern.conf", f'''
upstreams = [ "192.0.2.53" ];
policies = [ "{POLICIES}/openhands.conf", "{POLICIES}/deny-all.conf", "{POLICIES}/osworld.conf" ];
sandboxes = (
  {{ name = "all"; host = true; policy = "deny-all"; }},
  {{ name = "box"; interface = "veth7"; policy = "openhands"; }}
);
audit: {{ directory = "{self.log}"; }};
''')

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        os.chmod(path, 0o644)
        return path

    def words(self, *words):
        return [POSTERN, "--socket", self.socket, "--config", self.conf, "--libexec-dir", os.path.dirname(POLICY), *words]

    def run_cli(self, *words, status=OK):
        """Runs the command; returns its output. The status is part of the promise."""
        done = subprocess.run(self.words(*words), text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60,
                              check=False)
        self.assertEqual(done.returncode, status, f"{words}: {done.stdout}{done.stderr}")
        for text in (done.stdout, done.stderr):
            self.assertNotRegex(text, r"[^\n\x20-\x7e]", f"{words}: a raw byte")
        self.errors = done.stderr
        return done.stdout

    def json_cli(self, *words, status=OK):
        return [json.loads(line) for line in self.run_cli(*words, "--json", status=status).splitlines()]

    def daemon(self, n_pins=3, diagnostics=None):
        words = [FAKEGATE, CONTROL, self.socket, "0", str(n_pins)]
        if diagnostics:
            words.append(self.write("diagnostics" + (".bad" if "error" in diagnostics else ""), diagnostics))
        process = subprocess.Popen(words, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.addCleanup(process.communicate, "end\n", 15)
        self.assertEqual(process.stdout.readline(), "ready\n")
        return process

    def write_log(self, events, name="audit.jsonl"):
        with open(os.path.join(self.log, name), "a", encoding="utf-8") as f:
            for e in events:
                f.write((e if isinstance(e, str) else json.dumps(e)) + "\n")

    # ---- usage

    def test_usage(self):
        for words in ((), ("help",), ("--help",), ("-h",), ("help", "audit"), ("audit", "--help"), ("explain", "-h")):
            self.assertIn("usage: postern", self.run_cli(*words))
        self.assertRegex(self.run_cli("version"), r"^postern \d")
        self.assertRegex(self.run_cli("--version"), r"^postern \d")
        self.assertIn("version", self.json_cli("version")[0])
        for words in (("odd",), ("--odd",), ("status", "x"), ("explain",), ("explain", "a", "b"), ("pins", "--name", "a"), ("pins", "--sandbox", "a/b"), ("pins", "--sandbox", "\udcff"), ("status", "--json=1"),
                      ("audit", "--since"), ("audit", "--since", "yesterday"), ("audit", "--kind", "odd"), ("audit", "--reason", "odd"),
                      ("audit", "--lines", "0"), ("audit", "--lines=-1"), ("audit", "--name", "a..b"), ("audit", "--sandbox", "a/b"), ("sandbox", "odd"),
                      ("sandbox", "add", "x"), ("sandbox", "add", "x", "--policy", "p"), ("sandbox", "add", "x", "--policy", "p", "--uid", "root"),
                      ("sandbox", "add", "x", "--policy", "p", "--uid", "1", "--host"), ("sandbox", "remove"), ("explain", "192.0.2.1"),
                      ("explain", "a:b"), ("explain", "a:99999"), ("explain", "a..b"), ("explain", "[a]:1"), ("explain", "a", "--qtype", "odd"),
                      ("audit", *["--interface", "x"]), ("sandbox", "add", "x", "--policy", "p", *["--interface", "v"] * 5)):
            self.run_cli(*words, status=USAGE)

    def test_every_command_without_a_daemon(self):
        for words in (("status",), ("pins",), ("sandbox", "list"), ("sandbox", "remove", "x"), ("reload",)):
            self.run_cli(*words, status=UNREACHABLE)
            self.assertIn("no daemon", self.errors)

    # ---- with the daemon

    def test_status(self):
        self.daemon()
        text = self.run_cli("status")
        for part in ("running since 2026-11-", "generation 4", "queue native", "pins_granted=1234567",
                     "upstreams 192.0.2.53 port 853 over TLS up, 12 ms, answered=34 silent=1", "          2001:db8:: port 53 down, 0 ms"):
            self.assertIn(part, text)
        self.assertEqual(self.json_cli("status")[0]["counters"]["gate"]["pins_granted"], 1234567)

    def test_status_of_anchors(self):
        os.environ["FAKEGATE_ANCHORS"] = "1"
        self.addCleanup(os.environ.pop, "FAKEGATE_ANCHORS")
        self.daemon()
        text = self.run_cli("status")
        for part in ("anchors   . last seen 2026-11-24T06:00:00.000Z\n"
                     "          key 20326 algorithm 8 revoked since 2026-11-18T11:06:40.000Z, until 2026-12-18T11:06:40.000Z, configured\n"
                     "          key 20327 algorithm 8 valid since 2026-09-21T14:13:20.000Z\n"
                     "          key 20328 algorithm 8 pending since 2026-11-24T06:00:00.000Z, until 2026-12-24T06:00:00.000Z\n",
                     "anchors   zone.test last seen never\n", "their state cannot be written: No space left on device",
                     "unchecked zone.test until 2026-11-25T09:46:40.000Z"):
            self.assertIn(part, text)
        status = self.json_cli("status")[0]
        self.assertEqual([k["state"] for k in status["trust_anchors"][0]["keys"]], ["revoked", "valid", "pending"])
        self.assertEqual(status["trust_anchors"][0]["keys"][0]["digest"], "e0" + 31 * "00")
        self.assertEqual((status["anchor_file"], status["anchors_kept"]), ("bad", False))

    def test_pins(self):
        self.daemon(20)
        self.assertEqual(len(self.run_cli("pins").splitlines()), 21)
        self.assertRegex(self.run_cli("pins").splitlines()[1], r"^ci +203\.0\.113\.7 +tcp/443 +299s  llm +api\.openai\.com$")
        self.assertEqual(len(self.json_cli("pins", "--sandbox", "ci")), 20)
        self.assertEqual(self.run_cli("pins", "--sandbox", "other"), "no pins\n")

    def test_sandboxes(self):
        self.daemon()
        self.assertEqual(self.run_cli("sandbox", "list"), "no sandboxes\n")
        self.assertEqual(self.run_cli("sandbox", "add", "ci", "--interface", "veth7", "--policy", "openhands"), "added ci\n")
        self.run_cli("sandbox", "add", "b", "--source=192.0.2.0/24", "--source", "2001:db8::/64", "--policy=openhands")
        self.run_cli("sandbox", "add", "c", "--cgroup", "/system.slice/c.service", "--policy", "openhands", "--mode", "audit",
                     "--fail-open")
        self.run_cli("sandbox", "add", "d", "--uid", "1000", "--policy", "openhands")
        self.run_cli("sandbox", "add", "e", "--host", "--policy", "openhands")
        self.run_cli("sandbox", "add", "ci", "--uid", "7", "--policy", "openhands", status=NO)
        self.assertIn('"ci" exists', self.errors)
        self.run_cli("sandbox", "add", "f", "--source", "192.0.2.1/24", "--policy", "openhands", status=NO)
        self.assertIn("no host bits", self.errors)
        self.run_cli("sandbox", "add", "f", "--uid", "9", "--policy", "openhands", "--mode", "shadow", status=NO)
        self.assertIn('has to be "enforce" or "audit"', self.errors)
        text = self.run_cli("sandbox", "list")
        self.assertRegex(text, r"ci +openhands +runtime +enforce +interface veth7\n")
        self.assertRegex(text, r"c +openhands +runtime +audit +cgroup system\.slice/c\.service \(fails open\) \(does not exist yet\)\n")
        self.assertEqual({r["name"]: (r["mode"], r.get("fail_open")) for r in self.json_cli("sandbox", "list") if r["name"] in "bc"},
                         {"b": ("enforce", None), "c": ("audit", True)})
        self.assertEqual({r["name"]: r["kind"] for r in self.json_cli("sandbox", "list")},
                         {"ci": "interface", "b": "source", "c": "cgroup", "d": "uid", "e": "host"})
        self.assertEqual(self.run_cli("sandbox", "remove", "ci"), "removed ci\n")
        self.run_cli("sandbox", "remove", "ci", status=NO)

    def test_reload(self):
        self.daemon(0, "p.conf:3: warning: odd\x1b[31m: do this\n")
        self.assertEqual(self.run_cli("reload"), "loaded, 1 warning\n")
        self.assertEqual(self.errors, "p.conf:3: warning: odd\\027[31m: do this\n")
        self.assertEqual(self.json_cli("reload")[0]["diagnostics"], ["p.conf:3: warning: odd\x1b[31m: do this"])

    def test_reload_with_errors(self):
        self.daemon(0, "p.conf:3: error\n")
        self.run_cli("reload", status=NO)
        self.assertIn("the old one stays", self.errors)
        self.assertFalse(self.json_cli("reload", status=NO)[0]["ok"])

    def test_not_permitted(self):
        self.daemon()
        script = "import os,sys; os.setgroups([]); os.setgid(64198); os.setuid(64198); os.execv(sys.argv[1], sys.argv[1:])"
        binary = shutil.copy(POSTERN, self.folder)
        os.chmod(self.folder, 0o755)
        done = subprocess.run([sys.executable, "-c", script, binary, "--socket", self.socket, "status"], text=True, stderr=subprocess.PIPE,
                              check=False)
        self.assertEqual(done.returncode, UNREACHABLE)
        self.assertIn("group postern", done.stderr)

    # ---- policy

    def test_check(self):
        self.assertEqual(self.run_cli("check"), "good\n")
        self.assertTrue(self.run_cli("check", f"{POLICIES}/openhands.conf", f"{POLICIES}/deny-all.conf").endswith("good\n"))
        bad = self.write('od"d\\.conf', 'name = "x";\nodd = 1;\n')
        self.assertIn(':2: ', self.run_cli("check", bad, status=NO))
        found = self.json_cli("check", bad, status=NO)[0]
        self.assertFalse(found["ok"])
        self.assertEqual([(d["line"], d["severity"]) for d in found["diagnostics"] if d.get("line") == 2], [(2, "error")])
        self.run_cli("check", os.path.join(self.folder, "none.conf"), status=NO)

    def test_explain(self):
        rows = (
            ("api.openai.com", "openhands", True, None, "llm"),
            ("API.OpenAI.com.", "openhands", True, None, "llm"),
            ("api.openai.com:443", "openhands", True, None, "llm"),
            ("api.openai.com:80", "openhands", False, "port-not-allowed", "llm"),
            ("api.openai.com:udp/443", "openhands", False, "port-not-allowed", "llm"),
            ("google.com", "openhands", False, "rule", "rest"),
            ("192.0.2.1:udp/123", "openhands", True, None, "time"),
            ("[2001:db8::1]:udp/123", "openhands", True, None, "time"),
            ("192.0.2.1:123", "openhands", False, "never-resolved", None),
            ("192.0.2.1:icmp/8", "openhands", False, "never-resolved", None),
            ("10.0.0.9:443", "openhands", False, "private-address", None),
            ("169.254.169.254:80", "openhands", False, "always-denied", None),
            ("169.254.169.254:80", "osworld", False, "always-denied", None),
            ("api.openai.com", "deny-all", False, None, None),
        )
        for target, policy, allowed, reason, rule in rows:
            with self.subTest(target=target, policy=policy):
                answer = self.json_cli("explain", target, "--policy", policy, status=OK if allowed else NO)[0]
                self.assertEqual(answer["allowed"], allowed)
                if reason:
                    self.assertEqual(answer["reason"], reason)
                if rule:
                    self.assertEqual(answer["rule"], rule)
                    with open(answer["file"], encoding="utf-8") as f:
                        self.assertIn(f'"{rule}"', f.readlines()[answer["line"] - 1])
        self.run_cli("explain", "a.example", "--policy", "none", status=FAILED)

    def test_explain_split(self):
        """Where a permitted name is answered from; nothing of it for one that is not."""
        self.assertNotIn("from", self.json_cli("explain", "api.openai.com", "--policy", "openhands")[0])
        with open(self.conf, "a", encoding="utf-8") as f:
            f.write('forward = ( { zone = "openai.com"; to = "10.0.0.2"; } );\n'
                    'records = ( { name = "chat.openai.com"; address = "10.0.0.9"; }, { name = "a.example"; address = "10.0.0.9"; } );\n')
        self.assertEqual(self.json_cli("explain", "api.openai.com", "--policy", "openhands")[0]["from"], "zone openai.com")
        self.assertIn("\n  from    zone openai.com\n", self.run_cli("explain", "api.openai.com", "--policy", "openhands"))
        self.assertNotIn("from", self.json_cli("explain", "a.example", "--policy", "openhands", status=NO)[0])

    def test_explain_protections(self):
        """Rules with a protection before the one that permits by a wildcard; not for a name that stands in a list itself."""
        self.write("guarded.conf", 'name = "guarded"; dns = (\n'
                   '{ name = "tunnels"; priority = 1; action = "BLOCK"; protection = "DNS_TUNNELING"; confidence = "HIGH"; },\n'
                   '{ name = "texts"; priority = 2; action = "ALERT"; protection = "DGA"; confidence = "LOW"; qtype = "TXT"; },\n'
                   '{ name = "pages"; priority = 3; action = "ALLOW"; domains = [ "*.github.io", "one.example" ]; ports = "tcp/443"; },\n'
                   '{ name = "behind"; priority = 4; action = "BLOCK"; protection = "DGA"; confidence = "LOW"; },\n'
                   '{ name = "more"; priority = 5; action = "ALLOW"; domains = "*.debian.org"; ports = "tcp/443"; } );\n'
                   'rule_groups = ( { name = "corp"; priority = 200; dns = ( { name = "words"; priority = 7; action = "ALERT"; '
                   'protection = "DICTIONARY_DGA"; confidence = "LOW"; } ); } );\n')
        self.conf = self.write("guarded-all.conf", 'upstreams = "192.0.2.53"; policies = "guarded.conf";\n')

        def names(*words):
            return [p["rule"] for p in self.json_cli("explain", *words, "--policy", "guarded")[0].get("protections", [])]

        self.assertEqual(names("a.github.io"), ["words", "tunnels"])
        self.assertEqual(names("a.github.io", "--qtype", "TXT"), ["words", "tunnels", "texts"])
        self.assertEqual(names("www.debian.org"), ["words", "tunnels", "behind"])
        self.assertEqual(names("one.example"), [])
        self.assertRegex(self.run_cli("explain", "a.github.io", "--policy", "guarded"),
                         r"\n  unless  words of group corp \(ALERT, DICTIONARY_DGA at LOW\)  .*guarded.conf:7\n  unless  tunnels \(BLOCK, DNS_TUNNELING at HIGH\)  .*guarded.conf:2\n")

    def test_explain_groups_and_modes(self):
        """The group of the rule that decides, and what audit mode makes of a refusal."""
        self.write("grouped.conf", 'name = "grouped"; rule_groups = ( { name = "corp"; priority = 200; dns = (\n'
                   '{ name = "never"; priority = 7; action = "BLOCK"; domains = "a.example"; } ); } );\n'
                   'dns = ( { name = "all"; priority = 1; action = "ALLOW"; domains = "*"; ports = "tcp/443"; } );\n')
        self.conf = self.write("grouped-all.conf", 'upstreams = "192.0.2.53"; policies = "grouped.conf"; sandboxes = (\n'
                               '{ name = "trial"; uid = 1; policy = "grouped"; mode = "audit"; }, { name = "firm"; uid = 2; policy = "grouped"; } );\n')
        answers = self.json_cli("explain", "a.example", status=NO)
        self.assertEqual([(a["sandbox"], a["mode"], a["group"], a["rule"], a["allowed"]) for a in answers],
                         [("trial", "audit", "corp", "never", False), ("firm", "enforce", "corp", "never", False)])
        text = self.run_cli("explain", "a.example", status=NO)
        self.assertRegex(text, r"denied, rule\n  rule    never of group corp \(BLOCK\)  .*grouped.conf:2\n")
        self.assertEqual(text.count("  mode    audit: let through, and recorded as would-block\n"), 1)
        self.assertIn("  mode    audit: refused all the same\n", self.run_cli("explain", "169.254.169.254:80", "--sandbox", "trial", status=NO))
        self.assertNotIn("group", self.json_cli("explain", "b.example", "--sandbox", "trial")[0])

    def test_explain_sandboxes(self):
        """In order of precedence, whatever the order of the file."""
        answers = self.json_cli("explain", "api.openai.com", status=NO)
        self.assertEqual([(a["sandbox"], a["kind"], a["precedence"], a["allowed"]) for a in answers],
                         [("box", "interface", 1, True), ("all", "host", 2, False)])
        self.assertIn("belongs to the first", self.run_cli("explain", "api.openai.com", status=NO))
        text = self.run_cli("explain", "api.openai.com", "--sandbox", "box")
        self.assertRegex(text, r"1\. sandbox box \(interface\), policy openhands: allowed\n  rule    llm \(ALLOW\)  .*openhands\.conf:\d+\n")
        self.run_cli("explain", "api.openai.com", "--sandbox", "none", status=NO)

    def test_explain_pins(self):
        """Pins and runtime sandboxes of the daemon are part of the answer."""
        self.daemon(1)
        self.run_cli("sandbox", "add", "ci", "--source", "192.0.2.0/24", "--policy", "openhands")
        found = self.json_cli("explain", "203.0.113.7:443", "--sandbox", "ci")[0]
        self.assertEqual((found["allowed"], found["pins"][0]["name"]), (True, "api.openai.com"))
        self.assertEqual(self.json_cli("explain", "203.0.113.7:80", "--sandbox", "ci", status=NO)[0]["reason"], "port-not-allowed")
        self.assertEqual(self.json_cli("explain", "203.0.113.9:443", "--sandbox", "ci", status=NO)[0]["reason"], "never-resolved")
        self.assertEqual(self.json_cli("explain", "203.0.113.7:443", "--sandbox", "box", status=NO)[0]["reason"], "never-resolved")
        self.assertIn("pin     203.0.113.7 tcp/443 for 299s: api.openai.com", self.run_cli("explain", "api.openai.com", "--sandbox", "ci"))

    def test_explain_newer_files(self):
        self.daemon()
        self.run_cli("explain", "api.openai.com", "--sandbox", "box")
        self.assertEqual(self.errors, "")
        os.utime(self.conf, (time.time() + 60, time.time() + 60))
        self.run_cli("explain", "api.openai.com", "--sandbox", "box")
        self.assertIn("postern.conf was changed after the daemon loaded its policy", self.errors)

    def test_explain_without_a_policy(self):
        self.conf = self.write("bad.conf", "odd = 1;\n")
        self.run_cli("explain", "a.example", status=NO)
        self.assertIn("bad.conf:1:", self.errors)

    # ---- the log

    def test_audit_filters(self):
        self.write_log([
            event(sandbox="ci", reason="never-resolved", destination="203.0.113.7", names=["api.openai.com"]),
            event(sandbox="ci", kind="dns", reason="no-rule", names=["www.Example.com"], rcode="NOERROR", time="2026-11-20T09:00:00.000Z"),
            event(sandbox="b", reason="pin-expired", time="2026-11-20T10:00:00.000Z", last_time="2026-11-20T11:00:00.000Z"),
        ])
        rows = (((), 3), (("--sandbox", "ci"), 2), (("--kind", "dns"), 1), (("--reason", "no-rule"), 1), (("--name", "example.com"), 1),
                (("--name", "EXAMPLE.COM."), 1), (("--name", "xample.com"), 0), (("--name", "api.openai.com", "--sandbox", "b"), 0),
                (("--since", "2026-11-20"), 3), (("--since", "2026-11-20T09:00"), 2), (("--since", "2026-11-20T10:30:00Z"), 1),
                (("--since", "2026-11-21"), 0), (("-n", "2"), 2), (("--lines=1", "--sandbox=ci"), 1))
        for words, n in rows:
            with self.subTest(words=words):
                self.assertEqual(len(self.json_cli("audit", *words)), n)
                self.assertEqual(len(self.run_cli("audit", *words).splitlines()), n)

    def test_audit_since_ago(self):
        now = time.time()
        self.write_log([event(text=str(ago), time=time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(now - ago)))
                        for ago in (200000, 5000, 300, 30)])
        for since, n in (("90s", 1), ("10m", 2), ("2h", 3), ("3d", 4)):
            self.assertEqual(len(self.json_cli("audit", "--since", since)), n)

    def test_audit_line(self):
        self.write_log([event(
            last_time="2026-11-20T08:00:03.000Z", count=3, sandbox="ci", action="refuse", reason="never-resolved", direction="out", protocol="tcp",
            source="2001:db8::2", source_port=4000, destination="2001:db8::7", destination_port=443, interface="veth7", names=["a.example", "b.example"],
            uid=1000, pid=7, exe="/usr/bin/curl", command="curl https://x", unit="ci.service", rule="rest", file="/p/ci.conf", line=12)])
        self.assertEqual(self.run_cli("audit"),
                         "2026-11-20T08:00:00.000Z ci           refuse never-resolved x3 tcp [2001:db8::2]:4000 -> [2001:db8::7]:443 on veth7 known as "
                         'a.example, b.example by curl https://x[7] uid 1000 of ci.service rule "rest" /p/ci.conf:12\n')

    def test_audit_hostile(self):
        """No byte of the log reaches the terminal raw (run_cli checks the output), and no line stops the reading."""
        wild = "\x1b]0;owned\x07\x1b[2J\r\n\x9b\u202e\ud7ff\x7f%s%n"
        self.write_log([event(**{k: wild for k in ("sandbox", "command", "exe", "text", "rule", "file", "interface", "time", "reason", "action",
                                                   "protocol", "source", "unit", "sha256")}, names=[wild, 7, None]),
                        event(text="\x00"), event(time=7, names="x", count="y", pid={}, sandbox=[]), "{", "[]", "\x00", "", "x" * 5000, event(text="last")])
        with open(os.path.join(self.log, "audit.jsonl"), "ab") as f:
            f.write(b"\xff\xfe\x1b[31m\n")
        self.assertIn("last", self.run_cli("audit"))
        self.assertRegex(self.errors, r"^postern: \d broken lines were passed over\n$")
        events = self.json_cli("audit")
        self.assertEqual((events[0]["text"], events[-1]["text"]), (wild, "last"))

    def test_audit_rotated(self):
        for number, name in enumerate(("audit.jsonl.2", "audit.jsonl.1", "audit.jsonl")):
            self.write_log([event(text=f"{number}-{i}") for i in range(3)], name)
        self.assertEqual([e["text"] for e in self.json_cli("audit")], [f"{n}-{i}" for n in range(3) for i in range(3)])

    def rotate(self):
        for number in range(20, 0, -1):
            old = os.path.join(self.log, f"audit.jsonl.{number}")
            if os.path.exists(old):
                os.rename(old, os.path.join(self.log, f"audit.jsonl.{number + 1}"))
        os.rename(os.path.join(self.log, "audit.jsonl"), os.path.join(self.log, "audit.jsonl.1"))

    def test_audit_follow(self):
        """Across rotations, several between two looks, and with lines that are written in two pieces."""
        self.write_log([event(text=str(i)) for i in range(20)])
        process = subprocess.Popen(self.words("audit", "-f", "--json"), text=True, stdout=subprocess.PIPE)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait, 10)
        self.addCleanup(process.kill)

        def take(n):
            return [int(json.loads(process.stdout.readline())["text"]) for _ in range(n)]
        self.assertEqual(take(10), list(range(10, 20)))  # the last ten at first
        self.write_log([event(text="20")])
        self.assertEqual(take(1), [20])
        for n in range(21, 27):
            self.rotate()
            self.write_log([event(text=str(n))])
        self.assertEqual(take(6), list(range(21, 27)))
        path = os.path.join(self.log, "audit.jsonl")
        text = json.dumps(event(text="27")) + "\n"
        with open(path, "a", encoding="utf-8") as f:
            f.write(text[:30])
            f.flush()
            time.sleep(0.5)
            f.write(text[30:])
        self.assertEqual(take(1), [27])
        os.unlink(path)
        self.write_log([event(text="28")])
        self.assertEqual(take(1)[-1:], [28])

    def test_audit_directory(self):
        other = os.path.join(self.folder, "other")
        self.run_cli("audit", "--directory", other, status=FAILED)
        self.assertIn("no such directory", self.errors)
        os.mkdir(other)
        self.assertEqual(self.run_cli("audit", "--directory", other), "")

    # ---- terminals

    def on_terminal(self, *words, **env):
        """Output of the command on a terminal."""
        pid, fd = pty.fork()
        if pid == 0:
            os.environ.update(TERM="xterm", **env)
            os.execv(POSTERN, self.words(*words))
        text = b""
        while True:
            try:
                piece = os.read(fd, 4096)
            except OSError:
                break
            if not piece:
                break
            text += piece
        os.close(fd)
        os.waitpid(pid, 0)
        return text.decode()

    def test_progress(self):
        """Something turns while a compile takes long; nothing of it stays, and nothing of it goes into a file."""
        slow = os.path.join(self.folder, "slow")
        os.mkdir(slow)
        with open(os.path.join(slow, "postern-policy"), "w", encoding="utf-8") as f:
            f.write("#!/bin/sh\nsleep 1.2\n")
        os.chmod(os.path.join(slow, "postern-policy"), 0o755)
        shown = self.on_terminal("check", "--libexec-dir", slow)
        self.assertIn("compiling the policy ...", shown)
        self.assertTrue(shown.endswith("\r\x1b[Kgood\r\n"), repr(shown))
        self.assertEqual(self.run_cli("check", "--libexec-dir", slow), "good\n")

    def test_colours(self):
        self.write_log([event(action="refuse", text="x")])
        self.assertIn("\x1b[31mrefuse\x1b[0m", self.on_terminal("audit"))
        self.assertNotIn("\x1b[31m", self.on_terminal("audit", NO_COLOR="1"))
        self.assertNotIn("\x1b[3", self.run_cli("audit"))
        self.assertFalse(re.search("\x1b\\[[0-9]*m", self.on_terminal("audit", "--json")))


if __name__ == "__main__":
    if os.geteuid() != 0:
        print("skipped: root needed, to play the daemon")
        sys.exit(77)
    builds.main(5)
