# SPDX-License-Identifier: GPL-2.0-or-later
"""Shell completion knows every command, option and word, and works in the shells that are installed.

usage: completion.py SOURCE_FOLDER POSTERN

Commands and options are those of `postern help`, words those of the schema. bash is asked for completions; fish and zsh too where they
are installed (zsh: only whether it can read the file).
"""
import json
import os
import re
import shutil
import subprocess
import sys

from lintlib import Findings

FILES = ("postern.bash", "_postern", "postern.fish")
# what is typed -> words that must be among the completions
TYPED = (
    ("postern ", {"check", "explain", "status", "pins", "sandbox", "reload", "audit", "doctor", "version", "help"}),
    ("postern au", {"audit"}),
    ("postern sandbox ", {"list", "add", "remove"}),
    ("postern sandbox add x --in", {"--interface"}),
    ("postern audit --kind ref", {"refusal"}),
    ("postern audit --reason never", {"never-resolved"}),
    ("postern audit --fol", {"--follow"}),
    ("postern doctor --ru", {"--rules"}),
    ("postern explain --po", {"--policy"}),
)


def output(*words):
    return subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout


def wanted(postern, top):
    """Everything that each file has to name; options without their dashes."""
    text = output(postern, "help")
    commands = re.findall(r"^  ([a-z]+) ", text.split("every command:")[0], re.M)
    options = {o for c in commands for o in re.findall(r"^ +(?:-\w, )?--([a-z-]+)", output(postern, "help", c), re.M)}
    with open(os.path.join(top, "man", "postern-audit.schema.json"), encoding="utf-8") as f:
        properties = json.load(f)["properties"]
    return {*commands, *options, *properties["kind"]["enum"], *properties["reason"]["enum"]}


def bash(path, typed):
    words = typed.split(" ")
    script = f'. "{path}"; COMP_WORDS=({" ".join(w or chr(39) * 2 for w in words)}); COMP_CWORD={len(words) - 1}; _postern; printf "%s\\n" "${{COMPREPLY[@]}}"'
    return set(output("bash", "--norc", "-c", script).split())


def fish(path, typed):
    return {line.split("\t")[0] for line in output("fish", "--no-config", "-c", f'source "{path}"; complete -C "{typed}"').splitlines()}


def main():
    top, postern = os.path.abspath(sys.argv[1]), sys.argv[2]
    findings = Findings(top)
    paths = [os.path.join(top, "contrib", "completion", name) for name in FILES]
    for path in paths:
        with open(path, encoding="utf-8") as f:
            text = f.read()
        for word in sorted(wanted(postern, top)):
            if not re.search(rf"(?<![\w-])(--)?{word}(?![\w-])", text):
                findings.add(path, 1, f"does not know {word}")
    for shell, path, ask in (("bash", paths[0], bash), ("fish", paths[2], fish)):
        if not shutil.which(shell):
            print(f"note: {shell} is not installed: not tried")
            continue
        for typed, words in TYPED:
            missing = words - ask(path, typed)
            if missing:
                findings.add(path, 1, f"{typed!r} is not completed with {missing}")
    if shutil.which("zsh") and subprocess.run(["zsh", "-f", "-n", paths[1]], check=False).returncode:
        findings.add(paths[1], 1, "zsh cannot read it")
    findings.end("completion")


main()
