"""`POST /api/pair`: a device trades its pairing code for a token of its own.

A POST, after a press on the page: the previews of a chat fetch links, and would use up the code.
"""

from __future__ import annotations

import json
from typing import Any, Awaitable, Callable

from aiohttp import web

from signaling_server.core.protocol.pairing_code import Paired
from signaling_server.errors import PairingError, Rejection
from signaling_server.web.api import NO_STORE

MOST_BYTES = 1024


def routes(
    exchange: Callable[[str], Awaitable[Paired]],
    wrong: Callable[[web.Request, Rejection], Awaitable[None]],
    is_present: Callable[[str | None, str], bool],
) -> list[web.RouteDef]:
    """The route. `wrong` is awaited for a code that is not valid, and takes its time.

    `is_present(room, name)`: whether a client with the name is in the room; None: the default one.
    """

    async def pair(request: web.Request) -> web.Response:
        code = await _code(request)
        try:
            paired = await exchange(code)
        except Rejection as rejection:
            await wrong(request, rejection)
            advice = "make another: hawkeye-signaling pair"
            return _answer({"error": f"{rejection.message}: {advice}"}, 403)
        except PairingError as error:
            return _answer({"error": str(error)}, 409)
        grant = paired.grant
        room = grant.rooms[0] if grant.rooms else None
        body = {"token": paired.token, "id": grant.id, "name": grant.name, "room": room}
        return _answer({**body, "present": is_present(room, grant.name)})

    return [web.post("/api/pair", pair)]


async def _code(request: web.Request) -> str:
    """The code of `{"code": ...}`; raises HTTPBadRequest."""
    body = await request.content.read(MOST_BYTES)
    while len(body) < MOST_BYTES and not request.content.at_eof():
        body += await request.content.read(MOST_BYTES - len(body))
    try:
        code = json.loads(body)["code"]
    except (ValueError, LookupError, TypeError):
        code = None
    if not isinstance(code, str):
        raise web.HTTPBadRequest(text='the body must be {"code": "..."}')
    return code


def _answer(body: dict[str, Any], status: int = 200) -> web.Response:
    return web.json_response(body, status=status, headers=NO_STORE)
