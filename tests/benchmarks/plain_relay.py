"""The same relay on python-socketio as one would write it. usage: plain_relay.py PORT"""

import sys
from urllib.parse import parse_qs

import socketio
from aiohttp import web

sio = socketio.AsyncServer(async_mode="aiohttp", cors_allowed_origins="*")
rooms = {}


@sio.event
async def connect(sid, environ):
    rooms[sid] = parse_qs(environ["QUERY_STRING"]).get("room", ["default"])[0]
    await sio.enter_room(sid, rooms[sid])


@sio.event
async def signal(sid, message):
    to = message.get("to") or rooms[sid]
    await sio.emit("signal", {**message, "from": sid}, to=to, skip_sid=sid)


app = web.Application()
sio.attach(app)
web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), backlog=4096, print=None, access_log=None)
