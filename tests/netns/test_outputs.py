# SPDX-License-Identifier: GPL-2.0-or-later
"""The log in the formats of others, from the sandbox to the file: what was asked and refused stands in each, as its publisher says.

A block is told from a name that does not exist by its extended error, over UDP and TCP.
"""
import json
import os
import signal
import sys

import lab
import labdaemon
import labprobe

sys.path.insert(0, os.path.join(labdaemon.TOP, "tests", "scenario"))

import formats  # noqa: E402 (found through the line above)

FOLDER = "/var/log/postern/other"
OUTPUTS = f"""
outputs = (
    {{ format = "route53"; directory = "{FOLDER}"; account_id = "111122223333"; region = "eu-central-1"; vpc_id = "vpc-7"; }},
    {{ format = "vpc-flow"; directory = "{FOLDER}"; account_id = "111122223333"; }},
    {{ format = "ocsf"; directory = "{FOLDER}"; }}
);
"""


def lines(name):
    path = f"{FOLDER}/{name}"
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8", newline="") as f:
        return f.read().split("\n")[:-1]


def wait_line(name, good, what):
    """The first line that is good, once there is one."""
    return lab.wait_for(what, lambda: next((x for x in lines(name) if good(x)), None), 10)


def queries(net):
    box = net.ns["box1"]
    lab.equal(lab.dig(box, "example.com", "A"), ["203.0.113.22"], "a permitted name")
    lab.dig(box, "+tcp", "blocked.invalid.example", "A")
    allowed = json.loads(wait_line("route53.jsonl", lambda x: '"example.com."' in x, "the permitted query"))
    lab.equal([a["Rdata"] for a in allowed["answers"] if a["Type"] == "A"], ["203.0.113.22"], "with its answer")
    lab.check("firewall_rule_action" not in allowed and allowed["transport"] == "UDP" and int(allowed["srcport"]) > 0,
              f"no rule, UDP, a port: {allowed}")
    blocked = json.loads(wait_line("route53.jsonl", lambda x: '"blocked.invalid.example."' in x, "the blocked query"))
    lab.equal((blocked["firewall_rule_action"], blocked["firewall_rule_group_id"], blocked["firewall_domain_list_id"]),
              ("BLOCK", "web", "rest"), "blocked by rule `rest` of policy `web`")
    lab.equal((blocked["transport"], blocked["srcids"], blocked["answers"]), ("TCP", {"instance": "box1"}, []), "over TCP, by box1")
    dns = json.loads(wait_line("ocsf.jsonl", lambda x: '"hostname":"blocked.invalid.example"' in x, "the same in OCSF"))
    lab.equal((dns["class_uid"], dns["disposition"], dns["firewall_rule"]), (4003, "Blocked", {"name": "rest", "uid": "web"}), "as blocked")


def refusals(net):
    net.ns["box1"].run(["curl", "-sk", "--max-time", "5", "https://203.0.113.99/"], check=False)
    flow = wait_line("vpc-flow.log", lambda x: " 203.0.113.99 " in x, "the refused connection")
    row = dict(zip(formats.FLOW_DEFAULT, flow.split(" ")))
    lab.equal([row[k] for k in ("version", "account-id", "interface-id", "dstport", "protocol", "action", "log-status")],
              ["2", "111122223333", "pt-box1", "443", "6", "REJECT", "OK"], "as a flow record")
    net_activity = json.loads(wait_line("ocsf.jsonl", lambda x: '"203.0.113.99"' in x, "the same in OCSF"))
    lab.equal((net_activity["class_uid"], net_activity["activity_name"], net_activity["src_endpoint"]["name"]), (4001, "Refuse", "box1"), "as refused")


def extended_errors(net):
    box = net.ns["box1"]
    for how in ("+notcp", "+tcp"):
        out = box.run(["dig", "+tries=1", how, "other.invalid.example", "A"], check=False).stdout
        lab.check("EDE: 15 (Blocked)" in out and "rule" in out, f"a block says so, {how}")
    out = box.run(["dig", "+tries=1", "nonexistent.test", "A"], check=False).stdout
    lab.check("NXDOMAIN" in out and "EDE" not in out, "a name that does not exist does not")


def never_waits(net, daemon):
    """With the log's process stopped everything is answered; when it goes on, it gets every query."""
    n = 300
    daemon.kill("postern-audit", signal.SIGSTOP)
    try:
        answers = [labprobe.ask(net.ns["box1"], f"n{i}.stopped.example") for i in range(n)]
    finally:
        daemon.kill("postern-audit", signal.SIGCONT)
    lab.equal([a.rcode for a in answers], ["NOERROR"] * n, "answers while the log stands still")

    def recorded():
        return sum(e["count"] for e in daemon.events(kind="dns") if e["names"][0].endswith(".stopped.example"))
    lab.wait_for("every query in the log", lambda: recorded() == n, 20)
    lab.equal([e for e in daemon.events(kind="suppressed")], [], "and nothing was lost")


def main(net):
    os.makedirs(FOLDER, exist_ok=True)
    conf = labdaemon.box_conf().replace("window_ms = 1000;", "window_ms = 500;" + OUTPUTS)
    daemon = labdaemon.Postern(net, conf, {"web.conf": labdaemon.policy_text("web")})
    owner = os.stat(labdaemon.AUDIT)
    os.chown(FOLDER, owner.st_uid, owner.st_gid)
    daemon.start()
    queries(net)
    refusals(net)
    extended_errors(net)
    never_waits(net, daemon)
    wrong = [w for x in lines("route53.jsonl") for w in formats.route53(x)]
    wrong += [w for x in lines("vpc-flow.log") for w in formats.flow(x, formats.FLOW_DEFAULT)]
    wrong += [w for x in lines("ocsf.jsonl") for w in formats.ocsf(x)]
    lab.equal(wrong, [], "every line is as its publisher says")
    lab.check(daemon.wait_event(kind="dns", action="block", names=["blocked.invalid.example"])["protocol"] == "tcp", "and audit.jsonl has it")


lab.test(main)
