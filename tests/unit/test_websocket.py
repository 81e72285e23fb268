from __future__ import annotations

import asyncio
from typing import Any, Awaitable, Callable

import pytest
from aiohttp import WSMessage, WSMsgType
from engineio import packet
from engineio.packet import Packet

from framing import frame
from signaling_server.background import Background
from signaling_server.core.protocol.limits import Budget
from signaling_server.transport.engine import websocket as websocket_module
from signaling_server.transport.engine.frames import WIDEST, text_frames
from signaling_server.transport.engine.serving import serve
from signaling_server.transport.engine.websocket import (
    ROOM_TO_WRITE,
    WebSocket,
    WebSocketOptions,
)
from signaling_server.transport.engine.write_batch import WriteBatch

SIGNAL = '42["signal",{}]'
ACKED = '427["signal",{}]'


class Queue:
    idle = True


class EngineSocket:
    """What a WebSocket uses of its engine.io socket."""

    def __init__(self) -> None:
        self.sid = "sid"
        self.queue = Queue()
        self.upgraded = True
        self.overdue = False
        self.heard_times = 0
        self.websocket: Any = None
        self.closed: list[dict[str, Any]] = []
        self.handled: list[Any] = []
        self.error: BaseException | None = None
        self.allows = True
        self.waiting: list[str] = []

    def wait(self, text: str) -> bool:
        self.waiting.append(text)
        return True

    def allow_frame(self) -> bool:
        return self.allows

    def heard(self) -> None:
        self.heard_times += 1

    async def close(self, **how: Any) -> None:
        self.closed.append(how)

    async def handler(self, websocket: WebSocket) -> None:
        self.handled.append(websocket)


class Server:
    max_http_buffer_size = 1000
    ping_timeout = 10


class Tcp:
    """A TCP connection."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.buffered = 0
        self.closing = self.aborted = False

    def get_write_buffer_size(self) -> int:
        return self.buffered

    def is_closing(self) -> bool:
        return self.closing

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def close(self) -> None:
        self.closing = True

    def abort(self) -> None:
        self.aborted = True


class Parser:
    def __init__(self) -> None:
        self.fed: list[bytes] = []

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        self.fed.append(data)
        return False, b""


class Protocol:
    def __init__(self) -> None:
        self._payload_parser: Any = Parser()
        self._message_tail = b""


class Request:
    def __init__(self) -> None:
        self.transport = Tcp()
        self.protocol = Protocol()


class Response:
    """aiohttp's WebSocketResponse, with the messages that will come."""

    made: dict[str, Any] = {}  # noqa: RUF012
    refuses: Exception | None = None

    def __init__(self, watch: Any, **options: Any) -> None:
        Response.made = options
        self.watch = watch
        self.messages: list[WSMessage] = []
        self.done: list[Any] = []
        self.error: BaseException | None = None
        self.serve: Any = None
        self.closing = False

    async def prepare(self, request: Any) -> None:
        tail, request.protocol._message_tail = request.protocol._message_tail, b""
        self.watch(request.protocol, tail)
        if self.refuses:
            raise self.refuses

    async def receive(self) -> WSMessage:
        return self.messages.pop(0)

    async def pong(self, data: bytes) -> None:
        if self.closing:
            raise ConnectionResetError("Cannot write to closing transport")
        self.done.append(f"pong {bytes(data)!r}")

    async def send_str(self, text: str) -> None:
        self.done.append(text)

    async def close(self) -> None:
        self.done.append("close")

    def exception(self) -> BaseException | None:
        return self.error


class Scene:
    """A WebSocket that is open once `open` is awaited."""

    def __init__(self, fast: bool = True) -> None:
        self.budget = Budget(10**6)
        self.batch = WriteBatch()
        self.bad: list[Any] = []
        self.relayed: list[tuple[str, str, str]] = []
        self.takes = True
        self.engine = EngineSocket()
        self.server = Server()
        self.request = Request()
        self.tcp = self.request.transport
        self.websocket = WebSocket(
            self.engine.handler,
            self.server,
            WebSocketOptions(
                self._relay if fast else None,
                self.bad.append,
                lambda socket, error: self.bad.append((socket, error.code)),
                self.budget,
                self.batch,
                Background().start,
            ),
        )
        self.held = asyncio.Event()

    def _relay(self, sid: str, argument: str, ack_id: str) -> bool:
        if self.takes:
            self.relayed.append((sid, argument, ack_id))
        return self.takes

    async def open(self) -> Response:
        """Open it, and keep it open."""
        opened = asyncio.Event()

        async def handler(websocket: WebSocket) -> None:
            opened.set()
            await self.held.wait()

        self.websocket._handler = handler
        environ = {"aiohttp.request": self.request, "HTTP_HOST": "drone"}
        self.environ = environ
        self.serving = asyncio.get_running_loop().create_task(self.websocket(environ))
        await opened.wait()
        response: Any = self.websocket._response
        return response  # type: ignore[no-any-return]

    async def close(self) -> None:
        self.held.set()
        await self.serving


@pytest.fixture(autouse=True)
def _response(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket_module, "StartedResponse", Response)
    monkeypatch.setattr(Response, "refuses", None)


def act(scene: Callable[[Scene], Awaitable[None]], **options: bool) -> None:
    async def play() -> None:
        await asyncio.wait_for(scene(Scene(**options)), 10)

    asyncio.run(play())


def text(data: str) -> WSMessage:
    return WSMessage(WSMsgType.TEXT, data, None)


def ends(kind: WSMsgType = WSMsgType.CLOSE) -> WSMessage:
    return WSMessage(kind, None, None)


def written(packet: str) -> bytes:
    return text_frames([f"4{packet}"])


# --- opening and ending ---------------------------------------------------------------------------


def test_open_websocket_is_known_to_its_socket_and_leaves_nothing_behind() -> None:
    async def scene(scene: Scene) -> None:
        response = await scene.open()
        assert scene.engine.websocket is scene.websocket
        assert list(scene.environ) == ["aiohttp.request"]
        assert Response.made == {"max_msg_size": 1000, "compress": False, "autoping": False}
        reader = scene.request.protocol._payload_parser
        reader.feed_data(b"\x81")
        assert scene.budget.used > 0
        try:
            raise ValueError("of the parser") from KeyError()
        except ValueError as error:
            response.error = error
        await scene.close()
        assert scene.engine.websocket is None
        assert scene.budget.used == 0
        assert response.error.__traceback__ is response.error.__context__ is None

    act(scene)


def test_websocket_without_an_error_ends_too() -> None:
    async def scene(scene: Scene) -> None:
        await scene.open()
        await scene.close()
        assert scene.engine.websocket is None

    act(scene)


@pytest.mark.parametrize("error", [ConnectionResetError(), ValueError("no key")])
def test_client_that_is_gone_at_the_handshake_ends_its_connection(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr(Response, "refuses", error)

    async def scene(scene: Scene) -> None:
        scene.request.protocol._message_tail = frame(b"40")
        answer = await scene.websocket({"aiohttp.request": scene.request})
        assert (answer.status, scene.budget.used) == (400, 0)
        assert scene.engine.closed == [{"wait": False, "abort": True}]
        assert scene.engine.handled == []
        scene.websocket.hang_up()
        scene.websocket.abort()

    act(scene)


def test_engine_io_sends_and_closes_through_aiohttp() -> None:
    async def scene(scene: Scene) -> None:
        response = await scene.open()
        await scene.websocket.send("2")
        await scene.websocket.close()
        assert response.done == ["2", "close"]
        await scene.close()

    act(scene)


def test_hang_up_writes_what_is_buffered_and_abort_does_not() -> None:
    async def scene(scene: Scene) -> None:
        await scene.open()
        scene.websocket.write("last")
        scene.websocket.hang_up()
        assert (scene.tcp.written, scene.tcp.closing) == ([written("last")], True)
        scene.websocket.abort()
        assert scene.tcp.aborted
        await scene.close()

    act(scene)


def test_websocket_that_serves_itself_stays_open_when_engine_io_returns() -> None:
    async def scene(scene: Scene) -> None:
        async def handler(websocket: WebSocket) -> None:
            websocket.serve_later()

        scene.websocket._handler = handler
        response: Any = await scene.websocket({"aiohttp.request": scene.request})
        assert scene.engine.websocket is scene.websocket
        assert response.serve.func is serve
        assert response.serve.args[:2] == (scene.engine, scene.websocket)
        scene.websocket.release()
        assert scene.engine.websocket is None

    act(scene)


# --- reading --------------------------------------------------------------------------------------


def test_packets_are_for_engine_io_and_signals_are_relayed() -> None:
    async def scene(scene: Scene) -> None:
        response = await scene.open()
        response.messages = [text(SIGNAL), text(ACKED), text("40")]
        assert await scene.websocket.wait() == "40"
        assert scene.relayed == [("sid", "{}", ""), ("sid", "{}", "7")]
        await scene.close()

    act(scene)


def test_signal_that_is_not_taken_is_for_engine_io() -> None:
    async def scene(scene: Scene) -> None:
        scene.takes = False
        response = await scene.open()
        response.messages = [text(SIGNAL)]
        assert await scene.websocket.wait() == SIGNAL
        await scene.close()

    act(scene)


def test_without_the_fast_path_a_signal_is_for_engine_io() -> None:
    async def scene(scene: Scene) -> None:
        response = await scene.open()
        response.messages = [text(SIGNAL)]
        assert await scene.websocket.wait() == SIGNAL
        assert scene.websocket.write("packet")
        assert scene.engine.waiting == ["packet"]
        await scene.close()

    act(scene, fast=False)


def test_what_is_no_packet_is_told_and_control_frames_are_answered() -> None:
    async def scene(scene: Scene) -> None:
        response = await scene.open()
        response.messages = [
            text("nonsense"),
            WSMessage(WSMsgType.PING, bytearray(b"are you there"), None),
            WSMessage(WSMsgType.PONG, bytearray(b""), None),
            WSMessage(WSMsgType.BINARY, b"an attachment", None),
            text("3"),
        ]
        assert await scene.websocket.wait() == "3"
        assert scene.bad == [scene.engine]
        assert response.done == ["pong b'are you there'"]
        await scene.close()

    act(scene)


def test_fast_path_waits_while_a_message_is_handled() -> None:
    async def scene(scene: Scene) -> None:
        response = await scene.open()
        reader = scene.request.protocol._payload_parser
        response.messages = [text("3")]
        await scene.websocket.wait()
        assert not reader.idle
        waiting = asyncio.get_running_loop().create_future()
        response.receive = lambda: waiting  # type: ignore[method-assign]
        next_one = asyncio.get_running_loop().create_task(scene.websocket.wait())
        await asyncio.sleep(0)
        assert reader.idle
        waiting.set_result(text("3"))
        assert await next_one == "3"
        await scene.close()

    act(scene)


@pytest.mark.parametrize("kind", [str, bytearray])
def test_bytes_of_any_message_count_until_it_is_taken(kind: type) -> None:
    async def scene(scene: Scene) -> None:
        response = await scene.open()
        reader = scene.request.protocol._payload_parser
        reader.feed_data(frame(b"12345", opcode=9 if kind is bytearray else 1))
        assert scene.budget.used > 0
        ping = WSMessage(WSMsgType.PING, bytearray(b"12345"), None)
        response.messages = [text("12345") if kind is str else ping, text("3")]
        await scene.websocket.wait()
        assert scene.budget.used == 0
        await scene.close()

    act(scene)


@pytest.mark.parametrize(
    ("kind", "overdue", "goodbye"),
    [
        (WSMsgType.CLOSE, False, True),
        (WSMsgType.CLOSE, True, False),
        (WSMsgType.CLOSED, False, False),
        (WSMsgType.ERROR, False, False),
    ],
)
def test_close_frame_is_a_goodbye_unless_it_follows_a_long_silence(
    kind: WSMsgType, overdue: bool, goodbye: bool
) -> None:
    async def scene(scene: Scene) -> None:
        response = await scene.open()
        scene.engine.overdue = overdue
        response.messages = [ends(kind)]
        assert await scene.websocket.wait() is None
        assert scene.websocket.goodbye is goodbye
        assert scene.engine.heard_times == goodbye, "a goodbye is a sign of life"
        await scene.close()

    act(scene)


def test_ping_that_comes_while_the_connection_closes_is_no_error() -> None:
    async def scene(scene: Scene) -> None:
        response = await scene.open()
        response.closing = True
        response.messages = [WSMessage(WSMsgType.PING, bytearray(b""), None), ends()]
        assert await scene.websocket.wait() is None
        assert response.done == []
        await scene.close()

    act(scene)


def test_websocket_that_ends_while_it_is_tried_is_an_error_for_engine_io() -> None:
    async def scene(scene: Scene) -> None:
        response = await scene.open()
        scene.engine.upgraded = False
        response.messages = [ends()]
        with pytest.raises(OSError, match="has ended"):
            await scene.websocket.wait()
        await scene.close()

    act(scene)


# --- writing --------------------------------------------------------------------------------------


def test_packets_of_one_batch_are_one_write() -> None:
    async def scene(scene: Scene) -> None:
        await scene.open()
        with scene.batch:
            assert not scene.websocket.write("one")
            assert not scene.websocket.write("zwölf")
            assert scene.tcp.written == []
        assert scene.tcp.written == [written("one") + written("zwölf")]
        scene.websocket.hang_up()
        assert len(scene.tcp.written) == 1
        await scene.close()

    act(scene)


def test_nothing_overtakes_the_queue_of_engine_io() -> None:
    async def scene(scene: Scene) -> None:
        await scene.open()
        scene.engine.queue.idle = False
        assert scene.websocket.write("packet")
        assert scene.engine.waiting == ["packet"]
        await scene.close()

    act(scene)


@pytest.mark.parametrize("buffered", ["by the system", "in the batch"])
def test_slow_client_is_for_the_queue(buffered: str) -> None:
    async def scene(scene: Scene) -> None:
        await scene.open()
        half = "x" * (ROOM_TO_WRITE // 2)
        with scene.batch:
            if buffered == "in the batch":
                assert not scene.websocket.write(half)
            else:
                scene.tcp.buffered = len(half)
            assert scene.websocket.write(half)
        assert scene.engine.waiting == [half]
        assert scene.websocket.write(half) is (buffered != "in the batch"), "it is flushed"
        await scene.close()

    act(scene)


def test_wide_characters_count_for_what_their_frame_may_take() -> None:
    async def scene(scene: Scene) -> None:
        await scene.open()
        fits = "x" * (ROOM_TO_WRITE // WIDEST)
        assert not scene.websocket.write(fits)
        assert scene.websocket.write("ü" + fits[1:])
        await scene.close()

    act(scene)


def test_connection_that_has_ended_is_not_written_to() -> None:
    async def scene(scene: Scene) -> None:
        await scene.open()
        await scene.close()
        assert scene.websocket.write("late")
        assert scene.engine.waiting == ["late"], "its socket drops it"
        assert scene.tcp.written == []

    act(scene)


def test_connection_that_closes_is_not_written_to() -> None:
    async def scene(scene: Scene) -> None:
        await scene.open()
        with scene.batch:
            scene.websocket.write("late")
            scene.tcp.closing = True
        assert scene.tcp.written == []
        await scene.close()

    act(scene)


def test_packets_of_engine_io_go_into_the_batch_too() -> None:
    async def scene(scene: Scene) -> None:
        await scene.open()
        with scene.batch:
            assert scene.websocket.write_packet(Packet(packet.PING))
            assert scene.websocket.write_packet(Packet(packet.NOOP))
            assert not scene.websocket.write("one")
            assert scene.websocket.write_packet(Packet(packet.MESSAGE, "zwölf"))
        assert scene.tcp.written == [b"\x81\x012\x81\x016" + written("one") + written("zwölf")]
        assert scene.websocket.write_packet(Packet(packet.PING))
        scene.websocket.hang_up()
        assert scene.tcp.written[1:] == [b"\x81\x012"]
        scene.tcp.buffered = ROOM_TO_WRITE
        assert scene.websocket.write_packet(Packet(packet.MESSAGE, "late"))
        assert scene.engine.waiting == ["late"]
        await scene.close()

    act(scene)


def test_what_aiohttp_writes_does_not_overtake_the_batch() -> None:
    async def scene(scene: Scene) -> None:
        response = await scene.open()
        scene.websocket.write("first")
        await scene.websocket.send("2")
        assert (scene.tcp.written, response.done) == ([written("first")], ["2"])
        scene.websocket.write("second")
        await scene.websocket.close()
        assert scene.tcp.written[1:] == [written("second")]
        await scene.close()

    act(scene)


# --- a new frame limit ----------------------------------------------------------------------------


def test_frames_that_came_with_the_handshake_pass_the_counter() -> None:
    async def scene(scene: Scene) -> None:
        whole = frame(b"40")
        scene.request.protocol._message_tail = whole[:3]
        await scene.open()
        reader = scene.request.protocol._payload_parser
        assert scene.budget.used > 0
        reader.feed_data(whole[3:])
        reader.taken()
        assert scene.budget.used == 0
        await scene.close()

    act(scene)


@pytest.mark.parametrize(
    ("data", "allows", "code"),
    [(b"\x81\x0240", True, "invalid-format"), (frame(b"", opcode=9), False, "rate-limited")],
)
def test_frame_without_a_mask_or_above_the_rate_is_reported(
    data: bytes, allows: bool, code: str
) -> None:
    async def scene(scene: Scene) -> None:
        await scene.open()
        scene.engine.allows = allows
        reader = scene.request.protocol._payload_parser
        assert reader.feed_data(data) == (True, b"")
        assert scene.bad == [(scene.engine, code)]
        await scene.close()

    act(scene)


def test_parser_is_renewed_when_the_frame_limit_has_changed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[int] = []

    def renewed(response: Any, parser: Parser, limit: int) -> Parser:
        made.append(limit)
        return parser

    monkeypatch.setattr(websocket_module, "renewed_parser", renewed)

    async def scene(scene: Scene) -> None:
        await scene.open()
        reader = scene.request.protocol._payload_parser
        for limit in (1000, 5000, 5000):
            scene.server.max_http_buffer_size = limit
            reader.idle = True
            reader.feed_data(frame(b"3"))
            reader.taken()
        assert made == [5000]
        await scene.close()

    act(scene)
