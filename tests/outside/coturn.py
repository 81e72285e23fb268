"""A TURN server: Debian's package coturn, on loopback."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Sequence

from integration.server import PATIENCE

OPTIONS = """
    --no-dtls --no-cli --no-rfc5780 --log-file=stdout --realm=hawkeye --verbose
    --listening-ip=127.0.0.1 --listening-ip=::1 --relay-ip=127.0.0.1 --allow-loopback-peers
    --use-auth-secret
"""


def free_port() -> int:
    """A port that is free for TCP and UDP."""
    while True:
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
            tcp.bind(("127.0.0.1", 0))
            port = int(tcp.getsockname()[1])
            with contextlib.suppress(OSError):
                udp.bind(("127.0.0.1", port))
                return port


class Coturn:
    """A running TURN server. Use it as a context manager, which ends the process."""

    def __init__(
        self,
        folder: Path,
        secret: str,
        *options: str,
        port: int = 0,
        before: Sequence[str] = (),
    ) -> None:
        """`before`: a command that runs it, such as one with another clock."""
        self.port, self.tls_port = port or free_port(), free_port()
        self._log = folder / "log"
        command = [
            *(*before, "turnserver", "-n", *OPTIONS.split(), f"--static-auth-secret={secret}"),
            *(f"--listening-port={self.port}", f"--tls-listening-port={self.tls_port}"),
            *(f"--userdb={folder}/db", f"--pidfile={folder}/pid", *options),
        ]
        with self._log.open("w") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)

    def __enter__(self) -> Coturn:
        deadline = time.monotonic() + PATIENCE
        while True:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port)).close()
                return self
            assert self._process.poll() is None, self._log.read_text()
            assert time.monotonic() < deadline, self._log.read_text()
            time.sleep(0.05)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """The id of its process."""
        return self._process.pid

    def stop(self) -> None:
        """End it before its time."""
        self._process.terminate()
        self._process.send_signal(signal.SIGCONT)  # it may be frozen
        self._process.wait(PATIENCE)

    def log(self) -> str:
        """What it has logged so far."""
        return self._log.read_text()
