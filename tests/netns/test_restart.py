# SPDX-License-Identifier: GPL-2.0-or-later
"""The whole daemon restarts with 200 live connections: none is lost, no pin is lost, nothing leaks."""
import re
import time

import lab
import labdaemon

CONNECTIONS = 200


def pinned(daemon):
    """The keys of the pins in the kernel."""
    return set(re.findall(r'("pt-box1" \. [\d.]+ \. \w+ \. \w+) ', daemon.nft("list", "set", "inet", "postern", "pin4_iface")))


def main(net):
    conf = labdaemon.box_conf(pins="min_s = 60; max_s = 3600; grace_s = 10; margin_s = 1;")
    daemon = labdaemon.Postern(net, conf, {"web.conf": labdaemon.policy_text("web")}).start()
    for n in range(30):
        net.zone.address(f"n{n}.test", 100 + n)
    net.zone.commit()
    for n in range(30):
        lab.equal(lab.dig(net.ns["box1"], f"n{n}.test", "A"), [f"203.0.113.{100 + n}"], f"n{n}.test resolves")
    traffic = net.traffic("box1", flows=CONNECTIONS)
    lab.wait_for("the flows", lambda: traffic.state()["exchanges"] >= CONNECTIONS, 30)
    before, leaked = pinned(daemon), net.stranger.count()
    lab.check(len(before) >= 30, f"{len(before)} pins")
    daemon.stop()
    stopped_s = time.monotonic()
    lab.equal(before - pinned(daemon), set(), "pins missing while the daemon is stopped")
    exchanges = traffic.state()["exchanges"]
    lab.wait_for("exchanges on the open connections while it is stopped",
                 lambda: traffic.state()["exchanges"] >= exchanges + CONNECTIONS, 30)
    daemon.start()
    lab.equal(before - pinned(daemon), set(), "pins missing after the start")
    traffic.wait_good(stopped_s)
    exchanges = traffic.state()["exchanges"]
    lab.wait_for("exchanges after the restart", lambda: traffic.state()["exchanges"] >= exchanges + CONNECTIONS, 30)
    end = traffic.stop()
    lab.equal((end["flows"], end["flows_dead"]), (CONNECTIONS, 0), "connections, and how many died")
    lab.equal(net.stranger.count() - leaked, 0, "packets leaked")
    lab.equal(end["leaked"], 0, "forbidden connections that were made")


lab.test(main)
