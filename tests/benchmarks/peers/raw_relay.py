"""The floor: a WebSocket relay on aiohttp and nothing else.

usage: raw_relay.py PORT [CERTIFICATE KEY]
"""

from __future__ import annotations

import ssl
import sys
from collections import defaultdict

import uvloop
from aiohttp import WSMsgType, web

rooms: defaultdict[str, set[web.WebSocketResponse]] = defaultdict(set)


async def relay(request: web.Request) -> web.WebSocketResponse:
    """Pass each text on to all others in the room; no Socket.IO, no checks, no `from`."""
    socket = web.WebSocketResponse(compress=False)
    await socket.prepare(request)
    room = rooms[request.query.get("room", "default")]
    room.add(socket)
    async for message in socket:
        if message.type is WSMsgType.TEXT:
            for other in room:
                if other is not socket:
                    await other.send_str(message.data)
    room.discard(socket)
    return socket


port, *pem = sys.argv[1:]
secure = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH) if pem else None
if secure:
    secure.load_cert_chain(*pem)
uvloop.install()
app = web.Application()
app.router.add_get("/", relay)
web.run_app(
    app,
    host="127.0.0.1",
    port=int(port),
    ssl_context=secure,
    backlog=4096,
    print=None,
    access_log=None,
)
