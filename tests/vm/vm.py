# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs a command of this tree on Debian's own kernel (6.1), in qemu.

usage: vm.py TIMEOUT_S COMMAND...     (COMMAND relative to the tree, e.g. tests/netns/test_lab.py)

Why: the machine that runs the tests may have another kernel, with or without the native queue expression, renewal of elements, and so on.
How: the kernel and its modules are unpacked from linux-image-cloud-amd64 (contrib/test does that; nothing is installed); an initramfs
holds this tree's tests, rules, policies and built programs, and the programs of the machine that the laboratory needs, with
their libraries. No disk, no network card, no KVM needed. The guest's init runs the command as root with its output on the second serial port
and says its exit code in the last line; the kernel's console goes to a file that is printed when the guest did not get that far.

Exit code: that of the command; 77 when qemu or the kernel is missing; 1 when the guest died or the time was up.
"""
import glob
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import threading

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MARK, UP = "POSTERN-VM-EXIT ", "POSTERN-VM-UP"
# An emulated kernel that finds no timer on a busy machine hangs before init: that is tried again.
BOOT_S, BOOTS = 60, 3
TREE = ("tests", "rules", "policies", "contrib/lib", "contrib/quickstart", "contrib/systemd")
PROGRAMS = """bash cat chmod cp curl cut dash date dd dig env false grep head id ip kill ln ls mkdir mount mv nft nsenter openssl ping ps
    conntrack python3 rm rmdir sed seq setpriv sh sleep sort ss stat tail tee timeout touch tr true umount uname unshare wc wget
    ntpdig""".split()
SERVERS = ("nsd", "nginx", "chronyd")
PYTHON_SKIP = {"test", "tests", "idlelib", "lib2to3", "tkinter", "turtledemo", "ensurepip", "__pycache__", "distutils",
               "pydoc_data"}
INIT = """#!/bin/busybox sh
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/ LANG=C.UTF-8
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sys /sys
/bin/busybox mount -t devtmpfs dev /dev
/bin/busybox mkdir -p /dev/shm /dev/pts
/bin/busybox mount -t tmpfs shm /dev/shm
/bin/busybox mount -t cgroup2 cgroup2 /sys/fs/cgroup
for m in nf_tables nft_compat xt_NFQUEUE nfnetlink_queue nft_queue nf_conntrack_netlink nft_ct nft_reject_inet nft_redir \\
	nft_chain_nat nft_fib_inet nft_socket nft_limit nft_connlimit nft_counter veth bridge tcp_diag udp_diag raw_diag; do
	/sbin/modprobe "$m" 2>/dev/null
done
/bin/busybox ip link set lo up
# as posternd.service has it: a kernel's own limit is 4096
ulimit -n 65536
cd /src
exec >/dev/ttyS1 2>&1 </dev/null
echo "%(up)s"
%(environment)s
%(command)s
echo "%(mark)s$?"
/bin/busybox sync
/bin/busybox poweroff -f
"""


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit(77)


def kernel_folder():
    """The folder of an unpacked kernel package: $POSTERN_KERNEL, or build-kernel of the tree."""
    folder = os.environ.get("POSTERN_KERNEL") or os.path.join(TOP, "build-kernel")
    if not glob.glob(f"{folder}/boot/vmlinuz-*"):
        skip(f"no kernel below {folder}: contrib/test unpacks linux-image-cloud-amd64 there")
    return folder


class Archive:
    """An initramfs in the newc format, written entry by entry."""

    def __init__(self, path):
        self.out = open(path, "wb")
        self.names = set()
        self.inode = 0

    def entry(self, name, mode, data=b"", device=(0, 0)):
        name = name.strip("/")
        if name in self.names or not name:
            return
        parent = os.path.dirname(name)
        if parent and parent not in self.names:
            self.entry(parent, stat.S_IFDIR | 0o755)
        self.names.add(name)
        self.inode += 1
        fields = (self.inode, mode, 0, 0, 1, 0, len(data), 0, 0, device[0], device[1], len(name) + 1, 0)
        head = b"070701" + b"".join(b"%08x" % f for f in fields) + name.encode() + b"\0"
        self.out.write(head + bytes(-len(head) % 4) + data + bytes(-len(data) % 4))

    def file(self, source, name=None, mode=None):
        """A file of the machine; what symbolic links lead to is copied, under the name asked for."""
        with open(source, "rb") as f:
            data = f.read()
        self.entry(name or source, stat.S_IFREG | (mode or (0o755 if os.access(source, os.X_OK) else 0o644)), data)

    def tree(self, source, name, ignore=()):
        for folder, folders, files in os.walk(source):
            folders[:] = [d for d in folders if d not in ignore]
            for f in files:
                path = os.path.join(folder, f)
                if os.path.isfile(path) and not f.endswith(".pyc"):
                    self.file(path, os.path.join(name, os.path.relpath(path, source)))

    def link(self, name, target):
        self.entry(name, stat.S_IFLNK | 0o777, target.encode())

    def close(self):
        self.names.discard("TRAILER!!!")
        self.entry("TRAILER!!!", 0)
        self.out.close()


def libraries(path):
    """What ldd finds, as the names that the loader will look for."""
    done = subprocess.run(["ldd", path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
    for line in done.stdout.splitlines():
        for word in line.split():
            if word.startswith("/") and os.path.exists(word):
                yield word


class Root:
    """The guest's root file system."""

    def __init__(self, path):
        self.archive = Archive(path)
        # As on the machine: /bin, /sbin, /lib, /lib64 lead into /usr.
        for name in ("bin", "sbin", "lib", "lib64"):
            self.archive.entry(f"usr/{name}", stat.S_IFDIR | 0o755)
            self.archive.link(name, f"usr/{name}")

    def place(self, path):
        """The path below /usr that a path of the machine has in the guest."""
        for name in ("bin", "sbin", "lib", "lib64"):
            if path.startswith(f"/{name}/"):
                return "/usr" + path
        return path

    def binary(self, source, name=None):
        self.archive.file(source, self.place(name or source), 0o755)
        for library in libraries(source):
            self.archive.file(library, self.place(library))

    def programs(self):
        busybox = shutil.which("busybox", path="/usr/bin:/bin") or skip("no busybox")
        self.archive.file(busybox, "/usr/bin/busybox", 0o755)
        self.archive.link("usr/sbin/modprobe", "/bin/busybox")
        path = "/usr/sbin:/usr/bin:/sbin:/bin"
        for name in PROGRAMS:
            found = shutil.which(name, path=path) or skip(f"no program {name}")
            self.binary(found, f"/usr/bin/{name}")
        folder = os.environ.get("POSTERN_SERVERS", "")
        for name in SERVERS:
            found = shutil.which(name, path=f"{folder}/usr/sbin:{path}") or skip(f"no server {name}")
            self.binary(found, f"/usr/sbin/{name}")

    def python(self):
        for source in sorted(glob.glob("/usr/lib/python3.*")):
            if os.path.isdir(source):
                self.archive.tree(source, source, PYTHON_SKIP)
                for module in glob.glob(f"{source}/lib-dynload/*.so"):
                    for library in libraries(module):
                        self.archive.file(library, self.place(library))
        self.archive.tree("/usr/lib/python3/dist-packages/ntp", "/usr/lib/python3/dist-packages/ntp")
        for library in glob.glob("/usr/lib/*/ntp/libntpc.so"):
            self.binary(library)

    def settings(self):
        for path in ("/etc/passwd", "/etc/group", "/etc/services", "/etc/protocols", "/etc/ssl/openssl.cnf",
                     "/usr/lib/ssl/openssl.cnf", "/etc/login.defs", "/etc/ld.so.cache"):
            if os.path.exists(path):
                self.archive.file(path)
        for library in glob.glob("/usr/lib/*/libnss_files*") + glob.glob("/lib/*/libnss_dns*"):
            self.archive.file(library, self.place(library))
        for folder in ("proc", "sys", "dev", "run", "tmp", "var/log", "var/lib", "etc/ssl/certs"):
            self.archive.entry(folder, stat.S_IFDIR | 0o755)
        self.archive.entry("dev/console", stat.S_IFCHR | 0o600, device=(5, 1))

    def kernel(self, folder, scratch):
        """The modules, with the indexes that modprobe reads (the package makes them when it is installed)."""
        version = os.path.basename(glob.glob(f"{folder}/boot/vmlinuz-*")[0]).split("-", 1)[1]
        modules = f"{folder}/lib/modules/{version}"
        wanted = f"{scratch}/lib/modules/{version}"
        for part in ("net", "lib", "crypto", "fs/overlayfs", "arch"):
            if os.path.isdir(f"{modules}/kernel/{part}"):
                shutil.copytree(f"{modules}/kernel/{part}", f"{wanted}/kernel/{part}")
        os.makedirs(f"{wanted}/kernel/drivers/net", exist_ok=True)
        shutil.copy(f"{modules}/kernel/drivers/net/veth.ko", f"{wanted}/kernel/drivers/net/")
        for name in glob.glob(f"{modules}/modules.*"):
            shutil.copy(name, wanted)
        subprocess.run(["busybox", "depmod", "-b", scratch, version], check=True)
        self.archive.tree(wanted, f"/usr/lib/modules/{version}")

    def ours(self):
        for part in TREE:
            source = os.path.join(TOP, part)
            if os.path.isfile(source):
                self.archive.file(source, f"/src/{part}")
            else:
                self.archive.tree(source, f"/src/{part}", {"__pycache__", "corpus", "unit", "fuzz"})
        # The shipped build rather than the sanitized one: the guest is slow, and sanitizers have run outside.
        build = os.environ.get("POSTERN_PLAIN") or os.environ.get("POSTERN_BUILD") or f"{TOP}/build"
        for path in glob.glob(f"{build}/src/*/postern*") + glob.glob(f"{build}/tests/netns/*"):
            if os.path.isfile(path) and os.access(path, os.X_OK):
                self.binary(path, "/src/build/" + os.path.relpath(path, build))
        for library in glob.glob(f"{build}/**/*.so", recursive=True):
            self.archive.file(library, "/src/build/" + os.path.relpath(library, build))


def quoted(words):
    return " ".join("'" + w.replace("'", "'\\''") + "'" for w in words)


def build_root(path, scratch, kernel, words):
    root = Root(path)
    root.programs()
    root.python()
    root.settings()
    root.kernel(kernel, scratch)
    root.ours()
    command = (["/usr/bin/python3", "-B"] if words[0].endswith(".py") else []) + words
    environment = "export POSTERN_BUILD=/src/build POSTERN_LAB_SLOW=4 PYTHONDONTWRITEBYTECODE=1"
    init = INIT % {"command": quoted(command), "mark": MARK, "up": UP, "environment": environment}
    root.archive.entry("init", stat.S_IFREG | 0o755, init.encode())
    root.archive.close()


def boot(kernel, root, append, console, timeout_s):
    """Boots from root (words for qemu) and prints what comes on the second port; returns whether init began, and the exit code or None."""
    vmlinuz = glob.glob(f"{kernel}/boot/vmlinuz-*")[0]
    argv = ["qemu-system-x86_64", "-machine", "pc,accel=tcg", "-cpu", "max,-cx16", "-smp", "2", "-m", "1536", "-nodefaults",
            "-display", "none", "-no-reboot", "-nic", "none", "-serial", f"file:{console}", "-serial", "stdio",
            "-kernel", vmlinuz, *root, "-append", f"console=ttyS0 panic=-1 quiet oops=panic no_timer_check {append}"]
    code, up = None, False
    with subprocess.Popen(["timeout", "--kill-after=5", str(timeout_s), *argv], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, text=True, errors="replace") as proc:
        hung = threading.Timer(BOOT_S, proc.terminate)
        hung.start()
        for line in proc.stdout:
            line = line.rstrip("\r\n")
            if line == UP:
                up = True
                hung.cancel()
            elif line.startswith(MARK):
                code = int(line[len(MARK):])
            else:
                print(line, flush=True)
        hung.cancel()
    return up, code


def boot_and_exit(kernel, root, append, scratch, timeout_s):
    """Boots until init begins, at most BOOTS times, and ends with the exit code that the guest said."""
    console = f"{scratch}/console"
    for _ in range(BOOTS):
        up, code = boot(kernel, root, append, console, timeout_s)
        if up:
            break
    if code is None:
        with open(console, encoding="utf-8", errors="replace") as f:
            print("the guest ended without a result; its console:", *f.read().splitlines()[-40:], sep="\n  ")
        code = 1
    sys.exit(code)


def find_qemu():
    if not shutil.which("qemu-system-x86_64"):
        skip("no qemu-system-x86_64 (package qemu-system-x86)")


def main():
    timeout_s, words = int(sys.argv[1]), sys.argv[2:]
    find_qemu()
    kernel = kernel_folder()
    with tempfile.TemporaryDirectory(prefix="postern-vm-") as scratch:
        initrd = f"{scratch}/root.cpio"
        build_root(initrd, scratch, kernel, words)
        print(f"initramfs: {os.path.getsize(initrd) >> 20} MB", flush=True)
        boot_and_exit(kernel, ["-initrd", initrd], "", scratch, timeout_s)


if __name__ == "__main__":
    main()
