# SPDX-License-Identifier: GPL-2.0-or-later
"""A process of the host sandbox that takes a source port which postern's resolver has just used.

The resolver's own question to the upstream is a live flow for half a minute after the answer, and longer than the resolver: its ports
are free once it ends (while it lives, it keeps them). Whoever sends from the same port to the same
server must not be taken for it: its query is redirected to the stub like every other, and a blocked name stays blocked.
"""
import re
import sys

import lab
import labdaemon
import labnet

ASK = """
import socket, sys
query = bytes.fromhex("1234010000010000000000000667697468756203636f6d0000010001")  # github.com A
found = asked = 0
for port in map(int, sys.argv[2:]):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        s.bind((sys.argv[1], port))
    except OSError:
        continue
    asked += 1
    s.settimeout(2)
    s.connect(("10.0.0.2", 53))
    s.send(query)
    try:
        found += s.recv(512)[7] > 0  # ANCOUNT
    except OSError:
        pass
print(found, asked)
"""


def main(net):
    for n in range(1, 31):
        net.zone.address(f"n{n}.test", n)
    net.zone.commit()
    conf = labdaemon.conf_text({"machine": ("host = true", "web")}, upstreams=("10.0.0.2",))
    daemon = labdaemon.Postern(net, conf, {"web.conf": labdaemon.policy_text("web")}).start()
    host = net.ns["host"]
    for n in range(1, 31):
        lab.check(lab.dig(host, f"n{n}.test", "A") == [f"203.0.113.{n}"], f"n{n}.test resolves")
    flows = host.run(["conntrack", "-L", "-p", "udp", "--orig-port-dst", "53", "--orig-dst", "10.0.0.2"]).stdout
    ports = [m.group(1) for line in flows.splitlines() for m in [re.search(r"sport=(\d+) dport=53 .*src=10\.0\.0\.2 ", line)] if m]
    lab.check(len(ports) >= 20, f"{len(ports)} flows of the resolver are alive")
    starts = daemon.state()["starts"]
    daemon.kill("posternd")
    daemon.wait_restarted(starts)
    got = host.run([sys.executable, "-c", ASK, "10.0.0.10", *ports], timeout_s=120).stdout.split()
    lab.check(int(got[1]) >= 10, f"{got[1]} of their ports were to be had")
    lab.equal(got[0], "0", "answers of the upstream to a process that took one of their ports")
    events = daemon.wait_event(kind="dns", action="block", names=lambda n: n == ["github.com"])
    lab.equal(events["sandbox"], "machine", "the queries were the sandbox's, and blocked")


lab.test(main)
