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
from pathlib import Path
from typing import Any, Callable, Iterator, NamedTuple

import pytest

from faults.gstreamer import make_python
from faults.network import RADIO, Network
from faults.programs import ROOT
from faults.stage import CLIENTS, TODAYS_NODE, Clients, Stage, gstreamer
from faults.truth import Lines, Truth, Watch
from faults.words import ALL, BROWSER, FAILURES, NO_PATH, REFUSED, TURN, Room
from integration.credentials import new_token, write_tokens
from integration.server import ServerProcess
from needs import require_javascript

TROUBLESHOOTING = ROOT / "docs" / "troubleshooting.md"


@pytest.mark.parametrize("name", FAILURES)
def test_failure_is_named_with_who_has_to_act(tmp_path: Path, name: str) -> None:
    failure = FAILURES[name]
    with ServerProcess(tmp_path) as server, Room(server.url, name) as room:
        assert failure.stage
        began = failure.stage(room)
        # While a side still reports that its call stands, the loss is a note on neither side.
        said = room.until(failure.code, failure.text, side=failure.side)
        seconds = max(0.0, said.at - began)
        print(f"SAID {name} {seconds:.1f} {said.finding['text']}")
        assert said.finding["advice"]
        assert seconds <= failure.within, said.finding
        if failure.cure:
            failure.cure(room)
            room.until_gone(failure.code)
            print(f"GONE {name}")


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


@pytest.mark.parametrize("name", REFUSED)
def test_refused_client_is_in_the_headline(tmp_path: Path, name: str) -> None:
    failure, stage = REFUSED[name], {"wrong-token": wrong_token, "wrong-room": wrong_room}[name]
    with requiring_tokens(tmp_path) as closed, Room(closed.url, "drone-1", closed.status) as room:
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
        print(f"SAID {name} {at - began:.1f} {found['text']}")
        assert at - began <= failure.within


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


def silence(network: Network) -> None:
    """All packets between drone and ground vanish, as on a Wi-Fi that isolates its clients."""
    network.silence(["media"])


def unsilence(network: Network) -> None:
    """They pass again."""
    network.unsilence(["media"])


def part(network: Network) -> None:
    """Drone and ground have no link in common, and no route."""
    for machine in ("drone", "ground"):
        network.lose_addresses(machine, "media")


def join(network: Network) -> None:
    """They have one again."""
    network.number("media")


class Pathless(NamedTuple):
    """How a path is missing."""

    clients: Clients
    take: Callable[[Network], None]
    """Takes the path away."""
    bring: Callable[[Network], None]
    severity: str = "alarm"


PATHLESS = {
    "one-subnet": Pathless(CLIENTS["python"], silence, unsilence),
    "two-subnets": Pathless(CLIENTS["python"], part, join),
    "todays-one-subnet": Pathless(TODAYS_NODE, silence, unsilence),
    "todays-two-subnets": Pathless(TODAYS_NODE, part, join),
    "unreported-two-subnets": Pathless(CLIENTS["today"], part, join, "note"),
}


@pytest.mark.parametrize("name", NO_PATH)
def test_missing_path_is_told_with_its_reason(tmp_path: Path, name: str) -> None:
    failure, pathless = NO_PATH[name], PATHLESS[name]
    with beginning(pathless.clients, pathless.take, tmp_path) as field:
        began, stage = time.monotonic(), field.stage
        said = field.room.until(failure.code, failure.text)
        print(f"SAID {name} {said.at - began:.1f} {said.finding['text']}")
        assert said.finding["severity"] == pathless.severity
        assert said.at - began <= failure.within
        pathless.bring(stage.network)
        if not stage.sessions:  # the node of today offers only when it joins
            stage.node.stop()
            stage.node.resume()
        stage.gcom.wait_for(": frame ")
        field.room.until_gone(failure.code)
        print(f"GONE {name}")


def test_nothing_is_said_of_a_path_of_which_nobody_reports(tmp_path: Path) -> None:
    """In one subnet, for all that the server knows, the clients of today are connected."""
    with beginning(CLIENTS["today"], silence, tmp_path) as field:
        for _ in range(12):
            assert field.room.findings() == []
            time.sleep(1.0)
        (pair,) = (field.room.here() or {})["pairs"]
        assert pair["state"] == "answered"


@contextlib.contextmanager
def beginning(clients: Clients, take: Callable[[Network], None], folder: Path) -> Iterator[Field]:
    """A call without a path that has got as far as the answer."""
    if clients is CLIENTS["today"]:
        require_javascript()
    with Stage(clients, folder) as stage:
        take(stage.network)
        stage.start_server()
        stage.node.start()
        stage.gcom.start()
        stage.server.wait_for(" sent an answer", 1)
        yield Field(stage)


WORKING = [("python", 1), ("python", 2), ("today", 1), ("javascript", 1), ("gstreamer", 1)]


@pytest.mark.parametrize(("kind", "gcoms"), WORKING)
def test_no_false_word_in_a_call_over_a_restart_and_a_dropout(
    tmp_path: Path, kind: str, gcoms: int
) -> None:
    if kind in ("today", "javascript"):
        require_javascript()
    clients = gstreamer(make_python(tmp_path / "venv")) if kind == "gstreamer" else CLIENTS[kind]
    with Stage(clients, tmp_path) as stage:
        print("SAID", look_on(Field(stage), gcoms))


def look_on(field: Field, gcoms: int) -> list[str]:
    """Look each second from the first program on; returns the codes of what was said, all true."""
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
    return watch.said


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


def test_no_false_word_of_a_node_and_two_gcoms(tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as server, Room(server.url, "two-gcoms") as room:
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


def test_documentation_counts_the_failures_and_those_that_are_cured() -> None:
    text = " ".join(TROUBLESHOOTING.read_text().split())
    cured = [each for each in FAILURES.values() if each.cure]
    others = {**NO_PATH, **TURN, **BROWSER}  # their tests have a cure each
    assert f" {len(ALL)} failures, each brought about" in text
    assert f" {len(cured) + len(others)} of them are staged with their cure" in text
