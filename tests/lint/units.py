# SPDX-License-Identifier: GPL-2.0-or-later
"""The systemd files are what systemd takes: units (systemd-analyze verify), users, folders (in a scratch root).

And posternd.service permits what the roles need: each system call that src/jail names is in its SystemCallFilter, each
capability in its CapabilityBoundingSet, each user of a role in postern.sysusers.
"""
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

from lintlib import Findings, lines_of, skip

UNITS = "/usr/lib/systemd/system"


def run(argv):
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return done.returncode, [line for line in done.stdout.splitlines() if line.strip()]


def scratch_root(root, folder):
    for path in ("usr/sbin", "usr/bin", "bin", "etc", UNITS[1:]):
        os.makedirs(f"{root}/{path}", exist_ok=True)
    for name in ("usr/sbin/posternd", "usr/sbin/nft", "bin/kill"):
        shutil.copy("/bin/true", f"{root}/{name}")
    for unit in glob.glob(f"{UNITS}/*.target") + glob.glob(f"{UNITS}/*.slice") + glob.glob(f"{folder}/*.service"):
        shutil.copy(unit, root + UNITS)
    for name in ("passwd", "group"):
        with open(f"{root}/etc/{name}", "w", encoding="ascii") as f:
            f.write("root:x:0:\n" if name == "group" else "root:x:0:0:root:/root:/bin/sh\n")


def setting(unit, key):
    """All words of a unit's setting."""
    return [w for line in lines_of(unit) if line.startswith(key + "=") for w in line.split("=", 1)[1].split()]


def expand(names):
    """System call names, with systemd's @groups opened."""
    found = set()
    for name in names:
        if name.startswith("@"):
            lines = (x.strip() for x in run(["systemd-analyze", "syscall-filter", name])[1][1:])
            found |= expand([x for x in lines if not x.startswith("#")])
        else:
            found.add(name)
    return found


def check_roles(top, findings):
    roles, unit = f"{top}/src/jail/roles.c", f"{top}/contrib/systemd/posternd.service"
    users = {w for line in lines_of(f"{top}/contrib/systemd/postern.sysusers") if line.startswith("u ") for w in line.split()[1:2]}
    calls = expand(setting(unit, "SystemCallFilter"))
    capabilities = setting(unit, "CapabilityBoundingSet")
    for number, line in enumerate(lines_of(roles), 1):
        for call in re.findall(r'\b[A-Z_]+\("([a-z0-9_]+)"', line):
            if call not in calls:
                findings.add(roles, number, f"posternd.service does not permit system call {call}")
        for capability in re.findall(r"\bCAP\((\w+)\)", line):
            if "define" not in line and "CAP_" + capability not in capabilities:
                findings.add(roles, number, f"posternd.service does not permit CAP_{capability}")
        m = re.search(r'\[ROLE_\w+\] = \{"[\w-]+", "([\w-]+)"', line)
        if m and m.group(1) not in users:
            findings.add(roles, number, f"postern.sysusers does not make user {m.group(1)}")


def main():
    top = os.path.abspath(sys.argv[1])
    folder, findings = os.path.join(top, "contrib", "systemd"), Findings(top)
    if not shutil.which("systemd-analyze"):
        skip("no systemd-analyze")
    with tempfile.TemporaryDirectory(prefix="postern-units-") as root:
        scratch_root(root, folder)
        for unit in sorted(glob.glob(f"{folder}/*.service")):
            code, lines = run(["systemd-analyze", f"--root={root}", "--recursive-errors=no", "--man=no", "verify",
                               f"{UNITS}/{os.path.basename(unit)}"])
            for line in lines if code or lines else []:
                findings.add(unit, 1, line)
        code, lines = run(["systemd-sysusers", f"--root={root}", f"{folder}/postern.sysusers"])
        if code:
            findings.add(f"{folder}/postern.sysusers", 1, " ".join(lines))
        if os.geteuid() == 0:
            code, lines = run(["systemd-tmpfiles", f"--root={root}", "--create", f"{folder}/postern.tmpfiles"])
            if code or not os.path.isdir(f"{root}/var/log/postern"):
                findings.add(f"{folder}/postern.tmpfiles", 1, " ".join(lines))
    check_roles(top, findings)
    findings.end("units")


main()
