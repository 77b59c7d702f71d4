# SPDX-License-Identifier: GPL-2.0-or-later
"""Each process is killed, and stopped, in turn, under traffic: nothing leaks, flows live on, service is back in 2 s.

"Back" is the first permitted resolve-and-connect after the supervisor started the daemon again. Leaks are counted by the stranger's kernel.
"""
import signal
import time

import lab
import labdaemon

BACK_S = 2.0
WATCHDOG_S = 2.0


def victim(net, daemon, traffic, name, signo):
    word = {signal.SIGKILL: "killed", signal.SIGSTOP: "stopped"}[signo]
    starts, leaked = daemon.state()["starts"], net.stranger.count()
    lab.check(daemon.kill(name, signo) >= 1, f"{name} is {word}")
    daemon.wait_restarted(starts, 30)
    state = daemon.state()
    back_s = traffic.wait_good(state["started_s"]) - state["started_s"]
    lab.check(back_s <= BACK_S, f"{name} {word}: service is back {back_s:.2f} s after the restart "
              f"(ready after {state['ready_s'] - state['started_s']:.2f} s)")
    lab.equal(net.stranger.count() - leaked, 0, f"{name} {word}: packets leaked")
    lab.equal(traffic.state()["flows_dead"], 0, f"{name} {word}: established flows that died")


def main(net):
    daemon = labdaemon.Postern(net, labdaemon.box_conf(extra=labdaemon.TLS_ZONE), {"web.conf": labdaemon.policy_text("web")}, watchdog_s=WATCHDOG_S)
    daemon.start()
    traffic = net.traffic("box1", flows=10)
    traffic.wait_good(time.monotonic())
    lab.wait_for("the flows", lambda: traffic.state()["exchanges"] >= 10)
    for signo in (signal.SIGKILL, signal.SIGSTOP):
        for name in labdaemon.ROLES:
            victim(net, daemon, traffic, name, signo)
    end = traffic.stop()
    lab.equal(end["leaked"], 0, "forbidden connections that were made")
    lab.check(end["bad"] > 100 and end["good"] > 100, f"there was traffic: {end['good']} good, {end['bad']} bad")


lab.test(main)
