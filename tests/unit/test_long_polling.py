from __future__ import annotations

import asyncio
from typing import Any, Awaitable, Callable

from engineio import packet

from signaling_server.transport.engine import long_polling
from signaling_server.transport.engine.engine_socket import EngineSocket
from unit.test_engine_socket import Server


class Scene(Server):
    """A server with one client that polls."""

    def __init__(self) -> None:
        super().__init__()
        self.ping_interval = 10.0
        self.heard: list[str] = []
        self.socket = self.open()
        self.socket.connected = True

    async def on_message(self, socket: Any, text: str) -> None:
        assert socket is self.socket
        self.heard.append(text)

    async def disconnect(self, sid: str) -> None:
        self.heard.append(f"disconnect {sid}")

    async def take(self, *packets: str) -> Any:
        return await long_polling.take(self.socket, packets, self.on_message)


def act(scene: Callable[[Scene], Awaitable[None]]) -> None:
    async def play() -> None:
        await asyncio.wait_for(scene(Scene()), 10)

    asyncio.run(play())


def test_client_polls_from_its_handshake_to_its_upgrade_or_end() -> None:
    async def scene(scene: Scene) -> None:
        socket: EngineSocket = scene.socket
        assert long_polling.polls(socket)
        for name, value in (("connected", False), ("upgraded", True), ("closed", True)):
            setattr(socket, name, value)
            assert not long_polling.polls(socket)
            setattr(socket, name, not value)

    act(scene)


def test_packets_are_taken_in_their_order_and_each_is_a_sign_of_life() -> None:
    async def scene(scene: Scene) -> None:
        calls: list[str] = []
        scene.socket.when_heard = lambda: calls.append("heard")
        scene.socket.last_ping = 1.0
        answer = await scene.take("40", "3", "42[]")
        assert (answer.status, answer.body, answer.content_type) == (200, b"OK", "text/plain")
        assert (scene.heard, calls) == (["0", "2[]"], ["heard"])
        assert scene.socket.last_ping is None, "the PONG has come"

    act(scene)


def test_packet_that_only_servers_send_ends_the_connection() -> None:
    async def scene(scene: Scene) -> None:
        answer = await scene.take("40", "6", "41")
        assert (answer.status, answer.body) == (400, b'"Bad Request"')
        assert scene.heard == ["0", "disconnect sid"]

    act(scene)


def test_poll_gets_all_that_waits_in_one_answer() -> None:
    async def scene(scene: Scene) -> None:
        scene.socket.write("2[1]")
        scene.socket.write("2[2]")
        answer = await long_polling.give(scene.socket)
        assert (answer.status, answer.body) == (200, b"42[1]\x1e42[2]")

    act(scene)


def test_poll_waits_for_what_comes() -> None:
    async def scene(scene: Scene) -> None:
        poll = asyncio.get_running_loop().create_task(long_polling.give(scene.socket))
        await asyncio.sleep(0)
        assert not poll.done()
        scene.socket.write("2[1]")
        assert (await poll).body == b"42[1]"

    act(scene)


def test_poll_during_an_upgrade_is_answered_at_once() -> None:
    async def scene(scene: Scene) -> None:
        scene.socket.upgrading = True
        assert (await long_polling.give(scene.socket)).body == b"6"

    act(scene)


def test_poll_without_an_answer_ends_the_connection() -> None:
    async def scene(scene: Scene) -> None:
        scene.ping_interval = scene.ping_timeout = 0
        answer = await long_polling.give(scene.socket)
        assert answer.status == 400
        assert (scene.socket.closed, scene.sockets) == (True, {})

    act(scene)


def test_last_poll_of_a_connection_removes_it() -> None:
    async def scene(scene: Scene) -> None:
        scene.socket.closed = True
        scene.socket.queue.put_nowait(packet.Packet(packet.CLOSE))
        assert (await long_polling.give(scene.socket)).body == b"1"
        assert scene.sockets == {}

    act(scene)
