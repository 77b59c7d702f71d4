# SPDX-License-Identifier: GPL-2.0-or-later
"""The man pages are well formed, and say all that the programs and the schema do.

usage: man.py SOURCE_FOLDER POSTERN POSTERND

mandoc's warnings are findings (skipped, with a note, where mandoc is not installed). Besides: every command and option of `postern help` stands in
postern(1), every option of `posternd --help` in posternd(8), every member and word of the schema in postern-audit(5), every op and
code of src/control in postern-control(7), and every page that a page refers to and that begins with "postern" exists.
"""
import glob
import json
import os
import re
import shutil
import subprocess
import sys

from lintlib import Findings, skip


def words_of(path):
    """The page as one text, with mdoc's escapes taken out."""
    with open(path, encoding="utf-8") as f:
        return f.read().replace("\\(dq", '"').replace("\\&", "").replace("\\e", "\\")


def output(*words):
    return subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout


def options_of(text):
    return sorted(set(re.findall(r"^ +(?:-\w, )?--([a-z-]+)", text, re.M)))


class Man:
    def __init__(self, top, findings):
        self.folder, self.findings = os.path.join(top, "man"), findings

    def wants(self, page, pattern, what):
        path = os.path.join(self.folder, page)
        if not re.search(pattern, words_of(path), re.M):
            self.findings.add(path, 1, f"{what} is not described")


def check_postern(man, postern):
    text = output(postern, "help")
    commands = re.findall(r"^  ([a-z]+) ", text.split("every command:")[0], re.M)
    for command in commands:
        man.wants("postern.1", rf"^\.Cm {command}\b", f"the command {command}")
        for option in options_of(output(postern, "help", command)):
            man.wants("postern.1", rf"Fl -{option}\b", f"the option --{option}")


def check_posternd(man, posternd):
    for option in options_of(output(posternd, "--help")):
        man.wants("posternd.8", rf"(Fl|,) -{option}\b", f"the option --{option}")


def check_audit(man, top):
    with open(os.path.join(top, "man", "postern-audit.schema.json"), encoding="utf-8") as f:
        properties = json.load(f)["properties"]
    for name, member in properties.items():
        man.wants("postern-audit.5", rf"^\.It Ic (.* , )?{name}( ,|$)", f"the member {name}")
        for word in member.get("enum", ()):
            man.wants("postern-audit.5", rf"^(\.It (.* , )?{word}( ,|$)|\.Ql {word}\b)", f"the word {word} of {name}")


def check_control(man, top):
    text = ""
    for path in glob.glob(os.path.join(top, "src", "control", "*.c")):
        with open(path, encoding="utf-8") as f:
            text += f.read()
    for op in re.findall(r'\[OP_[A-Z_]+\] = "([a-z-]+)"', text):
        man.wants("postern-control.7", rf'"op":"{op}"', f"the op {op}")
    codes = set(re.findall(r'(?:turn_away\([\w>, -]*|session_refuse\(s, |reply_error\(&[\w>, &-]*|"code", )"([a-z-]+)"', text))
    if len(codes) < 5:
        man.findings.add(os.path.join(top, "src/control/server.c"), 1, "the codes of errors are not found: has their form changed?")
    for code in codes:
        man.wants("postern-control.7", rf"^\.It {code}$", f"the code {code}")


def check_form(man):
    pages = sorted(glob.glob(os.path.join(man.folder, "*.[1-9]")))
    names = {os.path.basename(p) for p in pages}
    for path in pages:
        for name, section in re.findall(r"^\.(?:Pq )?Xr (postern[a-z.-]*) (\d)", words_of(path), re.M):
            if f"{name}.{section}" not in names:
                man.findings.add(path, 1, f"refers to {name}({section}), which does not exist")
    if not shutil.which("mandoc"):
        print("note: mandoc is not installed: the form of the pages was not looked at")
        return
    done = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", *pages], stdout=subprocess.PIPE, text=True, check=False)
    for line in done.stdout.splitlines():
        m = re.match(r"mandoc: (.*?):(\d+):\d+: (.*)", line)
        if m:
            man.findings.add(m.group(1), int(m.group(2)), m.group(3))
        else:
            man.findings.add(man.folder, 1, line)


def main():
    top, postern, posternd = os.path.abspath(sys.argv[1]), *sys.argv[2:4]
    findings = Findings(top)
    man = Man(top, findings)
    check_form(man)
    check_postern(man, postern)
    check_posternd(man, posternd)
    check_audit(man, top)
    check_control(man, top)
    if not findings.n and not shutil.which("mandoc"):
        skip("mandoc is not installed: all was looked at but the form of the pages")
    findings.end("man")


main()
