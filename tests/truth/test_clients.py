# SPDX-License-Identifier: GPL-2.0-or-later
"""Real clients resolve and connect through postern: glibc, musl, c-ares, Python, curl over HTTP/2, apt, git.

The larger ones (Go, Java, Node, Chromium, systemd-resolved) are in test_clients_large.py: contrib/test clients. README.md lists all.
"""
import hashlib
import lzma
import os
import shutil
import subprocess
import time

import clients
from truth import lab, labcell

PYTHON = """
import socket, sys, urllib.request
for a in sorted({x[4][0] for x in socket.getaddrinfo(sys.argv[1], 443, type=socket.SOCK_STREAM)}): print("address", a)
s = socket.create_connection((sys.argv[1], 443), 5)
print("connected", s.getpeername()[0])
"""


def glibc(net):
    program = clients.build("lookup")
    clients.finds(net, "glibc", lambda name: [program, name, "443"])
    clients.finds(net, "Python", lambda name: ["/usr/bin/python3", "-c", PYTHON, name])
    with open("/etc/resolv.conf", encoding="ascii") as f:
        before = f.read()
    with open("/etc/resolv.conf", "a", encoding="ascii") as f:
        f.write("options edns0 trust-ad use-vc single-request\n")
    clients.finds(net, "glibc over TCP, with EDNS and AD", lambda name: [program, name, "443"])
    with open("/etc/resolv.conf", "w", encoding="ascii") as f:
        f.write(before)


def musl(net):
    lib = clients.unpacked("usr/lib/x86_64-linux-musl")
    done = subprocess.run(["cc", "-print-libgcc-file-name"], text=True, stdout=subprocess.PIPE, check=True)
    program = clients.build("lookup", "-nostdinc", "-isystem", clients.unpacked("usr/include/x86_64-linux-musl"), "-fno-stack-protector",
                            "-U_FORTIFY_SOURCE", "-static", "-no-pie", "-nostdlib", f"{lib}/crt1.o", f"{lib}/crti.o", f"{lib}/libc.a",
                            done.stdout.strip(), f"{lib}/libc.a", f"{lib}/crtn.o")
    clients.finds(net, "musl", lambda name: [program, name, "443"])


def c_ares(net):
    folder = clients.unpacked("usr/lib/x86_64-linux-gnu")
    program = clients.build("lookup_cares", "-I", clients.unpacked("usr/include"), "-L", folder, "-lcares", f"-Wl,-rpath,{folder}")
    clients.finds(net, "c-ares", lambda name: [program, name], connects=False)


def curl(net):
    for name in ("api.openai.com", "github.com"):
        for family in ("-4", "-6"):
            done = clients.run(net, ["curl", "-sS", "-m", "10", family, "--http2", "--cacert", clients.CA, "-w", "\\n%{http_version} %{ssl_verify_result}",
                                     f"https://{name}/"])
            lab.check(done.stdout.endswith("\n2 0") and f"{name} from" in done.stdout, f"curl {family}: {name} over HTTP/2 {done.stderr.strip()}")
    done = clients.run(net, ["curl", "-sS", "-m", "10", f"https://{clients.BLOCKED}/"])
    lab.equal(done.returncode, 6, f"curl: {clients.BLOCKED}: {done.stderr.strip()}")


def repository():
    """A package and an index of it, below the served folder."""
    tree = f"{labcell.WORK}/package"
    os.makedirs(f"{tree}/DEBIAN")
    os.makedirs(clients.FILES, exist_ok=True)
    control = "Package: lab\nVersion: 1\nArchitecture: all\nMaintainer: nobody\nDescription: a package of the lab\n"
    with open(f"{tree}/DEBIAN/control", "w", encoding="ascii") as f:
        f.write(control)
    subprocess.run(["dpkg-deb", "-b", tree, f"{clients.FILES}/lab.deb"], check=True, stdout=subprocess.DEVNULL)
    with open(f"{clients.FILES}/lab.deb", "rb") as f:
        body = f.read()
    with lzma.open(f"{clients.FILES}/Packages.xz", "wt", encoding="ascii") as f:
        f.write(f"{control}Filename: lab.deb\nSize: {len(body)}\nSHA256: {hashlib.sha256(body).hexdigest()}\n")


def apt(net):
    repository()
    state = f"{labcell.WORK}/apt"
    for folder in ("lists/partial", "cache/archives/partial", "etc", "here"):
        os.makedirs(f"{state}/{folder}")
    for scheme, name in (("http", "github.com"), ("https", "api.openai.com")):
        with open(f"{state}/sources.list", "w", encoding="ascii") as f:
            f.write(f"deb [trusted=yes] {scheme}://{name}/files ./\n")
        settings = [x for word in (f"Dir::Etc={state}/etc", f"Dir::Etc::sourcelist={state}/sources.list", f"Dir::State::lists={state}/lists",
                                   f"Dir::Cache={state}/cache", "APT::Sandbox::User=root", "Acquire::Languages=none", "Acquire::Retries=0",
                                   f"Acquire::https::CAInfo={clients.CA}", "Dir::State::status=/dev/null") for x in ("-o", word)]
        done = clients.run(net, ["apt-get", *settings, "update"])
        lab.check(done.returncode == 0 and "Err:" not in done.stdout, f"apt-get update over {scheme}: {done.stdout} {done.stderr.strip()}")
        done = clients.run(net, ["sh", "-c", 'cd "$0" && exec "$@"', f"{state}/here", "apt-get", *settings, "download", "lab"])
        lab.check(os.path.exists(f"{state}/here/lab_1_all.deb"), f"apt-get download over {scheme}: {done.stderr.strip()}")
        for path in (f"{state}/lists", f"{state}/here", f"{state}/cache"):
            shutil.rmtree(path)
        for folder in ("lists/partial", "cache/archives/partial", "here"):
            os.makedirs(f"{state}/{folder}")


def git(net):
    """A repository over plain files (the "dumb" protocol): many requests on one connection."""
    work, bare = f"{labcell.WORK}/work", f"{clients.FILES}/repo.git"
    who = ["-c", "user.name=nobody", "-c", "user.email=nobody@example.com"]
    for argv in (["init", "-q", work], ["-C", work, *who, "commit", "-q", "--allow-empty", "-m", "one"],
                 ["clone", "-q", "--bare", work, bare], ["-C", bare, "update-server-info"]):
        subprocess.run(["git", *argv], check=True, stderr=subprocess.DEVNULL, env=dict(os.environ, HOME=labcell.WORK))
    done = clients.run(net, ["git", "clone", "-q", "https://github.com/files/repo.git", f"{labcell.WORK}/clone"], GIT_SSL_CAINFO=clients.CA)
    lab.check(done.returncode == 0 and os.path.isdir(f"{labcell.WORK}/clone/.git"), f"git clone over HTTPS {done.stderr.strip()}")
    done = clients.run(net, ["git", "ls-remote", f"https://{clients.BLOCKED}/files/repo.git"], GIT_TERMINAL_PROMPT="0")
    lab.check(done.returncode != 0 and "resolve" in done.stderr, f"git: {clients.BLOCKED}: {done.stderr.strip()}")


def main(net):
    daemon = clients.start(net)
    for client in (glibc, musl, c_ares, curl, apt, git):
        began = time.monotonic()
        client(net)
        print(f"{client.__name__}: {time.monotonic() - began:.1f} s")
    clients.refused(net, daemon)
    daemon.stop()


lab.test(main)
