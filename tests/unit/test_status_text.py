from __future__ import annotations

from typing import Any

import pytest

from signaling_server.core.reporting.status_text import lines

PEER = {
    "peer_id": "gcom",
    "address": "10.0.0.5",
    "transport": "websocket",
    "connected_seconds": 12.4,
    "state": "present",
}


def report(**fields: Any) -> dict[str, Any]:
    server = {"version": "1.2.3", "uptime_seconds": 61.0, "warnings": []}
    return {"server": server, "counters": {"signals": 1}, "rooms": [], **fields}


def room(*peers: Any, **fields: Any) -> dict[str, Any]:
    return {"room": "drone-1", "peers": [*peers], "pairs": [], "diagnosis": [], **fields}


def test_server_without_peers_is_two_lines() -> None:
    assert lines(report()) == [
        "hawkeye-signaling 1.2.3, up 1 min",
        "0 peers, 0 rooms, 1 signal",
    ]


def test_room_has_its_peers_its_calls_and_what_is_wrong_with_them() -> None:
    pair = {"peers": ["node", "gcom"], "state": "stalled", "diagnosis": [{"text": "no answer"}]}
    away = {**PEER, "peer_id": "node", "state": "away"}
    found = lines(report(rooms=[room(PEER, away, pairs=[pair], diagnosis=[{"text": "crowded"}])]))
    assert found[2:] == [
        "",
        "room drone-1",
        "  gcom                     10.0.0.5                 websocket  12 s",
        "  node                     10.0.0.5                 websocket  12 s, away",
        "  node - gcom: stalled",
        "    no answer",
        "  crowded",
    ]


def test_warnings_and_refused_callers_come_first() -> None:
    refused = {"address": "10.0.0.9", "seconds_ago": 200.0, "text": "it is old; use 3"}
    made = report(refusals=[{**refused, "times": 1}, {**refused, "times": 12}])
    made["server"]["warnings"] = ["open to anyone"]
    assert lines(made)[2:] == [
        "warning: open to anyone",
        "refused 10.0.0.9 (3 min ago): it is old; use 3",
        "refused 10.0.0.9 (12 times, last 3 min ago): it is old; use 3",
    ]


@pytest.mark.parametrize(
    ("rule", "text"),
    [(None, ""), ("", ""), (2, ", named by rule 2"), ("names[0]", ", named by names[0]")],
)
def test_peer_shows_which_rule_named_it(rule: Any, text: str) -> None:
    (line,) = [
        line for line in lines(report(rooms=[room({**PEER, "named_by": rule})])) if "10." in line
    ]
    assert line.endswith(f"12 s{text}")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(59, "59 s"), (60, "1 min"), (19200, "5 h 20 min"), (183600, "2 d 3 h")],
)
def test_time_is_told_in_its_two_largest_units(seconds: float, text: str) -> None:
    made = report()
    made["server"]["uptime_seconds"] = seconds
    assert lines(made)[0].endswith(f"up {text}")


def test_names_do_not_control_the_terminal() -> None:
    assert lines(report(rooms=[room(room="\x1b[2Jx")]))[-1] == "room ?[2Jx"


def test_another_body_is_an_error() -> None:
    with pytest.raises((KeyError, TypeError)):
        lines([])
