# SPDX-License-Identifier: GPL-2.0-or-later
"""Resolve, then connect at once, against names whose addresses change with every query: no connection is refused.

POSTERN_ROUNDS (default 10000) rounds for each of 16 clients.
"""
import os

import lab
import labdaemon
import labnet

CLIENTS = 16


def main(net):
    rounds = int(os.environ.get("POSTERN_ROUNDS", "10000"))
    net.odd_dns()
    # All clients are one sandbox, and ask faster than the default allows one.
    conf = labdaemon.box_conf(upstreams=(labnet.ODD,), extra=labdaemon.NO_QUERY_LIMIT)
    daemon = labdaemon.Postern(net, conf, {"web.conf": labdaemon.policy_text("web")}).start()
    got = net.rounds("box1", labnet.UPSTREAM, "rotate-%u.test", CLIENTS, rounds, timeout_s=900)
    print(got)
    lab.equal(got["rounds"], CLIENTS * rounds, "rounds")
    lab.equal(got["connected"], CLIENTS * rounds, "connected")
    lab.equal((got["refused"], got["timeout"], got["no_answer"]), (0, 0, 0), "refused, timed out, without an answer")
    lab.equal(daemon.state()["starts"], 1, "starts of the daemon")


lab.test(main)
