"""The server names each failure of real programs, who has to act, and soon; and says nothing wrong
of calls that work.
"""

from __future__ import annotations

import contextlib
import json
import re
import signal
import time
import urllib.request
from functools import partial
from pathlib import Path
from typing import Any, Iterator, NamedTuple, Sequence

import pytest

from faults.beside import Beside, Play
from faults.gstreamer import make_python
from faults.network import RADIO, Network
from faults.programs import ROOT
from faults.stage import CLIENTS, Stage, gstreamer
from faults.truth import Lines, Truth, Watch
from faults.words import ALL, FAILURES, NO_PATH, REFUSED, Room
from integration.credentials import new_token, write_tokens
from integration.server import ServerProcess
from needs import require_javascript

TROUBLESHOOTING = ROOT / "docs" / "troubleshooting.md"


@pytest.fixture(scope="module")
def beside(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Beside]:
    """The plays of the tests of this module that were selected, on their way."""
    here = [item for item in request.session.items if item.path == request.path]
    known = [item.callspec.params.get("play") for item in here if hasattr(item, "callspec")]
    plays = [play for play in known if play]
    with Beside(plays, lambda name: tmp_path_factory.mktemp(name)) as beside:
        yield beside


def staged(plays: Sequence[Play]) -> pytest.MarkDecorator:
    """Mark a test that waits for each of these plays."""
    return pytest.mark.parametrize("play", plays, ids=[play.name for play in plays])


def name_failure(name: str, folder: Path) -> str:
    """Bring a failure about at a server of its own, until its sentence is there; then its cure."""
    failure = FAILURES[name]
    with ServerProcess(folder) as server, Room(server.url, name) as room:
        assert failure.stage
        began = failure.stage(room)
        # While a side still reports that its call stands, the loss is a note on neither side.
        said = room.until(failure.code, failure.text, side=failure.side)
        seconds = max(0.0, said.at - began)
        assert said.finding["advice"]
        assert seconds <= failure.within, (seconds, said.finding)
        if failure.cure:
            failure.cure(room)
            room.until_gone(failure.code)
    return f"{seconds:.1f} {said.finding['text']}{' GONE' if failure.cure else ''}"


@staged([Play(name, partial(name_failure, name)) for name in FAILURES])
def test_failure_is_named_with_who_has_to_act(beside: Beside, play: Play) -> None:
    print("SAID", play.name, beside.said(play.name))


# --- with tokens ----------------------------------------------------------------------------------


@contextlib.contextmanager
def requiring_tokens(folder: Path) -> Iterator[Closed]:
    """A server that requires them."""
    node, node_line = new_token("streaming-node", "drone-1")
    gcom, gcom_line = new_token("gcom", "drone-1")
    watcher, line = new_token("watcher")
    lines = [node_line, gcom_line, line.replace("}", ", can: [status]}")]
    config = {"auth": {"tokens_file": write_tokens(folder, lines)}}
    with ServerProcess(folder, config) as server:
        yield Closed(server.url, {"node": node, "gcom": gcom, "watcher": watcher})


class Closed(NamedTuple):
    """A server that requires tokens, and the tokens."""

    url: str
    tokens: dict[str, str]

    def status(self) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self.tokens['watcher']}"}
        request = urllib.request.Request(f"{self.url}/api/status", headers=headers)
        with urllib.request.urlopen(request, timeout=20) as answer:
            body: dict[str, Any] = json.load(answer)
        return body


def wrong_token(room: Room, tokens: dict[str, str]) -> None:
    """GCOM gives a token that was mistyped."""
    room.start("gcom", token=tokens["gcom"][:-1] + "!")


def wrong_room(room: Room, tokens: dict[str, str]) -> None:
    """GCOM gives a room that its token is not for."""
    room.start("gcom", room="drone-2", token=tokens["gcom"])


def refuse(name: str, folder: Path) -> str:
    """GCOM is refused, until the headline says so."""
    failure, stage = REFUSED[name], {"wrong-token": wrong_token, "wrong-room": wrong_room}[name]
    with requiring_tokens(folder) as closed, Room(closed.url, "drone-1", closed.status) as room:
        room.start("node", token=closed.tokens["node"])
        room.await_peers("streaming-node")
        stage(room, closed.tokens)
        began = time.monotonic()

        def headline() -> dict[str, Any] | None:
            found = room.status()["headline"]
            return found if found and failure.text in found["text"] else None

        found, at = room.wait(headline)
        assert (found["code"], found["severity"]) == (failure.code, "warning")
        assert found["advice"]
        room.until(failure.code, failure.text, side=failure.side)
        assert at - began <= failure.within
    return f"{at - began:.1f} {found['text']}"


@staged([Play(name, partial(refuse, name)) for name in REFUSED])
def test_refused_client_is_in_the_headline(beside: Beside, play: Play) -> None:
    print("SAID", play.name, beside.said(play.name))


# --- between machines -----------------------------------------------------------------------------


class Field:
    """A stage whose server is asked from its own machine."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.room = Room("", "default", self.ask)

    def ask(self) -> dict[str, Any]:
        try:
            return self.stage.network.within("relay", status_on_8080)
        except OSError:
            return {"rooms": [], "diagnosis": []}  # the server restarts


def status_on_8080() -> dict[str, Any]:
    """The status of the server on this machine."""
    with urllib.request.urlopen("http://127.0.0.1:8080/api/status", timeout=20) as answer:
        body: dict[str, Any] = json.load(answer)
    return body


def one_subnet(network: Network) -> None:
    """All packets between drone and ground vanish, as on a Wi-Fi that isolates its clients."""
    network.silence(["media"])


def two_subnets(network: Network) -> None:
    """Drone and ground have no link in common, and no route."""
    for machine in ("drone", "ground"):
        network.lose_addresses(machine, "media")


def block(name: str, folder: Path) -> str:
    """Drone and ground have no path, until it is said."""
    failure, prepare = NO_PATH[name], {"one-subnet": one_subnet, "two-subnets": two_subnets}[name]
    with Stage(CLIENTS["python"], folder) as stage:
        field = Field(stage)
        prepare(stage.network)
        stage.start_server()
        stage.node.start()
        stage.gcom.start()
        stage.server.wait_for(" sent an answer", 1)
        began = time.monotonic()
        said = field.room.until(failure.code, failure.text)
        assert said.finding["severity"] == "alarm"
        assert said.at - began <= failure.within, (said.at - began, said.finding)
        if name == "one-subnet":
            stage.network.unsilence(["media"])
            field.room.until_gone(failure.code)
    return f"{said.at - began:.1f} {said.finding['text']}"


@staged([Play(name, partial(block, name)) for name in NO_PATH])
def test_missing_path_is_told_with_its_reason(beside: Beside, play: Play) -> None:
    print("SAID", play.name, beside.said(play.name))


def call_that_works(kind: str, gcoms: int, folder: Path) -> str:
    """A call over a restart of the server and a dropout of the radio, looked at each second."""
    if kind in ("today", "javascript"):
        require_javascript()
    clients = gstreamer(make_python(folder / "venv")) if kind == "gstreamer" else CLIENTS[kind]
    with Stage(clients, folder) as stage:
        return look_on(Field(stage), gcoms)


def look_on(field: Field, gcoms: int) -> str:
    """Look each second from the first program on; returns what was said, and so."""
    stage = field.stage
    programs = {"streaming-node": stage.node, "gcom": stage.gcom}
    if gcoms == 2:
        programs["gcom-2"] = stage.add_gcom("gcom-2")
    truth = Truth({name: each.lines for name, each in programs.items()}, stage.server.lines)
    with Watch(field.room.findings, truth) as watch:
        stage.start()
        if gcoms == 2:
            programs["gcom-2"].start()
            programs["gcom-2"].wait_for(": frame ")
        time.sleep(5.0)
        for name in programs:
            truth.out(name, time.monotonic())
        stage.server.stop(signal.SIGTERM)
        stage.server.resume()
        stage.server.wait_for("listens on", 2)
        field.room.await_peers(*programs)
        time.sleep(12.0)  # longer than the server waits for a report
        pairs = (field.room.here() or {})["pairs"]
        if stage.sessions:
            assert [pair["state"] for pair in pairs] == ["connected"] * gcoms
        truth.out("streaming-node", time.monotonic())
        stage.network.cut(RADIO)
        time.sleep(3.0)
        stage.network.restore(RADIO)
        field.room.await_peers(*programs)
        time.sleep(18.0)
        if stage.sessions:  # what is said until then is judged as well
            field.room.wait(lambda: True if field.room.findings() == [] else None)
        looks = watch.looks
    assert watch.error is None
    assert watch.false == []
    assert looks > 10
    return str(watch.said)


WORKING = [("python", 1), ("python", 2), ("today", 1), ("javascript", 1), ("gstreamer", 1)]


@staged(
    [
        Play(f"{kind}-{gcoms}", partial(call_that_works, kind, gcoms), is_long=True)
        for kind, gcoms in WORKING
    ]
)
def test_no_false_word_in_a_call_over_a_restart_and_a_dropout(beside: Beside, play: Play) -> None:
    print("SAID", play.name, beside.said(play.name))


NODE_OUT = [(5.0, "room default: streaming-node joined from 10.0.0.1")]
NODE_BACK = [*NODE_OUT, (12.0, "room default: streaming-node rejoined from 10.0.0.1")]
GCOM_SAYS = [
    (6.0, "streaming-node: connected"),
    (9.0, "streaming-node: frame 640x360"),
    (10.0, "streaming-node: disconnected"),
    (14.0, "streaming-node: connected"),
]


@pytest.mark.parametrize(
    ("server_lines", "code", "who", "now", "so"),
    [
        (NODE_OUT, "away", "streaming-node", 11.0, True),
        (NODE_BACK, "away", "streaming-node", 13.0, False),
        (NODE_OUT, "lost", "streaming-node", 11.0, True),
        (NODE_BACK, "lost", "streaming-node", 13.0, False),
        (NODE_OUT, "away", "gcom", 11.0, False),
        (NODE_OUT, "alone", "gcom", 11.0, True),
        (NODE_BACK, "alone", "gcom", 13.0, False),
        (NODE_OUT, "alone", "streaming-node", 11.0, False),
        (NODE_OUT, "reported-disconnected", "gcom", 9.5, False),
        (NODE_OUT, "reported-disconnected", "gcom", 10.5, True),
        (NODE_OUT, "reported-disconnected", "gcom", 15.0, True),
        (NODE_OUT, "reported-disconnected", "gcom", 17.0, False),
        (NODE_OUT, "reported-failed", "gcom", 11.0, False),
        (NODE_OUT, "not-connected", "gcom", 9.5, False),
        (NODE_OUT, "not-connected", "gcom", 11.0, True),
        (NODE_OUT, "no-answer", "gcom", 11.0, False),
    ],
)
def test_word_is_judged_by_what_programs_do(
    server_lines: Lines, code: str, who: str, now: float, so: bool
) -> None:
    joined = [(2.0, "room default: gcom joined from 10.0.0.2"), *server_lines]
    truth = Truth({"streaming-node": [], "gcom": GCOM_SAYS}, joined)
    truth.out("streaming-node", 8.0)
    assert truth.is_so({"code": code, "side": who, "peers": [who]}, now) is so


def two_gcoms(folder: Path) -> str:
    """A node and two GCOMs on one machine, looked at each second."""
    with ServerProcess(folder) as server, Room(server.url, "two-gcoms") as room:
        room.start("node")
        room.start("gcom", name="gcom-1")
        room.start("gcom", name="gcom-2")
        room.await_peers("streaming-node", "gcom-1", "gcom-2")
        for _ in range(12):
            assert room.findings() == []
            time.sleep(1.0)
        pairs = {frozenset(pair["peers"]): pair for pair in room.here()["pairs"]}
        calls = [frozenset(("streaming-node", gcom)) for gcom in ("gcom-1", "gcom-2")]
        assert {*pairs} == {*calls}
        assert [pairs[call]["state"] for call in calls] == ["connected"] * 2
        assert all(pairs[call]["path"].startswith("direct: host") for call in calls)
        assert all(pairs[call]["first_frame_seconds"] > 0 for call in calls)
    return "nothing"


@staged([Play("two-gcoms", two_gcoms, is_long=True)])
def test_no_false_word_of_a_node_and_two_gcoms(beside: Beside, play: Play) -> None:
    print("SAID", play.name, beside.said(play.name))


@pytest.mark.parametrize(
    ("now", "so"), [(10.0, False), (11.5, True), (15.0, True), (15.9, True), (17.5, False)]
)
def test_picture_stands_still_while_no_frame_arrives(now: float, so: bool) -> None:
    halves = [*range(10, 21), *range(28, 40)]
    frames = [(half / 2, "streaming-node: frame 640x360") for half in halves]
    truth = Truth({"streaming-node": [], "gcom": frames}, [])
    finding = {"code": "frozen", "side": None, "peers": ["gcom", "streaming-node"]}
    assert truth.is_so(finding, now) is so


# --- the table ------------------------------------------------------------------------------------


def test_table_of_the_documentation_lists_these_failures() -> None:
    rows = re.findall(
        r"^\| ([^|]+) \| `([a-z-]+)` \| ([\d.]+) \|", TROUBLESHOOTING.read_text(), re.M
    )
    listed = {title: code for title, code, _ in rows}
    known = [*ALL.values()]
    assert listed == {failure.title: failure.code for failure in known}
    for title, _, seconds in rows:
        (failure,) = [each for each in known if each.title == title]
        assert float(seconds) <= failure.within
