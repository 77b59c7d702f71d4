# SPDX-License-Identifier: GPL-2.0-or-later
"""A configuration in which everything is many: on the build as shipped, whose system call filters know no sanitizer.

Sorting more than a kilobyte makes glibc ask for the size of the memory: the compile, and the gate, were ended for it.
"""
import os

import lab
import labdaemon

MANY = 120


def main(net):
    os.makedirs(labdaemon.ETC, exist_ok=True)
    with open(f"{labdaemon.ETC}/hosts", "w", encoding="ascii") as f:
        f.writelines(f"10.1.{n}.1 h{n}.internal\n" for n in range(MANY))
    boxes = {f"b{n}": (f'interface = "pt-none{n}"', "web") for n in range(MANY)}
    boxes["box1"] = ('interface = "pt-box1"', "web")
    zones = ", ".join(f'{{ zone = "z{n}.corp.test"; to = "10.0.0.2"; private = "172.16.{n}.0/24"; }}' for n in range(60))
    rules = ", ".join(f'{{ name = "r{n}"; priority = {n + 1}; action = "ALLOW"; domains = [ "n{n}.test", "*.h{n}.internal", "h{n}.internal" ]; '
                      'ports = [ "tcp/443" ]; }' for n in range(MANY))
    egress = ", ".join(f'{{ name = "e{n}"; to = [ "198.51.100.{n}", "2001:db8:51::{n:x}" ]; ports = [ "tcp/{n + 1}" ]; }}' for n in range(MANY))
    policy = f'name = "web"; dns = ( {rules} );\negress = ( {egress} );\n'
    conf = labdaemon.conf_text(boxes, upstreams=("10.0.0.2",), extra=f'hosts_file = "hosts";\nforward = ( {zones} );\n')
    daemon = labdaemon.Postern(net, conf, {"web.conf": policy}).start()
    lab.equal(lab.dig(net.ns["box1"], "h7.internal", "A"), ["10.1.7.1"], "a name of the hosts file")
    done = daemon.cli("reload")
    lab.check(done.returncode == 0, f"reload: {done.stdout.strip()}")
    lab.equal(lab.dig(net.ns["box1"], "h8.internal", "A"), ["10.1.8.1"], "and another")
    listed = daemon.nft("list", "set", "inet", "postern", "private_answer4")
    lab.check(f"10.1.{MANY - 1}.1" in listed and "172.16.59.0/24" in listed, "every private prefix is in the kernel")
    lab.equal(len(daemon.pids().get("posternd", [])), 1, "one daemon")
    lab.equal(daemon.state()["starts"], 1, "starts of the daemon")


lab.test(main)
