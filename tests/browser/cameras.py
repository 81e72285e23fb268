"""The camera programs of docs/examples as processes, and a Python that runs GStreamer's."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator, Mapping, Sequence

import av

from integration.server import ROOT, ServerProcess

EXAMPLES = ROOT / "docs" / "examples"
DEBIANS_PYTHON = "/usr/bin/python3"
"""It has Debian's python3-gi."""
PATIENCE = 40.0
"""Seconds; a call that has to be started again takes 10."""


class Program:
    """A running program, and its lines."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []
        self._changed = threading.Condition()
        self._ended = False
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._changed:
                self.lines.append(line.rstrip("\n"))
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def line(self, text: str, after: int = 0, seconds: float = PATIENCE) -> None:
        """Wait for a line with `text`, not looking at the first `after`."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while not any(text in line for line in self.lines[after:]):
                left = 0 if self._ended else deadline - time.monotonic()
                assert left > 0, f"no {text!r} in {self.lines[after:][-20:]}"
                self._changed.wait(left)

    def frames(self, more: int = 30) -> None:
        """Wait for so many more frames than until now (gcom.py --frames)."""
        deadline = time.monotonic() + PATIENCE
        with self._changed:
            wanted = self._count() + more
            while self._count() < wanted:
                left = deadline - time.monotonic()
                assert left > 0, f"{self._count()} of {wanted} frames; {self.lines[-5:]}"
                self._changed.wait(left)

    def _count(self) -> int:
        return sum(": frame " in line for line in self.lines)


@contextmanager
def running(command: Sequence[str]) -> Iterator[Program]:
    """Run a program, and kill it at the end."""
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8"
    )
    try:
        yield Program(process)
    finally:
        process.kill()
        process.wait()


def joined(server: ServerProcess, room: str, name: str) -> list[str]:
    """The arguments that let an example join as that peer."""
    return [server.url, "--room", room, "--name", name, "--role", name]


def python_node(server: ServerProcess, room: str, *options: str) -> Sequence[str]:
    """streaming_node.py, as a command."""
    file = str(EXAMPLES / "streaming_node.py")
    return [sys.executable, file, *joined(server, room, "streaming-node"), *options]


def python_gcom(server: ServerProcess, room: str, name: str = "gcom") -> Sequence[str]:
    """gcom.py, as a command."""
    file = str(EXAMPLES / "gcom.py")
    return [sys.executable, file, *joined(server, room, name), "--frames"]


def film(folder: Path) -> Path:
    """A file with two seconds of video, 160x120."""
    file = folder / "film.mp4"
    with av.open(str(file), "w") as container:
        stream = container.add_stream("libx264", rate=15)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        for _ in range(30):
            container.mux(stream.encode(av.VideoFrame(160, 120, "yuv420p")))
        container.mux(stream.encode())
    return file


FIREFOX = {
    "app.update.enabled": "false",
    "browser.shell.checkDefaultBrowser": "false",
    "datareporting.policy.dataSubmissionEnabled": "false",
    "media.autoplay.default": "0",
    "media.gmp-manager.updateEnabled": "false",
    "media.peerconnection.ice.loopback": "true",
    "media.peerconnection.ice.obfuscate_host_addresses": "false",
}
"""Preferences: no request of its own, and no mDNS, which a test machine lacks."""


def firefox(home: Path, url: str, preferences: Mapping[str, str] = FIREFOX) -> Sequence[str]:
    """Debian's Firefox, headless, with one page, as a command."""
    profile = home / "profile"
    profile.mkdir(parents=True)
    lines = [f'user_pref("{key}", {value});' for key, value in preferences.items()]
    (profile / "user.js").write_text("\n".join(lines))
    start = ["env", f"HOME={home}", "firefox-esr", "--headless", "--no-remote"]
    return [*start, "--profile", str(profile), url]
