"""Arbitrary Socket.IO packets: decoded, or refused with a Rejection; arguments unchanged."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st
from socketio import packet

from signaling_server.errors import Rejection
from signaling_server.transport.engine.packets import (
    MAX_ACK_DIGITS,
    BadPacket,
    GuardedPacket,
    ack_id_of_binary,
)

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)
pieces = st.sampled_from([*'012357-[],"\\', "9" * 20, "/,", "/x,", '"signal"', "{}"])
soup = st.lists(pieces | st.text(max_size=2), max_size=8).map("".join)
events = st.builds(
    lambda ack, name, arguments: f"2{ack}{json.dumps([name, *arguments])}",
    st.just("") | st.integers(0, 10**18),
    st.text(max_size=6),
    st.lists(values, max_size=2),
)


def outcome(data: Any) -> GuardedPacket | str:
    """The packet, or what it is refused with."""
    try:
        return GuardedPacket(encoded_packet=data)
    except BadPacket:
        return "malformed"
    except Rejection as rejection:
        return rejection.code


@given(soup | events | st.binary(max_size=5) | values)
@example("²[]")
@example('3٣["x"]')
@example("0" + "[" * 100_000)
@example("2" + '["signal",' + "[" * 100_000)
def test_packet_is_decoded_or_refused_in_words(data: Any) -> None:
    if not data:
        return  # the transport refuses it: the library decodes nothing then
    decoded = outcome(data)
    if isinstance(decoded, str):
        assert decoded in ("malformed", "binary-not-allowed")
        if decoded != "malformed":
            assert (ack_id_of_binary(data) or "0").isdigit()
        return
    assert decoded.packet_type in (packet.CONNECT, packet.DISCONNECT, packet.EVENT, packet.ACK)
    assert decoded.attachment_count == 0
    if decoded.packet_type == packet.EVENT:
        name, arguments = decoded.data
        assert isinstance(name, str)
        assert data.rstrip().endswith(f"{arguments}]")


@given(events)
def test_event_keeps_its_name_its_arguments_and_its_ack(text: str) -> None:
    ack, inside = text[1 : text.index("[")], json.loads(text[text.index("[") :])
    try:
        event = GuardedPacket(encoded_packet=text)
    except BadPacket:
        assert len(ack) > MAX_ACK_DIGITS
        return
    name, arguments = event.data
    assert event.id == (int(ack) if ack else None)
    assert [name, *json.loads(f"[{arguments}]")] == inside
