"""A WebSocket leaves the HTTP request that it began with.

Goal: an idle client should cost little memory. aiohttp keeps two tasks for a request, with all that
their call chains hold (the request, its headers, the middlewares), until its handler returns, and
with it an HTTP parser and a queue of further requests that never come.

Plan: the handler returns as soon as the WebSocket is open, and a task of ours serves the WebSocket
(serving.py) once aiohttp's have ended. aiohttp would end the TCP connection with them. It does not
while its protocol knows no transport, so the protocol gets its transport back after that. Until
then bytes that come wait in aiohttp's queue, as always while nobody takes them, and packets wait in
the SendQueue: nothing is written, because aiohttp takes a protocol without a transport for lost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable

from aiohttp import web

if TYPE_CHECKING:
    from signaling_server.transport.engine.internals import StartedResponse

NO_MESSAGES: tuple[()] = ()
"""In place of the queue of requests of a connection, which is a WebSocket now."""


def leave_request(
    request: web.Request, response: StartedResponse, serve: Callable[[], Any]
) -> bool:
    """Call it when the handler of an open WebSocket is about to return `response`; `serve` starts
    to serve it, later.

    False: `serve` will not be called, because the client is gone or aiohttp has changed.
    """
    protocol, task = request.protocol, request.task
    tcp: Any = getattr(protocol, "transport", None)
    if tcp is None or task is None:
        return False

    def left(task: Any) -> None:
        if not tcp.is_closing():
            protocol.transport = tcp
            _shed(protocol)
        serve()

    response.leave()
    protocol.transport = None
    task.add_done_callback(left)
    return True


def _shed(protocol: Any) -> None:
    """Drop what only HTTP requests need."""
    for parser in ("_parser", "_request_parser"):  # since aiohttp 3.14, and before
        if hasattr(protocol, parser):
            setattr(protocol, parser, None)
    if hasattr(protocol, "_messages"):
        protocol._messages = NO_MESSAGES
