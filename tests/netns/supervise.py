# SPDX-License-Identifier: GPL-2.0-or-later
"""A small stand-in for systemd: keeps one service running, as posternd.service would.

usage: supervise.py STATE_FILE WATCHDOG_S RESTART_S COMMAND...

It speaks sd_notify (READY, STATUS, RELOADING, WATCHDOG), kills a service that missed its watchdog, kills what is left of a service whose
main process ended (KillMode=control-group, here by being the subreaper), and starts it again after RESTART_S seconds. SIGTERM:
stops the service (SIGTERM, after 10 s SIGKILL) and ends. STATE_FILE is JSON, replaced at each change:
{pid, starts, ready, status, last_exit, watchdog_kills, stopped, started_s, ready_s} (times: CLOCK_MONOTONIC).
"""
import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import time

PR_SET_CHILD_SUBREAPER = 36


class Service:
    def __init__(self, state_file, watchdog_s, restart_s, argv):
        self.state_file, self.watchdog_s, self.restart_s, self.argv = state_file, watchdog_s, restart_s, argv
        self.state = {"pid": 0, "starts": 0, "ready": False, "status": "", "last_exit": None, "watchdog_kills": 0,
                      "stopped": False, "started_s": 0.0, "ready_s": 0.0}
        self.stopping = False
        self.proc = None
        self.alive_at = 0.0
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        path = state_file + ".notify"
        if os.path.exists(path):
            os.unlink(path)  # of an earlier supervisor
        self.notify.bind(path)
        os.chmod(path, 0o666)
        self.env = dict(os.environ, NOTIFY_SOCKET=path)
        if watchdog_s:
            self.env["WATCHDOG_USEC"] = str(int(watchdog_s * 1e6))

    def publish(self, **changes):
        self.state.update(changes)
        with open(self.state_file + ".new", "w", encoding="ascii") as f:
            json.dump(self.state, f)
        os.rename(self.state_file + ".new", self.state_file)

    def start(self):
        self.env.pop("WATCHDOG_PID", None)
        self.proc = subprocess.Popen(self.argv, env=self.env, stdin=subprocess.DEVNULL)
        self.alive_at = time.monotonic()
        self.publish(pid=self.proc.pid, starts=self.state["starts"] + 1, ready=False, status="",
                     started_s=self.alive_at)

    def hear(self):
        """One wait for messages of the service, at most 50 ms."""
        self.notify.settimeout(0.05)
        try:
            text = self.notify.recv(4096).decode("utf-8", "replace")
        except socket.timeout:
            return
        for key, _, value in (line.partition("=") for line in text.splitlines()):
            if key == "READY":
                self.alive_at = time.monotonic()
                self.publish(ready=True, ready_s=self.alive_at)
            elif key == "RELOADING":
                self.publish(ready=False)
            elif key == "STATUS":
                self.publish(status=value)
            elif key == "WATCHDOG":
                self.alive_at = time.monotonic()

    def check_watchdog(self):
        if self.watchdog_s and self.state["ready"] and time.monotonic() - self.alive_at > self.watchdog_s:
            print("supervise: watchdog missed: killing the service", file=sys.stderr)
            self.publish(watchdog_kills=self.state["watchdog_kills"] + 1)
            self.proc.send_signal(signal.SIGKILL)

    def kill_rest(self):
        """Kills what the main process left behind: those are our children now."""
        while True:
            with open(f"/proc/self/task/{os.getpid()}/children", encoding="ascii") as f:
                rest = [int(p) for p in f.read().split()]
            if not rest:
                return
            for pid in rest:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)

    def run_once(self):
        self.start()
        asked = 0.0
        while self.proc.poll() is None:
            self.hear()
            self.check_watchdog()
            if self.stopping and not asked:
                self.proc.terminate()
                asked = time.monotonic()
            if asked and time.monotonic() - asked > 10:
                self.proc.kill()
        self.kill_rest()
        print(f"supervise: the service ended: {self.proc.returncode}", file=sys.stderr)
        self.publish(pid=0, ready=False, last_exit=self.proc.returncode)

    def run(self):
        while not self.stopping:
            self.run_once()
            if not self.stopping:
                time.sleep(self.restart_s)
        self.publish(stopped=True)


def main():
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    service = Service(sys.argv[1], float(sys.argv[2]), float(sys.argv[3]), sys.argv[4:])

    def stop(_signo, _frame):
        service.stopping = True

    signal.signal(signal.SIGTERM, stop)
    service.run()


main()
