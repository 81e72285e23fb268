"""Callers that do not speak HTTP: the first bytes tell what they speak instead.

aiohttp answers them with a 400 that they do not understand. An operator who has forgotten a `proxy`
option or `http` for `https` needs a word of it in the log.
"""

from __future__ import annotations

from typing import Any, Callable

from aiohttp import web

from signaling_server.core.protocol.refusals import first_bytes

Report = Callable[[str, str], None]
"""Called with (code, address)."""


def watching(report: Report) -> type[web.RequestHandler]:
    """aiohttp's protocol, for a connection that has not begun.

    Give it as `__class__` to one that the server has made. It looks at the first bytes alone, and
    is aiohttp's own class from then on: it costs nothing for what comes later.
    """

    class Watching(web.RequestHandler):
        __slots__ = ()

        def data_received(self, data: bytes) -> None:
            self.__class__ = web.RequestHandler  # type: ignore[assignment]
            transport: Any = self.transport
            if transport is not None:
                code = first_bytes(data, tls=False)
                if code:
                    report(code, str((transport.get_extra_info("peername") or ("",))[0]))
                transport.set_protocol(self)  # uvloop keeps the method of before
            self.data_received(data)

    return Watching
