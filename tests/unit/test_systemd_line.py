from __future__ import annotations

import pytest

from signaling_server.core.config.schema import Config
from signaling_server.core.fleet.state import FleetState, HostState
from signaling_server.core.insight.finding import Finding
from signaling_server.core.insight.headline import Headline
from signaling_server.core.protocol.events import Joined, Rejected, SignalAccepted
from signaling_server.core.protocol.hello import Hello
from signaling_server.core.protocol.messages import Signal
from signaling_server.core.protocol.relay import Relay
from signaling_server.core.reporting.metrics import Metrics
from signaling_server.core.reporting.systemd_line import fleet_line, status_line

OFFER = SignalAccepted("sid", "node", "default", Signal("offer", None, 2, "{"), 1, 0)


def relay_with(*peers: str) -> Relay:
    """A relay with these peers, each written "room/name"."""
    relay = Relay(Config())
    for peer in peers:
        room, name = peer.split("/")
        relay.handle(Joined(f"sid of {peer}", Hello(room, name)), 0.0)
    return relay


def test_nobody_is_there() -> None:
    assert status_line(relay_with(), Metrics(), None, 0.0) == "no peers; 0 signals"


def test_pair_and_its_last_signal() -> None:
    relay, metrics = relay_with("default/streaming-node", "default/gcom"), Metrics()
    metrics.record(OFFER, 100.0)
    line = status_line(relay, metrics, None, 103.9)
    assert line == "2 peers in 1 room: gcom, streaming-node; 1 signal; last 3 s ago"


def test_rooms_and_a_crowd() -> None:
    relay = relay_with(*(f"room-{number % 2}/peer-{number}" for number in range(8)))
    assert status_line(relay, Metrics(), None, 0.0) == (
        "8 peers in 2 rooms: peer-0, peer-1, peer-2, peer-3, peer-4, peer-5, ...; 0 signals"
    )


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59.9, "59 s"), (60, "1 min"), (3599, "59 min"), (7200, "2 h"), (90000, "1 d")],
)
def test_time_is_coarser_the_longer_ago(seconds: float, text: str) -> None:
    metrics = Metrics()
    metrics.record(OFFER, 0.0)
    assert status_line(relay_with(), metrics, None, seconds).endswith(f"; last {text} ago")


def test_last_error_is_shown() -> None:
    metrics = Metrics()
    metrics.record(Rejected("sid", "gcom", "default", "", "peer-not-found", "no such peer"), 0.0)
    line = status_line(relay_with("default/gcom"), metrics, None, 0.0)
    assert line == "1 peer in 1 room: gcom; 0 signals; last error: peer-not-found: no such peer"


@pytest.mark.parametrize(("room", "start"), [("drone-1", "drone-1: "), (None, "")])
def test_what_is_wrong_comes_first_with_what_to_do(room: str | None, start: str) -> None:
    worst = Headline(Finding("no-answer", "gcom has not answered.", stalls=True), room)
    line = status_line(relay_with(), Metrics(), worst, 0.0)
    advice = "Look at its log or browser console, and reload it."
    assert line == f"{start}gcom has not answered. {advice}; no peers; 0 signals"


def test_note_is_no_reason_to_look() -> None:
    note = Headline(Finding("alone", "gcom is alone in drone-1: nobody else has joined it."), "r")
    assert status_line(relay_with(), Metrics(), note, 0.0) == "no peers; 0 signals"


def fleet_of(*linked: bool) -> FleetState:
    hosts = [
        HostState(name, name, "", "1", 0, 0, 1.0, 0.0, None, linked=is_linked)
        for name, is_linked in zip("abc", (True, *linked))
    ]
    return FleetState("a", "a", True, 1.0, "", 0.0, hosts)


def test_fleet_is_told_with_the_hosts_that_are_linked() -> None:
    assert fleet_line(None) == []
    assert fleet_line(fleet_of()) == ["1 host: a (here)"]
    assert fleet_line(fleet_of(True, False)) == ["2 hosts: a (here), b"]
    assert fleet_line(fleet_of(True, True)._replace(together=False)) == ["1 host: a (here)"]
