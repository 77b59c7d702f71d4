# SPDX-License-Identifier: GPL-2.0-or-later
"""Each program links the libraries of its row in needed.table, and is hardened.

usage: needed.py SOURCE_FOLDER BUILD_FOLDER

The row is what keeps ldns away from the capability and the parser of files away from the resolver. Reads the dynamic section of every
executable below BUILD_FOLDER/src. Hardening: position independent, full RELRO, immediate binding, no executable stack.
"""
import glob
import os
import re
import subprocess
import sys

from lintlib import Findings, lines_of

ALWAYS = {"libc", "ld-linux-x86-64", "ld-linux-aarch64"}
SANITIZERS = {"libasan", "libubsan", "libm", "libgcc_s", "libstdc++", "libpthread", "libdl", "librt"}


def read_table(path):
    table = {}
    for number, line in enumerate(lines_of(path), 1):
        line = line.split("#")[0].strip()
        if line:
            name, _, libraries = line.partition(":")
            table[name.strip()] = (number, set(libraries.split()))
    return table


def readelf(path, *options):
    return subprocess.run(["readelf", "-W", *options, path], check=True, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL).stdout


def needed(path):
    names = re.findall(r"\(NEEDED\).*\[([^\]]+)\]", readelf(path, "-d"))
    libraries = {n.split(".so")[0] for n in names} - ALWAYS
    return libraries - SANITIZERS if "libasan" in libraries or "libubsan" in libraries else libraries


def hardening(path):
    dynamic, headers, kind = readelf(path, "-d"), readelf(path, "-l"), readelf(path, "-h")
    if "DYN (" not in kind:
        yield "not position independent"
    if "GNU_RELRO" not in headers:
        yield "no RELRO"
    if not re.search(r"BIND_NOW|Flags:.*\bNOW\b", dynamic):
        yield "no immediate binding"
    if re.search(r"GNU_STACK.*\bRWE\b", headers):
        yield "executable stack"


def programs(build):
    for path in sorted(glob.glob(f"{build}/src/*/postern*")):
        if os.path.isfile(path) and os.access(path, os.X_OK):
            with open(path, "rb") as f:
                if f.read(4) == b"\x7fELF":
                    yield path


def main():
    top, build = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
    table_path = os.path.join(top, "tests", "lint", "needed.table")
    table, findings, seen = read_table(table_path), Findings(top), set()
    for path in programs(build):
        name = os.path.basename(path)
        seen.add(name)
        for weakness in hardening(path):
            findings.add(path, 0, weakness)
        if name not in table:
            findings.add(table_path, 1, f"no row for {name}, which links: {' '.join(sorted(needed(path)))}")
            continue
        number, allowed = table[name]
        for library in sorted(needed(path) - allowed):
            findings.add(table_path, number, f"{name} links {library}, which its row does not allow: "
                         "see ARCHITECTURE.md before adding it")
        for library in sorted(allowed - needed(path)):
            findings.add(table_path, number, f"{name} does not link {library}: take it out of its row")
    for name in sorted(set(table) - seen):
        findings.add(table_path, table[name][0], f"{name} is not built: take out its row")
    findings.end(f"needed: {len(seen)} programs")


main()
