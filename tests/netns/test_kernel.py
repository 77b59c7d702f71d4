# SPDX-License-Identifier: GPL-2.0-or-later
"""The gate's kernel adapters on this kernel: runs kernel_test in a namespace of a cell."""
import os
import shutil
import sys

import labcell

HERE = os.path.dirname(os.path.abspath(__file__))


def inside():
    if not shutil.which("conntrack"):
        raise labcell.Skip("missing program: conntrack (contrib/test installs it)")
    labcell.furnish()
    ns = labcell.Ns("kernel")
    why = None
    try:
        os.environ["POSTERN_TEST_CGROUP"] = labcell.cgroup("kernel")
    except labcell.Skip as e:
        why = e
    program = os.path.join(os.environ["POSTERN_BUILD"], "tests", "netns", "kernel_test")
    ruleset = os.path.join(HERE, "..", "..", "rules", "postern.nft")
    code = ns.popen([program, ruleset, *sys.argv[1:]]).wait()
    if code == 0 and why:
        raise labcell.Skip(f"all but the keys of cgroups: {why}")
    return code


sys.stdout.reconfigure(line_buffering=True)
try:
    if os.environ.get(labcell.INSIDE):
        sys.exit(inside())
    sys.exit(labcell.supervise([sys.executable, *sys.argv]))
except labcell.Skip as e:
    print(f"skipped: {e}")
    sys.exit(labcell.SKIP)
