from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from signaling_server.core.config.schema import LimitsSettings
from signaling_server.core.protocol.events import Pulse
from signaling_server.core.protocol.hello import Hello
from signaling_server.core.protocol.messages import parse_signal
from signaling_server.transport.connection import Connection, Connections
from signaling_server.transport.engine.plain_signal import plain_signal
from unit.fake_socket import FakeSocket

OFFER = parse_signal('{"type":"offer","data":{"sdp":"x"},"from":"mallory","seq":9}', 1000, 64)


def connect(name: str = "", room: str = "drone-1") -> tuple[Connection, FakeSocket]:
    socket = FakeSocket()
    connection = Connection("sid", socket, "192.0.2.1", LimitsSettings())
    connection.hello = Hello(room, name or None)
    connection.outbox.uncork()
    return connection, socket


def event(packet: str) -> Any:
    return json.loads(packet[1:])


@pytest.mark.parametrize(("name", "peer_id"), [("node", "node"), ("", "sid")])
def test_client_goes_by_its_name_or_else_by_its_sid(name: str, peer_id: str) -> None:
    assert connect(name)[0].peer_id == peer_id


def test_fact_of_its_end_says_what_was_exchanged() -> None:
    connection, _ = connect("node")
    connection.received = 3
    for _ in range(2):
        connection.forward(OFFER, "gcom", 0)
    fact = connection.disconnected("goodbye")
    assert (fact.sid, fact.peer_id, fact.room) == ("sid", "node", "drone-1")
    assert (fact.address, fact.reason) == ("192.0.2.1", "goodbye")
    assert (fact.received, fact.sent) == (3, 2)
    assert fact.seconds >= 0


def test_client_that_has_not_joined_goes_by_its_address_in_a_rejection() -> None:
    assert connect(room="")[0].rejected("invalid-data", "text").peer_id == ""
    assert connect(room="")[0].rejected("invalid-data", "text").address == "192.0.2.1"
    assert connect("node")[0].rejected("invalid-data", "text").peer_id == "node"
    assert connect()[0].rejected("invalid-data", "text").peer_id == "sid"


@pytest.mark.parametrize(("seq", "number"), [(0, {}), (7, {"seq": 7})])
def test_signal_is_forwarded_as_written_with_a_sender_that_nobody_can_forge(
    seq: int, number: dict[str, int]
) -> None:
    connection, socket = connect("node")
    assert not connection.forward(OFFER, "gcom", seq)
    (packet,) = socket.written
    assert packet.startswith(f'2["signal",{OFFER.body}')
    assert plain_signal("4" + packet), "a signal leaves as it comes"
    expected = {"type": "offer", "data": {"sdp": "x"}, "from": "gcom", "seq": 9, **number}
    assert event(packet) == ["signal", expected]


def test_event_and_ack_are_socket_io_packets() -> None:
    connection, socket = connect()
    assert not connection.emit("error", {"code": "invalid-data"})
    assert not connection.answer("17", {"ok": False})
    assert socket.written == ['2["error",{"code":"invalid-data"}]', '317[{"ok":false}]']


@pytest.mark.parametrize(("delivered", "held"), [(1, 0), (12, 3), (0, 1)])
def test_answer_put_together_by_hand_is_the_answer(delivered: int, held: int) -> None:
    connection, socket = connect()
    assert not connection.accept("17", delivered, held)
    connection.answer("17", {"ok": True, "delivered": delivered, "held": held > 0})
    assert socket.written[0] == socket.written[1]


def test_connections_are_found_by_both_ids_and_removed_once() -> None:
    connections = Connections()
    connection, socket = connect()
    connections.add(connection)
    assert connections.by_sid == {"sid": connection}
    assert connections.by_engine == {socket.sid: connection}
    assert connections.remove("sid") is connection
    assert connections.remove("sid") is None
    assert not connections.by_sid
    assert not connections.by_engine


def test_pulse_of_a_connection_is_that_of_its_socket() -> None:
    connections = Connections()
    connection, socket = connect()
    connections.add(connection)
    socket.pulse = Pulse.SILENT
    assert connections.pulse("sid") is Pulse.SILENT
    assert connections.pulse("lost by the library") is Pulse.CLOSED
    assert connections.pulse(None) is Pulse.LIVES


def test_pulse_of_a_far_client_is_what_its_host_told() -> None:
    connections = Connections()
    far: Any = SimpleNamespace(pulse=Pulse.SILENT)
    connections.far["far"] = far
    assert connections.pulse("far") is Pulse.SILENT
