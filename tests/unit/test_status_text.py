"""/api/status as text, from servers that tell much and servers that tell little."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

import pytest

from signaling_server.core.reporting.status_text import Line, lines, span

PEER = {
    "peer_id": "node",
    "address": "192.0.2.1",
    "transport": "websocket",
    "state": "present",
    "connected_seconds": 3.0,
}
REFUSAL = {"seconds_ago": 3.2, "address": "192.0.2.9", "code": "x", "text": "use 3", "times": 1}
FINDING = {"code": "no-offer", "text": "Nobody has offered.", "peers": []}


def report(**more: Any) -> dict[str, Any]:
    server = {"version": "1", "uptime_seconds": 61.0, "warnings": []}
    return {"server": server, "counters": {"signals": 1}, "rooms": [], **more}


def room(**more: Any) -> dict[str, Any]:
    return {"room": "drone-1", "peers": [PEER], "pairs": [], "diagnosis": [], **more}


def told(**more: Any) -> list[Line]:
    """The lines after those about the server."""
    first, *rest = lines(report(**more))
    assert first == Line("hawkeye-signaling 1, up 1 min", "title")
    return rest[1:]


def in_room(**more: Any) -> list[Line]:
    """The lines of a room after its name and its peer."""
    return told(rooms=[room(**more)])[3:]


def test_little_is_told_of_an_idle_server() -> None:
    assert [line.text for line in lines(report())] == [
        "hawkeye-signaling 1, up 1 min",
        "0 peers, 0 rooms, 1 signal",
    ]


def test_worst_comes_first_with_what_to_do_and_is_said_once() -> None:
    worst = {**FINDING, "severity": "alarm", "advice": "Start the node.", "room": "drone-1"}
    other = {**FINDING, "text": "A server is silent.", "severity": "note"}
    server = {"version": "1", "uptime_seconds": 61.0, "warnings": ["open to anyone"]}
    assert told(headline=worst, diagnosis=[worst, other], server=server) == [
        Line("Nobody has offered.", "alarm"),
        Line("  what to do: Start the node."),
        Line("warning: open to anyone", "warning"),
        Line("A server is silent.", "dim"),
    ]
    assert told(headline=None, diagnosis=[other]) == [Line("A server is silent.", "dim")]


def test_refused_callers_are_told_with_the_reason() -> None:
    many = {**REFUSAL, "times": 12}
    assert told(refusals=[REFUSAL, many]) == [
        Line("refused 192.0.2.9 (3 s ago): use 3", "warning"),
        Line("refused 192.0.2.9 (12 times, last 3 s ago): use 3", "warning"),
    ]


@pytest.mark.parametrize(
    ("more", "who", "end"),
    [
        ({}, "node", "3 s"),
        ({"role": None, "named_by": None, "refused": 0}, "node", "3 s"),
        ({"role": "streaming-node"}, "node (streaming-node)", "3 s"),
        ({"named_by": 2}, "node", "3 s, named by rule 2"),
        ({"named_by": "names[0]"}, "node", "3 s, named by names[0]"),
        ({"refused": 6}, "node", "3 s, 6 signals refused"),
    ],
)
def test_peer_has_its_role_its_rule_and_its_refusals(
    more: dict[str, Any], who: str, end: str
) -> None:
    title, peer = told(rooms=[room(peers=[{**PEER, **more}])])[1:]
    assert title == Line("room drone-1", "title")
    assert peer == Line(f"  {who:32} {'192.0.2.1':24} websocket  {end}")


def test_peer_that_is_away_stands_out() -> None:
    away = told(rooms=[room(peers=[{**PEER, "state": "away"}])])[-1]
    assert (away.text[-9:], away.style) == ("3 s, away", "warning")


def test_pair_has_its_state_its_path_its_figures_and_its_findings() -> None:
    stats = {"node": {"round_trip_ms": 12.5, "packets_lost": 3, "at": 1.0}, "gcom": {"at": 2.0}}
    pair = {"peers": ["node", "gcom"], "state": "connected", "diagnosis": [FINDING]}
    assert in_room(pairs=[{**pair, "path": "over TURN", "stats": stats}]) == [
        Line("  node - gcom: connected, over TURN", "good"),
        Line("    node: 12.5 ms round trip, 3 packets lost", "dim"),
        Line("    Nobody has offered.", "warning"),
    ]
    plain = {**pair, "state": "waiting", "path": None, "diagnosis": []}
    assert in_room(pairs=[plain]) == [Line("  node - gcom: waiting")]


def test_room_tells_who_was_here() -> None:
    gone = {"peer_id": "gcom", "how": "lost", "address": "10.0.0.5", "seconds_ago": 12.0}
    kinds = [{**gone, "in_call_seconds": 240.0}, {**gone, "how": "goodbye"}, {**gone, "how": "?"}]
    assert [line.text for line in in_room(diagnosis=[FINDING], last_seen=kinds)] == [
        "  Nobody has offered.",
        "  gcom was lost 12 s ago, after 4 min in a call, last at 10.0.0.5",
        "  gcom left 12 s ago, last at 10.0.0.5",
        "  gcom left 12 s ago, last at 10.0.0.5",
    ]


def test_last_events_of_a_room_are_those_of_its_timeline() -> None:
    now = time.time()
    events = [
        *[{"seconds_ago": 99.0, "text": "too long ago"}] * 3,
        *[{"seconds_ago": 61.0, "text": "node joined", "time": None, "clock_set": False}] * 4,
        {"seconds_ago": 2.0, "text": "node left", "time": now, "clock_set": True, "times": 3},
    ]
    shown = [line.text for line in in_room(timeline={"events": events})]
    assert shown == [
        "  last events:",
        *["    1 min ago, before the clock was set  node joined"] * 4,
        f"    {datetime.fromtimestamp(now):%H:%M:%S}  node left (3 times)",
    ]
    assert in_room(timeline={"events": []}) == []


def test_server_without_timelines_tells_the_last_events_of_all_rooms() -> None:
    events = [{"seconds_ago": float(n), "room": "a", "text": f"event {n}"} for n in range(20)]
    shown = [line.text for line in told(events=events)]
    assert shown[:3] == ["", "last events", "  9 s ago  event 9  [a]"]
    assert (len(shown), shown[-1]) == (12, "  0 s ago  event 0  [a]")


def test_ice_servers_are_told_with_their_state() -> None:
    rows = [
        {"url": "stun:a", "state": "answers", "text": "it answers", "rtt_ms": 12.3},
        {"url": "stun:b", "state": "silent", "text": "silent for 1 min"},
        {"url": "stun:c", "state": "unknown", "text": "not asked yet"},
    ]
    assert told(ice_servers=rows) == [
        Line(""),
        Line("ICE servers", "title"),
        Line(f"  {'stun:a':38} it answers, 12.3 ms", "good"),
        Line(f"  {'stun:b':38} silent for 1 min", "warning"),
        Line(f"  {'stun:c':38} not asked yet"),
    ]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(12.9, "12 s"), (200.0, "3 min"), (19200.0, "5 h 20 min"), (183700.0, "2 d 3 h")],
)
def test_span_has_two_units_at_most(seconds: float, text: str) -> None:
    assert span(seconds) == text


def test_line_of_a_peer_does_not_control_a_terminal() -> None:
    assert Line("a\x1b[2Jb").printable == "a?[2Jb"


def host(name: str, state: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "state": state, "rooms": 1, "peers": 2, "url": None, **more}


def test_fleet_is_told_with_its_hosts_and_the_rooms_elsewhere() -> None:
    hosts = [
        host("a", "here", url="http://a"),
        host("b", "linked", round_trip_ms=1.5),
        host("c", "unlinked"),
    ]
    rooms = [
        {"room": "r1", "host": "b", "url": None, "peers": ["x", "y"]},
        {"room": "r2", "host": "c", "url": "http://c", "peers": ["z"]},
    ]
    found = told(fleet={"state": "together", "hosts": hosts, "elsewhere": rooms})
    assert [(" ".join(line.text.split()), line.style) for line in found] == [
        ("", ""),
        ("fleet: together, 3 hosts", "title"),
        ("a here, 1 room, 2 peers, http://a", ""),
        ("b linked, 1 room, 2 peers, 1.5 ms", ""),
        ("c unlinked, 1 room, 2 peers", "warning"),
        ("room r1 is at b; from here: x, y", ""),
        ("room r2 is at c (http://c); from here: z", ""),
    ]


def test_server_without_a_fleet_tells_nothing_of_one() -> None:
    assert told(fleet=None) == told()


def test_peer_at_another_host_is_told_with_it() -> None:
    peer = {**PEER, "host": "b"}
    assert told(rooms=[room(peers=[peer])])[2].text.endswith("3 s, connected to b")
