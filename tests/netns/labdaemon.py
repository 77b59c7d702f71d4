# SPDX-License-Identifier: GPL-2.0-or-later
"""posternd in the laboratory: built, configured, kept running, watched.

    p = labdaemon.Postern(net, conf=TEXT, policies={"openhands.conf": "/path" or text})
    p.start()                       # in namespace `host`, under supervise.py; returns when it said READY
    p.cli("status")                 # the postern command, in `host`
    p.wait_event(event="refused", dst="198.51.100.1")
    p.kill("postern-resolver", signal.SIGKILL); p.wait_restarted()
    p.stop()

The binaries are those of the build folder ($POSTERN_BUILD), copied into the cell, since the users that the daemon turns into may
not be allowed to look into the folder of the source tree. Nothing is added to /etc/passwd: --uid-base gives the numbers.
"""
import glob
import json
import os
import resource
import shutil
import signal
import sys

from labcell import CGROUP, WORK, LabError, Skip, wait_for

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
# RLIMIT_NPROC counts the processes of a uid on the whole machine, so each cell has its own; the number is that of its cgroup.
UID_BASE = 64100 + 16 * (int(os.environ.get(CGROUP, "0").rpartition("-")[2]) % 4096)
BIN = f"{WORK}/bin"
ETC = "/etc/postern"
RUNTIME = "/run/postern"
AUDIT = "/var/log/postern"
# in the order of enum role: their uids are UID_BASE and so on; postern-standby runs as postern-tls
ROLES = ("posternd", "postern-policy", "postern-resolver", "postern-verdict", "postern-attribute", "postern-audit",
         "postern-control", "postern-tls", "postern-standby")
SELDOM = "postern-tls"  # there while the policy in force has an upstream over TLS


# a zone that nobody asks for: with it postern-tls runs
TLS_ZONE = 'forward = ( { zone = "tls.example"; to = ( { address = "10.0.0.99"; tls = "dns.example"; } ); } );\n'
NO_QUERY_LIMIT = "limits: { queries_per_s = 1000000; queries_burst = 1000000; };"  # as good as none


def build_folder():
    """Where the programs are. Sanitized builds permit more system calls: some tests run on the plain one as well."""
    if os.environ.get("POSTERN_WANT_PLAIN"):
        if "POSTERN_PLAIN" not in os.environ:
            raise Skip("there is no plain build ($POSTERN_PLAIN): contrib/test makes one")
        return os.environ["POSTERN_PLAIN"]
    return os.environ.get("POSTERN_BUILD") or f"{TOP}/build"


def built(name, folder="tests/netns"):
    """A program of the build. One that is missing is a fault of the build, not something that the machine lacks."""
    path = os.path.join(build_folder(), folder, name)
    if not os.access(path, os.X_OK):
        raise LabError(f"{path} is not built")
    return path


def unit_setting(key):
    """All words of a setting of posternd.service."""
    with open(f"{TOP}/contrib/systemd/posternd.service", encoding="ascii") as f:
        return [w for line in f if line.startswith(key + "=") for w in line.split("=", 1)[1].split()]


def copy_binaries(folder=None):
    """Copies every executable of postern into the cell."""
    os.makedirs(BIN, exist_ok=True)
    found = []
    for path in glob.glob(f"{folder or build_folder()}/src/*/postern*"):
        if os.path.isfile(path) and os.access(path, os.X_OK):
            shutil.copy(path, BIN)
            found.append(os.path.basename(path))
    if "posternd" not in found:
        raise LabError(f"posternd is not in {folder or build_folder()}/src/*")
    return found


def conf_text(sandboxes, upstreams=("10.0.0.2", "2001:db8::2"), pins="min_s = 2; max_s = 3600; grace_s = 2; margin_s = 1;",
              extra=""):
    """A postern.conf. sandboxes: {name: ("interface = \"pt-box1\"", policy name)}."""
    rows = ",\n  ".join(f'{{ name = "{name}"; {selector}; policy = "{policy}"; }}'
                        for name, (selector, policy) in sandboxes.items())
    policies = ", ".join(sorted({f'"policies/{policy}.conf"' for _, policy in sandboxes.values()}))
    ups = ", ".join(f'"{u}"' for u in upstreams)
    return (f"policies = [ {policies} ];\nupstreams = [ {ups} ];\nsandboxes = (\n  {rows}\n);\npins: {{ {pins} }};\n"
            f'audit: {{ directory = "{AUDIT}"; window_ms = 1000; }};\n{extra}\n')


def policy_text(name, domains=("*.test", "example.com"), ports=("tcp/443", "tcp/80"), action="ALLOW", more=""):
    """A policy that lets out what domains say, and NTP; more: further sections or statements."""
    def words(items):
        return ", ".join(f'"{x}"' for x in items)
    return (f'name = "{name}";\n'
            f'dns = (\n  {{ name = "web"; priority = 100; action = "{action}"; domains = [ {words(domains)} ]; '
            f'ports = [ {words(ports)} ]; }},\n'
            f'  {{ name = "rest"; priority = 9000; action = "BLOCK"; response = "NODATA"; domains = [ "*" ]; }}\n);\n'
            f'egress = (\n  {{ name = "time"; to = [ "0.0.0.0/0", "::/0" ]; ports = [ "udp/123" ]; }}\n);\n{more}\n')


def box_conf(policy="web", boxes=("box1",), **kw):
    """The configuration of most tests: each box behind its interface, one policy."""
    return conf_text({box: (f'interface = "pt-{box}"', policy) for box in boxes}, **kw)


class Postern:
    def __init__(self, net, conf, policies, watchdog_s=0, restart_s=0.1, options=()):
        self.net, self.ns = net, net.ns["host"]
        self.watchdog_s, self.restart_s, self.options = watchdog_s, restart_s, list(options)
        self.state_file = f"{WORK}/posternd.state"
        self.log = f"{WORK}/posternd.log"
        self.supervisor = None
        for old in (self.state_file, self.state_file + ".notify"):  # of the daemon before this one
            if os.path.exists(old):
                os.unlink(old)
        os.makedirs(f"{ETC}/policies", exist_ok=True)
        for folder in (RUNTIME, AUDIT):
            os.makedirs(folder, mode=0o755, exist_ok=True)
        os.chown(AUDIT, UID_BASE + ROLES.index("postern-audit"), UID_BASE + ROLES.index("postern-audit"))
        copy_binaries()
        self.write_conf(conf)
        for name, text in policies.items():
            self.write_policy(name, text)

    def write_conf(self, text):
        self._write(f"{ETC}/postern.conf", text)

    def write_policy(self, name, text):
        """text: the policy itself, or the path of a file that holds it."""
        if text.startswith("/"):
            with open(text, encoding="utf-8") as f:
                text = f.read()
        self._write(f"{ETC}/policies/{name}", text)

    def _write(self, path, text):
        with open(path + ".new", "w", encoding="utf-8") as f:
            f.write(text)
        os.chmod(path + ".new", 0o644)
        os.rename(path + ".new", path)

    # ---- running

    def command(self):
        # With no more than posternd.service leaves it.
        caps = "".join(",+" + c[4:].lower() for c in unit_setting("CapabilityBoundingSet"))
        # For whoever looks for a system call that a filter refused: one file for each process.
        trace = os.environ.get("POSTERN_STRACE")
        return [*(["strace", "-ff", "-o", trace] if trace else []), "setpriv", "--no-new-privs",
                f"--bounding-set=-all{caps}", f"{BIN}/posternd", "--config", f"{ETC}/postern.conf", "--rules",
                f"{TOP}/rules/postern.nft", "--runtime-dir", RUNTIME, "--libexec-dir", BIN, "--uid-base", str(UID_BASE), *self.options]

    def start(self, ready=True, timeout_s=20):
        # As systemd gives it to services; the first process of a virtual machine has 4096.
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if 0 < hard < 16384:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, 65536))
        env = dict(os.environ, PATH=BIN + ":" + os.environ["PATH"])
        # Processes without privileges and with a filter cannot run the leak check at their end.
        env["ASAN_OPTIONS"] = "detect_leaks=0:abort_on_error=1:" + env.get("ASAN_OPTIONS", "")
        env["UBSAN_OPTIONS"] = "print_stacktrace=1:halt_on_error=1:abort_on_error=1"
        if os.path.exists(self.state_file):
            os.unlink(self.state_file)
        with open(self.log, "ab") as log:
            self.supervisor = self.ns.popen(
                [sys.executable, f"{HERE}/supervise.py", self.state_file, self.watchdog_s, self.restart_s,
                 *self.command()], stdout=log, stderr=log, env=env)
        if ready:
            self.wait_ready(timeout_s)
        return self

    def state(self):
        try:
            with open(self.state_file, encoding="ascii") as f:
                return json.load(f)
        except OSError:
            return {"pid": 0, "starts": 0, "ready": False, "stopped": False, "last_exit": None}

    def wait_ready(self, timeout_s=20, starts=1):
        def good():
            state = self.state()
            if state["starts"] > starts + 5:
                raise LabError(f"posternd ends again and again (exit {state['last_exit']}):\n{self.log_text()[-4000:]}")
            return state["ready"] and state["starts"] >= starts
        wait_for("posternd to be ready", good, timeout_s)

    def wait_restarted(self, starts, timeout_s=20):
        """Waits until posternd was started more than `starts` times and is ready."""
        self.wait_ready(timeout_s, starts + 1)

    def stop(self):
        if self.supervisor and self.supervisor.poll() is None:
            self.supervisor.terminate()
            self.supervisor.wait(20)

    def pids(self):
        """{program name: [pids]} of the running service."""
        found = {}
        for path in glob.glob("/proc/[0-9]*/exe"):
            try:
                name = os.path.basename(os.readlink(path))
            except OSError:
                continue
            if name in ROLES:
                found.setdefault(name, []).append(int(path.split("/")[2]))
        return found

    def kill(self, name, signo=signal.SIGKILL):
        """Signals every process of that program name; returns how many."""
        pids = self.pids().get(name, [])
        for pid in pids:
            os.kill(pid, signo)
        return len(pids)

    def log_text(self):
        try:
            with open(self.log, encoding="utf-8", errors="replace") as f:
                return f.read()
        except OSError:
            return ""

    def cli(self, *words, check=False):
        """The postern command as an administrator would run it in `host`."""
        return self.ns.run([f"{BIN}/postern", "--socket", f"{RUNTIME}/control.sock", *words], check=check)

    # ---- the audit log

    def events(self, **match):
        """The audit events so far whose fields equal match; a field may be given as a predicate."""
        found = []
        for path in sorted(glob.glob(f"{AUDIT}/*"), key=os.path.getmtime):
            if not os.path.isfile(path):
                continue
            with open(path, encoding="utf-8", errors="replace") as f:
                for line in f:
                    try:
                        event = json.loads(line)
                    except ValueError:
                        continue  # a line that is being written
                    if _matches(event, match):
                        found.append(event)
        return found

    def wait_event(self, timeout_s=5, **match):
        """The last event that matches, once there is one."""
        return wait_for(f"audit event {match}", lambda: self.events(**match), timeout_s)[-1]

    def nft(self, *words):
        """nft in `host`; returns its output."""
        return self.ns.run(["nft", *words]).stdout


def _matches(event, match):
    return all((want(event.get(key)) if callable(want) else event.get(key) == want) for key, want in match.items())
