# SPDX-License-Identifier: GPL-2.0-or-later
"""Each process is what the role table says: uid, capabilities, filter, no-new-privs, limits, descriptors (read from /proc)."""
import os
import subprocess

import lab
import labdaemon

CAPABILITIES = {"net_admin": 12, "sys_ptrace": 19, "dac_read_search": 2}


def role_table():
    """The privilege table, as printed from the source by dump_tables."""
    program = os.path.join(labdaemon.build_folder(), "tests", "lint", "dump_tables")
    if not os.access(program, os.X_OK):
        raise lab.Skip(f"{program} is not built")
    out = subprocess.run([program, "privileges"], stdout=subprocess.PIPE, text=True, check=True).stdout
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


def check_process(name, pid, row):
    status, limits = status_of(pid), limits_of(pid)
    uid = labdaemon.UID_BASE + labdaemon.ROLES.index(name)
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
    opened = descriptors_of(pid)
    strays = {fd: what for fd, what in opened.items() if what.startswith("/") and not what.startswith(("/memfd:", "/dev/null",
              "/dev/urandom", labdaemon.AUDIT, labdaemon.RUNTIME, "/run/lab/", "/proc", "/sys/fs/cgroup"))}
    lab.equal(strays, {}, f"{name}: files that it has no business with, of {len(opened)} descriptors")


def main(net):
    table = role_table()
    daemon = labdaemon.Postern(net, labdaemon.box_conf(), {"web.conf": labdaemon.policy_text("web")}).start()
    running = daemon.pids()
    lab.equal(sorted(running), sorted(table), "the processes that run")
    for name, row in table.items():
        for pid in running.get(name, []):
            check_process(name, pid, row)
    lab.equal(lab.dig(net.ns["box1"], "example.com", "A"), ["203.0.113.22"], "and they work")


lab.test(main)
