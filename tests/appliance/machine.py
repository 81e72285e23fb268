"""A machine to install the package on: a Debian tree, booted with its real systemd by nspawn.

Works on a host without systemd. The machine has no network but its own loopback.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Callable, Mapping

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache" / "appliance"
SUITES = tuple(os.environ.get("SUITES", "bookworm trixie").split())
"""The releases to test on. Ubuntu's are not tested every day: SUITES="jammy noble" does."""
UBUNTU = ("focal", "jammy", "noble")
UBUNTU_OPTIONS = (
    "--components=main,universe",
    "--keyring=/usr/share/keyrings/ubuntu-archive-keyring.gpg",
)
UBUNTU_MIRROR = "http://archive.ubuntu.com/ubuntu"
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"

COUNT = itertools.count()
"""Numbers the machines of this process."""
LIMIT_SECONDS = 180
"""Seconds after which a command inside is killed."""

TREE_OPTIONS = (
    "--mode=root",
    "--variant=minbase",
    "--include=systemd,systemd-sysv,dbus,curl,openssl",  # what docs/operations.md types
    '--aptopt=Acquire::Languages "none"',
    "--dpkgopt=force-unsafe-io",
    # As slim images do: the package must not need anything there.
    "--dpkgopt=path-exclude=/usr/share/man/*",
    "--dpkgopt=path-exclude=/usr/share/locale/*",
    "--dpkgopt=path-exclude=/usr/share/doc/*",
    "--customize-hook=rm -f $1/etc/apt/sources.list $1/etc/apt/sources.list.d/*",
    "--customize-hook=: > $1/etc/machine-id",
)

CGROUPS = Path("/sys/fs/cgroup")
LEGACY_HIERARCHIES = ("systemd", "unified", "memory", "pids")
START = """
set -e
for group in $GROUPS_OF_MACHINE; do mkdir -p $group; echo $$ > $group/cgroup.procs; done
exec unshare --mount --propagation slave \
    sh -c 'mount -t tmpfs -o mode=755 tmpfs /run && exec "$@"' sh "$@"
"""


def tree(suite: str) -> Path:
    """A minimal Debian of that suite, made once for each set of options."""
    key = hashlib.sha256("\n".join(TREE_OPTIONS).encode()).hexdigest()[:12]
    made = CACHE / f"{suite}-{key}"
    if not made.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        half_made = CACHE / f"{made.name}.{os.getpid()}"
        more = (UBUNTU_OPTIONS, (UBUNTU_MIRROR,)) if suite in UBUNTU else ((), ())
        options = ("--quiet", *TREE_OPTIONS, *more[0])
        host_command("mmdebstrap", *options, suite, str(half_made), *more[1])
        half_made.rename(made)
    return made


def host_command(*command: str, **environment: str) -> str:
    """Run a command on the host, without the caller's own Pythons; returns its output."""
    done = subprocess.run(
        command,
        env={**os.environ, "PATH": PATH, "LC_ALL": "C.UTF-8", **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command}: {done.stdout}"
    return done.stdout


class Machine:
    """A copy of a tree that boots. You must call `remove()` in the end.

    `shared`: folders of the host by their path inside, where they are read-only. `options` are
    further ones of nspawn.
    """

    def __init__(self, suite: str, work: Path, shared: Mapping[str, Path], *options: str) -> None:
        self.suite = suite
        self._options = options
        self._root = work / "root"
        self._console = work / "console.log"
        self._notify = work / "notify"
        self._shared = shared
        self._name = f"hawkeye-{suite}-{os.getpid()}-{next(COUNT)}"
        self._groups = _cgroups(self._name)
        self._nspawn: subprocess.Popen[bytes] | None = None
        self.leader = ""
        host_command("cp", "--archive", "--reflink=auto", str(tree(suite)), str(self._root))

    def boot(self) -> float:
        """Boot until systemd has started everything; returns the seconds it took."""
        began = time.monotonic()
        self._notify.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
            told.bind(str(self._notify))
            told.settimeout(60)
            self._start()
            while True:
                told_now = told.recv(4096).decode().splitlines()
                for line in told_now:
                    if line.startswith("X_NSPAWN_LEADER_PID="):
                        self.leader = line.split("=")[1]
                if "READY=1" in told_now:
                    break
        if not self._options:  # in a user namespace of its own, it has no limits to set
            self._allow_memory_limits()
        assert self.run("systemctl", "is-system-running", "--wait") == "running"
        return time.monotonic() - began

    def _start(self) -> None:
        binds = [f"--bind-ro={folder}:{place}" for place, folder in self._shared.items()]
        nspawn = "systemd-nspawn --quiet --boot --register=no --keep-unit --private-network"
        more = f"--notify-ready=yes --console=pipe --system-call-filter=bpf --machine={self._name}"
        with self._console.open("ab") as console:
            own_tree = f"--directory={self._root}"
            self._nspawn = subprocess.Popen(
                [
                    "sh",
                    "-c",
                    START,
                    "sh",
                    *nspawn.split(),
                    *more.split(),
                    *self._options,
                    *binds,
                    own_tree,
                ],
                env={
                    "PATH": PATH,
                    "NOTIFY_SOCKET": str(self._notify),
                    "GROUPS_OF_MACHINE": " ".join(map(str, self._groups)),
                },
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
            )

    def _allow_memory_limits(self) -> None:
        """On a host with cgroup v1, make the hierarchies writable that nspawn mounts read-only."""
        for group in self._groups:
            if group.parent.name in ("memory", "pids"):
                remount = ("mount", "-n", "-o", "remount,bind,rw")
                host_command("nsenter", "-t", self.leader, "-m", "--", *remount, str(group.parent))
        self.run("systemctl", "daemon-reexec")

    def power_off(self) -> None:
        """Shut it down as its power button does; it can boot again."""
        if self._nspawn is None:
            return
        self._nspawn.send_signal(signal.SIGTERM)
        try:
            self._nspawn.wait(30)
        except subprocess.TimeoutExpired:
            self._nspawn.kill()
            self._nspawn.wait()
        self._nspawn = None
        for group in self._groups:
            for folder, _, _ in os.walk(group, topdown=False):
                with contextlib.suppress(OSError):
                    os.rmdir(folder)

    def remove(self) -> None:
        """Power off, and delete the copy."""
        self.power_off()
        shutil.rmtree(self._root)

    def start(self, *command: str) -> subprocess.Popen[str]:
        """Run a command inside in the background, at most LIMIT_SECONDS; its stdin is a pipe."""
        users = ["-U"] if self._options else []
        inside = ("nsenter", "-t", self.leader, *users, "-m", "-u", "-i", "-n", "-p", "-C", "--")
        environment = ("env", "-i", f"PATH={PATH}", "LANG=C.UTF-8", "HOME=/root")
        return subprocess.Popen(
            [*inside, *environment, "timeout", "--signal=KILL", str(LIMIT_SECONDS), *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def attempt(self, *command: str) -> tuple[int, str]:
        """Run a command inside; returns its exit code and output."""
        with self.start(*command) as process:
            said, _ = process.communicate()
            return process.returncode, said.strip()

    def run(self, *command: str) -> str:
        """Run a command inside that must succeed; returns its output."""
        code, said = self.attempt(*command)
        assert code == 0, f"{' '.join(command)}: exit {code}: {said}"
        return said

    def shell(self, script: str) -> str:
        return self.run("sh", "-ec", script)

    def forbid_user_namespaces(self) -> None:
        """Set user.max_user_namespaces to 0, in the machine's own user namespace alone."""
        setting = "echo 0 > /proc/sys/user/max_user_namespaces"
        own = ("nsenter", "-t", self.leader, "-U", "--")
        assert os.stat(f"/proc/{self.leader}/ns/user") != os.stat("/proc/self/ns/user")
        host_command(*own, "sh", "-ec", setting)

    def network(self, command: str) -> str:
        """Run a command of the host in the machine's network, such as `ip`, which it has not."""
        return host_command("nsenter", "-t", self.leader, "-n", "--", "sh", "-ec", command)

    def write(self, path: str, text: str) -> None:
        place = self._root / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)

    def read(self, path: str) -> str:
        return (self._root / path.lstrip("/")).read_text()

    def exists(self, path: str) -> bool:
        return os.path.lexists(self._root / path.lstrip("/"))

    def show(self, unit_property: str, unit: str = "hawkeye-signaling.service") -> str:
        """A property of a unit, as `systemctl show` gives it."""
        return self.run("systemctl", "show", "--value", "--property", unit_property, unit)

    def until(self, condition: Callable[[], bool], seconds: float, what: str) -> float:
        """Wait until `condition` holds; returns the seconds it took."""
        began = time.monotonic()
        while not condition():
            assert time.monotonic() - began < seconds, f"not within {seconds} s: {what}"
            time.sleep(0.05)
        return time.monotonic() - began


def _cgroups(name: str) -> list[Path]:
    """The cgroups of the machine, on hosts with cgroup v1, v2 or both."""
    if (CGROUPS / "cgroup.controllers").exists():
        return [CGROUPS / name]
    return [CGROUPS / h / name for h in LEGACY_HIERARCHIES if (CGROUPS / h).exists()]
