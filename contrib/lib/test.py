# SPDX-License-Identifier: GPL-2.0-or-later
"""Second half of contrib/test: builds, runs the meson suites, counts.

usage: test.py SOURCE_FOLDER [SUITE...]

Two builds: build-test (warnings are errors, ASan and UBSan; every suite runs on it) and build-plain (hardened, as shipped), which
tests about ELF entries, memory and speed get through $POSTERN_PLAIN. The counts come from meson's testlog.json.
"""
import json
import os
import subprocess
import sys

SUITES = ("lint", "unit", "scenario", "fuzz", "netns", "vm")
BAD = ("FAIL", "ERROR", "TIMEOUT", "INTERRUPT", "UNEXPECTEDPASS")


def build(top, name, options):
    folder = os.path.join(top, name)
    if not os.path.exists(os.path.join(folder, "build.ninja")):
        subprocess.run(["meson", "setup", "-Dwerror=true", *options, folder, top], check=True)
    subprocess.run(["ninja", "-C", folder], check=True)
    return folder


def testlog(folder):
    return os.path.join(folder, "meson-logs", "testlog.json")


def run_suite(folder, suite, env):
    """Runs one suite; returns the rows of its log (empty when it has no test)."""
    if os.path.exists(testlog(folder)):
        os.unlink(testlog(folder))
    print(f"== {suite}", flush=True)
    listing = subprocess.run(["meson", "test", "-C", folder, "--no-rebuild", "--list", "--suite", suite], text=True,
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False).stdout
    if not any(" / " in line or line.startswith("postern:") for line in listing.splitlines()):
        print("no test")
        return []
    subprocess.run(["meson", "test", "-C", folder, "--no-rebuild", "--print-errorlogs", "--suite", suite], env=env,
                   check=False)
    try:
        with open(testlog(folder), encoding="utf-8") as f:
            return [json.loads(line) for line in f]
    except OSError:
        return [{"name": suite, "result": "ERROR", "stdout": "meson wrote no log"}]


def reason(row):
    """Why a test was skipped: its line that begins with 'skipped:'."""
    for line in row.get("stdout", "").splitlines():
        if line.startswith("skipped:"):
            return line[8:].strip()
    return "no reason given"


def main():
    top, suites = sys.argv[1], sys.argv[2:] or SUITES
    sys.stdout.reconfigure(line_buffering=True)
    try:
        folder = build(top, "build-test", ["-Db_sanitize=address,undefined", "-Db_lundef=false"])
        plain = build(top, "build-plain", ["--prefix=/usr"])
    except subprocess.CalledProcessError as e:
        print(f"the build failed: {e}")
        print("0 passed, 1 failed, 0 skipped")
        return 1
    env = dict(os.environ, POSTERN_PLAIN=plain)
    rows = [row for suite in suites for row in run_suite(folder, suite, env)]
    skipped = [r for r in rows if r["result"] == "SKIP"]
    failed = [r for r in rows if r["result"] in BAD]
    passed = len(rows) - len(skipped) - len(failed)
    for row in skipped:
        print(f"skipped: {row['name']}: {reason(row)}")
    for row in failed:
        print(f"failed: {row['name']}: {row['result'].lower()}")
    print(f"{passed} passed, {len(failed)} failed, {len(skipped)} skipped")
    return 0 if passed and not failed else 1


sys.exit(main())
