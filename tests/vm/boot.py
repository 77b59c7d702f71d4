# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian 12 with systemd, postern installed in it as README.md says, booted in qemu.

usage: boot.py TIMEOUT_S

Why: units, their order and their hardening are only true once systemd has run them; the machine that runs the tests may have none.
How: the root file system is Debian's packages, unpacked by contrib/test below build-boot/system (nothing is installed, no script
of theirs runs); postern comes into it by `meson install`, its users by systemd-sysusers, its configuration from README.md. It
becomes an ext4 image, seen by the guest as a disk; no network card. boot.sh is what runs there, as a service, and says what it
found on the second serial port (vm.py).

Exit code: that of boot.sh; 77 when something cannot be had; 1 when the guest died or the time was up.
"""
import glob
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

import vm

UNIT_FOLDER = "etc/systemd/system"
MACHINE_ID = "6f9d1f0e0c5b4a0c9d0b8f0f8a4f2c11"
MODULES = ("kernel/net", "kernel/lib", "kernel/crypto", "kernel/arch", "kernel/fs/autofs", "kernel/drivers/net/veth.ko")
# A network manager's place in the order: what does it find when it may begin?
PROBE = """[Unit]
DefaultDependencies=no
After=network-pre.target
Before=network.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'nft list tables >/run/at-network-pre; pgrep -l postern >>/run/at-network-pre; true'
"""
SCENARIO = """[Unit]
Description=what tests/vm/boot.sh looks at
[Service]
Type=exec
ExecStart=/bin/sh /src/boot.sh
StandardOutput=file:/dev/ttyS1
StandardError=inherit
Environment=LANG=C.UTF-8
"""
INIT = f"""#!/bin/sh
mountpoint -q /dev || mount -t devtmpfs dev /dev
echo {vm.UP} >/dev/ttyS1
exec /lib/systemd/systemd
"""


def installed_build():
    """A build whose prefix is /usr, as README.md has it."""
    for folder in (os.environ.get("POSTERN_PLAIN"), os.environ.get("POSTERN_BUILD")):
        if not folder:
            continue
        done = subprocess.run(["meson", "introspect", "--buildoptions", folder], stdout=subprocess.PIPE, check=True)
        if next(o["value"] for o in json.loads(done.stdout) if o["name"] == "prefix") == "/usr":
            return folder
    return vm.skip("no build with --prefix=/usr: contrib/test makes one, build-plain (remove an older one of another prefix)")


def system_folder():
    folder = os.environ.get("POSTERN_SYSTEM") or os.path.join(vm.TOP, "build-boot", "system")
    if not os.path.exists(f"{folder}/lib/systemd/systemd"):
        vm.skip(f"no system below {folder}: contrib/test unpacks contrib/packages/boot.list there")
    return folder


def write(path, text, mode=0o644):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    os.chmod(path, mode)


def add_modules(root, kernel):
    source = glob.glob(f"{kernel}/lib/modules/*")[0]
    version = os.path.basename(source)
    target = f"{root}/usr/lib/modules/{version}"
    for part in MODULES:
        os.makedirs(os.path.dirname(f"{target}/{part}"), exist_ok=True)
        if os.path.isdir(f"{source}/{part}"):
            shutil.copytree(f"{source}/{part}", f"{target}/{part}")
        elif os.path.exists(f"{source}/{part}"):
            shutil.copy(f"{source}/{part}", f"{target}/{part}")
    for name in glob.glob(f"{source}/modules.*"):
        shutil.copy(name, target)
    within(root, "depmod", version)


def within(root, *words):
    """One command with the new root as its root: its files are the only thing it can reach."""
    subprocess.run(["chroot", root, *words], check=True, stderr=subprocess.DEVNULL, env={"PATH": "/usr/sbin:/usr/bin", "SYSTEMD_OFFLINE": "1"})


def readme_file(readme, path):
    """The block that README.md shows for that file."""
    found = re.search(rf"^{re.escape(path)}:\n\n```\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)
    return found.group(1) if found else sys.exit(f"README.md shows no {path}")


def add_settings(root):
    """What the maintainer scripts and the installer of Debian would have made."""
    for name in ("passwd", "group"):
        shutil.copy(f"{root}/usr/share/base-passwd/{name}.master", f"{root}/etc/{name}")
    write(f"{root}/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n")
    write(f"{root}/etc/hostname", "guest\n")
    # an empty one would make this the first boot, at which systemd enables what presets say
    write(f"{root}/etc/machine-id", MACHINE_ID + "\n")
    for unit in ("getty@tty1.service", "serial-getty@ttyS0.service", "serial-getty@ttyS1.service"):
        os.makedirs(f"{root}/{UNIT_FOLDER}", exist_ok=True)
        os.symlink("/dev/null", f"{root}/{UNIT_FOLDER}/{unit}")


def add_postern(root, build):
    """The lines of README.md, "Install it as a service"."""
    subprocess.run(["meson", "install", "--quiet", "--no-rebuild", "-C", build, "--destdir", root], check=True)
    within(root, "systemd-sysusers")
    with open(os.path.join(vm.TOP, "README.md"), encoding="utf-8") as f:
        readme = f.read()
    for path in ("/etc/postern/postern.conf", "/etc/postern/policies/agent.conf"):
        write(root + path, readme_file(readme, path))
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30", "-subj",
                    "/CN=test", "-keyout", "/dev/null", "-out", f"{root}/etc/postern/dns-ca.pem"], check=True, stderr=subprocess.DEVNULL)
    within(root, "systemctl", "enable", "--quiet", "nftables.service", "postern-rules.service", "posternd.service")


def add_scenario(root):
    os.makedirs(f"{root}/src")
    shutil.copy(os.path.join(vm.TOP, "tests", "vm", "boot.sh"), f"{root}/src/boot.sh")
    write(f"{root}/sbin/postern-init", INIT, 0o755)
    for name, text in (("probe", PROBE), ("scenario", SCENARIO)):
        write(f"{root}/{UNIT_FOLDER}/{name}.service", text)
        wants = f"{root}/{UNIT_FOLDER}/multi-user.target.wants"
        os.makedirs(wants, exist_ok=True)
        os.symlink(f"../{name}.service", f"{wants}/{name}.service")


def main():
    timeout_s = int(sys.argv[1])
    if os.geteuid() != 0:
        vm.skip("not root: the files of the guest's system must be root's")
    vm.find_qemu()
    if not shutil.which("mke2fs", path="/usr/sbin:/sbin"):
        vm.skip("no mke2fs (package e2fsprogs)")
    kernel, system, build = vm.kernel_folder(), system_folder(), installed_build()
    with tempfile.TemporaryDirectory(prefix="postern-boot-") as scratch:
        root, image = f"{scratch}/root", f"{scratch}/disk"
        subprocess.run(["cp", "-a", system, root], check=True)
        add_settings(root)
        add_modules(root, kernel)
        add_postern(root, build)
        add_scenario(root)
        subprocess.run(["/usr/sbin/mke2fs", "-q", "-t", "ext4", "-O", "^has_journal", "-d", root, image, "512M"], check=True)
        disk = ["-drive", f"file={image},format=raw,if=none,id=disk,cache=unsafe", "-device", "nvme,drive=disk,serial=postern"]
        vm.boot_and_exit(kernel, disk, "root=/dev/nvme0n1 rw init=/sbin/postern-init systemd.show_status=0", scratch, timeout_s)


main()
