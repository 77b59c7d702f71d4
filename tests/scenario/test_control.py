# SPDX-License-Identifier: GPL-2.0-or-later
"""postern-control as a process, with a gate of the test's own (fakegate_control.c): what an orchestrator sees, and what a hostile
client gets.

usage: test_control.py FAKEGATE POSTERN_CONTROL
"""
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import unittest

import builds

FAKEGATE, CONTROL = sys.argv[1:3]
GROUP = 64199  # a number that nobody else has
STRANGER = 64198


class Gate:
    def __init__(self, n_pins=0, diagnostics=None, group=GROUP):
        self.folder = tempfile.mkdtemp(prefix="postern-control-")
        os.chmod(self.folder, 0o755)
        self.path = os.path.join(self.folder, "control.sock")
        self.stderr = tempfile.TemporaryFile("w+")
        words = [FAKEGATE, CONTROL, self.path, str(group), str(n_pins)]
        if diagnostics is not None:
            name = os.path.join(self.folder, "diagnostics" + (".bad" if diagnostics.startswith("bad") else ""))
            with open(name, "w", encoding="utf-8") as f:
                f.write(diagnostics)
            words.append(name)
        self.process = subprocess.Popen(words, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.stderr)
        assert self.line() == "ready", self.said()

    def line(self):
        return self.process.stdout.readline().strip()

    def do(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return self.line()

    def counters(self):
        return {k: int(v) for k, v in (pair.split("=") for pair in self.do("ping").split())}

    def said(self):
        self.stderr.seek(0)
        return self.stderr.read()

    def close(self):
        if self.process.poll() is None:
            self.process.communicate("end\n", 15)
        self.process.stdin.close()
        self.process.stdout.close()
        self.stderr.close()
        shutil.rmtree(self.folder)


class Client:
    """A connection as an orchestrator would make one."""

    def __init__(self, gate):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(10)
        self.socket.connect(gate.path)
        self.file = self.socket.makefile("rb")

    def send(self, request):
        self.socket.sendall(request if isinstance(request, bytes) else json.dumps(request).encode() + b"\n")

    def reply(self):
        """All lines up to the one with "ok"."""
        rows = []
        while True:
            line = self.file.readline()
            if not line:
                raise EOFError(rows)
            rows.append(json.loads(line))
            if "ok" in rows[-1]:
                return rows

    def ask(self, **request):
        self.send(request)
        return self.reply()

    def ended(self):
        try:
            return self.file.read() == b""
        except ConnectionResetError:
            return True  # closed with bytes of ours unread

    def close(self):
        self.file.close()
        self.socket.close()


class Test(unittest.TestCase):
    def gate(self, *args, **kw):
        gate = Gate(*args, **kw)
        self.addCleanup(gate.close)
        return gate

    def client(self, gate):
        client = Client(gate)
        self.addCleanup(client.close)
        return client

    def test_status(self):
        gate = self.gate(3)
        client = self.client(gate)
        reply = client.ask(op="status", id="7")[0]
        self.assertEqual({k: reply[k] for k in ("id", "v", "ok", "pins", "queue", "generation")},
                         {"id": "7", "v": 1, "ok": True, "pins": 3, "queue": "native", "generation": 4})
        self.assertEqual(reply["counters"]["gate"]["pins_granted"], 1234567)
        self.assertEqual(set(reply["counters"]), {"gate", "policy", "resolver", "verdict", "attribute", "audit", "control", "tls", "standby"})
        self.assertEqual(reply["upstreams"][0], {"address": "192.0.2.53", "port": 853, "tls": True, "state": "up", "rtt_ms": 12,
                                                 "answered": 34, "silent": 1})
        self.assertEqual(set(client.ask(op="counters")[0]), {"v", "ok", "counters"})

    def test_pages(self):
        gate = self.gate(1001)
        client = self.client(gate)
        rows = client.ask(op="pins", id="p")
        self.assertEqual(rows[-1], {"id": "p", "v": 1, "ok": True, "rows": 1001})
        names = [row["pin"]["name"] for row in rows[:-1]]
        self.assertEqual(names, ["api.openai.com"] + [f"host-{i}.example" for i in range(1, 1001)])
        self.assertEqual(rows[0]["pin"], {"sandbox": "ci", "name": "api.openai.com", "address": "203.0.113.7", "protocol": "tcp",
                                          "port": 443, "rule": "llm", "expires_in_ms": 299000})
        self.assertEqual(client.ask(op="pins", sandbox="other"), [{"v": 1, "ok": True, "rows": 0}])

    def test_sandboxes(self):
        gate = self.gate()
        client = self.client(gate)
        add = {"op": "sandbox-add", "policy": "ci"}
        self.assertEqual(client.ask(name="a", interface=["veth7", "veth8"], **add), [{"v": 1, "ok": True}])
        self.assertEqual(gate.line(), "event kind=sandbox sandbox=a uid=0 text=add requested valid=1")
        client.ask(name="b", source="2001:db8::/64", **add)
        client.ask(name="c", cgroup="/system.slice/c.service", **add)
        client.ask(name="d", uid=1000, **add)
        client.ask(name="e", host=True, **add)
        refused = client.ask(name="a", uid=7, **add)[0]
        self.assertEqual((refused["ok"], refused["code"], refused["errno"]), (False, "refused", "EEXIST"))
        rows = {r["sandbox"]["name"]: r["sandbox"] for r in client.ask(op="sandboxes")[:-1]}
        self.assertEqual({n: r["kind"] for n, r in rows.items()},
                         {"a": "interface", "b": "source", "c": "cgroup", "d": "uid", "e": "host"})
        self.assertEqual(rows["a"]["interface"], ["veth7", "veth8"])
        self.assertEqual(rows["b"]["source"], ["2001:db8::/64"])
        self.assertTrue(rows["c"]["absent"])
        self.assertEqual(client.ask(op="sandbox-remove", name="a"), [{"v": 1, "ok": True}])
        self.assertEqual(client.ask(op="sandbox-remove", name="a")[0]["errno"], "ENOENT")
        self.assertEqual(client.ask(op="sandboxes", sandbox="d")[-1]["rows"], 1)

    def test_reload(self):
        gate = self.gate(0, "p.conf:3: warning: odd: do this\nq.conf:1: hm\n")
        rows = self.client(gate).ask(op="reload")
        self.assertEqual([r["diagnostic"] for r in rows[:-1]], ["p.conf:3: warning: odd: do this", "q.conf:1: hm"])
        self.assertEqual(rows[-1], {"v": 1, "ok": True, "errors": 0, "warnings": 1})

    def test_reload_with_errors(self):
        rows = self.client(self.gate(0, "bad: x\n")).ask(op="reload")
        self.assertEqual((rows[-1]["ok"], rows[-1]["errors"], rows[-1]["code"]), (False, 2, "refused"))

    def test_bad_requests(self):
        gate = self.gate()
        cases = [(b"{}\n", "bad-request"), (b"no json\n", "bad-request"), (b'{"op":"sandbox-add"}\n', "bad-request"),
                 (b"\xff\xfe\n", "bad-request"), (b" " * 4096, "too-long"), (b"x" * 5000 + b"\n", "too-long"), (b'{"op":"status"', "bad-request")]
        for text, code in cases:
            client = self.client(gate)
            client.send(text)
            client.socket.shutdown(socket.SHUT_WR)
            reply = client.reply()[0]
            self.assertEqual((reply["ok"], reply["code"]), (False, code), text[:20])
            self.assertTrue(client.ended())
        self.assertEqual(gate.counters()["malformed"], len(cases))
        self.assertTrue(self.client(gate).ask(op="status")[0]["ok"])

    def test_pieces_and_pipelining(self):
        gate = self.gate(20)
        client = self.client(gate)
        for byte in b'\n{"op":"status"}\r\n':
            client.send(bytes([byte]))
        self.assertTrue(client.reply()[0]["ok"])
        client.send(b'{"op":"pins","id":"1"}\n{"op":"status","id":"2"}\n{"op":"pins","id":"3"}\n')
        client.socket.shutdown(socket.SHUT_WR)
        self.assertEqual([client.reply()[-1]["id"] for _ in range(3)], ["1", "2", "3"])
        self.assertTrue(client.ended())

    def test_slow_reader_stops_nobody(self):
        """A client that asks for a hundred long replies and reads none does not keep others waiting, nor take memory."""
        gate = self.gate(1000)
        slow = self.client(gate)
        slow.socket.settimeout(0.2)
        try:
            for _ in range(5000):
                slow.send({"op": "pins"})
        except TimeoutError:
            pass
        for _ in range(20):
            self.assertEqual(self.client(gate).ask(op="pins")[-1]["rows"], 1000)

    def test_too_many_connections(self):
        """32 at a time; the group gets 24 of them."""
        gate = self.gate()
        script = ("import os, socket, sys, time\n"
                  f"os.setgroups([{GROUP}]); os.setgid({STRANGER}); os.setuid({STRANGER})\n"
                  "kept = []\n"
                  "for i in range(30):\n"
                  "    s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); kept.append(s)\n"
                  "def served(s):\n"
                  "    try:\n"
                  "        s.sendall(b'{\"op\":\"status\"}\\n'); return b'\"ok\":true' in s.recv(65536)\n"
                  "    except OSError: return False\n"
                  "print(sum(served(s) for s in kept), flush=True)\n"
                  "sys.stdin.read()\n")
        member = subprocess.Popen([sys.executable, "-c", script, gate.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.assertEqual(member.stdout.readline().strip(), "24")
        roots = [self.client(gate) for _ in range(8)]
        self.assertTrue(all(c.ask(op="status")[0]["ok"] for c in roots))
        extra = self.client(gate)
        self.assertEqual(extra.reply()[0]["code"], "busy")
        member.communicate("", 10)
        for _ in range(100):
            try:
                if self.client(gate).ask(op="status")[0]["ok"]:
                    break
            except (EOFError, ConnectionResetError, BrokenPipeError):
                time.sleep(0.05)
        else:
            self.fail("no room again")

    def ask_as(self, gate, uid, gid, groups):
        script = ("import os, socket, sys\n"
                  f"os.setgroups({groups}); os.setgid({gid}); os.setuid({uid})\n"
                  "s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])\n"
                  "try: s.sendall(b'{\"op\":\"status\"}\\n')\n"
                  "except BrokenPipeError: pass  # refused already: the reason is there to read\n"
                  "print(s.makefile().readline())\n")
        done = subprocess.run([sys.executable, "-c", script, gate.path], stdout=subprocess.PIPE, text=True, check=True)
        return json.loads(done.stdout)

    def test_who_may(self):
        """The test's socket is open to all (0666), so that what is tested is SO_PEERCRED."""
        gate = self.gate()
        self.assertTrue(self.ask_as(gate, STRANGER, GROUP, [])["ok"])
        self.assertTrue(self.ask_as(gate, STRANGER, STRANGER, [7, GROUP])["ok"])
        self.assertTrue(self.ask_as(gate, 0, STRANGER, [])["ok"])
        for groups in ([], [0], [7, 8]):
            self.assertEqual(self.ask_as(gate, STRANGER, STRANGER, groups)["code"], "not-permitted")
        self.assertEqual(self.ask_as(gate, STRANGER, 0, [0])["code"], "not-permitted")
        self.assertEqual(gate.counters()["refused"], 4)
        self.assertEqual(gate.said().count("refused uid"), 1)

    def test_socket_of_roots_group(self):
        gate = self.gate(group=0)
        self.assertEqual(self.ask_as(gate, STRANGER, 0, [0])["code"], "not-permitted")
        self.assertTrue(self.ask_as(gate, 0, 0, [])["ok"])

    def test_client_leaves_before_the_answer(self):
        gate = self.gate()
        gate.do("hold 1")
        client = self.client(gate)
        client.send({"op": "status"})
        time.sleep(0.1)
        client.close()
        self.assertTrue(self.client(gate).ask(op="status")[0]["ok"])

    def test_answer_to_nothing_ends_it(self):
        gate = self.gate()
        gate.do("unasked")
        self.assertEqual(gate.line(), "exit 1")

    def test_ends_with_the_gate(self):
        gate = self.gate()
        client = self.client(gate)
        self.assertEqual(gate.do("end"), "exit 0")
        self.assertTrue(client.ended())


if __name__ == "__main__":
    if os.geteuid() != 0:
        print("skipped: root needed, to be others")
        sys.exit(77)
    builds.main(2)
