"""The same relay on python-socketio as one would write it.

usage: plain_relay.py [--redis URL] PORT [CERTIFICATE KEY]
--redis: several hosts, by its AsyncRedisManager.
"""

from __future__ import annotations

import ssl
import sys
from typing import Any
from urllib.parse import parse_qs

import socketio
from aiohttp import web

words = sys.argv[1:]
redis = words[1] if words[0] == "--redis" else ""
manager = {"client_manager": socketio.AsyncRedisManager(redis)} if redis else {}
sio = socketio.AsyncServer(async_mode="aiohttp", cors_allowed_origins="*", **manager)
rooms: dict[str, str] = {}


@sio.event
async def connect(sid: str, environ: dict[str, Any], auth: object = None) -> None:
    """Put a client into the room that its URL names."""
    rooms[sid] = parse_qs(environ["QUERY_STRING"]).get("room", ["default"])[0]
    await sio.enter_room(sid, rooms[sid])


@sio.event
async def signal(sid: str, message: dict[str, Any]) -> dict[str, object]:
    """Pass a signal on with its sender."""
    to = message.get("to") or rooms[sid]
    await sio.emit("signal", {**message, "from": sid}, to=to, skip_sid=sid)
    return {"ok": True, "delivered": 1, "held": False}


port, *pem = words[2:] if redis else words
secure = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH) if pem else None
if secure:
    secure.load_cert_chain(*pem)
app = web.Application()
sio.attach(app)
web.run_app(
    app,
    host="127.0.0.1",
    port=int(port),
    ssl_context=secure,
    backlog=4096,
    print=None,
    access_log=None,
)
