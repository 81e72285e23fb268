"""Failures by real programs, and what the server says of each: the table of
docs/troubleshooting.md.

Each failure is staged in a room of its own. `Room.until` waits for a sentence; the seconds count
from when its cause was there.
"""

from __future__ import annotations

import contextlib
import json
import signal
import sys
import time
import urllib.request
from typing import Any, Callable, NamedTuple
from urllib.parse import urlencode

from faults.programs import ROOT, Program

PATIENCE = 75.0
FAULTY = str(ROOT / "tests" / "faults" / "faulty.py")
TODAYS_NODE = ("env", "PYTHONPATH=tests", sys.executable, "-m", "integration.webrtc")


class Said(NamedTuple):
    """A finding, and when it was there."""

    finding: dict[str, Any]
    at: float


class Room:
    """A room of a server, and the programs in it. Use it as a context manager."""

    def __init__(
        self, url: str, name: str, ask: Callable[[], dict[str, Any]] | None = None
    ) -> None:
        """`ask` gives the status, if not the server at `url` itself."""
        self.url = url
        self.name = name
        self._ask = ask
        self._programs: dict[str, Program] = {}
        self._exits = contextlib.ExitStack()

    def __enter__(self) -> Room:
        return self

    def __exit__(self, *_: object) -> None:
        self._exits.close()

    def start(self, program: str, name: str = "", room: str = "", **query: str) -> Program:
        """Start a program of faulty.py, or "today" (the node of today), under a name."""
        kind = program.rpartition("-")[2]
        role = {"node": "streaming-node", "today": "streaming-node"}.get(kind, kind)
        name = name or role
        known = {"room": room or self.name, "name": name, "role": role, **query}
        url = f"{self.url}/?{urlencode(known)}"
        command = (*TODAYS_NODE, url)
        if program != "today":
            command = (sys.executable, FAULTY, program, url)
        made = self._exits.enter_context(Program(command))
        made.start()
        self._programs[name] = made
        return made

    def end(self, name: str) -> None:
        """A program ends for good, as if its machine had lost its power."""
        self._programs[name].stop(signal.SIGKILL)

    def status(self) -> dict[str, Any]:
        """The body of /api/status."""
        if self._ask is not None:
            return self._ask()
        with urllib.request.urlopen(f"{self.url}/api/status", timeout=20) as answer:
            body: dict[str, Any] = json.load(answer)
        return body

    def here(self) -> dict[str, Any] | None:
        """This room's part of it."""
        return next((room for room in self.status()["rooms"] if room["room"] == self.name), None)

    def findings(self) -> list[dict[str, Any]]:
        """What is said of this room, the worst first; of clients in no room as well."""
        status = self.status()
        found = list(status["diagnosis"])
        for room in status["rooms"]:
            if room["room"] == self.name:
                pairs = [finding for pair in room["pairs"] for finding in pair["diagnosis"]]
                found = [*pairs, *room["diagnosis"], *found]
        return found

    def await_peers(self, *names: str) -> float:
        """Wait until these are here; returns the time (monotonic, s)."""

        def there() -> bool | None:
            room = self.here()
            present = {peer["peer_id"] for peer in room["peers"]} if room else set()
            return {*names} <= present or None

        return self.wait(there)[1]

    def await_state(self, state: str) -> float:
        """Wait until a pair is in a state; returns the time (monotonic, s)."""

        def there() -> bool | None:
            room = self.here()
            return any(pair["state"] == state for pair in room["pairs"]) or None if room else None

        return self.wait(there)[1]

    def until(self, code: str, text: str = "", **fields: Any) -> Said:
        """Wait for a finding of this code, with `text` in its sentence and these other fields."""

        def is_it(one: dict[str, Any]) -> bool:
            return one["code"] == code and text in one["text"] and fields.items() <= one.items()

        def there() -> dict[str, Any] | None:
            return next(filter(is_it, self.findings()), None)

        return Said(*self.wait(there))

    def until_gone(self, code: str) -> float:
        """Wait until no finding has this code; returns the time (monotonic, s)."""
        return self.wait(lambda: all(one["code"] != code for one in self.findings()) or None)[1]

    def wait(self, ask: Callable[[], Any]) -> tuple[Any, float]:
        """Ask until the answer is not None; (answer, time)."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            answer = ask()
            if answer is not None:
                return answer, time.monotonic()
            time.sleep(0.1)
        raise AssertionError(f"still: {json.dumps(self.here())} {self.findings()}")


class Failure(NamedTuple):
    """A failure: `stage` brings it about, and returns when its cause was there."""

    title: str
    stage: Callable[[Room], float] | None
    """None: it needs more than one machine."""
    code: str
    text: str
    """A part of the sentence."""
    side: str | None
    cure: Callable[[Room], None] | None = None
    """What makes it go away."""
    within: float = 10.0
    """Seconds within which the sentence has to be there."""


def both(node: str, gcom: str) -> Callable[[Room], float]:
    """Two programs join."""

    def stage(room: Room) -> float:
        room.start(node)
        room.start(gcom)
        return room.await_peers("streaming-node", "gcom")

    return stage


def instead(old: str, new: str) -> Callable[[Room], None]:
    """A program that works takes the place of one that does not."""

    def cure(room: Room) -> None:
        room.end(old)
        room.start(new, name=old)
        room.await_state("connected")

    return cure


def node_lost(program: str) -> Callable[[Room], float]:
    """The node loses its power while the video flows."""

    def stage(room: Room) -> float:
        room.start(program)
        gcom = room.start("gcom")
        room.await_state("connected")  # as one of the two reports it
        gcom.wait_for("frame", 30)
        room.end("streaming-node")
        return time.monotonic()

    return stage


def node_returns(program: str) -> Callable[[Room], None]:
    """The node is back, under its name."""

    def cure(room: Room) -> None:
        room.start(program, name="streaming-node")
        room.await_state("connected")

    return cure


def still_camera(room: Room) -> float:
    room.start("still-node")
    gcom = room.start("gcom")
    gcom.wait_for("frame", 30)
    time.sleep(1.0)
    return gcom.frames[-1]


def lone(*peers: tuple[str, str]) -> Callable[[Room], float]:
    """Each peer joins a room of its own; the first that of the test."""

    def stage(room: Room) -> float:
        for program, where in peers:
            room.start(program, name=f"{program}-in{where}", room=f"{room.name}{where}")
        for program, where in peers:
            with Room(room.url, f"{room.name}{where}") as other:
                at = other.await_peers(f"{program}-in{where}")
        return at

    return stage


def stranger(room: Room) -> float:
    """A client of another age asks to come in."""
    with contextlib.suppress(OSError):
        urllib.request.urlopen(f"{room.url}/socket.io/?EIO=3&transport=polling", timeout=20)
    return time.monotonic()


def two_nodes(room: Room) -> float:
    room.start("gcom")
    room.start("today")
    room.await_peers("gcom", "streaming-node")
    room.start("today", name="streaming-node")
    return time.monotonic()


def goodbye(room: Room) -> float:
    room.start("gcom")
    room.start("node")
    room.await_state("connected")
    room._programs["streaming-node"].stop(signal.SIGINT)
    return time.monotonic()


def third_peer(room: Room) -> float:
    room.start("today")
    room.start("gcom")
    room.await_peers("gcom", "streaming-node")
    room.start("gcom", name="laptop")
    return room.await_peers("laptop")


def third_leaves(room: Room) -> None:
    room.end("laptop")


FAILURES = {
    "node-lost": Failure(
        "the node of today is lost in flight",
        node_lost("today"),
        "lost",
        "streaming-node was lost",
        "streaming-node",
        node_returns("today"),
        within=12.0,  # the picture has to stand still before the call is known to be over
    ),
    "node-away": Failure(
        "the example's node is lost in flight",
        node_lost("node"),
        "away",
        "streaming-node lost its connection",
        "streaming-node",
        node_returns("node"),
    ),
    "failing-gcom": Failure(
        "GCOM ends of each offer",
        both("node", "failing-gcom"),
        "crashes-on-offer",
        "its program fails on the offer",
        "gcom",
        instead("gcom", "gcom"),
    ),
    "silent-gcom": Failure(
        "GCOM does not answer",
        both("node", "silent-gcom"),
        "no-answer",
        "gcom was sent an offer",
        "gcom",
        instead("gcom", "gcom"),
    ),
    "lazy-node": Failure(
        "the node waits for its camera, and does not offer",
        both("lazy-node", "gcom"),
        "no-offer",
        "streaming-node has not sent an offer",
        "streaming-node",
        instead("streaming-node", "node"),
    ),
    "dark-camera": Failure(
        "connected, and the camera gives no frame",
        both("dark-node", "gcom"),
        "no-frames",
        "streaming-node sends nothing",
        "streaming-node",
        instead("streaming-node", "node"),
        within=12.0,
    ),
    "still-camera": Failure(
        "the camera stops in the middle",
        still_camera,
        "frozen",
        "The picture at gcom has stood still",
        "streaming-node",
        instead("streaming-node", "node"),
    ),
    "wrong-type": Failure(
        "a wrong type of signal",
        both("renaming-node", "gcom"),
        "refused",
        'this one is "Offer"',
        "streaming-node",
    ),
    "wrong-event": Failure(
        "a wrong event",
        both("event-node", "gcom"),
        "refused",
        'knows no event "offer"',
        "streaming-node",
    ),
    "munged-sdp": Failure(
        "the SDP lacks its fingerprint",
        both("munging-node", "gcom"),
        "incomplete-sdp",
        "lacks a=fingerprint",
        "streaming-node",
        instead("streaming-node", "node"),
    ),
    "empty-sdp": Failure(
        "the offer has no SDP",
        both("empty-node", "gcom"),
        "unreadable-sdp",
        "contains no readable SDP",
        "streaming-node",
        instead("streaming-node", "node"),
    ),
    "recvonly": Failure(
        "neither side sends",
        both("receiving-node", "gcom"),
        "no-sender",
        "No video can flow",
        None,
        instead("streaming-node", "node"),
    ),
    "dtls-roles": Failure(
        "the answer keeps the offer's DTLS role",
        both("node", "active-gcom"),
        "dtls-roles",
        "The DTLS roles do not match",
        None,
        instead("gcom", "gcom"),
    ),
    "glare": Failure(
        "both offer, and neither yields",
        both("offering-node", "offering-gcom"),
        "glare",
        "Both sides offered at once",
        None,
    ),
    "three-lone": Failure(
        "three peers, each alone in a room",
        lone(("gcom", ""), ("node", "-1"), ("lazy-node", "-test")),
        "other-room",
        "is that the same drone?",
        None,
    ),
    "stranger": Failure(
        "a Socket.IO client 2.x",
        stranger,
        "refused",
        "Socket.IO client 1.x or 2.x",
        None,
    ),
    "two-nodes": Failure(
        "two machines use one name",
        two_nodes,
        "name-in-use",
        "use the name streaming-node",
        None,
        within=30.0,
    ),
    "goodbye": Failure(
        "the node's program is ended",
        goodbye,
        "alone",
        "streaming-node left",
        None,
        node_returns("node"),
    ),
    "third-peer": Failure(
        "a third peer joins a node that keeps one call",
        third_peer,
        "crowded",
        "A third peer has joined (laptop)",
        None,
        third_leaves,
    ),
}


REFUSED = {
    "wrong-token": Failure(
        "a wrong token",
        None,
        "refused",
        "unknown token",
        None,
    ),
    "wrong-room": Failure(
        "a room that the token is not for",
        None,
        "refused",
        "the token is not for this room",
        None,
    ),
}
"""Failures at a server with tokens, which test_words.py stages."""

NO_PATH = {
    "one-subnet": Failure(
        "no packet passes within one subnet",
        None,
        "blocked",
        "are in one subnet",
        None,
    ),
    "two-subnets": Failure(
        "two subnets without a route",
        None,
        "needs-turn",
        "relay candidate: they need a TURN server",
        None,
    ),
}
"""Failures between machines, which test_words.py stages in network namespaces."""

TURN = {
    "turn-secret": Failure(
        "coturn has another secret",
        None,
        "ice-server-refuses",
        "it answers, but refuses: 401",
        None,
    ),
    "turn-clock": Failure(
        "the clock of coturn is 3 h ahead",
        None,
        "ice-server-refuses",
        "it answers, but refuses: 401",
        None,
    ),
    "turn-silent": Failure(
        "coturn is frozen",
        None,
        "ice-server-silent",
        "silent for",
        None,
        within=60.0,
    ),
}
"""Failures of a TURN server, which tests/outside stages."""

BROWSER = {
    "no-codec": Failure(
        "Chromium without H264, and a node with nothing else",
        None,
        "video-refused",
        "gcom refused the offered video (H264",
        None,
    ),
    "profile": Failure(
        "a profile of H264 that Chromium does not decode",
        None,
        "video-refused",
        "gcom refused the offered video (H264, profile 640032)",
        None,
    ),
    "browser-clock": Failure(
        "the clock of the device is 3 h ahead",
        None,
        "clock",
        "The clock of this device is 3 h ahead of that of the server",
        None,
    ),
}
"""Failures of a browser, which tests/browser stages."""

ALL = {**FAILURES, **REFUSED, **NO_PATH, **TURN, **BROWSER}
"""Each is a row of the table in docs/troubleshooting.md."""
