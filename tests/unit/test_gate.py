from __future__ import annotations

import asyncio
import logging
from types import SimpleNamespace
from typing import Any, Awaitable, Callable

import pytest

from signaling_server.core.config.schema import Config, LimitsSettings, SocketIOSettings
from signaling_server.core.protocol.events import Joined, Refused
from signaling_server.core.protocol.strangers import GRACE
from signaling_server.errors import Rejection
from signaling_server.transport import gate as gate_module
from signaling_server.transport.engine.frame_counter import BadFrame
from signaling_server.transport.engine.packets import BadPacket
from signaling_server.transport.engine.socket import Waiting
from signaling_server.transport.gate import Gate
from unit.fake_engine import Transport, crash
from unit.fake_socket import FakeSocket

REQUEST: Any = SimpleNamespace(
    remote="192.0.2.1", rel_url=SimpleNamespace(raw_query_string="room=drone-1")
)


class Scene(Transport):
    """A Gate in front of handlers that accept every client."""

    def __init__(self, fast_path: bool = True, **limits: Any) -> None:
        options = SocketIOSettings(fast_path=fast_path)
        super().__init__(Config(limits=LimitsSettings(**limits), socketio=options))
        self.accepts = True
        self.gate = Gate(
            self.settings,
            self.engine,
            self.connections,
            self.admission,
            self.handlers,
            self.switchboard,
            self.closer,
            self.facts.append,
            self.entrance,
        )
        self.engine.dispatch = self._dispatch

    async def _dispatch(self, engine_sid: str, packet: str) -> None:
        self.engine.done.append(packet)
        if packet.startswith("0") and self.accepts:
            connection = self.connect("sid", self.engine.sockets[engine_sid], "node")
            self.switchboard.handle(Joined("sid", connection.hello))

    async def joined(self) -> FakeSocket:
        socket = self.open()
        await self.gate.message(socket, "0")
        return socket

    def rejects_with(self, error: Exception) -> None:
        async def dispatch(engine_sid: str, packet: str) -> None:
            raise error

        self.engine.dispatch = dispatch


def act(scene: Callable[[Scene], Awaitable[None]], **limits: Any) -> None:
    async def play() -> None:
        await asyncio.wait_for(scene(Scene(**limits)), 10)

    asyncio.run(play())


def heard(socket: FakeSocket) -> list[str]:
    return [packet.split('"')[1] for packet in socket.written]


def test_client_that_is_admitted_hears_its_welcome() -> None:
    async def scene(scene: Scene) -> None:
        socket = await scene.joined()
        assert (heard(socket), socket.done) == (["welcome"], [])

    act(scene)


def test_deadline_of_a_client_that_has_sent_connect_is_cancelled() -> None:
    async def scene(scene: Scene) -> None:
        first, second = scene.open("first"), scene.open("second")
        for socket in (first, second):
            scene.gate.opened(socket, REQUEST)
        timers = list(scene.gate._deadlines.values())
        await scene.gate.message(first, "0")
        scene.gate.ended(second.sid, "192.0.2.1")
        assert [timer.cancelled() for timer in timers] == [True, True]
        assert not scene.gate._deadlines

    act(scene)


@pytest.mark.parametrize("early", ['2["signal",{}]', "1", "3[]"])
def test_packet_before_connect_ends_the_connection(early: str) -> None:
    async def scene(scene: Scene) -> None:
        socket = scene.open()
        await scene.gate.message(socket, early)
        assert (scene.engine.done, socket.done) == ([], ["abort"])
        await scene.gate.message(socket, "0")
        assert scene.engine.done == ["0"], "it did not count as a CONNECT"

    act(scene)


def test_packet_while_connect_is_handled_ends_the_connection() -> None:
    async def scene(scene: Scene) -> None:
        scene.accepts = False
        socket = await scene.joined()
        await scene.gate.message(socket, '2["signal",{}]')
        assert (scene.engine.done, socket.done) == (["0"], ["abort"])

    act(scene)


@pytest.mark.parametrize("packet", ["0", ""])
def test_second_connect_and_an_empty_packet_are_bad_packets(packet: str) -> None:
    async def scene(scene: Scene) -> None:
        socket = await scene.joined()
        await scene.gate.message(socket, packet)
        assert scene.rejections() == ["invalid-format"]
        assert (scene.engine.done, socket.done) == (["0"], [])

    act(scene)


def test_what_follows_a_goodbye_is_ignored() -> None:
    async def scene(scene: Scene) -> None:
        socket = await scene.joined()
        socket.closing = True
        await scene.gate.message(socket, '2["signal",{}]')
        assert (scene.engine.done, socket.done, scene.rejections()) == (["0"], [], [])

    act(scene)


@pytest.mark.parametrize("closed", [True, False])
def test_client_that_is_not_admitted_is_closed(
    monkeypatch: pytest.MonkeyPatch, closed: bool
) -> None:
    monkeypatch.setattr(gate_module, "FAREWELL", 0.0)

    async def scene(scene: Scene) -> None:
        scene.accepts = False
        socket = scene.open()
        socket.closed = closed
        await scene.gate.message(socket, "0")
        await asyncio.gather(*scene.background._tasks)
        assert socket.done == ([] if closed else ["drain", "hang up"])

    act(scene)


def test_client_that_ends_while_its_connect_is_handled_leaves_nothing() -> None:
    async def scene(scene: Scene) -> None:
        socket = scene.open()
        socket.closed = True
        await scene.gate.message(socket, "0")
        assert not scene.connections.by_sid
        assert not scene.relay.peers
        assert scene.engine.done == ["0", "remove client sid"]
        assert socket.done == ["abort"]

    act(scene)


def test_client_that_does_not_fetch_its_acks_is_closed() -> None:
    async def scene(scene: Scene) -> None:
        socket = await scene.joined()
        socket.waiting = Waiting(10**6, 0)
        await scene.gate.message(socket, '217["ice_servers"]')
        assert socket.done == ["abort"]

    act(scene)


@pytest.mark.parametrize(("packet", "acks"), [('51-["signal",{}]', 0), ('51-7["signal",{}]', 1)])
def test_rejection_is_told_and_answers_an_ack(packet: str, acks: int) -> None:
    async def scene(scene: Scene) -> None:
        socket = await scene.joined()
        scene.rejects_with(Rejection("binary-not-allowed", "text only"))
        await scene.gate.message(socket, packet)
        assert heard(socket)[:2] == ["welcome", "error"]
        assert [text[:3] for text in socket.written[2:]] == ["37["] * acks
        assert scene.rejections() == ["binary-not-allowed"]

    act(scene)


def test_rejection_of_a_client_that_is_not_there_is_told_to_nobody() -> None:
    async def scene(scene: Scene) -> None:
        socket = scene.open()
        scene.rejects_with(Rejection("invalid-data", "text"))
        await scene.gate.message(socket, "0")
        assert (socket.written, scene.facts) == ([], [])

    act(scene)


def test_crash_costs_its_connection(caplog: pytest.LogCaptureFixture) -> None:
    async def scene(scene: Scene) -> None:
        socket = scene.open()
        scene.engine.dispatch = crash
        await scene.gate.message(socket, "0")
        assert socket.done == ["abort"]

    with caplog.at_level(logging.ERROR):
        act(scene)
    assert "injected" in caplog.text


def test_too_many_bad_packets_end_the_connection() -> None:
    async def scene(scene: Scene) -> None:
        socket = await scene.joined()
        scene.rejects_with(BadPacket("malformed"))
        for done in ([], [], ["abort"]):
            await scene.gate.message(socket, "9")
            assert socket.done == done
        assert scene.rejections() == ["invalid-format"] * 3

    act(scene, bad_packets=2)


def test_bad_frame_before_connect_ends_the_connection() -> None:
    async def scene(scene: Scene) -> None:
        socket = scene.open()
        scene.gate.bad_packet(socket)
        assert (socket.done, scene.facts) == (["abort"], [])

    act(scene)


@pytest.mark.parametrize("joined", [True, False])
def test_client_with_a_bad_frame_is_closed_and_the_reason_recorded(joined: bool) -> None:
    async def scene(scene: Scene) -> None:
        socket = await scene.joined() if joined else scene.open()
        scene.gate.bad_frame(socket, BadFrame("rate-limited", "too many"))
        assert (socket.done, scene.rejections()) == (["abort"], ["rate-limited"])

    act(scene)


@pytest.mark.parametrize("namespace", ["/gcom", "//", "/a/b", "/*", "/" + "x" * 9999])
def test_connect_to_another_namespace_is_answered_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, namespace: str
) -> None:
    monkeypatch.setattr(gate_module, "FAREWELL", 0.0)

    async def scene(scene: Scene) -> None:
        socket = scene.open()
        await scene.gate.message(socket, f"0{namespace}?a=b,{{}}")
        (answer,) = socket.written
        assert answer.startswith(f'4{namespace},{{"message":"Invalid namespace {namespace[:64]}: ')
        (fact,) = scene.facts
        assert isinstance(fact, Refused)
        assert (fact.code, fact.address) == ("unknown-namespace", "192.0.2.1")
        assert namespace[:64] in fact.detail
        assert scene.engine.done == []
        while not scene.background._tasks:  # noqa: ASYNC110
            await asyncio.sleep(0)
        await asyncio.gather(*scene.background._tasks)
        assert socket.done == ["drain", "hang up"]

    act(scene)


def test_connect_to_another_namespace_leaves_the_client_of_this_one_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gate_module, "FAREWELL", 0.0)

    async def scene(scene: Scene) -> None:
        socket = scene.open()
        await scene.gate.message(socket, "0/other,")
        await scene.gate.message(socket, "0")
        await scene.gate.message(socket, "0/another")
        await asyncio.sleep(0.01)
        assert (socket.done, scene.rejections()) == ([], [])
        assert [text[:8] for text in socket.written] == ["4/other,", '2["welco', "4/anothe"]

    act(scene)


def test_connects_to_other_namespaces_are_limited() -> None:
    async def scene(scene: Scene) -> None:
        socket = scene.open()
        socket.allows = False
        await scene.gate.message(socket, "0/other,")
        assert (socket.written, socket.done) == ([], ["abort"])

    act(scene)


def test_client_that_has_ended_is_not_late() -> None:
    async def scene(scene: Scene) -> None:
        socket = scene.open()
        scene.gate.opened(socket, REQUEST)
        assert socket.frames is not None
        socket.closed = True
        await asyncio.sleep(0.05)
        assert (socket.done, scene.facts) == ([], [])

    act(scene, connect_deadline=0.01)


def test_connections_of_an_address_are_counted() -> None:
    async def scene(scene: Scene) -> None:
        socket = await scene.joined()
        scene.gate.opened(socket, REQUEST)
        assert scene.admission._by_address == {"192.0.2.1": 1}
        scene.gate.ended(socket.sid, "192.0.2.1")
        assert not scene.admission._by_address
        assert not scene.gate._greeted

    act(scene)


def test_connect_has_to_come_before_the_deadline() -> None:
    async def scene(scene: Scene) -> None:
        good, gone, late = scene.open("good"), scene.open("gone"), scene.open("late")
        for socket in (good, gone, late):
            scene.gate.opened(socket, REQUEST)
        await scene.gate.message(good, "0")
        del scene.engine.sockets["gone"]
        aborted = asyncio.Event()
        late.abort = aborted.set  # type: ignore[method-assign]
        await aborted.wait()
        assert (good.done, gone.done) == ([], [])
        assert scene.rejections() == ["invalid-format"]

    act(scene, connect_deadline=0.01)


def test_session_is_a_stranger_until_it_is_let_in_or_ends() -> None:
    async def scene(scene: Scene) -> None:
        socket = scene.open()
        scene.gate.opened(socket, REQUEST)
        assert socket.sid in scene.entrance
        await scene.gate.message(socket, "0")
        assert socket.sid not in scene.entrance
        other = scene.open("other")
        scene.gate.opened(other, REQUEST)
        scene.gate.ended("other", "192.0.2.1")
        assert len(scene.entrance) == 0

    act(scene)


def test_stranger_too_many_makes_the_oldest_session_go() -> None:
    async def scene(scene: Scene) -> None:
        sockets = [scene.open(name) for name in ("one", "two")]
        for socket in sockets:
            scene.gate.opened(socket, REQUEST)
        assert [socket.done for socket in sockets] == [["abort"], []]

    act(scene, strangers=1)


def test_bearer_of_a_token_in_the_url_is_no_stranger(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(scene: Scene) -> None:
        monkeypatch.setattr(scene.admission, "vouches", lambda query: query == "room=drone-1")
        socket = scene.open()
        scene.gate.opened(socket, REQUEST)
        assert socket.sid not in scene.entrance

    act(scene)


def test_session_that_has_made_its_handshake_is_not_silent() -> None:
    async def scene(scene: Scene) -> None:
        scene.entrance._clock = lambda: now
        now = 100.0
        closed: list[int] = []
        socket = scene.open()
        scene.gate.opened(socket, REQUEST)
        scene.entrance.add(1, "192.0.2.2", lambda: closed.append(1))
        now += GRACE
        scene.entrance.add(2, "192.0.2.2", lambda: closed.append(2))
        assert closed == [1], "the silent caller, though the session came first"
        assert socket.sid in scene.entrance

    act(scene, strangers=2)


def test_slow_path_of_a_crowd_waits_for_its_turn() -> None:
    async def scene(scene: Scene) -> None:
        socket = await scene.joined()
        scene.engine.done.clear()
        scene.relay.crowds.add("default")
        order = scene.engine.done
        scene.switchboard.act_later("default", lambda: order.append("before"))
        await scene.gate.message(socket, "2[]")
        assert order == ["before", "2[]"]

    act(scene)


def test_packet_of_a_client_that_ended_before_its_turn_is_dropped() -> None:
    async def scene(scene: Scene) -> None:
        socket = await scene.joined()
        scene.engine.done.clear()
        scene.relay.crowds.add("default")
        scene.switchboard.act_later("default", lambda: scene.handlers.disconnect("sid", ""))
        await scene.gate.message(socket, "2[]")
        assert (scene.engine.done, socket.done) == ([], [])

    act(scene)


def test_plain_signal_for_a_room_elsewhere_does_not_wait_for_its_answer() -> None:
    async def scene(scene: Scene) -> None:
        socket = await scene.joined()
        passed: list[str] = []
        door: Any = SimpleNamespace(
            signal=lambda connection, signal, ack: passed.append(f"{signal.type} {ack}")
        )
        scene.connections.by_sid["sid"].door = door
        await scene.gate.message(socket, '25["signal",{"type":"offer","data":{}}]')
        assert passed == ["offer 5"]
        await scene.gate.message(socket, '2["report",{}]')
        assert scene.engine.done == ["0", '2["report",{}]']

    act(scene)


@pytest.mark.parametrize("fast_path", [True, False])
def test_plain_signal_of_a_client_that_polls_needs_no_library(fast_path: bool) -> None:
    async def scene(scene: Scene) -> None:
        socket = await scene.joined()
        await scene.gate.message(socket, '27["signal",{"type":"offer","data":{}}]')
        dispatched = [] if fast_path else ['27["signal",{"type":"offer","data":{}}]']
        assert scene.engine.done == ["0", *dispatched]

    act(scene, fast_path=fast_path)
