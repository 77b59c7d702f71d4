# SPDX-License-Identifier: GPL-2.0-or-later
"""The administrator's day with a real daemon: status, pins, explain, sandboxes added and removed, a reload that fails and one that does
not, the log, doctor. The commands and their exit statuses are those of postern(1)."""
import json
import os

import lab
import labdaemon

OK, NO, USAGE, UNREACHABLE = 0, 1, 2, 3


def run(daemon, *words, status=OK):
    done = daemon.cli("--config", f"{labdaemon.ETC}/postern.conf", *words)
    if os.environ.get("SHOW"):
        print(f"$ postern {' '.join(words)}\n{done.stdout}{done.stderr}", flush=True)
    lab.equal(done.returncode, status, f"postern {' '.join(words)}: {done.stdout[-500:]}{done.stderr[-500:]}")
    return done.stdout


def rows(daemon, *words, status=OK):
    return [json.loads(line) for line in run(daemon, *words, "--json", status=status).splitlines()]


def look(net, daemon):
    lab.equal(lab.dig(net.ns["box1"], "example.com", "A"), ["203.0.113.22"], "a name resolves")
    status = rows(daemon, "status")[0]
    lab.equal(set(status["pids"]), {"gate", "policy", "resolver", "verdict", "attribute", "audit", "control", "standby"}, "every process has a pid")
    lab.check(status["counters"]["gate"]["pins_granted"] > 0 and status["pins"] > 0, "status knows the pin")
    pins = rows(daemon, "pins", "--sandbox", "box1")
    lab.check(any(p["name"] == "example.com" and p["address"] == "203.0.113.22" and p["port"] == 443 and p["rule"] == "web" for p in pins),
              f"pins shows it, with its rule: {pins}")
    lab.equal(run(daemon, "pins", "--sandbox", "nobody"), "no pins\n", "and none of others")
    run(daemon, "status")
    run(daemon, "pins")


def explain(daemon):
    answer = rows(daemon, "explain", "example.com:443", "--sandbox", "box1")[0]
    lab.check(answer["rule"] == "web" and answer["line"] > 0 and answer["pins"], f"explain names rule, line and pin: {answer}")
    lab.equal(rows(daemon, "explain", "203.0.113.22:443", "--sandbox", "box1")[0]["allowed"], True, "the pinned address is open")
    lab.equal(rows(daemon, "explain", "203.0.113.22:22", "--sandbox", "box1", status=NO)[0]["reason"], "port-not-allowed", "not its other ports")
    lab.equal(rows(daemon, "explain", "github.com", "--sandbox", "box1", status=NO)[0]["reason"], "rule", "a name that a rule blocks")
    run(daemon, "explain", "example.com", "--sandbox", "box1")


def sandboxes(net, daemon):
    run(daemon, "sandbox", "add", "lab2", "--policy", "web", "--interface", "pt-box2")
    lab.equal(lab.dig(net.ns["box2"], "example.com", "A"), ["203.0.113.22"], "a sandbox added at run time resolves")
    lab.check({"lab2", "box1"} <= {p["sandbox"] for p in rows(daemon, "pins")}, "and has its own pins")
    listed = {b["name"]: b for b in rows(daemon, "sandbox", "list")}
    lab.check(listed["lab2"]["runtime"] and not listed["box1"]["runtime"], "list tells which is which")
    run(daemon, "sandbox", "list")
    run(daemon, "sandbox", "add", "lab2", "--policy", "web", "--interface", "pt-box3", status=NO)
    run(daemon, "sandbox", "add", "lab3", "--policy", "none", "--interface", "pt-box3", status=NO)
    run(daemon, "sandbox", "remove", "box1", status=NO)
    daemon.wait_event(kind="sandbox", sandbox="lab2", process="control", uid=0)
    daemon.wait_event(kind="sandbox", sandbox="lab2", process="gate")
    run(daemon, "sandbox", "remove", "lab2")
    lab.equal(lab.dig(net.ns["box2"], "example.com", "A"), [], "removed, it resolves no more")


def reload(daemon):
    daemon.write_policy("web.conf", "odd = 1;\n")
    lab.check(not rows(daemon, "reload", status=NO)[0]["ok"], "a reload with errors is refused")
    run(daemon, "reload", status=NO)
    run(daemon, "check", status=NO)
    daemon.wait_event(kind="policy-failed")
    daemon.write_policy("web.conf", labdaemon.policy_text("web", domains=("example.com",)))
    run(daemon, "check")
    lab.check(rows(daemon, "reload")[0]["ok"], "without, it is done")
    run(daemon, "reload")


def read_log(net, daemon):
    net.ns["box1"].run(["curl", "-ksS", "-m", "10", "https://203.0.113.99/"], check=False)
    daemon.wait_event(kind="refusal", destination="203.0.113.99")
    found = rows(daemon, "audit", "--sandbox", "box1", "--kind", "refusal", "--reason", "never-resolved", "--since", "5m")
    lab.check(any(e["destination"] == "203.0.113.99" for e in found), "audit finds the refusal")
    lab.check(rows(daemon, "audit", "--kind", "policy")[0]["sha256"], "and the policy with its digest")
    run(daemon, "audit", "--since", "5m")
    run(daemon, "audit", "-n", "1")


def doctor(daemon):
    found = rows(daemon, "doctor", "--rules", f"{labdaemon.TOP}/rules/postern.nft", status=NO)[0]["findings"]
    problems = {f["finding"] for f in found if f["weight"] == "problem"}
    lab.check(all("users are missing" in p or "belongs to uid" in p for p in problems),
              f"doctor finds nothing but the users, which the laboratory gives numbers only: {problems}")


def main(net):
    daemon = labdaemon.Postern(net, labdaemon.box_conf(), {"web.conf": labdaemon.policy_text("web")})
    daemon.start()
    look(net, daemon)
    explain(daemon)
    sandboxes(net, daemon)
    reload(daemon)
    read_log(net, daemon)
    doctor(daemon)
    daemon.stop()
    run(daemon, "status", status=UNREACHABLE)


lab.test(main)
