# SPDX-License-Identifier: GPL-2.0-or-later
"""usage: test_clients_large.py go|java|node|chromium|resolved

Real clients whose packages are too large for every run: `contrib/test clients` gets them (about 160 MB) and runs this. What is
neither unpacked ($POSTERN_CLIENTS) nor installed is skipped, with its name.
"""
import json
import os
import shutil
import subprocess
import sys
import tarfile

import clients
from truth import STUB, lab, labcell, wait_for

UNPACKED = os.environ.get("POSTERN_CLIENTS", "")


def program(*names):
    """The first of them that is unpacked (a path below the folder) or installed."""
    for name in names:
        path = os.path.join(UNPACKED, name.lstrip("/")) if UNPACKED else ""
        found = path if os.access(path, os.X_OK) else shutil.which(os.path.basename(name))
        if found:
            return found
    raise labcell.Skip(f"{names[0]} is neither unpacked ($POSTERN_CLIENTS) nor installed: run contrib/test clients")


def go(net):
    compiler, built = program("usr/lib/go-1.19/bin/go"), f"{labcell.WORK}/lookup.go.bin"
    env = dict(os.environ, GO111MODULE="off", CGO_ENABLED="0", GOCACHE=f"{labcell.WORK}/go", HOME=labcell.WORK, GOFLAGS="-p=2")
    subprocess.run([compiler, "build", "-o", built, f"{clients.SOURCES}/lookup.go"], check=True, env=env)
    clients.finds(net, "Go", lambda name: [built, name])


def java(net):
    vm = program("java")
    if subprocess.run([program("javac"), "-d", labcell.WORK, f"{clients.SOURCES}/Lookup.java"], check=False).returncode != 0:
        raise labcell.LabError("javac failed")
    clients.finds(net, "Java", lambda name: [vm, "-cp", labcell.WORK, "Lookup", name])
    clients.finds(net, "Java, JNDI", lambda name: [vm, "-cp", labcell.WORK, "Lookup", name, STUB], connects=False)


def registry():
    """One package as npm's registry serves it: a document and an archive."""
    folder = f"{clients.FILES}/npm"
    os.makedirs(f"{labcell.WORK}/package")
    os.makedirs(folder)
    about = {"name": "lab", "version": "1.0.0"}
    with open(f"{labcell.WORK}/package/package.json", "w", encoding="ascii") as f:
        json.dump(about, f)
    with tarfile.open(f"{folder}/lab.tgz", "w:gz") as t:
        t.add(f"{labcell.WORK}/package", "package")
    dist = {"tarball": "https://github.com/files/npm/lab.tgz"}
    with open(f"{folder}/lab", "w", encoding="ascii") as f:
        json.dump({"name": "lab", "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": {**about, "dist": dist}}}, f)


def node(net):
    vm = program("node")
    clients.finds(net, "Node", lambda name: ["env", f"NODE_EXTRA_CA_CERTS={clients.CA}", vm, f"{clients.SOURCES}/lookup.js", name])
    npm = program("npm")
    registry()
    os.makedirs(f"{labcell.WORK}/project")
    for host, good in (("github.com", True), (clients.BLOCKED, False)):
        done = clients.run(net, ["sh", "-c", 'cd "$0" && exec "$@"', f"{labcell.WORK}/project", npm, "install", "--no-audit", "--no-fund",
                                 "--fetch-retries=0", f"--registry=https://{host}/files/npm/", "lab"], NODE_EXTRA_CA_CERTS=clients.CA)
        installed = os.path.exists(f"{labcell.WORK}/project/node_modules/lab/package.json")
        lab.check(installed == good, f"npm install from {host}: {done.stdout.strip()[-80:]} {done.stderr.strip()[-200:]}")
        shutil.rmtree(f"{labcell.WORK}/project/node_modules", ignore_errors=True)


def chromium(net):
    """Debian's headless shell asks for A and AAAA only, whatever its features are set to: HTTPS records are in test_differential.py."""
    browser = program("usr/lib/chromium/chromium-headless-shell")
    libraries = f"{UNPACKED}/usr/lib/x86_64-linux-gnu:{UNPACKED}/usr/lib/x86_64-linux-gnu/pulseaudio" if UNPACKED else ""

    def dom(name, *more):
        done = clients.run(net, [browser, "--no-sandbox", "--headless", "--disable-gpu", "--ignore-certificate-errors", "--disable-dev-shm-usage",
                                 f"--user-data-dir={labcell.WORK}/chromium", *more, "--timeout=10000", "--dump-dom", f"https://{name}/"], LD_LIBRARY_PATH=libraries)
        return done.stdout + done.stderr
    for name in ("example.com", "api.openai.com"):
        page = dom(name)
        good = f"{name} from" in page
        lab.check(good, f"Chromium: {name}" + ("" if good else f": {page[-300:]}"))
    page = dom(clients.BLOCKED)
    lab.check("ERR_NAME_NOT_RESOLVED" in page, f"Chromium: {clients.BLOCKED} does not resolve")


def resolved(net):
    """In front of postern: glibc asks systemd-resolved on 127.0.0.53, and that asks us, with EDNS, DO and a cache of its own."""
    service = program("lib/systemd/systemd-resolved")
    with open("/etc/passwd", "a", encoding="ascii") as f:
        f.write("systemd-resolve:x:64001:64001::/:/usr/sbin/nologin\n")
    with open("/etc/group", "a", encoding="ascii") as f:
        f.write("systemd-resolve:x:64001:\n")
    os.makedirs("/etc/systemd", exist_ok=True)
    with open("/etc/systemd/resolved.conf", "w", encoding="ascii") as f:
        f.write(f"[Resolve]\nDNS={STUB}\nFallbackDNS=\nDNSSEC=no\nMulticastDNS=no\nLLMNR=no\n")
    os.makedirs("/run/systemd/resolve")
    os.chown("/run/systemd/resolve", 64001, 64001)
    with open(f"{labcell.WORK}/resolved.log", "wb") as log:
        net.ns["box1"].popen([service], stdout=log, stderr=log)
    wait_for("systemd-resolved to listen", lambda: "127.0.0.53" in net.ns["box1"].run(["ss", "-Hlnu"]).stdout)
    with open("/etc/resolv.conf", "w", encoding="ascii") as f:
        f.write("nameserver 127.0.0.53\noptions edns0 trust-ad\n")
    built = clients.build("lookup")
    clients.finds(net, "systemd-resolved in front", lambda name: [built, name, "443"])


CLIENTS = {"go": go, "java": java, "node": node, "chromium": chromium, "resolved": resolved}


def asked_types(daemon):
    """What it asked for, as the audit log has it."""
    found = sorted({str(e.get("qtype")) for e in daemon.events(kind="dns")})
    print(f"{sys.argv[1]} asked for {', '.join(found)}")


def main(net):
    daemon = clients.start(net)
    CLIENTS[sys.argv[1]](net)
    clients.refused(net, daemon)
    asked_types(daemon)
    daemon.stop()


lab.test(main)
