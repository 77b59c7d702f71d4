# SPDX-License-Identifier: GPL-2.0-or-later
"""What the lints share: the tree, and how a finding is printed.

Every lint is a program `NAME.py SOURCE_FOLDER [...]` that prints `file:line: what is wrong: what to do` for each finding and ends with
1 when there is one, 0 otherwise, 77 (with a line `skipped: reason`) when it cannot look.
"""
import os
import subprocess
import sys


class Findings:
    def __init__(self, top):
        self.top, self.n = os.path.abspath(top), 0

    def add(self, path, line, text):
        self.n += 1
        print(f"{os.path.relpath(path, self.top)}:{line}: {text}")

    def end(self, what):
        print(f"{what}: {self.n} findings")
        sys.exit(1 if self.n else 0)


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit(77)


def git_names(top):
    """The names that git knows or would know; none where there is no git, or it does not trust the folder."""
    try:
        done = subprocess.run(["git", "-C", top, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    except FileNotFoundError:
        return []
    return done.stdout.decode().split("\0") if done.returncode == 0 else []


def tracked(top):
    """The files of the tree: those that git knows or would know, else all but build folders. Absolute paths."""
    names = git_names(top)
    if not names:
        for folder, folders, files in os.walk(top):
            folders[:] = [d for d in folders if not d.startswith((".git", "build", "__pycache__"))]
            names += [os.path.relpath(os.path.join(folder, f), top) for f in files]
    paths = (os.path.join(top, n) for n in names if n)
    return sorted(p for p in paths if os.path.isfile(p))


def lines_of(path):
    with open(path, encoding="utf-8", errors="surrogateescape") as f:
        return f.read().split("\n")


def c_files(top, *folders):
    return [p for p in tracked(top) if p.endswith((".c", ".h"))
            and os.path.relpath(p, top).startswith(tuple(f + "/" for f in folders))]
