"""A tree of another system, unpacked from Debian's packages and ours, whose programs run here.

Nothing is configured or booted: packages are unpacked, and one program at a time runs in the tree,
under qemu-user if the tree is of another architecture. No binfmt_misc is needed, because the server
starts no other program.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from pathlib import Path
from typing import Any

from appliance.machine import ROOT, host_command

PATIENCE = 400.0
"""Seconds; emulation takes ten to thirty times as long."""
MERGED = ("bin", "sbin", "lib")
"""Links to the same below usr, in every Debian from 12 on."""

WATCHED = {"WATCHDOG_USEC": "15000000", "LC_ALL": "C.UTF-8"}
"""As systemd sets it for WatchdogSec=15."""


def unpack(repository: Path, tree: Path) -> list[str]:
    """Unpack all packages of a repository; returns their file names."""
    for name in MERGED:
        (tree / "usr" / name).mkdir(parents=True)
        (tree / name).symlink_to(f"usr/{name}")
    debs = sorted(repository.glob("*.deb"))
    for deb in debs:
        with subprocess.Popen(
            ["dpkg-deb", "--fsys-tarfile", str(deb)], stdout=subprocess.PIPE
        ) as tar:
            command = ["tar", "-x", "--keep-directory-symlink", "-C", str(tree)]
            subprocess.run(command, stdin=tar.stdout, check=True)
        assert tar.returncode == 0, deb
    for folder in ("proc", "dev", "tmp", "run"):
        (tree / folder).mkdir(exist_ok=True)
    return [deb.name for deb in debs]


def debian_11(deb: Path, architecture: str, work: Path) -> Path:
    """The tree of a Debian 11 with hawkeye-signaling-bundled, made from `deb`.

    Not from a repository of ours: Debian no longer has the security updates that it would contain.
    """
    script = str(ROOT / "packaging/build-bundled.sh")
    options = ("--python", "3.9", "--arch", architecture, "--output", str(work))
    made = host_command(script, *options, str(deb)).splitlines()[-1]
    needs = "python3,python3-sdnotify,python3-systemd,python3-uvloop,python3-yaml"
    mmdebstrap = f"mmdebstrap --quiet --mode=root --variant=extract --architectures={architecture}"
    source = "deb http://deb.debian.org/debian bullseye main"
    tree = work / "tree"
    host_command(*mmdebstrap.split(), f"--include={needs}", "bullseye", str(tree), source)
    host_command("dpkg-deb", "--extract", made, str(tree))
    for name in ("proc", "run"):
        (tree / name).mkdir(exist_ok=True)
    return tree


class Tree:
    """An unpacked tree. `emulator`: the static qemu of its architecture, if that is another."""

    def __init__(self, tree: Path, emulator: Path | None = None) -> None:
        self.root = tree
        self._emulator = [f"/{emulator.name}"] if emulator else []
        if emulator:
            shutil.copy(emulator, tree / emulator.name)

    def command(self, *command: str) -> list[str]:
        """What runs a program of the tree: a path, then its arguments."""
        setup = (
            'mount --bind /proc "$0/proc"; mount --rbind /dev "$0/dev";'
            'mount -t tmpfs tmpfs "$0/tmp";'
            'exec chroot "$0" "$@"'
        )
        inside = [str(self.root), *self._emulator, *command]
        return ["unshare", "--mount", "sh", "-ec", setup, *inside]

    def run(self, *command: str) -> str:
        done = subprocess.run(
            self.command(*command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout


class Served:
    """The server of the tree, with a socket in place of systemd's. A context manager."""

    def __init__(self, tree: Tree, python: str, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            self.port = int(taken.getsockname()[1])
        settings = tree.root / "etc/hawkeye-signaling/conf.d/port.yaml"
        settings.write_text(f"listen: {{host: 127.0.0.1, port: {self.port}}}\n")
        self._tree, self._python = tree, python
        self._log = folder / "log"
        # In the tree, because the server sees no other folder.
        self._notify = tree.root / "run" / "notify"

    def __enter__(self) -> Served:
        self._notify.unlink(missing_ok=True)
        self._told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._told.bind(str(self._notify))
        self._told.settimeout(PATIENCE)
        program = "/usr/bin/hawkeye-signaling"
        with self._log.open("w") as log:
            self.process = subprocess.Popen(
                self._tree.command(self._python, "-I", program, "serve"),
                env={**os.environ, "NOTIFY_SOCKET": "/run/notify", **WATCHED},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(PATIENCE)
        self._told.close()

    def until(self, message: str) -> list[str]:
        """Wait until it has told systemd this; returns all that it told."""
        told: list[str] = []
        deadline = time.monotonic() + PATIENCE
        while message not in told:
            assert self.process.poll() is None, self.log()
            assert time.monotonic() < deadline, (told, self.log())
            told += self._told.recv(4096).decode("ascii").splitlines()
        return told

    def log(self) -> str:
        return self._log.read_text()

    def health(self) -> Any:
        url = f"http://127.0.0.1:{self.port}/healthz"
        with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
            return json.loads(answer.read())

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)
