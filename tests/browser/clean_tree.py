"""A Debian 12 in which nothing is installed yet, in whose terminals tests type commands.

It shares the network, the resolver and the certificates of this machine, and nothing else.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

from browser.cameras import Program
from integration.server import ROOT

PATIENCE = 900.0
"""Seconds for a command that installs something."""
RESOLVER = "/etc/resolv.conf"
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
THERE = "/opt/certificates.crt"
"""CERTIFICATES in the tree, where its own package ca-certificates does not overwrite them."""
TRUST = ("PIP_CERT", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "npm_config_cafile")
KEPT = ("_proxy", "pip_index_url", "npm_config_registry")
"""How this machine reaches registries: ends of names of variables."""
ENTER = """
mount -t proc proc "$0/proc"
mount --rbind /dev "$0/dev"
exec chroot "$0" "$@"
"""


class CleanTree:
    """The tree, with a clone of this repository in /root."""

    def __init__(self, root: Path) -> None:
        self.root = root
        command = ("mmdebstrap", "--quiet", "--mode=root", "--variant=apt", "bookworm", str(root))
        subprocess.run(command, check=True)
        shutil.copy(RESOLVER, root / RESOLVER[1:])
        shutil.copy(CERTIFICATES, root / THERE[1:])
        self.home = root / "root"
        self.clone = self.home / "hawkeye-signaling"
        subprocess.run(("git", "clone", "--quiet", str(ROOT), str(self.clone)), check=True)
        self.seconds: dict[str, float] = {}
        """What each command took."""

    def _command(self, text: str, folder: str) -> list[str]:
        kept = [f"{k}={v}" for k, v in os.environ.items() if k.lower().endswith(KEPT)]
        environment = ("PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8")
        typed = f"cd /root/hawkeye-signaling/{folder} && {text}"
        kept += [f"{name}={THERE}" for name in TRUST]
        shell = ("env", "-i", *environment, "PYTHONUNBUFFERED=1", *kept, "bash", "-ec", typed)
        own = ("unshare", "--mount", "--pid", "--fork", "--kill-child")
        return [*own, "sh", "-ec", ENTER, str(self.root), *shell]

    def type(self, text: str, folder: str = ".") -> str:
        """Type commands that end; returns what they print."""
        began = time.monotonic()
        done = subprocess.run(
            self._command(text, folder),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == 0, f"{text}: {done.stdout[-3000:]}"
        self.seconds[text.strip()] = time.monotonic() - began
        return done.stdout

    def install(self, line: str) -> None:
        """Type an `apt install` line, and answer yes."""
        yes = "DEBIAN_FRONTEND=noninteractive apt-get --yes --quiet"
        self.type(f"{yes} update")
        self.type(line.replace("apt install", f"{yes} install --no-install-recommends", 1))

    @contextmanager
    def running(self, text: str, folder: str = ".") -> Iterator[Program]:
        """Type a command that goes on; it is killed at the end."""
        process = subprocess.Popen(
            self._command(text, folder),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            start_new_session=True,
        )
        try:
            yield Program(process)
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
