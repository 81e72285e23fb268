"""Every private name of a library that this program touches or replaces, in one table.

No other folder may touch one (ruff SLF001), with two exceptions that have a row here as well:
appliance/tls.py and cli/probe.py. `install` is called when the server is made, never at import.
"""

from __future__ import annotations

from asyncio.sslproto import SSLProtocol
from contextlib import suppress
from importlib import import_module
from typing import Any, Awaitable, Callable, NamedTuple

import aiohttp
from aiohttp import web
from engineio import async_socket, payload

from signaling_server.transport.engine.clock import use_monotonic_clock
from signaling_server.transport.engine.packets import MAX_PACKETS
from signaling_server.transport.engine.send_queue import SendQueue

TLS_RECORD = 2**14
"""Bytes of the longest TLS record (RFC 8446, section 5.1)."""


def find_unmask() -> Any:
    """aiohttp's compiled function that takes the mask off a frame; None: it has moved again."""
    for module, name in (
        ("aiohttp._websocket.helpers", "websocket_mask"),  # since aiohttp 3.11
        ("aiohttp.http_websocket", "_websocket_mask"),
    ):
        with suppress(ImportError, AttributeError):
            return getattr(import_module(module), name)
    return None


class Internal(NamedTuple):
    """One private name. `found` sees one of engine.io's sockets, made for the check."""

    name: str
    library: str
    purpose: str
    without: str
    found: Callable[[Any], bool] = lambda socket: True


SLOW = "signals take the slow path"
FAILS = "the server does not start, or no client can connect"

INTERNALS = (
    Internal(
        "websocket_mask",
        "aiohttp: _websocket.helpers since 3.11, http_websocket._websocket_mask before",
        "frames.py unmasks plain signals with the compiled function",
        SLOW,
        lambda socket: find_unmask() is not None,
    ),
    Internal(
        "RequestHandler._payload_parser",
        "aiohttp 3.8 to 3.14",
        "FrameReader takes the place of aiohttp's parser of frames",
        f"{SLOW}, and what aiohttp holds of a message does not count to limits.memory_bytes",
        lambda socket: hasattr(web.RequestHandler, "_payload_parser"),
    ),
    Internal(
        "WebSocketResponse._post_start; RequestHandler._message_tail",
        "aiohttp 3.8 to 3.14",
        "FrameReader takes the parser's place at once, and gets what came behind the handshake",
        f"{SLOW}, or a client that sends a frame with its handshake is cut off",
        lambda socket: (
            hasattr(web.WebSocketResponse, "_post_start")
            and hasattr(web.RequestHandler, "_message_tail")
        ),
    ),
    Internal(
        "WebSocketResponse._reader; WebSocketReader(queue, max_msg_size, ...)",
        "aiohttp 3.8 to 3.14; the argument decode_text since 3.14",
        "a new limits.message_bytes reaches WebSockets that are open (renewed_parser)",
        "they keep the frame limit that they were opened with",
    ),
    Internal(
        "RequestHandler.transport, ._parser, ._request_parser, ._messages; WebSocketResponse._req",
        "aiohttp 3.8 to 3.14; _request_parser before 3.14",
        "a WebSocket leaves its request, which aiohttp would keep (departure.py)",
        "an idle client takes a third more memory",
    ),
    Internal(
        "AsyncServer._async",
        "python-engineio 4.x",
        "engine.io makes the WebSocket of websocket.py, and reads the environ of polling.py",
        SLOW,
        lambda socket: callable(socket.server._async.get("websocket")),
    ),
    Internal(
        "AsyncSocket._websocket_handler",
        "python-engineio 4.x",
        "a bound method: a WebSocket finds its engine.io socket as __self__",
        SLOW,
        lambda socket: getattr(socket._websocket_handler, "__self__", None) is socket,
    ),
    Internal(
        "AsyncSocket.connected, .schedule_ping, .server.reason",
        "python-engineio 4.x",
        "a WebSocket is served by one loop, and PINGs need a timer and no task (serving.py)",
        SLOW,
        lambda socket: (
            not socket.connected
            and callable(socket.schedule_ping)
            and hasattr(socket.server.reason, "PING_TIMEOUT")
        ),
    ),
    Internal(
        "AsyncServer.create_queue",
        "python-engineio 4.x",
        "sockets get a SendQueue, which counts bytes; engine.io says `task_done` after each packet",
        SLOW,
        lambda socket: isinstance(getattr(socket, "queue", None), SendQueue),
    ),
    Internal(
        "AsyncSocket.upgraded, .closed, .closing",
        "python-engineio 4.x",
        "whether the client has a WebSocket, and whether it is still there",
        SLOW,
        lambda socket: not (socket.upgraded or socket.closed or socket.closing),
    ),
    Internal(
        "AsyncSocket.last_ping",
        "python-engineio 4.x",
        "a Close frame after a long silence is no goodbye (websocket.py)",
        SLOW,
        lambda socket: hasattr(socket, "last_ping"),
    ),
    Internal(
        "AsyncSocket.__class__",
        "python-engineio 4.x",
        "engine.io's socket becomes an EngineSocket when it opens (engine_socket.py)",
        FAILS,
    ),
    Internal(
        "AsyncServer.sockets, .handlers, .disconnect, .http_compression; "
        "AsyncSocket.handle_get_request",
        "python-engineio 4.x",
        "connections by id; the gate's callbacks come first; no detour for polls (long_polling.py)",
        FAILS,
    ),
    Internal(
        "AsyncServer.max_http_buffer_size",
        "python-engineio 4.x",
        "a reload changes it in the running server",
        "a reload of limits.message_bytes takes a restart",
    ),
    Internal(
        "async_socket.time, base_socket.time",
        "python-engineio 4.x",
        "pings are timed by the monotonic clock (clock.py)",
        "a jump of the wall clock ends every connection with an unanswered PING",
    ),
    Internal(
        "Payload.max_decode_packets",
        "python-engineio 4.x: 16",
        "a client may send a burst of candidates in one POST",
        "more than 16 packets in a POST end the connection",
    ),
    Internal(
        "AsyncServer.packet_class; Packet.decode",
        "python-socketio 5.x",
        "GuardedPacket refuses what no client sends (packets.py)",
        "attachments are collected without a bound",
    ),
    Internal(
        "AsyncServer.manager.eio_sid_from_sid, .basic_disconnect",
        "python-socketio 5.x",
        "which connection a CONNECT came over; the end of one that the library lost",
        FAILS,
    ),
    Internal(
        "AsyncManager.basic_disconnect, .basic_leave_room",
        "python-socketio 5.x",
        "a client that leaves takes the time of one client, not of all (clients.py)",
        "thousands that leave at once keep everybody waiting",
    ),
    Internal(
        "AsyncManager.callbacks, .pending_connect, .pending_disconnect",
        "python-socketio 5.x",
        "no trace of a client is left when it has gone (clients.py)",
        "clients cannot leave; their number grows until the limit is reached",
    ),
    Internal(
        "json.JSONDecoder.scan_once",
        "CPython 3.8 to 3.13",
        "packets.py finds where an event's name ends",
        FAILS,
    ),
    Internal(
        "asyncio.sslproto.SSLProtocol.max_size",
        "CPython 3.11 and newer: 256 KiB; older ones ignore it",
        "asyncio allocates this buffer for each TLS connection, from its handshake on",
        "1000 callers take 900 MB",
    ),
    Internal(
        "ssl._ssl._test_decode_cert",
        "CPython 3.8 to 3.13",
        "the standard library's one decoder of certificates (appliance/tls.py)",
        "a server with TLS does not start",
    ),
    Internal(
        "aiohttp.ClientWSTimeout",
        "aiohttp since 3.11; python-engineio's client needs it since 4.15",
        "the probe, a client, also runs with older ones such as Debian 12's (cli/probe.py)",
        "`hawkeye-signaling probe` fails there",
    ),
)


def missing_internals(eio: Any) -> list[str]:
    """The names of the rows that are looked for and not found, given engine.io's server."""
    try:
        socket = async_socket.AsyncSocket(eio, "check")
    except (AttributeError, TypeError) as error:
        return [str(error)]
    return [row.name for row in INTERNALS if not _finds(row, socket)]


def _finds(row: Internal, socket: Any) -> bool:
    try:
        return row.found(socket)
    except AttributeError:
        return False


def install() -> None:
    """Replace what the table says, for the whole process; again and again does no harm."""
    use_monotonic_clock()
    payload.Payload.max_decode_packets = MAX_PACKETS
    SSLProtocol.max_size = TLS_RECORD


def install_for_clients() -> None:
    """The same for a process that is a client."""
    # Before aiohttp 3.11 ws_connect takes the seconds themselves.
    vars(aiohttp).setdefault("ClientWSTimeout", lambda ws_close: ws_close)


class StartedResponse(web.WebSocketResponse):
    """Calls `watch(protocol, tail)` as soon as aiohttp's protocol has its parser of frames.

    `tail` came behind the handshake; aiohttp would feed it to the parser itself. Between then and
    the end of `prepare`, which may wait for a slow client, more can come.
    """

    def __init__(self, watch: Callable[[Any, bytes], None], **options: Any) -> None:
        super().__init__(**options)
        self._watch: Any = watch
        self.serve: Callable[[], Awaitable[None]] | None = None
        """What serves the WebSocket; None: that is done."""
        self._left = False

    def _post_start(self, request: Any, *rest: Any) -> None:
        tail = _take_tail(request.protocol)
        super()._post_start(request, *rest)
        watch, self._watch = self._watch, None  # leave no cycle
        watch(request.protocol, tail)

    def leave(self) -> None:
        """The handler returns, and the WebSocket stays (departure.py): end the request alone."""
        self._left = True
        self._req = None

    async def write_eof(self, data: bytes = b"") -> None:
        """Called by aiohttp when the handler has returned: closes a WebSocket that has not left.

        After a ConnectionError aiohttp takes no further request from the connection.
        """
        if self._left:
            raise ConnectionResetError("the WebSocket has left its request")
        await super().write_eof()


def _take_tail(protocol: Any) -> bytes:
    tail = bytes(getattr(protocol, "_message_tail", b""))
    if tail:
        protocol._message_tail = b""
    return tail


def renewed_parser(response: web.WebSocketResponse, parser: Any, frame_limit: int) -> Any:
    """A parser like aiohttp's `parser`, for messages of less than `frame_limit` bytes.

    aiohttp's compiled parser keeps its limit for life, so a new one takes its place. That works
    only between two frames and without compression, which has a state of its own. The parser
    itself comes back if aiohttp has changed.
    """
    queue = getattr(response, "_reader", None)
    if queue is None:
        return parser
    for options in ({"compress": False, "decode_text": True}, {"compress": False}):
        with suppress(TypeError):
            return type(parser)(queue, frame_limit, **options)
    return parser
