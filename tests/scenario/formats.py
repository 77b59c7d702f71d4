# SPDX-License-Identifier: GPL-2.0-or-later
"""Lines of the log in the formats of others, held against what their publishers say, by tables of our own.

Nothing here is shared with src/audit: the tables were written from the publications named at each. Every function yields what is
wrong with a line.

    route53(line)        Route 53 Developer Guide: "Values that appear in VPC Resolver query logs", and its example
    flow(line, fields)   Amazon VPC User Guide: "Flow log records", table of available fields
    ocsf(line)           schema.ocsf.io 1.3.0: classes DNS Activity, Network Activity, Base Event; profiles host, security_control

What of OCSF could be looked at again when there was no internet, and found equal: classes, activities, action_id, disposition_id and
severity_id of Network Activity in enumerations generated from 1.3.0; the constraints and required attributes of both classes, of
endpoints, connections, queries, answers, processes and actors, and rcode_id, in files of the schema's repository that are older or newer than
1.3.0. The schema's own validation service has never been asked.
"""
import ipaddress
import json
import re

ASCII = re.compile(r"[\x20-\x7e]*\Z")


def is_address(text):
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def is_port(value):
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 65535


# ---- Route 53 Resolver query log --------------------------------------------------------------------------------------

TYPE = r"([A-Z]+|TYPE[0-9]+)\Z"
NAME = r"(\.|([\x21-\x7e]+\.))\Z"
ROUTE53 = {  # member: pattern of its string; all strings, all always there
    "version": r"1\.[0-9]+\Z",
    "account_id": r"[0-9]{12}\Z",
    "region": r"[a-z]{2}(-[a-z]+)+-[0-9]\Z",
    "vpc_id": r"vpc-[0-9a-z]+\Z",
    "query_timestamp": r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z\Z",
    "query_name": NAME,
    "query_type": TYPE,
    "query_class": r"IN\Z",
    "rcode": r"([A-Z]+|RCODE[0-9]+)\Z",
    "srcport": r"[0-9]{1,5}\Z",
    "transport": r"(UDP|TCP)\Z",
}
ROUTE53_FIREWALL = {  # all or none; only where a rule alerted or blocked
    "firewall_rule_group_id": r"[\x20-\x7e]+\Z",
    "firewall_rule_action": r"(ALERT|BLOCK)\Z",
    "firewall_domain_list_id": r"[\x20-\x7e]+\Z",
}
ANSWER = {"Rdata": r"[\x20-\x7e]+\Z", "Type": TYPE, "Class": r"IN\Z"}


def strings(table, value, at):
    for key, pattern in table.items():
        if not isinstance(value.get(key), str):
            yield f"{at}{key}: no string: {value.get(key)!r}"
        elif not re.match(pattern, value[key]):
            yield f"{at}{key}: not like {pattern}: {value[key]!r}"


def route53(line):
    v = json.loads(line)
    yield from strings(ROUTE53, v, "")
    if any(key in v for key in ROUTE53_FIREWALL):
        yield from strings(ROUTE53_FIREWALL, v, "")
    if not is_address(v.get("srcaddr")) and v.get("srcaddr") != "-":
        yield f"srcaddr: {v.get('srcaddr')!r}"
    if not isinstance(v.get("answers"), list):
        yield "answers: no list"
    for i, answer in enumerate(v.get("answers") or []):
        yield from strings(ANSWER, answer, f"answers[{i}].")
        if set(answer) != set(ANSWER):
            yield f"answers[{i}]: {sorted(answer)}"
    ids = v.get("srcids")
    if not isinstance(ids, dict) or not set(ids) <= {"instance", "resolver_endpoint", "resolver_network_interface"}:
        yield f"srcids: {ids!r}"
    elif not ids or not all(isinstance(x, str) and x for x in ids.values()):
        yield f"srcids: {ids!r}"
    unknown = set(v) - set(ROUTE53) - set(ROUTE53_FIREWALL) - {"srcaddr", "answers", "srcids"}
    if unknown:
        yield f"members that AWS does not have: {sorted(unknown)}"


# ---- VPC Flow Logs ----------------------------------------------------------------------------------------------------

NUMBER = r"[0-9]+\Z"
FLOW = {  # field: (version that brought it, pattern of its value, does a record of what was skipped have it?)
    "version": (2, r"([2-9]|10)\Z", True),
    "account-id": (2, r"([0-9]{12}|unknown|-)\Z", True),
    "interface-id": (2, r"[\x21-\x7e]+\Z", True),
    "srcaddr": (2, None, False),
    "dstaddr": (2, None, False),
    "srcport": (2, NUMBER, False),
    "dstport": (2, NUMBER, False),
    "protocol": (2, NUMBER, False),
    "packets": (2, NUMBER, False),
    "bytes": (2, r"([0-9]+|-)\Z", False),
    "start": (2, r"[0-9]{10}\Z", True),
    "end": (2, r"[0-9]{10}\Z", True),
    "action": (2, r"(ACCEPT|REJECT)\Z", False),
    "log-status": (2, r"(OK|NODATA|SKIPDATA)\Z", True),
    "vpc-id": (3, r"(vpc-[0-9a-z]+|-)\Z", True),
    "instance-id": (3, r"[\x21-\x7e]+\Z", True),
    "type": (3, r"(IPv4|IPv6|EFA)\Z", False),
    "pkt-srcaddr": (3, None, False),
    "pkt-dstaddr": (3, None, False),
    "region": (4, r"([a-z]{2}(-[a-z]+)+-[0-9]|-)\Z", True),
    "flow-direction": (5, r"(ingress|egress)\Z", False),
}
FLOW_DEFAULT = [f for f, (version, _, _) in FLOW.items() if version == 2]


def flow(line, fields):
    values = line.split(" ")
    if len(values) != len(fields):
        yield f"{len(values)} fields, not {len(fields)}"
        return
    v = dict(zip(fields, values))
    skipped = v.get("log-status") in ("SKIPDATA", "NODATA")
    for field, value in v.items():
        _, pattern, always = FLOW[field]
        if skipped and not always:
            if value != "-":
                yield f"{field}: {value!r} in a record of what was skipped"
        elif pattern is None:
            if not is_address(value) and value != "-":
                yield f"{field}: no address: {value!r}"
        elif not re.match(pattern, value):
            yield f"{field}: not like {pattern}: {value!r}"
    if v.get("version") != str(max(FLOW[f][0] for f in fields)):
        yield f"version: {v.get('version')}"
    if v.get("start", "").isdigit() and v.get("end", "").isdigit() and int(v["start"]) > int(v["end"]):
        yield "it ends before it starts"
    for field, most in (("srcport", 65535), ("dstport", 65535), ("protocol", 255)):
        if field in v and v[field].isdigit() and int(v[field]) > most:
            yield f"{field}: out of range: {v[field]}"
    if not skipped and "type" in v and "dstaddr" in v and v["type"] != f"IPv{ipaddress.ip_address(v['dstaddr']).version}":
        yield f"type {v['type']} of {v['dstaddr']}"


# ---- OCSF 1.3.0 -------------------------------------------------------------------------------------------------------

def integer(v):
    return isinstance(v, int) and not isinstance(v, bool)


def text(v):
    return isinstance(v, str) and v != ""


def time(v):
    return integer(v) and 10 ** 12 < v < 10 ** 14  # milliseconds


class Obj:
    """An object: {attribute: check}, those that are required, sets of which at least one is."""

    def __init__(self, attributes, required=(), one_of=()):
        self.attributes, self.required, self.one_of = attributes, required, one_of

    def wrong(self, value, at):
        if not isinstance(value, dict):
            yield f"{at}: no object: {value!r}"
            return
        for name in self.required:
            if name not in value:
                yield f"{at}.{name} is required"
        if self.one_of and not any(name in value for name in self.one_of):
            yield f"{at}: one of {self.one_of} is required"
        for name, v in value.items():
            check = self.attributes.get(name)
            if check is None:
                yield f"{at}.{name} is no attribute"
            elif isinstance(check, Obj):
                yield from check.wrong(v, f"{at}.{name}")
            elif isinstance(check, list):
                if not isinstance(v, list) or not v:
                    yield f"{at}.{name}: no list"
                for i, item in enumerate(v):
                    if isinstance(check[0], Obj):
                        yield from check[0].wrong(item, f"{at}.{name}[{i}]")
                    elif not check[0](item):
                        yield f"{at}.{name}[{i}]: {item!r}"
            elif isinstance(check, (set, dict)):
                if v not in check:
                    yield f"{at}.{name}: {v!r} is none of its values"
            elif not check(v):
                yield f"{at}.{name}: {v!r}"


PRODUCT = Obj({"name": text, "vendor_name": text, "version": text, "uid": text}, ["vendor_name"], ["name", "uid"])
METADATA = Obj({"version": {"1.3.0"}, "product": PRODUCT, "profiles": [{"security_control", "host"}.__contains__]}, ["version", "product"])
ENDPOINT = Obj({"ip": is_address, "port": is_port, "name": text, "hostname": text, "instance_uid": text, "vpc_uid": text,
                "interface_name": text, "interface_uid": text, "svc_name": text, "uid": text,
                "mac": re.compile(r"([0-9a-f]{2}:){5}[0-9a-f]{2}\Z").match},
               one_of=["ip", "uid", "name", "hostname", "svc_name", "instance_uid", "interface_uid", "interface_name"])
CONNECTION = Obj({"direction_id": {0, 1, 2, 3, 99}, "direction": {"Unknown", "Inbound", "Outbound", "Lateral", "Other"},
                  "protocol_num": lambda v: integer(v) and 0 <= v <= 255, "protocol_name": text, "protocol_ver_id": {0, 4, 6, 99}},
                 ["direction_id"])
QUERY = Obj({"hostname": text, "type": re.compile(TYPE).match, "class": {"IN"}, "opcode_id": {0, 1, 2, 3, 4, 5, 6}}, ["hostname"])
DNS_ANSWER = Obj({"rdata": text, "type": re.compile(TYPE).match, "class": {"IN"}, "ttl": integer}, ["rdata"])
FILE = Obj({"name": text, "path": text, "type_id": {0, 1, 2, 3, 4, 5, 6, 7, 99}}, ["name", "type_id"])
PROCESS = Obj({"pid": integer, "uid": text, "cmd_line": text, "file": FILE, "name": text}, one_of=["pid", "uid"])
USER = Obj({"uid": re.compile(r"[0-9]+\Z").match, "name": text}, one_of=["uid", "name"])
ACTOR = Obj({"process": PROCESS, "user": USER}, one_of=["process", "user"])
RULE = Obj({"name": text, "uid": text}, one_of=["name", "uid"])
ACTIONS = {0: "Unknown", 1: "Allowed", 2: "Denied"}
DISPOSITIONS = dict(enumerate((
    "Unknown", "Allowed", "Blocked", "Quarantined", "Isolated", "Deleted", "Dropped", "Custom Action", "Approved", "Restored", "Exonerated",
    "Corrected", "Partially Corrected", "Uncorrected", "Delayed", "Detected", "No Action", "Logged", "Tagged", "Alert", "Count", "Reset",
    "Captcha", "Challenge", "Access Revoked", "Rejected", "Unauthorized", "Error")))
CONFORM = {1: {1, 8, 14, 15, 16, 17, 19, 20}, 2: {2, 3, 4, 6, 21, 24, 25, 26}}  # action_id: dispositions that go with it
RCODES = {0: "NoError", 1: "FormError", 2: "ServError", 3: "NXDomain", 4: "NotImp", 5: "Refused", 99: "Other"}
BASE = {"metadata": METADATA, "class_uid": integer, "class_name": text, "category_uid": integer, "activity_id": integer, "activity_name": text,
        "type_uid": integer, "severity_id": {0, 1, 2, 3, 4, 5, 6, 99}, "time": time, "start_time": time, "end_time": time,
        "count": integer, "unmapped": lambda v: isinstance(v, dict), "message": text}
BASE_REQUIRED = ["activity_id", "category_uid", "class_uid", "metadata", "severity_id", "time", "type_uid"]
SECURITY = {"action_id": ACTIONS, "action": set(ACTIONS.values()), "disposition_id": DISPOSITIONS, "disposition": set(DISPOSITIONS.values()),
            "firewall_rule": RULE}
NETWORK = {**BASE, **SECURITY, "actor": ACTOR, "src_endpoint": ENDPOINT, "dst_endpoint": ENDPOINT, "connection_info": CONNECTION}
CLASSES = {  # class_uid: its name, its category, its activities, its attributes
    0: ("Base Event", 0, {0: "Unknown", 99: None}, Obj(BASE, BASE_REQUIRED)),
    4001: ("Network Activity", 4, {0: "Unknown", 1: "Open", 2: "Close", 3: "Reset", 4: "Fail", 5: "Refuse", 6: "Traffic", 7: "Listen", 99: None},
           Obj(NETWORK, BASE_REQUIRED, ["dst_endpoint", "src_endpoint"])),
    4003: ("DNS Activity", 4, {0: "Unknown", 1: "Query", 2: "Response", 6: "Traffic", 99: None},
           Obj({**NETWORK, "query": QUERY, "query_time": time, "rcode_id": RCODES, "rcode": set(RCODES.values()), "answers": [DNS_ANSWER]},
               BASE_REQUIRED, ["dst_endpoint", "src_endpoint"])),
}
DIRECTIONS = {0: "Unknown", 1: "Inbound", 2: "Outbound", 3: "Lateral", 99: "Other"}
SIBLINGS = (("action_id", "action", ACTIONS), ("disposition_id", "disposition", DISPOSITIONS), ("rcode_id", "rcode", RCODES))


def ocsf(line):
    v = json.loads(line)
    if v.get("class_uid") not in CLASSES:
        yield f"class_uid: {v.get('class_uid')!r}"
        return
    name, category, activities, attributes = CLASSES[v["class_uid"]]
    yield from attributes.wrong(v, "$")
    if v.get("class_name") != name or v.get("category_uid") != category:
        yield f"class_name, category_uid: {v.get('class_name')!r}, {v.get('category_uid')!r}"
    if v.get("activity_id") not in activities:
        yield f"activity_id: {v.get('activity_id')!r}"
    elif activities[v["activity_id"]] not in (None, v.get("activity_name")):
        yield f"activity_name: {v.get('activity_name')!r}"
    if v.get("type_uid") != v["class_uid"] * 100 + v.get("activity_id", -1):
        yield f"type_uid: {v.get('type_uid')!r}"
    for uid, caption, table in SIBLINGS:
        if uid in v and v.get(caption) != table.get(v[uid]):
            yield f"{caption}: {v.get(caption)!r} beside {v[uid]}"
    way = v.get("connection_info", {})
    if "direction" in way and way["direction"] != DIRECTIONS.get(way.get("direction_id")):
        yield f"direction: {way['direction']!r} beside {way.get('direction_id')}"
    if v.get("disposition_id") not in CONFORM.get(v.get("action_id"), DISPOSITIONS) and "disposition_id" in v:
        yield f"disposition_id: {v['disposition_id']} does not go with action_id {v['action_id']}"
    profiles = v.get("metadata", {}).get("profiles", [])
    for attribute, profile in (("action_id", "security_control"), ("firewall_rule", "security_control"), ("actor", "host")):
        if attribute in v and profile not in profiles:
            yield f"{attribute} without the profile {profile}"
    if v.get("start_time", 0) > v.get("end_time", 0):
        yield "it ends before it starts"
