# SPDX-License-Identifier: GPL-2.0-or-later
"""What a busy sandbox does, all at once, until it is killed.

usage: traffic.py STATE_FILE NAME FORBIDDEN_ADDRESS... [--flows N]

  good     resolve NAME and connect to port 443 of the answer at once, then start over
  bad      TCP, UDP and ICMP (where permitted to try) to each FORBIDDEN_ADDRESS, over and over
  flows    N connections to port 80 of NAME, opened at the start; one request on each in turn, for ever (keep-alive)

STATE_FILE is JSON, replaced every 50 ms: {good, good_failed, last_good_s, good_times_s, bad, leaked, flows, flows_dead,
exchanges, errors}; times are CLOCK_MONOTONIC. `leaked` counts forbidden connections that were made: it has to stay 0.
"""
import json
import os
import random
import socket
import struct
import sys
import threading
import time

RESOLVER = "10.0.0.2"
state = {"good": 0, "good_failed": 0, "last_good_s": 0.0, "good_times_s": [], "bad": 0, "leaked": 0, "flows": 0,
         "flows_dead": 0, "exchanges": 0, "errors": {}}


def count_error(what, e):
    key = f"{what}: {e}"
    state["errors"][key] = state["errors"].get(key, 0) + 1


def resolve(name, timeout_s=0.3):
    """The A records of a name, by one query over UDP; raises OSError."""
    ident = random.randrange(65536)
    wire = struct.pack("!6H", ident, 0x0100, 1, 0, 0, 0)
    wire += b"".join(bytes([len(x)]) + x.encode() for x in name.split(".")) + b"\0" + struct.pack("!HH", 1, 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(timeout_s)
        s.connect((RESOLVER, 53))
        s.send(wire)
        answer = s.recv(4096)
    found, pos = [], len(wire)
    for _ in range(struct.unpack("!H", answer[6:8])[0]):
        while answer[pos] and answer[pos] < 0xc0:
            pos += answer[pos] + 1
        pos += 2 if answer[pos] else 1
        rrtype, _, _, size = struct.unpack("!HHIH", answer[pos:pos + 10])
        if rrtype == 1:
            found.append(socket.inet_ntoa(answer[pos + 10:pos + 14]))
        pos += 10 + size
    if not found:
        raise OSError(f"RCODE {answer[3] & 15}")
    return found


def good(name):
    while True:
        try:
            address = resolve(name)[0]
            with socket.create_connection((address, 443), 0.3):
                pass
            state["good"] += 1
            state["last_good_s"] = time.monotonic()
            state["good_times_s"] = state["good_times_s"][-2000:] + [state["last_good_s"]]
            time.sleep(0.005)  # a minute of TIME_WAIT each: without a pause all ports are in use after a minute
        except (OSError, IndexError, struct.error) as e:
            state["good_failed"] += 1
            count_error("good", e)
            time.sleep(0.02)


def bad(address):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    while True:
        state["bad"] += 1
        try:
            with socket.socket(family, socket.SOCK_STREAM) as s:
                s.settimeout(0.3)
                s.connect((address, 443))
                state["leaked"] += 1
        except OSError:
            pass
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as s:
                s.sendto(b"leak", (address, random.choice((443, 4433, 7))))
        except OSError:
            pass
        time.sleep(0.005)


def open_flow(address):
    s = socket.create_connection((address, 80), 5.0)
    s.settimeout(5.0)
    return s


def exchange(s, name):
    s.sendall(f"GET / HTTP/1.1\r\nHost: {name}\r\n\r\n".encode())
    got = b""
    while b"\r\n\r\n" not in got or not got.endswith(b"\n"):
        chunk = s.recv(4096)
        if not chunk:
            raise OSError("the server closed")
        got += chunk


def flows(name, n):
    address = resolve(name, 5.0)[0]
    open_flows = [open_flow(address) for _ in range(n)]
    state["flows"] = n
    while True:
        for s in list(open_flows):
            try:
                exchange(s, name)
                state["exchanges"] += 1
            except OSError as e:
                count_error("flow", e)
                open_flows.remove(s)
                state["flows_dead"] += 1
        time.sleep(0.02)


def main():
    words = sys.argv[1:]
    n = int(words.pop(words.index("--flows") + 1)) if "--flows" in words else 0
    words = [w for w in words if w != "--flows"]
    path, name, forbidden = words[0], words[1], words[2:]
    jobs = [(good, (name,))] + [(bad, (a,)) for a in forbidden] + ([(flows, (name, n))] if n else [])
    for target, args in jobs:
        threading.Thread(target=target, args=args, daemon=True).start()
    while True:
        with open(path + ".new", "w", encoding="ascii") as f:
            json.dump(state, f)
        os.rename(path + ".new", path)
        time.sleep(0.05)


main()
