# SPDX-License-Identifier: GPL-2.0-or-later
"""A cell ends with whoever started it, however that ends: nothing is left of processes, namespaces, control groups."""
import os
import signal
import subprocess
import sys

import labcell

HERE = os.path.dirname(os.path.abspath(__file__))
HOLD = "import labcell, time; labcell.furnish(); labcell.Ns('n').popen(['sleep', '1000']); print('up', flush=True); time.sleep(1000)"


def starter():
    """A process that supervises a cell which does nothing, like a test that hangs."""
    code = f"import sys; sys.path.insert(0, {HERE!r}); import labcell; sys.exit(labcell.supervise([sys.executable, '-c', {HOLD!r}]))"
    env = dict(os.environ, PYTHONPATH=HERE)
    proc = subprocess.Popen([sys.executable, "-B", "-c", code], env=env, stdout=subprocess.PIPE, text=True)
    assert proc.stdout.readline() == "up\n"
    return proc


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
        return [int(p) for p in f.read().split()]


def ends_with(signo):
    proc = starter()
    unshare = children(proc.pid)[0]
    spaces = labcell.namespaces_of(labcell.first_process(unshare))
    assert len(spaces) >= 4 and labcell.residue(spaces, ""), "the cell is seen while it is there"
    proc.send_signal(signo)
    proc.wait()
    labcell.wait_for(f"the end of everything after {signal.Signals(signo).name}", lambda: not labcell.residue(spaces, ""), 10)
    print(f"ok      {signal.Signals(signo).name}: {len(spaces)} namespaces and all of their processes are gone")


def main():
    if os.geteuid() != 0:
        print("skipped: needs root (to make namespaces)")
        sys.exit(labcell.SKIP)
    for signo in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT):
        ends_with(signo)


main()
