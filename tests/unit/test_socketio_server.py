from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, Awaitable, Callable

import pytest
from aiohttp.test_utils import make_mocked_request

from signaling_server.core.config.live import Settings
from signaling_server.core.config.load import Loaded
from signaling_server.core.config.schema import Config, LimitsSettings, SocketIOSettings
from signaling_server.core.protocol.auth import Tokens
from signaling_server.core.protocol.limits import Budget
from signaling_server.transport.engine import socketio_server
from signaling_server.transport.engine.engine_socket import EngineSocket
from signaling_server.transport.engine.socketio_server import (
    ConnectError,
    SocketIOServer,
    largest_frame,
)

TOKENS = Tokens([], released=0.0)
REQUEST = SimpleNamespace(remote="192.0.2.1")


class Callbacks:
    """A gate and handlers that note what they hear."""

    def __init__(self) -> None:
        self.heard: list[Any] = []
        self.error: ConnectError | None = None
        self.events = {"signal": self.signal}

    def opened(self, socket: Any, request: Any) -> None:
        self.heard.append(("opened", socket.sid, type(socket), request))

    def ended(self, engine_sid: str, address: str) -> None:
        self.heard.append(("ended", engine_sid, address))

    async def message(self, socket: Any, packet: str) -> None:
        self.heard.append(("message", socket.sid, packet))

    def bad_packet(self, socket: Any) -> None:
        self.heard.append(("bad packet", socket.sid))

    def bad_frame(self, socket: Any, error: Any) -> None:
        self.heard.append(("bad frame", socket.sid, error.code))

    def unknown(self, event: str, sid: str, text: str) -> dict[str, Any]:
        return {"unknown": [event, text]}

    async def connect(self, sid: str, socket: Any, request: Any, auth: Any) -> ConnectError | None:
        self.heard.append(("connect", socket.sid, request, auth))
        return self.error

    def disconnect(self, sid: str, reason: str) -> None:
        self.heard.append(("disconnect", reason))

    def signal(self, sid: str, text: str) -> dict[str, Any]:
        return {"ok": True}

    def relay_signal(self, engine_sid: str, argument: str, ack_id: str) -> bool:
        return True


class Scene:
    """A server of the library, and one connection of it."""

    def __init__(self, config: Config | None = None, tokens: Tokens | None = None) -> None:
        self.settings = Settings(Loaded(config or Config(), {}, tokens))
        self.server = SocketIOServer(self.settings, Budget(10**6))
        self.callbacks = Callbacks()
        self.eio: Any = self.server._eio
        self.server.attach(self.callbacks, self.callbacks)

    async def open(self) -> EngineSocket:
        sample = socketio_server.EngineSocket(self.eio, "engine-sid")
        sample.__class__ = sample.__class__.__base__
        self.eio.sockets["engine-sid"] = sample
        environ = {"aiohttp.request": REQUEST, "HTTP_HOST": "drone"}
        await self.eio.handlers["connect"]("engine-sid", environ)
        socket: Any = self.server.sockets["engine-sid"]
        return socket  # type: ignore[no-any-return]


def act(scene: Callable[[Scene], Awaitable[None]], **made: Any) -> None:
    async def play() -> None:
        await asyncio.wait_for(scene(Scene(**made)), 10)

    asyncio.run(play())


def heard(scene: Scene) -> list[str]:
    return [what for what, *_ in scene.callbacks.heard]


def test_connection_is_told_from_its_beginning_to_its_end() -> None:
    async def scene(scene: Scene) -> None:
        socket = await scene.open()
        assert scene.callbacks.heard == [("opened", "engine-sid", EngineSocket, REQUEST)]
        await scene.eio.handlers["message"]("engine-sid", "0")
        assert scene.callbacks.heard[1] == ("message", "engine-sid", "0")
        await scene.eio.handlers["disconnect"]("engine-sid", "transport close")
        assert scene.callbacks.heard[2] == ("ended", "engine-sid", "192.0.2.1")
        assert socket.queue.dropped
        assert not scene.server._sio.environ

    act(scene)


@pytest.mark.parametrize(
    ("reason", "done"),
    [
        ("client disconnect", ["hang up"]),
        ("ping timeout", ["abort"]),
        ("transport close", []),
    ],
)
def test_websocket_is_closed_after_the_goodbye_of_engine_io(reason: str, done: list[str]) -> None:
    async def scene(scene: Scene) -> None:
        socket = await scene.open()
        ended: list[str] = []
        socket.hang_up = lambda: ended.append("hang up")  # type: ignore[method-assign]
        socket.abort = lambda: ended.append("abort")  # type: ignore[method-assign]
        await scene.eio.handlers["disconnect"]("engine-sid", reason)
        assert ended == done

    act(scene)


def test_event_that_nobody_knows_is_answered_too() -> None:
    async def scene(scene: Scene) -> None:
        socket = await scene.open()
        await scene.server.dispatch("engine-sid", "0")
        await scene.server.dispatch("engine-sid", '27["offer",{"sdp":""}]')
        packets = [socket.queue.get_nowait().data for _ in range(socket.queue.qsize())]
        assert packets[-1] == """37[{"unknown":["offer","{\\"sdp\\":\\"\\"}"]}]"""

    act(scene)


def test_connection_that_is_gone_already_is_told_too() -> None:
    async def scene(scene: Scene) -> None:
        await scene.open()
        scene.server.remove_socket("engine-sid")
        scene.server.remove_socket("engine-sid")
        await scene.eio.handlers["message"]("engine-sid", "0")
        await scene.eio.handlers["disconnect"]("engine-sid", "transport close")
        assert heard(scene) == ["opened", "ended"]

    act(scene)


def test_client_connects_and_disconnects() -> None:
    async def scene(scene: Scene) -> None:
        socket = await scene.open()
        await scene.server.dispatch("engine-sid", '0{"name":"node"}')
        assert scene.callbacks.heard[1] == ("connect", "engine-sid", REQUEST, {"name": "node"})
        packets = [socket.queue.get_nowait().encode() for _ in range(socket.queue.qsize())]
        assert packets[0].startswith('40{"sid":')
        assert scene.server._sio.environ["engine-sid"] == {"REMOTE_ADDR": "192.0.2.1"}
        await scene.server.dispatch("engine-sid", '27["signal",{}]')
        assert socket.queue.get_nowait().encode() == '437[{"ok":true}]'
        sid = scene.server._sio.manager.sid_from_eio_sid("engine-sid", "/")
        await scene.server.disconnect(sid)
        assert socket.queue.get_nowait().encode() == "41"
        assert scene.callbacks.heard[2] == ("disconnect", "server disconnect")
        await scene.server.disconnect("of nobody")

    act(scene)


@pytest.mark.parametrize(
    ("error", "packet"),
    [
        (ConnectError("no token", {"a": 1}), '44{"message":"no token","data":{"a":1}}'),
        (ConnectError("internal error"), '44{"message":"internal error"}'),
    ],
)
def test_connect_error_refuses_the_client(error: ConnectError, packet: str) -> None:
    async def scene(scene: Scene) -> None:
        socket = await scene.open()
        scene.callbacks.error = error
        await scene.server.dispatch("engine-sid", "0")
        assert socket.queue.get_nowait().encode() == packet
        assert not scene.server._sio.manager.rooms

    act(scene)


def test_request_of_the_path_is_for_the_library() -> None:
    async def scene(scene: Scene) -> None:
        request = make_mocked_request("OPTIONS", "/socket.io/?EIO=4&transport=polling")
        assert (await scene.server.handle_request(request)).status == 200
        answer = await scene.server.handle_request(make_mocked_request("GET", "/socket.io/"))
        assert answer.status == 400

    act(scene)


def established(scene: Scene, socket: EngineSocket) -> Any:
    """A request of a client that polls and has made its handshake."""
    socket.connected = True
    request: Any = make_mocked_request("POST", "/socket.io/?EIO=4&transport=polling&sid=engine-sid")
    return request


def test_requests_of_a_client_that_polls_take_no_detour() -> None:
    async def scene(scene: Scene) -> None:
        socket = await scene.open()
        request = established(scene, socket)
        scene.server._sio.handle_request = None
        answer: Any = await scene.server.handle_post(request, socket, ["40", "42[]"])
        assert (answer.status, answer.body) == (200, b"OK")
        assert scene.callbacks.heard[1:] == [
            ("message", "engine-sid", "0"),
            ("message", "engine-sid", "2[]"),
        ]
        socket.write("2[1]")
        answer = await scene.server.handle_poll(request, socket)
        assert (answer.status, answer.body) == (200, b"42[1]")

    act(scene)


@pytest.mark.parametrize("why", ["compressed", "not connected", "upgraded"])
def test_other_requests_of_a_client_are_for_the_library(why: str) -> None:
    asked: list[Any] = []

    async def scene(scene: Scene) -> None:
        socket = await scene.open()
        request = established(scene, socket)
        socket.connected = why != "not connected"
        socket.upgraded = why == "upgraded"

        async def handle_request(*arguments: Any) -> Any:
            asked.append(arguments)
            return SimpleNamespace()

        scene.server._sio.handle_request = handle_request
        await scene.server.handle_post(request, socket, ["40"])
        await scene.server.handle_poll(request, socket)
        assert asked == [(request, ["40"]), (request, ())]

    act(scene, config=Config(socketio=SocketIOSettings(compression=why == "compressed")))


@pytest.mark.parametrize("leaves", [True, False])
def test_websocket_is_served_when_the_library_has_returned_its_response(
    monkeypatch: pytest.MonkeyPatch, leaves: bool
) -> None:
    served: list[Any] = []

    async def scene(scene: Scene) -> None:
        response = SimpleNamespace()

        async def serve() -> None:
            served.append(response.serve)

        async def handle_request(*arguments: Any) -> Any:
            response.serve = serve
            return response

        monkeypatch.setattr(scene.server._sio, "handle_request", handle_request)
        later: list[Callable[[], Any]] = []

        def leave_request(request: Any, response: Any, start: Callable[[], Any]) -> bool:
            later.append(start)
            return leaves

        monkeypatch.setattr(socketio_server, "leave_request", leave_request)
        request = make_mocked_request("GET", "/socket.io/")
        answer: Any = await scene.server.handle_request(request)
        assert answer is response
        assert bool(served) is not leaves
        if leaves:
            later[0]()
            await asyncio.sleep(0)

    act(scene)
    assert served == [None], "once, and without a cycle"


def test_client_that_the_library_lost_can_be_removed() -> None:
    async def scene(scene: Scene) -> None:
        await scene.open()
        await scene.server.dispatch("engine-sid", "0")
        manager = scene.server._sio.manager
        scene.server.remove_client(manager.sid_from_eio_sid("engine-sid", "/"))
        assert not manager.rooms

    act(scene)


def test_server_is_configured_from_the_settings() -> None:
    options = SocketIOSettings(
        ping_interval=3,
        ping_timeout=4,
        transports=("websocket",),
    )

    async def scene(scene: Scene) -> None:
        assert scene.server.patience == 7
        assert scene.eio.transports == ["websocket"]
        assert scene.eio.cors_allowed_origins == [], "origins are judged before (web/callers.py)"
        await scene.server.shutdown()

    act(scene, config=Config(socketio=options))


@pytest.mark.parametrize(("message_bytes", "largest"), [(1, 10**6), (10**6, 4 * 10**6)])
def test_largest_frame_is_well_above_the_limit_on_a_signal(
    message_bytes: int, largest: int
) -> None:
    assert largest_frame(LimitsSettings(message_bytes=message_bytes)) == largest


def test_frame_limit_follows_the_settings() -> None:
    async def scene(scene: Scene) -> None:
        assert scene.server.frame_limit == scene.eio.max_http_buffer_size == 4 * 262144
        limits = LimitsSettings(message_bytes=10**6)
        scene.settings.replace(Loaded(Config(limits=limits), {}))
        assert scene.server.frame_limit == scene.eio.max_http_buffer_size == 4 * 10**6

    act(scene)


@pytest.mark.parametrize("fast_path", [True, False])
def test_fast_path_can_be_switched_off(fast_path: bool) -> None:
    async def scene(scene: Scene) -> None:
        options = scene.eio._async["websocket"].keywords["options"]
        assert (options.relay_signal is not None) is fast_path
        assert options.on_bad_message == scene.callbacks.bad_packet

    act(scene, config=Config(socketio=SocketIOSettings(fast_path=fast_path)))


def test_library_that_has_changed_disables_the_fast_path(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(socketio_server, "missing_internals", lambda eio: ["something"])

    async def scene(scene: Scene) -> None:
        assert scene.eio._async["websocket"].keywords["options"].relay_signal is None

    act(scene)
    assert "fast path disabled" in caplog.text
    assert "(something)" in caplog.text
