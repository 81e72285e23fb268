"""A server, a Streaming Node and a GCOM, each on its machine, and what their video does."""

from __future__ import annotations

import contextlib
import shutil
import sys
import time
from pathlib import Path
from typing import NamedTuple, Sequence
from urllib.parse import urlencode

import yaml

from faults.network import Network
from faults.programs import ROOT, Program

STALL = 0.5
"""Seconds without a frame after which the video counts as stopped."""
PATIENCE = 60.0
"""Seconds after which a video that does not come back counts as lost."""


class Clients(NamedTuple):
    """A kind of Streaming Node and of GCOM: the command of each, without its URL."""

    title: str
    """The head of a column in docs/recovery.md."""
    node: Sequence[str]
    gcom: Sequence[str]
    has_session: bool = True
    has_name: bool = True
    plain: bool = False
    """Whether the server only forwards signals to all others, and holds none."""


def _python(file: str, *arguments: str) -> Sequence[str]:
    return (sys.executable, str(ROOT / file), *arguments)


def _javascript(program: str, *arguments: str) -> Sequence[str]:
    folder = ROOT / "tests" / "js"
    shim = (folder / "webrtc.mjs").as_uri()
    return (shutil.which("node") or "node", "--import", shim, str(folder / program), *arguments)


_TODAYS_NODE = ("env", "PYTHONPATH=tests", sys.executable, "-m", "integration.webrtc")
_TODAYS = (_TODAYS_NODE, _javascript("gcom-today.mjs"))

CLIENTS = {
    "python": Clients(
        "Python examples",
        _python("tests/faults/example_node.py"),
        _python("docs/examples/gcom.py", "--frames"),
    ),
    "javascript": Clients(
        "JavaScript examples",
        _javascript("example.mjs", "streaming-node"),
        _javascript("example.mjs", "gcom"),
    ),
    "mixed": Clients(
        "Python node, JavaScript GCOM",
        _python("docs/examples/streaming_node.py"),
        _javascript("example.mjs", "gcom"),
    ),
    "page": Clients(
        "Python node, /gcom in Chromium",
        _python("docs/examples/streaming_node.py"),
        _python("tests/faults/gcom_in_chromium.py"),
    ),
    "today": Clients("Today's clients, named", *_TODAYS, has_session=False),
    "plain": Clients(
        "Today's clients, plain forwarding",
        *_TODAYS,
        has_session=False,
        has_name=False,
        plain=True,
    ),
}


class Outcome(NamedTuple):
    """The video from the fault on. Times in seconds."""

    flows_after: float | None
    """From the repair until frames flowed for good; None: they never did."""
    longest_gap: float
    """Between two frames; at least PATIENCE if the video did not come back."""
    falls: int
    """How often a client ended by itself (and was restarted)."""

    @property
    def stopped(self) -> bool:
        """Whether the video stopped visibly."""
        return self.longest_gap > STALL


class Stage:
    """The network and all programs. Use it as a context manager."""

    def __init__(self, clients: Clients, folder: Path) -> None:
        self._exits = contextlib.ExitStack()
        self._clients = clients
        self._config = folder / "config.yaml"

    def __enter__(self) -> Stage:
        config = {"listen": {"host": "0.0.0.0", "port": 8080}}
        if self._clients.plain:
            config = {**config, "rooms": {"announce": "newcomers"}, "hold": {"enabled": False}}
        self._config.write_text(yaml.safe_dump(config))
        with self._exits:
            self.network = self._exits.enter_context(Network())
            serve = ("-m", "signaling_server", "serve", "--config", str(self._config))
            self.server = self.add("relay", sys.executable, *serve)
            self.node = self.add_node()
            self.gcom = self.add_gcom()
            self._exits = self._exits.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._exits.close()

    @property
    def sessions(self) -> bool:
        """Whether the clients have sessions."""
        return self._clients.has_session

    def add(self, machine: str, *command: str) -> Program:
        """A program on a machine, not yet started."""
        return self._exits.enter_context(Program(self.network.command(machine, *command)))

    def add_node(self) -> Program:
        """A Streaming Node, not yet started."""
        return self.add("drone", *self._clients.node, self._url("drone", "streaming-node"))

    def add_gcom(self, name: str = "gcom") -> Program:
        """A GCOM, not yet started. Its temporary files go when the stage does."""
        url = self._url("ground", name, "gcom")
        return self.add("ground", "env", f"TMPDIR={self._config.parent}", *self._clients.gcom, url)

    def _url(self, machine: str, name: str, role: str = "") -> str:
        known = {"name": name, "role": role or name}
        query = urlencode(known) if self._clients.has_name else ""
        return f"{self.network.url(machine)}?{query}"

    def start_server(self) -> None:
        """Start the server, and wait until it listens."""
        self.server.start()
        self.server.wait_for("listens on")

    def await_join(self) -> None:
        """Wait until a client has joined the room."""
        self.server.wait_for(" joined from ")

    def start(self) -> None:
        """Start all programs, and wait until the video flows."""
        self.start_server()
        self.node.start()
        self.await_join()  # the order in which plain forwarding works
        began = self.gcom.start()
        outcome = self.outcome(began, began, quiet=1.0)
        assert outcome.flows_after is not None, "no video to begin with"

    def outcome(self, fault: float, repaired: float, quiet: float) -> Outcome:
        """Wait until frames flowed for `quiet` seconds since `repaired`, or for PATIENCE."""
        while True:
            now = time.monotonic()
            frames = [at for at in self.gcom.frames if at >= fault]
            times = [fault, *frames, now]
            gaps = [(b - a, b) for a, b in zip(times, times[1:])]
            longest = max(gaps)[0]
            stalled = max((end for gap, end in gaps if gap > STALL), default=repaired)
            flows = bool(frames) and stalled < now and now - max(stalled, repaired) >= quiet
            if flows or now - repaired > PATIENCE:
                falls = self.node.falls + self.gcom.falls
                after = max(0.0, stalled - repaired) if flows else None
                return Outcome(after, longest, falls)
            time.sleep(0.1)
