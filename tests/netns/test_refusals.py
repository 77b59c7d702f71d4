# SPDX-License-Identifier: GPL-2.0-or-later
"""A refusal comes back in under 50 ms, and leaves exactly one event that says who, what, why and by which rule.

Locally also the process: uid, pid, executable, command line, even of one that exits as soon as connect() fails.
"""
import json
import os

import lab
import labdaemon

LIMIT_MS = 50
PLAIN = bool(os.environ.get("POSTERN_WANT_PLAIN"))
LOCAL_UID = 64999
SCRIPT = "/run/lab/try.py"
# Prints {ms, error, pid} of one attempt, and ends at once.
TRY = """
import json, os, socket, sys, time
kind, address, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
s.settimeout(5)
began, error = time.monotonic(), ""
try:
    s.connect((address, port))
    if kind == "udp":
        s.send(b"x")
        s.recv(10)
except OSError as e:
    error = e.__class__.__name__
me = {"pid": os.getpid(), "exe": os.readlink("/proc/self/exe"), "command": open("/proc/self/cmdline").read().rstrip(chr(0)).replace(chr(0), " ")}
print(json.dumps({"ms": (time.monotonic() - began) * 1000, "error": error, **me}), flush=True)
os._exit(0)
"""


def attempt(ns, kind, address, port, uid=None):
    drop = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups"] if uid else []
    return json.loads(ns.run([*drop, "/usr/bin/python3", SCRIPT, kind, address, port]).stdout)


def at_once(got, what):
    """Refused, and fast in the build that is shipped. In a sanitized one the time is that of the sanitizer and of what else runs: there
    only alone() tells that it was the first packet that was refused."""
    lab.check(got["error"] in ("ConnectionRefusedError", "PermissionError", "OSError"), f"{what}: {got['error']} after {got['ms']:.1f} ms")
    if PLAIN:
        lab.check(got["ms"] < LIMIT_MS, f"{what}: in under {LIMIT_MS} ms")


def alone(daemon, event):
    """One packet, one refusal, one event: none was sent again because the first went unanswered."""
    lab.equal(event["count"], 1, f"packets of {event['destination']} {event.get('destination_port')}")
    match = {"kind": "refusal", "destination": event["destination"], "destination_port": event.get("destination_port")}
    lab.equal(len(daemon.events(**match)), 1, "one event")


def refused(net, daemon, kind, address, port, **want):
    """One attempt from box1, its error, its time, its one event."""
    at_once(attempt(net.ns["box1"], kind, address, port), f"{kind} {address} {port}")
    match = {"kind": "refusal", "destination": address, "destination_port": port, "sandbox": "box1", **want}
    event = daemon.wait_event(**match)
    lab.check(event["interface"] == "pt-box1" and event["source"] and event["hardware"], f"event: {json.dumps(event)}")
    alone(daemon, event)
    return event


def forwarded(net, daemon):
    lab.dig(net.ns["box1"], "example.com", "A")
    refused(net, daemon, "tcp", "203.0.113.99", 443, reason="never-resolved", protocol="tcp")
    refused(net, daemon, "udp", "203.0.113.99", 4433, reason="never-resolved", protocol="udp")
    refused(net, daemon, "tcp", "2001:db8:113::99", 443, reason="never-resolved")
    refused(net, daemon, "tcp", "169.254.169.254", 80, reason="always-denied")
    refused(net, daemon, "tcp", "10.0.0.30", 443, reason="private-address")
    event = refused(net, daemon, "tcp", "203.0.113.22", 8443, reason="port-not-allowed")
    lab.check("example.com" in str(event.get("names")), f"with the candidate name: {event.get('names')}")
    lab.check(event.get("file", "").endswith("web.conf") and event.get("line") and event.get("rule"),
              f"and the rule: {event.get('rule')} {event.get('file')}:{event.get('line')}")


def local(net, daemon):
    host = net.ns["host"]
    got = attempt(host, "tcp", "203.0.113.98", 443, uid=LOCAL_UID)
    at_once(got, "local")
    event = daemon.wait_event(kind="refusal", destination="203.0.113.98")
    lab.equal((event.get("sandbox"), event.get("uid"), event.get("pid")), ("local", LOCAL_UID, got["pid"]), "sandbox, uid, pid")
    lab.equal((event.get("exe"), event.get("command")), (got["exe"], got["command"]), "executable and command line")
    alone(daemon, event)


def many_are_one(net, daemon):
    """A hundred attempts in a window are one event with a count, or few, never a hundred."""
    for _ in range(100):
        net.ns["box1"].run(["/usr/bin/python3", SCRIPT, "tcp", "203.0.113.97", 443])
    lab.wait_for("the count", lambda: sum(e["count"] for e in daemon.events(kind="refusal", destination="203.0.113.97")) >= 100, 20)
    n = len(daemon.events(kind="refusal", destination="203.0.113.97"))
    lab.check(n <= 20, f"100 refusals are {n} events")


def main(net):
    conf = labdaemon.conf_text({"box1": ('interface = "pt-box1"', "web"), "local": (f"uid = {LOCAL_UID}", "web")})
    with open(SCRIPT, "w", encoding="ascii") as f:
        f.write(TRY)
    daemon = labdaemon.Postern(net, conf, {"web.conf": labdaemon.policy_text("web")}).start()
    forwarded(net, daemon)
    local(net, daemon)
    many_are_one(net, daemon)


lab.test(main)
