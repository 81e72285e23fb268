"""The enums of the published schemas are those that the code checks against."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path
from types import ModuleType
from typing import Any, Iterator, Sequence

import pytest

from contract.schemas import ASYNCAPI, OPENAPI, document, events
from signaling_server.core.config.schema import SocketIOSettings
from signaling_server.core.ice.verdict import State as IceServerState
from signaling_server.core.insight import diagnosis, last_seen, notes, sentences, timeline
from signaling_server.core.insight.finding import SEVERITIES
from signaling_server.core.insight.last_seen import HOW
from signaling_server.core.insight.spans import AWAY, CALL, PRESENT
from signaling_server.core.names import NAME
from signaling_server.core.protocol import hello, refusals
from signaling_server.core.protocol.messages import VALID_TYPES
from signaling_server.core.protocol.peers import State
from signaling_server.core.protocol.refusals import REASONS
from signaling_server.core.protocol.rtc_report import STATES, STATS
from signaling_server.core.protocol.unknown_events import _OTHER
from signaling_server.core.reporting import timeline_report
from signaling_server.transport import handlers
from signaling_server.web import access, qr

CODE = Path(__file__).parents[2] / "signaling_server"


def schema(document_name: str, *path: str) -> Any:
    """A schema of a document, or a part of it."""
    found = document(document_name)["components"]["schemas"]
    for part in path:
        found = found[part]
    return found


def enum(document_name: str, *path: str) -> list[str]:
    return list(schema(document_name, *path)["enum"])


@pytest.mark.parametrize(
    ("published", "checked"),
    [
        (enum(ASYNCAPI, "SignalType"), VALID_TYPES),
        (enum(ASYNCAPI, "ConnectionState"), STATES),
        (list(schema(ASYNCAPI, "Report", "properties", "stats", "properties")), STATS),
        (enum(OPENAPI, "Severity"), SEVERITIES),
        (enum(OPENAPI, "RefusalCode"), tuple(REASONS)),
        (
            enum(OPENAPI, "IceServerState", "properties", "state"),
            IceServerState.__args__,  # type: ignore[attr-defined]
        ),
        (enum(OPENAPI, "LastSeen", "properties", "how"), (*HOW.values(), "lost")),
        (
            enum(OPENAPI, "Timeline", "properties", "bars", "items", "properties", "state"),
            (PRESENT, AWAY, CALL),
        ),
        (
            enum(OPENAPI, "Peer", "properties", "state"),
            tuple(state.name.lower() for state in (State.PRESENT, State.AWAY)),
        ),
        (enum(OPENAPI, "Peer", "properties", "transport"), SocketIOSettings().transports),
        (
            enum(OPENAPI, "Unauthorized", "properties", "code"),
            (access.MISSING.code, access.INVALID, access.FORBIDDEN.code),
        ),
    ],
    ids=lambda each: None,
)
def test_enum_is_that_of_the_code(published: list[str], checked: Sequence[str]) -> None:
    assert sorted(published) == sorted(checked)


def codes_given(*makers: str) -> Iterator[str]:
    """The literal first arguments of all calls of these functions in the server's code."""
    for file in CODE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            first = node.args[0]
            if name in makers and isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield first.value


def test_error_codes_are_those_that_the_code_gives() -> None:
    published = set(enum(ASYNCAPI, "ErrorCode"))
    given = set(codes_given("Rejection", "Forbidden", "_error"))
    # `slow-consumer` is the reason of a lost connection; the table in protocol.md has it too.
    assert published == given | {"slow-consumer"}


def strings_of(module: ModuleType, function: str) -> Iterator[str]:
    """The texts in the code of a function, less its docstring."""
    (body,) = [
        node.body[1:]
        for node in ast.parse(inspect.getsource(module)).body
        if isinstance(node, ast.FunctionDef) and node.name == function
    ]
    for part in body:
        for node in ast.walk(part):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


def test_states_of_a_pair_are_those_that_the_code_gives() -> None:
    published = enum(OPENAPI, "Pair", "properties", "state")
    assert set(published) == set(strings_of(diagnosis, "state_of"))


def test_stages_are_those_that_the_code_gives() -> None:
    published = enum(OPENAPI, "Stage", "properties", "stage")
    assert set(published) == set(codes_given("Stage"))


def test_kinds_of_the_timeline_are_those_that_the_code_gives() -> None:
    of_peers = {sentences.SAYINGS[fact].event for fact in timeline.Named.__args__}
    signals = set(VALID_TYPES) - {"ice-candidate"}
    given = of_peers | signals | {CALL, timeline_report.SERVER}
    assert set(enum(OPENAPI, "TimelineKind")) == given


def test_handshake_faults_are_those_of_the_code() -> None:
    given = set(strings_of(refusals, "handshake_fault")) & set(refusals.REASONS)
    assert set(enum(ASYNCAPI, "HandshakeFaultCode")) == given | {"foreign-origin"}


def test_reasons_of_leaving_are_those_that_the_code_gives() -> None:
    lost = {*handlers._REASONS.values(), *codes_given("BadFrame"), "slow-consumer"}
    # Said by a client or the relay: strings among others there.
    left = {"goodbye", "session-lost", "unauthorized"}
    assert set(enum(ASYNCAPI, "LeaveReason")) == lost | left


LIMITS = [
    (schema(ASYNCAPI, "Name", "pattern"), f"^{NAME.pattern}$"),
    (schema(ASYNCAPI, "PeerJoined", "properties", "role", "maxLength"), hello.MAX_ROLE),
    (schema(ASYNCAPI, "Peer", "properties", "role", "maxLength"), hello.MAX_ROLE),
    (schema(OPENAPI, "Status", "properties", "events", "maxItems"), notes.NOTES),
    (schema(OPENAPI, "Status", "properties", "refusals", "maxItems"), refusals.LAST),
    (schema(OPENAPI, "Status", "properties", "former_rooms", "maxItems"), timeline.FORMER_ROOMS),
    (schema(OPENAPI, "Room", "properties", "last_seen", "maxItems"), last_seen.SHOWN),
    (schema(OPENAPI, "Timeline", "properties", "seconds", "const"), timeline.SECONDS),
    (
        document(OPENAPI)["paths"]["/api/qr"]["get"]["parameters"][0]["schema"]["maxLength"],
        qr.MOST_CHARACTERS,
    ),
]


@pytest.mark.parametrize(("published", "checked"), LIMITS)
def test_limit_is_that_of_the_code(published: Any, checked: Any) -> None:
    assert published == checked


def test_handshake_faults_are_refusals() -> None:
    faults = set(enum(ASYNCAPI, "HandshakeFaultCode"))
    assert faults <= set(REASONS)
    refused = set(enum(ASYNCAPI, "HandshakeRefusal", "properties", "code"))
    assert refused <= set(enum(ASYNCAPI, "ErrorCode"))


def test_events_to_the_server_are_those_that_it_takes() -> None:
    assert all(event in _OTHER for event in events("sent") - {"connect"})
    assert len(events("sent")) == 4
