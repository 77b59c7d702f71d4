# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs a test program on the build that it was given and, where contrib/test made one, on the hardened build too.

A sanitizer's run time needs system calls of its own, so only the hardened build shows that the filters of src/jail/roles.c are wide enough.
"""
import os
import subprocess
import sys
import unittest


def main(n_words):
    """unittest.main() with the first n_words words of the command line taken as the test's own."""
    plain = os.environ.pop("POSTERN_PLAIN", None)
    here = os.getcwd()
    done = unittest.main(argv=sys.argv[:1] + sys.argv[1 + n_words:], exit=False)
    ok = done.result.wasSuccessful()
    if ok and plain:
        words = [os.path.join(plain, os.path.relpath(w, here)) if not os.path.relpath(w, here).startswith("..") else w
                 for w in map(os.path.abspath, sys.argv[:1 + n_words])]
        print("again, on the hardened build", file=sys.stderr, flush=True)
        ok = subprocess.run([sys.executable, *words, *sys.argv[1 + n_words:]], cwd=plain, check=False).returncode == 0
    sys.exit(0 if ok else 1)
