from __future__ import annotations

from typing import Any

import pytest
from socketio import packet

from signaling_server.errors import Rejection
from signaling_server.transport.engine.packets import (
    Arguments,
    BadPacket,
    GuardedPacket,
    ack_id_of_binary,
    namespace_of_connect,
)


def decoded(text: Any) -> GuardedPacket:
    return GuardedPacket(encoded_packet=text)


@pytest.mark.parametrize(
    ("text", "ack", "name", "arguments"),
    [
        ('2["signal",{"type":"offer"}]', None, "signal", '{"type":"offer"}'),
        ('27["signal",{}]', 7, "signal", "{}"),
        ('20["ice_servers"]', 0, "ice_servers", ""),
        ('2/,5["signal",{}]', 5, "signal", "{}"),
        ('2["signal", { "a" : 1.0e2 } ] ', None, "signal", ' { "a" : 1.0e2 } '),
        ('2 [ "signal" , 1 , 2 ]', None, "signal", " 1 , 2 "),
        ('2["ev\\u0065nt"]', None, "event", ""),
        ("2" + "9" * 16 + '["signal",{}]', 10**16 - 1, "signal", "{}"),
        ('2["signal",]', None, "signal", ""),
    ],
)
def test_event_keeps_the_text_of_its_arguments(
    text: str, ack: int | None, name: str, arguments: str
) -> None:
    event = decoded(text)
    assert (event.packet_type, event.namespace, event.id) == (packet.EVENT, None, ack)
    assert event.data == [name, arguments]
    assert isinstance(event.data[1], Arguments)


@pytest.mark.parametrize(
    "text",
    [
        "2",
        "2{}",
        "2[]",
        "2[1]",
        '2["signal"',
        '2["signal"}',
        '2["signal" {}]',
        '2["signal"x]',
        '2["signal]',
        '2["\\ud8"]',
        "2" + "9" * 17 + '["signal",{}]',
        "2/admin,[]",
        "x",
        "4",
        "9",
        "1[",
        "0{",
        "3abc",
        "0" + "[" * 100_000,
        b"2[]",
        {"a": 1},
    ],
)
def test_malformed_packet_is_refused(text: object) -> None:
    with pytest.raises(BadPacket):
        decoded(text)


@pytest.mark.parametrize("text", ["51-[{}]", "5", "6", '61-["signal",{}]'])
def test_binary_events_are_refused_in_words(text: str) -> None:
    with pytest.raises(Rejection) as refused:
        decoded(text)
    assert refused.value.code == "binary-not-allowed"


@pytest.mark.parametrize(
    ("text", "ack_id"),
    [('51-7["x"]', "7"), ('51-/,0["x"]', "0"), ('51-["x"]', ""), ("5", ""), ('61-7["x"]', "")],
)
def test_binary_event_may_want_its_refusal_as_an_answer(text: str, ack_id: str) -> None:
    assert ack_id_of_binary(text) == ack_id


def test_connect_and_disconnect_are_left_to_the_library() -> None:
    connect = decoded('0{"name":"node"}')
    assert (connect.packet_type, connect.data) == (packet.CONNECT, {"name": "node"})
    assert decoded("1").packet_type == packet.DISCONNECT


@pytest.mark.parametrize("name", ["connect", "connect_error", "disconnect", "dis\\u0063onnect"])
def test_events_that_only_a_library_may_fire_are_no_packets(name: str) -> None:
    with pytest.raises(BadPacket):
        GuardedPacket(encoded_packet=f'2["{name}",{{}}]')


@pytest.mark.parametrize(
    ("packet", "namespace"),
    [
        ("0", ""),
        ("0{}", ""),
        ('0{"a":"/b,"}', ""),
        ("0/", ""),
        ("0/,", ""),
        ("0/,{}", ""),
        ("0/gcom", "/gcom"),
        ("0/gcom,", "/gcom"),
        ("0/gcom?a=b", "/gcom"),
        ('0/gcom?a=b,{"token":"x,y"}', "/gcom"),
        ("0//,", "//"),
        ("2/gcom,[]", ""),
        ("", ""),
    ],
)
def test_connect_to_another_namespace_is_told_apart(packet: str, namespace: str) -> None:
    assert namespace_of_connect(packet) == namespace
