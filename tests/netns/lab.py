# SPDX-License-Identifier: GPL-2.0-or-later
"""What a test in this folder imports.

    import lab

    def main(net):                          # net: labnet.Internet, everything up, postern not yet started
        net.ns["box1"].run(["curl", ...])   # see labcell.Ns
        lab.check(net.stranger.count() == 0, "nothing reaches the stranger")

    lab.test(main)

`lab.test` runs main in a cell of its own (labcell.py: nothing leaves it, nothing outlives it) and ends the program: 0 when
main returns and every check held, 77 with a reason when the machine lacks something, 1 otherwise. A check that fails is printed
and main goes on; raising ends it. On failure the logs of the servers and of posternd are printed.
"""
import os
import sys
import traceback

import labcell
from labcell import SLOW, LabError, Skip, cgroup, wait_for  # noqa: F401 (offered to the tests)
from labnet import Internet

_failed = []


def check(good, what):
    """Prints and counts one statement of the test."""
    print(("ok      " if good else "NOT OK  ") + what, flush=True)
    if not good:
        _failed.append(what)
    return good


def failed():
    """The checks that failed so far."""
    return list(_failed)


def equal(got, want, what):
    return check(got == want, what if got == want else f"{what}: got {got!r}, want {want!r}")


def dig(ns, *words, server=None, timeout_s=3):
    """One `dig +short` without retries; returns the list of lines (addresses, names) that it printed."""
    argv = ["dig", "+short", "+tries=1", f"+time={timeout_s * SLOW}"] + ([f"@{server}"] if server else []) + list(words)
    out = ns.run(argv, check=False, timeout_s=timeout_s * SLOW + 10).stdout
    return [line for line in out.splitlines() if line and not line.startswith(";")]


def dig_status(ns, *words, server=None, timeout_s=3):
    """The RCODE of the answer as a word (NOERROR, SERVFAIL, ...), or "" when none came."""
    argv = ["dig", "+tries=1", f"+time={timeout_s * SLOW}"] + ([f"@{server}"] if server else []) + list(words)
    out = ns.run(argv, check=False, timeout_s=timeout_s * SLOW + 10).stdout
    return out.split("status: ")[1].split(",")[0] if "status: " in out else ""


def _tail(path, lines=40):
    try:
        with open(path, encoding="utf-8", errors="replace") as f:
            text = f.read().splitlines()[-lines:]
    except OSError:
        return
    if text:
        print(f"---- {os.path.basename(path)}", *text, sep="\n  ", file=sys.stderr)


def _logs():
    for name in sorted(os.listdir(labcell.WORK)):
        if name.endswith(".log"):
            _tail(os.path.join(labcell.WORK, name))


def _inside(main, place):
    try:
        main(place())
    except Skip as e:
        print(f"skipped: {e}")
        if not _failed:
            return labcell.SKIP
    except Exception:  # the report below is the same for each
        traceback.print_exc()
        _failed.append("ended by an exception")
    if _failed:
        _logs()
        print(f"{len(_failed)} failed:", *_failed, sep="\n  ", file=sys.stderr)
        return 1
    return 0


def test(main, place=lambda: Internet().up()):
    """place: makes, inside the cell, what main is given."""
    sys.stdout.reconfigure(line_buffering=True)
    try:
        if os.environ.get(labcell.INSIDE):
            sys.exit(_inside(main, place))
        sys.exit(labcell.supervise([sys.executable, *sys.argv]))
    except Skip as e:
        print(f"skipped: {e}")
        sys.exit(labcell.SKIP)
