"""One WebSocket, served from its beginning to its end, in place of engine.io's own loop.

Goal: an idle client should cost little memory. engine.io has three tasks for each (one waits for a
message, one for a packet to write, one for the end of both), with a timer for each, and keeps the
call chain of the handshake as long as the connection lives.

Plan: the WebSocket is opened inside of engine.io, which returns at once; then `serve` waits for
messages in the task of the request. What engine.io and python-socketio queue is written into the
write batch at once (`SendQueue.write_through`). A task that writes exists only while a client does
not read. engine.io's PINGs find out that a client is gone, and `SocketIOServer` ends it then: here
nothing waits with a timeout.

A client that polls first and upgrades is served by engine.io's loop, as is every client without the
fast path.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Callable, Coroutine

from engineio import exceptions, packet

if TYPE_CHECKING:
    from signaling_server.transport.engine.engine_socket import EngineSocket
    from signaling_server.transport.engine.send_queue import SendQueue
    from signaling_server.transport.engine.websocket import WebSocket

log = logging.getLogger(__name__)

Start = Callable[[Coroutine[Any, Any, None]], Any]
"""Starts a background task, an asyncio.Task."""


async def serve(socket: EngineSocket, websocket: WebSocket, start: Start) -> None:
    """Serve an open WebSocket until it ends."""
    queue = socket.queue
    writers: list[Any] = []

    def write_later() -> None:
        writer = start(write_waiting(queue, websocket))
        writers.append(writer)
        writer.add_done_callback(writers.remove)

    try:
        queue.write_through(websocket.write_packet, write_later)
        await _read(socket, websocket)
        await websocket.close()
    finally:
        queue.write_through(None, None)
        for writer in writers:
            writer.cancel()
        reason = socket.server.reason.TRANSPORT_CLOSE
        await socket.close(wait=False, abort=True, reason=reason)
        websocket.release()
        websocket.hang_up()  # aiohttp does not, of one that has left its request
        if socket.closed:  # not, if another end of it is under way: that one removes it
            socket.server.sockets.pop(socket.sid, None)


async def _read(socket: EngineSocket, websocket: WebSocket) -> None:
    """Hand engine.io what comes. It never sees what is no packet (websocket.py)."""
    while True:
        text = await websocket.wait()
        if text is None:
            return
        try:
            await socket.receive(packet.Packet(encoded_packet=text))
        except exceptions.UnknownPacketError:
            pass  # of a kind that only servers send
        except exceptions.SocketIsClosedError:
            return
        except Exception:
            log.exception("a packet could not be handled")


async def write_waiting(queue: SendQueue, websocket: WebSocket) -> None:
    """Write what waits, as fast as the client reads."""
    try:
        for batch in iter(queue.next_batch, []):
            for one in batch:
                await websocket.send(one.encode())
    except (ConnectionError, RuntimeError):  # it is closed
        websocket.abort()
