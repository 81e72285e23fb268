from __future__ import annotations

from typing import Any

import pytest

from calls import Call
from signaling_server.core.insight.call_path import path_of
from signaling_server.core.protocol.rtc_report import ConnectionReport

HOST = {"type": "host", "protocol": "UDP", "address": "192.168.1.10"}


def reported(local: dict[str, str], remote: dict[str, str], state: str = "connected") -> str | None:
    call = Call()
    call.negotiate()
    ends = {"local": local, "remote": remote}
    call.pair.reported("gcom", ConnectionReport(state, ends), call.now)
    return path_of(call.pair)


@pytest.mark.parametrize(
    ("local", "remote", "line"),
    [
        (
            HOST,
            {**HOST, "address": "192.168.1.20"},
            "direct: host udp 192.168.1.10 -> 192.168.1.20",
        ),
        (
            {**HOST, "network": "wifi"},
            {**HOST, "address": "192.168.1.20"},
            "direct, Wi-Fi: host udp 192.168.1.10 -> 192.168.1.20",
        ),
        (
            {**HOST, "type": "relay", "address": "10.0.0.9", "network": "unknown"},
            {"type": "srflx", "address": "203.0.113.7"},
            "over TURN: relay/srflx udp 10.0.0.9 -> 203.0.113.7",
        ),
        ({"type": "host"}, {"type": "prflx"}, "direct: host/prflx"),
        (HOST, {}, None),
        ({}, HOST, None),
    ],
)
def test_path_in_one_line(local: Any, remote: Any, line: str | None) -> None:
    assert reported(local, remote) == line


def test_path_is_unknown_until_connected() -> None:
    assert reported(HOST, HOST, state="connecting") is None
    call = Call()
    call.connect()
    assert path_of(call.pair) is None
