# SPDX-License-Identifier: GPL-2.0-or-later
"""Words and paths that have no place in the tree.

Everywhere: paths of somebody's machine, names of package registries, trailing white space, a missing SPDX line in source files. In C: functions
that cannot be used safely, notes of things left undone. Rows of the tables below say where each applies.
"""
import os
import re
import sys

from lintlib import Findings, lines_of, tracked

# (pattern, prefix of the files it applies to, what to do). The patterns are written so that they do not match themselves.
RULES = (
    (r"(?<![\w.$}])/wor[k]/", "", "a path of one machine: use a path relative to the tree"),
    (r"(?<![\w.$}])/roo[t]/", "", "a path of one machine: use a path relative to the tree"),
    (r"(?<![\w.$}])/tmp/h[/ ]", "", "a path of one machine"),
    (r"(?<![\w.$}])/home/[a-z]", "", "a path of one machine"),
    (r"\bTOD[O]\b|\bFIXM[E]\b|\bXX[X]\b", "src/ include/", "do it, or open an issue and name it"),
    (r"\b(strcpy|strcat|sprintf|vsprintf|gets|strtok|alloca|system|popen|mktemp|tmpnam|atoi|atol)\s*\(", "src/ include/",
     "not used here: see postern/bytes.h, postern/escape.h, snprintf, strtoul with checks"),
    (r"\bassert\s*\(", "src/", "ASSERT() of postern/compiler.h: it is compiled in always"),
    (r"[ \t]+$", "", "white space at the end of the line"),
)
SPDX = (".c", ".h", ".py", ".sh", ".nft", "meson.build", ".service")
NOT_OURS = ("tests/fuzz/corpus/", "tests/bad/", "tests/netns/dumps/", "LICENSE")


def applies(rel, prefixes):
    return not prefixes or rel.startswith(tuple(prefixes.split()))


def check(path, rel, findings):
    lines = lines_of(path)
    for number, line in enumerate(lines, 1):
        for pattern, prefixes, advice in RULES:
            if applies(rel, prefixes):
                m = re.search(pattern, line)
                if m:
                    findings.add(path, number, f"{m.group(0)!r}: {advice}")
    if rel.endswith(SPDX) and not any("SPDX-License-Identifier: GPL-2.0-or-later" in x for x in lines[:3]):
        findings.add(path, 1, "no SPDX line: SPDX-License-Identifier: GPL-2.0-or-later")


def main():
    top = os.path.abspath(sys.argv[1])
    findings = Findings(top)
    for path in tracked(top):
        rel = os.path.relpath(path, top)
        if rel.startswith(NOT_OURS):
            continue
        with open(path, "rb") as f:
            if b"\0" in f.read(8192):
                continue
        check(path, rel, findings)
    findings.end("words")


main()
