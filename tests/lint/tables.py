# SPDX-License-Identifier: GPL-2.0-or-later
"""The tables of ARCHITECTURE.md are those of the code.

usage: tables.py SOURCE_FOLDER DUMP_TABLES [--write]

Between `<!-- table:NAME -->` and `<!-- end -->` stands what `dump_tables NAME` prints. --write puts it there.
"""
import os
import re
import subprocess
import sys

from lintlib import Findings

NAMES = ("messages", "privileges")
BLOCK = r"(<!-- table:%s -->\n)(.*?)(<!-- end -->)"


def main():
    top, dump, write = os.path.abspath(sys.argv[1]), sys.argv[2], "--write" in sys.argv
    path = os.path.join(top, "ARCHITECTURE.md")
    findings = Findings(top)
    with open(path, encoding="utf-8") as f:
        text = f.read()
    for name in NAMES:
        done = subprocess.run([dump, name], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
        block = re.search(BLOCK % name, text, re.S)
        if not block:
            print(f"note: ARCHITECTURE.md has no table:{name}")
        elif done.returncode:
            findings.add(path, 1, f"table:{name}: dump_tables does not know it")
        elif write:
            text = text[:block.start(2)] + done.stdout + text[block.end(2):]
        elif block.group(2) != done.stdout:
            line = text[:block.start()].count("\n") + 1
            findings.add(path, line, f"table:{name} is not what the code says: tests/lint/tables.py . DUMP_TABLES --write")
    if write:
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
    findings.end("tables")


main()
