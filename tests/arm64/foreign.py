"""A tree of another architecture, unpacked from an offline repository, whose programs qemu runs.

Nothing is configured or booted: packages are unpacked, and one program at a time runs in the tree
under qemu-user. No binfmt_misc is needed, because the server starts no other program.
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


class Tree:
    """An unpacked tree. `emulator`: the static qemu of its architecture."""

    def __init__(self, tree: Path, emulator: Path) -> None:
        self.root = tree
        self._emulator = emulator.name
        shutil.copy(emulator, tree / emulator.name)

    def command(self, *command: str) -> list[str]:
        """What runs a program of the tree: a path, then its arguments."""
        setup = (
            'mount --bind /proc "$0/proc"; mount --rbind /dev "$0/dev";'
            'mount -t tmpfs tmpfs "$0/tmp";'
            'exec chroot "$0" "$@"'
        )
        emulated = (f"/{self._emulator}", *command)
        return ["unshare", "--mount", "sh", "-ec", setup, str(self.root), *emulated]

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

    def __init__(self, tree: Tree, python: str, folder: Path, port: int) -> None:
        self.port = port
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
