"""Which servers the clients use, from their reports."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from signaling_server.core.ice.in_use import MAX_ENDS, InUse
from signaling_server.core.ice.stun_url import target
from signaling_server.core.protocol.rtc_report import ConnectionReport

STUN = target("stun:10.0.0.1")
TURN = target("turn:10.0.0.2", "u", "p")
OTHER_TURN = target("turn:10.0.0.3", "u", "p")
ADDRESSES = {STUN: ("10.0.0.1",), TURN: ("10.0.0.2",), OTHER_TURN: ("10.0.0.3",)}
RELAYS = ("10.0.0.2", "10.0.0.3")


class Directed(NamedTuple):
    """A report about one of several connections."""

    state: str
    candidate_pair: dict[str, dict[str, str]]
    to: str


def used(in_use: InUse) -> list[str]:
    """The URLs in use."""
    return [each.url for each in ADDRESSES if in_use.has(each, ADDRESSES[each], RELAYS)]


def reported(state: str = "connected", **local: str) -> InUse:
    in_use = InUse()
    in_use.report("r", "node", ConnectionReport(state, {"local": local} if local else {}))
    return in_use


@pytest.mark.parametrize(
    ("local", "urls"),
    [
        ({"type": "relay", "address": "10.0.0.2"}, ["turn:10.0.0.2"]),
        ({"type": "relay", "address": "203.0.113.9"}, ["turn:10.0.0.2", "turn:10.0.0.3"]),
        ({"type": "relay"}, ["turn:10.0.0.2", "turn:10.0.0.3"]),
        ({"type": "relay", "address": "10.0.0.2", "url": "turn:10.0.0.3"}, ["turn:10.0.0.3"]),
        ({"type": "srflx", "address": "203.0.113.9"}, ["stun:10.0.0.1"]),
        ({"type": "prflx"}, ["stun:10.0.0.1"]),
        ({"type": "srflx", "url": "turn:10.0.0.2"}, ["turn:10.0.0.2"]),
        ({"type": "host", "address": "10.0.0.2"}, []),
        ({"address": "10.0.0.2"}, []),
        ({}, []),
    ],
)
def test_local_candidate_tells_the_server(local: dict[str, str], urls: list[str]) -> None:
    assert used(reported(**local)) == urls


@pytest.mark.parametrize("state", ["failed", "closed", "new"])
def test_connection_that_is_over_uses_nothing(state: str) -> None:
    assert used(reported(state, type="relay")) == []
    in_use = reported(type="relay")
    in_use.report("r", "node", ConnectionReport(state, {}))
    assert used(in_use) == []


def test_report_without_a_pair_changes_nothing() -> None:
    in_use = reported(type="relay", address="10.0.0.2")
    in_use.report("r", "node", ConnectionReport("disconnected", {}))
    assert used(in_use) == ["turn:10.0.0.2"]


def test_connection_that_has_become_direct_uses_nothing() -> None:
    in_use = reported(type="relay")
    in_use.report("r", "node", ConnectionReport("connected", {"local": {"type": "host"}}))
    assert used(in_use) == []


def test_peer_that_is_gone_uses_nothing() -> None:
    in_use = reported(type="relay", address="10.0.0.2")
    in_use.forget(lambda room, peer_id: (room, peer_id) == ("r", "node"))
    assert used(in_use) == ["turn:10.0.0.2"]
    in_use.forget(lambda room, peer_id: False)
    assert used(in_use) == []


def test_connections_of_a_peer_are_told_apart_and_bounded() -> None:
    in_use = InUse()
    relay = {"local": {"type": "relay", "address": "10.0.0.2"}}
    in_use.report("r", "node", Directed("connected", relay, "a"))  # type: ignore[arg-type]
    in_use.report("r", "node", Directed("closed", {}, "b"))  # type: ignore[arg-type]
    assert used(in_use) == ["turn:10.0.0.2"]
    for number in range(MAX_ENDS):
        other = {"local": {"type": "srflx"}}
        report = Directed("connected", other, f"peer-{number}")
        in_use.report("r", "node", report)  # type: ignore[arg-type]
    assert used(in_use) == ["stun:10.0.0.1"]
