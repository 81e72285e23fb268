from __future__ import annotations

import asyncio
import gc
import weakref
from types import SimpleNamespace
from typing import Any, Awaitable, Callable, Coroutine

import pytest
from engineio import exceptions, packet

from signaling_server.background import Background
from signaling_server.core.protocol.limits import Budget
from signaling_server.transport.engine.send_queue import SendQueue
from signaling_server.transport.engine.serving import serve


class Socket:
    """What `serve` uses of engine.io's socket."""

    def __init__(self) -> None:
        self.sid = "sid"
        self.queue = SendQueue(Budget(10**6))
        self.server = SimpleNamespace(
            sockets={"sid": self}, reason=SimpleNamespace(TRANSPORT_CLOSE="transport close")
        )
        self.closed = False
        self.closes = True
        self.ended: list[dict[str, Any]] = []
        self.received: list[str] = []
        self.faults: dict[str, Exception] = {}

    async def receive(self, one: Any) -> None:
        text = one.encode()
        self.received.append(text)
        if text in self.faults:
            raise self.faults[text]

    async def close(self, **how: Any) -> None:
        self.ended.append(how)
        self.closed = self.closes


class WebSocket:
    """A WebSocket whose client says `texts`, and reads while `reads` is set."""

    def __init__(self, *texts: str) -> None:
        self.texts: asyncio.Queue[str | None] = asyncio.Queue()
        for text in texts:
            self.texts.put_nowait(text)
        self.reads = asyncio.Event()
        self.reads.set()
        self.done: list[str] = []
        self.gone = False

    async def wait(self) -> str | None:
        return await self.texts.get()

    def write_packet(self, one: Any) -> bool:
        if self.reads.is_set():
            self.done.append(one.encode())
        return self.reads.is_set()

    async def send(self, text: str) -> None:
        await self.reads.wait()
        if self.gone:
            raise ConnectionResetError
        self.done.append(text)

    async def close(self) -> None:
        self.done.append("close")

    def abort(self) -> None:
        self.done.append("abort")

    def release(self) -> None:
        self.done.append("release")

    def hang_up(self) -> None:
        self.done.append("hang up")


class Scene:
    def __init__(self) -> None:
        self.socket = Socket()
        self.websocket = WebSocket()
        self.background = Background()
        self.queue = self.socket.queue

    def serve(self) -> asyncio.Task[None]:
        one: Any = self.socket
        other: Any = self.websocket
        return asyncio.get_running_loop().create_task(serve(one, other, self.background.start))

    def hears(self, *texts: str | None) -> None:
        for text in texts:
            self.websocket.texts.put_nowait(text)

    def tell(self, *texts: str) -> None:
        for text in texts:
            self.queue.put_nowait(packet.Packet(packet.MESSAGE, text))


def act(scene: Callable[[Scene], Awaitable[None]]) -> None:
    async def play() -> None:
        one = Scene()
        await asyncio.wait_for(scene(one), 10)
        await one.background.cancel()

    asyncio.run(play())


async def until(condition: Callable[[], object]) -> None:
    while not condition():  # noqa: ASYNC110
        await asyncio.sleep(0)


def test_packets_of_the_client_are_received_until_it_ends() -> None:
    async def scene(scene: Scene) -> None:
        scene.hears("40", "3", None)
        await scene.serve()
        assert scene.socket.received == ["40", "3"]
        how = {"wait": False, "abort": True, "reason": "transport close"}
        assert scene.socket.ended == [how]
        assert scene.websocket.done == ["close", "release", "hang up"]
        assert scene.socket.server.sockets == {}
        assert not scene.queue.idle

    act(scene)


def test_socket_that_something_else_ends_is_left_to_it() -> None:
    async def scene(scene: Scene) -> None:
        scene.socket.closes = False
        scene.hears(None)
        await scene.serve()
        assert scene.socket.server.sockets == {"sid": scene.socket}

    act(scene)


def test_packet_that_fails_costs_only_itself(caplog: pytest.LogCaptureFixture) -> None:
    async def scene(scene: Scene) -> None:
        scene.socket.faults = {"6": exceptions.UnknownPacketError(), "41": ValueError("injected")}
        scene.hears("6", "41", "3", None)
        await scene.serve()
        assert scene.socket.received == ["6", "41", "3"]

    act(scene)
    assert [record.getMessage() for record in caplog.records] == ["a packet could not be handled"]


def test_nothing_is_read_when_the_socket_is_closed() -> None:
    async def scene(scene: Scene) -> None:
        scene.socket.faults = {"5": exceptions.SocketIsClosedError()}
        scene.hears("5", "3")
        await scene.serve()
        assert scene.socket.received == ["5"]
        assert scene.websocket.done == ["close", "release", "hang up"]

    act(scene)


def test_packets_are_written_at_once_and_in_order_whether_the_client_reads_or_not() -> None:
    async def scene(scene: Scene) -> None:
        scene.tell("before")
        serving = scene.serve()
        await until(lambda: scene.queue.idle)
        scene.tell("one")
        assert scene.websocket.done == ["4before", "4one"]
        scene.websocket.reads.clear()
        scene.tell("two", "three")
        assert not scene.queue.idle
        scene.websocket.reads.set()
        scene.tell("four")
        await until(lambda: scene.queue.idle)
        assert scene.websocket.done[2:] == ["4two", "4three", "4four"]
        scene.tell("five")
        assert scene.websocket.done[-1] == "4five"
        scene.hears(None)
        await serving

    act(scene)


def test_client_that_does_not_read_does_not_delay_the_end() -> None:
    async def scene(scene: Scene) -> None:
        scene.websocket.reads.clear()
        scene.tell("one")
        serving = scene.serve()
        await until(lambda: not scene.queue.qsize())
        scene.hears(None)
        await serving
        await until(lambda: not scene.background._tasks)
        assert scene.websocket.done == ["close", "release", "hang up"]

    act(scene)


def test_connection_that_breaks_while_it_is_written_to_is_aborted() -> None:
    async def scene(scene: Scene) -> None:
        scene.websocket.gone = True
        scene.tell("one")
        serving = scene.serve()
        await until(lambda: scene.websocket.done)
        assert scene.websocket.done == ["abort"]
        scene.hears(None)
        await serving

    act(scene)


def test_loop_that_is_cancelled_leaves_nothing_behind() -> None:
    async def scene(scene: Scene) -> None:
        serving = scene.serve()
        await until(lambda: scene.queue.idle)
        serving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await serving
        assert scene.websocket.done == ["release", "hang up"]
        assert len(scene.socket.ended) == 1
        assert scene.socket.server.sockets == {}

    act(scene)


def test_writer_that_has_written_everything_leaves_nothing_behind() -> None:
    writers: list[weakref.ref[Any]] = []

    async def scene(scene: Scene) -> None:
        start = scene.background.start

        def noted(work: Coroutine[Any, Any, None]) -> Any:
            task = start(work)
            writers.append(weakref.ref(task))
            return task

        scene.background.start = noted  # type: ignore[method-assign]
        scene.tell("one")
        serving = scene.serve()
        await until(lambda: scene.queue.idle)
        await until(lambda: not scene.background._tasks)
        gc.collect()
        assert [writer() for writer in writers] == [None]
        scene.hears(None)
        await serving

    act(scene)
