# SPDX-License-Identifier: GPL-2.0-or-later
"""Each process is what the role table says: uid, capabilities, filter, no-new-privs, limits, descriptors (read from /proc).

All of the table run where an upstream is asked over TLS, all but postern-tls where none is; a reload changes from the one to the other and
leaves all others as they are.
"""
import ctypes
import json
import os
import struct
import subprocess

import lab
import labdaemon

SYS_SCHED_GETATTR = 315  # x86-64
SLICE_NS = 100000
PROMPT = ("posternd", "postern-resolver", "postern-verdict", "postern-attribute", "postern-tls",
          "postern-standby")  # a sandbox waits for them
CAPABILITIES = {"net_admin": 12, "sys_ptrace": 19, "dac_read_search": 2}


def role_table():
    """The privilege table, as printed from the source by dump_tables."""
    out = subprocess.run([labdaemon.built("dump_tables", "tests/lint"), "privileges"], stdout=subprocess.PIPE, text=True, check=True).stdout
    table = {}
    for line in out.splitlines()[2:]:
        name, _, caps, descriptors, processes = (x.strip(" `") for x in line.strip("|").split("|"))
        mask = sum(1 << CAPABILITIES[c] for c in caps.split(", ") if c != "none")
        table[name] = {"caps": mask, "nofile": int(descriptors), "nproc": int(processes)}
    return table


def status_of(pid):
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as f:
        return dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)


def limits_of(pid):
    with open(f"/proc/{pid}/limits", encoding="ascii") as f:
        return {line[:26].strip(): line[26:].split()[0] for line in f}


def descriptors_of(pid):
    """What each descriptor is: socket, anon_inode:[eventpoll], /memfd:..., a path."""
    found = {}
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            found[int(fd)] = os.readlink(f"/proc/{pid}/fd/{fd}")
        except OSError:
            pass
    return found


def slice_of(pid):
    """What the process asks the scheduler for, in ns; None where the kernel has no such thing (before 6.12)."""
    words = struct.Struct("IIQiIQQQ")  # sched_setattr(2): size, policy, flags, nice, priority, runtime, deadline, period
    buffer = ctypes.create_string_buffer(words.size)
    if ctypes.CDLL(None).syscall(SYS_SCHED_GETATTR, pid, buffer, words.size, 0) != 0:
        raise lab.LabError("sched_getattr")
    return words.unpack(buffer.raw)[5] or None


def check_process(name, pid, row):
    status, limits = status_of(pid), limits_of(pid)
    user = labdaemon.SELDOM if name == "postern-standby" else name
    uid = labdaemon.UID_BASE + labdaemon.ROLES.index(user)
    lab.equal(status["Uid"].split(), [str(uid)] * 4, f"{name}: all four uids")
    lab.equal(status["Gid"].split(), [str(uid)] * 4, f"{name}: all four gids")
    lab.equal(status["Groups"].strip(), "", f"{name}: supplementary groups")
    lab.equal(int(status["CapEff"], 16), row["caps"], f"{name}: effective capabilities")
    lab.equal(int(status["CapPrm"], 16), row["caps"], f"{name}: permitted capabilities")
    lab.equal(int(status["CapInh"], 16) & ~row["caps"], 0, f"{name}: inheritable capabilities")
    lab.equal(int(status["CapAmb"], 16), 0, f"{name}: ambient capabilities")
    lab.equal(int(status["CapBnd"], 16) & ~row["caps"], 0, f"{name}: bounding set")
    lab.equal((status["NoNewPrivs"], status["Seccomp"]), ("1", "2"), f"{name}: no-new-privs, filter")
    lab.equal(limits["Max open files"], str(row["nofile"]), f"{name}: limit of descriptors")
    lab.equal(limits["Max core file size"], "0", f"{name}: core files")
    lab.equal(limits["Max processes"], str(row["nproc"]), f"{name}: limit of further processes")
    if slice_of(os.getpid()) is not None:
        lab.equal(slice_of(pid) == SLICE_NS, name in PROMPT, f"{name}: asks for short slices if a sandbox waits for it")
    opened = descriptors_of(pid)
    strays = {fd: what for fd, what in opened.items() if what.startswith("/") and not what.startswith(("/memfd:", "/dev/null",
              "/dev/urandom", labdaemon.AUDIT, labdaemon.RUNTIME, "/run/lab/", "/proc", "/sys/fs/cgroup"))}
    lab.equal(strays, {}, f"{name}: files that it has no business with, of {len(opened)} descriptors")


def look(daemon, table, absent=()):
    """The processes that run: those of the table but @absent, each as its row says; returns their pids."""
    want = sorted(set(table) - set(absent))
    lab.wait_for(f"{len(want)} processes", lambda: sorted(daemon.pids()) == want)
    running = daemon.pids()
    if labdaemon.SELDOM in want:  # may have begun just now: it inherits one filter, and has started when its own is on top of it
        lab.wait_for("both filters of postern-tls", lambda: status_of(running[labdaemon.SELDOM][0])["Seccomp_filters"] == "2")
    for name in want:
        lab.equal(len(running[name]), 1, f"{name}: one process")
        check_process(name, running[name][0], table[name])
    told = json.loads(daemon.cli("--json", "status").stdout)["pids"]
    lab.equal(sorted(told.values()), sorted(pids[0] for pids in running.values()), "the status tells their process ids")
    return running


def reload(daemon, extra=""):
    daemon.write_conf(labdaemon.box_conf(extra=extra))
    done = daemon.cli("reload")
    lab.equal(done.returncode, 0, "reload")


def main(net):
    table, box = role_table(), net.ns["box1"]
    daemon = labdaemon.Postern(net, labdaemon.box_conf(), {"web.conf": labdaemon.policy_text("web")}).start()
    running = look(daemon, table, [labdaemon.SELDOM])
    lab.check("tls        -" in daemon.cli("status").stdout, "the status has no postern-tls")
    lab.equal(lab.dig(box, "example.com", "A"), ["203.0.113.22"], "and they work")
    for turn in range(3):
        reload(daemon, labdaemon.TLS_ZONE)
        now = look(daemon, table)
        lab.equal({name: now[name] for name in running}, running, f"turn {turn}: a policy with TLS: the others are as they were")
        reload(daemon, labdaemon.TLS_ZONE)
        lab.equal(look(daemon, table), now, f"turn {turn}: once more the same policy: all are as they were")
        reload(daemon)
        lab.equal(look(daemon, table, [labdaemon.SELDOM]), running, f"turn {turn}: a policy without: postern-tls is gone")
    reload(daemon, labdaemon.TLS_ZONE)
    look(daemon, table)
    lab.equal(lab.dig(box, "example.com", "AAAA"), ["2001:db8:113::22"], "and they work")
    daemon.stop()
    lab.equal((daemon.state()["last_exit"], daemon.pids()), (0, {}), "stop ends all of them")
    daemon.start()
    look(daemon, table)
    lab.equal(lab.dig(box, "example.com", "A"), ["203.0.113.22"], "a start with TLS: they work")


lab.test(main)
