# SPDX-License-Identifier: GPL-2.0-or-later
"""Functions and files stay small.

A function of more than 60 lines is mentioned, of more than 100 is a finding; a file of more than 400 lines is mentioned, of more than 600 is a
finding. Kernel style makes a function body easy to see: it opens with `{` and closes with `}` in column one.
"""
import os
import re
import sys

from lintlib import Findings, c_files, lines_of

FUNCTION_WARN, FUNCTION_MAX = 60, 100
FILE_WARN, FILE_MAX = 400, 600
PARAMETERS_MAX = 5


def functions(lines):
    """Yields (line of the name, text before the body, number of body lines)."""
    opened = None
    for number, line in enumerate(lines, 1):
        if line == "{":
            opened = number
        elif line == "}" and opened:
            yield opened, head_of(lines, opened), number - opened - 1
            opened = None
        elif line.startswith("};"):
            opened = None


def head_of(lines, opened):
    start = opened - 1
    while start > 0 and lines[start - 1].strip() and not lines[start - 1].startswith(("}", "#", " *", "/*")):
        start -= 1
    return " ".join(x.strip() for x in lines[start:opened - 1])


def parameters(head):
    m = re.search(r"\w+\s*\((.*)\)\s*$", head)
    if not m or m.group(1).strip() in ("", "void"):
        return 0
    text, depth = m.group(1), 0
    commas = 0
    for c in text:
        depth += (c in "([") - (c in ")]")
        commas += c == "," and depth == 0
    return commas + 1


def main():
    top = os.path.abspath(sys.argv[1])
    findings, mentioned = Findings(top), 0
    for path in c_files(top, "src", "include", "tests"):
        lines, rel = lines_of(path), os.path.relpath(path, top)
        if len(lines) > FILE_MAX:
            findings.add(path, FILE_MAX, f"file of {len(lines)} lines: divide it (at most {FILE_MAX})")
        elif len(lines) > FILE_WARN:
            mentioned += 1
            print(f"{rel}: note: file of {len(lines)} lines")
        for number, head, length in functions(lines):
            if length > FUNCTION_MAX:
                findings.add(path, number, f"function of {length} lines: divide it (at most {FUNCTION_MAX}): {head[:60]}")
            elif length > FUNCTION_WARN:
                mentioned += 1
                print(f"{rel}:{number}: note: function of {length} lines: {head[:60]}")
            if parameters(head) > PARAMETERS_MAX and not rel.startswith("tests/"):
                mentioned += 1
                print(f"{rel}:{number}: note: {parameters(head)} parameters: {head[:60]}")
    findings.end(f"sizes: {mentioned} notes")


main()
