# SPDX-License-Identifier: GPL-2.0-or-later
"""rules/postern.nft loads into an empty namespace, has no anonymous set, and lists as recorded.

usage: ruleset.py SOURCE_FOLDER [--write]

No way through a base chain whose policy is drop ends without a verdict: while the kernel commits a table that is deleted and built
anew, its base chains have their rules, but the policy accept. No anonymous sets: the gate restores a tampered table from what it read from the kernel, and such sets have no name to restore
them under. The recorded listing is tests/netns/dumps/postern.nft; --write records anew.
"""
import difflib
import json
import os
import subprocess
import sys

TOP = os.path.abspath(sys.argv[1])
sys.path.insert(0, os.path.join(TOP, "tests", "netns"))

import labcell  # noqa: E402 (found through the line above)
from lintlib import Findings, skip  # noqa: E402

RULES = os.path.join(TOP, "rules", "postern.nft")
DUMP = os.path.join(TOP, "tests", "netns", "dumps", "postern.nft")


def inline_sets(node):
    """Number of sets written inside a rule's expressions."""
    if isinstance(node, dict):
        return ("set" in node and isinstance(node["set"], list)) + sum(inline_sets(v) for v in node.values())
    if isinstance(node, list):
        return sum(inline_sets(v) for v in node)
    return 0


def target(rule, word):
    """The chain that a rule jumps or goes to, or None."""
    return next((e[word]["target"] for e in rule["expr"] if word in e), None)


def unconditional(rule):
    """Whether the rule decides about every packet: nothing in it but counters and a verdict."""
    words = [next(iter(e)) for e in rule["expr"]]
    return bool(words) and words[-1] in ("accept", "drop", "reject", "goto") and all(w == "counter" for w in words[:-1])


def open_ends(items):
    """Chains behind base chains with policy drop that a packet leaves at their end, to be judged by the policy."""
    rules = {i["chain"]["name"]: [] for i in items if "chain" in i}
    for i in items:
        if "rule" in i:
            rules[i["rule"]["chain"]].append(i["rule"])
    # where a packet must be decided about: what a jump leads to may return
    todo, seen = [i["chain"]["name"] for i in items if "chain" in i and i["chain"].get("policy") == "drop"], set()
    while todo:
        chain = todo.pop()
        if chain in seen:
            continue
        seen.add(chain)
        todo += filter(None, (target(r, "goto") for r in rules[chain]))
        if not rules[chain] or not unconditional(rules[chain][-1]) or any("return" in e for r in rules[chain] for e in r["expr"]):
            yield chain


def inside():
    labcell.furnish()
    findings, ns = Findings(TOP), labcell.Ns("fresh")
    for how in (["-c", "-f"], ["-f"], ["-f"]):  # twice: loading again must be possible
        done = ns.run(["nft", *how, RULES], check=False)
        if done.returncode:
            findings.add(RULES, 1, f"nft {' '.join(how)}: {done.stderr.strip()}")
            findings.end("ruleset")
    items = json.loads(ns.run(["nft", "-j", "list", "ruleset"]).stdout)["nftables"]
    for chain in open_ends(items):
        findings.add(RULES, 1, f"chain {chain}: its end is left to the policy of the base chain: end it with drop, or goto what does")
    for item in items:
        rule = item.get("rule")
        if rule and inline_sets(rule["expr"]):
            findings.add(RULES, 1, f"anonymous set in chain {rule['chain']}: {json.dumps(rule['expr'])[:200]}")
    listing = ns.run(["nft", "-n", "list", "ruleset"]).stdout
    if "--write" in sys.argv:
        with open(DUMP, "w", encoding="utf-8") as f:
            f.write(listing)
    recorded = ""
    if os.path.exists(DUMP):
        with open(DUMP, encoding="utf-8") as f:
            recorded = f.read()
    if recorded != listing:
        print("".join(difflib.unified_diff(recorded.splitlines(True), listing.splitlines(True), "recorded", "loaded")))
        findings.add(DUMP, 1, "the ruleset lists otherwise: read the difference, then tests/lint/ruleset.py . --write")
    findings.end("ruleset")


def main():
    if os.environ.get(labcell.INSIDE):
        inside()
    if not os.path.exists(RULES):
        skip("there is no rules/postern.nft yet")
    try:
        sys.exit(labcell.supervise([sys.executable, *sys.argv]))
    except labcell.Skip as e:
        skip(e)


main()
