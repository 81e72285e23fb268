"""The requests of a client that polls and is established, as engine.io 4.x serves them.

engine.io itself makes an environ of each request, parses its query once more and checks what the
endpoint has checked: that costs more than to relay the signal. It still serves handshakes, upgrades
and whatever is wrong.
"""

from __future__ import annotations

from typing import Awaitable, Callable, Sequence

from aiohttp import web
from engineio import exceptions, packet

from signaling_server.transport.engine.engine_socket import EngineSocket
from signaling_server.transport.engine.polling import MESSAGE, SEPARATOR
from signaling_server.transport.engine.socket import ClientSocket

_TEXT = {"Content-Type": "text/plain; charset=UTF-8"}
"""With it and a body, aiohttp neither parses nor guesses a type."""

OnMessage = Callable[[ClientSocket, str], Awaitable[None]]
"""Takes a Socket.IO packet."""


def polls(socket: EngineSocket) -> bool:
    """Whether the client is established, and has not upgraded."""
    return socket.connected and not (socket.upgraded or socket.closed)


async def take(socket: EngineSocket, packets: Sequence[str], on_message: OnMessage) -> web.Response:
    """The answer to a POST of these packets (polling.read_body), in their order."""
    try:
        for text in packets:
            if text[0] == MESSAGE:
                socket.heard()
                await on_message(socket, text[1:])
            else:
                await socket.receive(packet.Packet(encoded_packet=text))
    except exceptions.EngineIOError:
        return await _bad_request(socket)
    return web.Response(body=b"OK", headers=_TEXT)


async def give(socket: EngineSocket) -> web.Response:
    """The answer to a GET: what waits for the client, or what comes first."""
    try:
        packets = await socket.handle_get_request({})
    except exceptions.EngineIOError:
        return await _bad_request(socket)
    finally:
        if socket.closed:
            socket.server.sockets.pop(socket.sid, None)
    payload = SEPARATOR.join(one.encode(b64=True) for one in packets)
    return web.Response(body=payload.encode(), headers=_TEXT)


async def _bad_request(socket: EngineSocket) -> web.Response:
    """End the connection, and say so."""
    await socket.server.disconnect(socket.sid)
    return web.Response(text='"Bad Request"', status=400)
