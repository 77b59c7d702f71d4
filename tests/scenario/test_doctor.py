# SPDX-License-Identifier: GPL-2.0-or-later
"""postern doctor: each fault is found when it is there, and not when it is not.

usage: test_doctor.py FAKEGATE POSTERN_CONTROL POSTERN POSTERN_POLICY SOURCE_FOLDER
Runs in a network and a mount namespace of its own, where it may lay other files over those of /etc.
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

import builds

FAKEGATE, CONTROL, POSTERN, POLICY, SOURCE = sys.argv[1:6]
USERS = ["gate", "policy", "resolver", "verdict", "attribute", "audit", "control", "tls"]
AUDIT_UID = 64105


def sh(*words):
    return subprocess.run(words, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout


class Test(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="postern-doctor-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.socket = os.path.join(self.folder, "control.sock")
        self.log = os.path.join(self.folder, "log")
        os.mkdir(self.log, 0o750)
        os.chown(self.log, AUDIT_UID, 0)
        self.etc = os.path.join(self.folder, "etc")
        os.mkdir(self.etc, 0o755)
        self.conf = self.write("postern.conf", f'upstreams = [ "192.0.2.53" ];\npolicies = [ "{SOURCE}/policies/openhands.conf" ];\n'
                               f'audit: {{ directory = "{self.log}"; }};\n')
        # A machine on which all is well.
        with open("/etc/passwd", encoding="utf-8") as f:
            users = "".join(line for line in f if not line.startswith("postern-"))
        self.lay("/etc/passwd", users + "".join(f"postern-{u}:x:{64100 + i}:64100::/:/bin/false\n" for i, u in enumerate(USERS)))
        self.lay("/etc/group", "root:x:0:\npostern:x:64199:\n")
        self.lay("/etc/resolv.conf", "nameserver 192.0.2.53\n")
        self.lay("/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n")
        sh("nft", "-f", f"{SOURCE}/rules/postern.nft")
        self.addCleanup(sh, "nft", "flush", "ruleset")

    def write(self, name, text, mode=0o644):
        path = os.path.join(self.etc, name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        os.chmod(path, mode)
        return path

    def lay(self, path, text, mode=0o644):
        """Lays a file with that text over @path."""
        if not os.path.exists(path):
            return
        sh("mount", "--bind", self.write(path.replace("/", "_"), text, mode), os.path.realpath(path))
        self.addCleanup(sh, "umount", os.path.realpath(path))

    def doctor(self, cures=False):
        done = subprocess.run([POSTERN, "doctor", "--json", "--socket", self.socket, "--config", self.conf, "--libexec-dir", os.path.dirname(POLICY),
                               "--rules", f"{SOURCE}/rules/postern.nft"], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120,
                              check=False)
        self.assertIn(done.returncode, (0, 1), done.stderr)
        answer = json.loads(done.stdout)
        found = [(f["weight"], f["finding"]) for f in answer["findings"]]
        self.assertEqual([f["number"] for f in answer["findings"]], list(range(1, len(found) + 1)))
        self.assertTrue(all(f["cure"] for f in answer["findings"]))
        self.assertEqual(answer["ok"], done.returncode == 0)
        self.assertEqual(answer["ok"], not any(w == "problem" for w, _ in found))
        return answer["findings"] if cures else found

    def finds(self, weight, part):
        found = self.doctor()
        self.assertTrue(any(w == weight and part in text for w, text in found), f"{part} not in {found}")

    def daemon(self):
        process = subprocess.Popen([FAKEGATE, CONTROL, self.socket, "0", "0"], text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=subprocess.DEVNULL)
        self.addCleanup(process.communicate, "end\n", 15)
        self.assertEqual(process.stdout.readline(), "ready\n")

    def test_all_is_well(self):
        """Nothing but what is this machine's own: its clock, its queue expression, its services, its cgroups."""
        self.daemon()
        own = ("clock", "queue expression", "is enabled", "others changed", "cgroup2", "nscd")
        self.assertEqual([f for f in self.doctor() if not any(o in f[1] for o in own)], [])

    def test_daemon(self):
        self.finds("problem", "daemon cannot be reached")
        self.daemon()
        self.finds("warning", "others changed postern's table; it was restored (2 since start)")

    def test_anchors(self):
        os.environ["FAKEGATE_ANCHORS"] = "1"
        self.addCleanup(os.environ.pop, "FAKEGATE_ANCHORS")
        self.daemon()
        self.finds("warning", "key 20326 of zone . stands in trust_anchors, but has revoked itself")
        self.finds("note", "zone . shows a new key 20328, which is believed from 2026-12-24T06:00:00.000Z on")
        self.finds("problem", "zone zone.test has no key left that is believed: all below it is SERVFAIL")
        self.finds("note", "the keys of zone zone.test were not seen yet")
        self.finds("warning", "the state of trust anchors could not be believed at start")
        self.finds("warning", "the state of trust anchors cannot be written (No space left on device)")
        self.finds("warning", "zone zone.test is not validated until 2026-11-25T09:46:40.000Z")

    def test_no_table(self):
        sh("nft", "delete", "table", "inet", "postern")
        self.finds("problem", "the gate does not stand")

    def test_other_tables(self):
        sh("nft", "add", "table", "ip", "other")
        sh("nft", "add", "table", "inet", "docker-like")
        self.finds("note", "other firewall tables: ip other, inet docker-like")

    def test_flowtable(self):
        sh("nft", "add", "table", "inet", "fast")
        if subprocess.run(["nft", "add", "flowtable", "inet", "fast", "ft", "{ hook ingress priority 0; devices = { lo }; }"], check=False,
                          stderr=subprocess.DEVNULL).returncode:
            self.skipTest("this kernel has no flowtables")
        self.finds("problem", "flowtable ft in table inet fast")

    def test_flowtable_listed(self):
        """The same on a kernel that has none: nft lists what libnftables-json(5) says it would."""
        nft = os.path.realpath(shutil.which("nft"))
        shutil.copy(nft, os.path.join(self.etc, "real"))
        def flow(family, table, name):
            return {"flowtable": {"family": family, "name": name, "table": table, "handle": 2, "hook": "ingress", "prio": 0, "dev": ["lo", "eth0"]}}
        listing = json.dumps({"nftables": [{"metainfo": {"json_schema_version": 1}}, flow("ip", "fast", "ft"), flow("inet", "postern", "own")]})
        self.lay(nft, f"#!/bin/sh\nif [ \"$*\" = '-j list flowtables' ]; then echo '{listing}'; else exec {self.etc}/real \"$@\"; fi\n", 0o755)
        found = self.doctor(cures=True)
        flows = [f for f in found if "flowtable" in f["finding"]]
        self.assertEqual([f["weight"] for f in flows], ["problem"])
        self.assertTrue(flows[0]["finding"].startswith("flowtable ft in table ip fast: "))
        self.assertEqual(flows[0]["cure"], "delete the rules that say `flow add @ft`, then run nft delete flowtable ip fast ft")

    def test_resolvers(self):
        self.lay("/etc/resolv.conf", "# x\noptions edns0\nnameserver 127.0.0.53\n")
        self.finds("note", "names a resolver on this machine")
        self.lay("/etc/nsswitch.conf", "passwd: files\nhosts: files resolve [!UNAVAIL=return] dns\n")
        self.finds("warning", "systemd-resolved over a socket")
        sh("ip", "link", "add", "docker0", "type", "bridge")
        self.addCleanup(sh, "ip", "link", "del", "docker0")
        self.finds("warning", "Docker is here: its DNS proxy")

    def test_users(self):
        self.lay("/etc/passwd", "root:x:0:0::/root:/bin/sh\npostern-gate:x:64100:64100::/:/bin/false\n")
        self.lay("/etc/group", "root:x:0:\n")
        self.finds("problem", "users are missing: postern-policy, postern-resolver")
        self.finds("warning", "group postern is missing")

    def test_config(self):
        os.chmod(self.conf, 0o664)
        self.finds("problem", "is writable for others (mode 0664)")
        os.chmod(self.conf, 0o644)
        os.chown(self.conf, 64198, 0)
        self.finds("problem", "belongs to uid 64198")
        self.write("postern.conf", "odd = 1;\nodder = 2;\n")
        os.chown(self.conf, 0, 0)
        self.finds("problem", "the configuration has 3 errors")
        os.unlink(self.conf)
        self.finds("problem", "No such file")

    def test_config_newer_than_the_daemon(self):
        self.daemon()
        self.assertFalse(any("was changed after" in text for _, text in self.doctor()))
        os.utime(self.conf, (2000000000, 2000000000))
        self.finds("note", "postern.conf was changed after the daemon loaded its policy")

    def test_log_of_another_format(self):
        other = os.path.join(self.folder, "other")
        self.write("postern.conf", f'upstreams = [ "192.0.2.53" ];\npolicies = [ "{SOURCE}/policies/openhands.conf" ];\n'
                   f'audit: {{ directory = "{self.log}"; outputs = ( {{ format = "ocsf"; directory = "{other}"; }}, '
                   f'{{ format = "vpc-flow"; directory = "{other}"; }}, {{ format = "route53"; }} ); }};\n')
        self.finds("problem", f"directory {other}: No such file or directory")
        self.assertEqual(len([text for _, text in self.doctor() if other in text]), 1)
        os.mkdir(other, 0o750)
        self.finds("problem", f"directory {other} belongs to uid 0")
        os.chown(other, AUDIT_UID, 0)
        self.assertFalse([text for _, text in self.doctor() if other in text])

    def test_log(self):
        os.chown(self.log, 0, 0)
        self.finds("problem", "belongs to uid 0, not to postern-audit")
        os.chown(self.log, AUDIT_UID, 0)
        sh("mount", "--bind", self.log, self.log)
        sh("mount", "-o", "remount,bind,ro", self.log)
        self.finds("problem", "read-only file system")
        sh("umount", self.log)
        sh("mount", "-t", "tmpfs", "-o", f"size=64k,mode=750,uid={AUDIT_UID}", "postern-test", self.log)
        with open(os.path.join(self.log, "x"), "wb") as f:
            f.write(b"x" * 62000)
        self.finds("warning", "less than 5 percent")
        sh("umount", self.log)
        os.rmdir(self.log)
        self.finds("problem", "events are lost, enforcement goes on")
        self.write("log", "")
        os.rename(os.path.join(self.etc, "log"), self.log)
        self.finds("problem", "is no directory")

    def test_sandboxes(self):
        self.daemon()
        sh("ip", "link", "add", "pt-br", "type", "bridge")
        self.addCleanup(sh, "ip", "link", "del", "pt-br")
        sh("ip", "link", "add", "pt-a", "type", "veth", "peer", "name", "pt-b")
        self.addCleanup(sh, "ip", "link", "del", "pt-a")
        for name, interface in (("one", "pt-a"), ("two", "none")):
            sh(POSTERN, "--socket", self.socket, "sandbox", "add", name, "--interface", interface, "--policy", "openhands")
        self.finds("note", "interface none of sandbox two does not exist yet")
        self.assertFalse(any("bridge" in text for _, text in self.doctor()))
        sh("ip", "link", "set", "pt-a", "master", "pt-br")
        self.finds("problem", "interface pt-a of sandbox one is a port of a bridge")

    def test_text(self):
        done = subprocess.run([POSTERN, "doctor", "--socket", self.socket, "--config", self.conf, "--libexec-dir", os.path.dirname(POLICY)], text=True,
                              stdout=subprocess.PIPE, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stdout, r"^1\. problem: .*\n   cure: .*\n")
        self.assertRegex(done.stdout, r"\n\d+ problems, \d+ warnings, \d+ notes\n$")


if __name__ == "__main__":
    if os.environ.get("POSTERN_SPACES") != "own":
        os.environ["POSTERN_SPACES"] = "own"
        probe = subprocess.run(["unshare", "-n", "-m", "--propagation", "private", "nft", "list", "tables"], check=False, stderr=subprocess.DEVNULL)
        if probe.returncode:
            print("skipped: no namespaces, or no nft (root needed)")
            sys.exit(77)
        os.execvp("unshare", ["unshare", "-n", "-m", "--propagation", "private", sys.executable, *sys.argv])
    if "POSTERN_SYSFS" not in os.environ:  # builds.py starts this once more, in the same spaces
        os.environ["POSTERN_SYSFS"] = "mounted"
        sh("mount", "-t", "sysfs", "sysfs", "/sys")  # of this network namespace
    builds.main(5)
