# SPDX-License-Identifier: GPL-2.0-or-later
"""Includes point one way.

The layers are the subdir('src/...') lines of the top meson.build, lowest first. A file of a folder may include headers of its own folder
and of folders above it in that list. A header include/postern/X.h belongs to the folder that its opening comment names:
` * folder: src/base`. Headers form no cycle.
A folder that builds a program is nobody's library: only its own files include its headers (tests may).
"""
import os
import re
import sys

from lintlib import Findings, c_files, lines_of

INCLUDE = re.compile(r'\s*#\s*include\s+(["<])([^">]+)[">]')
FOLDER = re.compile(r"^ \* folder: (src/[a-z]+)$")


def layers(top):
    found = []
    for line in lines_of(os.path.join(top, "meson.build")):
        m = re.match(r"subdir\('(src/[a-z]+)'\)", line)
        if m:
            found.append(m.group(1))
    return found


def programs(top, folders):
    """Folders whose meson.build installs an executable."""
    found = set()
    for folder in folders:
        text = "\n".join(lines_of(os.path.join(top, folder, "meson.build")))
        if re.search(r"\bexecutable\('postern", text):
            found.add(folder)
    return found


def owner(top, path, order, findings):
    """The folder that a file belongs to."""
    rel = os.path.relpath(path, top)
    if rel.startswith("src/"):
        return "/".join(rel.split("/")[:2])
    for line in lines_of(path)[:30]:
        m = FOLDER.match(line)
        if m and m.group(1) in order:
            return m.group(1)
    findings.add(path, 1, "no folder: say ` * folder: src/NAME` (a subdir of meson.build) in the opening comment")
    return None


def includes_of(path):
    for number, line in enumerate(lines_of(path), 1):
        m = INCLUDE.match(line)
        if m:
            yield number, m.group(1), m.group(2)


def target(top, path, quote, name):
    """The file of ours that an include names, or None."""
    if quote == "<":
        return None
    for folder in (os.path.join(top, "include"), os.path.dirname(path), top):
        candidate = os.path.normpath(os.path.join(folder, name))
        if os.path.isfile(candidate):
            return candidate
    return None


def check_file(path, top, order, built, owners, findings):
    mine = owners.get(path)
    edges = []
    for number, quote, name in includes_of(path):
        if quote == "<" and name.startswith("postern/"):
            findings.add(path, number, f"<{name}>: our headers are included with quotes")
        there = target(top, path, quote, name)
        if there is None or there not in owners:
            continue
        edges.append(there)
        theirs = owners[there]
        if mine is None or theirs is None or theirs == mine:
            continue
        if order.index(theirs) > order.index(mine):
            findings.add(path, number, f"{mine} includes upward, {name} of {theirs}: move what both need below {mine}")
        elif theirs in built:
            findings.add(path, number, f"{mine} includes {name} of {theirs}, which is a program: move what both need to a library")
    return edges


def find_cycles(graph, top, findings):
    done, stack = set(), []

    def visit(node):
        if node in stack:
            chain = stack[stack.index(node):] + [node]
            findings.add(node, 1, "include cycle: " + " -> ".join(os.path.relpath(p, top) for p in chain))
            return
        if node in done:
            return
        stack.append(node)
        for there in graph.get(node, ()):
            visit(there)
        stack.pop()
        done.add(node)

    for node in sorted(graph):
        visit(node)


def main():
    top = os.path.abspath(sys.argv[1])
    findings = Findings(top)
    order = layers(top)
    files = c_files(top, "src", "include")
    owners = {p: owner(top, p, order, findings) for p in files}
    built = programs(top, order)
    graph = {p: check_file(p, top, order, built, owners, findings) for p in files}
    find_cycles(graph, top, findings)
    findings.end(f"includes: {len(files)} files in {len(order)} layers")


main()
