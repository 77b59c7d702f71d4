# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests of real clients share: the policy, the names, and what a good client is expected to see.

    api.openai.com    an alias with two addresses of each family       allowed, HTTPS
    github.com        one address of each family                       allowed, HTTPS
    v4only.test, v6only.test                                           allowed
    google.com        a name that exists, and that no rule allows      NODATA: the client says that there is no address
"""
import os
import subprocess

import truth
from truth import lab, labcell, labdaemon, labnet

ALLOWED = ("api.openai.com", "*.openai.com", "*.cdn.test", "github.com", "*.test", "example.com", "*.example.com")
BOTH = {"api.openai.com": {"203.0.113.7", "203.0.113.8", "2001:db8:113::7", "2001:db8:113::8"},
        "github.com": {"203.0.113.20", "2001:db8:113::20"}, "v4only.test": {"203.0.113.52"}, "v6only.test": {"2001:db8:113::52"}}
BLOCKED = "google.com"
CA = f"{labcell.WORK}/tls/ca.pem"
FILES = f"{labcell.WORK}/files"  # served as /files/ by every name
SOURCES = os.path.join(truth.HERE, "clients")


def start(net):
    policy = labdaemon.policy_text("web", domains=ALLOWED, ports=("tcp/443", "tcp/80"))
    os.makedirs(FILES, exist_ok=True)
    return labdaemon.Postern(net, labdaemon.box_conf(), {"web.conf": policy}).start()


def run(net, argv, check=False, timeout_s=60, **env):
    """A program in box1, with a home of its own; its result."""
    words = [f"{k}={v}" for k, v in {"HOME": labcell.WORK, "LC_ALL": "C", **env}.items()]
    return net.ns["box1"].run(["env", *words, *argv], check=check, timeout_s=timeout_s)


def lines(done, word):
    """The rest of each line that begins with the word."""
    return {line[len(word) + 1:] for line in done.stdout.splitlines() if line.startswith(word + " ")}


def finds(net, client, argv_of, connects=True):
    """The client finds all addresses of the allowed names, connects, and finds none of the blocked one."""
    for name, want in BOTH.items():
        done = run(net, argv_of(name))
        lab.equal(sorted(lines(done, "address")), sorted(want), f"{client}: {name} {done.stderr.strip()}")
        if connects and name in ("api.openai.com", "github.com"):
            lab.check(lines(done, "connected") <= want and lines(done, "connected"), f"{client}: connects to {name}")
    for name in (BLOCKED, "nowhere.test"):
        done = run(net, argv_of(name))
        lab.check(done.returncode != 0 and not lines(done, "address"), f"{client}: no address of {name}: {done.stderr.strip()[-100:]}")


def build(source, *words):
    """Compiles one of clients/*.c inside the cell; returns the program's path."""
    program = f"{labcell.WORK}/{'.'.join([source, *filter(str.isalpha, words)])}"
    done = subprocess.run(["cc", "-O1", "-o", program, f"{SOURCES}/{source}.c", *words], text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)
    if done.returncode != 0:
        raise labcell.LabError(f"{source}: {done.stdout}")
    return program


def unpacked(*parts):
    """A file of an unpacked package; LabError where it is not there."""
    path = os.path.join(os.environ.get("POSTERN_SERVERS", ""), *parts)
    if not os.path.exists(path):
        raise labcell.Skip(f"{path} is missing: run contrib/test")
    return path


def refused(net, daemon):
    """After all that: what nobody was allowed to ask for was not reached."""
    lab.equal(net.stranger.count(), 0, "no packet reached a stranger")
    lab.check(daemon.wait_event(kind="dns", names=lambda n: BLOCKED in str(n)), f"{BLOCKED} is recorded")


__all__ = ["ALLOWED", "BOTH", "BLOCKED", "CA", "FILES", "labnet", "start", "run", "lines", "finds", "build", "unpacked", "refused"]
